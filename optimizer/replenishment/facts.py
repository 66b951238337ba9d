"""Tonight's product-locations and offers, read once from the scenario and the forecast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.demand.decision import with_decision_demand
from optimizer.replenishment.demand.from_forecast import SiteForecast, site_forecast
from optimizer.replenishment.demand.returning import Returning, net_demand, read_returning
from optimizer.replenishment.index_prices import price_notes
from optimizer.replenishment.lane_intervals import with_shipping_days
from optimizer.replenishment.offers import (
    PAIR,
    feeding_roots,
    read_offers,
    slowest_transit,
    with_lead_times,
)
from optimizer.replenishment.targets import TARGETS, wishes, with_implied_costs
from scenarios import Scenario
from scenarios.semantics.defaults import inventory_policies

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Facts:
    """What tonight's decision is made from.

    Attributes
    ----------
    pairs : every product-location, with policy columns and `on_hand`, `free`, `on_order`,
        `position` [units, its own], `root` (row of the pair at which it is counted; its own row
        where it is bought or cannot be), `feeder_id`, `transit_days` from it, `has_option`,
        `forecast_row`,
        `lead_days`, `protection_days`, `road_days` [transit from where it is bought],
        `lead_variance`, `mean`, `sd` [units over the protection interval; fed pairs included, over
        their road days more], `echelon_position` [units, fed pairs included],
        `expected_returns`, `returns_sd` [units that come back in this time and are sold again; fed
        pairs included], `decision_mean`, `decision_sd` [units; mean and sd with lost sales, the
        replayed fractile and returns counted], `lost_before` [units], `shift` [standard
        deviations], `loss_per_unit` [money: the row's shortage cost, blank: the margin, or what
        its target implies if that is more],
        `shipping_days` [days that the level of a fed pair covers beside its transit]
    offers : every option of every pair, with `pair` (row of pairs), `order_on`, `due_on`,
        `lead_days`
    forecast : by product-location
    notes : what was assumed
    calibration : the plan's table of that name: what the replay of the past said
    returning : what comes back, by pair; None where nothing is sold again
    """

    scenario: Scenario
    pairs: pd.DataFrame
    offers: pd.DataFrame
    forecast: SiteForecast
    notes: tuple[str, ...]
    calibration: pd.DataFrame
    returning: Returning | None = None

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Pairs that stand in the objective: all but those counted at another site."""
        own: NDArray[np.bool_] = self.pairs["root"].to_numpy() == np.arange(len(self.pairs))
        return own

    def net_demand(self, at: Ints, days: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of own demand less returns in the first days of pairs `at`."""
        rows = self.pairs["forecast_row"].to_numpy(np.int64)
        return net_demand(self.forecast, rows, self.returning, at, days)


def read_facts(scenario: Scenario, upstream: Mapping[str, pd.DataFrame]) -> Facts:
    """Read the facts of tonight's decision."""
    forecast = site_forecast(scenario, upstream)
    pairs = _all_pairs(scenario, forecast)
    offers = read_offers(scenario, pairs)
    bought = pd.MultiIndex.from_frame(offers[PAIR].drop_duplicates())
    roots = feeding_roots(scenario, pairs, bought)
    offers = with_lead_times(scenario, offers)
    index = pd.MultiIndex.from_frame(pairs[PAIR])
    offers["pair"] = index.get_indexer(pd.MultiIndex.from_frame(offers[PAIR]))
    own_row = np.arange(len(pairs))
    root_key = pd.MultiIndex.from_arrays(
        [roots["root_id"].to_numpy(object), pairs["product_id"].to_numpy(object)], names=PAIR
    )
    root = np.where(roots["root_id"].notna(), index.get_indexer(root_key), own_row)
    stock = stock_by_pair(scenario, pairs)
    pairs = pairs.assign(
        **{column: stock[column].to_numpy() for column in stock.columns},
        root=np.where(root >= 0, root, own_row),
        feeder_id=np.where(root != own_row, roots["feeder_id"], np.nan),
        has_option=index.isin(bought),
        transit_days=0.0,
        forecast_row=pd.MultiIndex.from_frame(forecast.pairs).get_indexer(index),
    )
    stated = pairs["shortage_cost"].to_numpy(np.float64)
    pairs["transit_days"] = slowest_transit(
        scenario, pairs["feeder_id"].to_numpy(object), pairs["site_id"].to_numpy(object)
    )[0]
    returning = read_returning(scenario, pairs, forecast)
    pairs = _with_protection(pairs, offers, forecast, returning)
    pairs = with_implied_costs(scenario, pairs, forecast)
    pairs["loss_per_unit"] = np.fmax(stated, pairs["shortage_cost"].to_numpy(np.float64))
    pairs = with_shipping_days(scenario, pairs, forecast, returning)
    pairs, calibration = with_decision_demand(
        scenario, upstream, pairs, offers, forecast, returning
    )
    notes = (*_notes(scenario, pairs, forecast), *price_notes(scenario, offers))
    return Facts(scenario, pairs, offers, forecast, notes, calibration, returning)


def _all_pairs(scenario: Scenario, forecast: SiteForecast) -> pd.DataFrame:
    """Return a policy row for every pair that is listed, forecast, or feeds another one."""
    wanted = forecast.pairs
    policies, _ = inventory_policies(scenario, wanted)
    for _ in range(20):
        offers = read_offers(scenario, policies[PAIR])
        bought = pd.MultiIndex.from_frame(offers[PAIR].drop_duplicates())
        every = _possible_pairs(scenario, policies)
        roots = feeding_roots(scenario, policies[PAIR], bought.union(every))
        named = roots["root_id"].notna()
        keys = pd.DataFrame(
            {
                "site_id": roots["root_id"][named].to_numpy(object),
                "product_id": policies["product_id"][named].to_numpy(object),
            }
        ).astype("str")
        missing = ~pd.MultiIndex.from_frame(keys).isin(pd.MultiIndex.from_frame(policies[PAIR]))
        if not missing.any():
            break
        wanted = pd.concat([wanted, keys[missing].drop_duplicates()], ignore_index=True)
        policies, _ = inventory_policies(scenario, wanted)
    return policies.reset_index(drop=True)


def _possible_pairs(scenario: Scenario, policies: pd.DataFrame) -> pd.MultiIndex:
    """Return (site, product) of sources at which the product could be bought."""
    sources = scenario.table("item_sources")
    sites = set(scenario.table("sites")["site_id"])
    feeders = sorted({str(name) for name in sources["source_id"].dropna()} & sites)
    products = policies[["product_id"]].drop_duplicates()
    grid = products.merge(pd.DataFrame({"site_id": feeders}, dtype="str"), how="cross")
    offers = read_offers(scenario, grid[PAIR])
    return pd.MultiIndex.from_frame(offers[PAIR].drop_duplicates())


def stock_by_pair(scenario: Scenario, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return on_hand, free, on_order and position of each pair, units; rows as `pairs`.

    Free stock is on hand less reserved and quarantined, in lots that have not expired.
    """
    stock = scenario.filled("inventory")
    fresh = ~(stock["expires_on"] <= pd.Timestamp(scenario.settings.start_date))
    free = (stock["on_hand"] - stock["reserved"] - stock["quarantined"]).where(fresh, 0.0)
    stock = stock.assign(free=free)
    coming = scenario.table("open_orders")
    index = pd.MultiIndex.from_frame(pairs[PAIR])

    def total(frame: pd.DataFrame, column: str) -> Floats:
        row = index.get_indexer(pd.MultiIndex.from_frame(frame[PAIR]))
        known = row >= 0
        values = frame[column].to_numpy(np.float64)[known]
        return np.bincount(row[known], values, minlength=len(pairs)).astype(np.float64)

    on_hand, free_units = total(stock, "on_hand"), total(stock, "free")
    on_order = total(coming, "qty")
    return pd.DataFrame(
        {
            "on_hand": on_hand,
            "free": free_units,
            "on_order": on_order,
            "position": free_units + on_order,
        }
    )


def _with_protection(
    pairs: pd.DataFrame,
    offers: pd.DataFrame,
    forecast: SiteForecast,
    returning: Returning | None,
) -> pd.DataFrame:
    """Add demand over the protection interval, what comes back, and the echelon's position."""
    count = len(pairs)
    lead, lead_variance = np.zeros(count), np.zeros(count)
    primary = offers[offers["primary"]]
    at = primary["pair"].to_numpy(np.int64)
    lead[at] = primary["lead_days"].to_numpy(np.float64)
    lead_variance[at] = primary["lead_variance"].to_numpy(np.float64)
    root = pairs["root"].to_numpy(np.int64)
    days = (pairs["review_days"].to_numpy(np.float64) + lead)[root]
    road = _road_days(pairs)
    own_mean, own_variance = forecast.over(pairs["forecast_row"].to_numpy(np.int64), days + road)
    mean = np.bincount(root, own_mean, minlength=count)
    variance = np.bincount(root, own_variance, minlength=count)
    whole = days + road
    daily = np.divide(own_mean, whole, out=np.zeros(count), where=whole > 0.0)
    rate = np.bincount(root, daily, minlength=count)
    position = np.bincount(root, pairs["position"].to_numpy(np.float64), minlength=count)
    back, back_variance = np.zeros(count), np.zeros(count)
    if returning is not None:
        own_back, own_back_variance = returning.over(whole)
        back = np.bincount(root, own_back, minlength=count).astype(np.float64)
        back_variance = np.bincount(root, own_back_variance, minlength=count).astype(np.float64)
    return pairs.assign(
        expected_returns=back,
        returns_sd=np.sqrt(back_variance),
        lead_days=lead,
        lead_variance=lead_variance,
        protection_days=days,
        road_days=road,
        mean=mean,
        sd=np.sqrt(variance + rate**2 * lead_variance),
        echelon_position=position,
    )


def _road_days(pairs: pd.DataFrame) -> Floats:
    """Return the transit from where each pair is bought, days; over all sites on the way."""
    index = pd.MultiIndex.from_frame(pairs[PAIR])
    feeder = index.get_indexer(
        pd.MultiIndex.from_arrays([pairs["feeder_id"].to_numpy(object), pairs["product_id"]])
    )
    transit = pairs["transit_days"].to_numpy(np.float64)
    road, at = np.zeros(len(pairs)), np.arange(len(pairs))
    fed = pairs["feeder_id"].notna().to_numpy()
    for _ in range(20):
        moving = fed[at] & (feeder[at] >= 0)
        if not moving.any():
            break
        road = road + np.where(moving, transit[at], 0.0)
        at = np.where(moving, feeder[at], at)
    return road


def _notes(scenario: Scenario, pairs: pd.DataFrame, forecast: SiteForecast) -> tuple[str, ...]:
    notes = []
    if forecast.without_spread:
        notes.append(
            f"{forecast.without_spread} forecast rows have no 0.9 quantile: their demand is taken"
            " as certain."
        )
    unknown = int((pairs["forecast_row"] < 0).sum())
    if unknown:
        notes.append(f"{unknown} product-locations have no forecast: no demand is expected there.")
    limits = scenario.table("limits")
    soft = int((~limits["hard"].fillna(True).astype(bool)).sum())
    if soft:
        notes.append(f"{soft} soft limits are not enforced tonight.")
    own = pairs["root"].to_numpy() == np.arange(len(pairs))
    back = pairs["expected_returns"].to_numpy(np.float64)[own]
    if back.any():
        notes.append(
            f"{int((back > 0.0).sum())} product-locations expect {back.sum():.1f} units back from"
            " customers before an order of the next review comes: they are sold again and need"
            " not be bought."
        )
    targets = pairs[list(TARGETS)].notna().any(axis=1).to_numpy()
    priced = wishes(scenario, pairs)
    if priced.any():
        notes.append(
            f"{int(priced.sum())} product-locations state a service or cover target and no shortage"
            " cost: tonight they are ordered at the shortage cost that the target implies."
        )
    costed = int((targets & ~priced).sum())
    if costed:
        notes.append(
            f"{costed} product-locations state a target and a shortage cost: tonight the cost"
            " decides."
        )
    return tuple(notes)
