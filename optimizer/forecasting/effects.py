"""Everything that is known to move demand in a bucket, as factors to divide out and multiply in.

Promotions first, then festivals on what is left, then closed days. What each did is told by sales
over the usual level of the same series in the quiet buckets around.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.forecasting.festivals import AROUND, Occurrence, lay_profiles, learn_profiles
from optimizer.forecasting.panel import Bools, Floats
from optimizer.forecasting.prices import learn_elasticities, uplift_of
from optimizer.forecasting.problem import History
from optimizer.forecasting.promotions import (
    LEAST_SHARE,
    MOST_UPLIFT,
    Evidence,
    Promotion,
    learn_cannibalised,
    learn_uplifts,
    planned_table,
    uplift,
)
from scenarios import Scenario
from scenarios.semantics.calendars import WorkingDays
from scenarios.semantics.zones import zone_shares

Ints = NDArray[np.int64]

USUAL_WINDOW = 13  # quiet buckets either side that make the usual level
FEWEST_BEFORE = 4  # quiet buckets before a festival, without which it shows nothing


@dataclass(frozen=True, slots=True)
class Movers:
    """What the scenario says moves demand, in columns 0 .. n_buckets + horizon - 1.

    Attributes
    ----------
    promotions, occurrences : past and planned
    closed : (n_columns, n_series) bool; the site is closed all through the bucket; None: never
    """

    promotions: list[Promotion]
    occurrences: list[Occurrence]
    closed: Bools | None

    @property
    def nothing(self) -> bool:
        """Whether nothing moves demand."""
        return not self.promotions and not self.occurrences and self.closed is None


@dataclass(frozen=True, slots=True)
class Effects:
    """Factors on demand.

    Attributes
    ----------
    factors : (n_buckets + horizon, n_series) float64; None: 1 everywhere
    planned : promotions in the horizon: promotion_id, uplift, rule
    unseen : festivals ahead of which no past occurrence is known
    cannibalised : share of demand that flagged promotions take
    """

    factors: Floats | None
    planned: pd.DataFrame
    unseen: tuple[str, ...]
    cannibalised: float


def read_movers(scenario: Scenario, history: History, horizon: int) -> Movers:
    """Lay promotions, festivals and closed days over the series and buckets."""
    usual_price = _elasticities(history)
    return Movers(
        _promotions(scenario, history, horizon, usual_price),
        _occurrences(scenario, history, horizon),
        _closed(scenario, history, horizon),
    )


def estimate(movers: Movers, history: History, horizon: int, n_known: int) -> Effects:
    """Estimate what moves demand by how much, from the first `n_known` buckets alone."""
    n_series, n_buckets = history.sales.shape
    if movers.nothing:
        return Effects(None, planned_table([]), (), 0.0)
    around = AROUND[history.season > 7]
    group, n_groups = _groups(history)
    sales, usual, quiet = yardstick(movers, history, n_known)
    evidence = learn_uplifts(movers.promotions, sales, usual, product_codes(history))
    taken = learn_cannibalised(movers.promotions, sales, usual)
    factors = np.ones((n_buckets + horizon, n_series))
    planned = _lay_promotions(factors, movers.promotions, evidence, taken, history, n_buckets)
    past = _with_a_before(movers.occurrences, quiet & ~np.isnan(sales), around)
    lifted = factors[:n_known]
    plain = np.divide(sales, lifted, out=np.full(sales.shape, np.nan), where=lifted > 0.0)
    profiles = learn_profiles(past, plain, usual, group, n_groups, around)
    lay_profiles(factors, movers.occurrences, profiles, group, around)
    ahead = {one.event for one in movers.occurrences if one.last >= n_buckets}
    if movers.closed is not None:
        factors[movers.closed] = 0.0
    return Effects(factors, planned, tuple(sorted(ahead - set(profiles))), taken)


def yardstick(movers: Movers, history: History, n_known: int) -> tuple[Floats, Floats, Bools]:
    """Return sales, their usual level and what is quiet, of the first buckets.

    Returns
    -------
    sales, usual : (n_known, n_series) units; NaN where not known
    quiet : (n_known, n_series) whether nothing moves demand
    """
    sales = np.where(history.censored, np.nan, history.sales)[:, :n_known].T.copy()
    if movers.closed is not None:
        sales[movers.closed[:n_known]] = np.nan
    quiet = _quiet(movers, sales.shape, AROUND[history.season > 7])
    return sales, usual_level(sales, quiet), quiet


def _with_a_before(occurrences: list[Occurrence], quiet: Bools, around: int) -> list[Occurrence]:
    """Return the past occurrences, each for the series whose level before it is known.

    A profile multiplies the level from before a festival. One that stands at the start of a
    history could only be measured against what came after it, a lower season perhaps.

    Parameters
    ----------
    quiet : (n_buckets, n_series) known, and moved by nothing
    """
    count = np.concatenate([np.zeros((1, quiet.shape[1])), np.cumsum(quiet, axis=0)])
    found = []
    for one in occurrences:
        if one.first >= len(quiet):
            continue
        end = max(one.first - around, 0)
        seen = count[end] - count[max(end - 2 * USUAL_WINDOW, 0)]
        found.append(replace(one, touched=one.touched & (seen >= FEWEST_BEFORE)))
    return found


def usual_level(sales: Floats, quiet: Bools) -> Floats:
    """Return the mean of quiet known buckets within USUAL_WINDOW: (n_buckets, n_series).

    Where there is none so near, the mean of all quiet ones; NaN where there is none at all.
    """
    use = quiet & ~np.isnan(sales)
    nothing = np.zeros((1, sales.shape[1]))
    sold = np.concatenate([nothing, np.cumsum(np.where(use, sales, 0.0), axis=0)])
    count = np.concatenate([nothing, np.cumsum(use, axis=0)])
    at = np.arange(len(sales))
    low, high = np.maximum(at - USUAL_WINDOW, 0), np.minimum(at + USUAL_WINDOW + 1, len(sales))
    units, seen = sold[high] - sold[low], count[high] - count[low]
    overall = np.divide(sold[-1], count[-1], out=np.full(len(sold[-1]), np.nan),
                        where=count[-1] > 0.0)  # fmt: skip
    near: Floats = np.divide(units, seen, out=np.broadcast_to(overall, units.shape).copy(),
                     where=seen > 0.0)  # fmt: skip
    return near


def _quiet(movers: Movers, shape: tuple[int, ...], around: int) -> Bools:
    quiet = np.ones(shape, bool)
    for promotion in movers.promotions:
        columns = promotion.columns[promotion.columns < len(quiet)]
        for rows in (promotion.rows, promotion.losers):
            quiet[np.ix_(columns, rows)] = False
    for one in movers.occurrences:
        columns, _ = one.columns(around, len(quiet))
        quiet[np.ix_(columns, np.flatnonzero(one.touched))] = False
    return quiet


def _groups(history: History) -> tuple[Ints, int]:
    codes, names = pd.factorize(history.keys["category"], sort=True)
    return codes.astype(np.int64), max(len(names), 1)


def _elasticities(history: History) -> dict[str, float]:
    """Return the price elasticity of each category."""
    group, n_groups = _groups(history)
    sales = np.where(history.censored, np.nan, history.sales)
    usual = usual_level(sales.T, np.ones(sales.T.shape, bool)).T
    found = learn_elasticities(sales, usual, history.price, group, n_groups)
    names = pd.factorize(history.keys["category"], sort=True)[1]
    return {str(name): float(value) for name, value in zip(names, found, strict=False)}


def _promotions(
    scenario: Scenario, history: History, horizon: int, elasticity: dict[str, float]
) -> list[Promotion]:
    table = scenario.table("promotions")
    if not len(table):
        return []
    keys = history.keys
    everything = np.arange(len(keys))
    by = {name: keys.groupby(name, sort=True).indices for name in (
        "product_id", "category", "location_id")}  # fmt: skip
    none = np.zeros(0, np.int64)
    category_of = scenario.table("products").set_index("product_id")["category"].to_dict()
    zones = zone_shares(scenario).groupby("zone_id")["site_id"].agg(list).to_dict()
    n_buckets = history.sales.shape[1]
    found = []
    for row in table.itertuples():
        columns, shares = _running(scenario, row.start, row.end, n_buckets, horizon)
        here = everything
        if isinstance(row.location_id, str):
            sites = zones.get(row.location_id, [row.location_id])
            here = np.sort(np.concatenate([by["location_id"].get(s, none) for s in set(sites)]))
        product, category = row.product_id, row.category
        if isinstance(product, str):
            rows = by["product_id"].get(product, none)
            category = category_of.get(product)
        elif isinstance(category, str):
            rows = by["category"].get(category, none)
        else:
            rows = everything
        rows = np.intersect1d(rows, here)
        losers = none
        if isinstance(row.cannibalises, str):
            losers = np.intersect1d(by["category"].get(row.cannibalises, none), here)
            losers = np.setdiff1d(losers, rows)
        if not len(columns) or not len(rows):
            continue
        name = category if isinstance(category, str) else ""
        default = np.nan
        if not np.isnan(row.discount_pct):
            default = min(uplift_of(row.discount_pct, elasticity.get(name, -1.0)), MOST_UPLIFT)
        found.append(
            Promotion(
                str(row.promotion_id),
                name,
                f"{row.kind} {row.channel_id}",
                rows,
                losers,
                columns,
                shares,
                float(row.uplift_pct) / 100.0,
                default,
            )
        )
    return found


def _running(
    scenario: Scenario, first: pd.Timestamp, last: pd.Timestamp, n_buckets: int, horizon: int
) -> tuple[Ints, Floats]:
    """Return the buckets in which something runs, and the share of each."""
    length = scenario.settings.bucket_days
    begin, end = _day(scenario, first), _day(scenario, last) + 1
    columns = np.arange(n_buckets + horizon)
    opens = length * (columns - n_buckets)
    days = np.clip(np.minimum(end, opens + length) - np.maximum(begin, opens), 0, length)
    share = days / length
    use = share >= LEAST_SHARE
    return columns[use], share[use]


def _day(scenario: Scenario, moment: pd.Timestamp) -> int:
    return int((moment - pd.Timestamp(scenario.settings.start_date)).days)


def _lay_promotions(
    factors: Floats,
    promotions: list[Promotion],
    evidence: dict[str, Evidence],
    taken: float,
    history: History,
    n_buckets: int,
) -> pd.DataFrame:
    """Multiply factors by what promotions do; return those that are ahead."""
    product = product_codes(history)
    planned = []
    for promotion in promotions:
        lift, rule = uplift(promotion, evidence.get(promotion.sort), product)
        cells = np.ix_(promotion.columns, promotion.rows)
        factors[cells] *= 1.0 + promotion.shares[:, None] * lift
        if len(promotion.losers) and taken > 0.0:
            cells = np.ix_(promotion.columns, promotion.losers)
            factors[cells] *= 1.0 - taken * promotion.shares[:, None]
        if promotion.columns[-1] >= n_buckets:
            planned.append((promotion.name, float(lift.mean()), rule))
    return planned_table(planned)


def product_codes(history: History) -> Ints:
    """Return (n_series,) the number of each series' product."""
    codes: Ints = pd.factorize(history.keys["product_id"], sort=True)[0].astype(np.int64)
    return codes


