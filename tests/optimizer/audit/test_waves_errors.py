"""Errors planted in waves: the referee finds each one and names it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "allocation"))

from wave_worlds import START, day, order, plan_day, scenario_of, sent

from optimizer.audit.waves import check
from optimizer.plan import conform
from scenarios import Scenario

Tables = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def sound() -> tuple[Scenario, Tables]:
    """Three parcels of 4 units, of which two are picked by 10:00 and one leaves a day later."""
    rows = day([(8, 4, 10), (9, 4, 10), (12, 4, 10)])
    order(rows, "O1", 4)
    order(rows, "O2", 4, release_at=START + pd.Timedelta(hours=9))
    order(rows, "O3", 4, priority=9)
    scenario = scenario_of(rows)
    result, _ = plan_day(scenario)
    tables = sent(scenario)
    return scenario, tables | {n: conform(n, frame) for n, frame in result.tables.items()}


def _change(name: str, column: str, value: object, row: int = 0) -> Callable[[Tables], None]:
    def apply(tables: Tables) -> None:
        frame = tables[name].copy()
        frame.loc[row, column] = value
        tables[name] = frame

    return apply


def _drop(name: str) -> Callable[[Tables], None]:
    def apply(tables: Tables) -> None:
        tables[name] = tables[name].iloc[1:].reset_index(drop=True)

    return apply


def _double(name: str) -> Callable[[Tables], None]:
    def apply(tables: Tables) -> None:
        tables[name] = pd.concat([tables[name], tables[name].iloc[:1]], ignore_index=True)

    return apply


def _hour(clock: int) -> pd.Timestamp:
    return START + pd.Timedelta(hours=clock)


ERRORS = {
    "stated_twice": _double("wave_parcels"),
    "no_such_parcel": _change("wave_parcels", "shipment_id", "X"),
    "no_such_wave": _change("wave_parcels", "wave_id", "X"),
    "wave_of_another_site_or_carrier": _change("waves", "carrier_id", "X"),
    "not_with_its_wave": _change("wave_parcels", "pick_from", _hour(7)),
    "counts_differ": _change("waves", "parcels", 5),
    "ends_before_it_begins": _change("wave_parcels", "picked_by", _hour(6)),
    "loaded_before_it_is_picked": _change("wave_parcels", "loaded_by", _hour(8)),
    "loaded_after_its_departure": _change("wave_parcels", "loaded_by", START + pd.Timedelta("9D")),
    "no_such_departure": _change("waves", "cutoff_at", _hour(11)),
    "not_told": _drop("missed_cutoffs"),
    "is_in_time": _change("missed_cutoffs", "shipment_id", "O1.1"),
    "cutoff_differs": _change("missed_cutoffs", "cutoff_at", _hour(11)),
    "days_differ": _change("missed_cutoffs", "days_late", 2.0),
    "leaves_differs": _change("missed_cutoffs", "leaves_at", START + pd.Timedelta("58h")),
    "cost_differs": _change("missed_cutoffs", "cost", 1.0),
    "proven_but_could_make_it": _change("missed_cutoffs", "proof", "proven"),
}


@pytest.mark.parametrize("code", ERRORS)
def test_a_planted_error_is_found(sound: tuple[Scenario, Tables], code: str) -> None:
    """The rule that is broken is named."""
    scenario, tables = sound[0], dict(sound[1])
    ERRORS[code](tables)
    assert code in {violation.code for violation in check(scenario, tables).violations}


def test_an_overfull_hour_is_found(sound: tuple[Scenario, Tables]) -> None:
    """The late parcel squeezed into the first hour makes 8 units where 4 are picked."""
    scenario, tables = sound[0], dict(sound[1])
    placed = tables["wave_parcels"].set_index("shipment_id")
    placed.loc["O3.1"] = placed.loc["O1.1"]
    tables["wave_parcels"] = placed.reset_index()
    codes = {violation.code for violation in check(scenario, tables).violations}
    assert "above_pick_units" in codes


def test_picking_before_release_is_found(sound: tuple[Scenario, Tables]) -> None:
    """O2 is released at 09:00: a wave from 08:00 is too early for it."""
    scenario, tables = sound[0], dict(sound[1])
    placed = tables["wave_parcels"].set_index("shipment_id")
    placed.loc["O2.1"] = placed.loc["O1.1"]
    tables["wave_parcels"] = placed.reset_index()
    codes = {violation.code for violation in check(scenario, tables).violations}
    assert "picked_before_release" in codes


def test_an_overfull_dock_is_found(sound: tuple[Scenario, Tables]) -> None:
    """Where the hour loads half a parcel, loading one in it is too much."""
    scenario, tables = sound
    narrow = scenario.table("work_capacity").assign(dock_parcels=0.5)
    other = Scenario(scenario.settings, {**scenario.tables, "work_capacity": narrow})
    codes = {violation.code for violation in check(other, tables).violations}
    assert "above_dock_parcels" in codes
