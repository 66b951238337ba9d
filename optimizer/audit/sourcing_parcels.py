"""Referee of order sourcing: each parcel's rate, dates and weight, and the money that follows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.audit.report import MONEY, Rules
from scenarios import Scenario
from scenarios.semantics.defaults import unserved_penalty
from scenarios.semantics.drop_ship import drop_ship_offers
from scenarios.semantics.work_hours import clock_s
from scenarios.semantics.zones import explode_bundles

Floats = NDArray[np.float64]

KG = 1e-6  # relative; weights must agree to it


def urgency(orders: pd.DataFrame, order_id: pd.Series) -> Floats:
    """Return by what the penalty of an order's lines is multiplied: 5 / priority."""
    priority = orders.set_index("order_id")["priority"].reindex(order_id)
    weight: Floats = 5.0 / priority.to_numpy(np.float64)
    return weight


def check_parcels(
    rules: Rules,
    scenario: Scenario,
    orders: pd.DataFrame,
    parcels: pd.DataFrame,
    content: pd.DataFrame,
    worth: pd.Series,
) -> tuple[float, float, float, float]:
    """Check each parcel's rate, dates, weight and cost; return parcel, late, CO2e, risk money."""
    names = parcels["shipment_id"].astype(str)
    load = content.groupby("shipment_id", sort=False)[["kg", "m3"]].sum()
    load = load.reindex(parcels["shipment_id"]).fillna(0.0).astype(float).reset_index(drop=True)
    facts = orders.set_index("order_id").reindex(parcels["order_id"]).reset_index()
    rules.add("shipments", "no_such_order", facts["placed_at"].isna(), names)
    start = pd.Timestamp(scenario.settings.start_date)
    ship_on = pd.to_datetime(parcels["ship_on"]).reset_index(drop=True)
    earliest = facts["release_at"].dt.normalize().fillna(start).clip(lower=start)
    rules.add("shipments", "ships_before_release", ship_on < earliest, names)

    rate = _rates(scenario, parcels, facts, load)
    ready = facts[["release_at", "placed_at"]].max(axis=1)
    leaves = earliest + _cutoffs(rate["cutoff_time"])
    lead = _lead(scenario, parcels, content)
    rules.add("shipments", "ships_before_the_lead_time", ship_on < earliest + lead, names)
    early = (ready > leaves) & (ship_on <= earliest + lead)
    rules.add("shipments", "ships_after_the_cutoff", early, names)
    rules.add("shipments", "no_such_rate", rate["base"].isna(), names)
    weight = parcels["weight_kg"].to_numpy(np.float64)
    kg, m3 = load["kg"].to_numpy(), load["m3"].to_numpy()
    differs = ~(np.abs(weight - kg) <= KG * np.maximum(1.0, kg))
    rules.add("shipments", "weight_differs", differs, names)
    cost = parcel_cost(rate, kg, m3)
    wrong = ~(np.abs(parcels["cost"].to_numpy(np.float64) - cost) <= MONEY)
    rules.add("shipments", "cost_differs", wrong & rate["base"].notna().to_numpy(), names)
    grams = rate["g_co2e_per_parcel"].to_numpy(np.float64)
    off = np.abs(parcels["g_co2e"].to_numpy(np.float64) - grams) > KG * np.maximum(1.0, grams)
    rules.add("shipments", "co2_differs", off, names)
    _check_emissions(rules, scenario, parcels, earliest, grams)

    arrive = ship_on + pd.to_timedelta(np.ceil(rate["promise_days"].fillna(0.0)), unit="D")
    stated = pd.to_datetime(parcels["promised_on"]).reset_index(drop=True)
    rules.add("shipments", "promise_differs", stated < arrive, names)
    due = facts["due_to"].dt.normalize()
    pays = facts["late_cost_per_h"].to_numpy(np.float64)
    days = ((arrive - due).dt.days.fillna(0).clip(lower=0)).to_numpy(np.float64)
    rules.add("shipments", "arrives_after_due", (days > 0) & np.isnan(pays), names)
    together = ~facts["allow_split"].fillna(True).to_numpy(bool)
    several = parcels.duplicated("order_id", keep=False).to_numpy()
    rules.add("shipments", "split_against_the_order", together & several, names)
    _check_whole_or_nothing(rules, orders, scenario, content)
    late = days * 24.0 * np.nan_to_num(pays)
    co2 = _emission_money(scenario, rate)
    money = cost + late + co2
    risk = _risk(scenario, orders, facts, parcels, content, load, money, lead, worth)
    return float(np.nansum(cost)), float(np.sum(late)), float(np.nansum(co2)), risk


