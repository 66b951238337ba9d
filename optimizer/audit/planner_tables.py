"""Referee of the tables that planners read beside the orders: rules, stock, suppliers, alerts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from optimizer.audit.report import MONEY, Rules
from optimizer.audit.returns import check_returns
from optimizer.audit.risk_register import check_risks
from scenarios import Scenario

Floats = NDArray[np.float64]

PAIR = ["site_id", "product_id"]
NEAR = 1e-6
NEAR_POISSON = 0.05  # of variance / mean to 1


def check_planner_tables(
    rules: Rules, scenario: Scenario, pairs: pd.DataFrame, tables: Mapping[str, pd.DataFrame]
) -> None:
    """Hold the tables against the facts and against each other.

    Parameters
    ----------
    pairs : counted pairs: site_id, product_id, interval_mean, interval_sd, expected_returns
        [units], alone [flag]
    """
    made = {name: table for name, table in tables.items() if len(table)}
    if "policies" in made:
        _policies(rules, scenario, pairs, made["policies"])
        check_returns(rules, "policies", made["policies"], pairs)
    if "safety_stock" in made:
        _safety_stock(rules, made["safety_stock"])
    if "stock_frontier" in made:
        _frontier(rules, made["stock_frontier"])
    if "stock_health" in made:
        _health(rules, scenario, made["stock_health"])
    if "supplier_scores" in made:
        _scores(rules, scenario, made["supplier_scores"])
    if "supplier_dependency" in made:
        _dependency(rules, scenario, made["supplier_dependency"], tables)
    if "alerts" in made:
        _alerts(rules, scenario, made["alerts"])
    if "risks" in made:
        check_risks(rules, scenario, made["risks"])


def _names(table: pd.DataFrame) -> pd.Series:
    return table["product_id"].astype("str") + "@" + table["site_id"].astype("str")


def _policies(rules: Rules, scenario: Scenario, pairs: pd.DataFrame, table: pd.DataFrame) -> None:
    name, names = "policies", _names(table)
    rules.add(name, "stated_twice", table.duplicated(PAIR), names)
    listed = scenario.table("inventory_policies")
    by_planner = listed.loc[listed["s"].notna() & listed["S"].notna(), PAIR]
    free = ~pd.MultiIndex.from_frame(table[PAIR]).isin(pd.MultiIndex.from_frame(by_planner))
    levels = table[(table["policy"] != "r_Q") & free]
    rules.add(name, "s_not_under_S", ~(levels["s"] < levels["S"]), _names(levels))
    lots = table[table["policy"] == "r_Q"]
    rules.add(name, "no_lot", ~(lots["Q"] > 0.0), _names(lots))
    both = listed.merge(table, on=PAIR, suffixes=("_own", ""))
    for column in ("s", "S", "r", "Q"):
        own = both[f"{column}_own"].astype(float)
        lost = own.notna() & ~(np.abs(own - both[column].astype(float)) <= NEAR)
        rules.add(name, "planner_s_number_changed", lost, _names(both))
    # base stock of a pair that stands for itself: no stockout with P(D <= S)
    one = table[table["policy"] == "base_stock"].merge(pairs[pairs["alone"]], on=PAIR)
    one = one[(one["interval_mean"] > 0.0) & (one["interval_sd"] > NEAR)]
    mean, sd = one["interval_mean"].to_numpy(float), one["interval_sd"].to_numpy(float)
    service = no_stockout(mean, sd, one["S"].to_numpy(float))
    differs = ~(np.abs(service - one["cycle_service"].to_numpy(float)) <= NEAR)
    rules.add(name, "cycle_service_differs", differs, _names(one))


def no_stockout(mean: Floats, sd: Floats, level: Floats) -> Floats:
    """Return P(D <= level) of the law that mean and sd name."""
    ratio = sd**2 / mean
    wide = np.maximum(ratio, 1.0 + 1e-9)
    laws = [
        stats.poisson.cdf(level, mean),
        stats.nbinom.cdf(level, mean / (wide - 1.0), 1.0 / wide),
        stats.norm.cdf(level, mean, sd),
    ]
    poisson = np.abs(ratio - 1.0) <= NEAR_POISSON
    found: Floats = np.select([poisson, ratio > 1.0], laws[:2], laws[2])
    return found


def _safety_stock(rules: Rules, table: pd.DataFrame) -> None:
    name = "safety_stock"
    total = table.groupby("product_id", sort=False)[
        ["holding_cost_per_day", "single_echelon_cost_per_day"]
    ].sum()
    alone = total["single_echelon_cost_per_day"] * (1.0 + NEAR) + NEAR
    rules.add(name, "dearer_than_alone", total["holding_cost_per_day"] > alone, total.index)
    feeds = pd.MultiIndex.from_frame(table[["feeder_id", "product_id"]].dropna())
    at_end = ~pd.MultiIndex.from_frame(table[PAIR]).isin(feeds)
    late = at_end & (table["service_time_days"] > 0.0)
    rules.add(name, "customers_wait", late, _names(table))
    promised = table.set_index(PAIR)["service_time_days"]
    keys = pd.MultiIndex.from_arrays([table["feeder_id"], table["product_id"]])
    served = promised.reindex(keys).fillna(0.0).to_numpy(float)
    # its own time, served + time - service = net, is what it takes: not below 0
    own = table["net_replenishment_days"] + table["service_time_days"] - served
    rules.add(name, "time_does_not_add_up", own < -NEAR, _names(table))


def _frontier(rules: Rules, table: pd.DataFrame) -> None:
    name = "stock_frontier"
    for scope, rows in table.sort_values("point").groupby("scope", sort=False):
        chosen = rows["chosen"].astype(bool)
        rules.add(name, "not_one_chosen", [int(chosen.sum()) != 1], [scope])
        falls = np.diff(rows["stock_value"].to_numpy(float)) < -MONEY
        falls |= np.diff(rows["fill_rate"].to_numpy(float)) < -NEAR
        rules.add(name, "not_rising", falls, [scope] * len(falls))
        cost = rows["cost_per_day"].to_numpy(float)
        dear = cost[chosen.to_numpy()] > cost.min() * (1.0 + NEAR) + MONEY
        rules.add(name, "chosen_is_dearer", dear, [scope] * len(dear))


def _health(rules: Rules, scenario: Scenario, table: pd.DataFrame) -> None:
    name, names = "stock_health", _names(table)
    stock = scenario.table("inventory").groupby(PAIR, sort=False)["on_hand"].sum()
    held = stock.reindex(pd.MultiIndex.from_frame(table[PAIR])).fillna(0.0).to_numpy(float)
    rules.add(name, "on_hand_differs", ~(np.abs(held - table["on_hand"]) <= NEAR), names)
    cost = scenario.table("products").set_index("product_id")["unit_cost"]
    worth = table["excess_units"] * cost.reindex(table["product_id"]).to_numpy(float)
    wrong = ~(np.abs(worth - table["excess_value"]) <= MONEY + NEAR * worth)
    rules.add(name, "excess_value_differs", wrong, names)


def _scores(rules: Rules, scenario: Scenario, table: pd.DataFrame) -> None:
    receipts = scenario.table("receipts")
    if not len(receipts):
        return
    in_time = (receipts["received_on"] <= receipts["promised_on"]).astype(float)
    rate = in_time.groupby(receipts["supplier_id"]).mean().reindex(table["supplier_id"])
    stated, found = table["on_time_rate"].to_numpy(float), rate.to_numpy(float)
    differs = ~((np.abs(stated - found) <= NEAR) | (np.isnan(stated) & np.isnan(found)))
    rules.add("supplier_scores", "on_time_rate_differs", differs, table["supplier_id"])


def _dependency(
    rules: Rules, scenario: Scenario, table: pd.DataFrame, tables: Mapping[str, pd.DataFrame]
) -> None:
    name = "supplier_dependency"
    total = table.groupby("scope", sort=False)[["spend", "share_pct"]].sum()
    spent = total[total["spend"] > MONEY]
    rules.add(name, "shares_are_not_100", np.abs(spent["share_pct"] - 100.0) > 1e-4, spent.index)
    orders = tables.get("purchase_orders", pd.DataFrame())
    paid = 0.0
    if len(orders):
        tonight = orders["order_on"] == pd.Timestamp(scenario.settings.start_date)
        paid = float(orders.loc[tonight, "cost"].astype(float).sum())
    stated = float(total["spend"].get("all", 0.0))
    rules.add(name, "spend_differs", [abs(paid - stated) > MONEY + NEAR * paid], ["all"])


def _alerts(rules: Rules, scenario: Scenario, table: pd.DataFrame) -> None:
    name, entity = "alerts", table["entity"].astype("str")
    rules.add(name, "no_money_at_risk", ~(table["value"] >= 0.0), entity)
    share = table["probability"].astype(float)
    rules.add(name, "no_probability", (share < 0.0) | (share > 1.0), entity)
    known = {
        "product": set(scenario.table("products")["product_id"]),
        "supplier": set(scenario.table("suppliers")["supplier_id"]),
        "site": set(scenario.table("sites")["site_id"]),
    }
    kind = entity.str.partition(":")[0]
    thing = entity.str.partition(":")[2]
    for word, ids in known.items():
        of_kind = (kind == word).to_numpy()
        # an id may hold an @ itself: the site is what follows the last one
        named = thing.where(thing.isin(ids), thing.str.rpartition("@")[0])
        rules.add(name, "unknown_entity", of_kind & ~named.isin(ids).to_numpy(), entity)
