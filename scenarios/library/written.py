"""Tables written by hand: a heading line and one line a row, cells apart by `|`."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from scenarios.scenario import column_dtype
from scenarios.tables import NUMERIC, TABLES, TEMPORAL, Kind


def written_table(name: str, text: str) -> pd.DataFrame:
    """Return the table that a block of text shows, an empty cell being a blank.

    Parameters
    ----------
    name : table of the contracts
    text : first line the English headings, then one line a row; cells apart by `|`

    Returns
    -------
    frame : columns as headed, in the dtypes in which a scenario holds them

    Raises
    ------
    ValueError
        A row has another number of cells than the heading, or a flag is neither yes nor no.
    """
    lines = [line for line in text.strip().splitlines() if line.strip()]
    rows = [[cell.strip() for cell in line.split("|")] for line in lines]
    heading, body = rows[0], rows[1:]
    for row in body:
        if len(row) != len(heading):
            raise ValueError(f"{name}: {len(heading)} cells wanted, row is {row}")
    contract = TABLES[name].by_name
    columns: dict[str, pd.Series] = {}
    for place, column in enumerate(heading):
        cells = [_value(row[place], contract[column].kind) for row in body]
        columns[column] = pd.Series(cells, dtype=column_dtype(contract[column]))
    return pd.DataFrame(columns)


def _value(cell: str, kind: Kind) -> Any:
    if kind in NUMERIC:
        return float(cell) if cell else math.nan
    if not cell:
        return None
    if kind in TEMPORAL:
        return pd.Timestamp(cell)
    if kind == Kind.FLAG:
        if cell not in ("yes", "no"):
            raise ValueError(f"a flag is yes or no, is {cell!r}")
        return cell == "yes"
    return cell
