"""The referee asked again, whether what a plan says follows from the facts."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from optimizer.moved import with_transfers
from optimizer.outcome import Status, Termination
from optimizer.pipeline import audit_stage
from optimizer.plan import Plan
from optimizer.stage import Certificate, StageResult
from optimizer.stages import STAGES
from scenarios import AuditError, InputError, Scenario
from scenarios.gazetteer import fill_coordinates

MOVES_FIRST = "positioning"  # its transfers are facts to the stages behind it
MOVED = "TP-"  # begins their ids


def audited_again(scenario: Scenario, plan: Plan) -> tuple[str, ...]:
    """Hold every stage of a plan against the facts, as when it was made.

    Parameters
    ----------
    scenario : that the plan was made from

    Returns
    -------
    violations : what is wrong, one sentence each

    Raises
    ------
    InputError
        The plan belongs to another scenario.
    """
    if plan.provenance.scenario_hash != scenario.content_hash:
        raise InputError(
            f"the plan was made from another scenario (hash {plan.provenance.scenario_hash[:12]},"
            f" this one is {scenario.content_hash[:12]})"
        )
    certificates = plan.table("certificates")
    placed, _ = fill_coordinates(scenario)
    wishes = plan.provenance.options
    tables: Mapping[str, pd.DataFrame] = plan.tables
    moves = plan.table("transfers")
    early = moves["transfer_id"].str.startswith(MOVED).astype(bool)
    found: list[str] = []
    for row in certificates.itertuples(index=False):
        if row.stage == MOVES_FIRST:
            tables = {**plan.tables, "transfers": moves[early]}
        options = {name: str(wishes[name]) for name in STAGES[row.stage].options if name in wishes}
        certificate = Certificate(
            row.stage, row.engine, Status(row.status), Termination(row.termination),
            _number(row.objective), _number(row.bound), float(row.wall_seconds),
        )  # fmt: skip
        try:
            audit_stage(row.stage, placed, tables, StageResult({}, certificate), options)
        except AuditError as error:
            found += [str(violation) for violation in error.violations]
        if row.stage == MOVES_FIRST:
            placed = with_transfers(placed, moves[early])
            tables = {**plan.tables, "transfers": moves[~early]}
    return tuple(found)


def _number(value: float) -> float | None:
    return None if value != value else float(value)  # noqa: PLR0124 - a blank is not a number
