"""The resilience scan: by hand on tiny worlds, and against the loss of each node on its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_worlds import lead_choices, one_site
from random_worlds import random_world

from optimizer.plan import conform
from scenarios import InputError
from simulation.disruptions import Disruption, Strike
from simulation.distributions import Distribution
from simulation.experiment import Cancelled, Case, Setup, run_cases
from simulation.exposure import exposed_money, scan, usual_days
from simulation.facts import Dock
from simulation.kernels import rows as at
from simulation.policies import order_up_to_policy
from simulation.reach import Cells, share_rows
from simulation.removal import KINDS, lose_nodes, nodes_of

START = 7


def shop(level=30, rate=4.0, days=60, **more):
    """Return a shop that orders every evening what it sold, for the next morning."""
    return one_site(
        order_up_to_policy(np.array([level])), rate, opening=level, leads=lead_choices(1),
        n_ticks=days, lost=True, shortage=3.0, holding=0.5, **more,
    )  # fmt: skip


def demand_of(world, seed=0) -> np.ndarray:
    """Return the demand of the shop, day by day."""
    return run_cases(world, [Case("calm")], Setup(1, seed))["calm"].demand[:, 0]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_days_until_noticed_and_the_longest_outage_follow_from_the_stock(seed):
    """30 units are there on the morning of the loss; they last until demand has passed 30.

    An outage of L days delays the order of day 7 until day 7 + L; it arrives one day later. So
    it is served if the demand of days 7 .. 7 + L is at most 30.
    """
    world = shop()
    total = np.cumsum(demand_of(world, seed)[START:])
    days = int(np.argmax(total > 30))
    row = scan(world, {"supplier:V": 20.0}, words=("supplier",), seed=seed).table.iloc[0]
    assert row["noticed_days"] == days
    assert row["tts_days"] == days - 1


def test_the_impact_of_a_loss_is_lost_margin_less_the_holding_saved():
    """Of 20 days' demand 30 units are served; each missing unit costs 3, each held day 0.5."""
    world = shop()
    asked = demand_of(world)
    calm = run_cases(world, [Case("calm")], Setup(1, 0))["calm"]
    money = exposed_money(world, {"supplier:V": 20.0}, ("supplier",), 0)["supplier:V"]
    stock, short, held = 30, 0, 0
    for day in range(START, 60):
        if day >= START + 21:  # what waited leaves on day 27 and arrives on day 28
            stock = 30
        served = min(stock, asked[day])
        short += asked[day] - served
        stock -= served
        held += stock
    # after the loss lost units are not ordered again, so that the shelf is full again at once
    usual = int(calm.site_rows[0, at.ON_HAND, 0]) - sum(30 - asked[day] for day in range(START))
    assert money == pytest.approx(3.0 * short + 0.5 * (held - usual))


def test_losses_that_share_a_row_are_those_of_each_node_alone():
    """On random networks short units and money of every node are what it does on its own."""
    shared = 0
    for seed in (2, 4, 8):
        world = random_world(seed)
        nodes = nodes_of(world)
        strikes = [Strike(6, 14 + n % 5) for n in range(len(nodes))]
        together = lose_nodes(world, nodes, strikes, seed=seed)
        cells = Cells(world)
        touched = [np.unique(cells.component[cells.below(node.reach)]) for node in nodes]
        shared += len(nodes) - share_rows(touched, cells.component.max() + 1)[1]
        for n, node in enumerate(nodes):
            alone = lose_nodes(world, [node], [strikes[n]], seed=seed)
            np.testing.assert_array_equal(together.short[:, n], alone.short[:, 0], node.node_id)
            assert together.money[n] == pytest.approx(alone.money[0]), node.node_id
    assert shared > 0


@pytest.mark.parametrize("seed", [3, 6])
def test_the_money_of_a_loss_is_what_the_ledgers_of_a_run_say(seed):
    """Holding, shortage and handling of a run with the outage, less those of one without."""
    world = random_world(seed)
    for node in nodes_of(world, ("supplier", "site")):
        blow = Disruption(
            "loss", KINDS[node.word], node.node_id, 6.0, Distribution("fixed", (9.0,))
        )
        records = run_cases(world, [Case("calm"), Case("loss", (blow,))], Setup(1, seed))
        cost = {}
        for name, record in records.items():
            cost[name] = 0.0
            for i, site in enumerate(world.sites):
                rows, scales = record.site_rows[i, :, 0], world.money_scales[i]
                cost[name] += rows[at.HOLDING] / scales[1] + rows[at.SHORTAGE] / scales[2]
                cost[name] += (rows[at.ISSUED] + rows[at.SHIPPED]) * site.handling
        alone = lose_nodes(world, [node], [Strike(6, 15)], seed=seed)
        assert alone.money[0] == pytest.approx(cost["loss"] - cost["calm"], rel=1e-6, abs=1e-4)


def test_threads_do_not_change_a_bit():
    """One thread and three give the same losses."""
    world = random_world(4)
    nodes = nodes_of(world)
    strikes = [Strike(5, 12)] * len(nodes)
    one, three = (lose_nodes(world, nodes, strikes, threads=threads) for threads in (1, 3))
    np.testing.assert_array_equal(one.short, three.short)
    np.testing.assert_array_equal(one.money, three.money)


def test_goods_that_compete_for_a_dock_are_one_component():
    """Without a dock ten goods of a shop are ten components; with one they are a single one."""
    world = one_site(
        order_up_to_policy(np.full(10, 9)), 2.0, opening=9, n_skus=10
    )  # fmt: skip
    assert len(set(Cells(world).component.tolist())) == 10
    site = replace(world.sites[0], dock=Dock(outbound=np.full(7, 5, np.int64)))
    narrow = replace(world, sites=(site,))
    assert len(set(Cells(narrow).component.tolist())) == 1


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 20), st.integers(1, 25), st.integers(5, 40), st.floats(0.5, 6.0))
def test_a_longer_outage_never_raises_service(shorter, more, level, rate):
    """Base stock, fixed lead times, same demand: more days out lose at least as many units."""
    world = shop(level, rate)
    nodes = nodes_of(world, ("supplier",))
    short = [
        lose_nodes(world, nodes, [Strike(START, START + days)]).short.sum()
        for days in (shorter, shorter + more)
    ]
    assert short[0] <= short[1]


def test_a_scan_ranks_by_impact_and_keeps_its_contract():
    """The worst node stands first with index 1; intervals hold their means; lengths are noted."""
    found = scan(random_world(4), {"site:S0": 3.0}, worst=4, seed=1)
    table = found.table
    assert (table["impact"].diff().dropna() <= 0).all()
    assert table["index"].iloc[0] == 1.0
    known = table[table["low"].notna()]
    assert len(known) == 4
    assert ((known["low"] <= known["impact"]) & (known["impact"] <= known["high"])).all()
    assert conform("exposure", table).equals(table)
    lost = table.set_index("node")["recovery_days"]
    assert lost["site:S0"] == 3.0
    assert lost["site:S1"] == usual_days("site")
    assert any("site is lost for" in note for note in found.notes)


def test_a_scan_refuses_a_day_beyond_the_horizon_and_can_be_cancelled():
    """Neither gives a half-made ranking."""
    with pytest.raises(InputError, match="horizon"):
        scan(shop(), {}, first_day=60)
    with pytest.raises(Cancelled):
        scan(shop(), {}, cancelled=lambda: True)
