"""Simulated futures of single product-locations: how often stock runs out, and by how much.

Demand is drawn bucket by bucket with the forecast's mean and variance: Poisson, a gamma mixture of
Poissons (negative binomial) where the variance is larger, gamma where it is smaller. Open
orders and tonight's come as late as their supplier's receipts were.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.facts import Facts
from optimizer.replenishment.policies.laws import NEAR_POISSON
from optimizer.replenishment.suppliers import Lateness

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FUTURES = 400  # replications: a frequency has a standard error of 2.5 points at most
CHUNK = 2_000_000  # numbers in one array


@dataclass(frozen=True, slots=True)
class Stockouts:
    """What the futures of some pairs say of their protection interval.

    Attributes
    ----------
    frequency : (n,) share of the futures in which stock ran out
    short : (n,) mean units short
    """

    frequency: Floats
    short: Floats


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Units that come, one row per order line.

    Attributes
    ----------
    row : (n_lines,) place among the pairs asked about
    qty : (n_lines,) usable units
    day : (n_lines,) days from start on which they are due
    supplier : (n_lines,) ids; blank for transfers, which are not late
    spread : (n_lines,) sd of the lead time, days, for suppliers without any receipts; 0: none
    """

    row: Ints
    qty: Floats
    day: Floats
    supplier: NDArray[np.object_]
    spread: Floats


def draw_demand(mean: Floats, variance: Floats, rng: np.random.Generator, times: int) -> Floats:
    """Return demand with a mean and a variance, (n, times) units, never below 0."""
    drawn = np.zeros((len(mean), times))
    ratio = np.divide(variance, mean, out=np.ones(len(mean)), where=mean > 0.0)
    moving = mean > 0.0
    near = moving & (np.abs(ratio - 1.0) <= NEAR_POISSON)
    wide = moving & ~near & (ratio > 1.0)
    narrow = moving & ~near & (ratio < 1.0)
    drawn[near] = rng.poisson(mean[near][:, None], (int(near.sum()), times))
    scale = ratio[wide] - 1.0
    shape = (mean[wide] / scale)[:, None]
    rate = rng.gamma(shape, scale[:, None], (int(wide.sum()), times))
    drawn[wide] = rng.poisson(rate)
    sure = narrow & (ratio <= 1e-9)
    drawn[sure] = mean[sure][:, None]
    narrow &= ~sure
    shape = (mean[narrow] / ratio[narrow])[:, None]
    drawn[narrow] = rng.gamma(shape, ratio[narrow][:, None], (int(narrow.sum()), times))
    return drawn


