"""Referee of the transfers of stock positioning: ways, days, units, decisions, CO2e, shipments."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.audit.positioning_facts import Facts
from optimizer.audit.report import MONEY, Rules
from scenarios import Scenario
from scenarios.semantics.network import lane_rates

UNITS = 1e-6
WAY = ["origin_id", "destination_id", "mode"]


def check_moves(
    rules: Rules, scenario: Scenario, facts: Facts, transfers: pd.DataFrame
) -> pd.DataFrame:
    """Check each transfer by itself; return those on ways that exist, with what they weigh."""
    if not len(transfers):
        return pd.DataFrame()
    table, names = "transfers", transfers["transfer_id"].astype(str)
    rules.add(table, "stated_twice", transfers["transfer_id"].duplicated(), names)
    rules.add(table, "stated_twice", transfers.duplicated([*WAY, "product_id"]), names)
    rules.add(table, "not_whole_units", not_whole(transfers["qty"]), names)
    start = pd.Timestamp(scenario.settings.start_date)
    rules.add(table, "not_tonight", transfers["ship_on"] != start, names)
    lanes = scenario.filled("lanes")
    lanes = lanes.assign(g_per_kg=lane_rates(scenario)["g_per_kg"].to_numpy(np.float64))
    rows = transfers.merge(lanes, on=WAY, how="left").reset_index(drop=True)
    rows = rows.assign(
        k=facts.products.get_indexer(rows["product_id"]),
        i=facts.sites.get_indexer(rows["origin_id"]),
        j=facts.sites.get_indexer(rows["destination_id"]),
    )
    real = rows["transit_mean_days"].notna() & (rows[["k", "i", "j"]] >= 0).all(axis=1)
    real &= rows["i"] != rows["j"]
    rules.add(table, "no_such_way", ~real, names)
    products = scenario.table("products").set_index("product_id")
    unit_kg = products["weight_kg"].reindex(rows["product_id"]).fillna(0.0).to_numpy(np.float64)
    unit_m3 = products["volume_m3"].reindex(rows["product_id"]).fillna(0.0).to_numpy(np.float64)
    days = np.ceil(rows["transit_mean_days"].fillna(0.0).to_numpy(np.float64))
    rows = rows.assign(kg=rows["qty"] * unit_kg, m3=rows["qty"] * unit_m3, days=days)
    due = (rows["due_on"] - start).dt.days
    rules.add(table, "due_differs", real & (due != rows["days"]), names)
    grams = rows["kg"] * rows["g_per_kg"]
    off = (rows["g_co2e"] - grams).abs() > 1.0 + 1e-6 * grams
    rules.add(table, "co2_differs", real & off, names)
    rows = rows[real].reset_index(drop=True)
    _check_emissions(rules, scenario, rows)
    late = rows["days"] >= facts.waits.days[rows["k"], rows["j"]]
    rules.add(table, "supplier_is_sooner", late, rows["transfer_id"].astype(str))
    return rows


def check_decisions(rules: Rules, scenario: Scenario, rows: pd.DataFrame) -> None:
    """Hold tonight's transfers against what the planner has decided of them."""
    decisions = scenario.table("decisions")
    for row in decisions[decisions["kind"] == "transfer"].itertuples():
        units = 0.0
        if len(rows):
            mine = np.ones(len(rows), bool)
            for column, cell in (("product_id", row.product_id), ("origin_id", row.origin_id),
                                 ("destination_id", row.site_id)):  # fmt: skip
                if isinstance(cell, str):
                    mine &= (rows[column] == cell).to_numpy(bool)
            units = float(rows["qty"].to_numpy(np.float64)[mine].sum())
        over = row.sense in ("<=", "=") and units > float(row.qty) + UNITS
        under = row.sense in (">=", "=") and units < float(row.qty) - UNITS
        name = f"{row.decision_id}: {units:g} {row.sense} {float(row.qty):g}"
        rules.add("transfers", "against_a_decision", [over or under], [name])


def _check_emissions(rules: Rules, scenario: Scenario, rows: pd.DataFrame) -> None:
    """Check that what moves tonight emits no more than hard limits on CO2e allow."""
    limits = scenario.table("limits")
    limits = limits[(limits["kind"] == "co2") & (limits["sense"] == "<=")]
    start = pd.Timestamp(scenario.settings.start_date)
    end = start + pd.Timedelta(days=scenario.settings.bucket_days)
    grams = (rows["kg"] * rows["g_per_kg"]).to_numpy(np.float64)
    for limit in limits[limits["hard"].astype(bool)].itertuples():
        if pd.notna(limit.bucket) and not limit.bucket <= start < limit.bucket + (end - start):
            continue
        scope = str(limit.scope)
        if scope in ("all", "stage:positioning"):
            used = float(grams.sum())
        elif scope.startswith("site:"):
            used = float(grams[(rows["origin_id"] == scope.removeprefix("site:")).to_numpy()].sum())
        else:
            continue
        over = used > float(limit.value) * (1.0 + 1e-6) + 1e-6
        rules.add("transfers", "over_co2", [over], [f"{limit.limit_id}: {used:.0f} g"])


def check_trips(rules: Rules, rows: pd.DataFrame) -> float:
    """Return what the lanes cost; shipments are whole, and filled as far as they must be."""
    total = 0.0
    stated = rows["cost"].astype(float).groupby([rows[part] for part in WAY]).sum()
    for way, part in rows.groupby(WAY, sort=True):
        lane = part.iloc[0]
        kg, m3, units = (float(part[column].sum()) for column in ("kg", "m3", "qty"))
        parts = [kg / lane["shipment_kg"], m3 / lane["shipment_m3"]]
        filled = max((share for share in parts if not np.isnan(share)), default=0.0)
        trips = max(1.0, float(np.ceil(filled - 1e-9)))
        name = f"{way[0]}>{way[1]} {way[2]}"
        least = trips * lane["min_fill_pct"] / 100.0
        rules.add("transfers", "shipment_not_filled", [filled < least - 1e-6], [name])
        cost = (
            trips * lane["cost_per_shipment"]
            + kg * lane["cost_per_kg"]
            + m3 * lane["cost_per_m3"]
            + units * lane["cost_per_unit"]
        )
        rules.add(
            "transfers", "cost_differs", [abs(stated[way] - cost) > MONEY + 1e-6 * cost], [name]
        )
        most = lane["capacity_kg_per_day"]
        rules.add("transfers", "above_lane_capacity", [kg > most + 1e-6 * max(1.0, kg)], [name])
        total += cost
    return total


def not_whole(qty: pd.Series) -> NDArray[np.bool_]:
    """Say which quantities are not whole units above 0."""
    units = qty.to_numpy(np.float64)
    bad: NDArray[np.bool_] = ~(units > 0.0) | (np.abs(units - np.round(units)) > UNITS)
    return bad
