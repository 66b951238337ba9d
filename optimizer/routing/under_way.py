"""What a day under way says beyond its tables: parts made in the morning, and what is aboard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from optimizer.routing.problem import Flags

Call = tuple[str, int]  # order_id, and its part from 1; 0 where the order is whole
PART_COLUMNS = ["order_id", "shipment_id", "part", "line_id", "qty"]


@dataclass(frozen=True, slots=True)
class UnderWay:
    """What has been decided of a day; nothing, before it begins.

    Attributes
    ----------
    parts : PART_COLUMNS; what is in the parts that are still to come, of orders split before
    aboard : the vehicle type that has a call aboard, by call
    out : vehicle types that have left their depot
    """

    parts: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=PART_COLUMNS))
    aboard: Mapping[Call, str] = field(default_factory=dict)
    out: frozenset[str] = frozenset()

    def is_aboard(self, calls: Sequence[Call]) -> Flags:
        """Return which calls a van has loaded, (n, 1) bool."""
        return np.array([call in self.aboard for call in calls], dtype=bool)[:, None]

    def may_serve(self, calls: Sequence[Call], types: Sequence[str]) -> Flags:
        """Return which vehicle types may serve which calls, (n, m) bool: aboard is aboard."""
        has = [[self.aboard.get(call, kind) == kind for kind in types] for call in calls]
        return np.array(has, dtype=bool).reshape(len(calls), len(types))

    def may_load(self, calls: Sequence[Call], brought: Flags, types: Sequence[str]) -> Flags:
        """Return which vehicle types may still load which calls, (n, m) bool.

        Nothing is loaded twice, and a van that has left loads no delivery.

        Parameters
        ----------
        brought : (n,) bool, deliveries
        """
        gone = np.array([kind in self.out for kind in types], dtype=bool)
        loads: Flags = ~(brought[:, None] & gone) & ~self.is_aboard(calls)
        return loads


def calls_of(order_ids: Sequence[str], parts: Sequence[float]) -> list[Call]:
    """Return calls from two columns; a blank part is 0."""
    numbers = np.nan_to_num(np.asarray(parts, dtype=np.float64)).astype(np.int64)
    return list(zip(map(str, order_ids), numbers.tolist(), strict=True))
