"""Referee of stops that carriers take in place of vans: rate, weight, dates, price, room."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from optimizer.audit.report import MONEY, Rules
from optimizer.audit.route_facts import Stop
from scenarios import Scenario

KG = 1e-6
DAY = pd.Timedelta(days=1)


def check_handed_over(
    rules: Rules,
    scenario: Scenario,
    tables: Mapping[str, pd.DataFrame],
    wanted: Mapping[str, Stop],
) -> dict[str, float]:
    """Hold `handed_over` against rates and promises; return money by term."""
    terms = {"tariff": 0.0, "late": 0.0, "risk": 0.0, "co2": 0.0}
    rows = tables.get("handed_over", pd.DataFrame())
    if not len(rows):
        return terms
    market = _Market(scenario)
    ready: list[tuple[str, pd.Timestamp]] = []
    for row in rows.to_dict("records"):
        shipment = row["shipment_id"]
        key = str(shipment if isinstance(shipment, str) else row["order_id"])
        stop = wanted.get(key)
        if stop is None:
            rules.add("handed_over", "no_such_stop", [True], [key])
            continue
        for code in market.faults(row, stop):
            rules.add("handed_over", code, [True], [key])
        for term, money in market.terms(row, stop).items():
            terms[term] += money
        ready.append((str(row["carrier_id"]), market.ready_on(stop)))
    _check_room(rules, scenario, tables, ready)
    return terms


class _Market:
    """The carriers that may take stops, and what they ask."""

    def __init__(self, scenario: Scenario) -> None:
        carriers = scenario.filled("carriers").set_index("carrier_id")
        self.kind = carriers["kind"].to_dict()
        self.accepts = carriers["acceptance_probability"].to_dict()
        vehicles = scenario.table("vehicles")
        self.with_vans = set(vehicles["carrier_id"].dropna())
        self.depots = set(vehicles["depot_id"])
        self.rates = scenario.filled("carrier_rates").to_dict("records")
        self.start = pd.Timestamp(scenario.settings.start_date)
        self.co2_price_per_g = scenario.settings.co2_price_per_tonne / 1e6

    def ready_on(self, stop: Stop) -> pd.Timestamp:
        """Return the day on which the parcel is ready."""
        release = self.start if stop.release is None else stop.release.normalize()
        return max(release, self.start)

    def rate(self, row: Mapping[str, Any], stop: Stop) -> dict[str, Any] | None:
        """Return the lowest class of the stated service that holds the parcel."""
        mine = [
            rate
            for rate in self.rates
            if (rate["carrier_id"], rate["service"]) == (row["carrier_id"], row["service"])
            and (rate["origin"], rate["destination"]) == (row["site_id"], stop.zone_id)
            and rate["max_weight_kg"] >= stop.load.kg * (1.0 - KG)
        ]
        return min(mine, key=lambda rate: float(rate["max_weight_kg"]), default=None)

    def promise(self, rate: Mapping[str, Any], stop: Stop) -> tuple[pd.Timestamp, pd.Timestamp]:
        """Return the first day on which the carrier takes it, and by whose end it arrives."""
        day = self.ready_on(stop)
        at = stop.placed_at if stop.release is None else max(stop.placed_at, stop.release)
        cutoff = rate["cutoff_time"]
        if isinstance(cutoff, str):
            text = cutoff if cutoff.count(":") == 2 else f"{cutoff}:00"
            day += DAY if at > day + pd.Timedelta(text) else pd.Timedelta(0)
        return day, day + DAY * math.ceil(float(rate["promise_days"]))

    def money(self, rate: Mapping[str, Any], stop: Stop) -> dict[str, float] | None:
        """Return tariff, lateness and emission in money; None where it would be too late."""
        kg = max(stop.load.kg, float(rate["volumetric_kg_per_m3"]) * stop.load.m3)
        beyond = max(kg - float(rate["included_kg"]), 0.0)
        step = float(rate["step_kg"])
        if not math.isnan(step):
            beyond = math.ceil(beyond / step - 1e-9) * step
        arrives = self.promise(rate, stop)[1]
        late = 0.0
        if stop.due_on is not None and arrives > stop.due_on:
            if math.isnan(stop.late_per_h):
                return None
            late = 24.0 * (arrives - stop.due_on).days * stop.late_per_h
        return {
            "tariff": float(rate["base"]) + float(rate["per_kg"]) * beyond,
            "late": late,
            "co2": self.co2_price_per_g * float(rate["g_co2e_per_parcel"]),
        }

    def faults(self, row: Mapping[str, Any], stop: Stop) -> list[str]:
        """Return the rules that a row breaks."""
        carrier, site = str(row["carrier_id"]), str(row["site_id"])
        rate = self.rate(row, stop)
        asked = None if rate is None else self.money(rate, stop)
        found = {
            "not_a_carrier_to_hand_to": self.kind.get(carrier) in (None, "own")
            or carrier in self.with_vans,
            "not_a_delivery": stop.kind != "delivery",
            "skill_missing": bool(stop.skills),
            "from_another_site": site != stop.site_id
            if stop.site_id is not None
            else site not in self.depots,
            "no_such_rate": rate is None,
            "arrives_after_due": rate is not None and asked is None,
            "weight_differs": abs(float(row["weight_kg"]) - stop.load.kg)
            > KG * max(1.0, stop.load.kg),
        }
        if rate is not None and asked is not None:
            ship_on, promised_on = self.promise(rate, stop)
            grams = float(rate["g_co2e_per_parcel"])
            found |= {
                "ships_too_early": pd.Timestamp(row["ship_on"]) < ship_on,
                "promise_differs": pd.Timestamp(row["promised_on"]) != promised_on,
                "cost_differs": abs(float(row["cost"]) - asked["tariff"]) > MONEY,
                "late_cost_differs": abs(float(row["late_cost"]) - asked["late"]) > MONEY,
                "risk_differs": abs(float(row["risk_cost"]) - self.risk(row, stop)) > MONEY,
                "emission_differs": abs(float(row["g_co2e"]) - grams) > 0.001 + KG * grams,
            }
        return [code for code, broken in found.items() if broken]

    def terms(self, row: Mapping[str, Any], stop: Stop) -> dict[str, float]:
        """Return the money of a row by term."""
        rate = self.rate(row, stop)
        asked = None if rate is None else self.money(rate, stop)
        return {} if asked is None else asked | {"risk": self.risk(row, stop)}

    def risk(self, row: Mapping[str, Any], stop: Stop) -> float:
        """Return the chance that the carrier declines x what the next choice costs more.

        The next choice is the cheapest carrier at the same site that takes all, or the penalty.
        """
        chance = float(self.accepts.get(str(row["carrier_id"]), 1.0))
        taken = self.rate(row, stop)
        own = None if taken is None else self.money(taken, stop)
        if own is None or chance >= 1.0:
            return 0.0
        choices = [stop.penalty]
        for other in self.rates:
            sure = float(self.accepts.get(other["carrier_id"], 1.0)) >= 1.0
            named = {"carrier_id": other["carrier_id"], "service": other["service"]}
            lowest = self.rate(named | {"site_id": other["origin"]}, stop)
            if (
                not sure
                or self.kind.get(other["carrier_id"]) in (None, "own")
                or other["carrier_id"] in self.with_vans
                or other["origin"] != row["site_id"]
                or lowest is None
                or lowest["max_weight_kg"] != other["max_weight_kg"]
            ):
                continue
            asked = self.money(other, stop)
            if asked is not None:
                choices.append(sum(asked.values()))
        return (1.0 - chance) * max(min(choices) - sum(own.values()), 0.0)


def _check_room(
    rules: Rules,
    scenario: Scenario,
    tables: Mapping[str, pd.DataFrame],
    ready: list[tuple[str, pd.Timestamp]],
) -> None:
    """Carriers take no more parcels a day than they can, those of the sourcing stage included."""
    start = pd.Timestamp(scenario.settings.start_date)
    counted: dict[tuple[str, pd.Timestamp], int] = {}
    for at in ready:
        counted[at] = counted.get(at, 0) + 1
    most = scenario.table("carriers").set_index("carrier_id")["capacity_per_day"]
    parcels = tables.get("shipments", pd.DataFrame())
    release = scenario.table("orders").set_index("order_id")["release_at"]
    for (carrier, day), count in counted.items():
        already = 0
        if len(parcels):
            mine = parcels.loc[parcels["carrier_id"] == carrier, "order_id"]
            days = release.reindex(mine).dt.normalize().fillna(start).clip(lower=start)
            already = int((days == day).sum())
        limit = float(most.get(carrier, np.nan))
        above = not math.isnan(limit) and already + count > limit
        rules.add("handed_over", "above_carrier_capacity", [above], [f"{carrier} {day:%Y-%m-%d}"])
