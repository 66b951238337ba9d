"""Referee of stock positioning: moves that exist and fit, and what the positions cost.

Levels, loads, expected costs and terms are worked out here from the tables; only facts of the
scenario (waiting times, movable stock, delivery prices, baskets) are read by `scenarios`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from optimizer.audit.report import MONEY, AuditReport, Rules
from optimizer.audit.returns import coming_back
from optimizer.audit.tonight import demand_over, site_forecast
from scenarios import Scenario
from scenarios.semantics.baskets import read_baskets
from scenarios.semantics.deliveries import read_deliveries
from scenarios.semantics.movable import Stock, read_stock
from scenarios.semantics.network import lane_rates
from scenarios.semantics.waiting import Waits, read_waits, stocked_products, stocking_sites

Floats = NDArray[np.float64]

STAGE = "positioning"
UNITS = 1e-6
WAY = ["origin_id", "destination_id", "mode"]


@dataclass(frozen=True, slots=True)
class _Facts:
    """Facts by (product, site), and where ids stand."""

    products: pd.Index
    sites: pd.Index
    waits: Waits
    mean: Floats
    sd: Floats
    day_mean: Floats
    returned: Floats
    stock: Stock


def check(scenario: Scenario, tables: Mapping[str, pd.DataFrame], **options: str) -> AuditReport:
    """Hold `transfers`, `positions` and `cross_serving` against the scenario; add up their cost."""
    rules = Rules(STAGE)
    if "positions" not in tables:
        return AuditReport(STAGE, None)
    until = dt.date.fromisoformat(options["until"]) if options.get("until") else None
    sites = stocking_sites(scenario)
    facts = _facts(scenario, tables, sites, until)
    moves = _check_moves(rules, scenario, facts, tables.get("transfers", pd.DataFrame()))
    held = tables.get("cross_serving", pd.DataFrame())
    shape = facts.mean.shape
    out, come, lent, lent_to = (np.zeros(shape) for _ in range(4))
    if len(moves):
        qty = moves["qty"].to_numpy(np.float64)
        np.add.at(out, (moves["k"], moves["i"]), qty)
        np.add.at(come, (moves["k"], moves["j"]), qty)
    _check_decisions(rules, scenario, moves)
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
        rules.add("cross_serving", "not_whole_units", _not_whole(held["qty"]), names)
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


def _facts(
    scenario: Scenario,
    tables: Mapping[str, pd.DataFrame],
    sites: pd.DataFrame,
    until: dt.date | None,
) -> _Facts:
    """Work out what every region asks for while its site waits."""
    products = stocked_products(scenario)["product_id"]
    waits = read_waits(scenario, sites, until)
    shape = waits.days.shape
    forecast = site_forecast(scenario, tables.get("forecast"))
    pairs = pd.DataFrame(
        {
            "site_id": np.tile(sites["site_id"].to_numpy(object), shape[0]),
            "product_id": np.repeat(products.to_numpy(object), shape[1]),
        }
    ).astype("str")

    def over(days: Floats) -> tuple[Floats, Floats]:
        mean, variance = demand_over(scenario, forecast, pairs, days.ravel())
        return mean.reshape(shape), variance.reshape(shape)

    def back(days: Floats) -> tuple[Floats, Floats]:
        mean, variance = coming_back(
            scenario, pairs, days.ravel(), lambda some, d: demand_over(scenario, forecast, some, d)
        )
        return mean.reshape(shape), variance.reshape(shape)

    returned, returned_variance = back(waits.days)
    mean, variance = over(waits.days)
    variance = variance + (mean / np.maximum(waits.days, 1e-12)) ** 2 * waits.variance
    is_fed = waits.root != np.arange(shape[1])
    if is_fed.any():
        root_days = np.take_along_axis(waits.days, waits.root, axis=1)
        now, now_variance = over(waits.days)
        then, then_variance = over(np.maximum(root_days, waits.days))
        come, come_variance = back(waits.days)
        late, late_variance = back(np.maximum(root_days, waits.days))
        for site in range(shape[1]):
            fed = is_fed & (waits.root == site)
            mean[:, site] += np.where(fed, then - now, 0.0).sum(axis=1)
            variance[:, site] += np.where(fed, then_variance - now_variance, 0.0).sum(axis=1)
            returned[:, site] += np.where(fed, late - come, 0.0).sum(axis=1)
            more = np.where(fed, late_variance - come_variance, 0.0).sum(axis=1)
            returned_variance[:, site] += more
    day_mean, _ = over(np.ones(shape))
    stock = read_stock(scenario, sites, waits.days, mean)
    sd = np.sqrt(np.maximum(variance, 0.0) + np.maximum(returned_variance, 0.0))
    names = pd.Index(products), pd.Index(sites["site_id"])
    return _Facts(*names, waits, mean, sd, day_mean, returned, stock)


def _names(facts: _Facts) -> NDArray[np.object_]:
    names: NDArray[np.object_] = (
        facts.products.to_numpy(object)[:, None] + "@" + facts.sites.to_numpy(object)[None, :]
    )
    return names


def _not_whole(qty: pd.Series) -> NDArray[np.bool_]:
    units = qty.to_numpy(np.float64)
    bad: NDArray[np.bool_] = ~(units > 0.0) | (np.abs(units - np.round(units)) > UNITS)
    return bad


def _check_moves(
    rules: Rules, scenario: Scenario, facts: _Facts, transfers: pd.DataFrame
) -> pd.DataFrame:
    """Check each transfer by itself; return those on ways that exist, with what they weigh."""
    if not len(transfers):
        return pd.DataFrame()
    table, names = "transfers", transfers["transfer_id"].astype(str)
    rules.add(table, "stated_twice", transfers["transfer_id"].duplicated(), names)
    rules.add(table, "stated_twice", transfers.duplicated([*WAY, "product_id"]), names)
    rules.add(table, "not_whole_units", _not_whole(transfers["qty"]), names)
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


def _check_decisions(rules: Rules, scenario: Scenario, rows: pd.DataFrame) -> None:
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


def _trips(rules: Rules, rows: pd.DataFrame) -> float:
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


def _check_room(
    rules: Rules, scenario: Scenario, facts: _Facts, sites: pd.DataFrame, rows: pd.DataFrame
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
    facts: _Facts,
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
        transport = _trips(rules, moves)
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
    facts: _Facts, pairs: pd.DataFrame, products: pd.DataFrame, base: Floats, short: Floats
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
    facts: _Facts,
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
