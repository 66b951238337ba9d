"""Storage in the rolling plan: projected stock of each bucket fits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.facts import Facts
from optimizer.replenishment.tonight.limits import in_scope

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Storage:
    """Places with a limit of volume.

    Attributes
    ----------
    name : (n_places,) site:W1, or the limit's id
    inside : (n_places,) rows of the pairs in each
    most : (n_places, n_buckets) m3
    m3 : (n_pairs,) of one unit
    fixed : (n_places,) m3 that is never sold: reserved, quarantined, expired
    """

    name: tuple[str, ...]
    inside: tuple[Ints, ...]
    most: Floats
    m3: Floats
    fixed: Floats

    def __len__(self) -> int:
        """Count the places."""
        return len(self.name)

    def volume(self, units: Floats) -> Floats:
        """Return the m3 of each place's stock, (n_places, n_buckets), its fixed part included.

        Parameters
        ----------
        units : (n_pairs, n_buckets)
        """
        held = np.empty((len(self), units.shape[1]))
        for place, rows in enumerate(self.inside):
            held[place] = self.m3[rows] @ units[rows]
        return held + self.fixed[:, None]


def read_storage(facts: Facts) -> Storage:
    """Read every hard limit of volume and every site's own storage.

    A limit with a bucket holds for the stock of that bucket alone.
    """
    scenario, pairs = facts.scenario, facts.pairs
    settings = scenario.settings
    horizon = settings.horizon_buckets
    products = scenario.table("products").set_index("product_id")
    volume = products["volume_m3"].reindex(pairs["product_id"]).to_numpy(np.float64)
    free = np.maximum(pairs["free"].to_numpy(np.float64), 0.0)
    stuck = np.maximum(pairs["on_hand"].to_numpy(np.float64) - free, 0.0) * volume
    where = pairs.assign(
        supplier_id="", category=products["category"].reindex(pairs["product_id"]).to_numpy(object)
    )
    sites = scenario.table("sites")
    own = sites[sites["storage_m3"].notna()]
    most: dict[str, Floats] = {
        f"site:{name}": np.full(horizon, float(value))
        for name, value in zip(own["site_id"], own["storage_m3"], strict=True)
    }
    scope_of = {name: name for name in most}
    start = pd.Timestamp(settings.start_date)
    limits = scenario.table("limits")
    limits = limits[limits["hard"].fillna(True).astype(bool)]
    limits = limits[(limits["kind"] == "storage") & (limits["sense"] == "<=")]
    for limit in limits.sort_values("limit_id", kind="stable").itertuples():
        scope = str(limit.scope)
        name = scope if scope.startswith("site:") else str(limit.limit_id)
        scope_of[name] = scope
        room = most.setdefault(name, np.full(horizon, np.inf))
        held = np.ones(horizon, bool)
        if pd.notna(limit.bucket):
            first = (limit.bucket - start).days - settings.bucket_days * np.arange(horizon)
            held = (first <= 0) & (first + settings.bucket_days > 0)
        room[held] = np.minimum(room[held], float(limit.value))
    inside = {name: np.flatnonzero(in_scope(where, scope)) for name, scope in scope_of.items()}
    names = tuple(name for name in most if len(inside[name]))
    return Storage(
        names,
        tuple(inside[name] for name in names),
        np.array([most[name] for name in names]).reshape(len(names), horizon),
        volume,
        np.array([stuck[inside[name]].sum() for name in names]),
    )
