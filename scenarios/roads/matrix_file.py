"""Distances out of a file: rows of pairs (CSV, Parquet), or square matrices (npz)."""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from scenarios.errors import InputError

COLUMNS = ["origin_id", "destination_id", "distance_m", "duration_s"]
MOST_TOLD = 3  # pairs that a message names


def read_matrix_file(path: str | Path) -> pd.DataFrame:
    """Read measured distances.

    Parameters
    ----------
    path : .csv or .parquet with origin_id, destination_id, distance_m, duration_s; or .npz with
        ids (n,), metres and seconds (n, n)

    Returns
    -------
    rows : the four columns, pairs of different places; NaN in both numbers where there is no road

    Raises
    ------
    InputError
        No such file, another form, a negative or infinite number, one number without the other,
        or a pair that stands twice.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no such file: {path}")
    ending = path.suffix.lower()
    try:
        if ending == ".csv":
            ids = dict.fromkeys(COLUMNS[:2], "str")
            rows = pd.read_csv(path, dtype=ids, keep_default_na=False, na_values=[""])
        elif ending == ".parquet":
            rows = pd.read_parquet(path)
        elif ending == ".npz":
            rows = _square(path)
        else:
            raise InputError(f"{path.name} must end in .csv, .parquet or .npz")
    except (ValueError, OSError, KeyError, BadZipFile) as error:
        raise InputError(f"{path.name} cannot be read: {error}") from error
    missing = [column for column in COLUMNS if column not in rows]
    if missing:
        raise InputError(f"{path.name} has no column {', '.join(missing)}")
    rows = rows.loc[rows["origin_id"] != rows["destination_id"], COLUMNS].reset_index(drop=True)
    for column in COLUMNS[2:]:
        rows[column] = pd.to_numeric(rows[column], errors="coerce").astype(np.float64)
    rows = rows.astype(dict.fromkeys(COLUMNS[:2], "str"))
    numbers = rows[COLUMNS[2:]].to_numpy(np.float64)
    blank = np.isnan(numbers)
    bad = (numbers < 0) | np.isinf(numbers) | (blank[:, :1] != blank[:, 1:])
    _refuse(rows, bad.any(axis=1), path.name, "negative, infinite or half blank")
    _refuse(rows, rows.duplicated(COLUMNS[:2]).to_numpy(bool), path.name, "stated twice")
    return rows


def _square(path: Path) -> pd.DataFrame:
    with np.load(path, allow_pickle=False) as held:
        ids, metres, seconds = held["ids"].astype(str), held["metres"], held["seconds"]
    n = len(ids)
    if metres.shape != (n, n) or seconds.shape != (n, n):
        raise InputError(f"{path.name}: metres and seconds must be {n} x {n}, as there are ids")
    return pd.DataFrame(
        {
            "origin_id": np.repeat(ids, n),
            "destination_id": np.tile(ids, n),
            "distance_m": metres.astype(np.float64).ravel(),
            "duration_s": seconds.astype(np.float64).ravel(),
        }
    )


def _refuse(rows: pd.DataFrame, bad: np.ndarray, name: str, why: str) -> None:
    if bad.any():
        first = rows[bad].head(MOST_TOLD)
        pairs = ", ".join(
            f"{a} to {b}" for a, b in zip(first["origin_id"], first["destination_id"], strict=True)
        )
        raise InputError(f"{name}: {int(bad.sum()):,} rows are {why}, as {pairs}")
