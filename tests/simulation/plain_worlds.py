"""Worlds of one site, or one depot and one shop, whose every number stands in the test."""

from __future__ import annotations

import numpy as np

from simulation.arrays import Units
from simulation.policies import Policy
from simulation.streams import item_keys
from simulation.variates import LEAD_STEPS, lead_row
from simulation.world import Lane, Site, Supplier, World


def lead_choices(*ticks: int) -> Units:
    """Return equally likely lead times as a row of 1,024."""
    assert LEAD_STEPS % len(ticks) == 0
    return np.repeat(np.array(sorted(ticks), np.int32), LEAD_STEPS // len(ticks))


def one_site(
    policy: Policy,
    rate: float,
    *,
    opening: int,
    leads: Units | None = None,
    n_skus: int = 1,
    n_ticks: int = 100,
    lost: bool = False,
    holding: float = 1.0,
    shortage: float = 1.0,
    variance: float | None = None,
) -> World:
    """Return one site, Poisson demand per tick unless a variance is given, one supplier."""
    products = tuple(f"P{i:05d}" for i in range(n_skus))
    spread = rate if variance is None else variance
    site = Site(
        site_id="S",
        product=np.arange(n_skus),
        sku_keys=item_keys(products),
        opening=np.full(n_skus, opening, np.int32),
        demand_mean=np.full((1, n_skus), rate),
        demand_variance=np.full((1, n_skus), spread),
        policy=policy,
        value=np.ones(n_skus),
        holding=np.full(n_skus, holding),
        shortage=np.full(n_skus, shortage),
    )
    table = (lead_row(1.0, 0.0) if leads is None else leads)[None, :]
    lane = Lane(
        origin_id="V",
        supplier=0,
        origin=-1,
        destination=0,
        into=np.arange(n_skus),
        out_of=np.zeros(0, np.int64),
        fed=np.ones(n_skus, np.bool_),
        lead_rows=np.zeros(n_skus, np.int32),
        lead_table=table,
        sku_keys=item_keys(products),
        price=np.ones(n_skus),
        flow=np.full(n_skus, round(256 * rate), np.int64),
    )
    return World(
        sites=(site,),
        suppliers=(Supplier("V"),),
        lanes=(lane,),
        n_ticks=n_ticks,
        bucket_of_tick=np.zeros(n_ticks, np.int64),
        lost=lost,
        product_ids=products,
    )
