"""What gates are judged on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from optimizer.plan import Plan
from scenarios import Findings
from scenarios.settings import Settings

Counts = Mapping[tuple[str, str, str], int]


@dataclass(frozen=True, slots=True)
class Dated:
    """A plan and the days that it is for.

    Attributes
    ----------
    start : first day
    days : length of the horizon
    """

    plan: Plan
    start: dt.date
    days: int

    @classmethod
    def of(cls, plan: Plan, settings: Settings) -> Dated:
        """Take the days from the settings of the plan's scenario."""
        each = 7 if settings.bucket == "week" else 1
        return cls(plan, settings.start_date, each * settings.horizon_buckets)

    @property
    def end(self) -> dt.date:
        """First day behind the horizon."""
        return self.start + dt.timedelta(days=self.days)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a judgement looks at.

    Attributes
    ----------
    today : the plan that is judged
    yesterday : the plan that is published; None: there is none
    findings : how often each (code, table, severity) was noticed; None: nobody looked
    violations : what the referee said when it was asked again; None: it was not
    """

    today: Dated
    yesterday: Dated | None = None
    findings: Counts | None = None
    violations: tuple[str, ...] | None = None


def finding_counts(found: Findings | Iterable[Mapping[str, object]]) -> Counts:
    """Return how often each (code, table, severity) was noticed.

    Parameters
    ----------
    found : findings, counted beyond what is kept of each rule; or rows as JSON has them
    """
    counts: dict[tuple[str, str, str], int] = {}
    if isinstance(found, Findings):
        for (code, table, _, severity), count in found.counts.items():
            key = (code, table, str(severity))
            counts[key] = counts.get(key, 0) + count
        return counts
    for row in found:
        key = (str(row["code"]), str(row.get("table", "")), str(row["severity"]))
        counts[key] = counts.get(key, 0) + 1
    return counts
