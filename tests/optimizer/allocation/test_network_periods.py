"""Flows by period: season, stock built ahead, what each period is short of, and the referee."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from network_worlds import hand_made, random_network, seasonal_network, supplied, with_weeks

from optimizer.allocation.network import design as whole
from optimizer.allocation.network.decompose import _Search
from optimizer.allocation.network.design import Terms, design
from optimizer.allocation.network.effort import Effort
from optimizer.allocation.network.groups import Groups
from optimizer.allocation.network.layout import read_network
from optimizer.allocation.network.model import build
from optimizer.audit.network import check
from optimizer.engines.linear import solve_linear
from optimizer.outcome import Limits, Status
from optimizer.pipeline import plan
from optimizer.plan import Plan
from scenarios import InputError, Scenario

WAIT = 2.0 * 0.25 / 365.0 * 7.0  # money of holding a unit of tea for a week
THIRD_WEEK = "2026-10-26"


def designed(scenario: Scenario, periods: str = "bucket", **options: str) -> Plan:
    """Plan the network alone, by period."""
    wishes = {**options, **({"periods": periods} if periods else {})}
    return plan(scenario, ["network"], work=10.0, options=wishes or None)


def objective(made: Plan) -> float:
    """Return the certificate's objective."""
    return float(made.table("certificates")["objective"].iloc[0])


def least_cost(scenario: Scenario, periods: str = "bucket") -> float:
    """Return the proven least cost of the redesign, without tables and referee."""
    _, redesign = design(read_network(scenario, periods), Terms(), Limits(work=10.0))
    assert redesign.outcome.status == Status.OPTIMAL
    assert redesign.outcome.objective is not None
    return redesign.outcome.objective


def season(*weeks: float) -> dict[str, list[float]]:
    """Return demand of NORTH alone, week by week."""
    return {"NORTH": list(weeks)}


def test_stock_is_built_ahead_of_a_peak() -> None:
    """100 a week come, 20, 60 and 200 are wanted: 60 wait after the first week, 100 after the
    second. OLD alone: fixed 21, transport 280, goods 560, stock 160 x 2 x 25 % x 7 / 365.
    """
    made = designed(with_weeks(supplied(100.0), season(20, 60, 200)))
    stock = made.table("network_stock")
    assert stock["qty"].tolist() == pytest.approx([60.0, 100.0])
    assert objective(made) == pytest.approx(21 + 280 + 560 + 160 * WAIT)
    assert made.kpi("stock", "network objective") == pytest.approx(160 * WAIT)
    row = made.table("certificates").iloc[0]
    assert (row["status"], bool(row["audited"])) == ("optimal", True)


def test_over_the_whole_horizon_the_peak_is_not_seen() -> None:
    """The same as one period: 300 come, 280 are wanted, nothing waits and no bucket is stated."""
    made = designed(with_weeks(supplied(100.0), season(20, 60, 200)), periods="")
    assert objective(made) == pytest.approx(21 + 280 + 560)
    assert made.table("flows")["bucket"].isna().all()


def test_flows_say_in_which_period_they_move() -> None:
    """What the zone gets each week is what it wants that week."""
    made = designed(with_weeks(supplied(100.0), season(20, 60, 200)))
    flows = made.table("flows")
    served = flows[flows["destination_id"] == "NORTH"].sort_values("bucket")
    assert served["qty"].tolist() == pytest.approx([20.0, 60.0, 200.0])
    assert [str(day.date()) for day in served["bucket"]] == ["2026-10-12", "2026-10-19", THIRD_WEEK]


def test_a_peak_at_the_dock_opens_a_second_site() -> None:
    """OLD ships 140 a week; 240 in the third need NEW: 100 x 4; on average OLD would do."""
    peaky = with_weeks(hand_made(outbound=20.0), season(20, 50, 240))
    steady, by_week = designed(peaky, periods=""), designed(peaky)
    assert objective(steady) == pytest.approx(21 + 310)
    # both open: 21 + 42 + 3 weeks of opening, 210 x 1 + 100 x 4
    assert objective(by_week) == pytest.approx(21 + 42 + 4.2 + 210 + 400)
    assert by_week.table("network").set_index("site_id").loc["OLD", "utilisation"] == 1.0


def test_the_period_that_is_short_is_named_with_what_is_missing() -> None:
    """Both sites ship 280 a week: of 400 in the third week 120 are left, 120 / 7 a day missing."""
    made = designed(with_weeks(hand_made(outbound=20.0), season(20, 50, 400)))
    unserved = made.table("unserved")
    assert unserved["id"].tolist() == [f"TEA@NORTH/{THIRD_WEEK}"]
    assert unserved["qty"].sum() == pytest.approx(120.0)
    assert f"of the period from {THIRD_WEEK} at least 120" in unserved["detail"].iloc[0]
    assert f"from {THIRD_WEEK}: 17.1429 more units a day" in unserved["cheapest_relaxation"].iloc[0]
    told = f"The period from {THIRD_WEEK} (7 days) is short of 120 units at least, whatever the"
    assert any(note.startswith(told) for note in made.notes["network"])


