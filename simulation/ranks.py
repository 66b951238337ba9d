"""Targets by rank: `supplier:largest-by-spend`, `site:biggest`, `lane:longest`, `supplier:2-...`.

A rank stands for a node of the world that is about to be simulated; a number before it, as in
`supplier:2-largest-by-spend`, for the second one and so on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from scenarios import InputError
from simulation.world import FLOW_ONE, World

RANKS: Mapping[str, tuple[str, ...]] = {
    "supplier": ("largest-by-spend", "largest-by-exposure", "largest-by-products", "slowest"),
    "site": ("biggest", "largest-by-demand", "largest-by-throughput", "largest-by-exposure"),
    "lane": ("largest-by-value", "largest-by-units", "slowest", "largest-by-exposure"),
    "region": ("largest-by-demand",),
    "product": ("largest-by-value", "largest-by-demand"),
    "category": ("largest-by-value", "largest-by-demand"),
}
if TYPE_CHECKING:
    from simulation.experiment import Case

_RANK = re.compile(r"^(?:(\d+)-)?([a-z][a-z-]*)$")
Exposure = Callable[[], Mapping[str, float]]


def is_rank(word: str, name: str) -> bool:
    """Whether `word:name` is a target by rank."""
    match = _RANK.match(name.strip())
    return match is not None and match.group(2) in RANKS.get(word.strip(), ())


def name_ranks(
    world: World, cases: Sequence[Case], exposure: Exposure
) -> tuple[list[Case], list[str]]:
    """Return the cases with ids in the place of ranks, and a sentence on each.

    Parameters
    ----------
    exposure : asked only where a rank is by exposure; money by `kind:id`

    Raises
    ------
    InputError
        There is no such node, as the third largest of two suppliers.
    """
    found: dict[str, str] = {}
    named = []
    for case in cases:
        disruptions = []
        for disruption in case.disruptions:
            word, _, name = disruption.target.partition(":")
            target = disruption.target
            if is_rank(word, name):
                if target not in found:
                    found[target] = f"{word}:{ranked(world, word, name, exposure)}"
                target = found[target]
            disruptions.append(replace(disruption, target=target))
        named.append(replace(case, disruptions=tuple(disruptions)))
    return named, [f"{rank} is {target}." for rank, target in found.items()]


def ranked(world: World, word: str, name: str, exposure: Exposure) -> str:
    """Return the id of the node at a rank.

    Raises
    ------
    InputError
        There are not so many.
    """
    match = _RANK.match(name.strip())
    if match is None:
        raise InputError(f"{word}:{name} is no rank; ranks are {', '.join(RANKS[word])}")
    place, rank = int(match.group(1) or 1), match.group(2)
    if rank.endswith("by-exposure"):
        weights = {
            node.partition(":")[2]: money
            for node, money in exposure().items()
            if node.startswith(f"{word}:")
        }
    else:
        weights = _weights(world, word, rank)
    ids = sorted((node for node in weights if node), key=lambda node: (-weights[node], node))
    if not 1 <= place <= len(ids):
        raise InputError(f"{word}:{name}: the plan uses {len(ids)} such nodes")
    return ids[place - 1]


def _weights(world: World, word: str, rank: str) -> dict[str, float]:
    if word in ("supplier", "lane"):
        return _lane_weights(world, word, rank)
    weights: dict[str, float] = {}
    for i, site in enumerate(world.sites):
        demand = site.demand_mean[world.bucket_of_tick].sum(axis=0)
        if word == "region":
            weights[site.region] = weights.get(site.region, 0.0) + float(demand.sum())
        elif word == "site":
            weights[site.site_id] = float(demand.sum())
            if rank != "largest-by-demand":
                weights[site.site_id] += _sent_on(world, i)
        else:
            labels = world.product_ids if word == "product" else world.categories
            worth = demand * site.value if rank == "largest-by-value" else demand
            for k, p in enumerate(site.product if labels else ()):
                weights[labels[p]] = weights.get(labels[p], 0.0) + float(worth[k])
    return weights


def _sent_on(world: World, site: int) -> float:
    """Return the units that a site normally sends to others over the horizon."""
    flow = sum(float(world.lanes[j].normal_flow.sum()) for j in world.out_lanes[site])
    return flow / FLOW_ONE * world.n_ticks


def _lane_weights(world: World, word: str, rank: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for lane in world.lanes:
        if word == "supplier" and lane.supplier < 0:
            continue
        node = lane.origin_id if word == "supplier" else world.lane_id(lane)
        flow = lane.normal_flow[lane.fed] / FLOW_ONE
        if rank in ("largest-by-spend", "largest-by-value"):
            worth = world.sites[lane.destination].value[lane.into]
            price = lane.price if lane.price is not None else worth
            size = float((flow * np.where(price > 0, price, worth)[lane.fed]).sum())
        elif rank == "largest-by-products":
            size = float(lane.fed.sum())
        elif rank == "largest-by-units":
            size = float(flow.sum())
        else:
            ticks = lane.lead_table.mean(axis=1)[lane.lead_rows]
            size = float(ticks.max(initial=0.0)) + float(lane.transit.mean())
            weights[node] = max(weights.get(node, 0.0), size)
            continue
        weights[node] = weights.get(node, 0.0) + size
    return weights
