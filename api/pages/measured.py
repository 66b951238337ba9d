"""A comparison that was measured: plans simulated side by side, drivers of cost, robust choice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from api.routes.comparisons import ANSWER
from api.routes.context import Context
from api.services.run_answers import answer_kept, runs_about
from api.store.rows import RunRow
from api.words.language import Language
from api.words.sentences import driver_said

CHOICES: Final = ("expected", "worst", "regret")


def comparison_run(here: Context, baseline: str, candidate: str) -> RunRow | None:
    """Return the newest comparison of a baseline with a candidate that did not fail."""
    for run in runs_about(here.database, "comparison", baseline):
        told = run.request.get("comparison") or {}
        if run.state != "failed" and candidate in told.get("candidates", []):
            return run
    return None


def comparison_of(here: Context, run: RunRow | None) -> dict[str, Any] | None:
    """Return what a comparison found; None while it is not there."""
    if run is None or run.state != "succeeded" or run.plan_id is None:
        return None
    return answer_kept(here.blobs, here.plan(run.plan_id), ANSWER)


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
