"""What couples goods, sources and sites, on worlds so small that each number stands in the test."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from plain_worlds import one_site
from test_oracle import run_arrays

from simulation.disruptions import Disruption
from simulation.distributions import Distribution
from simulation.experiment import Case
from simulation.facts import (
    Channels,
    Dock,
    Doors,
    Life,
    Load,
    OrderBook,
    Quota,
    Return,
    Split,
    Store,
)
from simulation.kernels import rows as at
from simulation.policies import order_up_to_policy
from simulation.world import Batch, Freight, Lane, Mode, World

CALM = Case("calm")
POLICY = order_up_to_policy(np.array([0, 0], np.int32))


def still(opening: int = 0, n_ticks: int = 10, **changes) -> World:
    """Return a site of two SKUs without demand and orders, its goods one day under way."""
    world = one_site(POLICY, 0.0, opening=opening, n_skus=2, n_ticks=n_ticks, lost=True)
    return replace(world, sites=(replace(world.sites[0], **changes),))


def with_lane(world: World, **changes) -> World:
    """Return a world with its one lane changed."""
    return replace(world, lanes=(replace(world.lanes[0], **changes),))


def order(tick: int, *units: int) -> tuple[Batch, ...]:
    """Return a dated order of both SKUs."""
    return (Batch(tick, np.arange(2), np.array(units, np.int32)),)


def figures(world: World, row: int, case: Case = CALM) -> list[int]:
    """Return a row of the first site's ledger, one replication."""
    return run_arrays(world, case, 1, "", [0]).sites[0].ledger[:, row, 0].tolist()


def test_a_narrow_inbound_dock_queues_at_the_gate():
    """Of 5 + 5 units that arrive on day 1, three come in a day: 3, 3, 3, 1."""
    dock = Dock(inbound=np.full(7, 3))
    world = with_lane(still(dock=dock), orders=order(0, 5, 5))
    assert figures(world, at.RECEIVED)[:6] == [0, 3, 3, 3, 1, 0]


def test_doors_take_a_load_each():
    """Two doors, each done with its load of 3 units within a day: of 10 units 6 come, then 4."""
    world = with_lane(still(dock=Dock(doors=Doors(2, 3, 65536))), orders=order(0, 5, 5))
    assert figures(world, at.RECEIVED)[:4] == [0, 6, 4, 0]


def test_a_door_takes_a_random_time():
    """One door that is done with a unit at a tick in 1 of 4 cases: of 2,000 units 500 come at once.

    Four standard deviations are 4 x sqrt(2,000 x 3 / 16) = 78.
    """
    world = with_lane(still(dock=Dock(doors=Doors(1, 1, 16384))), orders=order(0, 1, 0))
    state = run_arrays(world, CALM, 1, "", range(2000))
    assert state.sites[0].ledger[1, at.RECEIVED].sum() == pytest.approx(500, abs=78)


@pytest.mark.parametrize("refuses", [False, True])
def test_goods_that_do_not_fit_wait_or_go_back(refuses):
    """7 of 10 units fit; the rest waits at the gate, or is on order no longer."""
    store = Store(7000, np.array([1000, 1000]), refuses)
    world = with_lane(still(store=store), orders=order(0, 5, 5))
    state = run_arrays(world, CALM, 1, "", [0])
    assert state.sites[0].on_hand.sum() == 7
    assert state.sites[0].on_order.sum() == (0 if refuses else 3)
    assert state.count_of("refused", 0).sum() == (3 if refuses else 0)


def test_a_heavy_unit_goes_and_the_days_after_pay():
    """A lane of 10 kg a day takes 25 kg on day 0, pays 15 back on day 1, and goes on on day 2."""
    load = Load(10_000, np.array([25_000, 0]))
    world = with_lane(still(), orders=order(0, 2, 0), load=load)
    assert figures(world, at.RECEIVED) == [0, 1, 0, 1, 0, 0, 0, 0, 0, 0]


