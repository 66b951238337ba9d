"""Referee of order sourcing: stock, throughput, promises and every parcel's cost."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.audit.report import MONEY, AuditReport, Rules
from scenarios import Scenario
from scenarios.semantics.defaults import unserved_penalty
from scenarios.semantics.drop_ship import drop_ship_offers
from scenarios.semantics.work_hours import clock_s
from scenarios.semantics.zones import explode_bundles

Floats = NDArray[np.float64]

STAGE = "sourcing"
UNITS = 1e-6  # units; quantities must agree to it
KG = 1e-6  # relative; weights must agree to it
LINE = ["order_id", "line_id"]
PARCEL = [
    *("shipment_id", "order_id", "site_id", "carrier_id", "service"),
    *("ship_on", "promised_on", "weight_kg", "cost", "g_co2e"),
]


def check(
    scenario: Scenario, tables: Mapping[str, pd.DataFrame], *, stock_value: str = ""
) -> AuditReport:
    """Hold shipments, their lines and the unserved lines against the scenario.

    Parameters
    ----------
    stock_value : yes: what the stock that is shipped costs is part of the objective
    """
    rules = Rules(STAGE)
    parcels = tables.get("shipments", pd.DataFrame())
    packed = tables.get("shipment_lines", pd.DataFrame())
    unserved = tables.get("unserved", pd.DataFrame())
    orders = scenario.filled("orders")
    orders = orders[(orders["kind"] == "delivery") & (orders["status"] == "accepted")]
    wanted = scenario.table("order_lines")
    wanted = wanted[wanted["order_id"].isin(set(orders["order_id"]))].reset_index(drop=True)
    if not len(parcels):
        parcels = pd.DataFrame(columns=PARCEL)
        packed = pd.DataFrame(columns=["shipment_id", *LINE, "product_id", "qty"])
    if not len(unserved):
        unserved = pd.DataFrame(columns=["kind", "id", "qty", "code", "proof"])

    if not len(parcels) and not len(unserved) and len(scenario.table("decisions")):
        return AuditReport(STAGE, None)  # no plan keeps to the decisions: nothing is claimed
    _check_lines(rules, scenario, wanted, parcels, packed, unserved)
    _check_decisions(rules, scenario, parcels, unserved)
    content = _content(scenario, parcels, packed)
    _check_stock(rules, scenario, orders, content)
    _check_throughput(rules, scenario, orders, parcels, content)
    counts = stock_value.lower() == "yes"
    worth = _stock_value(scenario, content) if counts else pd.Series(dtype=np.float64)
    parcel, late, co2, risk = _check_parcels(rules, scenario, orders, parcels, content, worth)
    handling = _handling(scenario, content)
    penalty = unserved_penalty(scenario)
    left = unserved[unserved["kind"] == "order_line"]
    line_of = pd.Index(wanted["order_id"] + "/" + wanted["line_id"]).get_indexer(left["id"])
    missed = wanted.iloc[line_of[line_of >= 0]]
    weight = _urgency(orders, missed["order_id"])
    units = left["qty"].to_numpy(np.float64)[line_of >= 0]
    lost = units * penalty.reindex(missed["product_id"]).to_numpy() * weight
    terms = {
        "parcel": parcel,
        "handling": handling,
        "late": late,
        "co2": co2,
        "risk": risk,
        "unserved": float(np.sum(lost)),
    }
    if counts:
        terms["stock_value"] = float(worth.sum())
    return AuditReport(STAGE, float(sum(terms.values())), terms, tuple(rules.found))


def _check_lines(
    rules: Rules,
    scenario: Scenario,
    wanted: pd.DataFrame,
    parcels: pd.DataFrame,
    packed: pd.DataFrame,
    unserved: pd.DataFrame,
) -> None:
    """Every line of every order is shipped whole once, or unserved whole once."""
    names = wanted["order_id"] + "/" + wanted["line_id"]
    packed_names = packed["order_id"].astype(str) + "/" + packed["line_id"].astype(str)
    rules.add(
        "shipments", "stated_twice", parcels["shipment_id"].duplicated(), parcels["shipment_id"]
    )
    parcel_of = pd.Index(parcels["shipment_id"]).get_indexer(packed["shipment_id"])
    rules.add("shipment_lines", "unknown_shipment", parcel_of < 0, packed_names)
    empty = ~parcels["shipment_id"].isin(set(packed["shipment_id"]))
    rules.add("shipments", "without_lines", empty, parcels["shipment_id"])
    known = parcel_of >= 0
    owner = parcels["order_id"].to_numpy(object)[parcel_of[known]]
    other = owner != packed["order_id"].to_numpy(object)[known]
    rules.add("shipment_lines", "in_another_orders_parcel", other, packed_names[known])

    line_of = pd.Index(names).get_indexer(packed_names)
    rules.add("shipment_lines", "no_such_order_line", line_of < 0, packed_names)
    sound = line_of >= 0
    facts = wanted.iloc[line_of[sound]]
    rows = packed[sound]
    product = rows["product_id"].to_numpy(object) != facts["product_id"].to_numpy(object)
    rules.add("shipment_lines", "not_the_product_ordered", product, packed_names[sound])
    split = scenario.filled("orders").set_index("order_id")["allow_line_split"]
    may_split = split.reindex(facts["order_id"]).to_numpy(bool)
    qty = rows["qty"].to_numpy(np.float64)
    part = np.abs(qty - facts["qty"].to_numpy(np.float64)) > UNITS
    rules.add("shipment_lines", "not_shipped_whole", part & ~may_split, packed_names[sound])

    shipped = np.bincount(line_of[sound], qty, minlength=len(wanted))
    times = np.bincount(line_of[sound], minlength=len(wanted))
    whole = wanted["qty"].to_numpy(np.float64)
    splits = split.reindex(wanted["order_id"]).to_numpy(bool)
    left = unserved[unserved["kind"] == "order_line"]
    rules.add("unserved", "stated_twice", left["id"].duplicated(), left["id"])
    place = pd.Index(names).get_indexer(left["id"])
    rules.add("unserved", "no_such_order_line", place < 0, left["id"])
    missed = np.zeros(len(wanted))
    np.add.at(missed, place[place >= 0], left["qty"].to_numpy(np.float64)[place >= 0])
    rules.add("shipment_lines", "served_twice", (times > 1) & ~splits, names)
    rules.add("unserved", "shipped_and_unserved", (times > 0) & (missed > 0) & ~splits, names)
    total = np.abs(shipped + missed - whole) > UNITS
    rules.add("unserved", "neither_shipped_nor_unserved", total & (times == 0), names)
    rules.add("shipment_lines", "quantities_differ_from_the_order", total & (times > 0), names)


def _check_decisions(
    rules: Rules, scenario: Scenario, parcels: pd.DataFrame, unserved: pd.DataFrame
) -> None:
    """Hold parcels and what stays against what the planner has decided of orders."""
    rows = scenario.table("decisions")
    rows = rows[rows["kind"] == "shipment"]
    stays = set(unserved.loc[unserved["kind"] == "order_line", "id"].str.rsplit("/", n=1).str[0])
    for row in rows.itertuples():
        sent = parcels[parcels["order_id"] == row.order_id]
        here = sent
        if isinstance(row.site_id, str):
            here = sent[sent["site_id"] == row.site_id]
        must = row.sense in (">=", "=") and float(row.qty) > 0.0
        bars = row.sense in ("<=", "=") and float(row.qty) < 1.0
        elsewhere = len(here) < len(sent) or not len(sent) or row.order_id in stays
        broken = (must and elsewhere) or (bars and len(here) > 0)
        rules.add(
            "shipments", "against_a_decision", [broken], [f"{row.decision_id} {row.order_id}"]
        )


def _content(scenario: Scenario, parcels: pd.DataFrame, packed: pd.DataFrame) -> pd.DataFrame:
    """Return what leaves which site, line by line: units, kg and m3 of the line's own product."""
    products = scenario.table("products").set_index("product_id")
    columns = ["shipment_id", "site_id", "ship_on"]
    rows = packed[["shipment_id", *LINE, "product_id", "qty"]].merge(
        parcels[columns].drop_duplicates("shipment_id"), on="shipment_id", how="inner"
    )
    qty = rows["qty"].to_numpy(np.float64)
    weight = products["weight_kg"].reindex(rows["product_id"]).to_numpy(np.float64)
    volume = products["volume_m3"].reindex(rows["product_id"]).to_numpy(np.float64)
    return rows.assign(qty=qty, kg=qty * weight, m3=qty * volume)


