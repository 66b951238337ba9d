"""From the scenario's tables to the arrays of a sourcing problem."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from optimizer.allocation.priority import USUAL_PRIORITY
from optimizer.allocation.sourcing.decided import must_ship, own_zones, raised
from optimizer.allocation.sourcing.problem import (
    Lines,
    Objects,
    Orders,
    Parts,
    Pieces,
    Resources,
    SourcingProblem,
)
from optimizer.allocation.sourcing.reserves import channel_stock, site_owners
from optimizer.allocation.sourcing.sources import rates_of, read_sources
from optimizer.allocation.sourcing.tariff import (
    SECONDS_PER_HOUR,
    Floats,
    Ints,
    Promise,
    build_tariff,
)
from scenarios import Scenario
from scenarios.semantics.decisions import order_decisions
from scenarios.semantics.defaults import unserved_penalty
from scenarios.semantics.movable import release_days
from scenarios.semantics.zones import explode_bundles

HOURS_PER_DAY = 24.0
MOST_LOTS = 60  # parts that a line which may be split has at most


def build_problem(scenario: Scenario, *, stock_value: bool = False) -> SourcingProblem:
    """Take the accepted delivery orders and all that may serve them.

    Everything is sorted by id, so that the order of rows in the scenario changes nothing.

    Parameters
    ----------
    stock_value : the stock that orders take counts at what it costs
    """
    notes: list[str] = []
    decided = order_decisions(scenario)
    frame, rates = own_zones(_orders(scenario, notes), scenario.filled("carrier_rates"), decided)
    lines = _lines(scenario, frame)
    penalty = lines["penalty"].to_numpy(np.float64)
    lines["loss"] = penalty
    lines["penalty"] = raised(penalty, must_ship(lines, decided), rates, lines)
    lines, frame, first_piece, piece_of_line, together = _arrange(frame, lines)
    sources, offers = read_sources(scenario)
    zone_ids = pd.Index(sorted(frame["zone_id"].dropna().unique()))
    days = np.unique(frame["ship_on"].to_numpy().astype("datetime64[D]"))
    day = np.searchsorted(days, frame["ship_on"].to_numpy().astype("datetime64[D]"))
    pay = frame["late_cost_per_h"].to_numpy(np.float64) * HOURS_PER_DAY
    due = (frame["due_to"].dt.normalize() - frame["ship_on"]).dt.days.to_numpy(np.float64)
    promise = Promise(
        np.where(np.isnan(due), np.inf, due),
        np.where(np.isnan(pay), np.inf, pay),
        _ready_hours(frame),
    )
    repeats = _repeats(frame, lines)
    orders = Orders(
        order_id=frame["order_id"].to_numpy(object),
        zone=np.where(repeats == "", zone_ids.get_indexer(frame["zone_id"]), -1).astype(np.int64),
        repeats=repeats,
        day=day.astype(np.int64),
        promise=promise,
        together=together,
        first_piece=first_piece,
    )
    _tell_unpriced(scenario, sources, zone_ids, notes)
    capacity = _carrier_limits(scenario)
    group_of = {name: number + 1 for number, name in enumerate(capacity)}
    resources, column_of = _resources(scenario, sources, offers, lines, days, capacity)
    parts = _parts(scenario, lines, piece_of_line, column_of)
    return SourcingProblem(
        site_ids=sources["site_id"].to_numpy(object),
        handling=sources["handling_cost_per_unit"].to_numpy(np.float64),
        lead_days=sources["lead_days"].to_numpy(np.float64),
        days=days,
        zone_ids=zone_ids.to_numpy(object),
        orders=orders,
        pieces=_pieces(lines, first_piece, piece_of_line, parts),
        lines=Lines(
            *(lines[name].to_numpy(object) for name in ("line_id", "product_id")),
            *(lines[name].to_numpy(np.float64) for name in ("qty", "kg", "m3", "penalty")),
        ),
        resources=resources,
        tariff=build_tariff(
            rates_of(rates, sources),
            pd.Index(sources["key"]),
            zone_ids,
            group_of,
            scenario.filled("carriers").set_index("carrier_id")["acceptance_probability"],
            scenario.settings.co2_price_per_tonne,
        ),
        goods=_goods(scenario, sources, offers, resources, parts) if stock_value else None,
        decided=decided,
        notes=tuple(notes),
    )


def _orders(scenario: Scenario, notes: list[str]) -> pd.DataFrame:
    """Return accepted delivery orders with their ship day."""
    orders = scenario.filled("orders")
    accepted = (orders["kind"] == "delivery") & (orders["status"] == "accepted")
    kinds = orders.loc[~accepted, ["kind", "status"]].value_counts(sort=False)
    if len(kinds):
        counts = ", ".join(f"{n} {kind} {status}" for (kind, status), n in sorted(kinds.items()))
        notes.append(f"Orders that are not accepted deliveries are left out: {counts}.")
    orders = orders[accepted]
    start = pd.Timestamp(scenario.settings.start_date)
    ship_on = orders["release_at"].dt.normalize().fillna(start).clip(lower=start)
    return orders.assign(ship_on=ship_on)


def _tell_unpriced(
    scenario: Scenario, sources: pd.DataFrame, zone_ids: pd.Index, notes: list[str]
) -> None:
    """Say how many rates the price of CO2e leaves alone since what they emit is not stated."""
    if scenario.settings.co2_price_per_tonne <= 0.0:
        return
    rates = scenario.table("carrier_rates")
    rates = rates[
        rates["origin"].isin(set(sources["site_id"])) & rates["destination"].isin(zone_ids)
    ]
    blank = int(rates["g_co2e_per_parcel"].isna().sum())
    if blank:
        notes.append(
            f"{blank} of {len(rates)} carrier rates state no g_co2e_per_parcel: what their parcels"
            " emit is not known and not priced, so that they look cheaper beside rates that do."
        )


def _ready_hours(orders: pd.DataFrame) -> Floats:
    """Return hours after midnight of its ship day at which an order is there and released."""
    ready = orders[["release_at", "placed_at"]].max(axis=1)
    hours = (ready - orders["ship_on"]).dt.total_seconds() / SECONDS_PER_HOUR
    result: Floats = hours.fillna(0.0).clip(lower=0.0).to_numpy(np.float64)
    return result


def _lines(scenario: Scenario, orders: pd.DataFrame) -> pd.DataFrame:
    """Return the orders' lines with weight, volume, penalty and channel, sorted by id."""
    lines = scenario.table("order_lines")
    lines = lines[lines["order_id"].isin(set(orders["order_id"]))]
    lines = lines.sort_values(["order_id", "line_id"], kind="stable", ignore_index=True)
    lines = _lots(lines, orders)
    products = scenario.table("products").set_index("product_id")
    qty = lines["qty"].to_numpy(np.float64)

    def of_product(values: pd.Series) -> Floats:
        result: Floats = qty * values.reindex(lines["product_id"]).to_numpy(np.float64)
        return result

    facts = orders.set_index("order_id").reindex(lines["order_id"])
    urgency = USUAL_PRIORITY / facts["priority"].to_numpy(np.float64)
    return lines.assign(
        kg=of_product(products["weight_kg"]),
        m3=of_product(products["volume_m3"]),
        penalty=of_product(unserved_penalty(scenario)) * urgency,
        channel_id=facts["channel_id"].fillna("").to_numpy(object),
    )