def test_goods_do_not_wait_longer_than_they_keep() -> None:
    """100 a week; what comes in one week keeps to the end of the next: of 300 in the third week
    200 are served. Goods that keep for three weeks serve all.
    """
    wanted = season(0, 0, 300)
    left = [
        designed(with_weeks(supplied(100.0, life), wanted)).kpi("unserved", "redesign")
        for life in (14.0, 21.0)
    ]
    assert left == pytest.approx([100.0, 0.0])


def test_oldest_goods_leave_first() -> None:
    """With 14 days of life the first week's surplus serves the second, whose goods wait."""
    made = designed(with_weeks(supplied(100.0, 14.0), season(20, 60, 200)))
    assert objective(made) == pytest.approx(21 + 280 + 560 + 160 * WAIT)


def test_goods_wait_only_where_stock_is_kept() -> None:
    """A cross-dock keeps nothing: of 200 in the third week 100 are left."""
    world = with_weeks(supplied(100.0), season(20, 60, 200))
    docks = world.table("sites").assign(kind="cross_dock")
    made = designed(Scenario(world.settings, {**world.tables, "sites": docks}))
    assert made.kpi("unserved", "redesign") == pytest.approx(100.0)
    assert not len(made.table("network_stock"))


def test_stock_that_waits_takes_storage() -> None:
    """0.6 m3 hold 60 units of 0.01: of 100 that should wait after the second week 60 do."""
    world = with_weeks(supplied(100.0), season(20, 60, 200))
    sites = world.table("sites").assign(storage_m3=[0.6, 0.0])
    made = designed(Scenario(world.settings, {**world.tables, "sites": sites}))
    assert made.table("network_stock")["qty"].max() == pytest.approx(60.0)
    assert made.kpi("unserved", "redesign") == pytest.approx(40.0)


def test_offers_hold_in_the_periods_in_which_they_are_valid() -> None:
    """An offer that ends after the first week serves the later ones out of stock alone."""
    world = with_weeks(supplied(100.0), season(20, 60, 0))
    offers = world.table("supplier_products").assign(valid_to=pd.Timestamp("2026-10-18"))
    made = designed(Scenario(world.settings, {**world.tables, "supplier_products": offers}))
    bought = made.table("flows").query("origin_id == 'GARDEN'")
    assert bought["qty"].tolist() == pytest.approx([80.0])
    assert made.table("network_stock")["qty"].tolist() == pytest.approx([60.0])


def test_months_have_days_of_their_own() -> None:
    """Buckets of weeks from 12 October: three begin in October, one in November."""
    network = read_network(with_weeks(hand_made(outbound=1.0), season(1, 1, 1, 5)), "month")
    assert network.periods.days.tolist() == [21, 7]
    assert network.demand[0].tolist() == [3.0, 5.0]


def test_history_is_spread_evenly_and_says_so() -> None:
    """28 units in one week of history: two weeks of 28, and a note that no season is known."""
    world = with_weeks(hand_made(), season(1, 1))
    sold = pd.DataFrame(
        {"date": pd.to_datetime(["2026-10-05"]), "product_id": ["TEA"], "location_id": ["NORTH"],
         "qty": [28.0]}
    )  # fmt: skip
    tables = {name: table for name, table in world.tables.items() if name != "forecasts"}
    network = read_network(Scenario(world.settings, {**tables, "demand_history": sold}), "bucket")
    assert network.demand[0].tolist() == [28.0, 28.0]
    assert any(note.startswith("It is spread evenly") for note in network.notes)


def test_an_unknown_period_is_refused() -> None:
    """The message lists what is allowed."""
    with pytest.raises(InputError, match="bucket, month, quarter, not 'moon'"):
        designed(hand_made(), periods="moon")


@pytest.mark.parametrize("seed", [1])
def test_one_period_is_the_design_without_periods(seed: int) -> None:
    """Two weeks of October by month: the same sites, flows, costs and bound, bit by bit."""
    scenario = random_network(seed)
    plain, by_month = designed(scenario, periods=""), designed(scenario, periods="month")
    for column in ("objective", "bound"):
        one, other = (made.table("certificates")[column].iloc[0] for made in (plain, by_month))
        assert one == other
    assert plain.table("network").equals(by_month.table("network"))
    one, other = (made.table("flows").drop(columns="bucket") for made in (plain, by_month))
    assert one.equals(other)


