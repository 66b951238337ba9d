"""Who is due when, worked out once, and which sites may take the short way through a tick."""

from __future__ import annotations

import numpy as np

from simulation.arrays import Places
from simulation.world import World


class Rounds:
    """Reviews of all sites.

    Attributes
    ----------
    fed : per lane, the columns that the policy of the destination orders there
    direct : per site, the one lane that brings all its SKUs, -1 for none
    flow : per lane, its normal units per tick
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.fed = [np.flatnonzero(lane.fed) for lane in world.lanes]
        self.flow = [lane.normal_flow for lane in world.lanes]
        self.every: list[int] = []  # 0 where SKUs of a site are reviewed on days of their own
        self.first: list[int] = []
        for site in world.sites:
            same = all(len(np.unique(each)) == 1 for each in (site.policy.every, site.policy.first))
            self.every.append(int(site.policy.every[0]) if same else 0)
            self.first.append(int(site.policy.first[0]) if same else 0)
        self.direct = [_direct(world, i) for i in range(len(world.sites))]
        self.all = [np.arange(site.n_skus) for site in world.sites]

    def all_due(self, site: int, tick: int) -> bool:
        """Whether all SKUs of a site are reviewed on the same days, and this is one."""
        every, since = self.every[site], tick - self.first[site]
        return every > 0 and since >= 0 and since % every == 0

    def due(self, site: int, tick: int) -> Places:
        """Return the SKUs that are reviewed at a tick."""
        if not self.every[site]:
            return self.world.sites[site].policy.due(tick)
        return self.all[site] if self.all_due(site, tick) else self.all[site][:0]


def _direct(world: World, site: int) -> int:
    """Return the one lane that brings all SKUs of a site, column by column; -1 for none."""
    lanes = world.in_lanes[site]
    if len(lanes) != 1:
        return -1
    lane = world.lanes[lanes[0]]
    same = np.array_equal(lane.into, np.arange(world.sites[site].n_skus))
    return lanes[0] if same and bool(lane.fed.all()) else -1


def is_plain(world: World, site: int) -> bool:
    """Whether nothing comes between the demand and the review of a site.

    It feeds no other, has one source for every SKU and no dated orders, minimums, lives, returns,
    prices, reserves or lateral lanes.
    """
    facts = world.sites[site]
    lanes = [world.lanes[j] for j in world.in_lanes[site]]
    alone = not world.out_lanes[site] and facts.life is None and not facts.returns
    followed = facts.price is not None or facts.channels is not None or world.orders is not None
    simple = all(
        lane.split is None and not lane.orders and lane.minimum <= 0 and not lane.lateral
        for lane in lanes
    )
    sourced = np.zeros(facts.n_skus, np.bool_)
    for lane in lanes:
        sourced[lane.into[lane.fed]] = True
    return alone and simple and not followed and bool(sourced.all()) and not facts.policy.signed
