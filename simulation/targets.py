"""What a disruption's target stands for in the world: suppliers, sites, lanes, SKUs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from simulation.arrays import Flags
from simulation.disruptions import KINDS
from simulation.ranks import is_rank
from simulation.world import Lane, World

# target words that each kind of node understands
WORDS: dict[str, tuple[str, ...]] = {
    "supplier": ("supplier", "region", "group"),
    "lane": ("lane", "supplier", "site", "region", "group"),
    "site": ("site", "region", "group"),
    "demand": ("site", "product", "category", "class", "region", "group"),
    "region": ("region", "supplier", "site", "group"),
    # a carrier of parcels carries on no lane: it strikes nothing, and a note says so
    "carrier": ("lane", "supplier", "site", "region", "carrier", "group"),
}


@dataclass(frozen=True, slots=True)
class Reach:
    """What a disruption strikes.

    Attributes
    ----------
    suppliers, sites, lanes : positions in the world
    demand : per struck site, (K,) which SKUs
    """

    suppliers: tuple[int, ...] = ()
    sites: tuple[int, ...] = ()
    lanes: tuple[int, ...] = ()
    demand: Mapping[int, Flags] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether nothing of the world is struck."""
        return not (self.suppliers or self.sites or self.lanes or self.demand)


def target_problem(kind: str, target: str) -> str:
    """Say what is wrong with the form of a target; "" when nothing is."""
    if target.strip() == "all":
        return ""
    word, found, name = target.partition(":")
    allowed = WORDS[KINDS[kind][0]]
    if not found or not name.strip() or word.strip() not in allowed:
        listed = ", ".join(f"{each}:ID" for each in allowed)
        return f"target of {kind} must be all, or one of {listed}; is {target!r}"
    if word.strip() == "lane" and ">" not in name and not is_rank(word, name):
        return f"a lane is written lane:ORIGIN>DESTINATION, is {target!r}"
    return ""


def resolve(
    world: World, kind: str, target: str, groups: Mapping[str, tuple[tuple[str, str], ...]]
) -> Reach:
    """Return what a target stands for; an id that the world does not hold strikes nothing.

    Parameters
    ----------
    groups : members (kind, id) by group_id
    """
    nodes = KINDS[kind][0]
    word, _, name = target.strip().partition(":")
    names = [(word.strip(), name.strip())]
    if word == "group":
        names = [(kind_, member) for kind_, member in groups.get(name.strip(), ())]
    suppliers: set[int] = set()
    sites: set[int] = set()
    lanes: set[int] = set()
    demand: dict[int, Flags] = {}
    for each, member in names:
        if nodes in ("supplier", "region"):
            suppliers |= _suppliers(world, each, member)
        if nodes in ("site", "region"):
            sites |= _sites(world, each, member)
        if nodes in ("lane", "carrier") or (nodes == "region" and each == "region"):
            both_ends = kind in ("port_closure", "regional_event")
            lanes |= {
                j for j, lane in enumerate(world.lanes)
                if _on_lane(world, lane, each, member, both_ends=both_ends)
            }  # fmt: skip
        if nodes == "demand":
            for i, flags in _demand(world, each, member).items():
                demand[i] = demand[i] | flags if i in demand else flags
    return Reach(
        tuple(sorted(suppliers)),
        tuple(sorted(sites)),
        tuple(sorted(lanes)),
        {i: demand[i] for i in sorted(demand)},
    )


def _suppliers(world: World, word: str, name: str) -> set[int]:
    return {
        i
        for i, supplier in enumerate(world.suppliers)
        if word == "all"
        or (word == "supplier" and supplier.supplier_id == name)
        or (word == "region" and supplier.region == name)
    }


def _sites(world: World, word: str, name: str) -> set[int]:
    return {
        i
        for i, site in enumerate(world.sites)
        if word == "all"
        or (word == "site" and site.site_id == name)
        or (word == "region" and site.region == name)
    }


def _on_lane(world: World, lane: Lane, word: str, name: str, *, both_ends: bool) -> bool:
    destination = world.sites[lane.destination]
    if word == "all":
        return True
    if word == "lane":
        ends = [part.strip() for part in name.split(">")]
        return ends == [lane.origin_id, destination.site_id]
    if word == "supplier":
        return lane.supplier >= 0 and lane.origin_id == name
    if word == "site":
        starts_there = lane.origin >= 0 and lane.origin_id == name
        return destination.site_id == name or starts_there
    if word == "region":
        if lane.supplier >= 0:
            start = world.suppliers[lane.supplier].region
        else:
            start = world.sites[lane.origin].region
        return start == name or (both_ends and destination.region == name)
    return False


def _demand(world: World, word: str, name: str) -> dict[int, Flags]:
    struck = {}
    for i, site in enumerate(world.sites):
        if (
            word == "all"
            or (word == "site" and site.site_id == name)
            or (word == "region" and site.region == name)
        ):
            flags = np.ones(site.n_skus, np.bool_)
        elif word == "product":
            flags = np.array([world.product_ids[p] == name for p in site.product], np.bool_)
        elif word == "category" and world.categories:
            flags = np.array([world.categories[p] == name for p in site.product], np.bool_)
        elif word == "class" and world.classes:
            flags = np.array([world.classes[p] == name for p in site.product], np.bool_)
        else:
            continue
        if flags.any():
            struck[i] = flags
    return struck
