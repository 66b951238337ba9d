"""Promotions in the simulator: what is sold more, what binds, and that every item adds up."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from plain_worlds import lead_choices, one_site

from simulation.demand import Demand
from simulation.experiment import Case, Setup, run_cases
from simulation.facts import Dock, Return
from simulation.kernels import kernels
from simulation.order_dates import latest_orders
from simulation.policies import order_up_to_policy
from simulation.promoted import Drive, Money, usual_demand, watch_for, with_demand
from simulation.promotion import Cell, Tried, compare_tried, try_world, with_more_hands
from simulation.suites import BASELINE
from simulation.watching import ASKED, SHORT
from simulation.world import World

FIRST, LAST, DAYS = 5, 9, 30  # five days of promotion
PRICE, COST = 3.0, 1.0
MONEY = Money(np.array([PRICE]), np.array([COST]), np.ones(1), known=True)
PAIR = pd.DataFrame({"product_id": ["P00000"], "location_id": ["S"]})
NOBODY = PAIR.iloc[:0]


def shop(rate: float = 5.0, opening: int = 10_000, level: int = 0, **how) -> World:
    """Return a shop of one product, which orders up to a level, by default never."""
    return one_site(
        order_up_to_policy(np.array([level])), rate, opening=opening, n_ticks=DAYS, lost=True,
        holding=0.01, **how,
    )  # fmt: skip


def drive(factor: float = 2.0, **how) -> Drive:
    """Return a promotion of the product at a discount of 10 %."""
    return Drive(FIRST, LAST, PAIR.assign(factor=factor), NOBODY, discount=0.1, **how)


def watched(world: World, one: Drive | None) -> World:
    """Return the world with the promotion, or without any, and what is added up."""
    moved = with_demand(world, usual_demand(world), one)
    marks = [0, FIRST, LAST + 1]
    return replace(moved, watch=watch_for(moved, MONEY, one, marks, PAIR, NOBODY))


def tried(world: World, one: Drive | None, replications: int = 40) -> Tried:
    """Return the world simulated."""
    return try_world(watched(world, one), one, replications, 7)


def cell(after: Tried, before: Tried, **how) -> Cell:
    """Return what differs."""
    names = ("expected", "as planned", "as stated")
    return compare_tried(names, after, before, (FIRST, LAST), **how)


def test_with_plenty_of_stock_all_extra_demand_is_sold() -> None:
    """5 a day twice as much on 5 days: 25 more asked for on average, and every one is sold."""
    before, after = tried(shop(), None, 400), tried(shop(), drive(), 400)
    more = after.sold("promoted", FIRST, LAST) - before.sold("promoted", FIRST, LAST)
    asked = after.of(ASKED, "promoted", FIRST, LAST) - before.of(ASKED, "promoted", FIRST, LAST)
    assert (more == asked).all()
    assert (more >= 0).all()
    assert more.mean() == pytest.approx(25.0, abs=1.0)
    assert not after.of(SHORT, "promoted", 0, DAYS - 1).any()
    found = cell(after, before)
    assert found.figures["promoted_units_afterwards"].mean == 0.0
    assert found.binds_first == "nothing"


def test_its_margin_and_discount_follow_from_the_units() -> None:
    """Each unit more brings 3 - 1 = 2; each unit sold in the promotion gives away 10 % of 3."""
    before, after = tried(shop(), None), tried(shop(), drive())
    found = cell(after, before)
    items = {item.item: item.money for item in found.items}
    more = found.figures["promoted_units"].mean
    assert items["promoted_margin"] == round(2.0 * more, 2)
    sold = float(after.sold("promoted", FIRST, LAST).mean())
    assert items["discount"] == round(-0.3 * sold, 2)


def test_what_comes_back_is_refunded_at_the_price_that_was_paid() -> None:
    """A quarter of what is sold comes back for scrap: 3 x 1/4 less, on 10 % off 3 x 3/4 kept."""
    back = Return("broken", "scrap", np.full(1, 1 << 14), np.full(1, 2), np.zeros(1))
    world = shop()
    world = replace(world, sites=(replace(world.sites[0], returns=(back,)),))
    before, after = tried(world, None), tried(world, drive())
    items = {item.item: item.money for item in cell(after, before).items}
    more = float(
        (after.sold("promoted", 0, DAYS - 1) - before.sold("promoted", 0, DAYS - 1)).mean()
    )
    sold = float(after.sold("promoted", FIRST, LAST).mean())
    assert items["refunds"] == round(-0.75 * more, 2)
    assert items["discount"] == round(-0.1 * 3.0 * 0.75 * sold, 2)


def test_items_add_up_to_the_gain() -> None:
    """The gain is the sum of the items, to the cent."""
    found = cell(tried(shop(), drive()), tried(shop(), None), capacity_cost=12.34)
    assert found.net.mean == round(math.fsum(item.money for item in found.items), 2)
    assert found.items[-1].money == -12.34


def test_without_stock_a_promotion_gains_nothing() -> None:
    """What is not there is not sold, whatever is asked for; stock is what binds."""
    empty = shop(opening=0)
    found = cell(tried(empty, drive(4.0)), tried(empty, None))
    assert found.figures["promoted_units"].mean == 0.0
    assert found.net.mean == 0.0
    assert found.binds_first == "stock"
    assert found.levels["fill_rate_promotion"].mean == 0.0


def narrow(units: int) -> World:
    """Return a shop that sends out so many units a day, and is asked for 50."""
    world = shop(50.0)
    dock = Dock(outbound=np.full(7, units, np.int64))
    return replace(world, sites=(replace(world.sites[0], dock=dock),))


def test_a_full_dock_lets_nothing_more_through() -> None:
    """8 a day leave with and without the promotion: nothing is gained but the discount is given."""
    world = narrow(8)
    found = cell(tried(world, drive()), tried(world, None))
    assert found.figures["promoted_units"].mean == 0.0
    assert found.binds_first == "outbound_dock"
    assert found.net.mean == pytest.approx(-0.3 * 8 * 5)


def test_more_hands_let_through_what_they_can_carry() -> None:
    """8 x 1.5 = 12 a day on 5 days: 20 units more, each replication alike."""
    world = narrow(8)
    wider = with_more_hands(world, ["S"], 0.5, FIRST, LAST)
    before, after = tried(world, None), tried(wider, drive())
    assert (after.sold("promoted", FIRST, LAST) == 12 * 5).all()
    found = cell(after, before)
    assert found.figures["promoted_units_promotion"].mean == 20.0
    assert found.figures["promoted_units_promotion"].half_width == 0.0
    assert found.figures["promoted_units_afterwards"].mean == 0.0


def test_a_limited_quantity_ends_the_promotion() -> None:
    """Of 20 a day 30 are asked for under it, then 5 a day as without."""
    one = drive(4.0, limit=30)
    world = watched(shop(), one)
    numbers = np.arange(20)
    usual = Demand(watched(shop(), None), numbers, kernels("numpy"), 7)
    limited = Demand(world, numbers, kernels("numpy"), 7)
    free = Demand(watched(shop(), drive(4.0)), numbers, kernels("numpy"), 7)
    days = range(FIRST, LAST + 1)
    asked, plain, open_ = (
        np.stack([side.base(0, tick)[:, 0] for tick in days]) for side in (limited, usual, free)
    )
    left = np.full(20, 30)
    for day in range(5):
        # within the limit as promoted, on its last day what is left of it, at least as without
        expected = np.where(open_[day] <= left, open_[day], np.maximum(plain[day], left))
        assert (asked[day] == expected).all()
        left = np.maximum(left - asked[day], 0)
    assert not left.any()


def test_no_more_units_are_discounted_than_the_limit() -> None:
    """30 units at 10 % of 3 off are 9.00, once more than 30 are sold."""
    after = tried(shop(), drive(4.0, limit=30))
    assert (after.sold("promoted", FIRST, LAST) >= 30).all()
    assert after.discount == pytest.approx(np.full(40, 9.0))


def test_what_is_pulled_forward_is_missing_afterwards() -> None:
    """Half of 25 extra over ten days of 5: 12.5 / 50 less, so 3.75 a day, then 5 again."""
    world = shop()
    moved = with_demand(world, usual_demand(world), drive(pulled=0.5, pulled_days=10))
    mean = moved.sites[0].demand_mean[moved.bucket_of_tick][:, 0]
    assert mean[FIRST : LAST + 1].tolist() == [10.0] * 5
    assert mean[LAST + 1 : LAST + 11].tolist() == [3.75] * 10
    assert mean[LAST + 11 :].tolist() == [5.0] * (DAYS - LAST - 11)


def test_the_answer_does_not_depend_on_how_replications_are_cut() -> None:
    """Chunks of 3 of 20 replications, or all at once: the same sums and causes."""
    world = watched(shop(opening=20, level=8), drive(4.0, limit=40))
    whole, parts = (
        run_cases(world, [Case(BASELINE)], Setup(20, 7, chunk=size))[BASELINE] for size in (0, 3)
    )
    assert (whole.watched == parts.watched).all()
    assert (whole.went_short == parts.went_short).all()
    assert whole.went_short.any()


@pytest.mark.parametrize("name", ["numpy", "numba"])
def test_a_world_that_is_watched_moves_as_one_that_is_not(name: str) -> None:
    """What is added up beside a run changes nothing of it."""
    pytest.importorskip("numba")
    seen = watched(shop(opening=60, level=20), None)
    plain = replace(seen, watch=None)
    figures = [
        run_cases(world, [Case(BASELINE)], Setup(5, 7, kernels=name))[BASELINE]
        for world in (seen, plain)
    ]
    assert (figures[0].site_rows == figures[1].site_rows).all()
    assert not figures[1].watched.size


def test_the_latest_order_is_its_lead_time_earlier() -> None:
    """Five days under way at the longest: to be there on day 9 it leaves on day 4."""
    world = shop(leads=lead_choices(2, 3, 4, 5))
    (one,) = latest_orders(world, [np.ones(1, bool)], 9)
    assert (one.supplier_id, one.latest, one.goods, one.in_time) == ("V", 4, 1, 1)
    (late,) = latest_orders(world, [np.ones(1, bool)], 3)
    assert (late.latest, late.in_time) == (-2, 0)


def test_a_supplier_that_is_closed_is_asked_earlier() -> None:
    """It works on days 0 to 2 alone: two working days from day 0 end on day 2."""
    world = shop(leads=lead_choices(2))
    working = np.arange(20) < 3
    lane = replace(world.lanes[0], working=working)
    (one,) = latest_orders(replace(world, lanes=(lane,)), [np.ones(1, bool)], 9)
    assert one.latest == 0
