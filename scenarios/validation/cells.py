"""Rules on single cells, all of them read off the contracts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scenarios.tables import NUMERIC, TABLES, TEMPORAL, Column, Kind
from scenarios.validation.facts import Facts
from scenarios.validation.notice import Notice, error, warning

Mask = NDArray[np.bool_]
CLOCK = r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?|24:00(?::00)?"
OUTLIER = 1000.0  # times the median of the column
OUTLIER_ROWS = 8  # a median of fewer says little
DENSITY = (0.5, 23_000.0)  # kg/m3: below loose foam, above the densest metal
FIRST_YEAR = 1980
YEARS_AHEAD = 20

MISSING_COLUMN = error(
    "missing_column",
    "A required column is not there.",
    "add the column {column} ({chinese}): {help}",
)
BLANK_REQUIRED = error("blank_required", "A required cell is blank.", "fill in {column}: {help}")
NOT_FINITE = error(
    "not_finite", "A number is infinite.", "write a number; leave it blank where there is no limit"
)
OUT_OF_RANGE = error(
    "out_of_range", "A number is outside the range of its column.", "{column} must be {allowed}"
)
NEGATIVE_SALES = error(
    "negative_sales",
    "Sales are negative.",
    "qty must be at least 0: take returns out of the sales and put them into return_rates",
)
NOT_WHOLE = error("not_whole", "A count has a fraction.", "write a whole number, as in {nearest}")
UNKNOWN_CHOICE = error(
    "unknown_choice", "A value is not on the column's list.", "write one of: {allowed}"
)
BAD_CLOCK = error(
    "bad_clock", "A time of day cannot be read.", "write HH:MM, as in 08:30 (00:00 to 24:00)"
)
NOT_A_DAY = error("not_a_day", "A date has a time of day.", "write the date alone, as in {day}")
UNITS_OUT_OF_SCALE = warning(
    "units_out_of_scale",
    "A number is far outside what its unit makes plausible.",
    "{column} is in {unit} and is plausible from {low} to {high}: check the unit",
)
OUT_OF_SCALE_WITH_COLUMN = warning(
    "out_of_scale_with_column",
    "A number is a thousand times the middle of its column, or more.",
    "{times} times the median of {column}, which is {median} {unit}: check the unit",
)
DENSITY_OUT_OF_SCALE = warning(
    "density_out_of_scale",
    "Weight and volume together give an impossible density.",
    "{density} kg per m3 is not plausible: check weight_kg (kg, not g) and volume_m3 (m3, not"
    " litres or cm3)",
)
DATE_OUT_OF_SCALE = warning(
    "date_out_of_scale",
    "A date lies in a year that the plan cannot mean.",
    "the plan starts {start}: check the year and the order of day and month",
)


def bad_cells(column: Column, cells: pd.Series) -> Iterator[tuple[Notice, Mask, str]]:
    """Yield what a contract forbids in a column: the notice, the cells, what is allowed.

    Parameters
    ----------
    cells : (n,) in the dtype of the column's kind
    """
    if column.required:
        yield BLANK_REQUIRED, cells.isna().to_numpy(), "a value"
    if column.kind in NUMERIC:
        yield from _bad_numbers(column, cells.to_numpy(np.float64))
    elif column.kind == Kind.CHOICE:
        allowed = ", ".join(column.choices)
        codes, labels = pd.factorize(cells)
        wrong = np.append(~pd.Index(labels).isin(column.choices), False)
        yield UNKNOWN_CHOICE, wrong[codes], f"one of {allowed}"
    elif column.kind == Kind.CLOCK:
        codes, labels = pd.factorize(cells)
        wrong = np.append(~pd.Series(labels, dtype="str").str.fullmatch(CLOCK).astype(bool), False)
        yield BAD_CLOCK, wrong[codes], "a time HH:MM"
    elif column.kind == Kind.DATE:
        yield NOT_A_DAY, (cells.notna() & (cells != cells.dt.normalize())).to_numpy(), "a date"


def _bad_numbers(column: Column, values: NDArray[np.float64]) -> Iterator[tuple[Notice, Mask, str]]:
    allowed = allowed_range(column)
    infinite = np.isinf(values)
    yield NOT_FINITE, infinite, allowed
    wrong = np.zeros(len(values), bool)
    if column.low is not None:
        wrong |= values <= column.low if column.above else values < column.low
    elif column.above:
        wrong |= values <= 0.0
    if column.high is not None:
        wrong |= values > column.high
    yield OUT_OF_RANGE, wrong & ~infinite, allowed
    if column.kind == Kind.INTEGER:
        fraction = np.isfinite(values) & ~infinite
        fraction[fraction] = values[fraction] != np.rint(values[fraction])
        yield NOT_WHOLE, fraction, "a whole number"


def allowed_range(column: Column) -> str:
    """Say which numbers a column allows, as in "above 0" or "from 0 to 100"."""
    low = 0.0 if column.above and column.low is None else column.low
    if low is None and column.high is None:
        return "any number"
    if column.high is None:
        return f"above {low:g}" if column.above else f"at least {low:g}"
    if low is None:
        return f"at most {column.high:g}"
    if column.above:
        return f"above {low:g}, at most {column.high:g}"
    return f"from {low:g} to {column.high:g}"


def check_columns(facts: Facts) -> None:
    """Every required column is there."""
    for name, frame in facts.scenario.tables.items():
        for column in TABLES[name].columns:
            if column.required and column.name not in frame.columns:
                facts.note(
                    MISSING_COLUMN,
                    name,
                    column.name,
                    column=column.name,
                    chinese=column.zh,
                    help=column.help,
                )


def check_cells(facts: Facts) -> None:
    """Every cell is what its column's contract allows: filled, in range, whole, on the list."""
    for name, frame in facts.scenario.tables.items():
        for column in TABLES[name].columns:
            if column.name in frame.columns:
                for notice, wrong, allowed in bad_cells(column, frame[column.name]):
                    if wrong.any():
                        _note_cell(facts, name, column, notice, np.flatnonzero(wrong), allowed)