def _lots(lines: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    """Part lines that may be split into lots of whole units, a row a lot; the last takes the rest.

    A lot is a unit, or where a line has more than MOST_LOTS, as many as make so many lots.
    """
    may = orders["allow_line_split"].astype(bool) & orders["allow_split"].astype(bool)
    splits = may.set_axis(orders["order_id"]).reindex(lines["order_id"]).to_numpy(bool)
    qty = lines["qty"].to_numpy(np.float64)
    lot = np.where(splits, np.maximum(1.0, np.ceil(qty / MOST_LOTS)), np.inf)
    count = np.where(splits, np.maximum(1.0, np.floor(qty / lot)), 1.0).astype(np.int64)
    rows = np.repeat(np.arange(len(lines)), count)
    last = np.cumsum(count) - 1
    part = np.minimum(lot[rows], qty[rows])
    part[last] = qty - np.where(count > 1, (count - 1) * np.where(splits, lot, 0.0), 0.0)
    return lines.iloc[rows].assign(qty=part).reset_index(drop=True)


def _repeats(orders: pd.DataFrame, lines: pd.DataFrame) -> Objects:
    """Return for every order the first that it repeats to the letter; "" for none.

    Only orders with coordinates can: without an address two customers look alike.
    """
    rows = lines.sort_values(["order_id", "product_id", "qty"], kind="stable")
    goods = rows["product_id"].astype(str) + " " + rows["qty"].astype(str)
    basket = goods.groupby(rows["order_id"]).agg("|".join).reindex(orders["order_id"])
    columns = ["placed_at", "due_to", "zone_id", "lat", "lon", "channel_id"]
    key = orders[columns].assign(basket=basket.to_numpy(object))
    by_id = key.assign(order_id=orders["order_id"]).sort_values("order_id", kind="stable")
    first = by_id.groupby([*columns, "basket"], dropna=False, sort=False)["order_id"]
    found = first.transform("first").reindex(orders.index).to_numpy(object)
    placed = orders[["lat", "lon"]].notna().all(axis=1).to_numpy()
    same = (found == orders["order_id"].to_numpy(object)) | ~placed
    result: Objects = np.where(same, "", found).astype(object)
    return result


def _arrange(
    orders: pd.DataFrame, lines: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, Ints, Ints, Any]:
    """Sort orders by number of pieces, then id; lay their lines side by side.

    Returns
    -------
    lines, orders : sorted
    first_piece : (n_orders + 1,) int64
    piece_of_line : (n_lines,) int64
    together : (n_orders,) bool
    """
    count = lines.groupby("order_id", sort=False).size()
    orders = orders.assign(lines=count.reindex(orders["order_id"]).fillna(0).to_numpy(np.int64))
    orders = orders[orders["lines"] > 0]
    whole = ~orders["allow_split"].to_numpy(bool) & (orders["lines"].to_numpy() > 1)
    orders = orders.assign(pieces=np.where(whole, 1, orders["lines"]), whole=whole)
    orders = orders.sort_values(["pieces", "order_id"], kind="stable", ignore_index=True)
    place = pd.Index(orders["order_id"]).get_indexer(lines["order_id"])
    by_order = np.argsort(place, kind="stable")
    lines, place = lines.iloc[by_order].reset_index(drop=True), place[by_order]
    pieces = orders["pieces"].to_numpy(np.int64)
    first_piece = np.concatenate([[0], np.cumsum(pieces)]).astype(np.int64)
    rank = lines.groupby(place, sort=False).cumcount().to_numpy(np.int64)
    whole = orders["whole"].to_numpy(bool)
    piece_of_line = first_piece[place] + np.where(whole[place], 0, rank)
    return lines, orders, first_piece, piece_of_line.astype(np.int64), whole


def _pieces(
    lines: pd.DataFrame, first_piece: Ints, piece_of_line: Ints, parts: tuple[Parts, ...]
) -> Pieces:
    count = int(first_piece[-1])

    def add_up(column: str) -> Floats:
        cells = lines[column].to_numpy(np.float64)
        return np.bincount(piece_of_line, weights=cells, minlength=count).astype(np.float64)

    of_piece = np.bincount(piece_of_line, minlength=count)
    return Pieces(
        order=np.repeat(np.arange(len(first_piece) - 1), np.diff(first_piece)),
        units=add_up("qty"),
        kg=add_up("kg"),
        m3=add_up("m3"),
        penalty=add_up("penalty"),
        loss=add_up("loss"),
        parts=parts,
        first_line=np.concatenate([[0], np.cumsum(of_piece)]).astype(np.int64),
    )


def _carrier_limits(scenario: Scenario) -> dict[str, float]:
    """Return parcels a day of the carriers that have a limit, by id, sorted."""
    carriers = scenario.table("carriers")
    limited = carriers[carriers["capacity_per_day"].notna()].sort_values("carrier_id")
    return dict(zip(limited["carrier_id"], limited["capacity_per_day"], strict=True))


def _resources(
    scenario: Scenario,
    sources: pd.DataFrame,
    offers: pd.DataFrame,
    lines: pd.DataFrame,
    days: Any,
    capacity: dict[str, float],
) -> tuple[Resources, pd.MultiIndex]:
    """Lay out stock by site and column, docks by site and day, carriers by day.

    A column is a product's stock for all, or what is kept for a channel.
    """
    wanted = explode_bundles(scenario, lines[["product_id", "qty"]])
    products = np.array(sorted(wanted["product_id"].unique()), dtype=object)
    stock = channel_stock(scenario)
    site = pd.Index(sources["key"]).get_indexer(stock["site_id"])
    there = (site >= 0) & stock["product_id"].isin(set(products)).to_numpy()
    stock, site = stock[there], site[there]
    fenced = stock.loc[stock["channel_id"] != "", ["product_id", "channel_id"]].drop_duplicates()
    fenced = fenced.sort_values(["product_id", "channel_id"])
    columns = pd.MultiIndex.from_arrays(
        [
            np.concatenate([products, fenced["product_id"].to_numpy(object)]),
            np.concatenate([[""] * len(products), fenced["channel_id"].to_numpy(object)]),
        ]
    )
    column = columns.get_indexer(pd.MultiIndex.from_frame(stock[["product_id", "channel_id"]]))
    cells = np.zeros((len(sources), len(columns)))
    cells[site, column] = stock["free"].to_numpy(np.float64)
    _offer(offers, sources, products, wanted, cells)
    names: Objects = columns.get_level_values(0).to_numpy(object)
    channel: Objects = columns.get_level_values(1).to_numpy(object)
    released, owners = release_days(scenario), site_owners(scenario)
    room = sources["outbound_units_per_day"].fillna(np.inf).to_numpy(np.float64)
    parcels = np.array([np.inf, *(np.floor(value) for value in capacity.values())])
    return Resources(
        product_id=names,
        channel_id=channel,
        released=np.array([released.get(name, np.inf if name else 0.0) for name in channel]),
        owner=np.array([owners.get(name, "") for name in sources["site_id"]], dtype=object),
        shared=pd.Index(products).get_indexer(names).astype(np.int64),
        stock=cells,
        room=np.repeat(room[:, None], len(days), axis=1),
        carrier_id=np.array(["", *capacity], dtype=object),
        parcels=np.repeat(parcels[:, None], len(days), axis=1),
    ), columns


def _offer(
    offers: pd.DataFrame,
    sources: pd.DataFrame,
    products: Objects,
    wanted: pd.DataFrame,
    cells: Floats,
) -> None:
    """Enter what drop-shippers offer; without a limit, all that is wanted of the product."""
    source = pd.Index(sources["key"]).get_indexer(offers["key"])
    product = pd.Index(products).get_indexer(offers["product_id"])
    at = np.flatnonzero(product >= 0)
    total = wanted.groupby("product_id")["qty"].sum().reindex(products).to_numpy(np.float64)
    units = offers["units"].to_numpy(np.float64)[at]
    cells[source[at], product[at]] = np.minimum(units, total[product[at]])


def _goods(
    scenario: Scenario,
    sources: pd.DataFrame,
    offers: pd.DataFrame,
    resources: Resources,
    parts: tuple[Parts, ...],
) -> Floats:
    """Return what the stock of each piece costs at each source, (n_sites, n_pieces).

    At sites the product's unit_cost, at a supplier what it asks for it, duty included.
    """
    names = resources.product_id
    cost = scenario.table("products").set_index("product_id")["unit_cost"].reindex(names)
    value = np.repeat(cost.to_numpy(np.float64)[None], len(sources), axis=0)
    asked = offers.assign(row=pd.Index(sources["key"]).get_indexer(offers["key"]))
    for row, of_source in asked.groupby("row", sort=False):
        prices = of_source.set_index("product_id")["unit_cost"].reindex(names).to_numpy(np.float64)
        value[row] = np.where(np.isnan(prices), value[row], prices)
    goods = np.zeros((len(sources), len(parts[0].piece) if parts else 0))
    for part in parts:
        goods[:, part.piece] += value[:, part.column] * part.qty
    return goods


def _parts(
    scenario: Scenario,
    lines: pd.DataFrame,
    piece_of_line: Ints,
    columns: pd.MultiIndex,
) -> tuple[Parts, ...]:
    """Return what each piece takes from which column, ranked within the piece."""
    needs = lines[["product_id", "channel_id", "qty"]].assign(piece=piece_of_line)
    needs = explode_bundles(scenario, needs)
    own = columns.get_indexer(pd.MultiIndex.from_frame(needs[["product_id", "channel_id"]]))
    everyone = needs[["product_id"]].assign(channel_id="")
    shared = columns.get_indexer(pd.MultiIndex.from_frame(everyone))
    needs = needs.assign(column=np.where(own >= 0, own, shared))
    total = needs.groupby(["piece", "column"], as_index=False)["qty"].sum()
    rank = total.groupby("piece", sort=False).cumcount().to_numpy(np.int64)
    parts = []
    for number in range(int(rank.max(initial=-1)) + 1):
        some = total[rank == number]
        parts.append(
            Parts(
                some["piece"].to_numpy(np.int64),
                some["column"].to_numpy(np.int64),
                some["qty"].to_numpy(np.float64),
            )
        )
    return tuple(parts)
