"""Result tables of order sourcing: parcels, their lines, prices of limits, carriers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optimizer.allocation.sourcing.assign import LEFT
from optimizer.allocation.sourcing.co2_caps import Use
from optimizer.allocation.sourcing.placement import Parcels, Placement, Terms
from optimizer.allocation.sourcing.prices import Prices
from optimizer.allocation.sourcing.problem import Objects, SourcingProblem
from optimizer.stage import Kpi
from scenarios import Scenario

STAGE = "sourcing"
LEAST_PRICE = 0.005  # money; less than half a cent is not worth a row


def shipment_ids(problem: SourcingProblem, parcels: Parcels) -> Objects:
    """Name parcels ORDER.1, ORDER.2 ... in their order."""
    order = parcels.order
    new = np.concatenate([[True], order[1:] != order[:-1]]) if len(order) else np.zeros(0, bool)
    first = np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))
    number = np.arange(len(order)) - first + 1
    names = problem.orders.order_id[order]
    return np.array(
        [f"{name}.{count}" for name, count in zip(names, number.tolist(), strict=True)],
        dtype=object,
    )


def shipments(problem: SourcingProblem, parcels: Parcels, ids: Objects) -> pd.DataFrame:
    """Return one row per parcel."""
    tariff, orders = problem.tariff, problem.orders
    asked_on = problem.days[orders.day[parcels.order]] + parcels.waits.astype("timedelta64[D]")
    ship_on = asked_on + problem.lead_days[parcels.site].astype("timedelta64[D]")
    days = tariff.days[parcels.row].astype("timedelta64[D]")
    return pd.DataFrame(
        {
            "shipment_id": ids,
            "order_id": orders.order_id[parcels.order],
            "site_id": problem.site_ids[parcels.site],
            "carrier_id": tariff.carrier[parcels.row],
            "service": tariff.service[parcels.row],
            "ship_on": ship_on.astype("datetime64[ms]"),
            "promised_on": (asked_on + days).astype("datetime64[ms]"),
            "weight_kg": parcels.kg,
            "cost": parcels.money,
            "g_co2e": tariff.g_co2e[parcels.row],
        }
    )


def shipment_lines(problem: SourcingProblem, parcels: Parcels, ids: Objects) -> pd.DataFrame:
    """Return one row per line that ships, parcel by parcel."""
    lines = problem.lines
    piece = piece_of_line(problem)
    parcel = parcels.of_piece[piece]
    shipped = np.flatnonzero(parcel >= 0)
    shipped = shipped[np.lexsort((shipped, parcel[shipped]))]
    rows = pd.DataFrame(
        {
            "shipment_id": ids[parcel[shipped]],
            "order_id": problem.orders.order_id[problem.pieces.order[piece[shipped]]],
            "line_id": lines.line_id[shipped],
            "product_id": lines.product_id[shipped],
            "qty": lines.qty[shipped],
        }
    )
    if not rows.duplicated(["shipment_id", "line_id"]).any():
        return rows
    key = ["shipment_id", "order_id", "line_id", "product_id"]  # lots of a line that may be split
    return rows.groupby(key, as_index=False, sort=False)["qty"].sum()


def piece_of_line(problem: SourcingProblem) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the piece of every line, (n_lines,) int64."""
    first = problem.pieces.first_line
    return np.repeat(np.arange(problem.n_pieces), np.diff(first))


def marginal_prices(
    problem: SourcingProblem, prices: Prices, uses: tuple[Use, ...] = ()
) -> pd.DataFrame:
    """Return what one more unit of stock or room, parcel of a carrier, or gram would save.

    The entity of ring-fenced stock is site/channel.
    """
    limits, days = problem.resources, problem.days.astype("datetime64[ms]")
    site, column = np.nonzero(prices.stock >= LEAST_PRICE)
    channel = limits.channel_id[column]
    names = np.where(channel == "", "", "/" + channel.astype(str))
    stock = pd.DataFrame(
        {
            "kind": "stock",
            "entity": problem.site_ids[site] + names.astype(object),
            "product_id": limits.product_id[column],
            "bucket": pd.Series(np.full(len(site), np.datetime64("NaT", "ms"))),
            "price": prices.stock[site, column],
        }
    )
    frames = [stock] if len(stock) else []
    for kind, entities, price in (
        ("dock", problem.site_ids, prices.room),
        ("lane", limits.carrier_id, prices.parcels),
    ):
        at, day = np.nonzero(price >= LEAST_PRICE)
        if len(at):
            frames.append(
                pd.DataFrame(
                    {
                        "kind": kind,
                        "entity": entities[at],
                        "product_id": None,
                        "bucket": days[day],
                        "price": price[at, day],
                    }
                ).astype({"product_id": "str"})
            )
    at_work = [use for use in uses if use.price > 0.0]
    if at_work:
        frames.append(
            pd.DataFrame(
                {
                    "kind": "co2",
                    "entity": [use.cap.limit_id for use in at_work],
                    "product_id": None,
                    "bucket": pd.Series(
                        [use.cap.bucket for use in at_work], dtype="datetime64[ms]"
                    ),
                    "price": [use.price for use in at_work],
                }
            ).astype({"product_id": "str"})
        )
    if not frames:
        return pd.DataFrame()
    rows = pd.concat(frames, ignore_index=True)
    rows.insert(0, "stage", STAGE)
    return rows