def _note_cell(
    facts: Facts,
    table: str,
    column: Column,
    notice: Notice,
    at: NDArray[np.int64],
    allowed: str,
) -> None:
    cells = facts.table(table)[column.name].array[at]
    if notice is OUT_OF_RANGE and column.name in ("lat", "lon"):
        return  # said by the rules on places, which know a swap when they see one
    if notice is OUT_OF_RANGE and table == "demand_history" and column.name == "qty":
        facts.note(NEGATIVE_SALES, table, column.name, at)
    elif notice is NOT_WHOLE:
        facts.note(notice, table, column.name, at, nearest=np.rint(np.asarray(cells)))
    elif notice is NOT_A_DAY:
        facts.note(notice, table, column.name, at, day=pd.Series(cells).dt.normalize())
    elif notice is UNKNOWN_CHOICE:
        facts.note(notice, table, column.name, at, allowed=", ".join(column.choices))
    else:
        facts.note(
            notice,
            table,
            column.name,
            at,
            column=column.name,
            help=column.help,
            allowed=allowed,
        )


def check_scale(facts: Facts) -> None:
    """Numbers are in the scale of their unit, and in that of their own column."""
    for name, frame in facts.scenario.tables.items():
        for column in TABLES[name].columns:
            if column.plausible is None or column.name not in frame.columns:
                continue
            values = frame[column.name].to_numpy(np.float64)
            low, high = column.plausible
            beyond = ((values < low) | (values > high)) & np.isfinite(values) & (values >= 0)
            if beyond.any():
                terms = {"column": column.name, "unit": column.unit or "units"}
                facts.note(
                    UNITS_OUT_OF_SCALE, name, column.name, beyond, low=low, high=high, **terms
                )
            positive = values[np.isfinite(values) & (values > 0)]
            if len(positive) < OUTLIER_ROWS:
                continue
            median = float(np.median(positive))
            far = (values >= OUTLIER * median) & np.isfinite(values) & ~beyond
            if far.any():
                terms = {"column": column.name, "unit": column.unit or "units"}
                times = np.rint(values[far] / median)
                facts.note(
                    OUT_OF_SCALE_WITH_COLUMN,
                    name,
                    column.name,
                    far,
                    median=median,
                    times=times,
                    **terms,
                )


def check_density(facts: Facts) -> None:
    """Weight and volume of a product agree with each other."""
    products = facts.table("products")
    weight = products["weight_kg"].to_numpy(np.float64)
    volume = products["volume_m3"].to_numpy(np.float64)
    both = (weight > 0) & (volume > 0) & np.isfinite(weight) & np.isfinite(volume)
    density = np.divide(weight, volume, out=np.ones(len(weight)), where=both)
    wrong = both & ((density < DENSITY[0]) | (density > DENSITY[1]))
    if wrong.any():
        facts.note(DENSITY_OUT_OF_SCALE, "products", "weight_kg", wrong, density=density[wrong])


def check_years(facts: Facts) -> None:
    """Dates lie in years that the plan can mean."""
    first = pd.Timestamp(FIRST_YEAR, 1, 1)
    last = facts.start + pd.DateOffset(years=YEARS_AHEAD)
    for name, frame in facts.scenario.tables.items():
        for column in TABLES[name].columns:
            if column.kind in TEMPORAL and column.name in frame.columns:
                cells = frame[column.name]
                wrong = ((cells < first) | (cells > last)).to_numpy()
                if wrong.any():
                    facts.note(DATE_OUT_OF_SCALE, name, column.name, wrong, start=facts.start)


RULES = (check_columns, check_cells, check_scale, check_density, check_years)
