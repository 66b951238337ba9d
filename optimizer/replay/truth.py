"""What really happened: recorded demand by day, and how late each order came."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scenarios import InputError, Scenario
from scenarios.semantics.zones import explode_bundles, zone_shares

Floats = NDArray[np.float64]

PAIR = ["site_id", "product_id"]
DAY = pd.Timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Truth:
    """Recorded demand of the days that are replayed.

    Attributes
    ----------
    start : first day
    pairs : site_id, product_id
    demand : (n_pairs, n_days) units, days of a recorded week drawn by the seed
    seed : of the days within a week and of lateness
    """

    start: pd.Timestamp
    pairs: pd.MultiIndex
    demand: Floats
    seed: int

    @property
    def days(self) -> int:
        """How many days are recorded."""
        return int(self.demand.shape[1])

    def lateness(self, supplier: str, site: str, day: pd.Timestamp, sd: float) -> int:
        """Return by how many days an order comes later than expected, the same in every arm."""
        key = zlib.crc32(f"{supplier}\x1f{site}\x1f{day:%Y-%m-%d}".encode())
        draw = float(np.random.default_rng([self.seed, key]).standard_normal())
        return int(np.rint(sd * draw))

    def ahead(self, day: int, buckets: int, length: int) -> Floats:
        """Return demand of the next buckets from a day on, (n_pairs, buckets).

        Beyond the record the mean of its last 28 days goes on.
        """
        usual = self.demand[:, -28:].mean(axis=1)
        need = day + buckets * length
        more = np.repeat(usual[:, None], max(0, need - self.days), axis=1)
        whole = np.concatenate([self.demand[:, day:], more], axis=1)[:, : buckets * length]
        result: Floats = whole.reshape(len(whole), buckets, length).sum(axis=2)
        return result


def read_truth(scenario: Scenario, days: int, seed: int) -> tuple[Truth, pd.Timestamp]:
    """Return what the last whole periods of `demand_history` record, and their first day.

    Raises
    ------
    InputError
        There is no history, or it is shorter than twice the days asked for.
    """
    history = scenario.table("demand_history")
    if not len(history):
        raise InputError("a replay needs demand_history")
    length = scenario.settings.bucket_days
    end = history["date"].max() + pd.Timedelta(days=length)
    periods = -(-days // length)
    start = end - pd.Timedelta(days=periods * length)
    if history["date"].min() > start - pd.Timedelta(days=periods * length):
        raise InputError(f"demand_history is too short to replay {days} days")
    rows = at_sites(scenario, history[history["date"] >= start])
    totals = rows.groupby([*PAIR, "date"])["qty"].sum().unstack(fill_value=0.0)
    dates = pd.date_range(start, periods=periods, freq=f"{length}D")
    weekly = totals.reindex(columns=dates, fill_value=0.0)
    rng = np.random.default_rng([seed, days])
    whole = np.rint(weekly.to_numpy(np.float64)).astype(np.int64)
    parts = rng.multinomial(whole, np.full(length, 1.0 / length))
    demand = parts.reshape(len(whole), periods * length).astype(np.float64)
    pairs = pd.MultiIndex.from_frame(weekly.index.to_frame(index=False)[PAIR])
    return Truth(start, pairs, demand, seed), start


def at_sites(scenario: Scenario, history: pd.DataFrame) -> pd.DataFrame:
    """Return history as site_id, product_id, date, qty: zones shared out, bundles taken apart."""
    rows = history.rename(columns={"location_id": "place"})[["place", "product_id", "date", "qty"]]
    sites = set(scenario.table("sites")["site_id"])
    own = rows[rows["place"].isin(sites)].rename(columns={"place": "site_id"})
    shares = zone_shares(scenario)
    shares = shares[shares["channel_id"].isna()]
    zones = rows.merge(shares[["zone_id", "site_id", "share"]], left_on="place", right_on="zone_id")
    zones = zones.assign(qty=zones["qty"] * zones["share"])
    both = pd.concat([own, zones], ignore_index=True)[["site_id", "product_id", "date", "qty"]]
    return explode_bundles(scenario, both)
