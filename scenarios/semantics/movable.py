"""Which stock may leave its site tonight, and what counts where it is: facts for all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scenarios.scenario import Scenario
from scenarios.semantics.waiting import stocked_products

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Stock:
    """Units of every product at every stocking site; arrays (products, sites).

    Attributes
    ----------
    on_hand : free units: less reserved and quarantined, not expired
    movable : whole units that may leave tonight
    staying : what counts there beside them: stock kept for channels, parts of units, open orders
        that come within the waiting time
    """

    on_hand: Floats
    movable: Ints
    staying: Floats


def read_stock(scenario: Scenario, sites: pd.DataFrame, days: Floats, mean: Floats) -> Stock:
    """Return what lies where, channels and open orders counted.

    Stock of a channel (rows of `inventory` with a channel, `stock_share_pct` of the rest in whole
    units rounded down, cut down to 100 % in sum) leaves its site only once it is released:
    `release_hours_before` the end of the first bucket. Rows of a channel that is not released
    within the waiting time count up to the channel's share of the demand there. What lies at a
    platform's own warehouse stays.

    Parameters
    ----------
    sites : as :func:`scenarios.semantics.waiting.stocking_sites`
    days : (n_products, n_sites) waiting time
    mean : (n_products, n_sites) demand within it, units
    """
    products = pd.Index(stocked_products(scenario)["product_id"])
    index = pd.Index(sites["site_id"])
    shape = (len(products), len(index))
    stock = scenario.filled("inventory")
    stock = stock[~(stock["expires_on"] <= pd.Timestamp(scenario.settings.start_date))]
    stock = stock.assign(free=stock["on_hand"] - stock["reserved"] - stock["quarantined"])

    def grid(rows: pd.DataFrame, column: str) -> Floats:
        total = np.zeros(shape)
        at = (products.get_indexer(rows["product_id"]), index.get_indexer(rows["site_id"]))
        inside = (at[0] >= 0) & (at[1] >= 0)
        np.add.at(total, (at[0][inside], at[1][inside]), rows[column].to_numpy(np.float64)[inside])
        return total

    shared = np.maximum(grid(stock[stock["channel_id"].isna()], "free"), 0.0)
    counted, movable_own, own_total = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    shares: list[float] = []
    released = release_days(scenario)
    for channel in scenario.table("channels").itertuples():
        own = np.maximum(grid(stock[stock["channel_id"] == channel.channel_id], "free"), 0.0)
        own_total += own
        free_on = released[str(channel.channel_id)]
        if free_on <= 0.0:
            movable_own += own
            continue
        if not np.isnan(channel.stock_share_pct):
            shares.append(float(channel.stock_share_pct))
        part = channel_share(scenario, str(channel.channel_id))
        counted += np.where(free_on <= days, own, np.minimum(own, part * mean))
    whole = max(100.0, sum(shares))
    kept = sum((np.floor(shared * share / whole + 1e-9) for share in shares), np.zeros(shape))
    movable = np.floor(np.maximum(shared - kept, 0.0) + movable_own + 1e-9)
    movable[:, sites["channel_id"].notna().to_numpy()] = 0.0
    coming = scenario.table("open_orders")
    coming = coming.assign(
        day=(coming["due_on"] - pd.Timestamp(scenario.settings.start_date)).dt.days
    )
    at = (products.get_indexer(coming["product_id"]), index.get_indexer(coming["site_id"]))
    inside = (at[0] >= 0) & (at[1] >= 0)
    coming = coming[inside]
    in_time = coming["day"].to_numpy(np.float64) < days[at[0][inside], at[1][inside]]
    arriving = grid(coming[in_time], "qty")
    staying = shared + movable_own - movable + counted + arriving
    return Stock(shared + own_total, movable.astype(np.int64), staying)


def release_days(scenario: Scenario) -> dict[str, float]:
    """Return days from the start until each channel's unused stock is for all; infinite: never."""
    length = float(scenario.settings.bucket_days)
    channels = scenario.table("channels")
    return {
        str(name): np.inf if np.isnan(hours) else length - float(hours) / 24.0
        for name, hours in zip(
            channels["channel_id"], channels["release_hours_before"], strict=True
        )
    }


def channel_share(scenario: Scenario, channel_id: str) -> float:
    """Return a channel's share of demand with a channel; 1 where none is known."""
    for table in ("demand_history", "forecasts"):
        rows = scenario.table(table)
        rows = rows[rows["channel_id"].notna()]
        if table == "forecasts":
            rows = rows[rows["quantile"].isna()]
        total = float(rows["qty"].sum())
        if total > 0.0:
            return float(rows.loc[rows["channel_id"] == channel_id, "qty"].sum()) / total
    return 1.0
