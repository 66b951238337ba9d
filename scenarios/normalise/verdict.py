"""What reading one cell may lead to, and how that reaches the findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenarios.findings import Findings, Severity


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was noticed about a cell.

    Attributes
    ----------
    code : name of the rule
    hint : what was done, or what to do
    severity : an error leaves the cell blank; info and warning keep what was read
    """

    code: str
    hint: str
    severity: Severity = Severity.INFO


def wrong(code: str, hint: str) -> Verdict:
    """Return the verdict on a cell that cannot be read."""
    return Verdict(code, hint, Severity.ERROR)


def doubtful(code: str, hint: str) -> Verdict:
    """Return the verdict on a cell that was read, and should be looked at."""
    return Verdict(code, hint, Severity.WARNING)


@dataclass(frozen=True, slots=True)
class Notes:
    """Where the verdicts on one column are written down.

    Attributes
    ----------
    rows : (n,) int64, row of each cell as the planner counts it
    """

    findings: Findings
    table: str
    column: str
    rows: NDArray[np.int64]

    def write(
        self,
        verdicts: Sequence[Verdict | None],
        shown: Sequence[object],
        which: NDArray[np.int64],
    ) -> None:
        """Write down verdicts on distinct cells, each at the rows where the cell stands.

        Parameters
        ----------
        verdicts : one for each distinct cell; None where there is nothing to tell
        shown : the distinct cells as they were given
        which : (n,) distinct cell of each row, -1 for a blank
        """
        codes: dict[tuple[str, Severity], int] = {}
        group = np.full(len(verdicts) + 1, -1, dtype=np.int64)  # the last stands for a blank
        for place, verdict in enumerate(verdicts):
            if verdict is not None:
                key = (verdict.code, verdict.severity)
                group[place] = codes.setdefault(key, len(codes))
        if not codes:
            return
        of_row = group[which]
        for (code, severity), number in codes.items():
            positions = np.flatnonzero(of_row == number)
            if len(positions):
                self._write_one(code, severity, positions, verdicts, shown, which)

    def _write_one(
        self,
        code: str,
        severity: Severity,
        positions: NDArray[np.intp],
        verdicts: Sequence[Verdict | None],
        shown: Sequence[object],
        which: NDArray[np.int64],
    ) -> None:
        """Write one rule: changes as one finding with their count, trouble cell by cell."""
        listed = positions[:1] if severity == Severity.INFO else positions[: self.findings.cap]
        for place, position in enumerate(listed):
            distinct = int(which[position])
            verdict = verdicts[distinct]
            hint = "" if verdict is None else verdict.hint
            if severity == Severity.INFO and len(positions) > 1:
                hint = f"{hint} (in {len(positions):,} cells; this is the first)"
            rest = len(positions) - len(listed) if place == len(listed) - 1 else 0
            self.findings.add(
                code,
                severity,
                hint,
                table=self.table,
                column=self.column,
                row=int(self.rows[position]),
                value=shown_text(shown[distinct]),
                count=1 + rest,
            )


def shown_text(cell: Any) -> str:
    """Return a cell as a finding shows it: whole numbers without a fraction, blanks visible."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e16:
        return str(int(cell))
    if isinstance(cell, str) and cell != cell.strip():
        return repr(cell)[:200]
    return str(cell)[:200]