def test_a_quota_begins_anew_on_monday():
    """12 units ordered on a Friday at 5 a week: 5 at once, 5 on Monday, 2 a week later."""
    world = with_lane(still(n_ticks=12), orders=order(0, 12, 0), quota_of=np.array([0, -1]))
    supplier = replace(world.suppliers[0], quota=Quota(np.array([5])))
    world = replace(world, suppliers=(supplier,), first_weekday=5)
    assert figures(world, at.RECEIVED) == [0, 5, 0, 0, 5, 0, 0, 0, 0, 0, 0, 2]


def test_orders_are_split_by_largest_remainder():
    """Of 10 units 75 % are 7.5, a tie that the first wins; of 5 units 3.75, that is 4."""
    policy = order_up_to_policy(np.array([10, 5], np.int32))
    world = one_site(policy, 0.0, opening=0, n_skus=2, n_ticks=1, lost=True)
    larger = 49152  # 75 %

    def source(share: int, rank: int) -> Split:
        return Split(
            np.full(2, share), np.full(2, rank), np.zeros(2, np.int32), np.ones(2, np.int32)
        )

    first = replace(world.lanes[0], split=source(larger, 0))
    second = replace(world.lanes[0], split=source(65536 - larger, 1), mode="other")
    state = run_arrays(replace(world, lanes=(first, second)), CALM, 1, "", [0])
    assert [line.departures[0, 0] for line in state.lanes] == [8 + 4, 2 + 1]


def test_outdated_stock_is_destroyed_in_the_morning():
    """Of 10 units 4 end on day 2 and the rest, three days old, on day 3."""
    life = Life(np.array([3, 0]), ((2, np.array([0]), np.array([4], np.int32)),))
    world = still(opening=10, life=life)
    assert figures(world, at.DESTROYED) == [0, 0, 4, 6, 0, 0, 0, 0, 0, 0]
    assert figures(world, at.ON_HAND)[-1] == 10


def test_what_is_left_of_the_oldest_is_destroyed():
    """The oldest leaves first: two thirds of each lot are gone before it ends."""
    world = one_site(POLICY, 0.0, opening=0, n_skus=2, n_ticks=8, lost=True)
    site = world.sites[0]
    demand = np.zeros((8, 2))
    demand[1:3, 0] = 1e9  # all that there is leaves on days 1 and 2
    site = replace(
        site, demand_mean=demand, demand_variance=demand, life=Life(np.array([4, 4])),
        opening=np.array([9, 9], np.int32),
    )  # fmt: skip
    world = replace(world, sites=(site,), bucket_of_tick=np.arange(8))
    assert figures(world, at.DESTROYED) == [0, 0, 0, 0, 9, 0, 0, 0]


def test_returns_come_back_on_the_shelf_after_their_delay():
    """Half of 8 units that left on day 0 are back on day 3."""
    back = Return("size", "shelf", np.full(2, 32768), np.full(2, 3), np.array([2.5, 2.5]))
    world = still(opening=4, returns=(back,))
    site = world.sites[0]
    demand = np.zeros((10, 2))
    demand[0] = 1e9
    site = replace(site, demand_mean=demand, demand_variance=demand)
    world = replace(world, sites=(site,), bucket_of_tick=np.arange(10))
    state = run_arrays(world, CALM, 1, "", [0])
    assert state.sites[0].ledger[:, at.ON_HAND, 0].tolist() == [0, 0, 0, 4, 4, 4, 4, 4, 4, 4]
    assert state.recovered[3, 0] == pytest.approx(10.0)


