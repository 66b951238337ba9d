"""Plans come out again bit for bit, and every planted difference is named."""

from __future__ import annotations

import dataclasses
from typing import Any

import pandas as pd
import pytest

from optimizer.pipeline import plan
from optimizer.plan import Plan
from optimizer.rerun import Rerun, causes_of, content_hash, differences, rerun
from scenarios import Scenario


@pytest.fixture(scope="module")
def parcels(corner_shop: Scenario) -> Plan:
    """A plan of parcels only."""
    return plan(corner_shop, ["sourcing"], work=1.0)


def remade(made: Plan, **provenance: Any) -> Plan:
    """Return a plan with another provenance."""
    return Plan(dataclasses.replace(made.provenance, **provenance), made.tables, made.notes)


def whats(found: Rerun) -> set[str]:
    """Return the kinds of causes."""
    return {cause.what for cause in found.causes}


def test_a_plan_comes_out_again_bit_for_bit(corner_shop: Scenario, parcels: Plan) -> None:
    """Same scenario, code, options and seed: no cause, no difference, the same hash."""
    found = rerun(parcels, corner_shop)
    assert (found.same, found.causes, found.differences) == (True, (), ())
    assert found.made is not None
    assert content_hash(found.made) == content_hash(parcels)


def test_a_plan_that_did_not_need_its_seconds_comes_out_again(corner_shop: Scenario) -> None:
    """Limited by 60 seconds, ended long before: what the clock says plays no part."""
    made = plan(corner_shop, ["sourcing"], seconds=60.0)
    assert rerun(made, corner_shop).same


def test_other_data_is_named(corner_shop: Scenario, parcels: Plan) -> None:
    """A scenario with another price is not the one that was planned: it is not planned again."""
    tables = {name: corner_shop.table(name) for name in corner_shop.tables}
    tables["products"] = tables["products"].assign(unit_cost=1.0)
    found = rerun(parcels, Scenario(corner_shop.settings, tables))
    assert whats(found) == {"data"}
    assert found.made is None
    assert not found.same


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"code_version": "0.0.1"}, "code"),
        ({"code_digest": "0" * 64}, "code"),
        ({"code_digest": ""}, "code"),
        ({"solver_versions": {"highspy": "0.1"}}, "solver"),
        ({"solver_versions": {"no-such-solver": "1.0"}}, "solver"),
        ({"machine": {"numpy": "1.0"}}, "machine"),
    ],
)
def test_other_code_solver_or_machine_is_named(
    corner_shop: Scenario, parcels: Plan, change: dict[str, Any], what: str
) -> None:
    """Each is told, and what was then and is now."""
    causes = causes_of(remade(parcels, **change), corner_shop)
    assert [cause.what for cause in causes] == [what]
    assert causes[0].then != causes[0].now


@pytest.mark.parametrize(
    "options",
    [
        {"stages": ["sourcing", "no-such-stage"], "seconds": None, "work": 1.0},
        {"stages": ["sourcing"], "seconds": None, "work": 1.0, "measure": "regret"},
        {"stages": ["rerouting"], "seconds": None, "work": 1.0, "previous": "/no/such/plan"},
    ],
)
def test_options_that_mean_nothing_any_more_are_named(
    corner_shop: Scenario, parcels: Plan, options: dict[str, Any]
) -> None:
    """A stage that is gone, an option without its stage, a plan that is not there any more."""
    found = rerun(remade(parcels, options=options), corner_shop)
    assert "options" in whats(found)
    assert found.made is None


def test_a_stage_ended_by_the_clock_is_named(corner_shop: Scenario, parcels: Plan) -> None:
    """Where a search ends when time is up depends on the machine; its work is done again."""
    tables = dict(parcels.tables)
    tables["certificates"] = tables["certificates"].assign(termination="time_limit")
    options = parcels.provenance.options | {"seconds": 1.0, "work": None}
    made = Plan(dataclasses.replace(parcels.provenance, options=options), tables)
    found = rerun(made, corner_shop)
    assert [cause.what for cause in found.causes] == ["time"]
    assert found.made is not None
    assert found.made.provenance.options["work"] == dict(parcels.provenance.work)
    assert "certificates.termination: 1 of 1 rows" in found.differences


def test_a_plan_that_was_edited_does_not_come_out_again(
    corner_shop: Scenario, parcels: Plan
) -> None:
    """One cost a hair larger: its column is named, and that nothing recorded explains it."""
    tables = dict(parcels.tables)
    rows = tables["shipments"].copy()
    rows.loc[0, "cost"] = rows.loc[0, "cost"] * (1.0 + 1e-15) + 1e-12
    tables["shipments"] = rows
    edited = Plan(parcels.provenance, tables)
    found = rerun(edited, corner_shop)
    assert found.differences == (f"shipments.cost: 1 of {len(rows)} rows",)
    assert found.causes == ()
    assert content_hash(edited) != content_hash(parcels)


def test_another_seed_is_another_plan_only_where_chance_plays(
    corner_shop: Scenario, parcels: Plan
) -> None:
    """The recorded seed is used, not the scenario's: a plan says what made it."""
    found = rerun(remade(parcels, seed=99), corner_shop)
    assert found.made is not None
    assert found.made.provenance.seed == 99


def test_times_are_not_compared(parcels: Plan) -> None:
    """Two runs never take the same seconds; blanks equal blanks."""
    tables = dict(parcels.tables)
    tables["certificates"] = tables["certificates"].assign(wall_seconds=123.0)
    other = Plan(parcels.provenance, tables)
    assert differences(parcels, other) == []
    assert content_hash(other) == content_hash(parcels)


def test_a_table_more_or_a_row_less_is_a_difference(parcels: Plan) -> None:
    """Tables and lengths are compared before cells."""
    tables = dict(parcels.tables)
    lines = tables["shipment_lines"]
    tables["shipment_lines"] = lines.iloc[1:]
    tables["alerts"] = pd.DataFrame()
    found = differences(parcels, Plan(parcels.provenance, tables))
    assert found == [f"shipment_lines: {len(lines)} rows, not {len(lines) - 1}"]
