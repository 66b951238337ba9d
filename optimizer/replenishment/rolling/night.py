"""One later night as the arrays of the nightly problem."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from optimizer.replenishment.assemble import FAR, reach
from optimizer.replenishment.facts import Facts
from optimizer.replenishment.rolling.carbon import NightCaps, joined
from optimizer.replenishment.rolling.intervals import Intervals
from optimizer.replenishment.rolling.limits import PurchaseRows
from optimizer.replenishment.rolling.stock import Stock
from optimizer.replenishment.rolling.storage import Storage
from optimizer.replenishment.rolling.terms import Terms
from optimizer.replenishment.stock_cost import best_level
from optimizer.replenishment.tonight.problem import (
    Options,
    Pairs,
    Problem,
    Rows,
    Segments,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

RowKey = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Night:
    """The decision of one later night.

    Attributes
    ----------
    bucket : in which it falls
    problem : arrays
    option : (n_options,) place of each option among those of the terms
    pair_row : (n_pairs,) row of `facts.pairs` of each pair
    ordered, due : (n_options,) days from start
    row_keys : (n_rows,) what each row has in common with the same row of other nights
    storage_rows : (n, 3) row, place of storage, bucket of the rows on storage
    returned : (n_pairs,) units that come back from customers within the interval; the demand of
        `problem` is less them
    """

    bucket: int
    problem: Problem
    option: Ints
    pair_row: Ints
    ordered: Ints
    due: Ints
    row_keys: tuple[RowKey, ...]
    storage_rows: Ints
    returned: Floats

    def arrives(self, bucket_days: int) -> Ints:
        """Return the bucket in which each option's order comes, (n_options,)."""
        return self.due // bucket_days


@dataclass(frozen=True, slots=True)
class Asked:
    """Which options can be ordered on a night."""

    option: Ints
    ordered: Ints
    due: Ints


def asked_in(terms: Terms, every: Ints, bucket: int, bucket_days: int, decided: Flags) -> Asked:
    """Return the options that can be ordered in a bucket.

    A pair is reviewed on the first day of every `every`-th bucket; from then on it waits for the
    first bucket in which a supplier of it takes orders, and is decided there.

    Parameters
    ----------
    every : (n_pairs of facts,) buckets between reviews
    decided : (n_pairs of facts,) pairs that are already decided in this bucket
    """
    options = terms.tonight.problem.options
    row = terms.tonight.pair_row[options.pair]
    review = bucket - bucket % every
    offer_pair = terms.tonight.options["pair"].to_numpy(np.int64)
    by_offer = np.zeros(len(terms.days.wait), np.int64)
    by_offer[terms.offer] = review[offer_pair] * bucket_days
    ordered = terms.days.ordered(by_offer)[terms.offer]
    falls = ordered // bucket_days
    first = np.full(len(every), np.iinfo(np.int64).max)
    np.minimum.at(first, row, falls)
    now = (falls == bucket) & (first[row] == bucket) & ~decided[row]
    at = np.flatnonzero(now)
    due = terms.days.due(terms.offer[at], ordered[at])
    kept = due < terms.ends[at]
    return Asked(at[kept], ordered[at][kept], due[kept])


