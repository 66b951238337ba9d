"""The parts of order sourcing on their own: tariff, choice of one order, prices, books."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.allocation.sourcing.assign import LEFT, regrets, solve_block
from optimizer.allocation.sourcing.blocks import Block, build_catalogue
from optimizer.allocation.sourcing.columns import columns_of
from optimizer.allocation.sourcing.improve import paid_now, reassign
from optimizer.allocation.sourcing.intake import build_problem
from optimizer.allocation.sourcing.large import LargeOrders
from optimizer.allocation.sourcing.ledger import Ledger
from optimizer.allocation.sourcing.master import Free, build_master
from optimizer.allocation.sourcing.placement import Placement, objective_of
from optimizer.allocation.sourcing.prices import Prices, dual_value, piece_prices
from optimizer.allocation.sourcing.repair import construct
from optimizer.allocation.sourcing.tariff import Promise, Quotes, build_tariff

START = pd.Timestamp("2026-03-02")


def random_block(rng, size, groups, sites, orders):
    """Return a block with random money, some of it barred, and random prices."""
    money = rng.uniform(1.0, 9.0, (groups, (1 << size) - 1, sites, orders))
    money[rng.random(money.shape) < 0.3] = np.inf
    drop = rng.uniform(0.0, 9.0, (size, orders))
    block = Block(size, 0, 0, money, drop, np.zeros(orders, np.int64))
    return (
        block,
        rng.uniform(0.0, 2.0, (sites, orders, size)),
        rng.uniform(0.0, 1.0, (groups, orders)),
    )


def every_way(size):
    """Yield every way to part pieces into parcels (subsets) and pieces left behind."""
    for labels in itertools.product(range(-1, size), repeat=size):
        parcels = {}
        for piece, label in enumerate(labels):
            if label >= 0:
                parcels[label] = parcels.get(label, 0) | 1 << piece
        left = [piece for piece, label in enumerate(labels) if label < 0]
        yield list(parcels.values()), left


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    size=st.integers(1, 4),
    groups=st.integers(1, 2),
    tolled=st.booleans(),
)
def test_the_dynamic_programme_finds_the_cheapest_way(seed, size, groups, tolled):
    """No way to part, place and drop the pieces of an order costs less, and its own adds up."""
    block, price, toll = random_block(np.random.default_rng(seed), size, groups, 3, 5)
    toll = toll if tolled else None
    choice = solve_block(block, price, toll)
    for order in range(block.orders):
        paid = price[:, order, :]  # (sites, size)

        def parcel(subset, order=order, paid=paid):
            bits = [piece for piece in range(size) if subset >> piece & 1]
            money = block.money[:, subset - 1, :, order] + paid[:, bits].sum(axis=1)
            return (money if toll is None else money + toll[:, order, None]), bits

        least = min(
            sum(parcel(subset)[0].min() for subset in parcels) + block.drop[left, order].sum()
            for parcels, left in every_way(size)
        )
        assert choice.value[order] == pytest.approx(least)
        site, label, group = (part[order] for part in (choice.site, choice.label, choice.group))
        own = block.drop[site == LEFT, order].sum()
        for head in np.unique(label[site != LEFT]):
            subset = sum(1 << p for p in range(size) if label[p] == head and site[p] != LEFT)
            own += parcel(subset)[0][group[head], site[head]]
        assert own == pytest.approx(choice.value[order])


def test_a_parcel_of_the_best_way_has_no_regret():
    """Regret is never negative, and 0 for some parcel unless the order is best left alone."""
    block, price, toll = random_block(np.random.default_rng(3), 3, 2, 4, 40)
    regret = regrets(block, price, toll)
    assert regret.min() >= -1e-9
    ships = (solve_block(block, price, toll).site != LEFT).any(axis=1)
    assert np.allclose(regret.min(axis=(0, 1, 2))[ships], 0.0)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), size=st.integers(1, 5), tolled=st.booleans())
def test_twins_choose_the_same_to_the_bit(seed, size, tolled):
    """Compiled loops and their NumPy twin give the same values, sites, labels and limits."""
    pytest.importorskip("numba")
    block, price, toll = random_block(np.random.default_rng(seed), size, 2, 4, 6)
    toll = toll if tolled else None
    one, other = solve_block(block, price, toll), solve_block(block, price, toll, kernel="numpy")
    for name in ("value", "site", "label", "group"):
        assert np.array_equal(getattr(one, name), getattr(other, name))


def test_without_numba_the_plan_is_the_same():
    """In a process that has no numba, two small days are planned to the same bits."""
    pytest.importorskip("numba")
    told = [
        subprocess.run(
            [sys.executable, "-c", hide + PLAN_TWO_DAYS, str(Path(__file__).parent)],
            check=True, capture_output=True, text=True,
        ).stdout
        for hide in ("", "import sys; sys.modules['numba'] = None\n")
    ]  # fmt: skip
    assert told[0] == told[1]
    assert len(told[0].splitlines()) == 2


PLAN_TWO_DAYS = """
import sys
sys.path.insert(0, sys.argv[1])
import pandas as pd
from conftest import _settings
from sourcing_worlds import draw_case
from optimizer.allocation import run_sourcing
from optimizer.outcome import Limits
from scenarios import Scenario
for seed in (3, 4):
    frames = {name: pd.DataFrame(rows) for name, rows in draw_case(seed).items() if rows}
    found = run_sourcing(Scenario(_settings(), frames), {}, Limits(work=0.2))
    lines = found.tables["shipment_lines"].to_csv() if "shipment_lines" in found.tables else ""
    print(repr(found.certificate.objective), repr(found.certificate.bound), repr(lines))
