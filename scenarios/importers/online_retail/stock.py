"""Deliveries so far, stock on the shelves and under way, policies, room and money: assumed.

Stock follows from the sales themselves. Suppliers were ordered from every few weeks what had been
sold since; what had not arrived by the start is under way; and the shelves hold what lifts each
product to a seeded share of the level at which the planner's own cost rule would stop ordering.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import gammaincinv, ndtri

from scenarios.importers.online_retail.closed_days import SITE_CALENDAR
from scenarios.importers.online_retail.countries import EUROPE, LONDON, NATIONAL
from scenarios.importers.online_retail.figures import (
    BUDGET_SHARE,
    HANDLING_PER_UNIT,
    HOLDING_RATE_PCT,
    REVIEW_DAYS,
    SITE_COST_P25,
    SITE_COST_P50,
    SITE_COST_P75,
    STORAGE_HEADROOM,
)
from scenarios.importers.online_retail.lanes import PLACES
from scenarios.importers.online_retail.products import DORMANT_WEEKS
from scenarios.importers.online_retail.sales import RECENT_WEEKS, WEEK, Sales, SiteDemand
from scenarios.importers.online_retail.suppliers import origin_of
from scenarios.importers.seeded import gammas, normals, uniforms
from scenarios.tables import TABLES

Floats = NDArray[np.float64]

TRANSFER_DAYS = 1.0
FILL_MEDIAN, FILL_SD, FILL_LOW, FILL_HIGH = 0.93, 0.15, 0.4, 1.3  # stock over its target level
EMPTY_SHARE = 0.03  # of shelves with nothing on them
LEFTOVER_MOST = 24.0  # units of a product that no longer sells
SHORT_LINES = 0.5  # share of deliveries that bear a supplier's shortfall


@dataclass(frozen=True, slots=True)
class Stocks:
    """Stock-keeping pairs and what is known of each.

    Attributes
    ----------
    pairs : site_id, product_id, active (still sells), units under_way, on_hand and need (to buy
        tonight to reach the target level), unit_cost, volume_m3
    """

    pairs: pd.DataFrame

    @property
    def active(self) -> pd.DataFrame:
        """Pairs that still sell."""
        return self.pairs[self.pairs["active"]]


def build_deliveries(
    sales: Sales, offers: pd.DataFrame, lanes: pd.DataFrame, demand: SiteDemand
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return `receipts` and the purchase rows of `open_orders`.

    Every `cycle_weeks` of its origin a supplier gets an order from each site it serves, for what
    was sold since, in whole least lines. Lead times are gamma draws per order. The promised day is
    the quantile that leaves the late share of SCMS.
    """
    first = offers[offers["priority"] == 1.0].reset_index(drop=True)
    transit = lanes.set_index(["origin_id", "destination_id"])[
        ["transit_mean_days", "transit_sd_days"]
    ]
    frames = []
    for site in (NATIONAL, EUROPE):
        here = (demand.pairs["site_id"] == site).to_numpy()
        row = pd.Index(demand.pairs["product_id"][here]).get_indexer(pd.Index(first["product_id"]))
        units = np.where((row >= 0)[:, None], demand.bought[here][row], 0)
        frames += [
            _orders_of(sales, site, supplier, part, units[part.index], transit)
            for supplier, part in first.groupby("supplier_id")
        ]
    lines = pd.concat(frames, ignore_index=True)
    lines = lines.sort_values(["ordered_on", "order_id", "product_id"], kind="stable")
    lines["line"] = (lines.groupby("order_id").cumcount() + 1).astype("str")
    start = sales.start
    arrived = lines[lines["received_on"] < start].reset_index(drop=True)
    receipts = arrived[list(TABLES["receipts"].names)]
    coming = lines[lines["received_on"] >= start].reset_index(drop=True)
    late = coming["promised_on"] < start
    due = coming["promised_on"].mask(late, coming["received_on"])
    return receipts, pd.DataFrame(
        {
            "order_id": coming["order_id"],
            "line": coming["line"],
            "kind": "purchase",
            "source_id": coming["supplier_id"],
            "site_id": coming["site_id"],
            "product_id": coming["product_id"],
            "qty": coming["qty_ordered"],
            "ordered_on": coming["ordered_on"],
            "due_on": due,
        }
    )


