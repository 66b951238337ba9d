"""Made-up buyers' problems: items x periods x suppliers with packs, breaks, minimums and limits."""

from __future__ import annotations

import numpy as np

from optimizer.replenishment.buyer.problem import (
    Groups,
    Items,
    Options,
    Problem,
    Rules,
    Storage,
)

DISCOUNTS = (1.0, 0.96, 0.92)
BREAKS_AT = (1.0, 2.5, 5.0)  # in MOQs
COVER_PERIODS = 8  # a line covers at most so many periods of demand and the safety stock


def make_case(n_items: int, n_periods: int, n_suppliers: int, seed: int) -> Problem:
    """Return a problem of several suppliers that compete for the same items, at one site.

    Demand is seasonal and gamma distributed around log-normal levels; prices differ by supplier;
    three all-units price ranges; a budget and a storage limit in every period, an order cost
    and a least order value per supplier and period.
    """
    draw = np.random.default_rng(seed)
    level = draw.lognormal(3.5, 1.0, n_items)
    season = 1.0 + 0.3 * np.sin(
        np.arange(n_periods) * 2.0 * np.pi / 12.0 + draw.uniform(0.0, 6.0, n_items)[:, None]
    )
    noise = draw.gamma(4.0, 0.25, (n_items, n_periods))
    demand = np.maximum(0.0, np.round(level[:, None] * season * noise)).astype(np.int64)
    base = np.round(draw.lognormal(1.5, 0.7, n_items), 2)
    price = np.round(base[:, None] * draw.uniform(0.92, 1.1, (n_items, n_suppliers)), 2)
    pack = draw.choice([1, 6, 12, 24], (n_items, n_suppliers))
    spread = draw.uniform(0.5, 2.0, (n_items, n_suppliers))
    moq = (np.ceil(spread * level[:, None] / pack) * pack).astype(np.int64)
    offered = draw.random((n_items, n_suppliers)) < 0.7
    offered[np.arange(n_items), draw.integers(0, n_suppliers, n_items)] = True
    order_cost = draw.uniform(60.0, 150.0, n_suppliers) * np.sqrt(n_items / 50.0)
    line_cost = draw.uniform(2.0, 8.0, n_items)
    volume = draw.uniform(0.2, 2.0, n_items)
    lead = draw.integers(0, 3, n_suppliers)
    holding = 0.25 / 52.0 * price.min(axis=1) * 2.0 + 0.01
    floor = np.round(level * 0.5).astype(np.int64)
    opening = np.round(level * 1.2).astype(np.int64)
    spend = float((price.min(axis=1) * demand.mean(axis=1)).sum())
    item, supplier = np.nonzero(offered)
    low, high, cost, start = _ranges(demand, floor, price, pack, moq, item, supplier, lead)
    arrival = np.arange(n_periods)[None, :] + lead[supplier][:, None]
    arrival = np.where(arrival < n_periods, arrival, -1)
    count = len(item)
    biggest = np.zeros(n_items, np.int64)
    np.maximum.at(biggest, item, high.reshape(-1, len(DISCOUNTS)).max(axis=1))
    still = demand.sum(axis=1) + floor
    return Problem(
        Items(
            demand,
            np.zeros_like(demand),
            opening,
            holding,
            price.max(axis=1) * 1.5,
            floor,
            holding * 4.0,
            np.zeros(n_items),
            np.maximum(still, opening) + biggest,
        ),
        Options(
            item.astype(np.int64),
            supplier.astype(np.int64),
            pack[item, supplier].astype(np.int64),
            np.ones(count),
            arrival.astype(np.int64),
            line_cost[item],
            np.zeros(count),
            np.zeros(count),
            volume[item],
            start,
            low,
            high,
            cost,
            np.zeros(len(low)),
        ),
        Groups(
            order_cost,
            np.full(n_suppliers, 0.15 * spend),
            np.zeros(n_suppliers),
            np.full(n_suppliers, np.inf),
            np.full(n_suppliers, np.inf),
            np.zeros(n_suppliers),
        ),
        Rules(np.ones((1, count)), np.zeros((1, count)), np.full((1, n_periods), 1.7 * spend)),
        Storage(
            volume[None, :],
            np.full((1, n_periods), float((volume * (floor + 3.2 * level)).sum())),
        ),
    )


def _ranges(
    demand: np.ndarray,
    floor: np.ndarray,
    price: np.ndarray,
    pack: np.ndarray,
    moq: np.ndarray,
    item: np.ndarray,
    supplier: np.ndarray,
    lead: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return low, high, price of each option's price ranges, and where each option's begin."""
    packs, least = pack[item, supplier], moq[item, supplier]
    lows = np.stack([np.ceil(at * least / packs) * packs for at in BREAKS_AT], axis=1)
    windows = np.stack(
        [demand[:, t : t + COVER_PERIODS].sum(axis=1) for t in range(demand.shape[1])], axis=1
    )
    cover = windows.max(axis=1) + floor
    most = np.maximum(np.ceil(cover[item] / packs) * packs, lows[:, -1])
    highs = np.concatenate([lows[:, 1:] - packs[:, None], most[:, None]], axis=1)
    highs = np.maximum(highs, 0)
    cost = price[item, supplier][:, None] * np.array(DISCOUNTS)[None, :]
    start = np.arange(len(item) + 1, dtype=np.int64) * len(DISCOUNTS)
    return lows.ravel().astype(np.int64), highs.ravel().astype(np.int64), cost.ravel(), start
