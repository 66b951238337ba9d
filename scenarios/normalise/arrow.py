"""Typed columns, as Parquet and data frames hold them, as raw cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from scenarios.normalise.cells import (
    CLOCK,
    MOMENT,
    STRING,
    Broken,
    Cells,
    cells_of_objects,
    cells_of_text,
)
from scenarios.normalise.moments import DAY_MS, FIRST_MS, LAST_MS, OUT_OF_RANGE
from scenarios.normalise.verdict import wrong


def cells_of_arrow(column: pa.Array | pa.ChunkedArray) -> Cells:
    """Return a typed Arrow column as raw cells; not-a-number is a blank.

    A type that no cell can have (lists, structs) makes every cell of it broken.
    """
    array = column
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    kind = array.type
    if pa.types.is_dictionary(kind):
        return cells_of_arrow(array.dictionary_decode())
    if pa.types.is_null(kind):
        return Cells(len(array), ())
    if _is_text(kind):
        text = array.cast(STRING)
        return cells_of_text(pc.if_else(pc.equal(text, ""), None, text))
    if pa.types.is_boolean(kind):
        return Cells(len(array), (array,))
    if pa.types.is_integer(kind):
        try:
            return Cells(len(array), (array.cast(pa.int64()),))
        except pa.ArrowInvalid:  # beyond 2**63: more digits than a number holds
            return cells_of_text(array.cast(STRING))
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        values = array.cast(pa.float64(), safe=False)
        return Cells(len(array), (pc.if_else(pc.is_nan(values), None, values),))
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _cells_of_moments(array)
    if pa.types.is_time(kind):
        return Cells(len(array), (array.cast(CLOCK, safe=False),))
    hint = f"the column is of type {kind}; store it as text, number, date or flag"
    trouble = Broken(str(kind), wrong("unsupported_type", hint))
    places = np.flatnonzero(pc.is_valid(array).to_numpy(zero_copy_only=False))
    return Cells(len(array), (), None, tuple((int(place), trouble) for place in places))


def _is_text(kind: pa.DataType) -> bool:
    """Say whether an Arrow type holds text."""
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def _cells_of_moments(array: pa.Array) -> Cells:
    """Return dates and moments in milliseconds; those beyond the calendar are broken."""
    zone = array.type.tz if pa.types.is_timestamp(array.type) else None
    target = pa.timestamp("ms", tz="UTC") if zone else MOMENT
    moments = array.cast(target, safe=False)
    stamps = moments.cast(pa.int64())
    margin = DAY_MS if zone else 0  # local time may be a day off
    beyond = pc.fill_null(
        pc.or_(pc.less(stamps, FIRST_MS + margin), pc.greater(stamps, LAST_MS - margin)),
        fill_value=False,
    )
    broken: tuple[tuple[int, Broken], ...] = ()
    if pc.any(beyond).as_py():
        places = np.flatnonzero(beyond.to_numpy(zero_copy_only=False))
        broken = tuple((int(place), Broken("", OUT_OF_RANGE)) for place in places)
        moments = pc.if_else(beyond, None, moments)
    if zone:
        return Cells(len(array), (), moments, broken)
    return Cells(len(array), (moments,), None, broken)


def cells_of_series(series: pd.Series) -> Cells:
    """Return a column of a data frame as raw cells."""
    if series.dtype == object:
        return cells_of_objects(series.tolist())
    return cells_of_arrow(pa.Array.from_pandas(series))
