"""Loads what happened into a scenario, so that the next plan begins from it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from scenarios.errors import InputError
from scenarios.findings import Severity
from scenarios.scenario import Scenario
from scenarios.tables import TABLES
from scenarios.validation import validate

ACTUALS = ("receipts", "deliveries", "demand_history", "returns", "stock_counts")
PAIR = ["site_id", "product_id"]
LINE = ["order_id", "line"]
LEAST_LINES = 5  # fewer receipts say nothing about a mean
DOUBT = 0.005  # of each side: a difference stands when chance would make it once in a hundred


@dataclass(frozen=True, slots=True)
class Loaded:
    """A scenario with what happened, and what was done for it.

    Attributes
    ----------
    rows : by table, rows that were taken in
    notes : sentences for the planner
    """

    scenario: Scenario
    rows: Mapping[str, int]
    notes: tuple[str, ...]


def load_actuals(
    scenario: Scenario, actuals: Mapping[str, pd.DataFrame], start: dt.date | None = None
) -> Loaded:
    """Return the scenario with what happened taken in.

    Rows with a key that is there already replace it. Receipts take open orders off by what they say
    beyond earlier receipts of the same line, counts become stock on hand, delivered orders are not
    planned again.

    Parameters
    ----------
    actuals : tables out of ACTUALS
    start : first day of the next plan; None: as it was

    Raises
    ------
    InputError
        A table is none of what happened.
    """
    unknown = sorted(set(actuals) - set(ACTUALS))
    if unknown:
        raise InputError(f"{', '.join(unknown)} do not say what happened: {', '.join(ACTUALS)} do")
    tables = {name: scenario.table(name) for name in scenario.tables}
    notes: list[str] = []
    for name, frame in actuals.items():
        tables[name] = _merged(name, tables.get(name), frame)
    if "receipts" in actuals and "open_orders" in tables:
        tables["open_orders"] = _still_open(
            tables["open_orders"], scenario.table("receipts"), tables["receipts"]
        )
    if "receipts" in actuals:
        _tell_uncounted(actuals, notes)
    if "stock_counts" in actuals:
        counts = tables["stock_counts"]
        tables["inventory"] = _counted(tables.get("inventory"), counts, notes)
    if "deliveries" in actuals and "orders" in tables:
        done = actuals["deliveries"]
        gone = set(done.loc[done["delivered_at"].notna(), "order_id"])
        orders = tables["orders"]
        arrived = orders["order_id"].isin(gone)
        tables["orders"] = orders.assign(status=orders["status"].where(~arrived, "shipped"))
        notes.append(f"{int(arrived.sum())} orders are delivered and not planned any more.")
    settings = scenario.settings
    if start is not None:
        settings = settings.model_copy(update={"start_date": start})
    rows = {name: len(frame) for name, frame in actuals.items()}
    return Loaded(Scenario(settings, tables), rows, tuple(notes))


def refuse_wrong_rows(scenario: Scenario, actuals: Mapping[str, pd.DataFrame]) -> None:
    """Refuse what happened where its rows have errors; rows are counted as in what was handed in.

    Raises
    ------
    InputError
        Unknown ids, units below 0, days out of order and the like; it carries the findings.
    """
    tables = {name: scenario.table(name) for name in scenario.tables}
    given = Scenario(scenario.settings, {**tables, **actuals})
    wrong = [
        found
        for found in validate(given)
        if found.severity == Severity.ERROR and found.table in actuals
    ]
    if wrong:
        raise InputError(f"what happened has {len(wrong)} errors; nothing was loaded", wrong)


def with_observed_lead_times(loaded: Loaded) -> Loaded:
    """Return the scenario with the lead times of suppliers that receipts contradict set anew.

    The days that lines took beyond the stated lead time and the slowest lane's transit are held
    against their standard error, by supplier (Student's t, 1 %, at least five lines). Where they
    stand out, their mean is added to the supplier's lead times, and their spread replaces its
    lead-time deviation.
    """
    scenario = loaded.scenario
    terms, receipts = scenario.table("supplier_products"), scenario.table("receipts")
    if not len(terms) or not len(receipts):
        return loaded
    stated = terms.groupby(["supplier_id", "product_id"])["lead_time_mean_days"].mean()
    lanes = scenario.filled("lanes").groupby(["origin_id", "destination_id"])
    transit = lanes["transit_mean_days"].max()
    offer = pd.MultiIndex.from_frame(receipts[["supplier_id", "product_id"]])
    way = pd.MultiIndex.from_frame(receipts[["supplier_id", "site_id"]])
    took = (receipts["received_on"] - receipts["ordered_on"]).dt.days.astype(np.float64)
    usual = stated.reindex(offer).to_numpy(np.float64)
    usual = usual + transit.reindex(way).fillna(0.0).to_numpy(np.float64)
    gaps = receipts[["supplier_id"]].assign(gap=took - usual).dropna()
    by = gaps.groupby("supplier_id")["gap"].agg(["size", "mean", "std"])
    by = by[by["size"] >= LEAST_LINES]
    sure = stdtrit(by["size"].to_numpy(np.float64) - 1.0, 1.0 - DOUBT)
    by = by[by["mean"].abs() > np.maximum(sure * by["std"] / np.sqrt(by["size"]), 1e-9)]
    if not len(by):
        return replace(loaded, notes=(*loaded.notes, "Receipts contradict no lead time."))
    moved = by["mean"].reindex(terms["supplier_id"]).to_numpy(np.float64)
    spread = by["std"].reindex(terms["supplier_id"]).to_numpy(np.float64)
    known = ~np.isnan(moved)
    days = np.maximum(terms["lead_time_mean_days"].to_numpy(np.float64) + moved, 0.0)
    terms = terms.assign(
        lead_time_mean_days=terms["lead_time_mean_days"].where(~known, days),
        lead_time_sd_days=terms["lead_time_sd_days"].where(~known, spread),
    )
    tables = {name: scenario.table(name) for name in scenario.tables} | {"supplier_products": terms}
    told = ", ".join(f"{name} {gap:+.1f} days" for name, gap in by["mean"].items())
    note = f"Lead times moved by what receipts say: {told}."
    return replace(
        loaded, scenario=Scenario(scenario.settings, tables), notes=(*loaded.notes, note)
    )


def _merged(name: str, old: pd.DataFrame | None, new: pd.DataFrame) -> pd.DataFrame:
    """Return old rows that no new one replaces, and the new ones."""
    contract = TABLES[name]
    new = new.reindex(columns=list(contract.names)).drop_duplicates(list(contract.key), keep="last")
    if old is None or not len(old):
        return new
    key = list(contract.key)
    blank = "\x00"
    at = pd.MultiIndex.from_frame(old[key].astype(object).where(old[key].notna(), blank))
    came = pd.MultiIndex.from_frame(new[key].astype(object).where(new[key].notna(), blank))
    return pd.concat([old[~at.isin(came)], new], ignore_index=True)


def _still_open(orders: pd.DataFrame, before: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """Return open orders less what was received of them since the receipts before."""
    at = pd.MultiIndex.from_frame(orders[LINE])
    then, got = (
        rows.groupby(LINE)["qty_received"].sum().reindex(at).fillna(0.0).to_numpy(np.float64)
        for rows in (before, now)
    )
    left = orders["qty"] - np.maximum(got - then, 0.0)
    return orders.assign(qty=left)[left > 1e-9].reset_index(drop=True)


def _tell_uncounted(actuals: Mapping[str, pd.DataFrame], notes: list[str]) -> None:
    """Note what came to places of which no count was given: their stock does not rise by it."""
    came = actuals["receipts"]
    counts = actuals.get("stock_counts", came.iloc[:0])
    counted = pd.MultiIndex.from_frame(counts[PAIR])
    silent = ~pd.MultiIndex.from_frame(came[PAIR]).isin(counted)
    units = float(came.loc[silent, "qty_received"].sum())
    if units > 0.0:
        notes.append(
            f"{units:,.0f} units came to product-locations that were not counted: count them, or"
            " the next plan does not know of them."
        )


def _counted(stock: pd.DataFrame | None, counts: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Return inventory with the newest count of each pair in place of what stood there.

    Of several lots the difference goes to those that came last; a pair that was not counted stays.
    """
    newest = counts.sort_values("counted_on", kind="stable").drop_duplicates(PAIR, keep="last")
    found = newest.set_index(PAIR)["qty"].astype(np.float64)
    if stock is None or not len(stock):
        return newest[PAIR].assign(on_hand=newest["qty"])
    stock = stock.sort_values("received_on", kind="stable", na_position="first")
    at = pd.MultiIndex.from_frame(stock[PAIR])
    asked = found.reindex(at).to_numpy(np.float64)
    held = stock["on_hand"].to_numpy(np.float64)
    group = stock.groupby(PAIR, sort=False)
    before = group["on_hand"].cumsum().to_numpy(np.float64) - held
    last = ~stock.duplicated(PAIR, keep="last").to_numpy()
    left = np.maximum(asked - before, 0.0)
    new = np.where(np.isnan(asked), held, np.where(last, left, np.minimum(held, left)))
    stock = stock.assign(on_hand=new).sort_index()
    fresh = found[~found.index.isin(at)].rename("on_hand").reset_index()
    silent = len(at.unique()) - int(at.unique().isin(found.index).sum())
    if silent:
        notes.append(f"{silent} product-locations were not counted: their stock stands as it was.")
    return pd.concat([stock, fresh], ignore_index=True) if len(fresh) else stock
