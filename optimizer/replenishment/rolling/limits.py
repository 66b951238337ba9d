"""Limits on the purchases of any night, as rows over its options."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from optimizer.replenishment.facts import Facts
from optimizer.replenishment.tonight.limits import Draft, add_limit, add_shared_capacity
from optimizer.replenishment.tonight.problem import Rows

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RowKey = tuple[str, ...]


class PurchaseRows:
    """Rows of every limit over all options of some terms, made when first asked for."""

    def __init__(self, facts: Facts, options: pd.DataFrame, money: Any) -> None:
        settings = facts.scenario.settings
        self.start = pd.Timestamp(settings.start_date)
        self.length = pd.Timedelta(days=settings.bucket_days)
        limits = facts.scenario.table("limits")
        limits = limits[limits["hard"].fillna(True).astype(bool)]
        self.limits = limits.sort_values("limit_id", kind="stable")
        self.options = options
        self.money = money
        self.made: dict[str, Rows] = {}

    def rows(self, bucket: int, option: Ints, used: Floats | None) -> tuple[Rows, list[RowKey]]:
        """Return the rows in force on the first day of a bucket, over chosen options.

        Parameters
        ----------
        option : places among all options
        used : (all options,) units that count towards the limits already; None: none

        Returns
        -------
        rows, keys : a key is the same for rows of the same sense in other buckets
        """
        day = self.start + bucket * self.length
        starts = self.limits["bucket"]
        now = starts.isna() | ((starts <= day) & (day < starts + self.length))
        parts: list[Rows] = [self._shared()]
        keys: list[RowKey] = [("shared", entity) for entity in parts[0].entity]
        for limit in self.limits[now].itertuples():
            rows = self._of(limit)
            parts.append(rows)
            name = str(limit.limit_id) if pd.isna(limit.bucket) else ""
            for kind, entity in zip(rows.kind, rows.entity, strict=True):
                tail = entity.removeprefix(str(limit.limit_id))
                keys.append((kind, str(limit.sense), str(limit.scope), name, tail))
        room = np.concatenate([part.room for part in parts])
        money, units = (
            csr_array(vstack([getattr(part, side) for part in parts], format="csr"))
            for side in ("money", "units")
        )
        if used is not None:
            room = room - money @ self.money(used) - units @ used
        return (
            Rows(
                csr_array(money[:, option]),
                csr_array(units[:, option]),
                room,
                tuple(kind for part in parts for kind in part.kind),
                tuple(entity for part in parts for entity in part.entity),
            ),
            keys,
        )

    def _of(self, limit: Any) -> Rows:
        name = str(limit.limit_id)
        if name not in self.made:
            draft = Draft(len(self.options))
            add_limit(draft, self.options, limit)
            self.made[name] = draft.rows()
        return self.made[name]

    def _shared(self) -> Rows:
        if "" not in self.made:
            draft = Draft(len(self.options))
            add_shared_capacity(draft, self.options)
            self.made[""] = draft.rows()
        return self.made[""]