def _check_stock(
    rules: Rules, scenario: Scenario, orders: pd.DataFrame, content: pd.DataFrame
) -> None:
    """No more leaves a site than lies there free; ring-fenced stock serves its channel only.

    Lines of a channel may take its own stock and the shared stock, so every set of channels
    must fit into what they may use together: each channel's excess over its own stock, added
    up, fits into the shared stock.
    """
    key = ["site_id", "product_id"]
    stock = scenario.filled("inventory")
    stock = stock[~(stock["expires_on"] <= pd.Timestamp(scenario.settings.start_date))]
    free = stock["on_hand"] - stock["reserved"] - stock["quarantined"]
    stock = stock[key].assign(channel=stock["channel_id"].fillna(""), qty=free.astype(float))
    held = stock.groupby([*key, "channel"], sort=False)["qty"].sum().clip(lower=0.0)
    channel = orders.set_index("order_id")["channel_id"]
    held = _for_channels(scenario, _less_what_stays(scenario, held))
    offers = drop_ship_offers(scenario)
    index = pd.MultiIndex.from_frame(
        offers[["supplier_id", "product_id"]].assign(channel="").set_axis(held.index.names, axis=1)
    )
    offered = pd.Series(offers["units"].to_numpy(np.float64), index=index)
    held = pd.concat([held, offered]) if len(offered) else held
    taken = content[["order_id", *key, "qty"]]
    taken = taken.assign(channel=channel.reindex(taken["order_id"]).fillna("").to_numpy(object))
    taken = explode_bundles(scenario, taken[[*key, "channel", "qty"]])
    used = taken.groupby([*key, "channel"], sort=False)["qty"].sum()
    both = pd.concat([used.rename("used"), held.rename("held")], axis=1).fillna(0.0)
    own = both.index.get_level_values("channel") != ""
    excess = (both["used"] - both["held"].where(own, 0.0)).clip(lower=0.0)
    shared = both["held"].where(~own, 0.0)
    sites_products = [both.index.get_level_values(level) for level in key]
    need = excess.groupby(sites_products, sort=False).sum()
    room = shared.groupby(sites_products, sort=False).sum()
    names = ["/".join(map(str, pair)) for pair in need.index]
    rules.add("shipment_lines", "above_stock", need > room + UNITS, names)


