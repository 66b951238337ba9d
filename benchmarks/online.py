"""Online sourcing replayed by arrival: ``python -m benchmarks online --scenario DIR [...]``.

The same orders, in the order in which they arrive, are promised one by one

    nearest        each line from its cheapest site that has it, parcels by site
    sequential     each order at its own least cost, exactly, without prices
    one day        ... with the prices of one batch of another day
    several days   ... with the mean price of several other days
    batches        ... priced anew several times a day, for what is left and what may still come
    futures        ... with stock priced by what is left and drawn futures, order by order
    own prices     ... with the prices of the batch that knows the day (nobody has them in time)

and beside them that batch (clairvoyant). Other days are drawn: zones by their shares, products
by their stock, lines and units by their shares. Mean prices are shrunk by the slope with which the
other days' mean tells a day's price. The kept share is (rule - online) / (rule - clairvoyant).
"""

from __future__ import annotations

import argparse
import datetime as dt
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.machine import describe_machine
from optimizer.allocation import run_sourcing
from optimizer.allocation.sourcing.arrivals import Arrivals
from optimizer.allocation.sourcing.desk import Desk
from optimizer.allocation.sourcing.online import decide
from optimizer.allocation.sourcing.online_orders import Decision, OnlineOrder, order_of
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


def day_prices(scenario: Scenario, desk: Desk, share: float, seed: int, work: float) -> Desk:
    """Return a desk with the prices of a drawn day, or of its rest, for what a desk has left."""
    drawn = yesterday(scenario, seed)
    orders = drawn.table("orders")
    orders = orders.iloc[: max(1, round(share * len(orders)))]
    lines = drawn.table("order_lines")
    site, column = np.nonzero(desk.goods.stock > 0.0)
    stock = pd.DataFrame(
        {
            "site_id": desk.site_ids[site],
            "product_id": [desk.goods.product_of[at] for at in column],
            "on_hand": desk.goods.stock[site, column],
        }
    )
    room = pd.Series(desk.day(desk.start).room.clip(min=0.0), desk.site_ids)
    sites = drawn.table("sites")
    left = room.reindex(sites["site_id"]).to_numpy()
    tables = {
        **drawn.tables,
        "orders": orders,
        "order_lines": lines[lines["order_id"].isin(set(orders["order_id"]))],
        "inventory": stock,
        "sites": sites.assign(outbound_units_per_day=np.where(np.isinf(left), np.nan, left)),
    }
    result = run_sourcing(Scenario(scenario.settings, tables), {}, Limits(work=work))
    prices = result.tables.get("marginal_prices", pd.DataFrame())
    return Desk(scenario, {"marginal_prices": prices})


def set_mean_prices(desk: Desk, days: list[Desk]) -> float:
    """Give a desk the mean prices of several days; return by what those of stock were shrunk."""
    there = desk.goods.stock > 0.0
    above = []
    for day in days:
        least = np.where(there, day.price, np.inf).min(axis=0)
        above.append(np.where(there, day.price - np.where(np.isfinite(least), least, 0.0), 0.0))
    total = np.sum(above, axis=0)
    slope = 1.0
    if len(days) > 1:
        others = [(total - price) / (len(days) - 1) for price in above]
        both = sum(float((one * price).sum()) for one, price in zip(others, above, strict=True))
        slope = min(1.0, both / max(sum(float((one**2).sum()) for one in others), 1e-12))
    desk.goods.price = slope * total / len(days)
    room = [day.day(day.start).room_price for day in days]
    desk.day(desk.start).room_price[:] = np.mean(room, axis=0)
    return slope


