"""The replenishment stage: facts, problem, search, tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.outcome import Limits, Outcome
from optimizer.replenishment.analytics.tables import planner_tables
from optimizer.replenishment.assemble import Tonight, assemble
from optimizer.replenishment.explanations import explanations
from optimizer.replenishment.facts import Facts, read_facts
from optimizer.replenishment.purchase_lines import Lines, purchase_lines
from optimizer.replenishment.tonight.carbon import carbon_caps, search_within
from optimizer.replenishment.tonight.decisions import start_quantities
from optimizer.replenishment.tonight.search import Orders
from optimizer.stage import Certificate, Kpi, StageResult
from scenarios import Scenario

Floats = NDArray[np.float64]

STAGE = "replenishment"
PRICE_KINDS = {"budget": "budget", "share": "budget", "storage": "storage", "co2": "co2"}


def run(
    scenario: Scenario, upstream: Mapping[str, pd.DataFrame], limits: Limits, *, brief: str = ""
) -> StageResult:
    """Decide tonight's orders; the search begins from those of `upstream`, if it has any.

    Parameters
    ----------
    brief : yes: orders, transfers and policies alone, where nobody reads what stands beside them
    """
    facts = read_facts(scenario, upstream)
    tonight = assemble(facts)
    count = f"{len(tonight.problem.pairs):,} product-locations"
    limits.progress(STAGE, 0.2, f"{count}, {len(tonight.problem.options):,} options")
    start = start_quantities(tonight.options, upstream.get("purchase_orders"))
    caps = carbon_caps(scenario, tonight.options)
    problem, outcome = search_within(tonight.problem, caps, limits, start)
    tonight = replace(tonight, problem=problem)
    limits.progress(STAGE, 0.8, f"{outcome.status}: writing the tables")
    tables = {"unserved": _unserved(facts)}
    certificate = Certificate.of(STAGE, cast("Outcome[object]", outcome))
    versions = {"scipy": version("scipy"), "highspy": version("highspy")}
    if outcome.solution is None:
        notes = (
            "No orders keep every hard limit; see the limits of the kind `>=` and the decisions.",
        )
        return StageResult(tables, certificate, (), (*facts.notes, *notes), outcome.work, versions)
    qty = outcome.solution.qty
    lines = purchase_lines(facts, tonight, qty)
    origins = upstream.get("forecast_origins")
    found = outcome.solution
    tables |= _tables(facts, tonight, lines, found, origins, brief=brief == "yes")
    unknown = unknown_ways(lines.table, pd.Timestamp(scenario.settings.start_date))
    return StageResult(
        tables,
        certificate,
        (*_kpis(tonight, lines, qty, facts), *emission_kpis(tables)),
        (*facts.notes, *tonight.notes, *unknown, *_notes(facts, outcome)),
        outcome.work,
        versions,
    )


def _tables(
    facts: Facts,
    tonight: Tonight,
    lines: Lines,
    orders: Orders,
    origins: pd.DataFrame | None,
    *,
    brief: bool,
) -> dict[str, pd.DataFrame]:
    """Return every result table of the stage; brief: those of orders."""
    table, row_price = lines.table, orders.bound.prices.row
    level = facts.pairs["echelon_position"].to_numpy(np.float64).copy()
    level[tonight.pair_row] = tonight.problem.level(orders.qty)
    usable = usable_per_unit(facts, table)
    planned = planner_tables(facts, table, usable, level, origins, brief=brief)
    of_moves = planned.pop("explanations")
    of_lines = explanations(facts, tonight, lines, orders.qty, row_price)
    parts = [part for part in (of_lines, of_moves) if len(part)]
    return {
        "purchase_orders": table,
        **planned,
        "calibration": facts.calibration,
        "marginal_prices": _prices(tonight, row_price),
        "explanations": pd.concat(parts, ignore_index=True) if parts else of_lines,
    }


def usable_per_unit(facts: Facts, table: pd.DataFrame) -> pd.Series:
    """Return usable units that one ordered unit brings, by order line."""
    if not len(table):
        return pd.Series(dtype=np.float64)
    keys = ["supplier_id", "site_id", "product_id"]
    offers = facts.offers.set_index(keys)
    brings = offers["fill_rate"] * (1.0 - offers["defect_rate"])
    at = pd.MultiIndex.from_frame(table[keys])
    return pd.Series(brings.reindex(at).to_numpy(np.float64), index=table.index)


def _unserved(facts: Facts) -> pd.DataFrame:
    """Return the product-locations with demand that nothing can replenish."""
    pairs = facts.pairs
    lost = facts.counted & ~pairs["has_option"].to_numpy(bool)
    horizon = np.full(len(pairs), float(facts.scenario.settings.horizon_days))
    demand, _ = facts.forecast.over(pairs["forecast_row"].to_numpy(np.int64), horizon)
    rows = pairs[lost & (demand > 0.0)]
    return pd.DataFrame(
        {
            "kind": "demand",
            "id": rows["product_id"] + "@" + rows["site_id"],
            "qty": demand[lost & (demand > 0.0)],
            "code": "no_supply_path",
            "proof": "proven",
            "detail": "no valid row of supplier_products, and no chain of item_sources to one",
            "cheapest_relaxation": "a row of supplier_products for it, site_id blank or "
            + rows["site_id"],
        }
    )


def _prices(tonight: Tonight, row_price: Floats) -> pd.DataFrame:
    """Return what one more unit of each money and storage limit would save."""
    rows = tonight.problem.rows
    kept = [
        (PRICE_KINDS[kind], entity, float(price))
        for kind, entity, price in zip(rows.kind, rows.entity, row_price, strict=True)
        if kind in PRICE_KINDS
    ]
    frame = pd.DataFrame(kept, columns=["kind", "entity", "price"])
    return frame.assign(stage=STAGE)


def _kpis(tonight: Tonight, lines: Lines, qty: Floats, facts: Facts) -> tuple[Kpi, ...]:
    """Return the objective's terms, which add up to it, and what a planner asks first."""
    problem = tonight.problem
    terms = [Kpi(name, value, "money", "objective") for name, value in problem.terms(qty).items()]
    money = problem.money(qty)
    nothing = problem.objective(np.zeros(len(qty)))
    return (
        *terms,
        Kpi("purchase_value", float(money.sum()), "money"),
        Kpi("order_lines", float((qty > 0.0).sum()), "lines"),
        Kpi("orders", float((problem.group_value(qty) > 0.0).sum()), "orders"),
        Kpi("units_ordered", float(qty.sum()), "units"),
        Kpi("lines_for_later", float((lines.option < 0).sum()), "lines"),
        Kpi("saved_against_no_order", nothing - problem.objective(qty), "money"),
        Kpi("product_locations", float(len(facts.pairs)), "pairs"),
    )


