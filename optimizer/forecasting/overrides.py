"""The planner's own forecasts: they replace ours ahead, and are measured against ours behind.

Rows of `forecasts` for buckets to come are the planner's override where they speak for all the
demand of a product at a site: a row for the site itself, or rows for every zone (and bundle) from
which the history knows demand there. What we would have said stays on record in `explanations`.
Rows for buckets that have passed give forecast value added: our error less the planner's at the
same product, site and bucket, in points of WAPE.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.forecasting.backtest import of_choice
from optimizer.forecasting.panel import Floats
from optimizer.forecasting.problem import KEY
from optimizer.forecasting.quantiles import HIGH, LEVELS, NORMAL
from optimizer.forecasting.solve import Learned, Problem
from optimizer.forecasting.tables import Made
from optimizer.stage import Kpi
from scenarios import Scenario
from scenarios.semantics.zones import explode_bundles, zone_shares

Ints = NDArray[np.int64]

PLANNER = "planner"
TINY = 1e-6  # spread of ours against its mean, below which the planner's has no shape to take
MOST_EXPLAINED = 10_000  # overrides that are put on record one by one, the largest changes first


@dataclass(frozen=True, slots=True)
class Overrides:
    """The planner's forecasts by site.

    Attributes
    ----------
    rows : product_id, location_id (a site), bucket (int; 0 begins at the start), mean, high
    partial : how many product-sites and buckets it speaks for only in part
    """

    rows: pd.DataFrame
    partial: int


def read_overrides(scenario: Scenario) -> Overrides | None:
    """Bring the planner's forecasts to sites; None where the scenario has none."""
    if not scenario.has("forecasts"):
        return None
    rows = scenario.table("forecasts")
    if rows["demand_case"].notna().all():
        cases = scenario.table("demand_cases").set_index("demand_case")["probability"]
        rows = rows.assign(qty=rows["qty"] * rows["demand_case"].map(cases).fillna(0.0))
    else:
        rows = rows[rows["demand_case"].isna()]
    # spreads of zones and bundles are independent: their squares add up
    by = [*KEY, "bucket"]
    quantile = rows["quantile"].to_numpy(np.float64)
    mean = rows[np.isnan(quantile)].groupby(by, sort=True)["qty"].sum().rename("mean")
    high = rows[np.isclose(quantile, HIGH)].groupby(by, sort=True)["qty"].sum().rename("high")
    said = pd.concat([mean, high], axis=1).reset_index()
    said = said[said["mean"].notna()]
    said = said.assign(spread=(said["high"] - said["mean"]).clip(lower=0.0))
    at_sites = _at_sites(scenario, said[[*by, "mean", "spread"]], ("mean", "spread"))
    at_sites["spread"] = at_sites["spread"] ** 2
    history = scenario.table("demand_history")[KEY].drop_duplicates()
    sold = _at_sites(scenario, history.assign(mean=1.0), ("mean",))
    needed = sold.groupby(KEY, sort=True)["source"].nunique().rename("needed")
    whose = [*KEY, "bucket"]
    found = at_sites.groupby(whose, sort=True).agg(
        mean=("mean", "sum"), squared=("spread", _sum_if_all), sources=("source", "nunique"),
        own=("own", "any"),
    ).reset_index()  # fmt: skip
    found = found.merge(needed.reset_index(), on=KEY, how="left")
    whole = found["own"] | (found["sources"] >= found["needed"].fillna(1.0))
    start, length = pd.Timestamp(scenario.settings.start_date), scenario.settings.bucket_days
    found["high"] = found["mean"] + np.sqrt(found["squared"])
    found["bucket"] = (found["bucket"] - start).dt.days // length
    kept = found[whole].reset_index(drop=True)[[*KEY, "bucket", "mean", "high"]]
    return Overrides(kept, int((~whole).sum()))


def _sum_if_all(values: pd.Series) -> float:
    return float(values.sum(skipna=False))


