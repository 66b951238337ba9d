"""Costs, recovery and intervals by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from plain_worlds import one_site
from scipy import stats

from scenarios import EngineError, InputError
from simulation.daily import DAILY
from simulation.days import working_days
from simulation.experiment import Case, Setup, longest_lanes, run_cases
from simulation.facts import OrderBook
from simulation.intervals import estimate, one_sided
from simulation.kernels import rows as at
from simulation.kpis import KPIS, ORDER_KPIS, daily_service, measure
from simulation.ledger import Record
from simulation.policies import order_up_to_policy
from simulation.state import check_conservation, fresh_state
from simulation.world import Batch, Freight


def quiet(**changes):
    """Return a site without demand and one dated order of 100 units on day 2, 4 days under way."""
    policy = order_up_to_policy(np.array([0], np.int32))
    table = np.full(1024, 4, np.int32)
    world = one_site(
        policy, 0.0, opening=10, leads=table, n_ticks=10, lost=True, holding=0.5, shortage=3.0
    )
    order = Batch(2, np.array([0]), np.array([100], np.int32))
    lane = replace(
        world.lanes[0], orders=(order,), price=np.array([7.0]), kg=np.array([2.0]),
        m3=np.array([0.01]), **changes,
    )  # fmt: skip
    return replace(world, lanes=(lane,))


def test_an_order_arrives_after_its_lead_time():
    """Placed on day 2, four days under way: 10 units are held for 6 days, then 110 for 4."""
    world = quiet()
    record = run_cases(world, [Case("calm")], Setup(2, 1))["calm"]
    assert record.site_rows[0, at.ON_HAND].tolist() == [6 * 10 + 4 * 110] * 2
    held = measure(world, record, record, ())["cost_holding", "all"]
    np.testing.assert_allclose(held, 0.5 * (6 * 10 + 4 * 110))


def test_freight_adds_up_by_hand():
    """200 kg in loads of 90 kg are three shipments; every term is charged."""
    freight = Freight(11.0, 0.3, 5.0, 0.02, shipment_kg=90.0, order_cost=40.0)
    record = run_cases(quiet(freight=freight), [Case("calm")], Setup(1, 1))["calm"]
    assert record.transport[0] == pytest.approx(3 * 11 + 200 * 0.3 + 1.0 * 5 + 100 * 0.02)
    assert record.ordering[0] == pytest.approx(40.0)
    assert record.purchase[0] == pytest.approx(700.0)
    assert record.departures.tolist() == [[100]]


def test_unsound_units_are_paid_and_do_not_arrive():
    """Of 100 units with a sound share of three quarters 75 arrive, and nothing stays on order."""
    lane = {"accepted": np.array([49152], np.int32)}
    record = run_cases(quiet(**lane), [Case("calm")], Setup(1, 1))["calm"]
    assert record.site_rows[0, at.RECEIVED].tolist() == [75]
    assert record.purchase[0] == pytest.approx(700.0)


def curve(served, onset=2):
    """Return a record of one replication with a demand of 100 a day."""
    served = np.array(served, np.int64)[:, None]
    zeros = np.zeros(1)
    return Record(
        np.full_like(served, 100), served, np.zeros((1, at.SITE_ROWS, 1), np.int64),
        np.zeros((1, 1), np.int64), np.zeros((1, 1), np.int64), zeros, zeros, zeros,
        np.zeros((1, 1), np.int64), np.array([onset]), np.zeros_like(served),
        np.zeros_like(served), np.zeros((1, 1), np.int64), zeros,
        np.zeros((len(DAILY), len(served), 1)), np.zeros((6, 1), np.int64),
        np.zeros((0, 2, 1), np.int64), np.zeros((0, 1), np.int64),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("served", "days", "lasting"),
    [
        ([100, 100, 100, 100, 100, 100, 100, 100, 100, 100], 0, 0),
        ([100, 100, 50, 50, 100, 100, 100, 100, 100, 100], 2, 0),
        ([100, 100, 100, 50, 100, 50, 100, 100, 100, 100], 4, 0),
        ([100, 100, 96, 96, 96, 96, 96, 96, 96, 96], 0, 0),
        ([100, 100, 100, 50, 50, 50, 50, 50, 50, 50], 8, 1),
    ],
)
def test_recovery_counts_from_the_strike_to_three_good_days(served, days, lasting):
    """Recovery is the first of three days in a row above 95 % of the same days undisturbed."""
    world = quiet()
    values = measure(world, curve(served), curve([100] * 10), ())
    assert values["recovery_days", "all"].tolist() == [days]
    assert values["not_recovered", "all"].tolist() == [lasting]
    assert values["worst_day_service", "all"].tolist() == [min(served) / 100]
    loss = sum(100 - units for units in served) / 100
    assert values["service_loss_days", "all"][0] == pytest.approx(loss)


def test_a_day_without_demand_is_served():
    """Nothing asked for is nothing short."""
    world = quiet()
    record = run_cases(world, [Case("calm")], Setup(1, 1))["calm"]
    assert daily_service(record).tolist() == [[1.0]] * 10


def test_every_kpi_is_measured():
    """The catalogue and what is measured are the same list; orders only with an order book."""
    world = quiet()
    record = run_cases(world, [Case("calm")], Setup(2, 1))["calm"]
    assert {kpi for kpi, _ in measure(world, record, record, ())} == set(KPIS) - set(ORDER_KPIS)
    book = OrderBook(
        np.array([0, 1]), np.array([0]), np.array([1]), np.array([0]), np.array([True]),
        np.array([[0]]), np.array([[True]]),
    )  # fmt: skip
    ordering = replace(world, orders=book)
    record = run_cases(ordering, [Case("calm")], Setup(2, 1))["calm"]
    assert {kpi for kpi, _ in measure(ordering, record, record, ())} == set(KPIS)


def test_intervals_are_students():
    """The interval is that of scipy's t distribution; one replication has none."""
    values = np.array([3.0, 5.0, 4.0, 9.0, 2.0])
    low, high = stats.t.interval(0.95, 4, values.mean(), stats.sem(values))
    found = estimate(values)
    assert (found.mean, found.low, found.high) == pytest.approx((4.6, low, high))
    above, below = one_sided(values, 0.9)
    assert (above, below) == pytest.approx(stats.t.interval(0.8, 4, 4.6, stats.sem(values)))
    assert np.isnan(estimate(values[:1]).low)
    assert one_sided(values[:1], 0.9) == (-np.inf, np.inf)


