"""Rows of alerts: their shape, and how numbers are written in their sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.facts import Facts
from optimizer.replenishment.suppliers import Lateness

Floats = NDArray[np.float64]

MOST_PER_CODE = 500


@dataclass(frozen=True, slots=True)
class Night:
    """What alerts are made from, besides the facts.

    Attributes
    ----------
    level : (n_pairs,) units, position after tonight's orders, fed pairs counted at their root
    purchases, usable : purchase_orders, and the usable units that an ordered one brings
    health, scores, projection : tables of those names
    lateness : of all receipts
    gaps : lead times that differ from the stated ones
    seed : of the simulated futures
    """

    level: Floats
    purchases: pd.DataFrame
    usable: pd.Series
    health: pd.DataFrame
    scores: pd.DataFrame
    projection: pd.DataFrame
    lateness: Lateness
    gaps: pd.DataFrame
    seed: int


def alert_rows(
    code: str,
    entity: Sequence[str],
    value: Floats,
    message: Sequence[str],
    probability: Floats | None = None,
    bucket: pd.Series | None = None,
) -> pd.DataFrame:
    """Return rows of one code; a probability is a frequency that was measured, or blank."""
    return pd.DataFrame(
        {
            "severity": "warning",
            "code": code,
            "entity": list(entity),
            "bucket": pd.NaT if bucket is None else bucket.to_numpy(),
            "probability": np.nan if probability is None else probability,
            "value": value,
            "message": list(message),
        }
    )


def largest(frame: pd.DataFrame, value: Floats) -> pd.DataFrame:
    """Return the rows of the largest values, at most MOST_PER_CODE, in their order."""
    if len(frame) <= MOST_PER_CODE:
        return frame
    order = np.argsort(-value, kind="stable")[:MOST_PER_CODE]
    return frame.iloc[np.sort(order)]


def pair_entity(rows: pd.DataFrame) -> list[str]:
    """Return product:id@site of each row."""
    both = zip(rows["product_id"], rows["site_id"], strict=True)
    return [f"product:{product}@{site}" for product, site in both]


def unit_costs(facts: Facts, products: pd.Series) -> Floats:
    """Return the unit cost of each row's product, money."""
    cost = facts.scenario.table("products").set_index("product_id")["unit_cost"]
    costs: Floats = cost.reindex(products).to_numpy(np.float64)
    return costs


def number(value: float) -> str:
    """Write a number with one decimal where it is small and not whole."""
    whole = abs(value - round(value)) < 0.05 or abs(value) >= 100.0
    return f"{value:,.0f}" if whole else f"{value:,.1f}"


def counted(value: float, word: str) -> str:
    """Write a number and its noun, as in "1 unit" and "2.5 units"."""
    text = number(value)
    return f"{text} {word}" if text == "1" else f"{text} {word}s"


def percent(share: float) -> str:
    """Write a share as percent; what is not quite all or none is not said to be."""
    rounded = round(100.0 * share)
    if rounded == 0 and share > 0.0:
        return "under 1 %"
    if rounded == 100 and share < 1.0:
        return "over 99 %"
    return f"{rounded} %"
