"""One row of the register, and the itemised money that stands behind it."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_ITEMS = 20
RAISED, QUIET, UNKNOWN = "raised", "quiet", "not_known"


@dataclass(frozen=True, slots=True)
class Items:
    """Money, itemised: its total is the sum of `units` x `price` of its items, in their order.

    Attributes
    ----------
    rows : entity, units, price [money per unit], money; the largest first, the rest as one item
    """

    rows: tuple[tuple[str, float, float, float], ...] = ()

    @classmethod
    def of(cls, names: Sequence[str], units: Floats, price: Floats) -> Items:
        """Return the items that are above 0; beyond MOST_ITEMS they are added up as `others`."""
        money = units * price
        order = [int(at) for at in np.argsort(-money, kind="stable") if money[at] > 0.0]
        rows = [
            (names[at], float(units[at]), float(price[at]), float(money[at]))
            for at in order[:MOST_ITEMS]
        ]
        rest = order[MOST_ITEMS:]
        if rest:
            count, total = float(units[rest].sum()), float(money[rest].sum())
            rows.append((f"others: {len(rest)}", count, total / count, total))
        return cls(tuple(rows))

    @property
    def total(self) -> float:
        """Money of all items, added up in their order."""
        return float(sum(row[3] for row in self.rows))

    def divided(self, by: float) -> Items:
        """Return the items with units and money divided by a number above 0."""
        return Items(tuple((n, u / by, p, m / by) for n, u, p, m in self.rows))

    def document(self) -> str:
        """Return the items as JSON."""
        keys = ("entity", "units", "price", "money")
        return json.dumps([dict(zip(keys, row)) for row in self.rows], ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Risk:
    """One row of `risks`; NaN and None are what is not known.

    Attributes
    ----------
    loss : what is lost if it happens; None: not known
    disruption : of the simulator, in the words of a suite; empty: it simulates no such thing
    event_en, event_zh : what may happen, a clause
    reason_en, reason_zh : why it is thought, or why nothing is known; a sentence
    """

    kind: str
    entity: str
    state: str
    indicator: str
    event_en: str
    event_zh: str
    reason_en: str
    reason_zh: str
    evidence: str
    horizon_days: float
    value: float = math.nan
    threshold: float = math.nan
    trend: float = math.nan
    unit: str = ""
    since: dt.date | None = None
    expected_on: dt.date | None = None
    probability: float = math.nan
    loss: Items | None = None
    disruption: Mapping[str, Any] = field(default_factory=dict)
    targets: tuple[str, ...] = ()

    @property
    def risk_id(self) -> str:
        """Its name: the kind and the entity."""
        return f"{self.kind}:{self.entity}"

    @property
    def money(self) -> float:
        """Money lost if it happens; NaN where it is not known."""
        return math.nan if self.loss is None else self.loss.total

    @property
    def expected(self) -> float:
        """Probability times loss."""
        return self.probability * self.money


def chance(hits: float, of: float) -> float:
    """Return the chance of the next one, hits of so many seen: (hits + 1/2) / (of + 1).

    Source: the mean of the Beta posterior under Jeffreys' prior, Beta(1/2, 1/2).
    """
    return (hits + 0.5) / (of + 1.0)
