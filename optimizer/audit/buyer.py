"""Referee of a buyer's plan: every rule in every bucket, and the cost, from the facts alone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.audit.buyer_facts import BuyerFacts, order_dates, read_buyer, slowest_lane
from optimizer.audit.offers import PAIR
from optimizer.audit.replenishment import landed_cost
from optimizer.audit.report import MONEY, AuditReport, Rules
from optimizer.plan import conform
from scenarios import Scenario
from scenarios.semantics.inbound import inbound_ways

Floats = NDArray[np.float64]

STAGE = "buyer"
ORDERS = "purchase_orders"
PROJECTION = "inventory_projection"
OPTION = ["supplier_id", *PAIR]
GROUP = ["supplier_id", "site_id", "bucket"]
TOLERANCE = 1e-8  # relative, on sums of money and volume
GRAMS = 1e-6  # relative, on what a line states
GRAMS_PER_TONNE = 1e6


def check(scenario: Scenario, tables: Mapping[str, pd.DataFrame], scope: str = "") -> AuditReport:
    """Hold a buyer's purchase orders and projected stock against the scenario."""
    rules = Rules(STAGE)
    stated = tables.get(PROJECTION, conform(PROJECTION, pd.DataFrame()))
    listed = stated[PAIR].drop_duplicates(ignore_index=True)
    facts = read_buyer(scenario, tables, scope, listed)
    outside = len(listed) - len(facts.items)
    rules.add(PROJECTION, "item_not_in_scope", [outside > 0], [f"{outside} items"])
    missing = facts.expected - len(facts.items)
    rules.add(PROJECTION, "item_of_the_scope_missing", [missing > 0], [f"{missing} items"])
    orders = tables.get(ORDERS, conform(ORDERS, pd.DataFrame()))
    lines = lines_in_play(rules, scenario, facts, orders)
    closing, lost, receipts = stock_through(facts, lines)
    _check_projection(rules, facts, stated, (closing, receipts))
    _check_returns(rules, facts, lines)
    _check_latest_safe(rules, scenario, facts, lines, (receipts, lost))
    shipments = _check_orders(rules, scenario, lines)
    lines = _with_grams(rules, scenario, lines)
    _check_limits(rules, scenario, facts, lines, scope)
    _check_storage(rules, scenario, facts, closing)
    terms = _terms(scenario, facts, lines, shipments, (closing, lost))
    return AuditReport(STAGE, float(sum(terms.values())), terms, tuple(rules.found))


