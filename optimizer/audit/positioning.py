"""Referee of stock positioning: moves that exist and fit, and what the positions cost.

Levels, loads, expected costs and terms are worked out here from the tables; only facts of the
scenario (waiting times, movable stock, delivery prices, baskets) are read by `scenarios`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from optimizer.audit.positioning_facts import Facts, read_facts
from optimizer.audit.positioning_moves import (
    UNITS,
    check_decisions,
    check_moves,
    check_trips,
    not_whole,
)
from optimizer.audit.report import MONEY, AuditReport, Rules
from scenarios import Scenario
from scenarios.semantics.baskets import read_baskets
from scenarios.semantics.deliveries import read_deliveries
from scenarios.semantics.waiting import stocked_products, stocking_sites

Floats = NDArray[np.float64]

STAGE = "positioning"


def check(scenario: Scenario, tables: Mapping[str, pd.DataFrame], **options: str) -> AuditReport:
    """Hold `transfers`, `positions` and `cross_serving` against the scenario; add up their cost."""
    rules = Rules(STAGE)
    if "positions" not in tables:
        return AuditReport(STAGE, None)
    until = dt.date.fromisoformat(options["until"]) if options.get("until") else None
    sites = stocking_sites(scenario)
    facts = read_facts(scenario, tables, sites, until)
    moves = check_moves(rules, scenario, facts, tables.get("transfers", pd.DataFrame()))
    held = tables.get("cross_serving", pd.DataFrame())
    shape = facts.mean.shape
    out, come, lent, lent_to = (np.zeros(shape) for _ in range(4))
    if len(moves):
        qty = moves["qty"].to_numpy(np.float64)
        np.add.at(out, (moves["k"], moves["i"]), qty)
        np.add.at(come, (moves["k"], moves["j"]), qty)
    check_decisions(rules, scenario, moves)
    at: tuple[NDArray[np.int64], ...] = ()
    if len(held):
        at = (
            facts.products.get_indexer(held["product_id"]),
            facts.sites.get_indexer(held["site_id"]),
            facts.sites.get_indexer(held["region_site_id"]),
        )
        names = held["product_id"] + "@" + held["site_id"] + ">" + held["region_site_id"]
        unknown = (at[0] < 0) | (at[1] < 0) | (at[2] < 0) | (at[1] == at[2])
        rules.add("cross_serving", "no_such_place", unknown, names)
        rules.add("cross_serving", "not_whole_units", not_whole(held["qty"]), names)
        rules.add("cross_serving", "stated_twice", names.duplicated(), names)
        if unknown.any():
            return AuditReport(STAGE, None, {}, tuple(rules.found))
        qty = held["qty"].to_numpy(np.float64)
        np.add.at(lent, at[:2], qty)
        np.add.at(lent_to, (at[0], at[2]), qty)
    taken = out + lent
    over = taken > facts.stock.movable + UNITS
    rules.add("transfers", "more_than_may_leave", over.ravel(), _names(facts).ravel())
    local = facts.stock.staying + facts.returned + facts.stock.movable - out - lent + come
    terms = _terms(rules, scenario, facts, sites, moves, held, at, local, local + lent_to)
    _check_positions(rules, facts, tables["positions"], out, come, lent, lent_to, local)
    return AuditReport(STAGE, float(sum(terms.values())), terms, tuple(rules.found))


def _names(facts: Facts) -> NDArray[np.object_]:
    names: NDArray[np.object_] = (
        facts.products.to_numpy(object)[:, None] + "@" + facts.sites.to_numpy(object)[None, :]
    )
    return names


def _check_room(
    rules: Rules, scenario: Scenario, facts: Facts, sites: pd.DataFrame, rows: pd.DataFrame
) -> None:
    """Docks by day, and storage: what comes less what leaves fits into what is left."""
    start = pd.Timestamp(scenario.settings.start_date)
    coming = scenario.table("open_orders")
    orders = facts.day_mean.sum(axis=0)
    volume = scenario.table("products").set_index("product_id")["volume_m3"].fillna(0.0)
    stock = scenario.table("inventory")
    limits = scenario.table("limits")
    limits = limits[(limits["kind"] == "storage") & (limits["sense"] == "<=")]
    limits = limits[limits["hard"].fillna(True).astype(bool)]
    length = pd.Timedelta(days=scenario.settings.bucket_days)
    now = limits["bucket"].isna() | (
        (limits["bucket"] <= start) & (start < limits["bucket"] + length)
    )
    limits = limits[now]
    for at, site in enumerate(sites["site_id"]):
        leaves, comes = rows[rows["i"] == at], rows[rows["j"] == at]
        most = float(sites["outbound_units_per_day"][at])
        if not np.isnan(most) and len(leaves):
            left = max(0.0, most - float(orders[at]))
            over = float(leaves["qty"].sum()) > left + 1e-6 * max(1.0, left)
            rules.add("transfers", "above_outbound_dock", [over], [site])
        most = float(sites["inbound_units_per_day"][at])
        for day, part in comes.groupby("days"):
            if np.isnan(most):
                break
            due = coming["due_on"] == start + pd.Timedelta(days=float(day))
            due &= coming["site_id"] == site
            left = max(0.0, most - float(coming.loc[due, "qty"].sum()))
            over = float(part["qty"].sum()) > left + 1e-6 * max(1.0, left)
            rules.add("transfers", "above_inbound_dock", [over], [f"{site} day {day:g}"])
        caps = [float(sites["storage_m3"][at])]
        caps += limits.loc[limits["scope"] == f"site:{site}", "value"].astype(float).tolist()
        caps = [cap for cap in caps if not np.isnan(cap)]
        if not caps:
            continue
        here = stock[stock["site_id"] == site]
        due_here = coming[coming["site_id"] == site]
        held = float((here["on_hand"].to_numpy() * volume.reindex(here["product_id"])).sum())
        held += float((due_here["qty"].to_numpy() * volume.reindex(due_here["product_id"])).sum())
        net = float(comes["m3"].sum() - leaves["m3"].sum())
        left = max(0.0, min(caps) - held)
        rules.add("transfers", "above_storage", [net > left + 1e-6 * max(1.0, left)], [site])


def _loss(level: Floats, mean: Floats, sd: Floats) -> Floats:
    """Return expected units short of normal demand."""
    z = (level - mean) / np.where(sd > 0.0, sd, 1.0)
    normal = sd * norm.pdf(z) + (mean - level) * norm.sf(z)
    short: Floats = np.maximum(np.where(sd > 0.0, normal, mean - level), 0.0)
    return short


def _terms(
    rules: Rules,
    scenario: Scenario,
    facts: Facts,
    sites: pd.DataFrame,
    moves: pd.DataFrame,
    held: pd.DataFrame,
    at: tuple[NDArray[np.int64], ...],
    local: Floats,
    total: Floats,
) -> dict[str, float]:
    products = stocked_products(scenario)
    kg = products["weight_kg"].fillna(0.0).to_numpy(np.float64)
    m3 = products["volume_m3"].fillna(0.0).to_numpy(np.float64)
    deliveries = read_deliveries(scenario, list(facts.sites), kg, m3)
    baskets = read_baskets(scenario)
    apart = baskets.products["apart_share"].reindex(facts.products).fillna(0.0).to_numpy(np.float64)
    premium = deliveries.premium + apart[:, None, None] * deliveries.base[:, None, :]
    premium[:, sites["channel_id"].notna().to_numpy(), :] = np.inf
    waits = facts.waits
    cheapest = np.minimum(premium.min(axis=1), waits.shortage)
    across = 0.0
    if len(held):
        extra = premium[at] - cheapest[at[0], at[2]]
        names = held["product_id"] + "@" + held["site_id"] + ">" + held["region_site_id"]
        dear = ~(premium[at] < waits.shortage[at[0], at[2]])
        rules.add("cross_serving", "costs_more_than_short", dear, names)
        off = np.abs(held["extra_cost"] - extra) > MONEY
        rules.add("cross_serving", "extra_cost_differs", ~dear & off, names)
        across = float((held["qty"].to_numpy(np.float64) * np.where(dear, 0.0, extra)).sum())
    short_here = _loss(local, facts.mean, facts.sd)
    short = _loss(total, facts.mean, facts.sd)
    transport = handling = co2 = 0.0
    if len(moves):
        transport = check_trips(rules, moves)
        _check_room(rules, scenario, facts, sites, moves)
        fee = sites["handling_cost_per_unit"].to_numpy(np.float64)[moves["i"]]
        handling = float((fee * moves["qty"]).sum())
        price = scenario.settings.co2_price_per_tonne / 1e6
        co2 = float((price * moves["g_per_kg"] * moves["kg"]).sum())
    return {
        "holding": float((waits.holding * (total - facts.mean + short)).sum()),
        "shortage": float((waits.shortage * short).sum()),
        "across": across + float((cheapest * (short_here - short)).sum()),
        "split": _split(facts, baskets.pairs, baskets.products, deliveries.base, short_here),
        "transport": transport,
        "handling": handling,
        "co2": co2,
    }


def _split(
    facts: Facts, pairs: pd.DataFrame, products: pd.DataFrame, base: Floats, short: Floats
) -> float:
    """Return the cost of further parcels for pairs that are not together."""
    total = 0.0
    for first, second, both in zip(
        pairs["first_id"], pairs["second_id"], pairs["orders"], strict=True
    ):
        k, q = facts.products.get_indexer([first, second])
        if k < 0 or q < 0:
            continue
        parts = [(k, float(products["units"][first])), (q, float(products["units"][second]))]
        expected = np.min([facts.mean[at] * both / units for at, units in parts], axis=0)
        missed = [
            np.divide(short[at], facts.mean[at], out=np.zeros(len(short[at])),
                      where=facts.mean[at] > 0.0)
            for at, _ in parts
        ]  # fmt: skip
        total += float((expected * np.minimum(base[k], base[q]) * np.maximum(*missed)).sum())
    return total


def _check_positions(
    rules: Rules,
    facts: Facts,
    stated: pd.DataFrame,
    out: Floats,
    come: Floats,
    lent: Floats,
    lent_to: Floats,
    local: Floats,
) -> None:
    """The stated positions are those that the moves lead to."""
    at = (
        facts.products.get_indexer(stated["product_id"]),
        facts.sites.get_indexer(stated["site_id"]),
    )
    names = stated["product_id"] + "@" + stated["site_id"]
    rules.add("positions", "stated_twice", names.duplicated(), names)
    unknown = (at[0] < 0) | (at[1] < 0)
    rules.add("positions", "no_such_place", unknown, names)
    if unknown.any():
        return
    for column, grid in (
        ("on_hand", facts.stock.on_hand),
        ("staying", facts.stock.staying),
        ("transfer_in", come),
        ("transfer_out", out),
        ("held_for_others", lent),
        ("served_by_others", lent_to),
        ("target", local),
        ("wait_days", facts.waits.days),
        ("demand_mean", facts.mean),
        ("demand_sd", facts.sd),
        ("expected_short", _loss(local + lent_to, facts.mean, facts.sd)),
    ):
        truth = grid[at]
        off = np.abs(stated[column].to_numpy(np.float64) - truth) > 1e-5 * np.maximum(1.0, truth)
        rules.add("positions", f"{column}_differs", off, names)
    if "expected_returns" in stated.columns:
        truth = facts.returned[at]
        told = np.nan_to_num(stated["expected_returns"].to_numpy(np.float64))
        off = np.abs(told - truth) > 1e-5 * np.maximum(1.0, truth)
        rules.add("positions", "expected_returns_differ", off, names)
    seen = np.zeros(local.shape, bool)
    seen[at] = True
    silent = ~seen & ((come > 0.0) | (facts.mean > 0.0) | (facts.stock.movable > 0))
    rules.add("positions", "left_out", silent.ravel(), _names(facts).ravel())