def _lead(scenario: Scenario, parcels: pd.DataFrame, content: pd.DataFrame) -> pd.Series:
    """Return the time until each parcel's supplier hands it over; none for parcels of sites."""
    days = drop_ship_offers(scenario).set_index(["supplier_id", "product_id"])["lead_days"]
    rows = explode_bundles(scenario, content[["shipment_id", "site_id", "product_id", "qty"]])
    of_line = days.reindex(pd.MultiIndex.from_frame(rows[["site_id", "product_id"]])).fillna(0.0)
    longest = (
        of_line.groupby(rows["shipment_id"].to_numpy(object))
        .max()
        .reindex(parcels["shipment_id"])
        .fillna(0.0)
    )
    lead: pd.Series = pd.to_timedelta(longest.reset_index(drop=True), unit="D")
    return lead


def _cutoffs(times: pd.Series) -> pd.Series:
    """Return times of day as spans after midnight; missing without one."""
    seconds = {cell: clock_s(cell, -1) for cell in times.dropna().unique()}
    spans: pd.Series = pd.to_timedelta(times.map(seconds).astype(float), unit="s")
    return spans


def _risk(
    scenario: Scenario,
    orders: pd.DataFrame,
    facts: pd.DataFrame,
    parcels: pd.DataFrame,
    content: pd.DataFrame,
    load: pd.DataFrame,
    money: Floats,
    lead: pd.Series,
    worth: pd.Series,
) -> float:
    """Return what parcels cost that carriers may not take: the chance x what it costs more.

    Such a parcel goes by the cheapest carrier of its site that takes all, in time or with its
    lateness paid, CO2e included, or stays at the penalty of its lines, its stock unspent.
    """
    accepts = scenario.filled("carriers").set_index("carrier_id")["acceptance_probability"]
    chance = accepts.reindex(parcels["carrier_id"]).fillna(1.0).to_numpy(np.float64)
    total = 0.0
    if not (chance < 1.0).any():
        return total
    rates = scenario.filled("carrier_rates")
    rates = rates[accepts.reindex(rates["carrier_id"]).fillna(1.0).to_numpy() >= 1.0]
    penalty = unserved_penalty(scenario)
    lost = content["qty"].to_numpy(np.float64) * penalty.reindex(content["product_id"]).to_numpy()
    lost = lost * urgency(orders, content["order_id"])
    left = pd.Series(lost).groupby(content["shipment_id"].to_numpy(object)).sum()
    start = pd.Timestamp(scenario.settings.start_date)
    day = facts["release_at"].dt.normalize().fillna(start).clip(lower=start)
    ready = facts[["release_at", "placed_at"]].max(axis=1)
    for at in np.flatnonzero(chance < 1.0).tolist():
        kg, m3 = float(load["kg"].iloc[at]), float(load["m3"].iloc[at])
        offers = rates[
            (rates["origin"] == parcels["site_id"].iloc[at])
            & (rates["destination"] == facts["zone_id"].iloc[at])
            & (rates["max_weight_kg"] >= kg - 1e-9)
        ]
        offers = offers.sort_values("max_weight_kg", kind="stable")
        offers = offers.drop_duplicates(["carrier_id", "service"])
        price = parcel_cost(offers, np.full(len(offers), kg), np.full(len(offers), m3))
        price = price + _emission_money(scenario, offers)
        missed = ready.iloc[at] > day.iloc[at] + _cutoffs(offers["cutoff_time"])
        days = np.ceil(offers["promise_days"]) + missed
        leaves = day.iloc[at] + lead.iloc[at]
        over = (leaves - facts["due_to"].iloc[at].normalize()).days + days.to_numpy()
        over = np.nan_to_num(np.maximum(0.0, over))  # no due date: never late
        pay = 24.0 * facts["late_cost_per_h"].iloc[at]
        barred = (over > 0.0) & np.isnan(pay)
        price = np.where(barred, np.inf, price + over * np.nan_to_num(pay))
        name = parcels["shipment_id"].iloc[at]
        stay = float(left.get(name, 0.0)) - float(worth.get(name, 0.0))
        total += (1.0 - chance[at]) * max(0.0, min([stay, *price.tolist()]) - float(money[at]))
    return total


