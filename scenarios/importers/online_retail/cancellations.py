"""Finds the sale that a cancellation takes back."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

BEFORE_DISPATCH_DAYS = 1.0
EXTREME_UNITS = 10_000


@dataclass(frozen=True, slots=True)
class Matched:
    """What cancellations take back from sales.

    Attributes
    ----------
    undone : (n_sales,) int64, units of each sale cancelled before dispatch
    returns : code, country, units, delay_days (float64); one row per sale that goods came back
        from, NaN delay where the customer is not known and the sale could not be found
    undone_lines : cancellations that took back something before dispatch
    extreme_lines : sales and cancellations of at least EXTREME_UNITS that undid each other
    extreme_units : units of those sales
    before_file : cancellations (lines, units) by known customers of sales that are not in the
        file; they were bought before it begins
    """

    undone: NDArray[np.int64]
    returns: pd.DataFrame
    undone_lines: int
    extreme_lines: int
    extreme_units: int
    before_file: tuple[int, int]


def match_cancellations(sales: pd.DataFrame, cancelled: pd.DataFrame) -> Matched:
    """Match each cancellation with the same customer's latest earlier sales of the same product.

    Units taken back within BEFORE_DISPATCH_DAYS of the sale never left the warehouse: they are no
    demand. Units taken back later are returns of demand that stays.

    Parameters
    ----------
    sales, cancelled : customer, code, country, at, units (negative in `cancelled`)
    """
    known = cancelled["customer"].notna().to_numpy()
    keys = ["customer", "code"]
    pairs = cancelled.loc[known, keys].drop_duplicates()
    place = np.arange(len(sales), dtype=np.int64)
    concerned = sales[[*keys, "at", "units"]].assign(place=place).merge(pairs, on=keys)
    events = pd.concat(
        [
            concerned.assign(kind=0),
            cancelled.loc[known, [*keys, "at", "units"]].assign(
                kind=1, place=np.flatnonzero(known)
            ),
        ],
        ignore_index=True,
    ).sort_values(["at", "kind", "place"], kind="stable")

    undone = np.zeros(len(sales), np.int64)
    codes = cancelled["code"].tolist()
    countries = cancelled["country"].tolist()
    rows: list[tuple[str, str, int, float]] = []
    undone_lines = extreme_lines = extreme_units = lines_before = units_before = 0
    stacks: dict[tuple[str, str], list[list[int]]] = defaultdict(list)
    moments = events["at"].to_numpy("datetime64[ms]").astype(np.int64)
    for customer, code, units, kind, position, moment in zip(
        events["customer"].tolist(),
        events["code"].tolist(),
        events["units"].tolist(),
        events["kind"].tolist(),
        events["place"].tolist(),
        moments.tolist(),
        strict=True,
    ):
        stack = stacks[customer, code]
        if kind == 0:
            stack.append([position, units, moment])
            continue
        left, did_undo = -units, False
        while left and stack:
            sale = stack[-1]
            taken = min(left, sale[1])
            delay = (moment - sale[2]) / 86_400_000
            if delay <= BEFORE_DISPATCH_DAYS:
                undone[sale[0]] += taken
                did_undo = True
                if taken >= EXTREME_UNITS:
                    extreme_lines += 2
                    extreme_units += taken
            else:
                rows.append((codes[position], countries[position], taken, delay))
            left -= taken
            sale[1] -= taken
            if not sale[1]:
                stack.pop()
        undone_lines += did_undo
        if left:
            lines_before += 1
            units_before += left
    unknown = cancelled.loc[~known]
    returns = pd.concat(
        [
            pd.DataFrame(rows, columns=["code", "country", "units", "delay_days"]),
            pd.DataFrame(
                {
                    "code": unknown["code"],
                    "country": unknown["country"],
                    "units": -unknown["units"],
                    "delay_days": np.full(len(unknown), np.nan),
                }
            ),
        ],
        ignore_index=True,
    ).astype({"code": "str", "country": "str", "units": "int64", "delay_days": "float64"})
    return Matched(
        undone,
        returns,
        undone_lines,
        extreme_lines,
        extreme_units,
        (lines_before, units_before),
    )