def protection(
    facts: Facts, terms: Terms, intervals: Intervals, every: Ints, bucket: int
) -> tuple[Floats, Floats, Floats]:
    """Return mean and sd of demand less returns over a night's interval, and the returns.

    By pair of facts, units. It lasts from the bucket's first day until the order of the next review
    comes: the wait for the primary option's order day, the days between reviews, the lead time.
    """
    length = intervals.bucket_days
    count = len(every)
    has = np.flatnonzero(terms.primary >= 0)
    rows = terms.primary[has]
    by_offer = np.zeros(len(terms.days.wait), np.int64)
    by_offer[rows] = (bucket - bucket % every[has]) * length
    ordered = terms.days.ordered(by_offer)[rows]
    lead, lead_variance = np.zeros(count), np.zeros(count)
    lead[has] = np.maximum(ordered - bucket * length, 0) + terms.days.lead_days(rows, ordered)
    lead_variance[has] = terms.days.lead_variance[rows]
    root = facts.pairs["root"].to_numpy(np.int64)
    days = every * float(length) + lead
    own_mean, own_variance = intervals.over(bucket, days[root])
    mean = np.bincount(root, own_mean, minlength=count).astype(np.float64)
    variance = np.maximum(np.bincount(root, own_variance, minlength=count), 0.0)
    rate = mean / days
    back = np.zeros(count)
    if facts.returning is not None:
        own_back, own_spread = facts.returning.between(float(bucket * length), days[root])
        back = np.bincount(root, own_back, minlength=count).astype(np.float64)
        variance = variance + np.bincount(root, own_spread, minlength=count)
    sd: Floats = np.sqrt(variance + rate**2 * lead_variance)
    return mean - back, sd, back


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes the problems of all nights on which the same terms hold."""

    facts: Facts
    terms: Terms
    intervals: Intervals
    every: Ints
    storage: Storage
    purchases: PurchaseRows
    caps: NightCaps

    def night(
        self, bucket: int, stock: Stock, position: Floats, decided: Flags, used: Floats | None
    ) -> Night | None:
        """Return the night's problem; None if nothing can be ordered.

        Parameters
        ----------
        stock : as expected at the bucket's opening
        position : (n_pairs of facts,) units, fed pairs counted where they are bought
        decided : (n_pairs of facts,) pairs that need no decision any more
        used : (n_options of the terms,) units of orders that the bucket's limits already carry
        """
        terms, length = self.terms, self.intervals.bucket_days
        asked = asked_in(terms, self.every, bucket, length, decided)
        if not len(asked.option):
            return None
        whole = terms.tonight.problem
        mean, sd, returned = protection(self.facts, terms, self.intervals, self.every, bucket)
        inner, pair = np.unique(whole.options.pair[asked.option], return_inverse=True)
        pair_row = terms.tonight.pair_row[inner]
        pairs = Pairs(
            position[pair_row],
            mean[pair_row],
            sd[pair_row],
            whole.pairs.holding[inner],
            whole.pairs.shortage[inner],
        )
        options = _options(whole.options, asked.option, pair.astype(np.int64), pairs)
        wish = _wish(options, pairs)
        options = _with_high(options, np.maximum(options.high, wish))
        options = _with_high(options, np.minimum(options.high, terms.capacity[asked.option]))
        rows, keys = self.purchases.rows(bucket, asked.option, used)
        emitted, names = self.caps.rows(bucket, asked.option)
        rows, keys = joined(rows, emitted), [*keys, *names]
        if _asks_for_more(rows):
            frame = terms.tonight.options.iloc[asked.option]
            high = np.minimum(reach(frame, rows, options.high), terms.capacity[asked.option])
            options = _with_high(options, high)
        arrives = asked.due // length
        usual = np.clip(wish, options.low, options.high)
        room = _StorageRows(self.storage, stock, options, pair_row, arrives, usual)
        rows = _join(rows, room.units, room.room, room.names)
        storage_rows = room.placed.copy()
        storage_rows[:, 0] += len(keys)
        segments, starts = _segments(whole, asked.option, options.high)
        problem = Problem(
            pairs,
            _with_starts(options, starts),
            segments,
            whole.groups,
            whole.arms,
            rows,
        )
        return Night(
            bucket,
            problem,
            asked.option,
            pair_row,
            asked.ordered,
            asked.due,
            (*keys, *room.keys(bucket)),
            storage_rows,
            returned[pair_row],
        )


def _options(whole: Options, at: Ints, pair: Ints, pairs: Pairs) -> Options:
    return Options(
        pair=pair,
        group=whole.group[at],
        usable=whole.usable[at],
        kg=whole.kg[at],
        m3=whole.m3[at],
        cheapest=whole.cheapest[at],
        low=whole.low[at],
        high=whole.high[at],
        multiple=whole.multiple[at],
        segment_start=np.zeros(len(at) + 1, np.int64),
    )


def _with_high(options: Options, high: Floats) -> Options:
    """Return the options with another greatest quantity."""
    return Options(
        options.pair, options.group, options.usable, options.kg, options.m3, options.cheapest,
        options.low, high, options.multiple, options.segment_start,
    )  # fmt: skip


def _with_starts(options: Options, starts: Ints) -> Options:
    """Return the options with their first segments."""
    return Options(
        options.pair, options.group, options.usable, options.kg, options.m3, options.cheapest,
        options.low, options.high, options.multiple, starts,
    )  # fmt: skip


def _wish(options: Options, pairs: Pairs) -> Floats:
    """Return one multiple more than would be bought without limits, (n_options,) units."""
    at = options.pair
    level = best_level(
        pairs.mean[at], pairs.sd[at], pairs.holding[at], pairs.shortage[at], np.zeros(len(at))
    )
    wish = np.maximum((level - pairs.position[at]) / options.usable, 0.0)
    multiple = options.multiple
    most: Floats = np.minimum(np.ceil(wish / multiple) + 1.0, np.floor(FAR / multiple)) * multiple
    return most


def _asks_for_more(rows: Rows) -> bool:
    return bool((rows.money.data < 0.0).any() or (rows.units.data < 0.0).any())


def _segments(whole: Problem, at: Ints, high: Floats) -> tuple[Segments, Ints]:
    """Return the price segments of chosen options; the last one of each ends at its `high`."""
    start = whole.options.segment_start
    count = start[at + 1] - start[at]
    option = np.repeat(np.arange(len(at)), count)
    starts = np.r_[0, np.cumsum(count)]
    place = start[at][option] + np.arange(len(option)) - starts[option]
    last = np.zeros(len(option), bool)
    last[starts[1:] - 1] = True
    own = whole.segments
    return (
        Segments(
            option,
            own.low[place],
            np.where(last, high[option], own.high[place]),
            own.price[place],
            own.offset[place],
        ),
        starts.astype(np.int64),
    )


def _join(rows: Rows, units: csr_array, room: Floats, names: tuple[str, ...]) -> Rows:
    """Add rows on volume to the rows on purchases."""
    if not len(room):
        return rows
    nothing = csr_array((len(room), units.shape[1]), dtype=np.float64)
    return Rows(
        csr_array(vstack([rows.money, nothing], format="csr")),
        csr_array(vstack([rows.units, units], format="csr")),
        np.r_[rows.room, room],
        (*rows.kind, *("storage" for _ in names)),
        (*rows.entity, *names),
    )


class _StorageRows:
    """Rows that keep projected stock within storage, for every place and bucket of arrival.

    A unit counts in full in the bucket in which it arrives, and in later ones with the share that
    would still be there of the quantity that is best without limits: what is sold by then
    because of the order has left.
    """

    def __init__(
        self,
        storage: Storage,
        stock: Stock,
        options: Options,
        pair_row: Ints,
        arrives: Ints,
        usual: Floats,
    ) -> None:
        self.names: tuple[str, ...] = ()
        self.placed = np.zeros((0, 3), np.int64)
        self.room = np.zeros(0)
        self.units = csr_array((0, len(options)), dtype=np.float64)
        horizon = stock.horizon
        if not len(storage) or not (arrives < horizon).any():
            return
        first = stock.bucket
        scheduled = np.flatnonzero(stock.arriving[:, first:].any(axis=0))
        last = int(arrives[arrives < horizon].max())
        last = max(last, first + int(scheduled.max(initial=0)))
        row = pair_row[options.pair]
        inside = np.flatnonzero(arrives < horizon)
        wanted = np.zeros((len(storage.m3), last + 1 - first))
        np.add.at(
            wanted,
            (row[inside], arrives[inside] - first),
            options.usable[inside] * usual[inside],
        )
        without, with_it = stock.peaks(last), stock.peaks(last, wanted)
        come = np.cumsum(wanted, axis=1)
        left = np.divide(with_it - without, come, out=np.ones_like(come), where=come > 0.0).clip(
            0.0, 1.0
        )
        room = storage.most[:, first : last + 1] - storage.volume(without)
        m3 = storage.m3[row] * options.usable
        self._gather(storage, options, row, arrives - first, left, np.maximum(room, 0.0), m3)
        self.placed[:, 2] += first

    def _gather(
        self,
        storage: Storage,
        options: Options,
        row: Ints,
        arrives: Ints,
        left: Floats,
        room: Floats,
        m3: Floats,
    ) -> None:
        """Keep the rows that can bind."""
        names: list[str] = []
        placed: list[tuple[int, int, int]] = []
        rooms: list[float] = []
        parts: list[csr_array] = []
        for place, name in enumerate(storage.name):
            here = np.zeros(len(left), bool)
            here[storage.inside[place]] = True
            mine = np.flatnonzero(here[row])
            for bucket in range(left.shape[1]):
                come = mine[arrives[mine] <= bucket]
                share = np.where(arrives[come] == bucket, 1.0, left[row[come], bucket])
                weight = m3[come] * share
                limit = room[place, bucket]
                if not np.isfinite(limit) or (weight * options.high[come]).sum() <= limit:
                    continue
                dense = csr_array(
                    (weight, (np.zeros(len(come), np.int64), come)), shape=(1, len(row))
                )
                parts.append(dense)
                names.append(name)
                placed.append((len(rooms), place, bucket))
                rooms.append(limit)
        if parts:
            self.units = csr_array(vstack(parts, format="csr"))
        self.names, self.room = tuple(names), np.array(rooms, np.float64)
        self.placed = np.array(placed, np.int64).reshape(-1, 3)

    def keys(self, first: int) -> list[RowKey]:
        """Return names of the rows that hold from night to night."""
        lag = self.placed[:, 2] - first
        return [("storage", name, str(later)) for name, later in zip(self.names, lag, strict=True)]
