"""Shops that several benchmarks of the simulator share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks import closed_worlds as cw
from simulation.policies import order_up_to_policy
from simulation.variates import lead_row
from simulation.world import World

SEED = 7
YEAR = 365
LEADS = lead_row(4.0, 2.0)


def shop(n_skus: int, n_days: int, *, random_leads: bool = True) -> World:
    """Return one site with lognormal rates, daily base stock and lost sales."""
    g = np.random.default_rng(SEED)
    rates = g.lognormal(0.5, 1.0, n_skus)
    level = np.ceil(rates * 7 + 2 * np.sqrt(rates * 7)).astype(np.int32)
    leads = LEADS if random_leads else np.full(len(LEADS), 4, np.int32)
    world = cw.one_site(order_up_to_policy(level), 1.0, n_days, opening=level.tolist(),
                        leads=leads, lost=True)  # fmt: skip
    return replace(world, sites=(cw.with_demand(world.sites[0], rates),))
