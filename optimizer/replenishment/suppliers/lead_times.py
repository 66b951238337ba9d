"""Observed lead times against those that offers state, and how late suppliers are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from optimizer.replenishment.facts import Facts
from optimizer.replenishment.suppliers.scores import PRIOR_LINES, receipt_lines

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_LINES = 5  # fewer lines say nothing about a mean
DOUBT = 0.005  # of each side: a difference stands when chance would make it once in a hundred
OFFER = ["supplier_id", "site_id", "product_id"]


@dataclass(frozen=True, slots=True)
class Lateness:
    """How many days after the promised one lines came; early ones count as 0.

    Attributes
    ----------
    days : (n_lines,) sorted by supplier
    start, count : by supplier, its lines within `days`
    """

    days: Floats
    start: pd.Series
    count: pd.Series

    def draw(self, suppliers: NDArray[np.object_], rng: np.random.Generator, times: int) -> Floats:
        """Return days late of each supplier's next line, (n, times).

        Each draw is one of the supplier's own lines with probability lines / (lines + 10), else
        any line of any supplier; without receipts nothing is late.
        """
        shape = (len(suppliers), times)
        which, own = rng.random(shape), rng.random(shape)
        if not len(self.days):
            return np.zeros(shape)
        start = self.start.reindex(suppliers).fillna(0).to_numpy(np.int64)
        count = self.count.reindex(suppliers).fillna(0).to_numpy(np.int64)
        trust = count / (count + PRIOR_LINES)
        first = start[:, None] + np.floor(own * count[:, None]).astype(np.int64)
        anyone = np.floor(own * len(self.days)).astype(np.int64)
        line = np.where(which < trust[:, None], first, anyone)
        drawn: Floats = self.days[np.minimum(line, len(self.days) - 1)]
        return drawn


def read_lateness(facts: Facts) -> Lateness:
    """Return the lateness of all receipts."""
    rows = receipt_lines(facts)[["supplier_id", "late"]].dropna()
    rows = rows.sort_values(["supplier_id", "late"], kind="stable", ignore_index=True)
    count = rows.groupby("supplier_id").size()
    start = count.cumsum() - count
    return Lateness(np.maximum(rows["late"].to_numpy(np.float64), 0.0), start, count)


def lead_time_gaps(facts: Facts) -> pd.DataFrame:
    """Return suppliers whose lines took another time than their offers state, beyond chance.

    A line counts where an offer of its supplier, site and product stands. The mean difference is
    held against its standard error (Student's t, 1 %, both sides).

    Returns
    -------
    frame : supplier_id, lines, observed_days, stated_days, gap_days
    """
    offers = facts.offers.drop_duplicates(OFFER).set_index(OFFER)["lead_days"]
    rows = receipt_lines(facts)
    stated = offers.reindex(pd.MultiIndex.from_frame(rows[OFFER])).to_numpy(np.float64)
    rows = rows.assign(stated=stated, gap=rows["lead"] - stated).dropna(subset=["gap"])
    by = rows.groupby("supplier_id")
    table = pd.DataFrame(
        {
            "lines": by.size().astype(np.float64),
            "observed_days": by["lead"].mean(),
            "stated_days": by["stated"].mean(),
            "gap_days": by["gap"].mean(),
            "sd": by["gap"].std(ddof=1),
        }
    )
    table = table[table["lines"] >= LEAST_LINES]
    error = table["sd"] / np.sqrt(table["lines"])
    sure = stdtrit(table["lines"].to_numpy(np.float64) - 1.0, 1.0 - DOUBT)
    table = table[table["gap_days"].abs() > np.maximum(sure * error, 1e-9)]
    return table.drop(columns="sd").reset_index()