def simulate_stockouts(
    facts: Facts,
    rows: Ints,
    purchases: pd.DataFrame,
    usable: pd.Series,
    lateness: Lateness,
    rng: np.random.Generator,
) -> Stockouts:
    """Simulate FUTURES futures of counted pairs over their protection intervals.

    Parameters
    ----------
    rows : (n,) rows of the facts' pairs; what they feed is counted with them
    purchases, usable : purchase_orders, and the usable units that an ordered one brings
    """
    pairs = facts.pairs
    length = facts.forecast.bucket_days
    days = pairs["protection_days"].to_numpy(np.float64)[rows]
    count = max(int(np.ceil(days.max(initial=0.0) / length - 1e-9)), 1)
    mean, variance = _by_bucket(facts, rows, days, count)
    member = np.full(len(pairs), -1)
    member[rows] = np.arange(len(rows))
    member = member[pairs["root"].to_numpy(np.int64)]
    free = np.maximum(pairs["free"].to_numpy(np.float64), 0.0)
    inside = member >= 0
    stock = np.bincount(member[inside], free[inside], minlength=len(rows))
    coming = _arrivals(facts, member, purchases, usable)
    waits = facts.scenario.settings.shortage_rule == "backorder"
    frequency, short = np.empty(len(rows)), np.empty(len(rows))
    size = max(CHUNK // (FUTURES * count), 1)
    for at in range(0, len(rows), size):
        part = np.arange(at, min(at + size, len(rows)))
        receipts = _receipts(coming, part, lateness, rng, count, length)
        level = np.repeat(stock[part][:, None], FUTURES, axis=1).astype(np.float64)
        lost = np.zeros(level.shape)
        for bucket in range(count):
            demand = draw_demand(mean[part, bucket], variance[part, bucket], rng, FUTURES)
            level += receipts[:, :, bucket] - demand
            lost += np.minimum(np.maximum(-level, 0.0), demand)
            if not waits:
                level = np.maximum(level, 0.0)
        frequency[part] = (lost > 1e-9).mean(axis=1)
        short[part] = lost.mean(axis=1)
    return Stockouts(frequency, short)


def _by_bucket(facts: Facts, rows: Ints, days: Floats, count: int) -> tuple[Floats, Floats]:
    """Return mean and variance of each pair's demand by bucket, fed pairs included; (n, count)."""
    root = facts.pairs["root"].to_numpy(np.int64)
    place = np.full(len(root), -1)
    place[rows] = np.arange(len(rows))
    members = np.flatnonzero(place[root] >= 0)
    owner = place[root[members]]
    at = facts.pairs["forecast_row"].to_numpy(np.int64)[members]
    mean, variance = np.zeros((len(rows), count + 1)), np.zeros((len(rows), count + 1))
    for bucket in range(1, count + 1):
        until = np.minimum(days, bucket * facts.forecast.bucket_days)[owner]
        total, spread = facts.forecast.over(at, until)
        mean[:, bucket] = np.bincount(owner, total, minlength=len(rows))
        variance[:, bucket] = np.bincount(owner, spread, minlength=len(rows))
    return np.diff(mean, axis=1), np.maximum(np.diff(variance, axis=1), 0.0)


def _arrivals(facts: Facts, member: Ints, purchases: pd.DataFrame, usable: pd.Series) -> Arrivals:
    """Return the open and proposed orders of the pairs asked about."""
    start = pd.Timestamp(facts.scenario.settings.start_date)
    index = pd.MultiIndex.from_frame(facts.pairs[["site_id", "product_id"]])
    known = facts.offers.drop_duplicates(["supplier_id", "site_id", "product_id"])
    known = known.set_index(["supplier_id", "site_id", "product_id"])["lead_variance"]
    coming = facts.scenario.table("open_orders")
    parts = [
        coming.assign(
            supplier_id=coming["source_id"].where(coming["kind"] != "transfer", ""), wait=0.0
        )
    ]
    if len(purchases):
        keys = pd.MultiIndex.from_frame(purchases[["supplier_id", "site_id", "product_id"]])
        spread = np.sqrt(np.nan_to_num(known.reindex(keys).to_numpy(np.float64)))
        parts.append(purchases.assign(qty=purchases["qty"] * usable, wait=spread))
    columns = ["supplier_id", "site_id", "product_id", "qty", "due_on", "wait"]
    rows = pd.concat([part[columns] for part in parts if len(part)] or [parts[0][columns]])
    at = index.get_indexer(pd.MultiIndex.from_frame(rows[["site_id", "product_id"]]))
    owner = np.where(at >= 0, member[at], -1)
    kept = owner >= 0
    rows = rows[kept]
    return Arrivals(
        owner[kept],
        rows["qty"].to_numpy(np.float64),
        (rows["due_on"] - start).dt.days.fillna(0).to_numpy(np.float64),
        rows["supplier_id"].fillna("").to_numpy(object),
        rows["wait"].to_numpy(np.float64),
    )


def _receipts(
    coming: Arrivals,
    part: Ints,
    lateness: Lateness,
    rng: np.random.Generator,
    count: int,
    length: int,
) -> Floats:
    """Draw what comes by pair, future and bucket, (len(part), FUTURES, count) units.

    What is overdue comes tomorrow at the earliest. A supplier that delivers for the first time
    is as late as a normal with the spread of its stated lead time, early included.
    """
    total = np.zeros((len(part), FUTURES, count))
    lines = np.flatnonzero((coming.row >= part[0]) & (coming.row <= part[-1]))
    if not len(lines):
        return total
    supplier = coming.supplier[lines]
    late = lateness.draw(supplier, rng, FUTURES)
    if not len(lateness.days):
        late = coming.spread[lines][:, None] * rng.standard_normal((len(lines), FUTURES))
    late[supplier == ""] = 0.0
    due = coming.day[lines][:, None]
    day = np.where(due < 0.0, np.maximum(due + late, 1.0), np.maximum(due + late, 0.0))
    bucket = np.floor(day / length).astype(np.int64)
    inside = bucket < count
    line, future = np.nonzero(inside)
    row = coming.row[lines][line] - part[0]
    np.add.at(total, (row, future, bucket[line, future]), coming.qty[lines][line])
    return total


def simulate_leftovers(
    mean: Floats, variance: Floats, until: Floats, units: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return how often some units are left unsold, and how many on average, (n,) each.

    Parameters
    ----------
    mean, variance : (n,) demand until the day that counts
    until : (n,) units that are to be sold by then, these being the last of them
    units : (n,) units asked about
    """
    often, left = np.empty(len(mean)), np.empty(len(mean))
    size = max(CHUNK // FUTURES, 1)
    for at in range(0, len(mean), size):
        part = slice(at, at + size)
        demand = draw_demand(mean[part], variance[part], rng, FUTURES)
        over = np.clip(until[part][:, None] - demand, 0.0, units[part][:, None])
        often[part], left[part] = (over > 1e-9).mean(axis=1), over.mean(axis=1)
    return often, left
