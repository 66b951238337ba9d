"""The facts of tonight's replenishment decision, as the referee reads them.

Nothing here is shared with the engine: product-locations, their demand over the protection
interval, their options and prices are built again from the scenario.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.audit.implied_cost import TARGETS, implied_shortage, states_target
from optimizer.audit.lost_sales import Spans, decision_demand
from optimizer.audit.offers import PAIR, read_options
from optimizer.audit.returns import coming_back
from scenarios import Scenario
from scenarios.semantics.defaults import inventory_policies
from scenarios.semantics.zones import explode_bundles, zone_shares

Floats = NDArray[np.float64]

Z90 = 1.2815515655446004  # standard normal 0.9 quantile


@dataclass(frozen=True, slots=True)
class Tonight:
    """Product-locations and their options.

    Attributes
    ----------
    pairs : those in the objective: site_id, product_id, position [units], mean and sd [units over
        the protection interval, less what comes back], holding and shortage [money per unit],
        protection_days; stock and demand of pairs that they feed included; interval_mean and
        interval_sd [units] before lost sales and returns are counted; expected_returns,
        returns_variance [units, units^2]; replayed [units that past forecasts say to add]
    options : site_id, product_id, supplier_id and the terms of supplier_products; row [place in
        that table], landed [money per unit without breaks], least [money per unit], primary
        [flag], lead_days, lead_variance, due_days
    own : every product-location with its own numbers: site_id, product_id, root [place of the row
        at which it is counted], review_days
    """

    pairs: pd.DataFrame
    options: pd.DataFrame
    own: pd.DataFrame


def read_tonight(scenario: Scenario, tables: Mapping[str, pd.DataFrame]) -> Tonight:
    """Build the facts from the scenario and the forecast."""
    forecast = site_forecast(scenario, tables.get("forecast"))
    with_demand = forecast[PAIR].drop_duplicates()
    with_demand = with_demand[
        with_demand["product_id"].isin(set(scenario.table("products")["product_id"]))
    ]
    fed_from = feeding_sites(scenario)
    wanted = with_demand
    while True:
        policies, _ = inventory_policies(scenario, wanted)
        options = read_options(scenario, policies)
        root = buying_sites(scenario, policies, options, fed_from)
        asked = pd.DataFrame({"site_id": root, "product_id": policies["product_id"]})
        listed = pd.MultiIndex.from_frame(policies[PAIR])
        missing = asked[~pd.MultiIndex.from_frame(asked).isin(listed)].drop_duplicates()
        if not len(missing):
            break
        wanted = pd.concat([wanted, missing], ignore_index=True)
    columns = [*PAIR, "review_days", "shortage_cost", "holding_cost_per_unit_day", *TARGETS]
    pairs = policies[columns].assign(
        states_target=states_target(scenario.table("inventory_policies"), len(policies))
    )
    spans = Spans(tables.get("forecast"))
    road = road_days(scenario, policies, root, fed_from)
    joined = _echelons(scenario, forecast, spans, pairs, options, root, road)

    def over(days: Floats) -> tuple[Floats, Floats]:
        found, independent = demand_over(scenario, forecast, joined, days)
        length = scenario.settings.bucket_days
        return found, spans.over(joined, days / length, independent)

    def back(days: Floats) -> tuple[Floats, Floats]:
        return coming_back(scenario, joined, days, sold)

    def sold(some: pd.DataFrame, days: Floats) -> tuple[Floats, Floats]:
        return _sold(scenario, forecast, spans, some, days)

    calibration = tables.get("calibration")
    mean, sd, replayed = decision_demand(scenario, joined, spans, over, back, calibration)
    interval = joined[["mean", "sd"]].add_prefix("interval_")
    at = pd.MultiIndex.from_frame(policies[PAIR])
    place = at.get_indexer(pd.MultiIndex.from_arrays([root, policies["product_id"]]))
    own = policies[[*PAIR, "review_days"]].assign(root=place)
    counted = joined.assign(mean=mean, sd=sd, replayed=replayed).join(interval)
    return Tonight(counted, options, own)


def feeding_sites(scenario: Scenario) -> dict[tuple[str, str | None], str]:
    """Return the first source of each (site, product) or (site, None) in `item_sources`."""
    rows = scenario.filled("item_sources")
    rows = rows.assign(share=-rows["share_pct"].fillna(0.0))
    rows = rows.sort_values(["priority", "share", "source_id"], kind="stable")
    first: dict[tuple[str, str | None], str] = {}
    for site, product, source in zip(
        rows["site_id"], rows["product_id"], rows["source_id"], strict=True
    ):
        first.setdefault((site, product if isinstance(product, str) else None), source)
    return first


def buying_sites(
    scenario: Scenario,
    pairs: pd.DataFrame,
    options: pd.DataFrame,
    fed_from: Mapping[tuple[str, str | None], str],
) -> list[str]:
    """Return the site at which each pair is counted: its own, or the one that buys for it."""
    if not fed_from:
        return list(pairs["site_id"])
    sites = set(scenario.table("sites")["site_id"])
    everywhere = pairs[["product_id"]].drop_duplicates().merge(
        pd.DataFrame({"site_id": sorted(sites)}), how="cross"
    )  # fmt: skip
    bought = {
        (site, product)
        for site, product in read_options(scenario, everywhere)[PAIR].itertuples(index=False)
    }
    bought |= set(options[PAIR].itertuples(index=False, name=None))
    roots = []
    for site, product in pairs[PAIR].itertuples(index=False, name=None):
        at, seen = site, {site}
        while (at, product) not in bought:
            source = fed_from.get((at, product), fed_from.get((at, None)))
            if source is None or source not in sites or source in seen:
                at = site
                break
            at = source
            seen.add(at)
        roots.append(at)
    return roots


def road_days(
    scenario: Scenario,
    pairs: pd.DataFrame,
    root: list[str],
    fed_from: Mapping[tuple[str, str | None], str],
) -> Floats:
    """Return the days on the road from the site that buys, slowest mode of each lane."""
    lanes = scenario.filled("lanes")
    ends = [lanes["origin_id"], lanes["destination_id"]]
    slowest = lanes["transit_mean_days"].astype(float).groupby(ends).max().to_dict()
    found = np.zeros(len(pairs))
    for row, (site, product) in enumerate(pairs[PAIR].itertuples(index=False, name=None)):
        at = site
        while at != root[row]:
            source = fed_from.get((at, product), fed_from.get((at, None)))
            assert source is not None, "a pair is fed over a chain of sources"
            found[row] += slowest.get((source, at), 0.0)
            at = source
    return found


def _echelons(
    scenario: Scenario,
    forecast: pd.DataFrame,
    spans: Spans,
    pairs: pd.DataFrame,
    options: pd.DataFrame,
    root: list[str],
    road: Floats,
) -> pd.DataFrame:
    """Join fed pairs to the pair that buys for them; return the pairs that are counted."""
    primary = options[options["primary"]].set_index(PAIR)[["lead_days", "lead_variance"]]
    at = pd.MultiIndex.from_frame(pairs[PAIR])
    lead = primary.reindex(at).fillna(0.0)
    place = at.get_indexer(pd.MultiIndex.from_arrays([root, pairs["product_id"]]))
    days = pairs["review_days"].to_numpy(np.float64) + lead["lead_days"].to_numpy(np.float64)
    length = scenario.settings.bucket_days
    whole = days[place] + road
    own_mean, own_variance = demand_over(scenario, forecast, pairs, whole)
    own_variance = spans.over(pairs, whole / length, own_variance)
    count = len(pairs)
    mean = np.bincount(place, own_mean, minlength=count)
    variance = np.bincount(place, own_variance, minlength=count)
    position = np.bincount(place, _position(scenario, pairs), minlength=count)
    per_day = np.divide(own_mean, whole, out=np.zeros(count), where=whole > 0)
    rate = np.bincount(place, per_day, minlength=count)
    back, back_variance = coming_back(
        scenario, pairs, whole, lambda some, until: _sold(scenario, forecast, spans, some, until)
    )
    review = pairs["review_days"].to_numpy(np.float64)
    lead_days = lead["lead_days"].to_numpy(np.float64)
    until = lead_days[place] + road
    wait, wait_variance = demand_over(scenario, forecast, pairs, until)
    wait_variance = spans.over(pairs, until / length, wait_variance)
    wait_day = np.divide(wait, until, out=np.zeros(count), where=until > 0)
    wait, wait_variance = (
        np.bincount(place, part, minlength=count).astype(np.float64)
        for part in (wait, wait_variance)
    )
    wait_rate = np.bincount(place, wait_day, minlength=count)
    least, most = (
        _cover(scenario, forecast, pairs, place, name)
        for name in ("min_cover_days", "max_cover_days")
    )
    joined = pairs[[*PAIR, *TARGETS, "states_target"]].assign(
        position=position,
        expected_returns=np.bincount(place, back, minlength=count),
        returns_variance=np.bincount(place, back_variance, minlength=count),
        lead_mean=wait,
        lead_sd=np.sqrt(wait_variance + wait_rate**2 * lead["lead_variance"].to_numpy(np.float64)),
        least_cover=least,
        most_cover=most,
        mean=mean,
        sd=np.sqrt(variance + rate**2 * lead["lead_variance"].to_numpy(np.float64)),
        holding=pairs["holding_cost_per_unit_day"].to_numpy(np.float64) * review,
        shortage=pairs["shortage_cost"].to_numpy(np.float64),
        protection_days=days,
        review_days=review,
        fed=place != np.arange(count),
        alone=(np.bincount(place, minlength=count) == 1) & at.isin(primary.index),
        rate=rate,
        lead_days=lead_days,
        lead_variance=lead["lead_variance"].to_numpy(np.float64),
    )
    joined = joined[~joined["fed"]].reset_index(drop=True)
    return joined.assign(shortage=implied_shortage(joined))


def returns_counted(
    scenario: Scenario, tables: Mapping[str, pd.DataFrame]
) -> Callable[[pd.DataFrame, Floats], tuple[Floats, Floats]]:
    """Return what counts mean and variance of what comes back to pairs in their first days."""
    forecast, spans = site_forecast(scenario, tables.get("forecast")), Spans(tables.get("forecast"))
    return lambda pairs, days: coming_back(
        scenario, pairs, days, lambda some, until: _sold(scenario, forecast, spans, some, until)
    )


def _sold(
    scenario: Scenario, forecast: pd.DataFrame, spans: Spans, pairs: pd.DataFrame, days: Floats
) -> tuple[Floats, Floats]:
    """Return mean and variance of what the first days of some pairs ask for, units."""
    mean, independent = demand_over(scenario, forecast, pairs, days)
    return mean, spans.over(pairs, days / scenario.settings.bucket_days, independent)


def _cover(
    scenario: Scenario,
    forecast: pd.DataFrame,
    pairs: pd.DataFrame,
    place: NDArray[np.int64],
    column: str,
) -> Floats:
    """Return mean demand over the days of cover asked for, fed pairs included; NaN: none."""
    days: Floats = pairs[column].to_numpy(np.float64)
    if np.isnan(days).all():
        return days
    mean, _ = demand_over(scenario, forecast, pairs, np.nan_to_num(days)[place])
    total = np.bincount(place, mean, minlength=len(pairs)).astype(np.float64)
    cover: Floats = np.where(np.isnan(days), np.nan, total)
    return cover


def site_forecast(scenario: Scenario, forecast: pd.DataFrame | None) -> pd.DataFrame:
    """Return site_id, product_id, bucket, mean, sd of the forecast stage, else of the scenario."""
    if forecast is not None and len(forecast):
        rows = forecast[forecast["span_buckets"] == 1]
        rows = rows.rename(columns={"location_id": "site_id"})
        rows = rows[[*PAIR, "bucket", "quantile", "qty"]]
        return _mean_and_sd(rows, [*PAIR, "bucket"])
    rows = scenario.table("forecasts")
    cases = scenario.table("demand_cases").set_index("demand_case")["probability"]
    if rows["demand_case"].notna().all() and len(rows):
        rows = rows.assign(qty=rows["qty"] * rows["demand_case"].map(cases))
    else:
        rows = rows[rows["demand_case"].isna()]
    rows = rows[rows["quantile"].isna() | np.isclose(rows["quantile"], 0.9)]
    keys = ["product_id", "location_id", "bucket", "quantile"]
    rows = rows.groupby(keys, dropna=False, sort=False)["qty"].sum().reset_index()
    at = _mean_and_sd(rows, ["product_id", "location_id", "bucket"])
    at = explode_bundles(scenario, at, ("mean", "sd"))
    sites = at[at["location_id"].isin(set(scenario.table("sites")["site_id"]))]
    sites = sites.rename(columns={"location_id": "site_id"})
    zones = at.merge(_shares(scenario), left_on="location_id", right_on="zone_id")
    zones = zones.assign(mean=zones["mean"] * zones["share"], sd=zones["sd"] * zones["share"])
    both = pd.concat([sites, zones], ignore_index=True)[[*PAIR, "bucket", "mean", "sd"]]
    both = both.assign(variance=both["sd"] ** 2)
    total = both.groupby([*PAIR, "bucket"], sort=False)[["mean", "variance"]].sum().reset_index()
    return total.assign(sd=np.sqrt(total["variance"]))[[*PAIR, "bucket", "mean", "sd"]]


def _mean_and_sd(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    mean = rows[rows["quantile"].isna()].groupby(keys, sort=False)["qty"].sum().rename("mean")
    near = np.isclose(rows["quantile"].to_numpy(np.float64), 0.9)
    high = rows[near].groupby(keys, sort=False)["qty"].sum().rename("high")
    both = pd.concat([mean, high], axis=1).reset_index()
    sd = ((both["high"] - both["mean"]) / Z90).clip(lower=0.0).fillna(0.0)
    return both.assign(mean=both["mean"].fillna(0.0), sd=sd)[[*keys, "mean", "sd"]]


def _shares(scenario: Scenario) -> pd.DataFrame:
    """Return zone_id, site_id, share: of rows for all channels, else the mean over channels."""
    rows = zone_shares(scenario)
    general = set(rows.loc[rows["channel_id"].isna(), "zone_id"])
    rows = rows[rows["channel_id"].isna() | ~rows["zone_id"].isin(general)]
    channels = rows.groupby("zone_id")["channel_id"].transform(lambda c: max(c.nunique(), 1))
    rows = rows.assign(share=rows["share"] / channels)
    return rows.groupby(["zone_id", "site_id"], sort=False)["share"].sum().reset_index()


def demand_over(
    scenario: Scenario, forecast: pd.DataFrame, pairs: pd.DataFrame, days: Floats
) -> tuple[Floats, Floats]:
    """Return mean and variance of demand in the first days of each pair, units."""
    length = scenario.settings.bucket_days
    start = pd.Timestamp(scenario.settings.start_date)
    at = pd.MultiIndex.from_frame(pairs[PAIR])
    row = at.get_indexer(pd.MultiIndex.from_frame(forecast[PAIR]))
    bucket = ((forecast["bucket"] - start).dt.days // length).to_numpy()
    inside = (row >= 0) & (bucket >= 0)
    row, bucket = row[inside], bucket[inside].astype(np.int64)
    last = int(bucket.max()) + 1 if len(bucket) else 1
    n_buckets = max(last, math.ceil(float(days.max()) / length)) if len(days) else 1
    mean = np.zeros((len(pairs), n_buckets))
    variance = np.zeros((len(pairs), n_buckets))
    mean[row, bucket] = forecast["mean"].to_numpy(np.float64)[inside]
    variance[row, bucket] = forecast["sd"].to_numpy(np.float64)[inside] ** 2
    own_last = np.zeros(len(pairs), np.int64)
    np.maximum.at(own_last, row, bucket)
    beyond = np.arange(n_buckets) > own_last[:, None]
    each = np.arange(len(pairs))
    mean = np.where(beyond, mean[each, own_last][:, None], mean)
    variance = np.where(beyond, variance[each, own_last][:, None], variance)
    share = np.clip(days[:, None] / length - np.arange(n_buckets), 0.0, 1.0)
    return (share * mean).sum(axis=1), (share * variance).sum(axis=1)


def _position(scenario: Scenario, pairs: pd.DataFrame) -> Floats:
    """Return units on hand, free, not expired, and on order, per pair."""
    stock = scenario.filled("inventory")
    stock = stock[~(stock["expires_on"] <= pd.Timestamp(scenario.settings.start_date))]
    free = stock["on_hand"] - stock["reserved"] - stock["quarantined"]
    coming = scenario.table("open_orders")
    both = pd.concat(
        [stock[PAIR].assign(qty=free), coming[[*PAIR, "qty"]]], ignore_index=True
    ).astype({"qty": np.float64})
    total = both.groupby(PAIR, sort=False)["qty"].sum().rename("position")
    found = pairs[PAIR].merge(total, left_on=PAIR, right_index=True, how="left")["position"]
    position: Floats = found.fillna(0.0).to_numpy(np.float64)
    return position
