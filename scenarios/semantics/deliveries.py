"""What delivering from another site than a region's own costs: facts for planning and referee."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scenarios.scenario import Scenario
from scenarios.semantics.zones import zone_shares

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Prices of delivery into the regions of sites; a site's region is the zones that it serves.

    Attributes
    ----------
    premium : (n_products, n_sites, n_sites) money per unit by which a parcel of one unit from [i]
        into the region of [j] costs more than from [j], handling included; infinite where some
        zone of it cannot be reached in time, or there is none
    base : (n_products, n_sites) money per parcel, of the rate that the region's own site uses,
        without what its weight adds; 0 without zones
    """

    premium: Floats
    base: Floats


def read_deliveries(
    scenario: Scenario, site_ids: list[str], weight_kg: Floats, volume_m3: Floats
) -> Deliveries:
    """Return what it costs to deliver one unit of each product from each site to each region.

    Parcels go by the cheapest row of `carrier_rates` that holds the weight and keeps the zone's
    `promise_days`; without `carrier_rates` by the cheapest lane to the zone. A zone's own site may
    be later than promised. Zones weigh by their demand (forecasts and history), else equally.
    """
    count, sites = len(weight_kg), len(site_ids)
    weights = zone_weights(scenario, site_ids)
    premium = np.zeros((count, sites, sites))
    base = np.zeros((count, sites))
    promise = scenario.table("zones").set_index("zone_id")["promise_days"].fillna(np.inf)
    ways = _ways(scenario)
    for zone, row in zip(weights.index, weights.to_numpy(np.float64), strict=True):
        offers = ways[ways["zone"] == zone]
        price = np.full((count, sites), np.inf)
        any_price, of_base = np.full((count, sites), np.inf), np.zeros((count, sites))
        for at, site in enumerate(site_ids):
            here = offers[offers["site"] == site]
            for days, cost, fixed in _priced(here, weight_kg, volume_m3):
                if days <= promise[zone]:
                    price[:, at] = np.minimum(price[:, at], cost)
                cheaper = cost < any_price[:, at]
                any_price[cheaper, at] = cost[cheaper]
                of_base[cheaper, at] = fixed[cheaper]
        for at in np.flatnonzero(row > 0.0).tolist():
            own = np.where(np.isfinite(price[:, at]), price[:, at], any_price[:, at])
            own = np.where(np.isfinite(own), own, 0.0)
            premium[:, :, at] += row[at] * (price - own[:, None])
            base[:, at] += row[at] * of_base[:, at]
    served = weights.to_numpy(np.float64).sum(axis=0) > 0.0
    handling = scenario.filled("sites").set_index("site_id")["handling_cost_per_unit"]
    fee = handling.reindex(site_ids).to_numpy(np.float64)
    premium = np.maximum(premium + (fee[:, None] - fee[None, :])[None], 0.0)
    premium[:, :, ~served] = np.inf
    premium[:, np.arange(sites), np.arange(sites)] = np.inf
    return Deliveries(premium, base)


def zone_weights(scenario: Scenario, site_ids: list[str]) -> pd.DataFrame:
    """Return each zone's part of the demand of each site's region; columns as `site_ids`.

    Columns add up to 1, or are 0 where a site serves no zone.
    """
    shares = zone_shares(scenario)
    zones = scenario.table("zones")["zone_id"]
    volume = pd.Series(0.0, index=pd.Index(zones))
    forecasts = scenario.table("forecasts")
    told = [
        forecasts[forecasts["quantile"].isna()][["location_id", "qty"]],
        scenario.table("demand_history")[["location_id", "qty"]],
    ]
    for rows in told:
        at_zones = rows[rows["location_id"].isin(set(zones))]
        if len(at_zones):
            total = at_zones.groupby("location_id")["qty"].sum()
            volume = total.reindex(volume.index).fillna(0.0)
            break
    if not volume.sum() > 0.0:
        volume[:] = 1.0
    channels = shares.assign(channel=shares["channel_id"].fillna(""))
    each = channels.groupby("zone_id")["channel"].transform("nunique")
    shares = shares.assign(
        weight=shares["share"] / each * shares["zone_id"].map(volume).astype(np.float64)
    )
    table = shares.pivot_table(
        index="zone_id", columns="site_id", values="weight", aggfunc="sum", fill_value=0.0
    )
    table = table.reindex(index=sorted(zones), columns=site_ids).fillna(0.0)
    total = table.sum()
    return table / total.where(total > 0.0, 1.0)


def _ways(scenario: Scenario) -> pd.DataFrame:
    """Return rates from sites to zones: carrier_rates, or lanes where there are none."""
    if scenario.has("carrier_rates"):
        rates = scenario.filled("carrier_rates").rename(
            columns={"origin": "site", "destination": "zone"}
        )
        return rates.assign(name=rates["carrier_id"] + "/" + rates["service"], per_m3=0.0)
    lanes = scenario.filled("lanes")
    lanes = lanes[lanes["destination_id"].isin(set(scenario.table("zones")["zone_id"]))]
    return pd.DataFrame(
        {
            "site": lanes["origin_id"],
            "zone": lanes["destination_id"],
            "name": lanes["mode"],
            "max_weight_kg": lanes["shipment_kg"].fillna(np.inf),
            "base": lanes["cost_per_shipment"] + lanes["cost_per_unit"],
            "included_kg": 0.0,
            "step_kg": np.nan,
            "per_kg": lanes["cost_per_kg"],
            "per_m3": lanes["cost_per_m3"],
            "volumetric_kg_per_m3": 0.0,
            "promise_days": lanes["transit_mean_days"],
        }
    )


def _priced(
    rates: pd.DataFrame, weight_kg: Floats, volume_m3: Floats
) -> list[tuple[float, Floats, Floats]]:
    """Return (days, money, base of it) of a parcel of one unit by each row that may price it."""
    found = []
    ordered = rates.sort_values("max_weight_kg", kind="stable")
    for _, rows in ordered.groupby("name", sort=True):
        tops = rows["max_weight_kg"].to_numpy(np.float64)
        row_of = np.searchsorted(tops, weight_kg - 1e-9)
        for place, rate in enumerate(rows.itertuples()):
            holds = row_of == place
            if not holds.any():
                continue
            chargeable = np.maximum(weight_kg, float(rate.volumetric_kg_per_m3) * volume_m3)
            beyond = np.maximum(0.0, chargeable - float(rate.included_kg))
            step = float(rate.step_kg)
            if not np.isnan(step):
                beyond = np.ceil(beyond / step - 1e-9) * step
            cost = float(rate.base) + float(rate.per_kg) * beyond + float(rate.per_m3) * volume_m3
            found.append(
                (
                    float(rate.promise_days),
                    np.where(holds, cost, np.inf),
                    np.where(holds, float(rate.base), 0.0),
                )
            )
    return found
