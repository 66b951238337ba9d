"""Reading a scenario in any form, every finding at once."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scenarios.coordinates import is_shifted, to_wgs84
from scenarios.errors import InputError, NotFound
from scenarios.files.guards import DEFAULT_GUARDS, Guards, check_size, open_archive, refuse
from scenarios.files.json_document import parse_json, raw_of_document
from scenarios.files.members import members_of_folder, members_of_zip, raw_of_members
from scenarios.files.raw import RawScenario
from scenarios.files.settings_form import read_settings
from scenarios.files.workbook import raw_of_workbook
from scenarios.files.workbook_parts import WORKBOOK
from scenarios.findings import Finding, Findings, Severity
from scenarios.normalise import normalise
from scenarios.scenario import Scenario
from scenarios.settings import Settings

ZIP_MARK = b"PK\x03\x04"
EMPTY_ZIP_MARK = b"PK\x05\x06"
OLD_EXCEL_MARK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading a scenario.

    Attributes
    ----------
    scenario : with blanks where a cell could not be read; None when the settings are wrong
    findings : everything that was noticed; errors among them mean that the scenario is not fit
    """

    scenario: Scenario | None
    findings: Findings


def read_scenario(path: Path, guards: Guards = DEFAULT_GUARDS) -> Scenario:
    """Read a scenario: a folder of CSV or Parquet, a zip of it, an Excel workbook or JSON.

    Raises
    ------
    InputError
        Something cannot be read; the error carries every finding, warnings too.
    NotFound
        There is nothing at the path.
    """
    return _fit(examine_path(path, guards), path.name)


def read_bytes(name: str, data: bytes | IO[bytes], guards: Guards = DEFAULT_GUARDS) -> Scenario:
    """Read an upload: a zip, an Excel workbook or a JSON document, told apart by its content.

    Parameters
    ----------
    name : what the sender calls it
    data : its bytes, or a seekable stream of them

    Raises
    ------
    InputError
        Something cannot be read; the error carries every finding, warnings too.
    """
    return _fit(examine_bytes(name, data, guards), name)


def read_document(document: Any, guards: Guards = DEFAULT_GUARDS) -> Scenario:
    """Read a parsed JSON document `{"settings": {...}, "tables": {...}}`.

    Raises
    ------
    InputError
        Something cannot be read; the error carries every finding, warnings too.
    """
    return _fit(examine_document(document, guards), "the document")


def examine_path(path: Path, guards: Guards = DEFAULT_GUARDS) -> Reading:
    """Read as far as possible, and return all findings instead of raising them.

    Raises
    ------
    NotFound
        There is nothing at the path.
    """
    if not path.exists():
        raise NotFound(f"there is no file or folder {path}")
    if path.is_dir():
        findings = Findings()

        def folder() -> RawScenario:
            members = members_of_folder(path, guards, findings)
            return raw_of_members(members, guards, findings)

        return _examined(folder, findings)
    with path.open("rb") as stream:
        return examine_bytes(path.name, stream, guards)


def examine_bytes(name: str, data: bytes | IO[bytes], guards: Guards = DEFAULT_GUARDS) -> Reading:
    """Read an upload as far as possible, and return all findings instead of raising them."""
    findings = Findings()
    stream = io.BytesIO(data) if isinstance(data, (bytes, bytearray, memoryview)) else data
    return _examined(lambda: _raw_of_stream(stream, name, guards, findings), findings)


def examine_document(document: Any, guards: Guards = DEFAULT_GUARDS) -> Reading:
    """Read a parsed JSON document as far as possible, and return all findings."""
    findings = Findings()
    return _examined(lambda: raw_of_document(document, guards, findings), findings)


def read_tables(
    path: Path, zone: ZoneInfo, guards: Guards = DEFAULT_GUARDS
) -> dict[str, pd.DataFrame]:
    """Read tables that come without settings: a folder, zip or workbook.

    Raises
    ------
    InputError
        A cell cannot be read; with all findings.
    NotFound
        There is nothing at the path.
    """
    if not path.exists():
        raise NotFound(f"there is no file or folder {path}")
    findings = Findings()
    if path.is_dir():
        raw = raw_of_members(members_of_folder(path, guards, findings), guards, findings)
    else:
        with path.open("rb") as stream:
            raw = _raw_of_stream(stream, path.name, guards, findings)
    frames = {table.name: normalise(table, zone, findings).frame for table in raw.tables}
    if findings.total(Severity.ERROR):
        raise InputError(f"{path} cannot be read", [*findings])
    return frames


