"""A new scenario out of an old one and a list of deltas; the old one stays as it is."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import ValidationError

from scenarios.deltas.cell import Scalar, allowed, from_json, series
from scenarios.deltas.delta import SETTINGS, Delta, Row, bad_delta
from scenarios.deltas.keying import row_ids
from scenarios.errors import InputError
from scenarios.findings import Finding, Findings, Severity
from scenarios.scenario import Scenario, blank, column_dtype
from scenarios.settings import Settings
from scenarios.tables import NUMERIC, TABLES, TEMPORAL, Column, Table
from scenarios.validation.cells import bad_cells

Mask = NDArray[np.bool_]


class _Refused(Exception):  # noqa: N818 - never leaves this module
    """A delta cannot be applied; says to which column and why."""

    def __init__(self, column: str, what: str, value: object = "") -> None:
        super().__init__(what)
        self.column = column
        self.what = what
        self.value = value


def apply(scenario: Scenario, deltas: Sequence[Delta]) -> Scenario:
    """Return the scenario with the deltas applied in order.

    Cells that a delta wrote are checked against their contract; whether the whole still makes
    sense is for :func:`scenarios.validation.validate`. Changed rows keep their place, new ones
    come last. A delta that meets no row is a warning among the findings of the new scenario.

    Raises
    ------
    InputError
        Some deltas cannot be applied; a finding for each gives its number, from 1, the column
        and what is allowed (code bad_delta).
    """
    settings = scenario.settings
    tables = dict(scenario.tables)
    changed: set[str] = set()
    refused: list[Finding] = []
    findings = Findings()
    for number, delta in enumerate(deltas, start=1):
        try:
            if delta.table == SETTINGS:
                settings = _set_setting(settings, delta)
                continue
            if delta.table not in TABLES:
                known = ", ".join((SETTINGS, *TABLES))
                raise _Refused("", f"there is no table {delta.table!r}; there are {known}")
            table = TABLES[delta.table]
            frame = tables.get(table.name)
            before = scenario.table(table.name) if frame is None else _complete(frame, table)
            after, met = _changed(before, table, delta)
        except _Refused as why:
            told = bad_delta(number, delta.table, why.column, why.what, why.value)
            refused.append(told)
            continue
        if not met:
            findings.add(
                "delta_without_effect",
                Severity.WARNING,
                f"delta {number} meets no row: check its where",
                table=table.name,
                column=delta.column or "",
                parameters=(("number", str(number)),),
            )
        tables[table.name] = after
        changed.add(table.name)
    if refused:
        count = "1 delta" if len(refused) == 1 else f"{len(refused)} deltas"
        raise InputError(f"{count} cannot be applied: {refused[0].hint}", refused)
    rows = {name: numbers for name, numbers in scenario.rows.items() if name not in changed}
    return Scenario(settings, tables, findings, rows)


def _complete(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Return a frame with every column of its contract."""
    return pd.DataFrame(
        {
            column.name: frame[column.name] if column.name in frame else blank(column, len(frame))
            for column in table.columns
        }
    ).reset_index(drop=True)


def _set_setting(settings: Settings, delta: Delta) -> Settings:
    told: dict[str, Any] = settings.model_dump(mode="json")
    name, dot, part = (delta.column or "").partition(".")
    if name not in Settings.model_fields or (dot and not isinstance(told[name], dict)):
        known = ", ".join(Settings.model_fields)
        raise _Refused(
            str(delta.column), f"there is no setting {delta.column!r}; there are {known}"
        )
    value: object = delta.value
    if dot:
        value = {k: v for k, v in told[name].items() if k != part}
        if delta.value is not None:
            value = dict(told[name]) | {part: delta.value}
    try:
        return Settings.model_validate_json(json.dumps(told | {name: value}), strict=True)
    except ValidationError as wrong:
        raise _Refused(str(delta.column), str(wrong.errors()[0]["msg"]), delta.value) from None


def _changed(frame: pd.DataFrame, table: Table, delta: Delta) -> tuple[pd.DataFrame, bool]:
    """Return the frame after one delta, and whether it met any row."""
    if delta.op == "upsert":
        return _upserted(frame, table, delta.rows), True
    if delta.op == "delete" and delta.where is None:
        gone = _listed(frame, table, delta.rows)
        return frame[~gone].reset_index(drop=True), bool(gone.any())
    met = np.ones(len(frame), bool)
    if delta.where is not None:
        try:
            met = delta.where.mask(frame, table)
        except ValueError as wrong:
            raise _Refused("", f"where: {wrong}") from None
    if delta.op == "delete":
        return frame[~met].reset_index(drop=True), bool(met.any())
    column = _column(table, str(delta.column))
    after = frame.copy()
    after[column.name] = _written(frame[column.name], met, column, delta)
    _check(after, met, column)
    if column.key:
        _check_unique(after, table, column.name)
    return after, bool(met.any())


