"""Stock that waits at a site for a later period: where it may, what that costs, how long."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optimizer.allocation.network.problem import Flags, Floats, Ints
from optimizer.allocation.network.ways import Ways
from scenarios.semantics.periods import Periods


def periods_kept(life_days: Floats, periods: Periods) -> Ints:
    """Return for how many more periods goods of each period may be sold, (n_periods, n_products).

    What comes on the first day of a period must leave by the last day of the last of them.

    Parameters
    ----------
    life_days : (n_products,) shelf life; nan: keeps
    """
    ends = np.concatenate([[0], np.cumsum(periods.days)])
    kept = np.empty((len(periods), len(life_days)), np.int64)
    life = np.where(np.isnan(life_days), np.inf, life_days)
    for period in range(len(periods)):
        kept[period] = np.searchsorted(ends, ends[period] + life, side="right") - 2 - period
    return np.maximum(kept, 0)


def stock_ways(site_id: tuple[str, ...], asked: list[str], may_wait: Flags, cost: Floats) -> Ways:
    """Return a way for each product that may wait at a site until the next period.

    Parameters
    ----------
    may_wait : (n_sites, n_periods - 1, n_products)
    cost : (n_periods - 1, n_products) money per unit
    """
    site, period, product = np.nonzero(may_wait)
    number = period * len(asked) + product
    nothing, none = np.zeros(len(site)), np.full(len(site), -1, np.int64)
    names = np.array(site_id, object)[site]
    return Ways(
        origin=site,
        destination=site,
        want=none,
        offer=none,
        lane=none,
        product=number,
        into=number + len(asked),
        purchase=nothing,
        transport=nothing,
        handling=nothing,
        stock=cost[period, product],
        grams=nothing,
        names=pd.DataFrame(
            {
                "origin_id": names,
                "destination_id": names,
                "mode": "stock",
                "product_id": np.array(asked, object)[product],
            }
        ),
    )


def shelf_rows(ways: Ways, kept: Ints) -> tuple[Ints, Ints, Floats, int]:
    """Return rows "what waits is at most what leaves while it keeps", oldest first.

    Parameters
    ----------
    kept : (n_periods, n_products) as :func:`periods_kept`

    Returns
    -------
    row, way, value : entries; each row is to be at most 0
    count : of rows
    """
    many, total = kept.shape[1], kept.size
    waiting = np.flatnonzero(ways.waits)
    period, product = np.divmod(ways.product[waiting], many)
    until = kept[period, product]
    short = period + until < len(kept) - 1
    waiting, until = waiting[short], until[short]
    leaves = np.flatnonzero((ways.origin >= 0) & ~ways.waits)
    key = ways.origin[leaves] * total + ways.product[leaves]
    order = np.argsort(key, kind="stable")
    leaves, key = leaves[order], key[order]
    rows, columns = [np.arange(len(waiting))], [waiting]
    for ahead in range(1, int(until.max(initial=0)) + 1):
        row = np.flatnonzero(until >= ahead)
        of = waiting[row]
        about = ways.origin[of] * total + ways.product[of] + ahead * many
        first, last = np.searchsorted(key, about, "left"), np.searchsorted(key, about, "right")
        size = last - first
        inside = np.arange(int(size.sum())) - np.repeat(np.cumsum(size) - size, size)
        rows.append(np.repeat(row, size))
        columns.append(leaves[np.repeat(first, size) + inside])
    value = np.concatenate([np.ones(len(waiting)), -np.ones(sum(map(len, rows[1:])))])
    return np.concatenate(rows), np.concatenate(columns), value, len(waiting)
