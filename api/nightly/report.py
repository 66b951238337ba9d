"""The report of a night: what was planned, against yesterday, what the gates and the data say."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

import pandas as pd

from api.nightly.night import Night, NightTask
from optimizer.gates import Judgement
from optimizer.plan import Plan, records

REPORT_FORMAT: Final = 1
MOST_ALERTS: Final = 50
MOST_KPIS: Final = 400
MOST_RISKS: Final = 12
Outcome = Literal["published", "held", "cancelled", "failed"]
OBJECTIVE: Final = "objective"


@dataclass(frozen=True, slots=True)
class Told:
    """What a report says besides what the night has come to.

    Attributes
    ----------
    night : its name, as 2026-11-26
    previous : name or id of the plan that was published before; blank: none
    reason : why it failed or was held, in words
    """

    night: str
    outcome: Outcome
    started_at: dt.datetime
    ended_at: dt.datetime
    previous: str = ""
    reason: str = ""
    findings: tuple[Mapping[str, Any], ...] = field(default_factory=tuple)


def report_document(
    told: Told, task: NightTask | None, night: Night | None, judgement: Judgement | None = None
) -> dict[str, Any]:
    """Return a night's report as plain values that JSON can hold.

    Parameters
    ----------
    task, night : None where it failed before there was one
    judgement : with overrides; None: the night's own
    """
    before = None if task is None or task.previous is None else task.previous.plan
    document: dict[str, Any] = {
        "format": REPORT_FORMAT,
        "night": told.night,
        "outcome": told.outcome,
        "reason": told.reason,
        "started_at": told.started_at.isoformat(timespec="seconds"),
        "ended_at": told.ended_at.isoformat(timespec="seconds"),
        "previous": told.previous or None,
        "scenario": None if task is None else _scenario(task),
        "on_order": None if task is None else dict(task.on_order) or None,
        "findings": {"counts": {}, "by_rule": [], "first": [dict(f) for f in told.findings]},
        "gates": None,
        "steps": [],
        "planned": {},
        "stages": [],
        "kpis": [],
        "alerts": {"counts": {}, "first": []},
        "risks": {"counts": {}, "first": []},
        "stress": [],
        "notes": [],
    }
    if night is None:
        document["findings"]["counts"] = _severities(told.findings)
        return document
    made = night.plan
    return document | {
        "findings": _findings(night),
        "gates": (judgement or night.judgement).document(),
        "steps": [asdict(step) for step in night.steps],
        "planned": {name: len(frame) for name, frame in made.tables.items()},
        "stages": records(made.table("certificates")),
        "kpis": kpi_rows(made, before),
        "alerts": _alerts(made),
        "risks": _risks(made),
        "stress": _stress(made),
        "notes": [note for notes in made.notes.values() for note in notes],
    }


def kpi_rows(made: Plan, before: Plan | None) -> list[dict[str, Any]]:
    """Return key figures beside yesterday's; what a plan lacks is null, not zero.

    Terms of objectives are told by their stage's certificate and left out.
    """
    key = ["kpi", "variant", "scope"]
    today = made.table("kpis")
    today = today.assign(variant=today["variant"].fillna(""))
    today = today[~today["variant"].str.endswith(OBJECTIVE)]
    old = pd.DataFrame(columns=[*key, "value"]) if before is None else before.table("kpis")
    old = old.assign(variant=old["variant"].fillna(""))[[*key, "value"]]
    joined = today.merge(old, how="left", on=key, suffixes=("", "_yesterday"))
    joined["change"] = joined["value"] - joined["value_yesterday"].astype("float64")
    joined = joined.rename(columns={"value_yesterday": "yesterday"})
    shown = joined[[*key, "unit", "value", "yesterday", "change"]].head(MOST_KPIS)
    return records(shown)


def _scenario(task: NightTask) -> dict[str, Any]:
    settings = task.scenario.settings
    return {
        "name": settings.name,
        "hash": task.scenario.content_hash,
        "start_date": settings.start_date.isoformat(),
        "horizon_buckets": settings.horizon_buckets,
        "bucket": settings.bucket,
        "currency": settings.currency,
    }


def _findings(night: Night) -> dict[str, Any]:
    severities: dict[str, int] = {}
    for (_, _, severity), count in night.counts.items():
        severities[severity] = severities.get(severity, 0) + count
    by_rule = [
        {"code": code, "table": table, "severity": severity, "count": count}
        for (code, table, severity), count in night.counts.items()
    ]
    return {"counts": severities, "by_rule": by_rule, "first": [dict(f) for f in night.findings]}


def _severities(findings: tuple[Mapping[str, Any], ...]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for finding in findings:
        counts[str(finding["severity"])] = counts.get(str(finding["severity"]), 0) + 1
    return counts


def _alerts(made: Plan) -> dict[str, Any]:
    alerts = made.table("alerts")
    order = alerts["severity"].map({"critical": 0, "warning": 1, "info": 2})
    worst = alerts.assign(order=order).sort_values(
        ["order", "value"], ascending=[True, False], kind="stable"
    )
    counts = alerts["severity"].value_counts()
    return {
        "counts": {str(severity): int(count) for severity, count in counts.items()},
        "first": records(worst.drop(columns="order").head(MOST_ALERTS)),
    }


def _risks(made: Plan) -> dict[str, Any]:
    """Return how many risks are raised, quiet and not known, and the raised ones first in line."""
    table = made.table("risks")
    counts = table["state"].value_counts()
    raised = table[table["state"] == "raised"]
    shown = ["risk_id", "kind", "entity", "probability", "loss", "expected_loss", "horizon_days",
             "playbook_id", "message", "message_zh"]  # fmt: skip
    return {
        "counts": {str(state): int(count) for state, count in counts.items()},
        "first": records(raised[shown].head(MOST_RISKS)),
    }


def _stress(made: Plan) -> list[dict[str, Any]]:
    rows = made.table("stress_results")
    shown = rows[
        rows["scope"].eq("all") & (rows["kpi"].eq("fill_rate") | rows["passed"].notna())
        | rows["passed"].notna()
    ]
    return records(shown)
