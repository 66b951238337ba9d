"""The referee of stock positioning finds what is planted in a plan that it accepts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from optimizer.audit.positioning import check
from optimizer.audit.report import certificate_violations
from optimizer.outcome import Limits
from optimizer.pipeline import run_stage
from optimizer.stage import StageResult
from scenarios import Scenario

sys.path.insert(0, str(Path(__file__).parent.parent / "allocation"))

from positioning_worlds import hand_made

Tables = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def world() -> Scenario:
    """A moves by lane, B serves across; docks, storage and shipments count."""
    return hand_made(
        stock={("A", "W1"): 70.0, ("B", "W1"): 70.0},
        demand={("A", "W1"): 5.0, ("A", "W2"): 5.0, ("B", "W2"): 1.0},
        lane={"cost_per_unit": 0.5, "cost_per_shipment": 30.0, "shipment_kg": 40.0,
              "capacity_kg_per_day": 60.0, "min_fill_pct": 10.0},
        rates=True,
        sites={"outbound_units_per_day": [60.0, 60.0], "inbound_units_per_day": [50.0, 50.0],
               "storage_m3": [100.0, 5.0], "handling_cost_per_unit": [0.1, 0.1]},
        co2_price_per_tonne=100.0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def found(world: Scenario) -> StageResult:
    """What the stage makes of it."""
    return run_stage("positioning", world, {}, Limits(work=1.0))


def test_the_plan_as_made_is_accepted(world: Scenario, found: StageResult) -> None:
    """Both kinds of moves are in it, and the certificate holds."""
    report = check(world, found.tables)
    assert report.violations == ()
    assert found.certificate is not None
    assert certificate_violations(found.certificate, report) == []
    assert report.objective == pytest.approx(found.certificate.objective)
    assert len(found.tables["transfers"]) > 0
    assert len(found.tables["cross_serving"]) > 0
    stated = {kpi.kpi: kpi.value for kpi in found.kpis if kpi.variant == "objective"}
    assert report.terms == pytest.approx(stated)


def change(table: str, column: str, by: Callable[[pd.Series], object]) -> Callable[[Tables], None]:
    """Return a plant that changes a column."""

    def plant(tables: Tables) -> None:
        tables[table] = tables[table].assign(**{column: by(tables[table][column])})

    return plant


def twice(table: str) -> Callable[[Tables], None]:
    """Return a plant that states the first row again."""

    def plant(tables: Tables) -> None:
        tables[table] = pd.concat([tables[table], tables[table].head(1)], ignore_index=True)

    return plant


def lose(table: str) -> Callable[[Tables], None]:
    """Return a plant that loses the first row."""

    def plant(tables: Tables) -> None:
        tables[table] = tables[table].iloc[1:].reset_index(drop=True)

    return plant


PLANTS = {
    "a transfer of half a unit": (
        change("transfers", "qty", lambda qty: qty + 0.5),
        "not_whole_units",
    ),
    "more than lies there": (
        change("transfers", "qty", lambda qty: qty + 100.0),
        "more_than_may_leave",
    ),
    "a way that is not there": (change("transfers", "mode", lambda _: "sea"), "no_such_way"),
    "a day too early": (
        change("transfers", "due_on", lambda day: day - pd.Timedelta(days=1)),
        "due_differs",
    ),
    "not tonight": (
        change("transfers", "ship_on", lambda day: day + pd.Timedelta(days=1)),
        "not_tonight",
    ),
    "a cheaper lane": (change("transfers", "cost", lambda cost: cost - 1.0), "cost_differs"),
    "cleaner than it is": (change("transfers", "g_co2e", lambda grams: grams / 2), "co2_differs"),
    "a transfer twice": (twice("transfers"), "stated_twice"),
    "a transfer left out": (lose("transfers"), "transfer_in_differs"),
    "above the lane": (change("transfers", "qty", lambda qty: qty + 30.0), "above_lane_capacity"),
    "above the dock": (change("transfers", "qty", lambda qty: qty + 30.0), "above_outbound_dock"),
    "above the other dock": (
        change("transfers", "qty", lambda qty: qty + 30.0),
        "above_inbound_dock",
    ),
    "above storage": (change("transfers", "qty", lambda qty: qty + 30.0), "above_storage"),
    "a shipment hardly filled": (
        change("transfers", "qty", lambda qty: np.ones(len(qty))),
        "shipment_not_filled",
    ),
    "held for itself": (
        change("cross_serving", "region_site_id", lambda _: "W1"),
        "no_such_place",
    ),
    "held in parts": (change("cross_serving", "qty", lambda qty: qty - 0.5), "not_whole_units"),
    "held more cheaply": (
        change("cross_serving", "extra_cost", lambda cost: cost + 1.0),
        "extra_cost_differs",
    ),
    "held twice": (twice("cross_serving"), "stated_twice"),
    "another target": (change("positions", "target", lambda units: units + 1.0), "target_differs"),
    "other demand": (
        change("positions", "demand_mean", lambda units: units * 2.0 + 1.0),
        "demand_mean_differs",
    ),
    "less short": (
        change("positions", "expected_short", lambda units: units + 1.0),
        "expected_short_differs",
    ),
    "a position left out": (lose("positions"), "left_out"),
    "a place that is not there": (change("positions", "site_id", lambda _: "W9"), "no_such_place"),
}


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_error_is_found(name: str, world: Scenario, found: StageResult) -> None:
    """Each by its own code."""
    plant, code = PLANTS[name]
    tables = dict(found.tables)
    plant(tables)
    assert code in {violation.code for violation in check(world, tables).violations}


def test_a_transfer_that_the_supplier_beats_is_found(found: StageResult, world: Scenario) -> None:
    """The same transfers where the supplier delivers within a day."""
    tables = {name: world.table(name) for name in world.tables}
    tables["supplier_products"] = tables["supplier_products"].assign(lead_time_mean_days=1.0)
    soon = Scenario(world.settings, tables)
    codes = {violation.code for violation in check(soon, found.tables).violations}
    assert "supplier_is_sooner" in codes


def test_a_held_unit_that_costs_more_than_short_is_found(
    found: StageResult, world: Scenario
) -> None:
    """Parcels from W1 into Z2 at 50 are dearer than 4 for being short."""
    tables = {name: world.table(name) for name in world.tables}
    rates = tables["carrier_rates"]
    far = rates["origin"].str[1] != rates["destination"].str[1]
    tables["carrier_rates"] = rates.assign(base=rates["base"].where(~far, 50.0))
    codes = {v.code for v in check(Scenario(world.settings, tables), found.tables).violations}
    assert "costs_more_than_short" in codes
