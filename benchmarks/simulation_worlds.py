"""Worlds whose speed is measured: a shop with one coupling at a time, and depots that ration."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks import closed_worlds as cw
from benchmarks.exposure import assortment
from benchmarks.shops import SEED, shop
from simulation.facts import Channels, Dock, Life, OrderBook, Store
from simulation.world import Site, World

WEEK = 7
N_BASKETS = 2000


def coupled_shops(n_skus: int, n_days: int) -> list[tuple[str, World]]:
    """Return the shop with one coupling at a time, each of which binds on some days."""
    plain = shop(n_skus, n_days)
    site = plain.sites[0]
    daily = int(site.demand_mean.sum())
    week = np.full(7, round(1.02 * daily), np.int64)
    room = int(1.1 * 0.7 * site.opening.sum())
    facts = {
        "docks": replace(site, dock=Dock(week, week)),
        "storage": replace(site, store=Store(room, np.ones(n_skus, np.int64))),
        "shelf life": replace(site, life=Life(np.full(n_skus, 20, np.int64))),
    }
    found = [(what, replace(plain, sites=(made,))) for what, made in facts.items()]
    return [*found, ("channel rationing", three_channels(plain)), ("orders", two_shops(plain))]


def three_channels(plain: World) -> World:
    """Return the shop with stock kept by week for two of three channels, short of stock."""
    site = plain.sites[0]
    n_weeks = -(-plain.n_ticks // WEEK)
    parts = np.array([26_214, 45_875, 65_536], np.int64)
    channels = Channels(
        ("web", "shop", "market"), np.repeat(parts[:, None], site.n_skus, axis=1),
        np.array([13_107, 6_553, 0], np.int64), np.array([1, 0, 0], np.int64),
    )  # fmt: skip
    weekly = np.repeat(1.1 * site.demand_mean, n_weeks, axis=0)
    made = replace(site, channels=channels, demand_mean=weekly, demand_variance=weekly)
    return replace(plain, sites=(made,), bucket_of_tick=np.arange(plain.n_ticks) // WEEK)


def two_shops(plain: World) -> World:
    """Return two shops of half the demand; customers' baskets of 1 to 3 lines go to either."""
    site, lane = plain.sites[0], plain.lanes[0]
    n_skus = site.n_skus
    half = cw.with_demand(site, site.demand_mean[0] / 2)
    opening = np.maximum(site.opening // 2, 1)
    sites: list[Site] = [replace(half, site_id=name, opening=opening) for name in ("S", "T")]
    g = np.random.default_rng(SEED)
    share = site.demand_mean[0] / site.demand_mean.sum()
    lines = [
        g.choice(n_skus, int(g.integers(1, 4)), replace=False, p=share) for _ in range(N_BASKETS)
    ]
    begin = np.cumsum([0, *map(len, lines)])
    book = OrderBook(
        begin, np.concatenate(lines).astype(np.int64), g.integers(1, 3, int(begin[-1])),
        g.integers(0, 2, N_BASKETS), g.random(N_BASKETS) < 0.5, np.array([[0, 1], [1, 0]]),
        np.ones((2, 2), np.bool_),
    )  # fmt: skip
    lanes = (lane, replace(lane, destination=1))
    return replace(plain, sites=tuple(sites), lanes=lanes, orders=book)


def rationing_depots(n_products: int, n_days: int) -> list[tuple[str, World]]:
    """Return depots that feed 52 stores from too little stock, by each rule of rationing."""
    world = assortment(n_products, n_days=n_days)
    scarce = tuple(
        replace(site, opening=site.opening // 4) if site.depth else site for site in world.sites
    )
    world = replace(world, sites=scarce)
    ranked = tuple(
        replace(lane, priority=1 + j % 3) if lane.origin >= 0 else lane
        for j, lane in enumerate(world.lanes)
    )
    oldest = tuple(replace(site, first_come=site.depth > 0) for site in world.sites)
    return [
        ("in proportion", world),
        ("by priority", replace(world, lanes=ranked)),
        ("first come", replace(world, sites=oldest)),
    ]
