"""Online sourcing replayed by arrival: ``python -m benchmarks online --scenario DIR [...]``.

The same orders, in the order in which they arrive, are promised one by one

    nearest     each line from its cheapest site that has it, parcels by site
    sequential  each order at its own least cost, exactly, without prices
    online      each order at its own least cost with the prices of a batch that did not know it

and beside them the batch that knows them all (clairvoyant). The batch that gives the prices is of
orders drawn anew: zones by their shares, products by their stock, lines and units by their shares.
The kept share is (sequential - online) / (sequential - clairvoyant), likewise from nearest.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.machine import describe_machine
from optimizer.allocation import run_sourcing
from optimizer.allocation.sourcing.desk import Desk
from optimizer.allocation.sourcing.online import Decision, OnlineOrder, decide, order_of
from optimizer.outcome import Limits
from optimizer.stage import StageResult
from scenarios import Scenario


def yesterday(scenario: Scenario, seed: int) -> Scenario:
    """Return the scenario with as many orders drawn anew."""
    rng = np.random.default_rng(seed)
    orders, lines = scenario.table("orders"), scenario.table("order_lines")
    stock = scenario.table("inventory").groupby("product_id")["on_hand"].sum()
    count = lines.groupby("order_id").size()
    size = rng.choice(count.to_numpy(), len(orders))
    share = (stock / stock.sum()).to_numpy(np.float64)
    order = np.repeat(np.arange(len(orders)), size)
    product = rng.choice(len(stock), len(order), p=share)
    for _ in range(100):
        key = pd.Series(order * len(stock) + product)
        twice = key.duplicated().to_numpy()
        if not twice.any():
            break
        product[twice] = rng.choice(len(stock), int(twice.sum()), p=share)
    names = np.array([f"Y{number:07d}" for number in range(len(orders))], dtype=object)
    drawn = orders.assign(
        order_id=names, zone_id=rng.choice(orders["zone_id"].to_numpy(object), len(orders))
    )
    asked = pd.DataFrame(
        {
            "order_id": names[order],
            "line_id": np.arange(len(order)).astype(str).astype(object),
            "product_id": stock.index.to_numpy(object)[product],
            "qty": rng.choice(lines["qty"].to_numpy(np.float64), len(order)),
        }
    )
    keep = ~asked.duplicated(["order_id", "product_id"])
    tables = {**scenario.tables, "orders": drawn, "order_lines": asked[keep]}
    return Scenario(scenario.settings, tables)


def arrivals(scenario: Scenario) -> list[OnlineOrder]:
    """Return the orders by the moment at which they were placed."""
    orders = scenario.filled("orders").sort_values(["placed_at", "order_id"], kind="stable")
    parts = dict(iter(scenario.table("order_lines").groupby("order_id")))
    return [order_of(row, parts[row["order_id"]]) for row in orders.to_dict("records")]


def promise_all(desk: Desk, orders: list[OnlineOrder]) -> tuple[float, int, list[float]]:
    """Promise orders one by one; return money, split orders and CPU seconds of each decision."""
    total, split, seconds = 0.0, 0, []
    for order in orders:
        begun = time.process_time()
        decision = decide(desk, order)
        for parcel in decision.parcels:
            desk.take(
                parcel.site_id, parcel.carrier_id, parcel.ship_on, parcel.lines, order.channel_id
            )
        seconds.append(time.process_time() - begun)
        total += decision.cost
        split += len(decision.parcels) > 1
    return total, split, seconds


def nearest(desk: Desk, orders: list[OnlineOrder]) -> tuple[float, int]:
    """Send each line from the site that is cheapest for it alone, then pack by site."""
    total, split = 0.0, 0
    for order in orders:
        by_site: dict[str, list[Decision]] = {}
        for line in order.lines:
            alone = OnlineOrder(
                order.order_id, order.zone_id, order.placed_at, (line,), order.due_to
            )
            decision = decide(desk, alone)
            if not decision.parcels:
                total += decision.cost
                continue
            (parcel,) = decision.parcels
            desk.take(parcel.site_id, parcel.carrier_id, parcel.ship_on, parcel.lines, "")
            by_site.setdefault(parcel.site_id, []).append(decision)
        for site, decisions in by_site.items():
            total += _together(desk, order.zone_id, site, decisions)
        split += len(by_site) > 1
    return total, split


def _together(desk: Desk, zone_id: str, site_id: str, decisions: list[Decision]) -> float:
    """Return the money of one parcel with what several decisions send from a site."""
    if len(decisions) == 1:
        return decisions[0].cost
    lines = [line for decision in decisions for line in decision.parcels[0].lines]
    kg, m3 = (
        np.array([sum(line.qty * desk.facts(line.product_id)[at] for line in lines)])
        for at in (0, 1)
    )
    rates = desk.rates(zone_id)
    mine = np.flatnonzero((desk.site_ids[rates.site] == site_id) & (rates.upto_kg >= kg))
    if not len(mine):
        return sum(decision.cost for decision in decisions)
    money = desk.tariff.cost(rates.row[mine], kg, m3)
    return float(money.min()) + sum(decision.terms["handling"] for decision in decisions)


def _cost(result: StageResult) -> tuple[float, float]:
    certificate = result.certificate
    if certificate is None or certificate.objective is None or certificate.bound is None:
        raise RuntimeError("the batch had nothing to plan")
    return certificate.objective, certificate.bound


def main(arguments: list[str]) -> int:
    """Replay one scenario; print costs, kept shares and the time of a decision."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks online", description=__doc__)
    parser.add_argument("--scenario", type=Path, required=True)
    parser.add_argument("--work", type=float, default=20.0, help="of each batch")
    parser.add_argument("--seed", type=int, default=1, help="of the orders drawn for the prices")
    options = parser.parse_args(arguments)
    scenario = Scenario.load(options.scenario)
    orders = arrivals(scenario)
    print(f"{len(orders)} orders, seed {options.seed}; {describe_machine(['numpy', 'highspy'])}")
    batch = run_sourcing(scenario, {}, Limits(work=options.work))
    clairvoyant, bound = _cost(batch)
    before = run_sourcing(yesterday(scenario, options.seed), {}, Limits(work=options.work))
    prices = {"marginal_prices": before.tables.get("marginal_prices", pd.DataFrame())}
    near, near_split = nearest(Desk(scenario, {}), orders)
    plain, plain_split, _ = promise_all(Desk(scenario, {}), orders)
    online, online_split, seconds = promise_all(Desk(scenario, prices), orders)
    parcels = batch.tables["shipments"].groupby("order_id").size()
    rows = [
        ("nearest", near, near_split),
        ("sequential", plain, plain_split),
        ("online by prices", online, online_split),
        ("clairvoyant batch", clairvoyant, int((parcels > 1).sum())),
        ("bound of the batch", bound, None),
    ]
    print("| rule | cost | above the batch | orders split |\n|---|---|---|---|")
    for name, cost, split in rows:
        shown = "" if split is None else f"{100.0 * split / len(orders):.1f} %"
        print(f"| {name} | {cost:,.2f} | {100.0 * (cost / clairvoyant - 1.0):.2f} % | {shown} |")
    for name, cost in (("nearest", near), ("sequential", plain)):
        kept = 100.0 * (cost - online) / (cost - clairvoyant)
        print(f"of the saving from {name} to clairvoyant, online keeps {kept:.1f} %")
    micro = 1e6 * np.array(seconds)
    print(
        f"CPU microseconds an order, decided and reserved: mean {micro.mean():.0f},"
        f" median {np.median(micro):.0f}, 99 % {np.quantile(micro, 0.99):.0f}"
    )
    return 0
