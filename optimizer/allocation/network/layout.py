"""A network as arrays: sites, ways of products between places, demand in each future."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from optimizer.allocation.network.problem import Flags, Floats, Ints
from optimizer.allocation.network.site_limits import (
    CountLimit,
    co2_limit,
    count_limits,
    one_channel,
    soft_reach,
)
from optimizer.allocation.network.stock import periods_kept, stock_ways
from optimizer.allocation.network.ways import Ways, join, read_ways
from scenarios import InputError, Scenario
from scenarios.semantics.defaults import DAYS_PER_YEAR, available_stock, unserved_penalty
from scenarios.semantics.network import (
    SERVING,
    case_weights,
    lane_rates,
    network_demand,
    network_offers,
)
from scenarios.semantics.periods import Periods, split_horizon

MOST_WAYS = 4_000_000  # ways x products x periods x futures


@dataclass(frozen=True, slots=True)
class Sites:
    """Sites that are or may be part of the network; money over the horizon.

    Attributes
    ----------
    is_today : (s,) open today
    may_open : (s,)
    stocks : (s,) holds stock when open: warehouses and stores
    fixed, opening, closing : (s,) money; opening for sites not open today, closing for the others
    inbound, outbound : (s,) units over the horizon, infinite: no limit
    storage_m3 : (s,) infinite: no limit
    handling : (s,) money per unit shipped
    """

    site_id: tuple[str, ...]
    is_today: Flags
    may_open: Flags
    stocks: Flags
    fixed: Floats
    opening: Floats
    closing: Floats
    inbound: Floats
    outbound: Floats
    storage_m3: Floats
    handling: Floats


@dataclass(frozen=True, slots=True)
class Network:
    """Everything that the design needs.

    A product has a number in each period: n_products x the period's + its own.

    Attributes
    ----------
    wants : product_id, location_id, period, number of the product in it, penalty; one per
        product, place and period
    demand : (n_cases, n_wants) units in the period
    weight : (n_cases,) probability
    free : (s, p) bool, sites that have a product without supply
    offer_units, lane_kg : what offers and lanes carry in their period, infinite: no limit
    kg, m3 : (p,) of one unit
    period : (p,) of each number of a product
    kept : (n_periods, n_products) for how many more periods goods keep
    by_period : periods were asked for, be it one
    stock_cost : money of holding today's stock over the horizon; `stocking_points` hold it today
    cover_days : days of demand that today's stock lasts; 0 without stock
    co2_price : money per gram; `co2_most` grams over the horizon, infinite: no limit
    """

    sites: Sites
    ways: Ways
    wants: pd.DataFrame
    demand: Floats
    cases: tuple[str, ...]
    weight: Floats
    free: Flags
    offer_units: Floats
    lane_kg: Floats
    kg: Floats
    m3: Floats
    periods: Periods
    period: Ints
    kept: Ints
    by_period: bool
    counts: tuple[CountLimit, ...]
    stock_cost: float
    stocking_points: int
    cover_days: float
    co2_price: float
    co2_most: float
    product_id: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def way_period(self) -> Ints:
        """Period in which goods leave on each way, (a,)."""
        return self.period[self.ways.product]

    @property
    def share(self) -> Floats:
        """Share of the horizon's days that each period has, (n_periods,)."""
        days = self.periods.days
        part: Floats = days / days.sum()
        return part

    @property
    def stay(self) -> Floats:
        """Share of what leaves in its period that lies at the site as cover, (p,)."""
        cover: Floats = self.cover_days / self.periods.days[self.period]
        return cover

    def by_product(self, demand: Floats) -> Floats:
        """Return units of each product that are wanted in its period, (p,)."""
        wanted = np.bincount(self.wants["product"], demand, minlength=len(self.period))
        return wanted.astype(np.float64)

    def most_units(self, demand: Floats) -> Floats:
        """Return what each way carries at most, (a,): what is wanted there then, or later.

        Parameters
        ----------
        demand : (n_wants,) of one future
        """
        ways = self.ways
        wanted = self.by_product(demand)
        if len(self.periods) > 1:
            table = wanted.reshape(len(self.periods), -1)
            waits = np.zeros(table.shape[1], bool)
            waits[ways.product[ways.waits] % table.shape[1]] = True
            wanted = np.where(waits, np.cumsum(table[::-1], axis=0)[::-1], table).ravel()
        most: Floats = np.where(ways.want >= 0, demand[ways.want], wanted[ways.into])
        return most