"""


def rates(*rows):
    """Return a frame of carrier rates from A to Z."""
    first = {
        "carrier_id": "C", "service": "s", "origin": "A", "destination": "Z", "max_weight_kg": 10.0,
        "base": 1.0, "included_kg": 0.0, "step_kg": np.nan, "per_kg": 0.0,
        "volumetric_kg_per_m3": 0.0, "promise_days": 1.0, "g_co2e_per_parcel": 0.0,
        "cutoff_time": None,
    }  # fmt: skip
    return pd.DataFrame([first | row for row in rows])


def price_of(frame, kg, m3=0.0, due=np.inf, per_day=np.inf):
    """Return the least money of one parcel from A to Z."""
    tariff = build_tariff(frame, pd.Index(["A"]), pd.Index(["Z"]), {})
    promise = Promise(np.array([due]), np.array([per_day]), np.zeros(1))
    quotes = Quotes(tariff, np.zeros(1, np.int64), promise)
    return quotes.by_group(np.array([kg]), np.array([m3]), np.array([99.0]), 1)[0, 0, 0]


def test_a_weight_on_the_edge_of_a_class_belongs_to_it():
    """Exactly 2 kg is in the class up to 2 kg; a little more is in the next."""
    frame = rates({"max_weight_kg": 2.0, "base": 3.0}, {"max_weight_kg": 5.0, "base": 4.0})
    assert price_of(frame, 2.0) == 3.0
    assert price_of(frame, 0.1 + 1.9) == 3.0
    assert price_of(frame, 2.001) == 4.0
    assert price_of(frame, 5.1) == np.inf


def test_a_weightless_parcel_takes_the_first_class():
    """0 kg is held by the lowest class and by no other."""
    frame = rates({"max_weight_kg": 2.0, "base": 3.0}, {"max_weight_kg": 5.0, "base": 1.0})
    assert price_of(frame, 0.0) == 3.0


def test_steps_forgive_rounding():
    """0.1 + 0.2 kg at steps of 0.1 kg is three steps, not four."""
    frame = rates({"per_kg": 10.0, "step_kg": 0.1})
    assert price_of(frame, 0.1 + 0.2) == pytest.approx(4.0)


def test_days_are_rounded_up_and_lateness_is_barred_without_a_price():
    """1.2 days are 2: a day late when 1 is left, for 5 a day or not at all."""
    frame = rates({"promise_days": 1.2})
    assert price_of(frame, 1.0, due=2.0) == 1.0
    assert price_of(frame, 1.0, due=1.0) == np.inf
    assert price_of(frame, 1.0, due=1.0, per_day=5.0) == 6.0


@pytest.fixture(scope="module")
def problem(tables, scenario):
    """Give 60 orders of up to 4 lines over 3 sites, short of stock, docks and carriers."""
    rng = np.random.default_rng(5)
    rows = tables()
    rows["sites"] = [
        rows["sites"][0] | {"site_id": s, "outbound_units_per_day": 45.0} for s in "ABC"
    ]
    rows["products"] = [rows["products"][0] | {"product_id": f"P{k}"} for k in range(12)]
    rows["channels"] = [{"channel_id": "K", "name": "K"}]
    rows["inventory"] = [
        {"site_id": s, "product_id": f"P{k}", "on_hand": float(rng.integers(0, 6)), "channel_id": c}
        for s in "ABC" for k in range(12) for c in ((None, "K") if k < 3 else (None,))
    ]  # fmt: skip
    rows["carriers"] = [
        {"carrier_id": "C", "kind": "own", "capacity_per_day": 20.0},
        {"carrier_id": "D", "kind": "shared"},
    ]
    rate = rows["carrier_rates"][0]
    rows["carrier_rates"] = [
        rate | {"carrier_id": c, "origin": s, "base": float(rng.integers(3, 9)), "per_kg": 0.3}
        for c in "CD" for s in "ABC"
    ]  # fmt: skip
    order = rows["orders"][0]
    rows["orders"], rows["order_lines"] = [], []
    for k in range(60):
        rows["orders"].append(
            order | {"order_id": f"O{k}", "channel_id": "K" if k % 3 == 0 else None}
        )
        for line, product in enumerate(rng.permutation(12)[: rng.integers(1, 5)]):
            rows["order_lines"].append(
                {"order_id": f"O{k}", "line_id": str(line), "product_id": f"P{product}", "qty": 1.0}
            )
    return build_problem(scenario(rows))


def some_prices(problem, seed):
    """Return random prices; none on what has no limit."""
    rng = np.random.default_rng(seed)
    limits = problem.resources
    stock = rng.uniform(0.0, 6.0, limits.stock.shape)
    stock = np.minimum(stock, stock[:, limits.shared])
    parcels = np.where(
        np.isfinite(limits.parcels), rng.uniform(0.0, 2.0, limits.parcels.shape), 0.0
    )
    return Prices(stock, rng.uniform(0.0, 1.0, limits.room.shape), parcels)


@pytest.mark.parametrize("most_exact", [0, 2, 6])
def test_no_prices_lift_the_bound_above_a_plan(problem, most_exact):
    """At random prices the dual value stays under every plan found, whatever is exact."""
    catalogue = build_catalogue(problem, most_exact)
    large = LargeOrders(problem, catalogue)
    plans, bounds = [], []
    for seed in range(4):
        prices = some_prices(problem, seed)
        ledger = construct(problem, catalogue, large, prices)
        reassign(ledger, catalogue, large, Prices.zero(problem))
        plans.append(objective_of(problem, ledger.placement))
        bounds.append(dual_value(problem, catalogue, large, prices)[0])
        large.learn()
        bounds.append(dual_value(problem, catalogue, large, prices)[0])
    assert max(bounds) <= min(plans)


def test_the_relaxed_bound_of_large_orders_stays_under_the_exact_one(problem):
    """With subsets of up to 4 pieces the dual value is at least that of shared fixed money."""
    prices = some_prices(problem, 1)
    values = []
    for most_exact in (0, 4):
        catalogue = build_catalogue(problem, most_exact)
        large = LargeOrders(problem, catalogue)
        values.append(dual_value(problem, catalogue, large, prices)[0])
        assert bool(len(large.orders)) == (most_exact == 0)
    assert values[0] < values[1]


def test_more_stock_never_raises_the_bound_at_the_same_prices(problem, tables, scenario):
    """A unit more lowers the dual value by its price, or by more where it opens a site."""
    rows = tables()
    rows["inventory"][0]["on_hand"] = 0.0
    values = []
    for extra in (0.0, 1.0, 2.0):
        rows["inventory"][0]["on_hand"] = extra
        tiny = build_problem(scenario(rows))
        catalogue = build_catalogue(tiny)
        prices = Prices(
            np.full(tiny.resources.stock.shape, 0.5),
            np.zeros(tiny.resources.room.shape),
            np.zeros(tiny.resources.parcels.shape),
        )
        values.append(dual_value(tiny, catalogue, LargeOrders(tiny, catalogue), prices)[0])
    assert values[1] == pytest.approx(values[0] - 0.5 - 3.0, abs=1e-6)  # from A for 5, not B for 8
    assert values[2] == pytest.approx(values[1] - 0.5, abs=1e-6)


def test_the_books_balance(problem):
    """Placing and taking back every order leaves the limits as they were."""
    catalogue = build_catalogue(problem)
    ledger = construct(problem, catalogue, LargeOrders(problem, catalogue), Prices.zero(problem))
    assert (ledger.stock >= -1e-9).all()
    assert (ledger.room >= -1e-9).all()
    assert (ledger.parcels >= -1e-9).all()
    for order in range(problem.n_orders):
        ledger.release(order, *ledger.held(order))
    assert np.allclose(ledger.stock, problem.resources.stock)
    assert np.allclose(ledger.room, problem.resources.room)
    assert np.array_equal(ledger.parcels, problem.resources.parcels)


def test_a_plan_above_a_limit_is_not_booked(problem):
    """All orders at one site are more than its dock takes."""
    placement = Placement.nothing(problem)
    placement.site[:] = 0
    with pytest.raises(ValueError, match="above a limit"):
        Ledger(problem, placement)


def test_what_orders_pay_adds_up_to_the_objective(problem):
    """At prices of nothing the money of all orders as placed is the objective."""
    catalogue = build_catalogue(problem)
    free = Prices.zero(problem)
    ledger = construct(problem, catalogue, LargeOrders(problem, catalogue), free)
    price = piece_prices(problem, free)
    total = sum(paid_now(ledger, block, price, free).sum() for block in catalogue.blocks)
    assert total == pytest.approx(objective_of(problem, ledger.placement))


def test_choosing_again_at_true_cost_never_costs_more(problem):
    """Every pass lowers the objective or leaves it."""
    catalogue = build_catalogue(problem)
    large = LargeOrders(problem, catalogue)
    ledger = construct(problem, catalogue, large, some_prices(problem, 2))
    before = objective_of(problem, ledger.placement)
    for _ in range(4):
        moved = reassign(ledger, catalogue, large, Prices.zero(problem))
        after = objective_of(problem, ledger.placement)
        assert after < before if moved else after == pytest.approx(before)
        before = after


def test_the_master_states_the_placement_it_starts_from(problem):
    """The start is feasible, and costs what the placement costs."""
    catalogue = build_catalogue(problem)
    large = LargeOrders(problem, catalogue)
    free = Prices.zero(problem)
    ledger = construct(problem, catalogue, large, free)
    orders = np.arange(problem.n_orders)
    columns = columns_of(
        ledger.placement, catalogue, orders, piece_prices(problem, free), free, np.inf
    )
    limits = problem.resources
    master = build_master(problem, columns, Free(limits.stock, limits.room, limits.parcels))
    start = master.start()
    assert master.linear.violation(start) < 1e-9
    total = master.linear.objective(start) + problem.pieces.penalty.sum()
    assert total == pytest.approx(objective_of(problem, ledger.placement))