def _column(table: Table, name: str) -> Column:
    if name not in table.by_name:
        known = ", ".join(table.names)
        raise _Refused(name, f"{table.name} has no column {name!r}; it has {known}")
    return table.by_name[name]


def _written(cells: pd.Series, met: Mask, column: Column, delta: Delta) -> pd.Series:
    """Return a column with set, scale or add done where the mask holds."""
    if delta.op == "set":
        try:
            value = from_json(column, delta.value)  # type: ignore[arg-type]
        except ValueError as wrong:
            raise _Refused(column.name, str(wrong), delta.value) from None
        after = cells.copy()
        after[met] = np.nan if value is None and column.kind in NUMERIC else value
        return after.astype(column_dtype(column))
    assert isinstance(delta.value, int | float)  # Delta saw to it
    if not abs(delta.value) <= sys.float_info.max:  # whole numbers of any length come in, too
        raise _Refused(column.name, f"`{delta.op}` takes a finite number", delta.value)
    if column.kind in NUMERIC:
        new = cells * delta.value if delta.op == "scale" else cells + delta.value
        return cells.where(~met, new)
    if column.kind in TEMPORAL and delta.op == "add":
        try:
            step = pd.Timedelta(dt.timedelta(days=delta.value)).as_unit("ms")
            return cells.where(~met, cells + step).astype(column_dtype(column))
        except (OverflowError, pd.errors.OutOfBoundsDatetime, pd.errors.OutOfBoundsTimedelta):
            raise _Refused(column.name, "no such date", delta.value) from None
    numbers = "numbers" if delta.op == "scale" else "numbers and dates"
    raise _Refused(
        column.name, f"`{delta.op}` works on {numbers}; {column.name} is {allowed(column)}"
    )


def _check(frame: pd.DataFrame, met: Mask, column: Column) -> None:
    """Refuse cells that the column's contract forbids, among those that were written."""
    cells = frame[column.name][met]
    for _, wrong, what in bad_cells(column, cells):
        if wrong.any():
            value = cells[wrong].iloc[0]
            given = "blank" if pd.isna(value) else value
            raise _Refused(column.name, f"{column.name} must be {what}, would be {given}", given)


def _check_unique(frame: pd.DataFrame, table: Table, column: str) -> None:
    (ids,) = row_ids(table.key, frame)
    again = pd.Series(ids).duplicated().to_numpy()
    if again.any():
        cells = frame[list(table.key)].iloc[int(np.argmax(again))]
        key = ", ".join("blank" if pd.isna(cell) else str(cell) for cell in cells)
        raise _Refused(column, f"two rows would have the same key ({' + '.join(table.key)})", key)


def _frame_of(rows: Sequence[Row], table: Table, columns: Sequence[str]) -> pd.DataFrame:
    made = {}
    for name in columns:
        column = _column(table, name)
        values: list[Scalar] = [row.get(name) for row in rows]
        try:
            made[name] = series(column, values)
        except ValueError as wrong:
            raise _Refused(name, str(wrong)) from None
    return pd.DataFrame(made)


def _listed(frame: pd.DataFrame, table: Table, rows: Sequence[Row]) -> Mask:
    """Return the rows whose key is among those listed, as a mask."""
    for row in rows:
        for name in row:
            if name not in table.key:
                raise _Refused(name, f"the key of {table.name} is {', '.join(table.key)}")
    given, there = row_ids(table.key, _frame_of(rows, table, table.key), frame)
    return np.isin(there, given)


def _upserted(frame: pd.DataFrame, table: Table, rows: Sequence[Row]) -> pd.DataFrame:
    """Return the frame with rows changed, or appended, by key."""
    named = {name for row in rows for name in row}
    for name in sorted(named - set(table.names)):
        _column(table, name)  # refuses it
    new = _frame_of(rows, table, table.names)
    for column in table.columns:
        if column.key and column.required and new[column.name].isna().any():
            raise _Refused(column.name, f"{column.name} is part of the key: every row needs it")
    _check_unique(new, table, table.key[0])
    given, there = row_ids(table.key, new, frame)
    place = pd.Series(np.arange(len(frame)), index=there)
    place = place[~place.index.duplicated()].reindex(given)
    is_new = place.isna().to_numpy()
    target = np.where(is_new, len(frame) + np.cumsum(is_new) - 1, place.fillna(0)).astype(np.int64)
    after = pd.concat([frame, new[is_new]], ignore_index=True)
    for column in table.columns:
        says = np.array([column.name in row for row in rows]) | is_new
        cells = after[column.name].copy()
        cells.iloc[target[says]] = new[column.name][says].array
        after[column.name] = cells.astype(column_dtype(column))
        touched = np.zeros(len(after), bool)
        touched[target[says]] = True
        _check(after, touched, column)
    return after
