"""Reads the file and builds the scenario: every table, each after those that it needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from scenarios.errors import InputError
from scenarios.findings import Findings, Severity
from scenarios.importers.online_retail import closed_days, lanes, orders, outlook, parcels, stock
from scenarios.importers.online_retail.cleaning import Cleaned, clean, size_of
from scenarios.importers.online_retail.figures import HOLDING_RATE_PCT, HORIZON_WEEKS
from scenarios.importers.online_retail.products import build_products, build_return_rates
from scenarios.importers.online_retail.report import Defect, ImportReport
from scenarios.importers.online_retail.sales import Sales, demand_history, lay_out, site_demand
from scenarios.importers.online_retail.source import read_lines
from scenarios.importers.online_retail.suppliers import build_supplier_products, build_suppliers
from scenarios.scenario import Scenario
from scenarios.settings import Settings

History = Literal["week", "day"]
SOURCE = "online-retail"


@dataclass(frozen=True, slots=True)
class Imported:
    """A scenario made from the file, and what was done to the file on the way."""

    scenario: Scenario
    report: ImportReport


def read(path: str | Path, *, seed: int = 0, history: History = "week") -> Scenario:
    """Read the Online Retail file as a scenario; its findings tell what was wrong with the file.

    Parameters
    ----------
    path : .csv, .xlsx or .parquet
    seed : of everything that the file lacks; the same seed gives the same content hash
    history : demand by "week" (whole weeks) or by "day"

    Raises
    ------
    InputError
        The file cannot be read, is not the Online Retail file, or is shorter than a week.
    """
    return import_file(path, seed=seed, history=history).scenario


def import_file(path: str | Path, *, seed: int = 0, history: History = "week") -> Imported:
    """Read the Online Retail file as a scenario together with a report; see :func:`read`."""
    if history not in ("week", "day"):
        raise InputError(f"history must be week or day, is {history}")
    findings = Findings()
    cleaned = clean(read_lines(Path(path), findings))
    sales = lay_out(cleaned.sales, seed)
    report = _report(cleaned, sales)
    _note(report, findings)
    scenario = Scenario(_settings(sales), _tables(cleaned, sales, history), findings)
    return Imported(scenario, report)


def _settings(sales: Sales) -> Settings:
    return Settings(
        name="Online Retail",
        currency="GBP",
        timezone="Europe/London",
        start_date=sales.start.date(),
        bucket="week",
        horizon_buckets=HORIZON_WEEKS,
        holding_rate_pct_per_year=HOLDING_RATE_PCT,
        shortage_rule="lost",
        seed=sales.seed,
    )


def _tables(cleaned: Cleaned, sales: Sales, history: History) -> dict[str, pd.DataFrame]:
    demand = site_demand(sales)
    products = build_products(sales, cleaned.names)
    offers = build_supplier_products(sales.seed, products, demand)
    ways = lanes.build_lanes()
    calendars = closed_days.build_calendars(sales)
    receipts, purchases = stock.build_deliveries(sales, offers, ways, demand)
    transfers = stock.build_transfers_under_way(sales, demand)
    under_way = pd.concat([purchases, transfers], ignore_index=True)
    stocks = stock.build_stocks(sales, products, offers, ways, under_way, demand)
    zones = parcels.build_zones(sales)
    to_ship = orders.build_orders(sales, zones, calendars)
    return {
        "products": products,
        "suppliers": build_suppliers(sales.seed),
        "supplier_products": offers,
        "receipts": receipts,
        "sites": stock.build_sites(sales, stocks),
        "zones": zones,
        "zone_sites": parcels.build_zone_sites(sales),
        "item_sources": stock.build_item_sources(),
        "lanes": ways,
        "calendars": calendars,
        "demand_history": demand_history(sales, history),
        "promotions": outlook.build_promotions(sales, products),
        "events": outlook.build_events(sales),
        "inventory": stock.build_inventory(stocks),
        "open_orders": under_way,
        "inventory_policies": stock.build_inventory_policies(stocks),
        "return_rates": build_return_rates(sales, cleaned.returns, products),
        "orders": to_ship,
        "order_lines": orders.build_order_lines(sales, to_ship),
        "order_windows": orders.build_order_windows(sales, to_ship, calendars),
        "carriers": parcels.build_carriers(sales),
        "carrier_rates": parcels.build_carrier_rates(zones),
        "vehicles": parcels.build_vehicles(),
        "limits": stock.build_limits(stocks),
        "disruptions": outlook.build_disruptions(sales, offers, products),
        "groups": outlook.build_groups(),
    }


def _as_size(lines: pd.DataFrame) -> pd.DataFrame:
    return lines.rename(columns={"product_id": "code"})


def _report(cleaned: Cleaned, sales: Sales) -> ImportReport:
    closed = closed_days.closed_days(sales)
    saturdays = int(np.sum(closed.day_of_week == 5))
    first = sales.lines["day"].min()
    broken = sales.history["day"] < sales.first_week
    more = (
        Defect(
            "closed_days",
            0,
            0,
            f"{len(closed):,} days without a sale, {saturdays:,} of them Saturdays, and those at"
            " Christmas: closed in the calendar, before and after the start",
        ),
        Defect(
            "unfinished_last_week",
            len(sales.to_source),
            0,
            f"from {sales.start:%Y-%m-%d} on: not history but the orders to ship",
        ),
        Defect(
            "unfinished_first_week",
            int(broken.sum()),
            0,
            f"before {sales.first_week:%Y-%m-%d}: left out of the history by week",
        ),
    )
    return ImportReport(
        read=cleaned.read,
        plain=cleaned.plain,
        kept=cleaned.kept,
        differences=cleaned.differences,
        history=size_of(_as_size(sales.history)),
        to_source=size_of(_as_size(sales.to_source)),
        defects=(*cleaned.defects, *more),
        first_day=f"{first:%Y-%m-%d}",
        last_day=f"{sales.lines['day'].max():%Y-%m-%d}",
        start_date=f"{sales.start:%Y-%m-%d}",
    )


def _note(report: ImportReport, findings: Findings) -> None:
    """Make a finding of every defect that the file shows."""
    for defect in report.defects:
        if defect.seen or defect.code == "closed_days":
            warn = defect.code == "unknown_country"
            findings.add(
                defect.code,
                Severity.WARNING if warn else Severity.INFO,
                defect.handling,
                table=SOURCE,
                value=f"{defect.seen:,} lines" if defect.seen else "",
                count=max(defect.seen, 1),
            )