def read_network(scenario: Scenario, periods: str = "") -> Network:
    """Turn a scenario into arrays.

    Parameters
    ----------
    periods : bucket, month or quarter; blank: the horizon is one

    Raises
    ------
    InputError
        Nothing is demanded, or the network has more ways than MOST_WAYS.
    """
    parts = split_horizon(scenario.settings, periods)
    demand, source = network_demand(scenario, parts)
    notes = [f"Demand over the horizon is taken from {source}."]
    if len(parts) > 1 and source == "demand_history":
        notes.append("It is spread evenly over the periods: seasons are read from forecasts alone.")
    if not len(demand):
        raise InputError("network: nothing is demanded over the horizon; see forecasts")
    weights = case_weights(scenario, demand)
    products = scenario.table("products").set_index("product_id")
    asked = sorted(set(demand["product_id"]))
    kg = products["weight_kg"].reindex(asked).fillna(0.0).to_numpy(np.float64)
    m3 = products["volume_m3"].reindex(asked).fillna(0.0).to_numpy(np.float64)
    number = {product: at for at, product in enumerate(asked)}
    key = ["period", "location_id", "product_id"]
    wants = demand[key].drop_duplicates().sort_values(key).reset_index(drop=True)
    wants["product"] = wants["product_id"].map(number) + len(asked) * wants["period"]
    wants["penalty"] = unserved_penalty(scenario).reindex(wants["product_id"]).to_numpy(np.float64)
    pivot = demand.pivot_table(index="demand_case", columns=key, values="qty", fill_value=0.0)
    columns = pd.MultiIndex.from_frame(wants[key])
    units = pivot.reindex(columns=columns, fill_value=0.0).reindex(weights.index)
    table = _sites(scenario)
    sites = _read_sites(scenario, table)
    offers = network_offers(scenario, parts)
    offers = offers[offers["product_id"].isin(number)]
    rates = lane_rates(scenario)
    ways, offer_units, lane_kg = read_ways(
        scenario, table, offers, rates, wants, products, asked, parts
    )
    free = _free(table, offers, rates, asked)
    kept = periods_kept(products["shelf_life_days"].reindex(asked).to_numpy(np.float64), parts)
    if len(parts) > 1:
        may_wait = (sites.stocks & sites.may_open)[:, None, None] & ~free[:, None, :]
        may_wait = may_wait & (kept > 0)[None, :-1, :]
        unit_cost = products["unit_cost"].reindex(asked).to_numpy(np.float64)
        rate = scenario.settings.holding_rate_pct_per_year / 100.0 / DAYS_PER_YEAR
        dwell = rate * parts.stay_days[:, None] * unit_cost[None, :]
        ways = join([ways, stock_ways(sites.site_id, asked, may_wait, dwell)])
    if len(ways.origin) * len(weights) > MOST_WAYS:
        raise InputError(
            f"network: {len(ways.origin):,} ways of products x {len(weights)} futures are more than"
            f" {MOST_WAYS:,}: plan fewer products at once, or forecast by category"
            + (", or longer periods" if len(parts) > 1 else "")
        )
    cost, points, cover, told = _stock(
        scenario, table, units.to_numpy() * weights.to_numpy()[:, None]
    )
    notes += told
    notes += soft_reach(scenario) + one_channel(scenario)
    most, told = co2_limit(scenario)
    notes += told
    counts, told = count_limits(scenario, table)
    notes += told
    return Network(
        sites=sites,
        ways=ways,
        wants=wants,
        demand=units.to_numpy(np.float64),
        cases=tuple(weights.index),
        weight=weights.to_numpy(np.float64),
        free=np.tile(free, (1, len(parts))),
        offer_units=offer_units,
        lane_kg=lane_kg,
        kg=np.tile(kg, len(parts)),
        m3=np.tile(m3, len(parts)),
        periods=parts,
        period=np.repeat(np.arange(len(parts)), len(asked)),
        kept=kept,
        by_period=bool(periods),
        counts=counts,
        stock_cost=cost,
        stocking_points=points,
        cover_days=cover,
        co2_price=scenario.settings.co2_price_per_tonne / 1e6,
        co2_most=most,
        product_id=tuple(asked),
        notes=tuple(notes),
    )


