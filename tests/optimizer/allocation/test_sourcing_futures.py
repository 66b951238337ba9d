"""Online stock prices: what is left, played against drawn futures."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.allocation.sourcing import futures_compiled
from optimizer.allocation.sourcing.arrivals import Arrivals, expected_arrivals
from optimizer.allocation.sourcing.desk import Desk
from optimizer.allocation.sourcing.online import decide
from optimizer.allocation.sourcing.online_orders import OnlineLine, OnlineOrder

from .conftest import START

MORNING = START.to_pydatetime()


def play(stock, zones, cost, penalty):
    """Return the money of one future, customers in turn taking the cheapest unit."""
    left, money = list(stock), 0.0
    for zone in zones:
        for site in np.argsort(cost[zone], kind="stable").tolist():
            if cost[zone, site] < penalty and left[site] >= 1.0:
                left[site] -= 1.0
                money += cost[zone, site]
                break
        else:
            money += penalty
    return money


def cheapest_first(cost):
    """Return sites by cost, zone by zone."""
    return np.argsort(cost, axis=1, kind="stable")


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), sites=st.integers(1, 4), now=st.sampled_from([0.0, 0.4]))
def test_a_unit_is_worth_what_the_futures_cost_more_without_it(seed, sites, now):
    """Moving holes give the same as playing every future again with a unit less."""
    rng = np.random.default_rng(seed)
    cost = rng.uniform(1.0, 9.0, (3, sites))
    cost[rng.random(cost.shape) < 0.2] = np.inf
    stock = rng.integers(0, 4, sites).astype(float)
    count = rng.integers(0, 9, 2)
    first = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    at, zone = rng.random(first[-1]), rng.integers(0, 3, first[-1])
    value = np.zeros(sites)
    futures_compiled.worth(stock, now, first, at, zone, cost, cheapest_first(cost), 7.0, value)
    for site in range(sites):
        less = stock - (np.arange(sites) == site)
        extra = 0.0
        for future in range(2):
            mine = slice(first[future], first[future + 1])
            coming = zone[mine][at[mine] > now].tolist()
            extra += play(less, coming, cost, 7.0) - play(stock, coming, cost, 7.0)
        assert np.isclose(value[site], extra / 2.0 if stock[site] >= 1.0 else 0.0)


def two_zones(tables):
    """A near Z (5) and Y (5), B near Z alone (6; 20 to Y): one P at each."""
    rows = tables()
    rows["zones"].append({"zone_id": "Y", "name": "Y"})
    rate = rows["carrier_rates"][0]
    rows["carrier_rates"] = [
        rate | {"origin": site, "destination": zone, "base": base}
        for site, zone, base in (
            ("A", "Z", 5.0),
            ("A", "Y", 5.0),
            ("B", "Z", 6.0),
            ("B", "Y", 20.0),
        )
    ]
    rows["inventory"] = [
        {"site_id": site, "product_id": "P", "on_hand": 1.0} for site in ("A", "B")
    ]
    return rows


def coming(lines, zone="Y"):
    """So many lines of P from a zone in the first day."""
    frame = pd.DataFrame({"product_id": ["P"], "zone_id": [zone], "lines": [lines]})
    return Arrivals(frame, MORNING, MORNING + dt.timedelta(days=1), 1.0)


def ask(placed_at=MORNING):
    """One P to Z."""
    return OnlineOrder("N", "Z", placed_at, (OnlineLine("1", "P", 1.0),))


def test_a_unit_that_others_will_need_is_left_to_them(tables, scenario):
    """Y will surely want the unit at A (15 dearer from B), so Z gets that of B for 1 more."""
    facts = scenario(two_zones(tables))
    assert decide(Desk(facts, {}), ask()).parcels[0].site_id == "A"
    decision = decide(Desk(facts, {}, coming(20.0)), ask())
    assert (decision.parcels[0].site_id, decision.extra_cost) == ("B", -1.0)
    assert decision.binding["rule"] == "price of stock"


def test_at_the_end_of_the_span_nobody_is_waited_for(tables, scenario):
    """When the day is over the cheapest site ships."""
    desk = Desk(scenario(two_zones(tables)), {}, coming(20.0))
    late = ask(MORNING + dt.timedelta(days=1))
    assert decide(desk, late).parcels[0].site_id == "A"


def test_values_depend_on_what_is_left_alone(tables, scenario):
    """A desk that has decided before, and one that has not, price the same stock alike."""
    facts = scenario(two_zones(tables))
    one, two = Desk(facts, {}, coming(3.0)), Desk(facts, {}, coming(3.0))
    for _ in range(3):
        decide(one, ask())
    first, second = decide(one, ask()), decide(two, ask())
    assert (first.priced, first.parcels) == (second.priced, second.parcels)


def test_arrivals_are_forecasts_of_zones_in_lines(tables, scenario):
    """7 units of the first day at 2 units a line are 3.5 lines; the 0.9 quantile is no mean."""
    rows = tables()
    rows["order_lines"][0]["qty"] = 2.0
    rows["forecasts"] = [
        {"product_id": "P", "location_id": "Z", "bucket": START, "qty": 7.0, "quantile": None},
        {"product_id": "P", "location_id": "Z", "bucket": START, "qty": 9.0, "quantile": 0.9},
    ]
    found = expected_arrivals(scenario(rows))
    assert found.lines.to_dict("records") == [{"product_id": "P", "zone_id": "Z", "lines": 3.5}]


def test_arrivals_fall_back_to_history(tables, scenario):
    """112 units in 56 days of history are 2 a day; what is older does not count."""
    rows = tables()
    rows["demand_history"] = [
        {
            "product_id": "P",
            "location_id": "Z",
            "date": START - pd.Timedelta(days=days),
            "qty": 112.0,
        }
        for days in (1, 57)
    ]
    assert expected_arrivals(scenario(rows)).lines["lines"].tolist() == [2.0]


def test_without_demand_by_zone_nobody_is_expected(tables, scenario):
    """Neither forecasts nor history: the batch's prices count."""
    assert expected_arrivals(scenario(tables())) is None
