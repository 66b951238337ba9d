"""How products get from a place to the next, and how they wait for a later period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd

from optimizer.allocation.network.problem import Flags, Floats, Ints
from scenarios import Scenario
from scenarios.semantics.network import service_km, way_cost
from scenarios.semantics.periods import Periods


@dataclass(frozen=True, slots=True)
class Ways:
    """How a product gets from a place to the next, one entry per way and product.

    With several periods a product has a number in each, and so have offers and lanes. Stock that
    waits at a site is a way from it to itself, out of a product in one period into the next.

    Attributes
    ----------
    origin, destination : (a,) site number, -1 where the place is a supplier or a zone
    want : (a,) number of the demand that it serves, -1 between sites
    offer : (a,) number of the offer that it draws on, -1 without
    lane : (a,) number of the lane, -1 without
    product, into : (a,) as it leaves, and as it arrives: another number for stock that waits
    purchase, transport, handling, stock : (a,) money per unit; stock of waiting
    grams : (a,) g CO2e per unit
    names : origin_id, destination_id, mode, product_id
    """

    origin: Ints
    destination: Ints
    want: Ints
    offer: Ints
    lane: Ints
    product: Ints
    into: Ints
    purchase: Floats
    transport: Floats
    handling: Floats
    stock: Floats
    grams: Floats
    names: pd.DataFrame

    @property
    def waits(self) -> Flags:
        """Whether it is stock that waits for the next period, (a,)."""
        waiting: Flags = self.product != self.into
        return waiting


def join(parts: Sequence[Ways]) -> Ways:
    """Return the ways of all parts, one after the other."""
    if len(parts) == 1:
        return parts[0]
    values = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in fields(Ways)
        if field.name != "names"
    }
    return Ways(**values, names=pd.concat([part.names for part in parts], ignore_index=True))


def read_ways(
    scenario: Scenario,
    table: pd.DataFrame,
    offers: pd.DataFrame,
    rates: pd.DataFrame,
    wants: pd.DataFrame,
    products: pd.DataFrame,
    asked: list[str],
    periods: Periods,
) -> tuple[Ways, Floats, Floats]:
    """Return the ways of every period, and what offers and lanes carry in theirs.

    Parameters
    ----------
    table : sites
    offers, wants : with the number of their period
    asked : products, in the order of their numbers
    """
    parts, offer_units, lane_kg = [], [np.empty(0)], []
    wants = wants.assign(want=np.arange(len(wants)))
    for period in range(len(periods)):
        valid = offers[offers["period"] == period].drop(columns="period")
        part, units = _ways(
            scenario, table, valid, rates, wants[wants["period"] == period], products, asked
        )
        first = sum(map(len, offer_units))
        parts.append(_shift(part, first, period * len(rates), period * len(asked)))
        offer_units.append(units)
        lane_kg.append(rates["kg_per_day"].to_numpy(np.float64) * periods.days[period])
    return join(parts), np.concatenate(offer_units), np.concatenate(lane_kg)


def _shift(ways: Ways, offers: int, lanes: int, products: int) -> Ways:
    """Return the ways with higher numbers of offers, lanes and products."""
    return replace(
        ways,
        offer=np.where(ways.offer >= 0, ways.offer + offers, -1),
        lane=np.where(ways.lane >= 0, ways.lane + lanes, -1),
        product=ways.product + products,
        into=ways.into + products,
    )


def _ways(
    scenario: Scenario,
    table: pd.DataFrame,
    offers: pd.DataFrame,
    rates: pd.DataFrame,
    wants: pd.DataFrame,
    products: pd.DataFrame,
    asked: list[str],
) -> tuple[Ways, Floats]:
    """Return the ways of one period, and what its offers carry."""
    site = {name: at for at, name in enumerate(table["site_id"])}
    rates = rates.assign(lane=np.arange(len(rates)))
    promise = scenario.table("zones").set_index("zone_id")["promise_days"]
    promised = promise.reindex(rates["destination_id"]).fillna(np.inf).to_numpy(np.float64)
    reach = service_km(scenario).reindex(rates["destination_id"]).fillna(np.inf).to_numpy()
    near = rates["km"].to_numpy(np.float64) <= reach
    in_time = rates[near & (promised >= rates["transit_mean_days"].to_numpy())]

    # to customers: lanes into their zone, and a site's own demand from the site itself
    serving = in_time[in_time["origin_id"].isin(site)].merge(
        wants, left_on="destination_id", right_on="location_id"
    )
    own = wants[wants["location_id"].isin(site)].assign(
        origin_id=lambda frame: frame["location_id"],
        destination_id=lambda frame: frame["location_id"],
        mode="own",
        lane=-1,
    )
    serving = serving[~serving["destination_id"].isin(site)]
    # between sites
    inner = rates[rates["origin_id"].isin(site) & rates["destination_id"].isin(site)]
    inner = inner.merge(pd.DataFrame({"product_id": asked}), how="cross").assign(want=-1)
    # from suppliers: by their lanes where there are some, else door to door
    bought = offers.merge(
        rates.rename(columns={"destination_id": "site_id", "origin_id": "supplier_id"}),
        on=["supplier_id", "site_id"],
        how="left",
    )
    bought = bought.rename(columns={"supplier_id": "origin_id", "site_id": "destination_id"})
    bought["mode"] = bought["mode"].fillna("delivered")
    bought["want"] = -1
    every = pd.concat([serving, own, inner, bought], ignore_index=True)
    every["landed"] = every["landed"].fillna(0.0) if "landed" in every else 0.0
    offered, offer = np.unique(every["row"].fillna(-1.0), return_inverse=True)
    offer = offer - int(len(offered) > 0 and offered[0] == -1.0)
    units = offers.drop_duplicates("row").set_index("row")["capacity"]
    offer_units = units.reindex(offered[offered >= 0.0]).to_numpy(np.float64)
    lane = every["lane"].fillna(-1).to_numpy(np.int64)
    numbers = every[["per_unit", "per_kg", "per_m3", "per_shipment", "g_per_kg"]].fillna(0.0)
    numbers["shipment_kg"] = every["shipment_kg"].fillna(np.inf)
    numbers["shipment_m3"] = every["shipment_m3"].fillna(np.inf)
    weight = products["weight_kg"].reindex(every["product_id"]).fillna(0.0).to_numpy(np.float64)
    volume = products["volume_m3"].reindex(every["product_id"]).fillna(0.0).to_numpy(np.float64)
    origin = every["origin_id"].map(site).fillna(-1).to_numpy(np.int64)
    want = every["want"].to_numpy(np.int64)
    handling = table["handling_cost_per_unit"].to_numpy(np.float64)
    product = every["product_id"].map({p: at for at, p in enumerate(asked)}).to_numpy(np.int64)
    ways = Ways(
        origin=origin,
        destination=np.where(
            want >= 0, -1, every["destination_id"].map(site).fillna(-1).to_numpy(np.int64)
        ),
        want=want,
        offer=offer.astype(np.int64),
        lane=lane,
        product=product,
        into=product,
        purchase=every["landed"].to_numpy(np.float64),
        transport=way_cost(numbers, weight, volume),
        handling=np.where(origin >= 0, handling[np.maximum(origin, 0)], 0.0),
        stock=np.zeros(len(every)),
        grams=numbers["g_per_kg"].to_numpy(np.float64) * weight,
        names=every[["origin_id", "destination_id", "mode", "product_id"]].reset_index(drop=True),
    )
    return ways, offer_units
