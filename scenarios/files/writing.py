"""Writing a scenario in any form, whole or not at all."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import zipfile
from pathlib import Path

import pandas as pd

from scenarios.errors import Conflict, NotFound
from scenarios.files.cell_texts import check_writable
from scenarios.files.members import CSV_ENDINGS, PARQUET_ENDINGS, SETTINGS_ENDINGS, SETTINGS_NAMES
from scenarios.files.settings_form import settings_document, settings_toml
from scenarios.files.table_writers import csv_bytes, json_text, parquet_bytes, records
from scenarios.normalise import table_names
from scenarios.scenario import Scenario
from scenarios.tables import TABLES

FORMS = ("csv", "parquet", "zip", "xlsx", "json")
ENDINGS = {".zip": "zip", ".xlsx": "xlsx", ".json": "json"}
TABLE_FORMS = ("csv", "parquet", "json")
PACKED_AT = (1980, 1, 1, 0, 0, 0)


def write_scenario(scenario: Scenario, path: Path, form: str = "") -> Path:
    """Write a scenario; a reader finds the old one or the new one, never half of it.

    Parameters
    ----------
    path : a folder for csv and parquet, else a file; what is there is replaced
    form : csv, parquet, zip (of CSV), xlsx or json; "": by the path's ending, else csv

    Returns
    -------
    path : where it was written

    Raises
    ------
    Conflict
        The folder holds something that is no scenario.
    InputError
        A table does not fit the form, or holds cells that would read back as something else.
    NotFound
        There is no such form.
    """
    form = form or ENDINGS.get(path.suffix.lower(), "csv")
    if form in {"csv", "parquet"}:
        _write_folder(_files(scenario, form), path)
    else:
        _write_file(scenario_bytes(scenario, form), path)
    return path


def scenario_bytes(scenario: Scenario, form: str) -> bytes:
    """Return a scenario as one file: zip, xlsx or json.

    Raises
    ------
    InputError
        A table does not fit the form, or holds cells that would read back as something else.
    NotFound
        There is no such form.
    """
    if form not in FORMS:
        raise NotFound(f"no such form: {form}; known are {', '.join(FORMS)}")
    if form in {"csv", "parquet", "zip"}:
        return _zipped(_files(scenario, "parquet" if form == "parquet" else "csv"))
    check_writable(scenario)
    if form == "json":
        return json_text(scenario_document(scenario))
    from scenarios.files.workbook_writer import workbook_bytes

    return workbook_bytes(scenario)


def scenario_document(scenario: Scenario) -> dict[str, object]:
    """Return a scenario as a JSON document `{"settings": {...}, "tables": {...}}`."""
    return {
        "settings": settings_document(scenario.settings),
        "tables": {name: records(frame, name) for name, frame in scenario.tables.items()},
    }


def table_bytes(frame: pd.DataFrame, name: str, form: str) -> bytes:
    """Return one table of a scenario as csv, parquet or json (a list of objects).

    Raises
    ------
    NotFound
        There is no such table or form.
    """
    if name not in TABLES:
        raise NotFound(f"no such table: {name}; known are {', '.join(TABLES)}")
    if form == "csv":
        return csv_bytes(frame, name)
    if form == "parquet":
        return parquet_bytes(frame, name)
    if form == "json":
        return json_text(records(frame, name))
    raise NotFound(f"no such form: {form}; known are {', '.join(TABLE_FORMS)}")


def _files(scenario: Scenario, form: str) -> dict[str, bytes]:
    """Return the files of a folder by name."""
    check_writable(scenario)
    files = {"settings.toml": settings_toml(scenario.settings).encode()}
    for name, frame in scenario.tables.items():
        files[f"{name}.{form}"] = table_bytes(frame, name, form)
    return files


def _zipped(files: dict[str, bytes]) -> bytes:
    """Return files as a zip; the same files give the same bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, PACKED_AT)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, data)
    return stream.getvalue()


def _write_file(data: bytes, path: Path) -> None:
    """Write a file beside its place, then move it there."""
    if path.is_dir():
        raise Conflict(f"{path} is a folder; name a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _write_folder(files: dict[str, bytes], path: Path) -> None:
    """Write a folder beside its place, then swap; what else lies in the old one is kept."""
    others = _others(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        new.chmod(0o755)
        for name, data in files.items():
            (new / name).write_bytes(data)
        if not path.exists():
            new.replace(path)
            return
        old = Path(tempfile.mkdtemp(prefix=f".{path.name}.old.", dir=path.parent))
        path.replace(old)
        new.replace(path)
        for name in others:
            (old / name).replace(path / name)
        shutil.rmtree(old)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise


def _others(path: Path) -> list[str]:
    """Return what a scenario folder holds beside the scenario; refuse any other folder."""
    if not path.exists():
        return []
    if not path.is_dir():
        raise Conflict(f"{path} is a file; name a folder, or a form that is one file")
    entries = sorted(path.iterdir())
    settings = [
        entry
        for entry in entries
        if entry.stem.lower() in SETTINGS_NAMES and entry.suffix in SETTINGS_ENDINGS
    ]
    if entries and not settings:
        raise Conflict(f"{path} is not empty and holds no scenario; name another folder")
    return [entry.name for entry in entries if entry not in settings and not _is_table(entry)]


def _is_table(entry: Path) -> bool:
    """Say whether a file is a table of a scenario."""
    known = entry.suffix.lower() in CSV_ENDINGS | PARQUET_ENDINGS
    return known and entry.is_file() and table_names().find(entry.stem) is not None