def _orders_of(
    sales: Sales,
    site: str,
    supplier: str,
    offers: pd.DataFrame,
    weekly: NDArray[np.int64],
    transit: pd.DataFrame,
) -> pd.DataFrame:
    """Return the order lines of one supplier and site over the history.

    Parameters
    ----------
    offers : the supplier's rows; weekly : (n_offers, n_weeks) units that the site buys for
    """
    origin = origin_of(supplier)
    seed, weeks = sales.seed, weekly.shape[1]
    phase = int(uniforms(seed, "phase", [f"{supplier}/{site}"])[0] * origin.cycle_weeks)
    at = np.arange(1 + phase, weeks + 1, origin.cycle_weeks)  # orders at the start of week `at`
    lot = offers["moq"].to_numpy()
    total = np.concatenate([np.zeros((len(offers), 1)), np.cumsum(weekly, axis=1)], axis=1)
    ordered = np.floor(total[:, at] / lot[:, None]) * lot[:, None]
    quantity = np.diff(ordered, axis=1, prepend=0.0)
    row, column = np.nonzero(quantity)
    days = pd.DatetimeIndex(sales.first_week + at * WEEK)
    days = days[days < sales.start]
    keep = column < len(days)
    row, column = row[keep], column[keep]
    keys = [f"{supplier}-{site}-{day:%y%m%d}" for day in days]

    make_mean = float(offers["lead_time_mean_days"].mean())
    make_sd = float(offers["lead_time_sd_days"].mean())
    lane = transit.loc[(supplier, site)] if (supplier, site) in transit.index else None
    mean = make_mean + (float(lane.iloc[0]) if lane is not None else 0.0)
    sd = float(np.hypot(make_sd, float(lane.iloc[1]) if lane is not None else 0.0))
    draws = uniforms(seed, "lead time", keys)
    took = np.ceil(gammas(draws, np.full(len(keys), mean), np.full(len(keys), sd)))
    shape = (mean / sd) ** 2
    promise = np.ceil(gammaincinv(shape, 1.0 - origin.late_share) * sd**2 / mean)
    received = days + pd.to_timedelta(took, unit="D")

    line_keys = [f"{keys[k]}/{offers['product_id'].iat[r]}" for r, k in zip(row, column)]
    qty = quantity[row, column]
    short = 1.0 - offers["fill_rate"].to_numpy()[row]
    lacking = uniforms(seed, "short", line_keys) < SHORT_LINES
    came = np.where(lacking, np.floor(qty * (1.0 - short / SHORT_LINES)), qty)
    broken = offers["defect_rate"].to_numpy()[row] * 2.0 * uniforms(seed, "broken", line_keys)
    return pd.DataFrame(
        {
            "order_id": np.array([f"PO-{key}" for key in keys], object)[column],
            "supplier_id": supplier,
            "product_id": offers["product_id"].to_numpy()[row],
            "site_id": site,
            "qty_ordered": qty,
            "qty_received": came,
            "qty_rejected": np.rint(came * broken),
            "ordered_on": days[column],
            "promised_on": (days + pd.Timedelta(days=float(promise)))[column],
            "received_on": received[column],
        }
    ).astype({"order_id": "str", "supplier_id": "str", "site_id": "str"})


def build_transfers_under_way(sales: Sales, demand: SiteDemand) -> pd.DataFrame:
    """Return the transfer rows of `open_orders`: last week's sales of London, half of them."""
    london = (demand.pairs["site_id"] == LONDON).to_numpy()
    products = demand.pairs["product_id"][london].reset_index(drop=True)
    units = demand.units[london, -1].astype(np.float64)
    moved = (units > 0) & (uniforms(sales.seed, "transfer", products.tolist()) < 0.5)
    chosen = products[moved].reset_index(drop=True)
    return pd.DataFrame(
        {
            "order_id": f"TO-{NATIONAL}-{LONDON}-{sales.start:%y%m%d}",
            "line": (np.arange(len(chosen)) + 1).astype("str"),
            "kind": "transfer",
            "source_id": NATIONAL,
            "site_id": LONDON,
            "product_id": chosen,
            "qty": units[moved],
            "ordered_on": sales.start - pd.Timedelta(days=1),
            "due_on": sales.start,
            "frozen": True,
        }
    )


