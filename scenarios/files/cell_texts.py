"""Columns of a scenario as texts that read back to the same bits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from scenarios.errors import InputError
from scenarios.files.settings_form import inexact_setting, settings_rows
from scenarios.findings import Findings, Severity
from scenarios.normalise.cells import STRING
from scenarios.normalise.moments import FIRST_MS, LAST_MS
from scenarios.normalise.texts import SUSPECT_ID, SUSPECT_TEXT, TextReader
from scenarios.scenario import Scenario
from scenarios.tables import NUMERIC, TABLES, TEMPORAL, Column, Kind


def texts_of(series: pd.Series, column: Column) -> list[str | None]:
    """Return the cells of a column as texts: floats by repr, dates in ISO form, blanks None."""
    if column.kind in NUMERIC:
        values = pa.array(series.to_numpy(np.float64), from_pandas=True)
        return pc.cast(values, pa.string()).to_pylist()  # type: ignore[no-any-return]
    if column.kind in TEMPORAL:
        return _moment_texts(series, column)
    if column.kind == Kind.FLAG:
        flags = pa.array(series, type=pa.bool_(), from_pandas=True)
        return pc.if_else(flags, "true", "false").to_pylist()  # type: ignore[no-any-return]
    return pa.array(series, type=STRING, from_pandas=True).to_pylist()  # type: ignore[no-any-return]


def _moment_texts(series: pd.Series, column: Column) -> list[str | None]:
    """Return dates as 2026-11-01, moments as 2026-11-01 08:30:00, with milliseconds if any."""
    stamps = series.to_numpy("datetime64[ms]")
    blank = np.isnat(stamps)
    if column.kind == Kind.DATE:
        unit = "D"
    else:
        unit = "ms" if (stamps[~blank].astype(np.int64) % 1000).any() else "s"
    texts = np.datetime_as_string(stamps.astype(f"datetime64[{unit}]"))
    return [
        None if empty else str(text).replace("T", " ")
        for text, empty in zip(texts, blank, strict=True)
    ]


def check_writable(scenario: Scenario) -> None:
    """Refuse cells that would read back as something else.

    Raises
    ------
    InputError
        `not_exact`: blanks around a text, control characters, an infinite number, a date beyond
        the calendar or with a time of day; scenarios that were read have none of these.
    """
    findings = Findings()
    hint = "the cell would read back as something else; trim or correct it"
    setting = inexact_setting(scenario.settings)
    if setting:
        value = repr(settings_rows(scenario.settings)[setting])
        findings.add(
            "not_exact", Severity.ERROR, hint, table="settings", column=setting, value=value
        )
    for name, frame in scenario.tables.items():
        for place in frame.columns:
            column = TABLES[name].by_name[place]
            bad = _inexact(frame[place], column)
            if len(bad):
                findings.add_rows(
                    "not_exact",
                    Severity.ERROR,
                    hint,
                    table=name,
                    column=place,
                    rows=scenario.row_numbers(name)[bad].tolist()[: findings.cap],
                    values=[repr(frame[place].iloc[row]) for row in bad[: findings.cap]],
                )
    if findings.errors:
        first = findings.errors[0]
        place = f"{first.table}.{first.column}"
        raise InputError(
            f"the scenario cannot be written exactly: {place} holds {first.value}", list(findings)
        )


def _inexact(series: pd.Series, column: Column) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return the positions of cells that would change on the way."""
    if column.kind in NUMERIC:
        values = series.to_numpy(np.float64)
        bad = np.isinf(values)
        if column.kind == Kind.INTEGER:
            with np.errstate(invalid="ignore"):
                bad |= ~np.isnan(values) & (values != np.rint(values))
        return np.flatnonzero(bad)
    if column.kind in TEMPORAL:
        stamps = series.to_numpy("datetime64[ms]")
        held = stamps.astype(np.int64)
        beyond = (held < FIRST_MS) | (held > LAST_MS)
        if column.kind == Kind.DATE:
            beyond |= held % 86_400_000 != 0
        return np.flatnonzero(beyond & ~np.isnat(stamps))
    if column.kind == Kind.FLAG:
        return np.empty(0, dtype=np.intp)
    texts = pa.array(series, type=STRING, from_pandas=True)
    if isinstance(texts, pa.ChunkedArray):
        texts = pa.concat_arrays(texts.chunks)
    pattern = SUSPECT_ID if column.kind == Kind.ID else SUSPECT_TEXT
    suspect = pc.or_(pc.match_substring_regex(texts, pattern), pc.equal(texts, ""))
    places = np.flatnonzero(pc.fill_null(suspect, fill_value=False).to_numpy(zero_copy_only=False))
    reader = TextReader(column)
    changed = [
        reader.read(texts[int(place)].as_py())[0] != texts[int(place)].as_py() for place in places
    ]
    return places[np.array(changed, dtype=np.bool_)] if len(places) else places