def _less_what_stays(scenario: Scenario, held: pd.Series) -> pd.Series:
    """Take keep_units of each site and product off its shared stock."""
    keep = scenario.table("inventory_policies").set_index(["site_id", "product_id"])["keep_units"]
    keep = keep[keep > 0.0].astype(float)
    keep.index = pd.MultiIndex.from_frame(keep.index.to_frame(index=False).assign(channel=""))
    stays = keep.reindex(held.index).fillna(0.0)
    result: pd.Series = (held - stays).clip(lower=0.0)
    return result


def _for_channels(scenario: Scenario, held: pd.Series) -> pd.Series:
    """Say who may have what is held: index site_id, product_id, channel ("" for all).

    At a site with a channel its rows and those without a channel are that channel's, others
    nobody's. Elsewhere each channel that is not released by the start keeps its share of the rows
    without a channel, in whole units; rows of released channels are for all.
    """
    home = scenario.table("sites").set_index("site_id")["channel_id"].dropna()
    channels = scenario.table("channels").set_index("channel_id")
    hours = channels["release_hours_before"].astype(float)
    opened = set(channels.index[hours >= 24.0 * scenario.settings.bucket_days])
    pct = channels["stock_share_pct"].astype(float).fillna(0.0)
    pct = pct[~pct.index.isin(opened)]
    pct = pct * min(1.0, 100.0 / max(float(pct.sum()), 1.0))
    if not len(home) and not opened and not pct.any():
        return held
    pieces: dict[tuple[str, str, str], float] = {}

    def put(site: str, product: str, channel: str, units: float) -> None:
        key = (site, product, channel)
        pieces[key] = pieces.get(key, 0.0) + units

    for (site, product, channel), units in held.items():
        if site in home.index:
            if channel in ("", home[site]):
                put(site, product, str(home[site]), units)
        elif channel:
            put(site, product, "" if channel in opened else channel, units)
        else:
            kept = 0.0
            for name, share in pct.items():
                part = float(np.floor(share * units / 100.0 + 1e-9))
                put(site, product, str(name), part)
                kept += part
            put(site, product, "", units - kept)
    result = pd.Series(pieces, dtype=float)
    result.index = result.index.set_names(held.index.names)
    return result


def _urgency(orders: pd.DataFrame, order_id: pd.Series) -> Floats:
    """Return by what the penalty of an order's lines is multiplied: 5 / priority."""
    priority = orders.set_index("order_id")["priority"].reindex(order_id)
    weight: Floats = 5.0 / priority.to_numpy(np.float64)
    return weight