def _raw_of_stream(stream: IO[bytes], name: str, guards: Guards, findings: Findings) -> RawScenario:
    """Tell the form of a file by its first bytes, and take it apart."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    check_size(size, name, guards, findings)
    start = stream.read(8)
    stream.seek(0)
    if start.startswith((ZIP_MARK, EMPTY_ZIP_MARK)):
        archive = open_archive(stream, name, findings)
        if WORKBOOK in archive.namelist():
            archive.close()
            stream.seek(0)
            return raw_of_workbook(stream, name, guards, findings)
        return raw_of_members(members_of_zip(archive, guards, findings), guards, findings)
    if start.startswith(OLD_EXCEL_MARK):
        hint = f"{name} is an old .xls or has a password; save it as .xlsx without a password"
        refuse(findings, "old_workbook", hint)
    ending = Path(name).suffix.lower()
    if ending in {".xlsx", ".xlsm", ".zip"}:
        hint = f"{name} is no {ending} file: it is damaged, was cut off, or is something else"
        refuse(findings, "unreadable_archive", hint)
    if ending in {".csv", ".tsv", ".txt", ".parquet", ".toml"}:
        hint = f"{name} is one table; put it in a folder or zip with settings.toml and the others"
        refuse(findings, "not_a_scenario", hint)
    document = parse_json(stream.read(guards.max_json_bytes + 1), name, guards, findings)
    return raw_of_document(document, guards, findings)


def _examined(take_apart: Callable[[], RawScenario], findings: Findings) -> Reading:
    """Take a form apart and read it; a refusal ends it, and stands in the findings."""
    try:
        return _read(take_apart(), findings)
    except InputError as refusal:
        if not findings.errors:  # refused without a word of its own
            findings.add("unreadable", Severity.ERROR, str(refusal))
        return Reading(None, findings)


def _read(raw: RawScenario, findings: Findings) -> Reading:
    """Read settings and tables into a scenario."""
    settings: Settings | None = None
    if raw.settings is None:
        hint = "there are no settings: add settings.toml, a first sheet settings, or an object"
        findings.add("missing_settings", Severity.ERROR, hint, table="settings")
    else:
        settings = read_settings(raw.settings, findings)
    zone = settings.zone if settings is not None else ZoneInfo("UTC")
    frames: dict[str, pd.DataFrame] = {}
    rows: dict[str, NDArray[np.int64]] = {}
    for table in raw.tables:
        if table.name in frames:
            hint = "the table is given twice; keep one of them"
            findings.add("two_files", Severity.ERROR, hint, table=table.name)
            continue
        typed = normalise(table, zone, findings)
        frames[table.name], rows[table.name] = typed.frame, typed.rows
    if settings is None:
        return Reading(None, findings)
    if settings.coordinate_system != "WGS84":
        _convert(frames, settings.coordinate_system, findings)
        settings = settings.model_copy(update={"coordinate_system": "WGS84"})
    return Reading(Scenario(settings, frames, findings, rows), findings)


def _convert(frames: dict[str, pd.DataFrame], system: str, findings: Findings) -> None:
    """Convert all places to WGS84."""
    for name, frame in frames.items():
        if "lat" not in frame.columns or "lon" not in frame.columns:
            continue
        lat, lon = frame["lat"].to_numpy(np.float64), frame["lon"].to_numpy(np.float64)
        moved = int(np.count_nonzero(is_shifted(lat, lon)))
        new_lat, new_lon = to_wgs84(lat, lon, system)
        frames[name] = frame.assign(lat=new_lat, lon=new_lon)
        if moved:
            findings.add(
                "coordinates_converted",
                Severity.INFO,
                f"{moved:,} places were converted from {system} to WGS84",
                table=name,
                column="lat",
                count=moved,
            )


def _fit(reading: Reading, name: str) -> Scenario:
    """Return the scenario, or raise what stands against it."""
    errors = reading.findings.total(Severity.ERROR)
    if reading.scenario is None or errors:
        first = reading.findings.errors[0].hint if reading.findings.errors else ""
        what = f"{errors:,} errors" if errors > 1 else first
        raise InputError(f"{name} cannot be read: {what}", _worst_first(reading.findings))
    return reading.scenario


def _worst_first(findings: Findings) -> list[Finding]:
    order = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}
    return sorted(findings, key=lambda finding: order[finding.severity])
