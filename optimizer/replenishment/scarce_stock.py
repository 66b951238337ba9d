"""Shares an origin's free stock between its own demand and the product-locations that it feeds.

What leaves cannot be sold at the origin, and what stays cannot be sold elsewhere. Looked at some
days ahead, stock and what is due before then go where they lose least: one more unit is worth the
same everywhere, loss per unit x chance of running short. A claim gets the least of what it would
get looking from a day ahead to the lead time of an order placed tonight.

Source: Federgruen & Zipkin (1984), Approximations of dynamic multilocation production and
inventory problems (myopic allocation).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from optimizer.replenishment.facts import Facts

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

AHEAD_DAYS = (1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 14.0, 21.0, 28.0, 42.0)  # up to the lead time
HALVINGS = 40
LEAST_TAIL = 1e-6  # chance of running short below which nobody asks for more


@dataclass(frozen=True, slots=True)
class _Needs:
    """What origins and fed pairs need so many days ahead, fed pairs one transit later.

    Attributes
    ----------
    group : (n,) int64, origin of each member; the first n_groups members are the origins
    mean, sd : (n,) units of demand less what comes back
    there : (n,) units that fed pairs have and have on their way; 0 for origins
    loss : (n,) money per unit short
    """

    group: Ints
    mean: Floats
    sd: Floats
    there: Floats
    loss: Floats

    def take(self, price: Floats) -> Floats:
        """Return what each member takes where one unit costs `price` (n_groups,)."""
        asked = np.divide(
            price[self.group], self.loss, out=np.full(len(self.loss), np.inf), where=self.loss > 0.0
        )
        level = self.mean - self.sd * ndtri(np.clip(asked, LEAST_TAIL, 1.0 - LEAST_TAIL))
        taken: Floats = np.where(asked < 1.0, np.maximum(level - self.there, 0.0), 0.0)
        return taken

    def total(self, price: Floats) -> Floats:
        """Return what each group takes at prices, (n_groups,)."""
        total: Floats = np.bincount(self.group, self.take(price), len(price)).astype(np.float64)
        return total


def share_stock(facts: Facts, rows: pd.DataFrame) -> Floats:
    """Return how much of each claim the origin sends, (n_claims,) whole units.

    Looked at some days ahead: where stock and receipts suffice for what all need at the origin's
    critical fractile, the rest goes to the claims in proportion; else one unit is worth the same
    everywhere.

    Parameters
    ----------
    rows : origin (row of facts.pairs, -1: no such pair), pair, claim [units]
    """
    origin = rows["origin"].to_numpy(np.int64)
    qty = np.zeros(len(rows))
    known = np.flatnonzero(origin >= 0)
    if not len(known):
        return qty
    sites, group = np.unique(origin[known], return_inverse=True)
    fed = rows["pair"].to_numpy(np.int64)[known]
    claim = rows["claim"].to_numpy(np.float64)[known]
    free = np.maximum(facts.pairs["free"].to_numpy(np.float64)[sites], 0.0)
    low, due = _critical_price(facts, sites), _Receipts(facts, sites)
    sent = claim.copy()
    for ahead in AHEAD_DAYS:
        days = np.minimum(ahead, due.lead)
        needs = _needs(facts, sites, group, fed, days)
        got = _sent(needs, free + due.before(days), low, claim)
        sent = np.minimum(sent, got)
        if ahead >= due.lead.max():
            break
    qty[known] = np.floor(sent + 1e-9)
    return qty


def _sent(needs: _Needs, pool: Floats, low: Floats, claim: Floats) -> Floats:
    """Return what each claim gets of a pool of stock and receipts, (n_claims,) units."""
    n_groups = len(pool)
    group = needs.group[n_groups:]
    short = needs.total(low) > pool
    high = low.copy()
    np.maximum.at(high, needs.group, needs.loss)
    bottom, top = low.copy(), high
    for _ in range(HALVINGS if short.any() else 0):
        middle = 0.5 * (bottom + top)
        over = needs.total(middle) > pool
        bottom, top = np.where(over, middle, bottom), np.where(over, top, middle)
    taken = needs.take(np.where(short, top, low))
    left = np.where(short, 0.0, pool - np.bincount(needs.group, taken, n_groups))
    sent = np.minimum(taken[n_groups:], claim)
    missing = claim - sent
    asked = np.bincount(group, missing, n_groups)
    part = np.minimum(1.0, np.divide(left, asked, out=np.zeros(n_groups), where=asked > 0.0))
    result: Floats = sent + missing * part[group]
    return result


def _critical_price(facts: Facts, at: Ints) -> Floats:
    """Return p h / (p + h): loss x chance of running short at an origin's critical fractile."""
    rows = facts.pairs.iloc[at]
    loss = rows["loss_per_unit"].to_numpy(np.float64)
    held = (rows["holding_cost_per_unit_day"] * rows["review_days"]).to_numpy(np.float64)
    total = loss + held
    price: Floats = np.divide(loss * held, total, out=np.zeros(len(at)), where=total > 0.0)
    return price


def _needs(facts: Facts, sites: Ints, group: NDArray[np.intp], fed: Ints, days: Floats) -> _Needs:
    """Return what origins need in their first days, and fed pairs until a transit later."""
    pairs = facts.pairs
    members = np.concatenate([sites, fed])
    of_group = np.concatenate([np.arange(len(sites)), group]).astype(np.int64)
    wait = pairs["transit_days"].to_numpy(np.float64)[members]
    wait[: len(sites)] = 0.0
    mean, variance = facts.net_demand(members, days[of_group] + wait)
    there = pairs["position"].to_numpy(np.float64)[members]
    there[: len(sites)] = 0.0
    loss = pairs["loss_per_unit"].to_numpy(np.float64)[members]
    return _Needs(of_group, mean, np.sqrt(np.maximum(variance, 0.0)), there, loss)


class _Receipts:
    """Open orders to origins, by day; what is overdue is taken to come tomorrow.

    Attributes
    ----------
    lead : (n_origins,) days until an order of tonight comes, at least 1
    """

    def __init__(self, facts: Facts, sites: Ints) -> None:
        pairs = facts.pairs
        bought = pairs["has_option"].to_numpy(bool)
        lead = np.where(bought, pairs["lead_days"], pairs["transit_days"]).astype(np.float64)
        self.lead = np.maximum(lead[sites], 1.0)
        coming = facts.scenario.table("open_orders")
        index = pd.MultiIndex.from_frame(pairs[["site_id", "product_id"]].iloc[sites])
        at = index.get_indexer(pd.MultiIndex.from_frame(coming[["site_id", "product_id"]]))
        start = pd.Timestamp(facts.scenario.settings.start_date)
        days = (coming["due_on"] - start).dt.days.fillna(1.0).to_numpy(np.float64)
        self._at, self._day = at[at >= 0], np.maximum(days, 1.0)[at >= 0]
        self._qty = coming["qty"].to_numpy(np.float64)[at >= 0]

    def before(self, days: Floats) -> Floats:
        """Return the units that come in time for each origin's first days, (n_origins,)."""
        inside = self._day < days[self._at]
        units: Floats = np.bincount(
            self._at[inside], self._qty[inside], minlength=len(self.lead)
        ).astype(np.float64)
        return units