def carrier_scores(scenario: Scenario, problem: SourcingProblem, parcels: Parcels) -> pd.DataFrame:
    """Score carriers by what they did: 100 x on time x undamaged x without exception.

    A parcel is on time when it is delivered by its promise (midnight means the end of that date);
    one without a promise or not yet delivered says nothing on that.
    """
    known = scenario.table("carriers")["carrier_id"]
    spent = pd.Series(parcels.money).groupby(problem.tariff.carrier[parcels.row]).mean()
    past = scenario.filled("deliveries")
    ids = sorted({*known.dropna(), *past["carrier_id"].dropna()})
    if not ids:
        return pd.DataFrame()
    promised = past["promised_at"]
    midnight = promised == promised.dt.normalize()
    deadline = promised + pd.to_timedelta(midnight.astype(np.int64), unit="D")
    told = promised.notna() & past["delivered_at"].notna()
    on_time = (past["delivered_at"] <= deadline).astype(float).where(told)
    facts = pd.DataFrame(
        {
            "on_time_rate": on_time,
            "damage_rate": past["damaged"].astype(float),
            "exception_rate": past["exception"].notna().astype(float),
        }
    )
    rates = facts.groupby(past["carrier_id"]).mean().reindex(ids)
    score = (
        100.0
        * rates["on_time_rate"]
        * (1.0 - rates["damage_rate"])
        * (1.0 - rates["exception_rate"])
    )
    rates = rates.assign(cost_per_parcel=spent.reindex(ids), score=score)
    return rates.rename_axis("carrier_id").reset_index()


def kpis(
    problem: SourcingProblem, placement: Placement, parcels: Parcels, terms: Terms
) -> tuple[Kpi, ...]:
    """Return the objective's terms, and what planners watch."""
    units = problem.pieces.units
    ships = placement.site != LEFT
    split = np.bincount(parcels.order, minlength=problem.n_orders) > 1
    touched = np.bincount(problem.pieces.order[ships], minlength=problem.n_orders)
    full = touched == np.diff(problem.orders.first_piece)
    lines_left = int((~ships[piece_of_line(problem)]).sum())
    counted = (Kpi("stock_value", terms.stock_value, "money", "objective"),)
    return (
        Kpi("parcel", terms.parcel, "money", "objective"),
        Kpi("handling", terms.handling, "money", "objective"),
        Kpi("late", terms.late, "money", "objective"),
        Kpi("co2", terms.co2, "money", "objective"),
        *(counted if problem.goods is not None else ()),
        Kpi("risk", terms.risk, "money", "objective"),
        Kpi("unserved", terms.unserved, "money", "objective"),
        Kpi("parcels", float(len(parcels.order)), "parcels", "sourcing"),
        Kpi("units shipped", float(units[ships].sum()), "units", "sourcing"),
        Kpi("units unserved", float(units[~ships].sum()), "units", "sourcing"),
        Kpi("lines unserved", float(lines_left), "lines", "sourcing"),
        Kpi("split-shipment rate", float(split.mean()), "share of orders", "sourcing"),
        Kpi("orders shipped in full", float(full.mean()), "share of orders", "sourcing"),
        Kpi(
            "cost per parcel",
            float(parcels.money.mean()) if len(parcels.money) else 0.0,
            "money",
            "sourcing",
        ),
        *_emission_kpis(problem, parcels),
    )


def _emission_kpis(problem: SourcingProblem, parcels: Parcels) -> tuple[Kpi, ...]:
    """Return what parcels emit, in all and per order that ships, as far as their rates say."""
    if not len(parcels.order):
        return ()
    grams = problem.tariff.g_co2e[parcels.row]
    total, orders = float(np.nansum(grams)), len(np.unique(parcels.order))
    return (
        Kpi("parcel emissions", total / 1000.0, "kg CO2e", "sourcing"),
        Kpi("CO2e per order", total / orders, "g", "sourcing"),
    )
