"""The file: LaDe's pickup columns, one row per parcel fetched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from scenarios.errors import InputError

TEXTS = ("order_id", "region_id", "city", "courier_id")
MOMENTS = ("accept_time", "time_window_start", "time_window_end", "pickup_time")
PLACE = ("lng", "lat")
COLUMNS = (*TEXTS, *MOMENTS, *PLACE, "ds")
FIRST_YEAR, LAST_YEAR = 1970, 2200


def read_pickups(path: Path, year: int) -> pd.DataFrame:
    """Read the pickups.

    Parameters
    ----------
    path : .csv with LaDe's headings
    year : of all dates; the file has none

    Returns
    -------
    rows : order_id, region_id, city, courier_id (str), accept_time, time_window_start,
        time_window_end, pickup_time (datetime64[ms], local), lng, lat (float64, degrees; NaN
        where they are no place), day (datetime64[D]), in the order of the file

    Raises
    ------
    InputError
        No such file, headings missing, no rows, or cells that are not dates or numbers.
    """
    if not path.is_file():
        raise InputError(f"no such file: {path}")
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise InputError(f"year must be from {FIRST_YEAR} to {LAST_YEAR}, is {year}")
    try:
        raw = pd.read_csv(path, dtype="str", keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} cannot be read as CSV: {error}") from error
    missing = [column for column in COLUMNS if column not in raw]
    if missing:
        raise InputError(
            f"{path.name} is not a pickup file of LaDe: no column {', '.join(missing)};"
            f" such a file has the headings {', '.join(COLUMNS)}"
        )
    if not len(raw):
        raise InputError(f"{path.name} has headings and no rows")
    rows = raw[list(TEXTS)].apply(lambda cells: cells.str.strip())
    _refuse(rows.eq("").any(axis=1), path.name, f"a cell of {', '.join(TEXTS)} is blank")
    for column in MOMENTS:
        # the 29th of February stands as such: a year without it makes the cell no date
        moments = pd.to_datetime(
            f"{year}-" + raw[column].str.strip(), format="%Y-%m-%d %H:%M:%S", errors="coerce"
        )
        _refuse(moments.isna(), path.name, f"{column} is no month-day and time in {year}")
        rows[column] = moments.astype("datetime64[ms]")
    day = pd.to_datetime(
        f"{year}" + raw["ds"].str.strip().str.zfill(4), format="%Y%m%d", errors="coerce"
    )
    _refuse(day.isna(), path.name, f"ds is no month and day in {year}")
    rows["day"] = day
    for column, most in zip(PLACE, (180.0, 90.0), strict=True):
        numbers = pd.to_numeric(raw[column], errors="coerce").to_numpy(np.float64)
        rows[column] = np.where(np.abs(numbers) <= most, numbers, np.nan)
    return rows


def _refuse(bad: pd.Series, name: str, why: str) -> None:
    """Stop at the first row of the file that shows a defect; the heading is row 1."""
    if bad.any():
        first = int(np.flatnonzero(bad.to_numpy())[0]) + 2
        raise InputError(f"{name} row {first}: {why} ({int(bad.sum()):,} rows)")
