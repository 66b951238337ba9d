"""How long goods keep, what comes back, and which channels sell, as a scenario states it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from scenarios import Scenario
from scenarios.semantics.returns import whole_delays
from simulation.arrays import Places, Units
from simulation.facts import Channels, Life, Return
from simulation.kernels.rows import ALL

DISPOSITIONS = {"resell": "shelf", "repair": "shelf", "exchange": "exchange", "scrap": "scrap"}


def site_life(
    scenario: Scenario, site_id: str, products: Sequence[str], opening: Units
) -> Life | None:
    """Return how long the SKUs of a site keep; None where no shelf life and no date is stated.

    A lot ends on its `expires_on`, else `shelf_life_days` after its `received_on`; stock without
    either is fresh on the first day. What ends keeps to the morning of that day.

    Parameters
    ----------
    products : ids of its SKUs
    opening : (K,) units free on the first day; lots beyond them do not count
    """
    keeps = scenario.table("products").set_index("product_id")["shelf_life_days"]
    days = keeps.reindex(list(products)).to_numpy(np.float64)
    stock = scenario.filled("inventory")
    start = pd.Timestamp(scenario.settings.start_date)
    place = {product: k for k, product in enumerate(products)}
    rows = stock[(stock["site_id"] == site_id) & stock["product_id"].isin(set(place))]
    rows = rows[~(rows["expires_on"] <= start)]
    at = rows["product_id"].map(place).to_numpy(np.int64)
    received = rows["received_on"] + pd.to_timedelta(days[at], unit="D")
    ends = rows["expires_on"].fillna(received)
    known = ends.notna().to_numpy()
    if np.isnan(days).all() and not known.any():
        return None
    ticks = np.where(np.isnan(days), 0.0, np.maximum(np.rint(days), 1.0)).astype(np.int64)
    for_ever = scenario.settings.horizon_days + 1
    ticks[at[known]] = np.where(ticks[at[known]] > 0, ticks[at[known]], for_ever)
    free = rows["on_hand"] - rows["reserved"] - rows["quarantined"]
    left = opening.astype(np.int64)
    lots = []
    listed = pd.DataFrame({"at": at, "ends": ends.to_numpy(), "units": free.to_numpy(np.float64)})
    for row in listed[known].sort_values(["ends", "at"], kind="stable").itertuples(index=False):
        units = min(max(round(row.units), 0), int(left[row.at]))
        left[row.at] -= units
        if units:
            tick = max(1, (row.ends - start).days)
            lots.append((tick, np.array([row.at], np.int64), np.array([units], np.int32)))
    return Life(ticks, tuple(lots))


def site_returns(scenario: Scenario, products: Sequence[str]) -> tuple[Return, ...]:
    """Return what customers send back, a part per reason and disposition; () for nothing."""
    rows = scenario.table("return_rates")
    place = {product: k for k, product in enumerate(products)}
    rows = rows[rows["product_id"].isin(set(place)) & (rows["rate"] > 0)]
    made = []
    for (reason, disposition), part in rows.groupby(["reason", "disposition"], sort=True):
        at: Places = part["product_id"].map(place).to_numpy(np.int64)
        share, delay = np.zeros(len(place), np.int64), np.ones(len(place), np.int64)
        value = np.zeros(len(place))
        share[at] = np.rint(part["rate"].to_numpy(np.float64) * ALL).astype(np.int64)
        delay[at] = whole_delays(part["delay_days"])
        value[at] = part["recovery_value"].fillna(0.0).to_numpy(np.float64)
        made.append(Return(str(reason), DISPOSITIONS[str(disposition)], share, delay, value))
    return tuple(made)


def channel_demand(scenario: Scenario) -> pd.DataFrame:
    """Return product_id, channel_id, qty: demand of `forecasts` by channel, else of the history."""
    known = set(scenario.table("channels")["channel_id"])
    for table in ("forecasts", "demand_history"):
        rows = scenario.table(table)
        if table == "forecasts":
            rows = rows[rows["quantile"].isna()]
        rows = rows[rows["channel_id"].isin(known)]
        if float(rows["qty"].sum()) > 0:
            return rows.groupby(["product_id", "channel_id"], sort=True)["qty"].sum().reset_index()
    return pd.DataFrame({"product_id": [], "channel_id": [], "qty": []})


def site_channels(
    scenario: Scenario, demand: pd.DataFrame, products: Sequence[str], *, apart: bool = False
) -> Channels | None:
    """Return the channels that share the stock of a site; None where no share of stock is stated.

    Each product's demand is dealt out as its demand everywhere is, else as that of all products.

    Parameters
    ----------
    demand : of :func:`channel_demand`
    apart : channels are told apart even where none has a share of the stock
    """
    rows = scenario.table("channels")
    shares = rows["stock_share_pct"].fillna(0.0).to_numpy(np.float64)
    if not (apart or (shares > 0).any()) or not len(demand):
        return None
    names = list(rows["channel_id"])
    units = demand.pivot_table(index="product_id", columns="channel_id", values="qty")
    units = units.reindex(columns=names).fillna(0.0)
    own = units.reindex(list(products)).fillna(0.0).to_numpy(np.float64)
    overall = units.sum(axis=0).to_numpy(np.float64)
    part = np.where(own.sum(axis=1, keepdims=True) > 0, own, overall)
    so_far = np.cumsum(part, axis=1) / part.sum(axis=1, keepdims=True)
    hours = rows["release_hours_before"].fillna(0.0).to_numpy(np.float64)
    return Channels(
        tuple(names),
        np.ascontiguousarray(np.rint(so_far * ALL).astype(np.int64).T),
        np.floor(shares / 100.0 * ALL).astype(np.int64),
        np.ceil(hours / 24.0).astype(np.int64),
    )


def settlements(scenario: Scenario) -> tuple[tuple[int, float], ...]:
    """Return after how many days which part of the sales is paid: channels by their demand.

    Demand by channel is that of `forecasts`, else of `demand_history`; without any, and without
    channels, all is paid at once.
    """
    days = scenario.filled("channels").set_index("channel_id")["settlement_days"]
    sold = channel_demand(scenario).groupby("channel_id")["qty"].sum()
    parts: dict[int, float] = {}
    for channel, units in sold.items():
        ticks = round(float(days[channel]))
        parts[ticks] = parts.get(ticks, 0.0) + float(units / sold.sum())
    return tuple(sorted(parts.items())) or ((0, 1.0),)