def build_stocks(
    sales: Sales,
    products: pd.DataFrame,
    offers: pd.DataFrame,
    lanes: pd.DataFrame,
    open_orders: pd.DataFrame,
    demand: SiteDemand,
) -> Stocks:
    """Set the stock of every product where it sells.

    Target level: m + z sd over the protection interval P = review + lead time of the first
    source, z the critical ratio of margin against holding over one review; sd from weekly sales
    and the lead time. Stock on hand and under way together are a seeded lognormal share of it,
    and at least what is under way. The national warehouse's target and stock include London's.
    """
    pairs = demand.pairs
    facts = products.set_index("product_id").reindex(pairs["product_id"])
    fed = (pairs["site_id"] == LONDON).to_numpy()
    lead, lead_sd = _lead_times(pairs, offers, lanes)
    lead, lead_sd = np.where(fed, TRANSFER_DAYS, lead), np.where(fed, 0.0, lead_sd)
    served = np.where(fed[:, None], demand.units, demand.bought)
    sells = (served[:, -DORMANT_WEEKS:] > 0).any(axis=1)
    active = sells & facts["discontinued_on"].isna().to_numpy()
    recent = served[:, -RECENT_WEEKS:]
    daily, sd_week = recent.mean(axis=1) / 7.0, recent.std(axis=1)
    protect = REVIEW_DAYS + lead
    sd = np.sqrt(protect / 7.0 * sd_week**2 + (daily * lead_sd) ** 2)
    price, cost = facts["unit_price"].to_numpy(), facts["unit_cost"].to_numpy()
    margin = np.maximum(price - cost, 0.01)
    hold = HOLDING_RATE_PCT / 100.0 * cost / 365.0 * REVIEW_DAYS
    target = np.where(active, daily * protect + ndtri(margin / (margin + hold)) * sd, 0.0)

    keys = (pairs["site_id"] + "/" + pairs["product_id"]).tolist()
    coming = open_orders.groupby(["site_id", "product_id"])["qty"].sum()
    under_way = coming.reindex(pd.MultiIndex.from_frame(pairs)).fillna(0.0).to_numpy()
    draw = np.exp(FILL_SD * normals(sales.seed, "fill", keys))
    position = np.clip(FILL_MEDIAN * draw, FILL_LOW, FILL_HIGH) * target
    empty = uniforms(sales.seed, "empty", keys) < EMPTY_SHARE
    left = np.floor(LEFTOVER_MOST * uniforms(sales.seed, "leftover", keys))

    def shelves(elsewhere: Floats) -> Floats:
        filled = np.maximum(np.rint(position - under_way - elsewhere), 0.0)
        return np.where(active, np.where(empty, 0.0, filled), left)

    alone = shelves(np.zeros(len(pairs)))
    in_london = _at_national(pairs, np.where(fed, alone + under_way, 0.0))
    on_hand = np.where(fed, alone, shelves(in_london))
    held = on_hand + under_way + in_london
    return Stocks(
        pairs.assign(
            active=active,
            under_way=under_way,
            on_hand=on_hand,
            need=np.where(fed, 0.0, np.maximum(target - held, 0.0)),
            unit_cost=cost,
            volume_m3=facts["volume_m3"].to_numpy(),
        )
    )


def _lead_times(
    pairs: pd.DataFrame, offers: pd.DataFrame, lanes: pd.DataFrame
) -> tuple[Floats, Floats]:
    """Return mean and sd of the first source's lead time (n_pairs,), days, lane included."""
    first = offers[offers["priority"] == 1.0].set_index("product_id").reindex(pairs["product_id"])
    ways = lanes.set_index(["origin_id", "destination_id"])
    key = pd.MultiIndex.from_arrays([first["supplier_id"], pairs["site_id"]])
    lane = ways.reindex(key)[["transit_mean_days", "transit_sd_days"]].fillna(0.0).to_numpy()
    mean = first["lead_time_mean_days"].to_numpy() + lane[:, 0]
    sd = np.hypot(first["lead_time_sd_days"].to_numpy(), lane[:, 1])
    return mean, sd


