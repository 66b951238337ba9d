"""Limits on tonight's orders as linear rows over the options."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from optimizer.replenishment.facts import Facts
from optimizer.replenishment.tonight.decisions import add_decisions
from optimizer.replenishment.tonight.problem import Rows

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MONEY_KINDS = ("budget", "supplier_spend", "supplier_share_pct")


class Draft:
    """Rows as they are gathered."""

    def __init__(self, n_options: int) -> None:
        self.n_options = n_options
        self.money: list[csr_array] = []
        self.units: list[csr_array] = []
        self.room: list[float] = []
        self.kind: list[str] = []
        self.entity: list[str] = []

    def add(
        self, kind: str, entity: str, room: float, money: Floats | None, units: Floats | None
    ) -> None:
        """Add a row of weights (n_options,); a missing side weighs nothing."""
        nothing = csr_array((1, self.n_options), dtype=np.float64)
        for held, weights in ((self.money, money), (self.units, units)):
            held.append(nothing if weights is None else csr_array(weights[None, :]))
        self.room.append(room)
        self.kind.append(kind)
        self.entity.append(entity)

    def rows(self) -> Rows:
        """Return what was gathered."""

        def matrix(parts: list[csr_array]) -> csr_array:
            if not parts:
                return csr_array((0, self.n_options), dtype=np.float64)
            return csr_array(vstack(parts, format="csr"))

        return Rows(
            matrix(self.money),
            matrix(self.units),
            np.array(self.room, np.float64),
            tuple(self.kind),
            tuple(self.entity),
        )


def limit_rows(facts: Facts, options: pd.DataFrame, *, decided: bool = True) -> Rows:
    """Return every hard limit that holds tonight.

    Parameters
    ----------
    decided : with what the planner has decided of tonight
    options : the options of the problem, in its order: supplier_id, site_id, product_id, row,
        named, capacity_per_week, review_days, m3, category
    """
    draft = Draft(len(options))
    _storage(facts, options, draft)
    for limit in in_force(facts).itertuples():
        add_limit(draft, options, limit)
    add_shared_capacity(draft, options)
    if decided:
        add_decisions(draft, facts.scenario, options)
    return draft.rows()


def add_limit(draft: Draft, options: pd.DataFrame, limit: Any) -> None:
    """Add one limit on money or units, or one that asks for volume; storage is not added.

    Parameters
    ----------
    limit : row of `limits` as a named tuple
    """
    scope = str(limit.scope)
    inside = in_scope(options, scope)
    value, sign = float(limit.value), 1.0 if limit.sense == "<=" else -1.0
    if limit.kind in ("budget", "supplier_spend"):
        money = sign * inside.astype(np.float64)
        draft.add("budget", str(limit.limit_id), sign * value, money, None)
    elif limit.kind == "supplier_units":
        units = sign * inside.astype(np.float64)
        draft.add("units", str(limit.limit_id), sign * value, None, units)
    elif limit.kind == "supplier_share_pct":
        for name, part, whole in _shares(options, scope, inside):
            weight = part.astype(np.float64) - value / 100.0 * whole
            entity = f"{limit.limit_id} {name}"
            draft.add("share", entity, 0.0, sign * weight, None)
    elif limit.kind == "storage" and sign < 0:
        asked = -(inside * options["m3"].to_numpy(np.float64))
        draft.add("storage", str(limit.limit_id), -value, None, asked)


def in_scope(options: pd.DataFrame, scope: str) -> Flags:
    """Say which options a scope such as `all`, supplier:V01, site:W1, category:Tea means."""
    kind, _, name = scope.partition(":")
    column = {
        "supplier": "supplier_id",
        "site": "site_id",
        "category": "category",
        "product": "product_id",
    }.get(kind)
    if column is None:
        return np.ones(len(options), bool)
    inside: Flags = (options[column] == name).fillna(False).to_numpy(bool)
    return inside


def in_force(facts: Facts) -> pd.DataFrame:
    """Return the hard limits whose bucket is blank or holds the start date."""
    limits = facts.scenario.table("limits")
    start = pd.Timestamp(facts.scenario.settings.start_date)
    length = pd.Timedelta(days=facts.scenario.settings.bucket_days)
    now = limits["bucket"].isna() | (
        (limits["bucket"] <= start) & (start < limits["bucket"] + length)
    )
    rows = limits[now & limits["hard"].fillna(True).astype(bool)]
    return rows.sort_values("limit_id", kind="stable")


def _shares(options: pd.DataFrame, scope: str, inside: Flags) -> list[tuple[str, Flags, Flags]]:
    """Return (supplier, its options, options whose spend is the whole) of a share limit."""
    if scope.startswith("supplier:"):
        return [(scope, inside, np.ones(len(options), bool))]
    names = sorted(set(options.loc[inside, "supplier_id"]))
    return [
        (f"supplier:{name}", inside & (options["supplier_id"] == name).to_numpy(bool), inside)
        for name in names
    ]


def room_m3(facts: Facts) -> pd.Series:
    """Return the volume that tonight's orders may take, by site_id [m3]; inf for no limit.

    The site's own storage and the hard limits of kind storage for it, less all stock on hand
    and all open orders; an over-full site has none.
    """
    scenario = facts.scenario
    sites = scenario.table("sites").set_index("site_id")
    room = sites["storage_m3"].fillna(np.inf)
    for limit in in_force(facts).itertuples():
        site = str(limit.scope).removeprefix("site:")
        if limit.kind == "storage" and limit.sense == "<=" and site in room.index:
            room[site] = min(float(room[site]), float(limit.value))
    held = held_m3(facts)["m3"].groupby(held_m3(facts)["site_id"]).sum()
    return (room - held.reindex(room.index).fillna(0.0)).clip(lower=0.0)


def held_m3(facts: Facts) -> pd.DataFrame:
    """Return site_id, product_id, m3 of all stock on hand and all open orders."""
    stock = facts.scenario.table("inventory")
    coming = facts.scenario.table("open_orders")
    keys = ["site_id", "product_id"]
    both = pd.concat(
        [stock[keys].assign(qty=stock["on_hand"]), coming[[*keys, "qty"]]], ignore_index=True
    )
    volume = facts.scenario.table("products").set_index("product_id")["volume_m3"]
    m3 = both["qty"].to_numpy(np.float64) * volume.reindex(both["product_id"]).to_numpy(np.float64)
    return both[keys].assign(m3=np.nan_to_num(m3))


def _storage(facts: Facts, options: pd.DataFrame, draft: Draft) -> None:
    volume = options["m3"].to_numpy(np.float64)
    site = options["site_id"].to_numpy(object)
    for name, left in room_m3(facts).items():
        inside = site == name
        if np.isfinite(left) and inside.any():
            draft.add("storage", f"site:{name}", float(left), None, inside * volume)
    for limit in in_force(facts).itertuples():
        scope = str(limit.scope)
        if limit.kind != "storage" or limit.sense != "<=" or scope.startswith("site:"):
            continue
        inside = in_scope(options, scope)
        held = held_m3(facts)
        category = facts.scenario.table("products").set_index("product_id")["category"]
        held = held.assign(category=category.reindex(held["product_id"]).to_numpy(object))
        held = held.assign(supplier_id="")
        left = max(0.0, float(limit.value) - float(held["m3"][in_scope(held, scope)].sum()))
        draft.add("storage", str(limit.limit_id), left, None, inside * volume)


def add_shared_capacity(draft: Draft, options: pd.DataFrame) -> None:
    """Add a row for each weekly capacity that several sites draw on."""
    limited = options["capacity_per_week"].notna() & ~options["named"].astype(bool)
    by_row = options[limited].groupby("row", sort=True)
    for row, part in by_row:
        if len(part) < 2:
            continue
        weight = np.zeros(len(options))
        place = options.index.get_indexer(part.index)
        weight[place] = 7.0 / part["review_days"].to_numpy(np.float64)
        first = part.iloc[0]
        entity = f"supplier:{first['supplier_id']} product:{first['product_id']} row {row}"
        draft.add("units", entity, float(first["capacity_per_week"]), None, weight)
