"""Replays weekly ordering over held-back weeks: Holdfast's plan against a benchmark policy.

    python -m benchmarks replay [--scenario FOLDER | --series 599] [--history 157] [--weeks 8]

Every week: what is known so far becomes a scenario, `plan` forecasts and decides, the order
arrives after the lead time, demand that finds no stock is lost. Costs are holding on what is
left at the end of a week and shortage on what was lost; they count from the first week that an
order could reach. The benchmark policy is a moving average of 13 weeks times a seasonal index
over all series, ordered up to four weeks of cover; both start from the same stock.
"""

from __future__ import annotations

import argparse
import datetime as dt
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.machine import describe_machine
from benchmarks.weekly_sales import WeeklySales, make_weekly_sales, weekly_sales_of
from optimizer.pipeline import plan
from scenarios import Scenario, Settings

Floats = NDArray[np.float64]

MOVING_WEEKS = 13
COVER_WEEKS = 4
SITE = "SHOP"
Policy = Callable[[int, Floats, list[Floats]], Floats]
"""(week, stock on hand, orders on their way, the next first) -> order, units per series."""


def main(arguments: Sequence[str]) -> int:
    """Run the replay and print both policies' costs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks replay", description=__doc__)
    parser.add_argument("--scenario", type=Path, help="history to replay instead of a made-up one")
    parser.add_argument("--series", type=int, default=599, help="series to make up, or at most")
    parser.add_argument("--history", type=int, default=157, help="weeks before the first order")
    parser.add_argument("--weeks", type=int, default=8, help="weeks of orders")
    parser.add_argument("--lead-weeks", type=int, default=2)
    parser.add_argument("--holding", type=float, default=0.2, help="per unit and week")
    parser.add_argument("--shortage", type=float, default=1.0, help="per unit")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if options.scenario is None:
        length = options.history + options.weeks
        data = make_weekly_sales(options.series, length, options.seed)
    else:
        data = _longest(weekly_sales_of(Scenario.load(options.scenario)), options)
    print(describe_machine(("numpy", "pandas", "scipy", "lightgbm")))
    replay = Replay(data, options.weeks, options.lead_weeks, options.holding, options.shortage)
    began = time.process_time()
    benchmark = replay.run(replay.moving_average)
    ours = replay.run(replay.planned)
    for name, (holding, shortage) in (("moving average", benchmark), ("holdfast", ours)):
        total = holding + shortage
        print(f"{name:16s} holding {holding:12,.1f}  shortage {shortage:12,.1f}  {total:12,.1f}")
    change = 100.0 * (sum(ours) / sum(benchmark) - 1.0)
    seconds = time.process_time() - began
    print(f"change {change:+.1f} %  ({len(data.keys)} series, {seconds:.0f} CPU s)")
    return 0


def _longest(data: WeeklySales, options: argparse.Namespace) -> WeeklySales:
    """Keep the series with the longest history that sold in the weeks before the replay."""
    before = data.n_weeks - options.weeks
    known = (~np.isnan(data.sales[:, :before])).sum(axis=1)
    alive = np.nansum(data.sales[:, max(before - MOVING_WEEKS, 0) : before], axis=1) > 0.0
    order = np.argsort(-(known * alive), kind="stable")[: options.series]
    kept = np.zeros(len(known), bool)
    kept[order] = True
    return data.after(kept & alive)


class Replay:
    """One shop, week after week."""

    def __init__(
        self, data: WeeklySales, weeks: int, lead_weeks: int, holding: float, shortage: float
    ) -> None:
        self.data, self.weeks, self.lead = data, weeks, lead_weeks
        self.holding, self.shortage = holding, shortage
        self.first = data.n_weeks - weeks
        self.season = self._seasonal_index()

    def run(self, policy: Policy) -> tuple[float, float]:
        """Return holding and shortage money of a policy over the weeks that orders reach."""
        average = self._moving_average(self.first)
        stock = np.round(2.0 * average)
        coming = [np.round(average) for _ in range(self.lead - 1)]
        holding = shortage = 0.0
        for week in range(self.first, self.data.n_weeks):
            coming.append(policy(week, stock, coming))
            demand = self.data.demand[:, week]
            lost = np.maximum(demand - stock, 0.0)
            stock = np.maximum(stock - demand, 0.0)
            if week >= self.first + self.lead:
                holding += self.holding * float(stock.sum())
                shortage += self.shortage * float(lost.sum())
            stock = stock + coming.pop(0)
        return holding, shortage

    def moving_average(self, week: int, stock: Floats, coming: list[Floats]) -> Floats:
        """Order up to four weeks of seasonal moving average."""
        ahead = [self.season[(week + k) % 52] for k in range(COVER_WEEKS)]
        level = self._moving_average(week) * sum(ahead)
        return np.maximum(np.round(level - stock - sum(coming, np.zeros(len(stock)))), 0.0)

    def planned(self, week: int, stock: Floats, coming: list[Floats]) -> Floats:
        """Order what the plan of that night says."""
        scenario = self.scenario(week, stock, coming)
        orders = plan(scenario, ["forecasting", "replenishment"]).table("purchase_orders")
        tonight = orders[orders["order_on"] == pd.Timestamp(scenario.settings.start_date)]
        qty = tonight.groupby(["product_id", "site_id"])["qty"].sum()
        index = pd.MultiIndex.from_frame(self.data.keys[["product_id", "location_id"]])
        ordered: Floats = qty.reindex(index).fillna(0.0).to_numpy(np.float64)
        return ordered

    def scenario(self, week: int, stock: Floats, coming: list[Floats]) -> Scenario:
        """Return what is known at the start of a week."""
        data = self.data
        keys = data.keys
        start = data.monday + np.timedelta64(7 * week, "D")
        row, column = np.nonzero(~np.isnan(data.sales[:, :week]))
        dates = (data.monday + 7 * column.astype("timedelta64[D]")).astype("datetime64[ms]")
        pair = {"site_id": keys["location_id"], "product_id": keys["product_id"]}
        products = keys.drop_duplicates("product_id")
        orders = [
            pd.DataFrame(pair).assign(
                qty=qty, due_on=(start + np.timedelta64(7 * (k + 1), "D")).astype("datetime64[ms]")
            )
            for k, qty in enumerate(coming)
        ]
        open_orders = pd.concat(orders, ignore_index=True) if orders else pd.DataFrame(pair)[:0]
        if len(open_orders):
            open_orders = open_orders[open_orders["qty"] > 0.0].reset_index(drop=True)
            open_orders = open_orders.assign(
                order_id=[f"O{number}" for number in range(len(open_orders))],
                line=1.0,
                kind="purchase",
                source_id="MAKER",
                ordered_on=start.astype("datetime64[ms]"),
            )
        places = keys["location_id"].drop_duplicates().reset_index(drop=True)
        tables = {
            "products": pd.DataFrame(
                {
                    "product_id": products["product_id"].to_numpy(object),
                    "name": products["product_id"].to_numpy(object),
                    "category": products["category"].replace("", np.nan).to_numpy(object),
                    "unit_cost": 1.0,
                    "unit_price": 1.0 + self.shortage,
                    "weight_kg": 1.0,
                    "volume_m3": 0.001,
                }
            ),
            "sites": pd.DataFrame(
                {"site_id": places, "kind": "store", "name": places, "status": "open"}
            ),
            "suppliers": pd.DataFrame({"supplier_id": ["MAKER"], "name": ["Maker"]}),
            "supplier_products": pd.DataFrame(
                {
                    "supplier_id": "MAKER",
                    "product_id": products["product_id"].to_numpy(object),
                    "unit_cost": 1.0,
                    "lead_time_mean_days": 7.0 * self.lead,
                }
            ),
            "demand_history": pd.DataFrame(
                {
                    "date": dates,
                    "product_id": keys["product_id"].to_numpy(object)[row],
                    "location_id": keys["location_id"].to_numpy(object)[row],
                    "qty": data.sales[row, column],
                    "stockout": data.stockout[row, column],
                }
            ),
            "inventory": pd.DataFrame(pair).assign(on_hand=stock),
            "open_orders": open_orders,
            "inventory_policies": pd.DataFrame(pair).assign(
                policy="base_stock",
                review_days=7.0,
                shortage_cost=self.shortage,
                holding_cost_per_unit_day=self.holding / 7.0,
            ),
        }
        settings = Settings(
            name="replay",
            currency="EUR",
            timezone="UTC",
            start_date=dt.date.fromisoformat(str(start)),
            bucket="week",
            horizon_buckets=max(self.lead + 2, 8),
        )
        return Scenario(settings, tables)

    def _moving_average(self, week: int) -> Floats:
        """Return the mean of 13 weeks with the season taken out; weeks of stockouts left out."""
        columns = np.arange(max(week - MOVING_WEEKS, 0), week)
        sales = np.where(self.data.stockout, np.nan, self.data.sales)[:, columns]
        plain = sales / self.season[columns % 52]
        known = ~np.isnan(plain)
        total = np.where(known, plain, 0.0).sum(axis=1)
        average: Floats = total / np.maximum(known.sum(axis=1), 1)
        return average

    def _seasonal_index(self) -> Floats:
        """Return the share of each week of the year in all sales before the replay, mean 1."""
        index = np.ones(52)
        if self.first < 2 * 52:
            return index
        total = np.nansum(self.data.sales[:, : self.first], axis=0)
        level = np.convolve(total, np.ones(52) / 52.0, mode="same")
        ratio = total[26:-26] / np.maximum(level[26:-26], 1e-9)
        place = np.arange(26, self.first - 26) % 52
        count = np.bincount(place, minlength=52)
        mean = np.bincount(place, ratio, minlength=52) / np.maximum(count, 1)
        return np.where(count > 0, mean / mean[count > 0].mean(), 1.0)