def _at_national(pairs: pd.DataFrame, amounts: Floats) -> Floats:
    """Return each product's sum of `amounts` (n_pairs,) in the rows of the national warehouse."""
    total = pd.Series(amounts).groupby(pairs["product_id"]).sum()
    there = (pairs["site_id"] == NATIONAL).to_numpy()
    result: Floats = np.where(there, total.reindex(pairs["product_id"]).to_numpy(), 0.0)
    return result


def build_inventory(stocks: Stocks) -> pd.DataFrame:
    """Return the `inventory` table; an empty shelf is a row with 0."""
    return stocks.pairs[["site_id", "product_id", "on_hand"]].reset_index(drop=True)


def build_inventory_policies(stocks: Stocks) -> pd.DataFrame:
    """Return the `inventory_policies` table: base stock, reviewed weekly, where a product sells."""
    pairs = stocks.active[["site_id", "product_id"]].reset_index(drop=True)
    return pairs.assign(policy="base_stock", review_days=REVIEW_DAYS)


def build_limits(stocks: Stocks) -> pd.DataFrame:
    """Return the `limits` table: a weekly budget that binds a little."""
    wanted = float((stocks.pairs["need"] * stocks.pairs["unit_cost"]).sum())
    budget = float(max(np.floor(BUDGET_SHARE * wanted / 1000.0) * 1000.0, 1000.0))
    return pd.DataFrame(
        {
            "limit_id": ["BUDGET"],
            "kind": ["budget"],
            "scope": ["all"],
            "sense": ["<="],
            "value": [budget],
            "hard": [True],
        }
    )


def build_sites(sales: Sales, stocks: Stocks) -> pd.DataFrame:
    """Return the `sites` table; room and capacities follow from stock and from busy days."""
    pairs = stocks.pairs
    volume = (pairs["on_hand"] + pairs["under_way"] + pairs["need"]) * pairs["volume_m3"]
    by_site = volume.groupby(pairs["site_id"]).sum()
    daily = sales.history.groupby(["site_id", "day"])["units"].sum()
    busy = daily.groupby("site_id").quantile(0.98)
    spread = {NATIONAL: SITE_COST_P25, EUROPE: SITE_COST_P50, LONDON: SITE_COST_P75}
    fixed = {NATIONAL: 2200.0, EUROPE: 700.0, LONDON: 600.0}
    recovery = {NATIONAL: 28.0, EUROPE: 21.0, LONDON: 10.0}
    rows = []
    for site_id, (name, lat, lon, city, region) in PLACES.items():
        room = STORAGE_HEADROOM * float(by_site.get(site_id, 0.0))
        pace = float(np.ceil(1.5 * float(busy.get(site_id, 100.0)) / 100.0) * 100.0)
        handling = round(HANDLING_PER_UNIT * spread[site_id] / SITE_COST_P50, 4)
        where = (site_id, "warehouse", name, lat, lon, city, region, "open")
        size = (float(max(np.ceil(room / 10.0) * 10.0, 10.0)), 2.0 * pace, pace)
        rows.append((*where, *size, fixed[site_id], handling, SITE_CALENDAR, recovery[site_id]))
    columns = ["site_id", "kind", "name", "lat", "lon", "city", "region", "status", "storage_m3"]
    columns += ["inbound_units_per_day", "outbound_units_per_day", "fixed_cost_per_day"]
    columns += ["handling_cost_per_unit", "calendar_id", "recovery_days"]
    return pd.DataFrame(rows, columns=columns)


def build_item_sources() -> pd.DataFrame:
    """Return the `item_sources` table: London's depot is fed by the national warehouse."""
    return pd.DataFrame({"site_id": [LONDON], "source_id": [NATIONAL], "priority": [1.0]})
