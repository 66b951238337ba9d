"""What must hold of every design of a scenario's network: order, free sites, more room."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from network_worlds import seasonal_network

from optimizer.allocation.network.design import Terms, design
from optimizer.allocation.network.layout import read_network
from optimizer.outcome import Limits, Outcome, Status
from scenarios import Scenario

SLACK = 1e-6  # relative: designs are proven to about this
seeds = st.integers(0, 10_000)
kinds = st.sampled_from(["", "bucket"])


def small(seed: int) -> Scenario:
    """Return three sites, three zones, two products with seasons over two weeks."""
    return seasonal_network(seed, weeks=2, n_sites=3, n_zones=3)


def designed(scenario: Scenario, periods: str) -> Outcome[np.ndarray]:
    """Return the proven redesign."""
    _, redesign = design(read_network(scenario, periods), Terms(), Limits(work=10.0))
    assert redesign.outcome.status == Status.OPTIMAL
    return redesign.outcome


def changed(scenario: Scenario, **tables: pd.DataFrame) -> Scenario:
    """Return the scenario with other tables."""
    return Scenario(scenario.settings, {**scenario.tables, **tables})


@settings(max_examples=4, deadline=None)
@given(seeds, kinds)
@pytest.mark.slow
def test_a_free_site_never_raises_the_cost(seed: int, periods: str) -> None:
    """A candidate like another site, but with nothing to pay for opening it, can only help."""
    scenario = small(seed)
    facts = {name: table for name, table in scenario.tables.items() if name != "inventory"}
    without = Scenario(scenario.settings, facts)
    twin = (
        without.table("sites")
        .iloc[2:3]
        .assign(site_id="FREE", fixed_cost_per_day=0.0, opening_cost=0.0, status="candidate")
    )
    lanes = without.table("lanes")
    own = pd.concat(
        [
            lanes[lanes[end] == "W2"].assign(**{end: "FREE"})
            for end in ("origin_id", "destination_id")
        ]
    )
    more = changed(
        without,
        sites=pd.concat([without.table("sites"), twin], ignore_index=True),
        lanes=pd.concat([lanes, own], ignore_index=True),
    )
    before, after = designed(without, periods).objective, designed(more, periods).objective
    assert before is not None
    assert after is not None
    assert after <= before * (1.0 + SLACK)


@settings(max_examples=4, deadline=None)
@given(seeds, kinds, st.randoms(use_true_random=False))
def test_rows_in_any_order_give_the_same_cost(seed: int, periods: str, random: object) -> None:
    """All tables shuffled: the same objective and a bound that agrees with it."""
    scenario = small(seed)
    state = np.random.default_rng(random.randrange(2**32))  # type: ignore[attr-defined]
    shuffled = {
        name: table.iloc[state.permutation(len(table))].reset_index(drop=True)
        for name, table in scenario.tables.items()
    }
    first = designed(scenario, periods)
    second = designed(Scenario(scenario.settings, shuffled), periods)
    assert first.objective is not None
    assert second.objective is not None
    assert second.bound is not None
    assert abs(second.objective - first.objective) <= SLACK * first.objective
    assert second.bound <= first.objective * (1.0 + SLACK)


@settings(max_examples=4, deadline=None)
@given(seeds, kinds, st.sampled_from(["sites", "supplier_products"]), st.floats(1.01, 4.0))
def test_more_room_never_raises_the_bound(
    seed: int, periods: str, table: str, times: float
) -> None:
    """Wider docks, or suppliers that make more: bound and cost go down or stay."""
    scenario = small(seed)
    column = {"sites": "outbound_units_per_day", "supplier_products": "capacity_per_week"}[table]
    rows = scenario.table(table)
    wide = changed(scenario, **{table: rows.assign(**{column: rows[column] * times})})
    before, after = designed(scenario, periods), designed(wide, periods)
    assert before.bound is not None
    assert before.objective is not None
    assert after.bound is not None
    assert after.objective is not None
    assert after.bound <= before.objective * (1.0 + SLACK)
    assert after.objective <= before.objective * (1.0 + SLACK)
    assert after.bound <= before.bound * (1.0 + SLACK)
