"""What is wrong with a scenario in files: everything that reading and the rules noticed."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from scenarios.findings import Findings, Severity
from scenarios.scenario import Scenario
from scenarios.validation.rules import validate

Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Examination:
    """What came of looking at a scenario.

    Attributes
    ----------
    scenario : with blanks where a cell could not be read; None where nothing could be
    findings : of reading first, then of the rules
    """

    scenario: Scenario | None
    findings: Findings

    @property
    def is_fit(self) -> bool:
        """Whether a plan may be made of it: it was read, and nothing is an error."""
        return self.scenario is not None and self.findings.total(Severity.ERROR) == 0


def examine(path: Path) -> Examination:
    """Read a scenario as far as possible and validate what was read.

    Raises
    ------
    NotFound
        There is nothing at the path.
    """
    from scenarios.files import examine_path

    reading = examine_path(path)
    if reading.scenario is None:
        return Examination(None, reading.findings)
    findings = Findings()
    findings.extend(reading.findings)
    findings.extend(without_echoes(validate(reading.scenario), reading.findings))
    return Examination(reading.scenario, findings)


def without_echoes(found: Findings, said: Findings) -> Findings:
    """Return findings without those on cells that already have an error.

    A cell that could not be read is blank in the scenario; that it is blank is no news.
    """
    rows: dict[Place, set[int | None]] = defaultdict(set)
    unread: Counter[Place] = Counter()
    for finding in said.errors:
        rows[(finding.table, finding.column)].add(finding.row)
    for (_, table, column, severity), count in said.counts.items():
        if severity == Severity.ERROR:
            unread[(table, column)] += count
    kept = Findings(found.cap)
    dropped: Counter[tuple[str, str, str, Severity]] = Counter()
    for finding in found:
        place = (finding.table, finding.column)
        key = (finding.code, *place, finding.severity)
        columnwide = finding.code == "missing_column" and unread[place] > 0
        if columnwide or (finding.code == "blank_required" and _is_echo(finding.row, rows[place])):
            dropped[key] += 1
            continue
        kept.add(
            finding.code,
            finding.severity,
            finding.hint,
            table=finding.table,
            column=finding.column,
            row=finding.row,
            value=finding.value,
            parameters=finding.parameters,
        )
    for key, count in found.counts.items():
        code, table, column, severity = key
        beyond = count - dropped[key] - kept.counts.get(key, 0)
        if code == "blank_required":  # cells beyond the cap were counted on both sides
            beyond -= unread[(table, column)] - dropped[key]
        if beyond > 0:
            kept.count_more(code, severity, beyond, table=table, column=column)
    return kept


def _is_echo(row: int | None, rows: set[int | None]) -> bool:
    return row in rows
