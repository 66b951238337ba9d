"""Worlds in which promotions run: demand by day, a limited quantity, what is added up of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from scenarios import Scenario
from simulation.arrays import Flags, Floats, Sums
from simulation.goods import channel_demand
from simulation.kernels.rows import ALL
from simulation.watching import Limit, Watch
from simulation.world import World

FINE: Final = 1_000_000  # parts of a unit of money, and of a unit sold in part at a discount
WEIGHTS: Final = (
    "promoted", "promoted_margin", "discounted", "discounted_price", "taken", "taken_margin",
    "other", "other_margin", "cost", "refunded",
)  # fmt: skip
SCALED: Final = {
    *("promoted_margin", "discounted", "discounted_price"),
    *("taken_margin", "other_margin", "cost", "refunded"),
}


@dataclass(frozen=True, slots=True)
class Drive:
    """A promotion as a world sees it.

    Attributes
    ----------
    first, last : ticks, within the horizon
    goods : product_id, location_id, factor (on demand), per unit of usual demand
    losers : product_id, location_id; taken: share of their demand that it takes
    discount : share of the price
    channel_id : through which it is sold; "" for all
    limit : most units under it; None: no limit
    pulled : share of its extra demand that is missing afterwards; pulled_days: for how long
    """

    first: int
    last: int
    goods: pd.DataFrame
    losers: pd.DataFrame
    taken: float = 0.0
    discount: float = 0.0
    channel_id: str = ""
    limit: int | None = None
    pulled: float = 0.0
    pulled_days: int = 0


@dataclass(frozen=True, slots=True)
class Usual:
    """Demand without the promotion: per site (B, P) mean and variance a tick."""

    mean: Mapping[str, Floats]
    variance: Mapping[str, Floats]


def usual_demand(world: World) -> Usual:
    """Return the demand of a world by site, bucket and product."""
    mean, variance = {}, {}
    for site in world.sites:
        shape = (len(site.demand_mean), len(world.product_ids))
        mean[site.site_id], variance[site.site_id] = np.zeros(shape), np.zeros(shape)
        mean[site.site_id][:, site.product] = site.demand_mean
        variance[site.site_id][:, site.product] = site.demand_variance
    return Usual(mean, variance)


def with_demand(world: World, usual: Usual, drive: Drive | None) -> World:
    """Return a world whose customers ask as usual, and as the promotion moves them.

    What it moves multiplies mean and variance of each day, so that every replication meets the
    same random numbers with and without it. The part that is pulled forward is missing evenly
    over the days after it, at most all of a product-location's demand.
    """
    period = world.bucket_of_tick
    phase = np.zeros(world.n_ticks, np.int64)
    factors: list[dict[str, Floats]] = [{}]
    if drive is not None:
        phase[drive.first : drive.last + 1] = 1
        after = slice(drive.last + 1, drive.last + 1 + drive.pulled_days)
        if drive.pulled > 0.0:
            phase[after] = 2
        factors += [_within(world, drive), _afterwards(world, usual, drive)]
    rows, row_of_tick = np.unique(np.stack([period, phase]), axis=1, return_inverse=True)
    row_of_tick = row_of_tick.ravel().astype(np.int64)
    sites = []
    for site in world.sites:
        mean = usual.mean[site.site_id][rows[0]]
        variance = usual.variance[site.site_id][rows[0]]
        for number, factor in enumerate(factors):
            if site.site_id in factor:
                mean[rows[1] == number] *= factor[site.site_id]
                variance[rows[1] == number] *= factor[site.site_id]
        sites.append(
            replace(
                site,
                demand_mean=np.ascontiguousarray(mean[:, site.product]),
                demand_variance=np.ascontiguousarray(variance[:, site.product]),
            )
        )
    limit = None
    if drive is not None and drive.limit is not None:
        # rows of usual demand on the days of the promotion stand at the end of the arrays
        extra = np.unique(period[drive.first : drive.last + 1])
        sites = [
            replace(
                site,
                demand_mean=np.concatenate(
                    [site.demand_mean, usual.mean[site.site_id][extra][:, site.product]]
                ),
                demand_variance=np.concatenate(
                    [site.demand_variance, usual.variance[site.site_id][extra][:, site.product]]
                ),
            )
            for site in sites
        ]
        without = rows.shape[1] + np.searchsorted(extra, period)
        goods = tuple(_flags(world, drive.goods))
        limit = Limit(drive.first, drive.last, drive.limit, without.astype(np.int64), goods)
    return replace(
        world, sites=tuple(sites), bucket_of_tick=row_of_tick, period_of_tick=period, limit=limit
    )


def _within(world: World, drive: Drive) -> dict[str, Floats]:
    """Return per site (P,) factors on demand while the promotion runs."""
    found = _ones(world)
    for frame, factor in (
        (drive.goods, drive.goods["factor"].to_numpy(np.float64)),
        (drive.losers, np.full(len(drive.losers), 1.0 - drive.taken)),
    ):
        for site, product, value in zip(*_places(world, frame), factor, strict=True):
            found[site][product] = value
    return found


def _afterwards(world: World, usual: Usual, drive: Drive) -> dict[str, Floats]:
    """Return per site (P,) factors on demand on the days after the promotion."""
    found = _ones(world)
    days = np.arange(world.n_ticks)
    within = world.bucket_of_tick[(days >= drive.first) & (days <= drive.last)]
    later = world.bucket_of_tick[(days > drive.last) & (days <= drive.last + drive.pulled_days)]
    factor = drive.goods["factor"].to_numpy(np.float64)
    for site, product, value in zip(*_places(world, drive.goods), factor, strict=True):
        mean = usual.mean[site][:, product]
        extra = max(value - 1.0, 0.0) * float(mean[within].sum())
        usually = float(mean[later].sum())
        # days beyond the horizon take their part: the share is that of all the days stated
        seen = len(later) / drive.pulled_days if drive.pulled_days else 0.0
        if usually > 0.0:
            found[site][product] = max(1.0 - drive.pulled * extra * seen / usually, 0.0)
    return found


def _ones(world: World) -> dict[str, Floats]:
    return {site.site_id: np.ones(len(world.product_ids)) for site in world.sites}


def _places(world: World, frame: pd.DataFrame) -> tuple[list[str], list[int]]:
    place = {name: p for p, name in enumerate(world.product_ids)}
    return list(frame["location_id"]), [place[name] for name in frame["product_id"]]


def _flags(world: World, frame: pd.DataFrame) -> list[Flags]:
    """Return per site (K,) whether the SKU is in the frame."""
    found = {site.site_id: np.zeros(len(world.product_ids), bool) for site in world.sites}
    for site, product in zip(*_places(world, frame), strict=True):
        found[site][product] = True
    return [found[site.site_id][site.product] for site in world.sites]


@dataclass(frozen=True, slots=True)
class Money:
    """Prices of a scenario's products, (P,) in the order of the world.

    Attributes
    ----------
    price, cost : money per unit, NaN where not stated
    channel : share of demand through the promotion's channel, 1 where all are meant or not known
    known : whether a channel is stated and demand by channel is known
    """

    price: Floats
    cost: Floats
    channel: Floats
    known: bool


def read_money(scenario: Scenario, channel_id: str) -> Money:
    """Return prices, costs and the channel's part of demand."""
    products = scenario.table("products")
    price, cost = (products[name].to_numpy(np.float64) for name in ("unit_price", "unit_cost"))
    share, known = np.ones(len(products)), True
    if channel_id:
        rows = channel_demand(scenario)
        known = bool(len(rows))
        if known:
            total = rows.groupby("product_id")["qty"].sum()
            own = rows[rows["channel_id"] == channel_id].groupby("product_id")["qty"].sum()
            everywhere = float(own.sum() / total.sum())
            part = (own.reindex(total.index).fillna(0.0) / total.where(total > 0)).fillna(
                everywhere
            )
            share = part.reindex(products["product_id"]).fillna(everywhere).to_numpy(np.float64)
    return Money(price, cost, share, known)