def _at_sites(scenario: Scenario, rows: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    """Explode bundles and give zones to their sites; `source` tells which row a part came from."""
    rows = rows.assign(
        source=rows["product_id"].astype(str) + "\n" + rows["location_id"].astype(str),
        of=rows["product_id"],
    )
    rows = explode_bundles(scenario, rows, columns)
    is_site = rows["location_id"].isin(set(scenario.table("sites")["site_id"]))
    own = rows[is_site]
    own = own.assign(own=own["of"] == own["product_id"])
    shares = zone_shares(scenario).groupby(["zone_id", "site_id"], sort=True)["share"].sum()
    shares = (shares / shares.groupby(level=0).transform("sum")).reset_index()
    zones = rows[~is_site].merge(shares, left_on="location_id", right_on="zone_id")
    zones = zones.assign(location_id=zones["site_id"], own=False)
    for column in columns:
        zones[column] = zones[column] * zones["share"]
    return pd.concat([own, zones[own.columns]], ignore_index=True)


def apply_overrides(
    scenario: Scenario, made: Made, overrides: Overrides
) -> tuple[Made, pd.DataFrame, int]:
    """Return forecasts with the planner's in place, what we would have said, and how many.

    The planner's spread is taken where a 0.9 quantile is given, else ours in proportion to the
    mean. The spread of a total is ours, times the mean of the ratios of its buckets.
    """
    series = pd.MultiIndex.from_frame(made.keys[KEY])
    rows = overrides.rows
    row = series.get_indexer(pd.MultiIndex.from_frame(rows[KEY]))
    bucket = rows["bucket"].to_numpy(np.int64)
    use = (row >= 0) & (bucket >= 0) & (bucket < made.mean.shape[1])
    at = (row[use], bucket[use])
    if not use.any():
        return made, pd.DataFrame(), 0
    said, high = rows["mean"].to_numpy(np.float64)[use], rows["high"].to_numpy(np.float64)[use]
    ours = made.mean[at]
    own_spread = made.levels[LEVELS.index(HIGH)][at] - ours
    grown = np.divide(said, ours, out=np.ones_like(said), where=ours > 0.0)
    tiny = own_spread <= TINY * np.maximum(ours, 1.0)
    stated = ~np.isnan(high) & ~tiny
    ratio = np.where(
        stated, np.maximum(high - said, 0.0) / np.where(stated, own_spread, 1.0), grown
    )
    mean, levels, method = made.mean.copy(), made.levels.copy(), made.method.copy()
    mean[at] = said
    moved = said + (made.levels[:, at[0], at[1]] - ours) * ratio
    normal = said + (NORMAL / NORMAL[LEVELS.index(HIGH)])[:, None] * (high - said)
    moved = np.where(~np.isnan(high) & tiny, normal, moved)
    levels[:, at[0], at[1]] = np.maximum(moved, 0.0)
    factor = np.ones(mean.shape)
    factor[at] = ratio
    totals = {}
    for span, found in made.totals.items():
        before, after = made.mean[:, :span].sum(axis=1), mean[:, :span].sum(axis=1)
        wider = factor[:, :span].mean(axis=1)
        totals[span] = np.maximum(after + (found - before) * wider, 0.0)
    record = _record(scenario, made, at, said, ours)
    method[at] = PLANNER
    return Made(made.keys, mean, levels, totals, method), record, int(use.sum())


def _record(
    scenario: Scenario, made: Made, at: tuple[Ints, Ints], said: Floats, ours: Floats
) -> pd.DataFrame:
    """Return rows of `explanations`: what stands in the forecast, and what we would have said."""
    largest = np.argsort(-np.abs(said - ours), kind="stable")[:MOST_EXPLAINED]
    start, length = pd.Timestamp(scenario.settings.start_date), scenario.settings.bucket_days
    rows = []
    for place in np.sort(largest).tolist():
        row, bucket = int(at[0][place]), int(at[1][place])
        key = made.keys.iloc[row]
        day = (start + pd.Timedelta(days=length * bucket)).date().isoformat()
        terms = {
            "statistical": round(float(ours[place]), 4),
            "method": str(made.method[row, bucket]),
            "planner": round(float(said[place]), 4),
        }
        rows.append(
            {
                "decision_id": f"forecast:{key['product_id']}/{key['location_id']}/{day}",
                "table": "forecast",
                "terms": json.dumps(terms, ensure_ascii=False),
                "binding": json.dumps({"rule": "planner override", "value": terms["planner"]}),
                "alternative": f"statistical forecast {terms['statistical']:g}",
            }
        )
    return pd.DataFrame(rows)


def value_added(
    keys: pd.DataFrame, problem: Problem, learned: Learned, overrides: Overrides
) -> tuple[pd.DataFrame, tuple[Kpi, ...]]:
    """Return a row of `backtest` and key figures: the planner's past forecasts against ours.

    Ours are those made one bucket ahead by the chosen method, on the sample; buckets in which
    stock ran out are left out.
    """
    test = learned.test
    sampled = pd.MultiIndex.from_frame(keys[KEY].iloc[learned.sample])
    rows = overrides.rows
    series = sampled.get_indexer(pd.MultiIndex.from_frame(rows[KEY]))
    origin = rows["bucket"].to_numpy(np.int64) + problem.n_buckets
    place = np.full(problem.n_buckets + 1, -1)
    place[list(test.origins)] = np.arange(len(test.origins))
    inside = (series >= 0) & (origin >= 0) & (origin < problem.n_buckets)
    row = np.where(inside, place[np.clip(origin, 0, problem.n_buckets)], -1)
    use = row >= 0
    if not use.any():
        return pd.DataFrame(), ()
    window = test.window_at(1)
    at = (row[use], series[use])
    came = test.came.closed()[:, window][at]
    ours = of_choice(test, problem.segment[learned.sample], learned.chosen)[:, window][at]
    said = rows["mean"].to_numpy(np.float64)[use]
    known = ~np.isnan(came) & ~np.isnan(ours)
    whole = float(came[known].sum())
    if not whole > 0.0:
        return pd.DataFrame(), ()
    planner = float(np.abs(said - came)[known].sum()) / whole
    statistical = float(np.abs(ours - came)[known].sum()) / whole
    table = pd.DataFrame(
        {
            "segment": ["all"],
            "method": [PLANNER],
            "wape": [planner],
            "bias": [float((said - came)[known].sum()) / whole],
            "weeks": [float(len(np.unique(row[use][known])))],
            "span_buckets": [1.0],
        }
    )
    variant = "buckets that the planner forecast"
    return table, (
        Kpi("forecast_wape", planner, "1", variant=f"planner, {variant}"),
        Kpi("forecast_wape", statistical, "1", variant=f"statistical, {variant}"),
        Kpi("forecast_value_added", 100.0 * (statistical - planner), "points", variant=variant),
    )