def _check_whole_or_nothing(
    rules: Rules, orders: pd.DataFrame, scenario: Scenario, content: pd.DataFrame
) -> None:
    """An order that may not be split comes in one parcel with all its lines, or not at all."""
    one = orders.loc[~orders["allow_split"].astype(bool), "order_id"]
    lines = scenario.table("order_lines").groupby("order_id", sort=False).size().reindex(one)
    come = content.groupby("order_id", sort=False)["line_id"].nunique().reindex(one).fillna(0)
    part = (come > 0).to_numpy() & (come.to_numpy() < lines.fillna(0).to_numpy())
    rules.add("shipments", "part_of_an_order_that_may_not_be_split", part, one)


def _rates(
    scenario: Scenario, parcels: pd.DataFrame, facts: pd.DataFrame, load: pd.DataFrame
) -> pd.DataFrame:
    """Return the row of carrier_rates that prices each parcel: the lowest class that holds it."""
    key = ["carrier_id", "service", "origin", "destination"]
    rates = scenario.filled("carrier_rates").sort_values("max_weight_kg", kind="stable")
    rows = pd.DataFrame(
        {
            "carrier_id": parcels["carrier_id"].to_numpy(object),
            "service": parcels["service"].to_numpy(object),
            "origin": parcels["site_id"].to_numpy(object),
            "destination": facts["zone_id"].to_numpy(object),
            "kg": load["kg"].to_numpy(np.float64),
            "row": np.arange(len(parcels)),
        }
    )
    for column in key:
        rows[column] = rows[column].astype("str")
    fits = rows.merge(rates, on=key, how="left")
    fits = fits[fits["kg"] <= fits["max_weight_kg"] + 1e-9]
    fits = fits.sort_values(["row", "max_weight_kg"], kind="stable").drop_duplicates("row")
    return fits.set_index("row").reindex(np.arange(len(parcels))).reset_index(drop=True)


def parcel_cost(rate: pd.DataFrame, kg: Floats, m3: Floats) -> Floats:
    """Return base + per_kg x chargeable kg beyond what the base includes, per parcel.

    Parameters
    ----------
    rate : one row of carrier_rates per parcel
    kg, m3 : (n_parcels,) float64
    """
    chargeable = np.maximum(kg, rate["volumetric_kg_per_m3"].to_numpy(np.float64) * m3)
    beyond = np.maximum(0.0, chargeable - rate["included_kg"].to_numpy(np.float64))
    step = rate["step_kg"].to_numpy(np.float64)
    with np.errstate(invalid="ignore"):
        stepped = np.ceil(beyond / step - 1e-9) * step
    beyond = np.where(np.isnan(step), beyond, stepped)
    cost: Floats = rate["base"].to_numpy(np.float64) + rate["per_kg"].to_numpy(np.float64) * beyond
    return cost


def _check_emissions(
    rules: Rules, scenario: Scenario, parcels: pd.DataFrame, ready: pd.Series, grams: Floats
) -> None:
    """Check that parcels emit no more than hard limits on CO2e allow.

    Parameters
    ----------
    ready : (n_parcels,) day on which each is ready
    grams : (n_parcels,) what its rate says; NaN where it says nothing
    """
    limits = scenario.table("limits")
    limits = limits[(limits["kind"] == "co2") & (limits["sense"] == "<=")]
    length = pd.Timedelta(days=scenario.settings.bucket_days)
    for limit in limits[limits["hard"].astype(bool)].itertuples():
        scope = str(limit.scope)
        if scope not in ("all", "stage:sourcing") and not scope.startswith("site:"):
            continue
        counts = np.ones(len(parcels), bool)
        if scope.startswith("site:"):
            counts = (parcels["site_id"] == scope.removeprefix("site:")).to_numpy(bool)
        if pd.notna(limit.bucket):
            inside = (ready >= limit.bucket) & (ready < limit.bucket + length)
            counts = counts & inside.to_numpy(bool)
        used = float(np.nansum(grams[counts]))
        over = used > float(limit.value) * (1.0 + KG) + KG
        rules.add("shipments", "over_co2", [over], [f"{limit.limit_id}: {used:.0f} g"])


def _emission_money(scenario: Scenario, rate: pd.DataFrame) -> Floats:
    """Return what parcels on rates pay for CO2e; a rate that states no emission pays none."""
    grams: Floats = rate["g_co2e_per_parcel"].to_numpy(np.float64)
    return grams / 1e6 * scenario.settings.co2_price_per_tonne