def _sites(scenario: Scenario) -> pd.DataFrame:
    sites = scenario.filled("sites")
    return sites[sites["kind"].isin(SERVING)].sort_values("site_id").reset_index(drop=True)


def _read_sites(scenario: Scenario, table: pd.DataFrame) -> Sites:
    days = float(scenario.settings.horizon_days)
    share = days / (DAYS_PER_YEAR * scenario.settings.amortisation_years)
    is_today = (table["status"] == "open").to_numpy()

    def limit(column: str, times: float) -> Floats:
        values: Floats = table[column].fillna(np.inf).to_numpy(np.float64) * times
        return values

    return Sites(
        site_id=tuple(table["site_id"]),
        is_today=is_today,
        may_open=(table["status"] != "closed").to_numpy(),
        stocks=table["kind"].isin(["warehouse", "store"]).to_numpy(bool),
        fixed=table["fixed_cost_per_day"].to_numpy(np.float64) * days,
        opening=np.where(is_today, 0.0, table["opening_cost"].to_numpy(np.float64) * share),
        closing=np.where(is_today, table["closing_cost"].to_numpy(np.float64) * share, 0.0),
        inbound=limit("inbound_units_per_day", days),
        outbound=limit("outbound_units_per_day", days),
        storage_m3=limit("storage_m3", 1.0),
        handling=table["handling_cost_per_unit"].to_numpy(np.float64),
    )


def _free(
    table: pd.DataFrame, offers: pd.DataFrame, rates: pd.DataFrame, asked: list[str]
) -> Flags:
    """Say which sites have a product without supply.

    Plants make what nobody offers them. A site without offers of a product and without lanes from
    other places has it where nobody offers it anywhere: supply is then not part of the scenario.
    """
    offered = pd.crosstab(offers["site_id"], offers["product_id"]).reindex(
        index=table["site_id"], columns=asked, fill_value=0
    )
    has_offer = offered.to_numpy() > 0
    plant = (table["kind"] == "plant").to_numpy()[:, None]
    fed = table["site_id"].isin(set(rates["destination_id"])).to_numpy()[:, None]
    nowhere = ~has_offer.any(axis=0)[None, :]
    free: Flags = ~has_offer & (plant | (~fed & nowhere))
    return free


def _stock(
    scenario: Scenario, table: pd.DataFrame, expected: Floats
) -> tuple[float, int, float, list[str]]:
    """Return the cost of holding today's stock, the sites that hold it, and its days of demand."""
    if not len(scenario.table("inventory")):
        return 0.0, 0, 0.0, ["No inventory: stock is left out of the design."]
    stock = available_stock(scenario)
    stock = stock[stock["site_id"].isin(set(table.loc[table["status"] == "open", "site_id"]))]
    stock = stock[stock["qty"] > 0.0]
    cost = scenario.table("products").set_index("product_id")["unit_cost"]
    value = float((stock["qty"] * cost.reindex(stock["product_id"]).to_numpy()).sum())
    rate = scenario.settings.holding_rate_pct_per_year / 100.0
    days = scenario.settings.horizon_days
    points = int(stock["site_id"].nunique())
    daily = float(expected.sum()) / days
    cover = float(stock["qty"].sum()) / daily if daily > 0.0 else 0.0
    return value * rate * days / DAYS_PER_YEAR, points, cover, []
