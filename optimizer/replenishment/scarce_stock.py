"""Shares an origin's free stock between its own demand and the product-locations that it feeds.

What leaves cannot be sold at the origin, and what stays cannot be sold elsewhere. Until the
origin's next stock comes, the shares are those that lose least: one more unit is worth the same
everywhere, loss per unit x chance of running short.

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

HALVINGS = 50
LEAST_TAIL = 1e-6  # chance of running short below which nobody asks for more


@dataclass(frozen=True, slots=True)
class _Needs:
    """What origins and fed pairs need until the origin's next stock is there.

    Attributes
    ----------
    group : (n,) int64, origin of each member; the first n_groups members are the origins
    mean, sd : (n,) units of demand; there : (n,) units that it has or will have by then
    most : (n,) units that it may take
    loss : (n,) money per unit short
    """

    group: Ints
    mean: Floats
    sd: Floats
    there: Floats
    most: Floats
    loss: Floats

    def take(self, price: Floats) -> Floats:
        """Return what each member takes where one unit costs `price` (n_groups,)."""
        asked = np.divide(
            price[self.group], self.loss, out=np.full(len(self.loss), np.inf), where=self.loss > 0.0
        )
        level = self.mean - self.sd * ndtri(np.clip(asked, LEAST_TAIL, 1.0 - LEAST_TAIL))
        wish = np.where(asked < 1.0, level - self.there, 0.0)
        taken: Floats = np.clip(wish, 0.0, self.most)
        return taken


def share_stock(facts: Facts, rows: pd.DataFrame) -> Floats:
    """Return how much of each claim the origin sends, (n_claims,) whole units.

    Claims are met in full where the stock suffices for them and for what the origin needs at
    its own critical fractile; otherwise by equal worth. What is left then goes to the claims in
    proportion.

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
    claim = rows["claim"].to_numpy(np.float64)[known]
    free = np.maximum(facts.pairs["free"].to_numpy(np.float64)[sites], 0.0)
    needs = _needs(facts, sites, group, rows["pair"].to_numpy(np.int64)[known], claim, free)
    n_groups = len(sites)
    low = _critical_price(facts, sites)
    high = np.zeros(n_groups)
    np.maximum.at(high, needs.group, needs.loss)
    least = needs.take(low)
    wanted = np.bincount(needs.group, least, n_groups)
    short = wanted > free
    bottom, top = low.copy(), np.maximum(high, low)
    for _ in range(HALVINGS if short.any() else 0):
        middle = 0.5 * (bottom + top)
        over = np.bincount(needs.group, needs.take(middle), n_groups) > free
        bottom, top = np.where(over, middle, bottom), np.where(over, top, middle)
    taken = needs.take(np.where(short, top, low))
    left = np.maximum(free - np.bincount(needs.group, taken, n_groups), 0.0)
    left = np.where(short, 0.0, left)
    sent = taken[len(sites) :]
    missing = claim - sent
    asked = np.bincount(group, missing, n_groups)
    part = np.minimum(1.0, np.divide(left, asked, out=np.zeros(n_groups), where=asked > 0.0))
    qty[known] = np.floor(sent + missing * part[group] + 1e-9)
    return qty


def _critical_price(facts: Facts, at: Ints) -> Floats:
    """Return p h / (p + h): loss x chance of running short at an origin's critical fractile."""
    rows = facts.pairs.iloc[at]
    loss = rows["loss_per_unit"].to_numpy(np.float64)
    held = (rows["holding_cost_per_unit_day"] * rows["review_days"]).to_numpy(np.float64)
    total = loss + held
    return np.divide(loss * held, total, out=np.zeros(len(at)), where=total > 0.0)


def _needs(
    facts: Facts, sites: Ints, group: NDArray[np.intp], fed: Ints, claim: Floats, free: Floats
) -> _Needs:
    """Return needs until the origin's next stock: its next receipt, or all within its lead time.

    Of the two, the one for which the members' demand exceeds the receipts before it by more.
    """
    pairs = facts.pairs
    position = pairs["position"].to_numpy(np.float64)
    transit = pairs["transit_days"].to_numpy(np.float64)
    row = pairs["forecast_row"].to_numpy(np.int64)
    next_day, lead, receipts = _receipts(facts, sites)
    members = np.concatenate([sites, fed])
    of_group = np.concatenate([np.arange(len(sites)), group]).astype(np.int64)
    wait = np.concatenate([np.zeros(len(sites)), transit[fed]])
    found = []
    for until, come in ((next_day, np.zeros(len(sites))), (lead, receipts)):
        mean, variance = facts.forecast.over(row[members], until[of_group] + wait)
        there = np.concatenate([come, position[fed]])
        found.append((mean, np.sqrt(np.maximum(variance, 0.0)), there))
    gaps = [np.bincount(of_group, mean - there, len(sites)) for mean, _, there in found]
    later = (gaps[1] > gaps[0])[of_group]
    mean, sd, there = (np.where(later, b, a) for a, b in zip(*found, strict=True))
    loss = pairs["loss_per_unit"].to_numpy(np.float64)[members]
    return _Needs(of_group, mean, sd, there, np.concatenate([free, claim]), loss)


def _receipts(facts: Facts, sites: Ints) -> tuple[Floats, Floats, Floats]:
    """Return days until the next receipt, until an order of tonight comes, units due before it.

    What is overdue is taken to come tomorrow. Without open orders the next receipt is tonight's.
    """
    pairs = facts.pairs
    lead = np.where(
        pairs["has_option"].to_numpy(bool), pairs["lead_days"], pairs["transit_days"]
    ).astype(np.float64)[sites]
    lead = np.maximum(lead, 1.0)
    coming = facts.scenario.table("open_orders")
    index = pd.MultiIndex.from_frame(pairs[["site_id", "product_id"]].iloc[sites])
    at = index.get_indexer(pd.MultiIndex.from_frame(coming[["site_id", "product_id"]]))
    start = pd.Timestamp(facts.scenario.settings.start_date)
    days = np.maximum((coming["due_on"] - start).dt.days.fillna(1.0).to_numpy(np.float64), 1.0)
    first = lead.copy()
    known = at >= 0
    np.minimum.at(first, at[known], days[known])
    before = known & (days < lead[np.maximum(at, 0)])
    qty = coming["qty"].to_numpy(np.float64)
    units = np.bincount(at[before], qty[before], len(sites)).astype(np.float64)
    return first, lead, units