def test_a_small_order_waits_for_the_minimum():
    """Orders of 1 and then 3 units at 10 each, minimum 30: both leave with the second."""
    levels = np.array([1, 0], np.int32)
    world = one_site(order_up_to_policy(levels), 0.0, opening=0, n_skus=2, n_ticks=6, lost=True)
    world = with_lane(world, minimum=30.0, price=np.array([10.0, 10.0]))
    assert figures(world, at.RECEIVED) == [0] * 6
    grown = replace(
        world.sites[0].policy.levels,
        reorder_point=np.array([[0, -1], [3, -1]], np.int32),
        order_up_to=np.array([[1, 0], [4, 0]], np.int32),
    )
    site = replace(world.sites[0], policy=replace(world.sites[0].policy, levels=grown))
    assert figures(replace(world, sites=(site,)), at.RECEIVED) == [0, 0, 4, 0, 0, 0]


def test_goods_on_a_frozen_lane_stand_still():
    """Goods due on day 1 are put off by three days of a freeze from day 1 on."""
    world = with_lane(still(), orders=order(0, 5, 0))
    freeze = Disruption("F", "lane_freeze", "all", 1.0, Distribution("fixed", (3.0,)))
    assert figures(world, at.RECEIVED, Case("freeze", (freeze,))).index(5) == 4


def test_a_recall_destroys_the_bad_and_frees_the_good():
    """8 on the shelf and 4 under way are set aside on day 1; 3 days later half of them is back."""
    world = with_lane(still(opening=4), orders=order(0, 4, 0), lead_rows=np.zeros(2, np.int32))
    recall = Disruption("Q", "quality_recall", "all", 1.0, Distribution("fixed", (3.0,)), 0.5)
    case = Case("recall", (recall,))
    assert figures(world, at.ON_HAND, case) == [8, 0, 0, 0, 6, 6, 6, 6, 6, 6]
    assert figures(world, at.DESTROYED, case) == [0, 0, 0, 0, 6, 0, 0, 0, 0, 0]


def test_a_chosen_mode_brings_its_own_time_and_freight():
    """By air two days become none (arrival the next day), at 9 a kg, 0.6 kg CO2e a kg."""
    air = Mode(
        "air", np.zeros(2, np.int32), np.zeros((1, 1024), np.int32), np.zeros(1024, np.int32),
        Freight(per_kg=9.0), 600.0,
    )  # fmt: skip
    world = with_lane(
        still(), orders=order(0, 5, 0), lead_table=np.full((1, 1024), 4, np.int32),
        kg=np.array([2.0, 1.0]), modes=(air,),
    )  # fmt: skip
    assert figures(world, at.RECEIVED).index(5) == 4
    settings = {"mode": 1, "switching": 0, "lift": 256}
    state = run_arrays(world, CALM, 1, "", [0], lambda what, *_: settings[what])
    assert state.sites[0].ledger[:, at.RECEIVED, 0].tolist().index(5) == 1
    assert state.transport.sum() == pytest.approx(90.0)
    assert state.grams_co2.sum() == pytest.approx(6000.0)


def two_shops(spare: int) -> World:
    """Return shops A, which sells all it has on day 0, and B, which keeps a level of 3."""
    world = one_site(POLICY, 0.0, opening=0, n_skus=2, n_ticks=4, lost=True)
    demand = np.zeros((4, 2))
    demand[0] = 1e9
    shop = replace(world.sites[0], demand_mean=demand, demand_variance=demand, site_id="A")
    level = order_up_to_policy(np.array([3, 3], np.int32), first=99)
    other = replace(
        world.sites[0], site_id="B", policy=level, opening=np.full(2, 3 + spare, np.int32),
        demand_mean=np.zeros((4, 2)), demand_variance=np.zeros((4, 2)),
    )  # fmt: skip
    lane = Lane(
        origin_id="B", supplier=-1, origin=1, destination=0, into=np.arange(2),
        out_of=np.arange(2), fed=np.zeros(2, np.bool_), lead_rows=np.zeros(2, np.int32),
        lead_table=np.ones((1, 1024), np.int32), sku_keys=shop.sku_keys, lateral=True,
    )  # fmt: skip
    return replace(
        world, sites=(shop, other), lanes=(lane,), suppliers=(), bucket_of_tick=np.arange(4)
    )


