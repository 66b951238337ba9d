"""What was noticed about a scenario: one row per thing, with the place and the remedy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pandas as pd

CAP_PER_RULE = 100


class Severity(StrEnum):
    """How bad it is: an error stops the run, a warning is planned around, info is told."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was noticed.

    Attributes
    ----------
    code : name of the rule, as in "unknown_reference"
    table, column : where; "" where it is not about one
    row : line of the file or row of the sheet as the planner counts it; None for a whole table
    value : the value as it was given, "" where there is none
    hint : what to do about it
    parameters : the names and values that stand in the hint, for other languages
    """

    code: str
    severity: Severity
    table: str
    row: int | None
    column: str
    value: str
    hint: str
    parameters: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """Return the finding on one line."""
        place = ".".join(part for part in (self.table, self.column) if part) or "scenario"
        where = f"{place} row {self.row}" if self.row is not None else place
        given = f" (given: {self.value})" if self.value else ""
        return f"{self.severity}: {self.code}: {where}: {self.hint}{given}"

    def document(self) -> dict[str, Any]:
        """Return the finding as JSON shows it."""
        return {
            "code": self.code,
            "severity": str(self.severity),
            "table": self.table,
            "row": self.row,
            "column": self.column,
            "value": self.value,
            "hint": self.hint,
        }


class Findings:
    """A list of findings that keeps the first of each rule and counts them all.

    The cap holds per (code, table, column), so that one bad column cannot hide another.
    """

    def __init__(self, cap: int = CAP_PER_RULE) -> None:
        self.cap = cap
        self._kept: list[Finding] = []
        self._count: Counter[tuple[str, str, str, Severity]] = Counter()

    def add(
        self,
        code: str,
        severity: Severity,
        hint: str,
        *,
        table: str = "",
        column: str = "",
        row: int | None = None,
        value: object = "",
        count: int = 1,
        parameters: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Note one finding; `count` > 1 says how often the same was seen."""
        key = (code, table, column, severity)
        if self._count[key] < self.cap:
            shown = "" if value is None else str(value)[:200]
            self._kept.append(Finding(code, severity, table, row, column, shown, hint, parameters))
        self._count[key] += count

    def add_rows(
        self,
        code: str,
        severity: Severity,
        hint: str,
        *,
        table: str,
        column: str,
        rows: Iterable[int],
        values: Iterable[object],
    ) -> None:
        """Note the same finding for many rows; rows beyond the cap are counted only."""
        for row, value in zip(rows, values, strict=True):
            self.add(code, severity, hint, table=table, column=column, row=row, value=value)

    def count_more(
        self, code: str, severity: Severity, count: int, *, table: str = "", column: str = ""
    ) -> None:
        """Count further findings of a rule of which no more are kept."""
        self._count[(code, table, column, severity)] += count

    def extend(self, other: Findings) -> None:
        """Take over what another list kept and counted."""
        self._kept += other._kept
        self._count += other._count

    def __iter__(self) -> Iterator[Finding]:
        """Iterate over the findings that were kept."""
        return iter(self._kept)

    def __len__(self) -> int:
        """Count the findings that were kept."""
        return len(self._kept)

    @property
    def counts(self) -> dict[tuple[str, str, str, Severity], int]:
        """How often each (code, table, column, severity) was seen, kept or not."""
        return dict(self._count)

    def total(self, severity: Severity) -> int:
        """How many findings of a severity were seen, kept or not."""
        return sum(count for key, count in self._count.items() if key[3] == severity)

    @property
    def errors(self) -> list[Finding]:
        """The errors that were kept."""
        return [finding for finding in self._kept if finding.severity == Severity.ERROR]

    def frame(self) -> pd.DataFrame:
        """Return the kept findings as a table: severity, code, table, row, column, value, hint."""
        columns = ["severity", "code", "table", "row", "column", "value", "hint"]
        return pd.DataFrame(
            [
                [
                    str(getattr(finding, c)) if c == "severity" else getattr(finding, c)
                    for c in columns
                ]
                for finding in self._kept
            ],
            columns=columns,
        ).astype({"row": "Int64"})
