"""Price breaks as ranges of quantities, each with a price and an offset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from optimizer.replenishment.buyer.problem import Floats, Ints
from optimizer.replenishment.facts import Facts

EDGE = 1e-6  # units; rounding


@dataclass(frozen=True, slots=True)
class Ranges:
    """Ranges of each offer.

    Attributes
    ----------
    start : (n_offers + 1,) int64
    low, high : (n_ranges,) int64, base units, on the step
    price, offset : (n_ranges,) q units cost offset + price x q, duty included
    """

    start: Ints
    low: Ints
    high: Ints
    price: Floats
    offset: Floats

    def of(self, keep: np.ndarray) -> Ranges:
        """Return the ranges of some offers, (n_offers,) bool."""
        count = np.diff(self.start)
        inside = np.repeat(keep, count)
        start = np.concatenate([[0], np.cumsum(count[keep])]).astype(np.int64)
        return Ranges(
            start, self.low[inside], self.high[inside], self.price[inside], self.offset[inside]
        )


def price_ranges(facts: Facts, offers: pd.DataFrame, low: Ints, step: Ints, most: Ints) -> Ranges:
    """Return the ranges of every offer; none where its least lot is above what it can deliver.

    Parameters
    ----------
    low, step : (n_offers,) int64, least lot and multiple, base units
    most : (n_offers,) int64, most stock of its item
    """
    table = facts.scenario.table("price_breaks").sort_values("min_qty", kind="stable")
    keys = ["supplier_id", "product_id"]
    steps_of = dict(iter(table.groupby(keys))) if len(table) else {}
    length = facts.scenario.settings.bucket_days
    weekly = offers["capacity_per_week"].to_numpy(np.float64)
    brings = offers["brings"].to_numpy(np.float64)
    largest = np.floor(np.fmin(most / brings, weekly * length / 7.0) / step + EDGE) * step
    start, rows = [0], []
    for at, (key, base, duty, moved) in enumerate(
        zip(
            zip(offers["supplier_id"], offers["product_id"], strict=True),
            offers["unit_cost"].to_numpy(np.float64).tolist(),
            offers["duty"].to_numpy(np.float64).tolist(),
            offers["index_factor"].to_numpy(np.float64).tolist(),
            strict=True,
        )
    ):
        rows += _ranges_of(
            steps_of.get(key), base, duty, moved, int(low[at]), int(step[at]), int(largest[at])
        )
        start.append(len(rows))
    lows, highs, prices, offsets = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Ranges(
        np.array(start, np.int64),
        np.array(lows, np.int64),
        np.array(highs, np.int64),
        np.array(prices, np.float64),
        np.array(offsets, np.float64),
    )


def _ranges_of(
    steps: pd.DataFrame | None,
    base: float,
    duty: float,
    moved: float,
    low: int,
    step: int,
    largest: int,
) -> list[tuple[int, int, float, float]]:
    """Return (low, high, price, offset) of one offer.

    `base` is moved by its index already; prices of breaks are stated and `moved` with it.
    """
    edges = [(0.0, base, 0.0)]
    if steps is not None:
        before, begun, spent = base, 0.0, 0.0
        for edge, stated, kind in zip(
            steps["min_qty"].tolist(), steps["unit_cost"].tolist(), steps["kind"], strict=True
        ):
            price = stated * moved
            spent += before * (edge - begun)
            before, begun = price, edge
            offset = spent - price * edge if kind == "incremental" else 0.0
            edges.append((edge, price, offset))
    first: dict[int, tuple[float, float]] = {}
    for edge, price, offset in edges:  # of several edges at one lot the last counts
        lot = max(low, int(np.ceil(edge / step - EDGE)) * step)
        first[lot] = (price * duty, offset * duty)
    lots = sorted(lot for lot in first if lot <= largest)
    ends = [lot - step for lot in lots[1:]] + [largest]
    return [(lot, end, *first[lot]) for lot, end in zip(lots, ends, strict=True)]
