"""A comparison that was measured: plans simulated side by side, drivers of cost, robust choice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import select

from api.routes.comparisons import ANSWER
from api.routes.context import Context
from api.store.documents import plan_files
from api.store.rows import RunRow
from api.words.language import Language
from api.words.sentences import driver_said

LOOKED_AT: Final = 200  # newest comparisons, of which one may be about the same plans
CHOICES: Final = ("expected", "worst", "regret")


def comparison_run(here: Context, baseline: str, candidate: str) -> RunRow | None:
    """Return the newest comparison of a baseline with a candidate that did not fail."""
    query = select(RunRow).where(RunRow.kind == "comparison", RunRow.state != "failed")
    with here.database.session() as session:
        for row in session.scalars(query.order_by(RunRow.created_at.desc()).limit(LOOKED_AT)):
            told = row.request.get("comparison") or {}
            if row.request.get("plan") == baseline and candidate in told.get("candidates", []):
                return row
    return None


def comparison_of(here: Context, run: RunRow | None) -> dict[str, Any] | None:
    """Return what a comparison found; None while it is not there."""
    if run is None or run.state != "succeeded" or run.plan_id is None:
        return None
    files = plan_files(here.blobs, here.plan(run.plan_id).manifest)
    found: dict[str, Any] = json.loads(here.blobs.get(files[ANSWER]))
    return found


def shown(
    language: Language, document: Mapping[str, Any], candidate: str, names: Mapping[str, str]
) -> dict[str, Any]:
    """Return what a page shows of a comparison, of one candidate and of the choice among all.

    Parameters
    ----------
    names : what plans are called, by id
    """
    base_name, own_name = language.t("Baseline"), language.t("Candidate")
    names = {**names, str(document["baseline"]): base_name, candidate: own_name}
    fall = document["waterfalls"].get(candidate)
    own = {row["kpi"]: row for row in document["kpis"] if row["side"] == candidate}
    base = {row["kpi"]: row for row in document["kpis"] if row["side"] == document["baseline"]}
    robust = document["robust"]
    return {
        "replications": document["replications"],
        "notes": [*document["notes"], *robust["notes"]],
        "inputs": document["inputs"][candidate],
        "fall": fall and {
            **fall,
            "bars": [
                {"purchases": None, **bar, "said": driver_said(language, bar["driver"])}
                for bar in fall["bars"]
            ],
        },
        "figures": [
            {
                "kpi": name,
                "unit": row["unit"],
                "before": base[name]["value"],
                "after": row["value"],
                "change": row["difference"],
                "sure": _is_sure(row["difference"]),
            }
            for name, row in own.items()
        ],
        "scenarios": [names.get(name, name) for name in robust["scenarios"]],
        "choices": [
            {
                "plan": plan,
                "name": names.get(plan, plan),
                "costs": list(zip(robust["cost"][at], robust["half_width"][at], strict=True)),
                **{name: robust[name][at] for name in CHOICES},
                "best": [name for name in CHOICES if robust[f"best_{name}"] == plan],
            }
            for at, plan in enumerate(robust["plans"])
        ],
    }  # fmt: skip


def _is_sure(difference: Mapping[str, Any]) -> bool:
    """Say whether a difference's interval leaves out nought."""
    low, high = difference["low"], difference["high"]
    return low is not None and high is not None and (low > 0.0 or high < 0.0)