def _occurrences(scenario: Scenario, history: History, horizon: int) -> list[Occurrence]:
    table = scenario.table("events")
    region = scenario.table("sites").set_index("site_id")["region"]
    where = region.reindex(history.keys["location_id"]).to_numpy(object)
    length, n_buckets = scenario.settings.bucket_days, history.sales.shape[1]
    around = AROUND[history.season > 7]
    found = []
    for row in table.itertuples():
        first = _day(scenario, row.start) // length + n_buckets
        last = _day(scenario, row.end) // length + n_buckets
        if last + around < 0 or first - around >= n_buckets + horizon:
            continue
        touched = np.ones(len(where), bool)
        if isinstance(row.region, str):
            touched = where == row.region
        found.append(Occurrence(str(row.event_id), first, last, touched.astype(bool)))
    return found


def _closed(scenario: Scenario, history: History, horizon: int) -> Bools | None:
    """Return buckets in which a site's calendar is closed every day; None: there are none."""
    calendar = scenario.table("sites").set_index("site_id")["calendar_id"].dropna()
    if not len(calendar) or not scenario.has("calendars"):
        return None
    working = WorkingDays(scenario)
    length, n_buckets = scenario.settings.bucket_days, history.sales.shape[1]
    start = np.datetime64(scenario.settings.start_date, "D")
    days = start + np.arange(-n_buckets * length, horizon * length)
    closed = {
        name: ~np.array([working.is_working(name, day) for day in days])
        .reshape(-1, length)
        .any(axis=1)
        for name in sorted(set(calendar))
    }
    of_site = calendar.reindex(history.keys["location_id"]).to_numpy(object)
    found = np.zeros((n_buckets + horizon, len(of_site)), bool)
    for name, buckets in closed.items():
        found[np.ix_(np.flatnonzero(buckets), np.flatnonzero(of_site == name))] = True
    return found if found.any() else None
