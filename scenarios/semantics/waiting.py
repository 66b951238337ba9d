"""How long each site waits for what it could order tonight: facts for planning and referee."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scenarios.scenario import Scenario
from scenarios.semantics.defaults import inventory_policies

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STOCKING = ("warehouse", "store")


@dataclass(frozen=True, slots=True)
class Waits:
    """Waiting times and costs of every product at every stocking site; arrays (products, sites).

    Attributes
    ----------
    days : until what is ordered tonight is there, or longer where an event or the planner asks for
        it
    variance : of that time, days^2
    root : row of the site at which it is bought: its own, or the one that feeds it
    shortage, holding : money per unit short; per unit left over, for one review period
    """

    days: Floats
    variance: Floats
    root: Ints
    shortage: Floats
    holding: Floats


def stocking_sites(scenario: Scenario) -> pd.DataFrame:
    """Return the open warehouses and stores, by id."""
    sites = scenario.filled("sites")
    sites = sites[sites["kind"].isin(STOCKING) & (sites["status"] == "open")]
    return sites.sort_values("site_id", kind="stable", ignore_index=True)


def stocked_products(scenario: Scenario) -> pd.DataFrame:
    """Return the products, by id."""
    return scenario.table("products").sort_values("product_id", kind="stable", ignore_index=True)


def read_waits(scenario: Scenario, sites: pd.DataFrame, until: dt.date | None = None) -> Waits:
    """Return how long sites wait for their suppliers.

    The shortest lead time of a valid offer (lead_time_mean_days + the slowest lane from the
    supplier to the site), at least a day; without an offer, review_days + the slowest lane from its
    first source that is a site; without either, the horizon. An event that begins within that time
    in the site's region has it end with the event at the earliest; so does `until`.
    """
    site_ids = sites["site_id"].tolist()
    products = stocked_products(scenario)["product_id"].tolist()
    shape = (len(products), len(site_ids))
    grid = pd.DataFrame(
        {"site_id": site_ids * shape[0], "product_id": np.repeat(products, shape[1])}
    )
    policies, _ = inventory_policies(scenario, grid)
    at = _place(policies, products, site_ids)
    inside = (at[0] >= 0) & (at[1] >= 0)
    review, shortage, holding = (np.zeros(shape) for _ in range(3))
    for array, column in (
        (review, "review_days"),
        (shortage, "shortage_cost"),
        (holding, "holding_cost_per_unit_day"),
    ):
        array[at[0][inside], at[1][inside]] = policies[column].to_numpy(np.float64)[inside]
    holding *= review
    lead, variance = _lead_times(scenario, products, site_ids)
    feeder = _feeders(scenario, products, site_ids)
    transit = slowest_transit(scenario, site_ids)
    own = np.broadcast_to(np.arange(shape[1]), shape)
    offered = np.isfinite(lead)
    root = own.copy()
    each = np.arange(shape[0])[:, None]
    for _ in range(shape[1]):
        here = offered[each, root]
        ahead = feeder[each, root]
        root = np.where(here | (ahead < 0), root, ahead)
    fed = ~offered & (root != own) & offered[each, root]
    root = np.where(fed, root, own)
    way = transit[np.maximum(feeder, 0), own]
    horizon = float(scenario.settings.horizon_days)
    days = np.where(offered, np.maximum(lead, 1.0), np.where(fed, review + way, horizon))
    days = _through_events(scenario, sites, days)
    if until is not None:
        days = np.maximum(days, (until - scenario.settings.start_date).days + 1.0)
    return Waits(days, np.where(offered, variance, 0.0), root.astype(np.int64), shortage, holding)


def slowest_transit(scenario: Scenario, site_ids: list[str]) -> Floats:
    """Return days of the slowest lane between sites, (n_sites, n_sites); 0 without a lane."""
    lanes = scenario.filled("lanes")
    ends = [pd.Index(site_ids).get_indexer(lanes[end]) for end in ("origin_id", "destination_id")]
    inside = (ends[0] >= 0) & (ends[1] >= 0)
    transit = np.zeros((len(site_ids), len(site_ids)))
    days = lanes["transit_mean_days"].to_numpy(np.float64)[inside]
    np.maximum.at(transit, (ends[0][inside], ends[1][inside]), days)
    return transit


def _place(rows: pd.DataFrame, products: list[str], sites: list[str]) -> tuple[Ints, Ints]:
    return (
        pd.Index(products).get_indexer(rows["product_id"]),
        pd.Index(sites).get_indexer(rows["site_id"]),
    )


def _lead_times(scenario: Scenario, products: list[str], sites: list[str]) -> tuple[Floats, Floats]:
    """Return mean and variance of the shortest lead time, days; infinite without an offer."""
    start = pd.Timestamp(scenario.settings.start_date)
    offers = scenario.filled("supplier_products")
    offers = offers[~(offers["valid_from"] > start) & ~(offers["valid_to"] < start)]
    named = offers[offers["site_id"].notna()]
    anywhere = offers[offers["site_id"].isna()].drop(columns="site_id")
    anywhere = anywhere.merge(pd.DataFrame({"site_id": sites}, dtype="str"), how="cross")
    anywhere = anywhere[_named_source(scenario, anywhere)]
    rows = pd.concat([named, anywhere], ignore_index=True)
    rows = rows.drop_duplicates(["supplier_id", "product_id", "site_id"], keep="first")
    lanes = scenario.filled("lanes").sort_values(
        ["transit_mean_days", "transit_sd_days"], ascending=False, kind="stable"
    )
    lanes = lanes.drop_duplicates(["origin_id", "destination_id"])
    rows = rows.merge(
        lanes[["origin_id", "destination_id", "transit_mean_days", "transit_sd_days"]],
        left_on=["supplier_id", "site_id"],
        right_on=["origin_id", "destination_id"],
        how="left",
    )
    days = rows["lead_time_mean_days"] + rows["transit_mean_days"].fillna(0.0)
    spread = rows["lead_time_sd_days"] ** 2 + rows["transit_sd_days"].fillna(0.0) ** 2
    rows = rows.assign(days=days, spread=spread).sort_values(["days", "spread"], kind="stable")
    lead = np.full((len(products), len(sites)), np.inf)
    variance = np.zeros(lead.shape)
    rows = rows.drop_duplicates(["product_id", "site_id"])
    at = _place(rows, products, sites)
    inside = (at[0] >= 0) & (at[1] >= 0)
    lead[at[0][inside], at[1][inside]] = rows["days"].to_numpy(np.float64)[inside]
    variance[at[0][inside], at[1][inside]] = rows["spread"].to_numpy(np.float64)[inside]
    return lead, variance


def _named_source(scenario: Scenario, offers: pd.DataFrame) -> NDArray[np.bool_]:
    """Say which offers for any site count there: `item_sources` names the supplier, or nobody."""
    sources = scenario.table("item_sources")
    if not len(sources) or not len(offers):
        return np.ones(len(offers), bool)
    special = sources[sources["product_id"].notna()]
    general = sources[sources["product_id"].isna()]
    pair, trio = ["site_id", "product_id"], ["source_id", "site_id", "product_id"]
    asked = offers.rename(columns={"supplier_id": "source_id"})
    has_own = pd.MultiIndex.from_frame(asked[pair]).isin(pd.MultiIndex.from_frame(special[pair]))
    listed = pd.MultiIndex.from_frame(asked[trio]).isin(pd.MultiIndex.from_frame(special[trio]))
    has_any = asked["site_id"].isin(set(general["site_id"])).to_numpy(bool)
    duo = ["source_id", "site_id"]
    of_site = pd.MultiIndex.from_frame(asked[duo]).isin(pd.MultiIndex.from_frame(general[duo]))
    counts: NDArray[np.bool_] = np.where(has_own, listed, ~has_any | of_site).astype(bool)
    return counts


def _feeders(scenario: Scenario, products: list[str], sites: list[str]) -> Ints:
    """Return the row of the site that is each pair's first source; -1 where it is none."""
    feeder = np.full((len(products), len(sites)), -1, np.int64)
    sources = scenario.filled("item_sources")
    if not len(sources):
        return feeder
    ranked = sources.assign(share=-sources["share_pct"].fillna(0.0)).sort_values(
        ["priority", "share", "source_id"], kind="stable"
    )
    general = ranked[ranked["product_id"].isna()].drop_duplicates("site_id")
    special = ranked[ranked["product_id"].notna()].drop_duplicates(["site_id", "product_id"])
    index = pd.Index(sites)
    for site, source in zip(general["site_id"], general["source_id"], strict=True):
        if site in index:
            feeder[:, index.get_loc(site)] = index.get_indexer([source])[0]
    at = _place(special, products, sites)
    inside = (at[0] >= 0) & (at[1] >= 0)
    feeder[at[0][inside], at[1][inside]] = index.get_indexer(special["source_id"])[inside]
    return feeder


def _through_events(scenario: Scenario, sites: pd.DataFrame, days: Floats) -> Floats:
    """Lengthen waiting to the end of events that begin within it."""
    events = scenario.table("events")
    start = pd.Timestamp(scenario.settings.start_date)
    region = sites["region"].to_numpy(object)
    longer = days.copy()
    for event in events.sort_values("start", kind="stable").itertuples():
        begins, ends = (event.start - start).days, (event.end - start).days + 1.0
        if begins < 0:
            continue
        here = np.ones(len(sites), bool) if pd.isna(event.region) else region == event.region
        touched = here[None, :] & (begins < longer)
        longer = np.where(touched, np.maximum(longer, ends), longer)
    return longer
