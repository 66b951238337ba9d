"""Hard limits on CO2e: which stage holds to which, and what of it they count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from scenarios.scenario import Scenario

READ_BY: Mapping[str, tuple[str, ...]] = {
    "network": ("all", "stage"),
    "positioning": ("all", "stage", "site"),
    "replenishment": ("all", "stage", "supplier"),
    "rolling": ("all", "stage", "supplier"),
    "buyer": ("all", "stage", "supplier"),
    "sourcing": ("all", "stage", "site"),
    "routing": ("all", "stage", "site"),
}
"""Kinds of scope by the stage that keeps them; `all` and `stage` count all that it plans."""


@dataclass(frozen=True, slots=True)
class Co2Limit:
    """A hard limit on grams, as one stage counts it.

    Attributes
    ----------
    kind, name : whose emissions count: ("all", ""), ("site", id) or ("supplier", id)
    first, behind : days that count, the last one not included; None: all days
    """

    limit_id: str
    kind: str
    name: str
    first: pd.Timestamp | None
    behind: pd.Timestamp | None
    grams: float

    def on(self, days: pd.Series) -> pd.Series:
        """Say of each day whether it counts."""
        if self.first is None:
            return pd.Series(True, index=days.index)
        return (days >= self.first) & (days < self.behind)


def co2_limits(scenario: Scenario, stage: str) -> tuple[tuple[Co2Limit, ...], tuple[str, ...]]:
    """Return the hard limits on CO2e that a stage keeps, by id, and notes on soft ones.

    A limit with a bucket counts what is done in it, one without all that the stage plans. Scope
    `all` holds for each stage by itself, not for their sum.

    Parameters
    ----------
    stage : a key of `READ_BY`
    """
    rows = scenario.table("limits")
    rows = rows[(rows["kind"] == "co2") & (rows["sense"] == "<=")].sort_values("limit_id")
    found, notes = [], []
    for row in rows.itertuples():
        kind, _, name = str(row.scope).partition(":")
        kind, name = kind.strip(), name.strip()
        if kind not in READ_BY[stage] or (kind == "stage" and name != stage):
            continue
        if not row.hard:
            notes.append(f"Limit {row.limit_id} on CO2e is soft: {stage} is not held to it.")
            continue
        first = None if pd.isna(row.bucket) else pd.Timestamp(row.bucket)
        behind = None if first is None else first + pd.Timedelta(
            days=scenario.settings.bucket_days
        )  # fmt: skip
        whose = ("all", "") if kind == "stage" else (kind, name)
        found.append(Co2Limit(str(row.limit_id), *whose, first, behind, float(row.value)))
    return tuple(found), tuple(notes)