@pytest.mark.parametrize("seed", [1])
def test_demand_split_evenly_costs_the_same(seed: int) -> None:
    """Two equal weeks, each with half of every capacity, cost what both together do."""
    scenario = random_network(seed)
    assert least_cost(scenario) == pytest.approx(least_cost(scenario, ""), rel=1e-6)


@pytest.mark.parametrize("seed", [1])
def test_more_waiting_never_costs_more(seed: int) -> None:
    """No waiting, a week, two weeks, and two weeks at no holding cost: never dearer; and never
    cheaper than the horizon as one period.
    """
    base = seasonal_network(seed)
    facts = {name: table for name, table in base.tables.items() if name != "inventory"}
    costs = []
    for life, rate in ((7.0, 25.0), (14.0, 25.0), (21.0, 25.0), (21.0, 0.0)):
        changed = base.settings.model_copy(update={"holding_rate_pct_per_year": rate})
        products = base.table("products").assign(shelf_life_days=life)
        costs.append(least_cost(Scenario(changed, {**facts, "products": products})))
    slack = 1e-6 * costs[0]
    assert all(later <= earlier + slack for earlier, later in pairwise(costs))
    assert costs[0] > costs[3] + slack  # the seasons do bind
    assert least_cost(Scenario(base.settings, facts), "") <= costs[3] + slack


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.slow
def test_by_product_group_the_same_optimum(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cuts over periods meet at the cost of the whole problem, and the referee passes it."""
    scenario = seasonal_network(seed)
    together = least_cost(scenario)
    monkeypatch.setattr(whole, "MOST_WHOLE", 0)
    made = designed(scenario).table("certificates").iloc[0]
    assert made["objective"] == pytest.approx(together, rel=1e-6)
    assert made["status"] == "optimal"


def test_flips_find_a_better_set_than_the_one_given() -> None:
    """From all sites open, closing those that do not pay ends at the best set of sites."""
    model = build(read_network(seasonal_network(3), "bucket"))
    search = _Search(model, None, Effort(Limits(work=30.0)), today=False)
    search._ship(np.ones(len(model.y), bool), len(model.y))
    first = search.cost
    search._flip()
    best = solve_linear(model.problem, Limits()).objective
    assert best is not None
    assert best * (1.0 - 1e-6) <= search.cost < first


def test_by_product_group_goods_that_spoil_are_kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows on age are not in the cuts, yet what is shipped keeps them."""
    world = with_weeks(supplied(100.0, 14.0), season(0, 0, 300))
    monkeypatch.setattr(whole, "MOST_WHOLE", 0)
    assert designed(world).kpi("unserved", "redesign") == pytest.approx(100.0)


@pytest.mark.parametrize("seed", [1])
def test_no_cut_over_periods_is_above_the_cost_of_any_set_of_sites(seed: int) -> None:
    """Cuts at random points and prices stay below the linear programme of random sets."""
    model = build(read_network(seasonal_network(seed), "bucket"))
    groups = Groups(model, 0)
    rng = np.random.default_rng(seed)
    flows_only = replace(model.problem, cost=model.problem.cost.copy(), offset=0.0)
    flows_only.cost[: int(model.x.min())] = 0.0
    sets = rng.integers(0, 2, (3, len(model.y))).astype(np.float64)
    costs = []
    for is_open in sets:
        lower, upper = flows_only.lower.copy(), flows_only.upper.copy()
        lower[model.y] = upper[model.y] = is_open
        fixed = replace(flows_only.relaxed(), lower=lower, upper=upper)
        costs.append(solve_linear(fixed, Limits()).objective)
    for _ in range(10):
        price = rng.uniform(0.0, 3.0, len(groups.room)) * rng.integers(0, 2, len(groups.room))
        cut = groups.cut(rng.uniform(0.0, 1.0, len(model.y)).round(1), price)
        for is_open, cost in zip(sets, costs, strict=True):
            assert cost is not None
            assert cut.at(is_open) <= cost * (1.0 + 1e-9)


def test_one_source_serves_a_place_in_every_period() -> None:
    """With 20 a day, NORTH (20, 50, 120) goes to one site for all weeks when asked."""
    world = with_weeks(hand_made(outbound=20.0), {"NORTH": [20, 50, 120], "SOUTH": [90, 30, 130]})
    flows = designed(world, single_source="yes").table("flows")
    assert (flows.groupby("destination_id")["origin_id"].nunique() == 1).all()


def test_futures_have_seasons_of_their_own() -> None:
    """Peaks in the first or the last week: worst cost by period, audited, in each future."""
    base = supplied(100.0)
    rows = [
        {"product_id": "TEA", "location_id": "NORTH", "demand_case": case, "qty": qty,
         "bucket": pd.Timestamp("2026-10-12") + pd.Timedelta(weeks=week)}
        for case, units in (("early", (150, 20, 20)), ("late", (20, 20, 200)))
        for week, qty in enumerate(units)
    ]  # fmt: skip
    world = Scenario(
        base.settings.model_copy(update={"horizon_buckets": 3}),
        {
            **base.tables,
            "forecasts": pd.DataFrame(rows),
            "demand_cases": pd.DataFrame(
                {"demand_case": ["early", "late"], "probability": [0.5, 0.5]}
            ),
        },
    )
    made = designed(world, measure="worst")
    # early: 50 of 150 cannot be there in the first week, 50 x 100 of penalty
    assert objective(made) == pytest.approx(21 + 3 * 140 + 50 * 100.0)
    unserved = made.table("unserved")
    assert unserved["id"].tolist() == ["TEA@NORTH/early/2026-10-12"]
    assert set(made.table("network_stock")["demand_case"]) == {"late"}


@pytest.fixture(scope="module")
def waiting() -> tuple[Scenario, dict[str, pd.DataFrame]]:
    """A plan with stock that waits, and its scenario."""
    world = with_weeks(supplied(100.0, 21.0), season(20, 60, 200))
    return world, dict(designed(world).tables)


def broken(
    waiting: tuple[Scenario, dict[str, pd.DataFrame]],
    world: Scenario | None = None,
    **tables: object,
) -> set[str]:
    """Return the rules that changed tables break."""
    scenario, plain = waiting
    report = check(world or scenario, {**plain, **tables}, periods="bucket")  # type: ignore[dict-item]
    return {violation.code for violation in report.violations}


def test_the_referee_follows_the_stock(
    waiting: tuple[Scenario, dict[str, pd.DataFrame]],
) -> None:
    """Goods bought a week after they left: out of balance though the totals agree."""
    flows = waiting[1]["flows"].sort_values("bucket")
    bought = flows["origin_id"] == "GARDEN"
    assert flows.loc[bought, "qty"].tolist() == pytest.approx([80.0, 100.0, 100.0])
    flows.loc[bought, "qty"] = [1.0, 100.0, 179.0]
    assert broken(waiting, flows=flows) >= {"does_not_balance", "above_supplier_capacity"}


def test_the_referee_reads_the_stated_stock(
    waiting: tuple[Scenario, dict[str, pd.DataFrame]],
) -> None:
    """Another quantity, another cost, a row that is missing, and a bucket that is none."""
    stock = waiting[1]["network_stock"]
    assert "stock_differs" in broken(waiting, network_stock=stock.assign(qty=stock["qty"] + 1.0))
    assert "cost_differs" in broken(waiting, network_stock=stock.assign(cost=stock["cost"] + 1.0))
    assert "stock_differs" in broken(waiting, network_stock=stock.iloc[:1])
    assert "stock_differs" in broken(waiting, network_stock=stock.iloc[:0])
    early = stock.assign(bucket=stock["bucket"] - pd.Timedelta(days=1))
    assert "unknown_period" in broken(waiting, network_stock=early)


def test_the_referee_knows_where_and_how_long_goods_may_wait(
    waiting: tuple[Scenario, dict[str, pd.DataFrame]],
) -> None:
    """Cross-docks keep nothing, goods of 7 days wait for no later week, shelves are full."""
    scenario = waiting[0]
    sites, products = scenario.table("sites"), scenario.table("products")

    def world(**tables: pd.DataFrame) -> Scenario:
        return Scenario(scenario.settings, {**scenario.tables, **tables})

    docks = world(sites=sites.assign(kind="cross_dock"))
    assert "stock_where_none_may_wait" in broken(waiting, docks)
    fresh = world(products=products.assign(shelf_life_days=7.0))
    assert "stock_too_old" in broken(waiting, fresh)
    tight = world(sites=sites.assign(storage_m3=0.6))
    assert "above_storage" in broken(waiting, tight)


def test_the_referee_holds_capacities_in_each_period() -> None:
    """A design over the horizon ships 240 from OLD in a week that has room for 140."""
    peaky = with_weeks(hand_made(outbound=20.0), season(20, 50, 240))
    tables = dict(designed(peaky, periods="").tables)
    units = np.array([20.0, 50.0, 240.0])
    tables["flows"] = (
        tables["flows"]
        .iloc[[0, 0, 0]]
        .assign(
            qty=units,
            cost=units,
            g_co2e=10.5 * units,
            bucket=pd.date_range("2026-10-12", periods=3, freq="7D"),
        )
    )
    codes = {violation.code for violation in check(peaky, tables, periods="bucket").violations}
    assert codes == {"above_outbound"}
    codes = {violation.code for violation in check(peaky, tables).violations}
    assert "unknown_period" in codes