def replay(
    scenario: Scenario, orders: list[OnlineOrder], times: int, days: int, seed: int, work: float
) -> tuple[float, int, list[float]]:
    """Promise all orders, with prices made anew so many times from so many drawn days."""
    desk, total, split = Desk(scenario, {}), 0.0, 0
    seconds: list[float] = []
    for part in range(times):
        share = 1.0 - part / times
        first = seed * 1000 + part * days
        set_mean_prices(
            desk,
            [day_prices(scenario, desk, share, first + day, work) for day in range(days)],
        )
        some = orders[part * len(orders) // times : (part + 1) * len(orders) // times]
        cost, several, taken = promise_all(desk, some)
        total, split = total + cost, split + several
        seconds += taken
    return total, split, seconds


def expected(scenario: Scenario) -> Arrivals:
    """Return what a day brings on average: zones by their shares, products by their stock."""
    orders, lines = scenario.table("orders"), scenario.table("order_lines")
    stock = scenario.table("inventory").groupby("product_id")["on_hand"].sum()
    zones = orders["zone_id"].value_counts(normalize=True).sort_index()
    wanted = np.outer(stock * len(lines) / stock.sum(), zones)
    frame = pd.DataFrame(wanted, stock.index, pd.Index(zones.index, name="zone_id"))
    placed = orders["placed_at"]
    return Arrivals(
        frame.stack().rename("lines").reset_index(),
        placed.min().to_pydatetime(),
        placed.max().to_pydatetime() + dt.timedelta(seconds=1),
        len(orders) / len(lines),
    )


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
            ready = order.ready_on(desk.start)
            desk.take(
                parcel.site_id, parcel.carrier_id, ready, parcel.lines, order.channel_id,
                order.placed_at,
            )  # fmt: skip
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
            ready = order.ready_on(desk.start)
            desk.take(parcel.site_id, parcel.carrier_id, ready, parcel.lines, "")
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
        np.array([sum(line.qty * desk.goods.facts(line.product_id)[at] for line in lines)])
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
    parser.add_argument("--work", type=float, default=20.0, help="of the batch that knows all")
    parser.add_argument("--day-work", type=float, default=2.0, help="of the batch of a drawn day")
    parser.add_argument("--days", type=int, default=4, help="drawn for a mean price")
    parser.add_argument("--times", type=int, default=4, help="prices are made anew in a day")
    parser.add_argument("--seed", type=int, default=1, help="of the drawn days")
    options = parser.parse_args(arguments)
    scenario = Scenario.load(options.scenario)
    orders = arrivals(scenario)
    print(f"{len(orders)} orders, seed {options.seed}; {describe_machine(['numpy', 'highspy'])}")
    begun = time.process_time()
    batch = run_sourcing(scenario, {}, Limits(work=options.work))
    clairvoyant, bound = _cost(batch)
    parcels = batch.tables["shipments"].groupby("order_id").size()
    own = {"marginal_prices": batch.tables.get("marginal_prices", pd.DataFrame())}
    rows: list[tuple[str, float, int | None]] = [
        ("nearest", *nearest(Desk(scenario, {}), orders)),
        ("sequential", *promise_all(Desk(scenario, {}), orders)[:2]),
    ]
    seconds: list[float] = []
    for name, times, days in (
        ("online, one day", 1, 1),
        (f"online, {options.days} days", 1, options.days),
        (f"online, {options.times} batches of {options.days} days", options.times, options.days),
    ):
        cost, split, seconds = replay(scenario, orders, times, days, options.seed, options.day_work)
        rows.append((name, cost, split))
    cost, split, seconds = promise_all(Desk(scenario, {}, expected(scenario)), orders)
    rows.append(("online, futures", cost, split))
    rows.append(("online, own prices", *promise_all(Desk(scenario, own), orders)[:2]))
    rows.append(("clairvoyant batch", clairvoyant, int((parcels > 1).sum())))
    rows.append(("bound of the batch", bound, None))
    print("| rule | cost | above the batch | orders split | kept from nearest | from sequential |")
    print("|---|---|---|---|---|---|")
    for name, cost, several in rows:
        shown = "" if several is None else f"{100.0 * several / len(orders):.1f} %"
        kept = [100.0 * (rows[at][1] - cost) / (rows[at][1] - clairvoyant) for at in (0, 1)]
        print(
            f"| {name} | {cost:,.2f} | {100.0 * (cost / clairvoyant - 1.0):.2f} % | {shown}"
            f" | {kept[0]:.1f} % | {kept[1]:.1f} % |"
        )
    micro = 1e6 * np.array(seconds)
    print(
        f"CPU microseconds an order, decided and reserved: mean {micro.mean():.0f},"
        f" median {np.median(micro):.0f}, 99 % {np.quantile(micro, 0.99):.0f};"
        f" CPU seconds in all: {time.process_time() - begun:.0f}"
    )
    return 0