def emission_kpis(tables: Mapping[str, pd.DataFrame]) -> tuple[Kpi, ...]:
    """Return what decided purchases and transfers emit on their way, as far as it is known."""
    found = []
    for name, table in (("purchase_co2e", "purchase_orders"), ("transfer_co2e", "transfers")):
        frame = tables.get(table, pd.DataFrame())
        if len(frame):
            grams = float(frame["g_co2e"].sum())
            found.append(Kpi(name, grams / 1000.0, "kg CO2e"))
    return tuple(found)


def unknown_ways(purchases: pd.DataFrame, day: pd.Timestamp | None = None) -> tuple[str, ...]:
    """Say how many orders of a day (None: of all) come on a way of unknown length."""
    if not len(purchases):
        return ()
    now = purchases if day is None else purchases[purchases["order_on"] == day]
    count = now.loc[now["g_co2e"].isna(), "order_id"].nunique()
    if not count:
        return ()
    told = (
        f"What {count} orders emit on their way is not known: neither a lane nor the places of"
        " supplier and site say how far it is. They pay no CO2 price and count for no limit."
    )
    return (told,)


def _notes(facts: Facts, outcome: Outcome[Orders]) -> tuple[str, ...]:
    fed = int((~facts.counted).sum())
    notes = []
    if fed:
        notes.append(
            f"{fed} product-locations are fed by another site; their demand and stock are counted"
            " where their product is bought."
        )
    beyond = facts.pairs["protection_days"].max() > (
        facts.forecast.mean.shape[1] * facts.forecast.bucket_days
    )
    if beyond:
        notes.append("Some protection intervals are longer than the forecast; its end is repeated.")
    if outcome.detail:
        notes.append(outcome.detail)
    return tuple(notes)
