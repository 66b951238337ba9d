"""One cell between JSON and a frame: text, number, yes/no or ISO date, by the column's contract."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import numpy as np
import pandas as pd

from scenarios.scenario import column_dtype
from scenarios.tables import NUMERIC, TEMPORAL, Column, Kind
from scenarios.tables.choice_words import words_of

Scalar = bool | int | float | str | None


def allowed(column: Column) -> str:
    """Say what a column holds, for messages."""
    if column.kind == Kind.CHOICE:
        return f"one of {', '.join(column.choices)}"
    words = {
        Kind.NUMBER: "a number",
        Kind.INTEGER: "a whole number",
        Kind.FLAG: "true or false",
        Kind.DATE: "a date as in 2025-11-11",
        Kind.MOMENT: "a date and time as in 2025-11-11T08:30",
        Kind.CLOCK: "a time as in 08:30",
    }
    return words.get(column.kind, "a text")


def from_json(column: Column, value: Scalar) -> Any:
    """Return a JSON value as the cell of a frame; null and "" are a blank.

    Raises
    ------
    ValueError
        The value is not of the column's kind; the text says what is allowed.
    """
    if value is None or value == "":
        return None
    if column.kind in NUMERIC:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    elif column.kind == Kind.FLAG:
        if isinstance(value, bool):
            return value
    elif not isinstance(value, str):
        pass
    elif column.kind in TEMPORAL:
        return _moment(column, value)
    elif column.kind == Kind.CHOICE:
        return words_of(column).get(value, value)
    else:
        return value
    raise ValueError(f"{column.name} must be {allowed(column)}, is {value!r}")


def _moment(column: Column, value: str) -> pd.Timestamp:
    try:
        moment = dt.datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{column.name} must be {allowed(column)}, is {value!r}") from None
    midnight = moment.time() == dt.time()
    if moment.tzinfo is not None or (column.kind == Kind.DATE and not midnight):
        raise ValueError(f"{column.name} must be {allowed(column)}, local time, is {value!r}")
    return pd.Timestamp(moment).as_unit("ms")


def to_json(cell: Any) -> Scalar:
    """Return a cell of a frame as a JSON value; a blank is null, dates are ISO."""
    if cell is None or cell is pd.NA or cell is pd.NaT:
        return None
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool | np.bool_):
        return bool(cell)
    if isinstance(cell, pd.Timestamp):
        moment: dt.datetime = cell.to_pydatetime()
        return moment.date().isoformat() if moment.time() == dt.time() else moment.isoformat()
    number = float(cell)
    return None if math.isnan(number) else number


def series(column: Column, values: list[Scalar]) -> pd.Series:
    """Return JSON values as a column of a frame.

    Raises
    ------
    ValueError
        One of them is not of the column's kind.
    """
    cells = [from_json(column, value) for value in values]
    if column.kind in NUMERIC:
        return pd.Series([math.nan if cell is None else cell for cell in cells], dtype="float64")
    return pd.Series(cells, dtype=column_dtype(column))
