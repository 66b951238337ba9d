"""The stress suite of one risk: it happens, without and with its playbook."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from optimizer.plan import Plan
from scenarios import InputError, NotFound, Scenario
from simulation.suites import Suite, read_suite


def risk_document(plan: Plan, risk_id: str) -> dict[str, Any]:
    """Return the suite of a risk of a plan, as a suite file states it.

    Its case is the disruption of the register's row, certain to happen (`probability` weighs the
    money, not the simulation); with a playbook the case is drilled.

    Raises
    ------
    NotFound
        The plan has no such risk.
    InputError
        The simulator has nothing that stands for it.
    """
    row = risk_row(plan, risk_id)
    if row["simulation"] is None:
        raise InputError(f"the risk {risk_id} is not simulated: {row['message']}")
    document: dict[str, Any] = {
        "name": f"risk {risk_id}",
        "case": [
            {
                "name": risk_id,
                "title": _title(row),
                "disruption": [json.loads(row["simulation"])],
            }
        ],
    }
    if row["playbook_id"] is not None:
        document["drill"] = [{"case": risk_id, "playbooks": [row["playbook_id"]]}]
    return document


def risk_suite(scenario: Scenario, plan: Plan, risk_id: str) -> Suite:
    """Return the suite of a risk of a plan; see :func:`risk_document`."""
    return read_suite(risk_document(plan, risk_id), scenario)


def risk_row(plan: Plan, risk_id: str) -> Mapping[str, Any]:
    """Return the row of a risk, blanks as None.

    Raises
    ------
    NotFound
        The plan has no such risk.
    """
    from optimizer.plan import records

    rows = plan.table("risks")
    found = rows[rows["risk_id"] == risk_id]
    if not len(found):
        raise NotFound(f"the plan has no risk {risk_id!r}; `holdfast risks PLAN` lists them")
    return records(found)[0]


def _title(row: Mapping[str, Any]) -> str:
    """Return what happens, in the words of the register: what stands before the chance."""
    return str(row["message"]).partition(": ")[0]