def lines_in_play(
    rules: Rules, scenario: Scenario, facts: BuyerFacts, orders: pd.DataFrame
) -> pd.DataFrame:
    """Check each line by itself; return those that are offers in play, with their buckets."""
    settings = scenario.settings
    start, length = pd.Timestamp(settings.start_date), settings.bucket_days
    lines = orders.merge(facts.offers, on=OPTION, how="left", suffixes=("_stated", ""))
    names = lines["order_id"].astype(str) + "/" + lines["line"].astype(str)
    rules.add(ORDERS, "line_stated_twice", lines.duplicated(["order_id", "line"]), names)
    unknown = lines["lead_time_mean_days"].isna()
    rules.add(ORDERS, "no_such_offer", unknown, names)
    lines, names = lines[~unknown].reset_index(drop=True), names[~unknown].reset_index(drop=True)
    days = (lines["order_on"] - start).dt.days
    lines = lines.assign(
        bucket=(days // length).astype(int),
        arrival=((lines["due_on"] - start).dt.days // length).astype(int),
    )
    horizon = settings.horizon_buckets
    rules.add(
        ORDERS, "ordered_outside_the_horizon", (days < 0) | (lines["bucket"] >= horizon), names
    )
    rules.add(ORDERS, "comes_after_the_horizon", lines["arrival"] >= horizon, names)
    rules.add(ORDERS, "option_stated_twice", lines.duplicated([*OPTION, "bucket"]), names)
    qty = lines["qty"].astype(float)
    multiple = lines["order_multiple"].astype(float)
    unit = lines[PAIR].merge(facts.items, on=PAIR, how="left")["unit"].to_numpy(np.float64)
    rules.add(ORDERS, "not_positive", ~(qty > 0.0), names)
    rules.add(
        ORDERS, "not_a_multiple", np.abs(qty / multiple - np.round(qty / multiple)) > 1e-9, names
    )
    rules.add(ORDERS, "not_whole", np.abs(qty / unit - np.round(qty / unit)) > 1e-9, names)
    rules.add(ORDERS, "under_moq", qty < lines["moq"] - 1e-9, names)
    priced = landed_cost(scenario, lines)
    off = np.abs(lines["unit_cost_stated"].astype(float) - priced)
    rules.add(ORDERS, "unit_cost_differs", ~(off <= MONEY), names)
    off = np.abs(lines["cost"].astype(float) - qty * priced)
    rules.add(ORDERS, "cost_differs", ~(off <= MONEY), names)
    dates = [order_dates(scenario, row, row["order_on"]) for _, row in lines.iterrows()]
    rules.add(ORDERS, "supplier_takes_no_orders_that_day", [not day for day, _ in dates], names)
    wrong = [due != said for (_, due), said in zip(dates, lines["due_on"], strict=True)]
    rules.add(ORDERS, "due_on_differs", wrong, names)
    rules.add(ORDERS, "offer_has_ended", lines["order_on"] > lines["valid_to"], names)
    products = scenario.table("products").set_index("product_id")
    ended = products["discontinued_on"].reindex(lines["product_id"]).to_numpy()
    rules.add(ORDERS, "discontinued", lines["due_on"].to_numpy() >= ended, names)
    weekly = qty.groupby([lines["row"], lines["bucket"]]).sum()
    most = lines.groupby(["row", "bucket"])["capacity_per_week"].first() * length / 7.0
    rules.add(
        ORDERS, "above_capacity", weekly > most * (1.0 + TOLERANCE), [str(k) for k in weekly.index]
    )
    inside = lines["bucket"].between(0, horizon - 1) & lines["arrival"].between(0, horizon - 1)
    kept = lines.assign(
        spend=qty * priced,
        kg=qty * products["weight_kg"].reindex(lines["product_id"]).to_numpy(np.float64),
        m3=qty * products["volume_m3"].reindex(lines["product_id"]).to_numpy(np.float64),
        category=products["category"].reindex(lines["product_id"]).to_numpy(object),
        usable=np.floor(qty / unit * lines["fill_rate"] * (1.0 - lines["defect_rate"]) + 1e-9)
        * unit,
    )
    return kept[inside].reset_index(drop=True)


def stock_through(facts: BuyerFacts, lines: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
    """Return closing stock, units lost and receipts of each item and bucket."""
    index = pd.MultiIndex.from_frame(facts.items[PAIR])
    receipts = facts.receipts.copy()
    at = index.get_indexer(pd.MultiIndex.from_frame(lines[PAIR]))
    np.add.at(receipts, (at, lines["arrival"].to_numpy()), lines["usable"].to_numpy(np.float64))
    opening = facts.items["opening"].to_numpy(np.float64)
    return *_closing_and_lost(opening, receipts, facts.demand), receipts


def _closing_and_lost(opening: Floats, receipts: Floats, demand: Floats) -> tuple[Floats, Floats]:
    """Return closing stock and units lost, (n, n_buckets), of stock that comes in and goes out."""
    stock = opening
    closing, lost = np.empty_like(receipts), np.empty_like(receipts)
    for bucket in range(receipts.shape[1]):
        left = stock + receipts[:, bucket] - demand[:, bucket]
        lost[:, bucket] = np.maximum(-left, 0.0)
        stock = np.maximum(left, 0.0)
        closing[:, bucket] = stock
    return closing, lost


def _check_latest_safe(
    rules: Rules,
    scenario: Scenario,
    facts: BuyerFacts,
    lines: pd.DataFrame,
    flows: tuple[Floats, Floats],
) -> None:
    """A line comes, at the latest, by the bucket in which its item loses more without it.

    Parameters
    ----------
    flows : receipts and units lost of the items, with all lines
    """
    receipts, lost = flows
    index = pd.MultiIndex.from_frame(facts.items[PAIR])
    at = index.get_indexer(pd.MultiIndex.from_frame(lines[PAIR]))
    without = receipts[at]
    without[np.arange(len(lines)), lines["arrival"].to_numpy(np.int64)] -= lines["usable"]
    opening = facts.items["opening"].to_numpy(np.float64)[at]
    _, short = _closing_and_lost(opening, without, facts.demand[at])
    more = short > lost[at] + 0.5
    first = np.where(more.any(axis=1), more.argmax(axis=1), more.shape[1])
    start = pd.Timestamp(scenario.settings.start_date)
    needed = start + pd.to_timedelta(first * scenario.settings.bucket_days, unit="D")
    latest = needed - (lines["due_on"] - lines["order_on"])
    names = lines["order_id"].astype(str) + "/" + lines["line"].astype(str)
    rules.add(ORDERS, "latest_safe_day_differs", lines["latest_safe_on"] != latest, names)


def until_next_arrival(facts: BuyerFacts, lines: pd.DataFrame) -> list[tuple[int, slice]]:
    """Return of each line its item and the buckets from its arrival to the item's next."""
    index = pd.MultiIndex.from_frame(facts.items[PAIR])
    item = index.get_indexer(pd.MultiIndex.from_frame(lines[PAIR]))
    arrival = lines["arrival"].to_numpy(np.int64)
    found = []
    for at, begin in zip(item.tolist(), arrival.tolist(), strict=True):
        later = arrival[(item == at) & (arrival > begin)]
        found.append((at, slice(begin, int(later.min()) if len(later) else facts.demand.shape[1])))
    return found


def _check_returns(rules: Rules, facts: BuyerFacts, lines: pd.DataFrame) -> None:
    """Hold the units that come back until an item's next arrival against the referee's count."""
    if "expected_returns" not in lines.columns:
        return
    own = [facts.returned[at, part].sum() for at, part in until_next_arrival(facts, lines)]
    told = np.nan_to_num(lines["expected_returns"].to_numpy(np.float64))
    names = lines["order_id"].astype(str) + "/" + lines["line"].astype(str)
    rules.add(ORDERS, "expected_returns_differ", np.abs(told - np.array(own)) > 1e-6, names)


def _check_projection(
    rules: Rules, facts: BuyerFacts, stated: pd.DataFrame, flows: tuple[Floats, Floats]
) -> None:
    """Every item and bucket is stated with its own demand, receipts and closing stock."""
    rows = stated.sort_values([*PAIR, "bucket"], kind="stable")
    order = facts.items.sort_values(PAIR, kind="stable").index.to_numpy()
    for column, truth in (
        ("demand", facts.demand),
        ("closing", flows[0]),
        ("receipts", flows[1]),
    ):
        said, true = rows[column].to_numpy(np.float64), truth[order].ravel()
        if len(said) != len(true):
            rules.add(PROJECTION, "rows_missing", [True], [f"{len(said)} of {len(true)}"])
            return
        names = rows["product_id"] + "@" + rows["site_id"]
        rules.add(PROJECTION, f"{column}_differs", np.abs(said - true) > 1e-6, names)


def _check_orders(rules: Rules, scenario: Scenario, lines: pd.DataFrame) -> pd.DataFrame:
    """Check least values and fills; return supplier, site, bucket, order_cost and shipping cost."""
    found = []
    for key, part in lines.groupby(GROUP, sort=True):
        supplier, site, bucket = key
        name = [f"{supplier} {site} bucket {bucket}"]
        least = float(part["min_order_value"].max())
        value = float(part["spend"].sum())
        rules.add(ORDERS, "under_min_order_value", [value < least * (1.0 - TOLERANCE)], name)
        lane = slowest_lane(scenario, str(supplier), str(site))
        cost = 0.0
        if lane is not None:
            kg, m3, units = (float(part[column].sum()) for column in ("kg", "m3", "qty"))
            by_kg, by_m3 = kg / lane["shipment_kg"], m3 / lane["shipment_m3"]
            full = [share for share in (by_kg, by_m3) if not np.isnan(share)]
            count = max([1.0, *(np.ceil(share - TOLERANCE) for share in full)])
            fill = by_kg if np.isnan(by_m3) else by_m3
            need = lane["min_fill_pct"] / 100.0 * count
            rules.add(ORDERS, "under_min_fill", [fill < need * (1.0 - TOLERANCE)], name)
            cost = (
                count * lane["cost_per_shipment"] + kg * lane["cost_per_kg"]
                + m3 * lane["cost_per_m3"] + units * lane["cost_per_unit"]
            )  # fmt: skip
        found.append((*key, float(part["order_cost"].max()), float(cost)))
    return pd.DataFrame(found, columns=[*GROUP, "order_cost", "shipping"])


def _check_limits(
    rules: Rules, scenario: Scenario, facts: BuyerFacts, lines: pd.DataFrame, scope: str
) -> None:
    """Check every hard limit on money, units and shares in every bucket."""
    settings = scenario.settings
    for limit in scenario.table("limits").itertuples():
        if not _hard(limit.hard) or limit.sense != "<=":
            continue
        for bucket, part in lines.groupby("bucket"):
            day = pd.Timestamp(settings.start_date) + pd.Timedelta(
                days=int(bucket) * settings.bucket_days
            )
            end = day + pd.Timedelta(days=settings.bucket_days)
            if pd.notna(limit.bucket) and not day <= limit.bucket < end:
                continue
            rows = part[_in_scope(part, str(limit.scope))]
            used = 0.0
            if limit.kind in ("budget", "supplier_spend"):
                used = float(rows["spend"].sum())
            elif limit.kind == "supplier_units":
                used = float(rows["qty"].astype(float).sum())
            elif limit.kind == "supplier_share_pct" and len(rows) and _several(facts, scope):
                whole = part if str(limit.scope).startswith("supplier:") else rows
                most = float(rows.groupby("supplier_id")["spend"].sum().max())
                used = 100.0 * most / max(float(whole["spend"].sum()), 1e-12)
            elif limit.kind == "co2":
                used = _grams(part, str(limit.scope))
            over = used > float(limit.value) * (1.0 + TOLERANCE) + TOLERANCE
            rules.add(
                ORDERS, f"over_{limit.kind}", [over], [f"{limit.limit_id} {day.date()}: {used:.2f}"]
            )


def _with_grams(rules: Rules, scenario: Scenario, lines: pd.DataFrame) -> pd.DataFrame:
    """Add what lines emit on the slowest lane of each, `grams` (0: not known); check what they say.

    The mode and the grams of a line are held against it where the table states them.
    """
    grams, modes = np.zeros(len(lines)), np.full(len(lines), "", object)
    for (supplier, site), at in lines.groupby(["supplier_id", "site_id"]).indices.items():
        rows = lines.iloc[at]
        lane = slowest_lane(scenario, str(supplier), str(site))
        ways = inbound_ways(scenario, rows)
        if lane is not None:
            modes[at] = str(lane["mode"])
            ways = ways[ways["mode"] == lane["mode"]]
        grams[at] = float(ways["g_per_kg"].iloc[0]) * rows["kg"].to_numpy(np.float64)
    if "g_co2e" in lines.columns:
        names = lines["order_id"].astype(str) + "/" + lines["line"].astype(str)
        told = lines["g_co2e"].to_numpy(np.float64)
        off = ~(np.abs(told - grams) <= GRAMS * np.maximum(1.0, np.abs(grams)))
        off = np.where(np.isnan(grams), ~np.isnan(told), off)
        rules.add(ORDERS, "co2_differs", off, names)
        said = lines["mode"].fillna("").to_numpy(object)
        rules.add(ORDERS, "no_such_mode", said != modes, names)
    return lines.assign(grams=np.nan_to_num(grams))


def _grams(lines: pd.DataFrame, scope: str) -> float:
    """Return what lines emit as far as the limit counts them."""
    if scope.startswith("supplier:"):
        lines = lines[lines["supplier_id"] == scope.removeprefix("supplier:")]
    elif scope not in ("all", "stage:buyer"):
        return 0.0
    return float(lines["grams"].sum())


def _several(facts: BuyerFacts, scope: str) -> bool:
    """Shares of spend are known to plans over several suppliers only."""
    return scope.startswith("category:") and len(facts.offers) > 0


def _hard(cell: object) -> bool:
    return True if pd.isna(cell) else bool(cell)


def _in_scope(rows: pd.DataFrame, scope: str) -> pd.Series:
    kind, _, name = scope.partition(":")
    column = {"supplier": "supplier_id", "site": "site_id", "category": "category",
              "product": "product_id"}.get(kind)  # fmt: skip
    if column is None:
        return pd.Series(True, index=rows.index)
    if column not in rows:
        return pd.Series(False, index=rows.index)
    return (rows[column] == name).fillna(False)


def _check_storage(rules: Rules, scenario: Scenario, facts: BuyerFacts, closing: Floats) -> None:
    """Projected stock fits beside all other stock in every bucket, or does not without orders."""
    settings = scenario.settings
    products = scenario.table("products").set_index("product_id")
    stock, coming = scenario.table("inventory"), scenario.table("open_orders")
    both = pd.concat(
        [stock[PAIR].assign(qty=stock["on_hand"]), coming[[*PAIR, "qty"]]], ignore_index=True
    )
    both = both.assign(
        category=products["category"].reindex(both["product_id"]).to_numpy(object),
        m3=both["qty"].astype(float)
        * products["volume_m3"].reindex(both["product_id"]).fillna(0.0).to_numpy(np.float64),
    )
    each = np.nan_to_num(facts.items["m3"].to_numpy(np.float64))
    bare, _, _ = stock_through(facts, _no_lines())
    sites = scenario.table("sites")
    limits = [(f"site:{row.site_id}", pd.NaT, row.storage_m3) for row in sites.itertuples()]
    table = scenario.table("limits")
    limits += [
        (str(row.scope), row.bucket, row.value)
        for row in table.itertuples()
        if row.kind == "storage" and row.sense == "<=" and _hard(row.hard)
    ]
    for scope, bucket, room in limits:
        inside = _in_scope(facts.items, scope).to_numpy(bool)
        if pd.isna(room) or not inside.any():
            continue
        others = float(both.loc[_in_scope(both, scope), "m3"].sum())
        others -= float((facts.items["own"].to_numpy(np.float64) * each)[inside].sum())
        held = (each[:, None] * closing)[inside].sum(axis=0)
        without = (each[:, None] * bare)[inside].sum(axis=0)
        left = np.maximum(float(room) - max(others, 0.0), without)
        over = held > left * (1.0 + TOLERANCE) + TOLERANCE
        if pd.notna(bucket):
            at = (pd.Timestamp(bucket) - pd.Timestamp(settings.start_date)).days
            over &= np.arange(len(over)) == at // settings.bucket_days
        names = [f"{scope} bucket {at}: {used:.3f} m3" for at, used in enumerate(held)]
        rules.add(PROJECTION, "over_storage", over, names)


def _no_lines() -> pd.DataFrame:
    columns = {"site_id": "str", "product_id": "str", "arrival": "int64", "usable": "float64"}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})


def _terms(
    scenario: Scenario,
    facts: BuyerFacts,
    lines: pd.DataFrame,
    shipments: pd.DataFrame,
    flows: tuple[Floats, Floats],
) -> dict[str, float]:
    """Return money by term of the stage's objective."""
    items, (closing, lost) = facts.items, flows
    under = np.maximum(items["floor"].to_numpy(np.float64)[:, None] - closing, 0.0)

    def money(column: str, units: Floats) -> float:
        return float((items[column].to_numpy(np.float64)[:, None] * units).sum())

    assert scenario.settings.horizon_buckets == closing.shape[1]
    return {
        "purchase": float(lines["spend"].sum()),
        "order": float(shipments["order_cost"].sum()),
        "transport": float(shipments["shipping"].sum()),
        "co2": scenario.settings.co2_price_per_tonne
        / GRAMS_PER_TONNE
        * float(lines["grams"].sum()),
        "holding": money("holding", closing),
        "shortage": money("shortage", lost) + money("least", lost),
        "safety": money("floor_price", under),
        "stock_change": money("least", facts.receipts)
        + money("least", items["opening"].to_numpy(np.float64)[:, None] - closing[:, -1:]),
    }