@pytest.mark.parametrize("where", ["on_hand", "on_order", "backlog", "ledger"])
def test_a_lost_unit_is_noticed(where):
    """One unit too many anywhere breaks conservation, and the run is refused."""
    world = quiet()
    setup = Setup(1, 1)
    state = fresh_state(world, np.array([0]), longest_lanes(world, [Case("calm")], setup))
    site = state.sites[0]
    site.ledger[:, at.ON_HAND] = 10  # a world in which nothing has happened yet
    check_conservation(world, state)
    if where == "ledger":
        site.ledger[4:, at.ON_HAND] += 1
    else:
        getattr(site, where)[0, 0] += 1
    with pytest.raises(EngineError, match="conservation"):
        check_conservation(world, state)


def test_working_days_are_counted_off():
    """From a Friday, two working days are over on Tuesday."""
    working = np.arange(21) % 7 < 5  # day 0 is a Monday
    assert working_days(working, 4, 4).tolist() == [0, 3, 4, 5]
    assert working_days(working, 20, 4).tolist() == [0, 1, 2, 3]


def test_reviews_less_than_a_tick_apart_are_refused():
    """A policy must be reviewed at most once a tick."""
    policy = replace(order_up_to_policy(np.array([5], np.int32)), every=np.array([0]))
    with pytest.raises(InputError, match="tick apart"):
        one_site(policy, 1.0, opening=5)


def test_every_day_has_its_costs_and_its_cash():
    """Goods leave on day 2 at 700, and are paid 5 days later; freight of 60 on the day."""
    freight = Freight(per_kg=0.3)
    lane = {"freight": freight, "grams_co2": 50.0, "payment_ticks": 5}
    record = run_cases(quiet(**lane), [Case("calm")], Setup(1, 1))["calm"]
    books = {name: record.days[row, :, 0].tolist() for row, name in enumerate(DAILY)}
    assert books["purchase"] == [0, 0, 700, 0, 0, 0, 0, 0, 0, 0]
    assert books["cash_out"] == [0, 0, 60, 0, 0, 0, 0, 700, 0, 0]
    assert books["co2_kg"] == pytest.approx([0, 0, 10, 0, 0, 0, 0, 0, 0, 0])
    assert books["holding"] == pytest.approx([5.0] * 6 + [55.0] * 4)


def test_sales_are_earned_when_channels_settle():
    """Of 10 units sold on day 0 at 8 a half is paid at once, a half three days later."""
    world = one_site(
        order_up_to_policy(np.array([0], np.int32)), 0.0, opening=10, n_ticks=5, lost=True
    )
    demand = np.array([[1e9], [0.0], [0.0], [0.0], [0.0]])
    site = replace(
        world.sites[0], demand_mean=demand, demand_variance=demand, price=np.array([8.0]),
        settlement=((0, 0.5), (3, 0.5)),
    )  # fmt: skip
    world = replace(world, sites=(site,), bucket_of_tick=np.arange(5))
    record = run_cases(world, [Case("calm")], Setup(1, 1))["calm"]
    assert record.days[list(DAILY).index("cash_in"), :, 0].tolist() == [40, 0, 0, 40, 0]
