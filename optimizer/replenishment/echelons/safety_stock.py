"""Safety stock of sites that feed each other, held where it is cheapest."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from optimizer.replenishment.echelons.guaranteed_service import (
    Forest,
    best_promises,
    holding_cost,
)
from optimizer.replenishment.facts import Facts
from optimizer.replenishment.policies.levels import LEAST_TAIL

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_PERIODS = 90  # longer networks are planned in periods of several days


@dataclass(frozen=True, slots=True)
class Network:
    """Product-locations that feed or are fed, and the customers of those that do both.

    Attributes
    ----------
    pair : (n,) int64, row of the facts' pairs; stages from `real` on are the own customers of a
        feeding pair, a stage without time of its own that serves them at once
    forest : the stages, in periods of `period_days`
    units : (n,) z sigma, units per root of a period
    real : number of stages that are pairs
    """

    pair: Ints
    forest: Forest
    units: Floats
    real: int
    period_days: int


def safety_stock(facts: Facts) -> pd.DataFrame:
    """Return the safety_stock table: one row per pair that feeds another pair or is fed.

    Beside the stock that guarantees service at least cost stands what each pair would hold if
    every pair promised to serve at once.
    """
    network = read_network(facts)
    if network is None:
        return pd.DataFrame()
    forest, real = network.forest, network.real
    promises = best_promises(forest)
    alone = np.where(np.arange(len(forest)) < real, forest.time, 0)
    pairs = facts.pairs.iloc[network.pair[:real]]

    def by_pair(values: Floats) -> Floats:
        both = np.bincount(network.pair, values, minlength=len(facts.pairs)).astype(np.float64)
        return both[network.pair[:real]]

    frame = pd.DataFrame(
        {
            "site_id": pairs["site_id"].to_numpy(object),
            "product_id": pairs["product_id"].to_numpy(object),
            "feeder_id": pairs["feeder_id"].to_numpy(object),
            "service_time_days": (promises.service[:real] * network.period_days).astype(float),
            "net_replenishment_days": (promises.net[:real] * network.period_days).astype(float),
            "safety_stock": by_pair(network.units * np.sqrt(promises.net)),
            "holding_cost_per_day": by_pair(holding_cost(forest, promises.net)),
            "single_echelon_safety_stock": by_pair(network.units * np.sqrt(alone)),
            "single_echelon_cost_per_day": by_pair(holding_cost(forest, alone)),
        }
    )
    return frame.sort_values(["product_id", "site_id"], kind="stable", ignore_index=True)


def read_network(facts: Facts) -> Network | None:
    """Return the pairs that feed or are fed as trees; None where no site feeds another."""
    pairs = facts.pairs
    root = pairs["root"].to_numpy(np.int64)
    own = np.arange(len(pairs))
    fed = root != own
    if not fed.any():
        return None
    feeder = np.full(len(pairs), -1)
    index = pd.MultiIndex.from_frame(pairs[["site_id", "product_id"]])
    keys = pd.MultiIndex.from_frame(pairs.loc[fed, ["feeder_id", "product_id"]])
    found = index.get_indexer(keys)
    # a site on the way that plans nothing itself only passes on
    feeder[fed] = np.where(found >= 0, found, root[fed])
    feeds = np.bincount(feeder[fed], minlength=len(pairs)) > 0
    at = np.flatnonzero(fed | feeds)
    place = np.full(len(pairs) + 1, -1)
    place[at] = np.arange(len(at))

    variance = _variance_per_day(facts)
    below = _added_up(feeder, variance)
    customers = np.flatnonzero(feeds & (variance > 0.0))
    review = pairs["review_days"].to_numpy(np.float64)
    days = np.where(fed, pairs["transit_days"], pairs["lead_days"]) + review
    longest = float(np.bincount(root, days * (fed | feeds)).max())
    period = max(1, math.ceil(longest / MOST_PERIODS))
    factor = _safety_factor(pairs) * math.sqrt(period)
    holding = pairs["holding_cost_per_unit_day"].to_numpy(np.float64)
    pair = np.concatenate([at, customers])
    units = np.concatenate(
        [factor[at] * np.sqrt(below[at]), factor[customers] * np.sqrt(variance[customers])]
    )
    periods = np.ceil(days[at] / period - 1e-9).astype(np.int64)
    forest = Forest(
        neighbour=np.concatenate([place[feeder[at]], place[customers]]),
        upstream=np.ones(len(pair), bool),
        time=np.concatenate([periods, np.zeros(len(customers), np.int64)]),
        inbound=np.zeros(len(pair), np.int64),
        limit=np.concatenate([np.where(feeds[at], -1, 0), np.zeros(len(customers), np.int64)]),
        weight=units * holding[pair],
    )
    return Network(pair, forest, units, len(at), period)


def _variance_per_day(facts: Facts) -> Floats:
    """Return the variance of each pair's own demand, units^2 per day, over its root's interval."""
    pairs = facts.pairs
    days = pairs["protection_days"].to_numpy(np.float64)
    _, variance = facts.forecast.over(pairs["forecast_row"].to_numpy(np.int64), days)
    rate: Floats = np.divide(variance, days, out=np.zeros(len(pairs)), where=days > 0.0)
    return rate


def _added_up(feeder: Ints, values: Floats) -> Floats:
    """Return each pair's value with those of all pairs that it feeds, near and far."""
    total, at = values.copy(), feeder.copy()
    while (at >= 0).any():
        moves = np.flatnonzero(at >= 0)
        np.add.at(total, at[moves], values[moves])
        at[moves] = feeder[at[moves]]
    return total


def _safety_factor(pairs: pd.DataFrame) -> Floats:
    """Return z of p / (p + h), at least 0, by pair."""
    holding = (pairs["holding_cost_per_unit_day"] * pairs["review_days"]).to_numpy(np.float64)
    shortage = pairs["shortage_cost"].to_numpy(np.float64)
    total = holding + shortage
    share = np.divide(shortage, total, out=np.full(len(pairs), 0.5), where=total > 0.0)
    factor: Floats = np.maximum(ndtri(np.clip(share, LEAST_TAIL, 1.0 - LEAST_TAIL)), 0.0)
    return factor
