"""What other carriers ask for a stop: their tariffs, lateness, risk and emissions in money."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from optimizer.routing.calls import Calls
from optimizer.routing.problem import DELIVERY, FOREVER, Floats
from scenarios import Scenario
from scenarios.semantics.work_hours import clock_s

DAY_S = 86_400
GRAMS_PER_TONNE = 1e6
KG_TOLERANCE = 1e-9  # above a weight class, still within
STEP_TOLERANCE = 1e-9  # share of a step that is rounding

Key = tuple[str, str]  # order_id, shipment_id


@dataclass(frozen=True, slots=True)
class Offer:
    """A carrier's service that takes a parcel.

    Attributes
    ----------
    ready_on, ship_on, promised_on : days; ready_on is the one whose capacity it uses
    weight_kg, tariff, late, risk, co2 : kg; money
    g_co2e : grams
    """

    carrier_id: str
    service: str
    site_id: str
    ready_on: np.datetime64
    ship_on: np.datetime64
    promised_on: np.datetime64
    weight_kg: float
    tariff: float
    late: float
    risk: float
    co2: float
    g_co2e: float

    @property
    def cost(self) -> float:
        """Money, everything included."""
        return self.tariff + self.late + self.risk + self.co2

    @property
    def terms(self) -> dict[str, float]:
        """Money by term of the objective."""
        return {"tariff": self.tariff, "late": self.late, "risk": self.risk, "co2": self.co2}

    @property
    def name(self) -> str:
        """Return carrier and service as a planner reads them."""
        return f"{self.carrier_id} {self.service}"


Offers = Mapping[Key, tuple[Offer, ...]]


def read_offers(scenario: Scenario, calls: Calls) -> Offers:
    """Return the offers for each call, cheapest first; calls without one are left out.

    Carriers that are not own and have no vans of their own in `vehicles`; deliveries that ask for
    no skills; from the parcel's site, or from any depot where an order is no parcel yet; by the
    row with the lowest max_weight_kg that holds it; at its door by the end of the date on which
    its last window ends, or late at late_cost_per_h.
    """
    rates = _rates(scenario)
    wanted = _wanted(scenario, calls)
    if not len(rates) or not len(wanted):
        return {}
    found = wanted.merge(rates, on="zone_id", how="inner")
    depots = set(scenario.table("vehicles")["depot_id"])
    from_site = found["origin"] == found["site_id"]
    from_depot = (found["site_id"] == "") & found["origin"].isin(depots)
    found = found[(from_site | from_depot) & (found["kg"] <= found["max_weight_kg"] + KG_TOLERANCE)]
    key = ["row", "carrier_id", "service", "origin"]
    found = found.sort_values([*key, "max_weight_kg"], kind="stable").drop_duplicates(key)
    return _offers(scenario, found.reset_index(drop=True))


# ---- inside ---------------------------------------------------------------------------------


def _rates(scenario: Scenario) -> pd.DataFrame:
    """Return the rates of carriers that vans cannot stand for, with their chance to accept."""
    carriers = scenario.filled("carriers").set_index("carrier_id")
    rates = scenario.filled("carrier_rates").rename(columns={"destination": "zone_id"})
    kind = carriers["kind"].reindex(rates["carrier_id"]).to_numpy(object)
    with_vans = set(scenario.table("vehicles")["carrier_id"].dropna())
    others = (kind != "own") & ~rates["carrier_id"].isin(with_vans).to_numpy()
    accepts = carriers["acceptance_probability"].reindex(rates["carrier_id"]).fillna(1.0)
    cutoff = [clock_s(cell, -1) for cell in rates["cutoff_time"]]
    rates = rates.assign(
        accepts=accepts.to_numpy(np.float64),
        cutoff_s=np.where(np.array(cutoff) < 0, FOREVER, np.array(cutoff)),
    )
    rates["zone_id"] = rates["zone_id"].astype(object)
    return rates[others]


def _wanted(scenario: Scenario, calls: Calls) -> pd.DataFrame:
    """Return what might be given away: key, zone, weight, days in seconds from 1970, money."""
    orders = scenario.filled("orders").set_index("order_id")
    rows = calls.rows
    facts = orders.reindex(rows["order_id"])
    start = np.datetime64(scenario.settings.start_date, "s").astype(np.int64)
    ready = facts[["release_at", "placed_at"]].max(axis=1).to_numpy().astype("datetime64[s]")
    release = np.maximum(rows["release"].to_numpy(np.int64) // DAY_S * DAY_S, start)
    due = np.array(
        [w[-1, 1] if len(w) and w[-1, 1] < FOREVER else FOREVER for w in calls.windows],
        dtype=np.int64,
    )
    fit = (rows["kind"].to_numpy() == DELIVERY) & facts["zone_id"].notna().to_numpy()
    fit &= np.array([not asked for asked in calls.skills], dtype=bool)
    fit &= np.array([len(w) > 0 for w in calls.windows], dtype=bool)
    return pd.DataFrame(
        {
            "row": np.arange(len(rows)),
            "order_id": rows["order_id"].to_numpy(object),
            "shipment_id": rows["shipment_id"].to_numpy(object),
            "site_id": rows["site_id"].to_numpy(object),
            "zone_id": facts["zone_id"].to_numpy(object),
            "kg": rows["kg"].to_numpy(np.float64),
            "m3": rows["m3"].to_numpy(np.float64),
            "loss": rows["loss"].to_numpy(np.float64),
            "ready_day_s": release,
            "ready_s": np.where(np.isnat(ready), release, ready.astype(np.int64)),
            "due_s": due,
            "late_per_h": facts["late_cost_per_h"].to_numpy(np.float64),
        }
    )[fit]


def _offers(scenario: Scenario, found: pd.DataFrame) -> dict[Key, tuple[Offer, ...]]:
    """Price each pair of call and rate, and sort them."""
    price = scenario.settings.co2_price_per_tonne / GRAMS_PER_TONNE
    tariff = _tariff(found)
    missed = found["ready_s"] > found["ready_day_s"] + found["cutoff_s"]
    ship_s = (found["ready_day_s"] + DAY_S * missed).to_numpy(np.int64)
    promised_s = ship_s + DAY_S * np.ceil(found["promise_days"].to_numpy()).astype(np.int64)
    due_day = (found["due_s"].to_numpy(np.int64) - 1) // DAY_S * DAY_S
    days_late = np.maximum(promised_s - due_day, 0) // DAY_S
    late_per_h = found["late_per_h"].to_numpy(np.float64)
    late = np.where(days_late > 0, 24.0 * days_late * late_per_h, 0.0)  # NaN: not allowed
    grams = found["g_co2e_per_parcel"].to_numpy(np.float64)
    sure = tariff + late + price * grams
    accepts = found["accepts"].to_numpy(np.float64)
    certain = pd.Series(np.where(accepts < 1.0, np.inf, np.where(np.isnan(late), np.inf, sure)))
    fallback = certain.groupby([found["row"], found["origin"]]).transform("min").to_numpy()
    fallback = np.minimum(fallback, found["loss"].to_numpy(np.float64))
    risk = (1.0 - accepts) * np.maximum(fallback - sure, 0.0)
    day = [value.astype("datetime64[s]").astype("datetime64[D]") for value in
           (found["ready_day_s"].to_numpy(np.int64), ship_s, promised_s)]  # fmt: skip
    by_key: dict[Key, list[Offer]] = {}
    for k in np.flatnonzero(~np.isnan(late)):
        row = found.iloc[k]
        offer = Offer(
            str(row["carrier_id"]),
            str(row["service"]),
            str(row["origin"]),
            *(day[0][k], day[1][k], day[2][k]),
            float(row["kg"]),
            float(tariff[k]),
            float(late[k]),
            float(risk[k]),
            float(price * grams[k]),
            float(grams[k]),
        )
        by_key.setdefault((row["order_id"], row["shipment_id"]), []).append(offer)
    return {
        key: tuple(sorted(offers, key=lambda o: (o.cost, o.promised_on, o.name, o.site_id)))
        for key, offers in by_key.items()
    }


def _tariff(found: pd.DataFrame) -> Floats:
    """Return base + per_kg x chargeable kg beyond what the base includes, in whole steps."""
    numbers = {
        name: found[name].to_numpy(np.float64)
        for name in ("kg", "m3", "base", "included_kg", "step_kg", "per_kg", "volumetric_kg_per_m3")
    }
    heavy = np.maximum(numbers["kg"], numbers["volumetric_kg_per_m3"] * numbers["m3"])
    beyond = np.maximum(heavy - numbers["included_kg"], 0.0)
    step = numbers["step_kg"]
    with np.errstate(invalid="ignore"):
        stepped = np.maximum(np.ceil(beyond / step - STEP_TOLERANCE), 0.0) * step
    charged = np.where(np.isnan(step), beyond, stepped)
    cost: Floats = numbers["base"] + numbers["per_kg"] * charged
    return cost