def _ready_on(scenario: Scenario, orders: pd.DataFrame, order_id: pd.Series) -> pd.Series:
    """Return the day on which an order's parcels are ready: release, not before the start."""
    start = pd.Timestamp(scenario.settings.start_date)
    ready = orders.set_index("order_id")["release_at"].dt.normalize()
    days: pd.Series = ready.reindex(order_id).fillna(start).clip(lower=start)
    return days.reset_index(drop=True)


def _check_throughput(
    rules: Rules,
    scenario: Scenario,
    orders: pd.DataFrame,
    parcels: pd.DataFrame,
    content: pd.DataFrame,
) -> None:
    """Docks and carriers hold for the day on which parcels are ready."""
    parcels = parcels.reset_index(drop=True)
    parcels = parcels.assign(ready=_ready_on(scenario, orders, parcels["order_id"]))
    content = content.reset_index(drop=True)
    content = content.assign(ready=_ready_on(scenario, orders, content["order_id"]))
    sites = scenario.table("sites").set_index("site_id")
    status = sites["status"].reindex(parcels["site_id"]).to_numpy(object)
    sends = parcels["site_id"].isin(set(drop_ship_offers(scenario)["supplier_id"])).to_numpy()
    serves = sites["channel_id"].reindex(parcels["site_id"]).to_numpy(object)
    asks = orders.set_index("order_id")["channel_id"].reindex(parcels["order_id"]).to_numpy(object)
    other = ~pd.isna(serves) & (serves != asks)
    rules.add("shipments", "site_of_another_channel", other, parcels["shipment_id"])
    rules.add("shipments", "site_not_open", (status != "open") & ~sends, parcels["shipment_id"])
    moved = content.groupby(["site_id", "ready"], sort=False)["qty"].sum()
    room = sites["outbound_units_per_day"].reindex(moved.index.get_level_values(0)).to_numpy()
    names = [f"{site} {day:%Y-%m-%d}" for site, day in moved.index]
    rules.add("shipments", "above_outbound_capacity", moved.to_numpy() > room + UNITS, names)
    carriers = scenario.table("carriers").set_index("carrier_id")["capacity_per_day"]
    count = parcels.groupby(["carrier_id", "ready"], sort=False).size()
    most = carriers.reindex(count.index.get_level_values(0)).to_numpy(np.float64)
    names = [f"{carrier} {day:%Y-%m-%d}" for carrier, day in count.index]
    rules.add("shipments", "above_carrier_capacity", count.to_numpy() > most, names)


def _check_parcels(
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
    lost = lost * _urgency(orders, content["order_id"])
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


def _emission_money(scenario: Scenario, rate: pd.DataFrame) -> Floats:
    """Return what parcels on rates pay for CO2e; a rate that states no emission pays none."""
    grams: Floats = rate["g_co2e_per_parcel"].to_numpy(np.float64)
    return grams / 1e6 * scenario.settings.co2_price_per_tonne


def _stock_value(scenario: Scenario, content: pd.DataFrame) -> pd.Series:
    """Return what the stock in each parcel costs, by shipment_id.

    A unit of a site costs the product's unit_cost, one of a supplier what it asks, duty included.
    """
    columns = ["shipment_id", "site_id", "product_id", "qty"]
    stock = explode_bundles(scenario, content[columns])
    own = scenario.table("products").set_index("product_id")["unit_cost"]
    own_cost = own.reindex(stock["product_id"]).to_numpy(np.float64)
    asked = drop_ship_offers(scenario).set_index(["supplier_id", "product_id"])["unit_cost"]
    of_supplier = asked.reindex(pd.MultiIndex.from_frame(stock[["site_id", "product_id"]]))
    cost = np.where(of_supplier.isna(), own_cost, of_supplier.to_numpy(np.float64))
    money = pd.Series(cost * stock["qty"].to_numpy(np.float64))
    result: pd.Series = money.groupby(stock["shipment_id"].to_numpy(object)).sum()
    return result


def _handling(scenario: Scenario, content: pd.DataFrame) -> float:
    price = scenario.filled("sites").set_index("site_id")["handling_cost_per_unit"]
    per_unit = price.reindex(content["site_id"]).fillna(0.0).to_numpy(np.float64)  # suppliers: 0
    return float(np.sum(per_unit * content["qty"].to_numpy(np.float64)))