def watch_for(
    world: World,
    money: Money,
    drive: Drive | None,
    marks: Sequence[int],
    goods: pd.DataFrame,
    losers: pd.DataFrame,
) -> Watch:
    """Return what is added up of a world: units and money of promoted, taken and other goods.

    Parameters
    ----------
    drive : the promotion that runs; None: none, so that nothing is discounted. Of what is sold the
        share that customers send back is refunded, at the price that they paid; what is sent in
        exchange is paid once
    goods, losers : what counts as promoted, and as taken from, in every world alike
    """
    flags, taken = _flags(world, goods), _flags(world, losers)
    part = _discounted(world, money, drive)
    margin = np.nan_to_num(money.price - money.cost)
    weights = []
    for site, own, victims in zip(world.sites, flags, taken, strict=True):
        lost = victims & ~own
        other = ~own & ~lost
        each, at = margin[site.product], part[site.site_id][site.product]
        price = np.nan_to_num(money.price)[site.product]
        back = sum((each.share for each in site.returns), np.zeros(site.n_skus, np.int64)) / ALL
        columns = {
            "promoted": own,
            "promoted_margin": own * each,
            "discounted": at,
            "discounted_price": at * price * (1.0 - back),
            "taken": lost,
            "taken_margin": lost * each,
            "other": other,
            "other_margin": other * each,
            "cost": np.nan_to_num(money.cost)[site.product],
            "refunded": price * back,
        }
        held = [
            np.rint(columns[name] * (FINE if name in SCALED else 1)).astype(np.int64)
            for name in WEIGHTS
        ]
        weights.append(np.ascontiguousarray(np.stack(held, axis=1)))
    return Watch(tuple(sorted(set(marks))), tuple(weights), tuple(flags))


def _discounted(world: World, money: Money, drive: Drive | None) -> dict[str, Floats]:
    """Return per site (P,) the share of units sold under the promotion, of its goods.

    With a channel of its own: those of the channel's usual customers, and all that come on top.
    """
    found = {site.site_id: np.zeros(len(world.product_ids)) for site in world.sites}
    if drive is None:
        return found
    factor = drive.goods["factor"].to_numpy(np.float64)
    for site, product, value in zip(*_places(world, drive.goods), factor, strict=True):
        usual = money.channel[product]
        extra = max(value - 1.0, 0.0)
        found[site][product] = (usual + extra) / (1.0 + extra)
    return found


def units(sums: Sums, name: str) -> Floats:
    """Return (..., R) what stands under a weight, in units or money."""
    scale = float(FINE) if name in SCALED else 1.0
    found: Floats = sums[..., WEIGHTS.index(name), :] / scale
    return found


def within(marks: Sequence[int], first: int, last: int) -> tuple[int, int]:
    """Return the places in the sums between which ticks first .. last lie."""
    places = list(marks)
    return places.index(first), places.index(last + 1)
