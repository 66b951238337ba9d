"""Transfers of later nights to the product-locations that another site feeds."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.facts import Facts
from optimizer.replenishment.lane_nights import waiting_cost
from optimizer.replenishment.offers import PAIR
from optimizer.replenishment.rolling.intervals import Intervals
from optimizer.replenishment.rolling.stock import Stock
from optimizer.replenishment.rolling.storage import Storage
from optimizer.replenishment.stock_cost import best_level
from optimizer.replenishment.transfers import Moves, on_lanes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Mover:
    """Moves stock down the chains of `item_sources`, bucket by bucket.

    As tonight: each fed pair claims what lifts its position to its best level over the days
    between its reviews and the transit; claims beyond the origin's stock, less what its own
    demand needs, are served in equal shares, in whole units, as far as the site has room.
    """

    def __init__(self, facts: Facts, intervals: Intervals, every: Ints, storage: Storage) -> None:
        self.facts, self.intervals, self.every, self.storage = facts, intervals, every, storage
        pairs = facts.pairs
        fed = pairs["feeder_id"].notna().to_numpy()
        index = pd.MultiIndex.from_frame(pairs[PAIR])
        origin = index.get_indexer(
            pd.MultiIndex.from_arrays([pairs["feeder_id"].to_numpy(object), pairs["product_id"]])
        )
        is_open = facts.scenario.table("sites").set_index("site_id")["status"] == "open"
        here = is_open.reindex(pairs["site_id"]).fillna(False).to_numpy(bool)
        self.fed = np.flatnonzero(fed & (origin >= 0) & here & here[np.maximum(origin, 0)])
        self.origin = origin[self.fed]

    def move(self, stock: Stock) -> Moves:
        """Ship what is claimed at the opening of the next bucket; return its transfers."""
        bucket, length = stock.bucket, self.intervals.bucket_days
        now = np.flatnonzero(bucket % self.every[self.fed] == 0)
        if not len(now):
            return Moves(pd.DataFrame(), pd.DataFrame())
        fed, origin = self.fed[now], self.origin[now]
        pairs = self.facts.pairs
        transit = pairs["transit_days"].to_numpy(np.float64)
        between: Floats = self.every * np.float64(length)
        mean, variance = self._net(bucket, between + transit)
        level = best_level(
            mean,
            np.sqrt(np.maximum(variance, 0.0)),
            pairs["holding_cost_per_unit_day"].to_numpy(np.float64) * between,
            pairs["shortage_cost"].to_numpy(np.float64),
            np.zeros(len(mean)),
        )
        asked = self.intervals.over(bucket, between + transit)[0] > 0.0
        level = np.where(asked, np.minimum(level, 1e12), 0.0)[fed]
        position = (stock.expected + stock.on_way)[fed]
        claim = np.floor(np.maximum(level - position, 0.0) + 1e-9)
        days = pairs["protection_days"].to_numpy(np.float64)
        need = np.maximum(self._net(bucket, days)[0] - stock.on_way, 0.0)
        total = np.bincount(origin, claim, len(need)) + need
        share = np.divide(stock.expected, total, out=np.zeros(len(need)), where=total > 0.0)
        qty = np.floor(claim * np.minimum(share, 1.0)[origin] + 1e-9)
        whole = np.ceil(transit[fed]).astype(np.int64)
        arrives = (bucket * length + whole) // length
        qty = self._within_room(stock, fed, arrives, qty)
        some = np.flatnonzero(qty > 0.0)
        if not len(some):
            return Moves(pd.DataFrame(), pd.DataFrame())
        fed, origin, qty, arrives = fed[some], origin[some], qty[some], arrives[some]
        start = pd.Timestamp(self.facts.scenario.settings.start_date)
        rows = pd.DataFrame(
            {
                "origin_id": pairs["site_id"].array.take(origin),
                "destination_id": pairs["site_id"].array.take(fed),
                "product_id": pairs["product_id"].array.take(fed),
                "qty": qty,
                "pair": fed,
                "position": position[some],
            }
        ).sort_values(["origin_id", "destination_id", "product_id"], ignore_index=True)
        table = on_lanes(self.facts, rows, start + pd.Timedelta(days=bucket * length))
        told = self._told(rows, table, bucket, between)
        index = pd.MultiIndex.from_frame(pairs[PAIR])
        to = index.get_indexer(pd.MultiIndex.from_frame(table[["destination_id", "product_id"]]))
        due = (table["due_on"] - start).dt.days.to_numpy(np.int64) // length
        stock.add(to, table["qty"].to_numpy(np.float64), due, bucket)
        np.add.at(stock.leaving, (origin, bucket), qty)
        return Moves(table, told)

    def _told(
        self, rows: pd.DataFrame, table: pd.DataFrame, bucket: int, between: Floats
    ) -> pd.DataFrame:
        """Say what each transfer would cost that waits until its place is reviewed again."""
        at = rows["pair"].to_numpy(np.int64)
        transit = self.facts.pairs["transit_days"].to_numpy(np.float64)
        ends = [self._net(bucket, days) for days in (transit, transit + between)]
        cost = waiting_cost(
            self.facts,
            rows,
            rows["position"].to_numpy(np.float64),
            [(mean[at], np.maximum(variance, 0.0)[at]) for mean, variance in ends],
            between[at],
        )
        names = pd.DataFrame(
            {"decision_id": "transfers:" + table["transfer_id"], "table": "transfers"}
        )
        return names.assign(
            terms=cost["terms"], alternative=cost["alternative"], extra_cost=cost["extra_cost"]
        )

    def _net(self, bucket: int, days: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of demand less returns in the days from a bucket's first on."""
        mean, variance = self.intervals.over(bucket, days)
        if self.facts.returning is None:
            return mean, variance
        start = float(bucket * self.intervals.bucket_days)
        back, spread = self.facts.returning.between(start, days)
        return mean - back, variance + spread

    def _within_room(self, stock: Stock, fed: Ints, arrives: Ints, qty: Floats) -> Floats:
        """Cut transfers to the room that their place has from their arrival on."""
        if not len(self.storage):
            return qty
        first, last = stock.bucket, stock.horizon - 1
        free = self.storage.most[:, first:] - self.storage.volume(stock.peaks(last))
        taken = self.storage.m3[fed] * qty
        for place, inside in enumerate(self.storage.inside):
            mine = np.flatnonzero(np.isin(fed, inside) & (arrives <= last))
            if len(mine):
                room = max(0.0, float(free[place, int(arrives[mine].min()) - first :].min()))
                asked = float(taken[mine].sum())
                if asked > room:
                    qty[mine] = np.floor(qty[mine] * room / asked)
                    taken[mine] = self.storage.m3[fed[mine]] * qty[mine]
        return qty