@pytest.mark.parametrize(("spare", "moved"), [(0, 0), (6, 12)])
def test_a_neighbour_gives_what_it_has_beyond_its_level(spare, moved):
    """A shop that was short gets what the other holds above its order-up-to level, and no more."""
    state = run_arrays(two_shops(spare), CALM, 1, "", [0])
    assert state.count_of("transshipped", 0).sum() == moved
    assert state.sites[1].on_hand[0].tolist() == [3, 3]


def test_a_labour_shortage_takes_its_share_of_the_docks():
    """Half of the hands take 2 of 4 units a day in."""
    dock = Dock(inbound=np.full(7, 4))
    world = with_lane(still(dock=dock), orders=order(0, 8, 0))
    short = Disruption("L", "labour_shortage", "all", 0.0, Distribution("fixed", (3.0,)), 0.5)
    assert figures(world, at.RECEIVED, Case("ill", (short,)))[:5] == [0, 2, 2, 4, 0]


def test_the_more_important_lane_is_served_first():
    """Of 10 units the lane of priority 0 gets all 8, the other the 2 that are left."""
    world = two_shops(7)
    shop = replace(world.sites[1], depth=1, policy=order_up_to_policy(np.zeros(2, np.int32)))
    lane = replace(world.lanes[0], lateral=False, orders=order(0, 8, 0))
    third = replace(world.sites[0], site_id="C")
    first = replace(lane, destination=2)
    second = replace(lane, priority=1)
    world = replace(world, sites=(world.sites[0], shop, third), lanes=(second, first))
    state = run_arrays(world, CALM, 1, "", [0])
    assert [line.departures.sum() for line in state.lanes] == [2, 8]


@pytest.mark.parametrize(("release", "served"), [(0, [6, 0, 0, 0]), (1, [6, 0, 0, 4])])
def test_what_is_kept_for_a_channel_is_open_at_the_end_of_the_bucket(release, served):
    """Of 10 units 4 are kept for a channel without demand; on the last day they are free."""
    world = one_site(
        order_up_to_policy(np.array([0], np.int32)), 1e9, opening=10, n_ticks=4, lost=True
    )
    kept = Channels(
        ("idle", "busy"), np.array([[0], [65536]]), np.array([26215, 0]), np.array([release, 0])
    )
    world = replace(world, sites=(replace(world.sites[0], channels=kept),))
    assert figures(world, at.SERVED) == served


@pytest.mark.parametrize(
    ("splits", "tallies"),
    [(False, [1, 0, 0, 0, 0, 0]), (True, [1, 1, 0, 1, 1, 2])],
)
def test_an_order_ships_whole_or_line_by_line(splits, tallies):
    """A has one product and B the other: split it is two parcels, the one from B late."""
    world = one_site(POLICY, 0.0, opening=0, n_skus=2, n_ticks=1, lost=True)
    demand = np.full((1, 2), 1e9)
    sites = tuple(
        replace(world.sites[0], site_id=name, opening=np.array(units, np.int32))
        for name, units in (("A", [5, 0]), ("B", [0, 5]))
    )
    asking = replace(sites[0], demand_mean=demand / 1e9 * 4, demand_variance=demand / 1e9 * 4)
    book = OrderBook(
        np.array([0, 2]), np.array([0, 1]), np.array([2, 2]), np.array([0]), np.array([splits]),
        np.array([[0, 1]]), np.array([[True, False]]),
    )  # fmt: skip
    world = replace(world, sites=(asking, sites[1]), orders=book)
    state = run_arrays(world, CALM, 3, "", [0])
    orders = int(state.orders[0, 0, 0])
    assert orders >= 2
    served = min(orders, 2) if splits else 0  # 5 units of each are enough for two orders
    expected = [orders] + [served * each for each in tallies[1:]]
    assert state.orders[0, :, 0].tolist() == expected
    assert state.sites[0].ledger[0, at.SERVED, 0] == 2 * served
