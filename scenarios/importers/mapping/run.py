"""A mapping applied to files: a scenario, and what became of every row."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from scenarios.errors import InputError
from scenarios.files.settings_form import raw_settings, read_settings
from scenarios.findings import Finding, Findings, Severity
from scenarios.importers.mapping.cells import Maker, Zones
from scenarios.importers.mapping.joins import join_sources
from scenarios.importers.mapping.rows import TableReport, folded, merged, without
from scenarios.importers.mapping.sources import Source, Texts, assign, read_sheets
from scenarios.importers.mapping.spec import (
    ImportMapping,
    TableRule,
)
from scenarios.normalise import RawTable, cells_of_text, normalise
from scenarios.normalise.cells import STRING
from scenarios.scenario import Scenario
from scenarios.settings import Settings
from scenarios.tables import TABLES, Table

NO_ADDRESS = "address not recognised"
NOTHING_LEFT = "nothing left of it"
AFTER = re.compile(r"^after (\w+)\.(\w+)$")


@dataclass(frozen=True, slots=True)
class Mapped:
    """What came of a mapping.

    Attributes
    ----------
    scenario : with everything of the base that was not replaced
    reports : one for each rule of a table, and one for the zones that addresses lie in
    files : rows read, by file
    """

    scenario: Scenario
    reports: tuple[TableReport, ...]
    files: Mapping[str, int]
    findings: Findings

    def document(self) -> dict[str, Any]:
        """Return the counts as JSON has them."""
        return {
            "files": dict(self.files),
            "tables": [asdict(report) for report in self.reports],
        }


def import_files(
    mapping: ImportMapping,
    paths: Sequence[Path],
    base: Scenario | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Mapped:
    """Make a scenario of files of another system.

    Parameters
    ----------
    base : a scenario that has what the files lack; its settings hold
    settings : that go before those of the base and of the mapping

    Raises
    ------
    InputError
        Something cannot be read or mapped; nothing is made, every finding is told.
    """
    findings = Findings()
    sheets = [sheet for path in paths for sheet in _sheets(path, findings)]
    files = assign(sheets, mapping.files, findings)
    zone_info = _zone_info(mapping, base, settings)
    sources: dict[str, list[Source]] = dict(files)
    joined_out: dict[str, dict[str, int]] = {}
    for name, join in mapping.joins.items():
        sources[name], joined_out[name] = join_sources(join, sources, findings)
    zones = Zones()
    reports: list[TableReport] = []
    frames: dict[str, pd.DataFrame] = {}
    for rule in mapping.tables:
        report = TableReport(rule.table, rule.source or "the mapping")
        for reason, count in joined_out.get(rule.source, {}).items():
            report.read += count
            report.leave_out(reason, count)
        made = _made(rule, sources.get(rule.source, []), zones, report, findings, zone_info, frames)
        made = folded(made, rule, report)
        held = frames.get(rule.table)
        frames[rule.table] = made if held is None else merged(held, made, rule)
        report.mapped = len(made)
        reports.append(report)
    if zones.found:
        made, report = _zone_table(zones)
        held = frames.get("zones")
        fill = TableRule(table="zones", rows=({"zone_id": ""},), merge="fill")
        frames["zones"] = made if held is None else merged(held, made, fill)
        reports.append(report)
    merges = {rule.table: rule for rule in mapping.tables}
    merges.setdefault("zones", TableRule(table="zones", rows=({"zone_id": ""},), merge="fill"))
    scenario_settings = _settings(mapping, base, settings, frames, findings)
    if findings.total(Severity.ERROR) or scenario_settings is None:
        count = findings.total(Severity.ERROR)
        order = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}
        listed = sorted(findings, key=lambda finding: order[finding.severity])
        raise InputError(f"the files have {count:,} errors; nothing was made", listed)
    tables = dict(base.tables) if base is not None else {}
    for name, made in frames.items():
        tables[name] = merged(tables[name], made, merges[name]) if name in tables else made
    scenario = Scenario(scenario_settings, tables, findings)
    counts = {s.file: len(s.rows) for listed in files.values() for s in listed}
    return Mapped(scenario, tuple(reports), counts, findings)


def _sheets(path: Path, findings: Findings) -> list[Any]:
    """Read one file; what stands against it is on the list, so that others are read too."""
    own = Findings()
    try:
        return read_sheets(path, own)
    except InputError as error:
        if not own.errors:
            own.add("unreadable", Severity.ERROR, str(error), table=path.name)
        return []
    finally:
        findings.extend(own)


def _zone_info(
    mapping: ImportMapping, base: Scenario | None, settings: Mapping[str, Any] | None
) -> Any:
    from zoneinfo import ZoneInfo

    named = (settings or {}).get("timezone")
    if named is None and base is not None:
        return base.settings.zone
    try:
        return ZoneInfo(str(named or mapping.settings.get("timezone", "UTC")))
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")  # read_settings says what is wrong


def _made(
    rule: TableRule,
    sources: Sequence[Source],
    zones: Zones,
    report: TableReport,
    findings: Findings,
    zone: Any,
    before: Mapping[str, pd.DataFrame],
) -> pd.DataFrame:
    """Return the rows that a rule makes of all its files."""
    contract = TABLES[rule.table]
    if rule.rows:
        keys = tuple(dict.fromkeys(key for row in rule.rows for key in row))
        written = {
            key: np.array([str(row.get(key, "")) for row in rule.rows], dtype=object)
            for key in keys
        }
        report.read = len(rule.rows)
        numbers = np.arange(1, len(rule.rows) + 1, dtype=np.int64)
        return _typed(contract, written, numbers, findings, zone)
    parts = []
    for source in sources:
        own = Findings(findings.cap)
        place = rule.table if len(sources) == 1 else f"{rule.table} [{source.file}]"
        report.read += len(source.rows)
        kept = without(source, rule.exclude, report, own, place)
        maker = Maker(contract, kept, place, own, zones)
        columns: dict[str, Texts] = {}
        for name, made in rule.columns.items():
            texts = maker.make(name, made)
            if texts is not None:
                columns[name] = texts
        mask = np.ones(len(kept.rows), dtype=bool)
        for name, made in rule.columns.items():
            given = kept.find(made.from_) if made.place and made.from_ else None
            if given is not None and name in columns:
                lost = (columns[name] == "") & mask
                report.leave_out(NO_ADDRESS, int(lost.sum()))
                mask &= ~lost
        columns = {name: texts[mask] for name, texts in columns.items()}
        typed = _typed(contract, columns, kept.rows[mask], own, zone)
        report.leave_out("blank row", int(mask.sum()) - len(typed))
        for name in rule.skip_zero:
            done = (typed[name] <= 0).to_numpy() if name in typed else np.zeros(len(typed), bool)
            report.leave_out(NOTHING_LEFT, int(done.sum()))
            typed = typed[~done].reset_index(drop=True)
        for name, other in rule.only_in.items():
            table, _, column = other.partition(".")
            held = before.get(table, pd.DataFrame())
            known = held[column] if column in held else pd.Series([], dtype=object)
            gone = (
                ~typed[name].isin(known).to_numpy() if name in typed else np.ones(len(typed), bool)
            )
            report.leave_out(f"not in {other}", int(gone.sum()))
            typed = typed[~gone].reset_index(drop=True)
        _extend(findings, own, rule.table, place)
        parts.append(typed)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _typed(
    contract: Table,
    columns: Mapping[str, Texts],
    rows: NDArray[np.int64],
    findings: Findings,
    zone: Any,
) -> pd.DataFrame:
    """Read texts as the reader of any scenario does, with the rows of the file in its findings."""
    cells = tuple(
        cells_of_text(pa.array([text or None for text in texts], STRING))
        for texts in columns.values()
    )
    raw = RawTable(contract.name, tuple(columns), cells, rows)
    return normalise(raw, zone, findings).frame


def _extend(findings: Findings, own: Findings, table: str, place: str) -> None:
    """Take findings over; those of a table made of several files name the file."""
    renamed = Findings(findings.cap)
    for finding in own:
        renamed.add(
            finding.code, finding.severity, finding.hint,
            table=place if finding.table == table else finding.table,
            column=finding.column, row=finding.row, value=finding.value,
        )  # fmt: skip
    kept = renamed.counts
    for (code, where, column, severity), count in own.counts.items():
        to = place if where == table else where
        more = count - kept.get((code, to, column, severity), 0)
        renamed.count_more(code, severity, max(0, more), table=to, column=column)
    findings.extend(renamed)


def _zone_table(zones: Zones) -> tuple[pd.DataFrame, TableReport]:
    rows = [
        {
            "zone_id": name,
            "name": name.replace("-", " "),
            "lat": (found.place if zones.levels[name] == "district" else found.city_place).lat,
            "lon": (found.place if zones.levels[name] == "district" else found.city_place).lon,
            "city": found.city,
            "region": found.province,
        }
        for name, found in sorted(zones.found.items())
    ]
    return pd.DataFrame(rows), TableReport("zones", "addresses", len(rows), {}, 0, len(rows))


def _settings(
    mapping: ImportMapping,
    base: Scenario | None,
    given: Mapping[str, Any] | None,
    frames: Mapping[str, pd.DataFrame],
    findings: Findings,
) -> Settings | None:
    own = dict(mapping.settings)
    after = AFTER.match(str(own.get("start_date", "")))
    if after:
        frame = frames.get(after.group(1), pd.DataFrame())
        own.pop("start_date")
        last = frame[after.group(2)].max() if after.group(2) in frame else pd.NaT
        if not pd.isna(last):
            own["start_date"] = last.date() + dt.timedelta(days=1)
    held = base.settings.model_dump() if base is not None else own
    told = {**held, **(given or {})}
    if "start_date" not in told:
        findings.add(
            "missing_setting", Severity.ERROR,
            "no row says when the plan starts; give --set settings.start_date=2026-03-02",
            table="settings", column="start_date",
        )  # fmt: skip
        return None
    plain = {
        key: value.isoformat() if isinstance(value, dt.date) else value
        for key, value in told.items()
        if value is not None
    }
    return read_settings(raw_settings(plain), findings)


def findings_of(mapped: Mapped) -> list[Finding]:
    """Return what was noticed, worst first."""
    order = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}
    return sorted(mapped.findings, key=lambda finding: order[finding.severity])
