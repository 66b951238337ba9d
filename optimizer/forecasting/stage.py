"""The forecasting stage: history in, quantiles and their back-test out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.forecasting.backtest import (
    Backtest,
    choose_methods,
    choose_origins,
    of_choice,
    run_backtest,
)
from optimizer.forecasting.methods import methods
from optimizer.forecasting.problem import KEY, Floats, History, read_history
from optimizer.forecasting.promotions import Uplifts, read_uplifts
from optimizer.forecasting.quantiles import LEVELS, learn_spread, pinball, quantiles
from optimizer.forecasting.segments import segments
from optimizer.outcome import Limits, Status, Termination
from optimizer.stage import Certificate, Kpi, StageResult
from scenarios import Scenario

STAGE = "forecasting"
CHOSEN = "chosen"
FEWEST_KNOWN = 4  # buckets; a series with fewer is forecast by analogy where it can be


@dataclass(frozen=True, slots=True)
class Made:
    """Forecasts of all series.

    Attributes
    ----------
    keys : product_id, location_id
    mean : (n_series, horizon) float64, units; levels : (n_levels, n_series, horizon)
    method : (n_series,) name of the method
    """

    keys: pd.DataFrame
    mean: Floats
    levels: Floats
    method: NDArray[np.object_]


def run(scenario: Scenario, upstream: Mapping[str, pd.DataFrame], limits: Limits) -> StageResult:
    """Forecast every site and product with history, and say how good that was in the past."""
    history = read_history(scenario)
    if not len(history.keys):
        note = "Nothing to forecast: no demand before the start date at any site."
        return StageResult({}, None, notes=(note,))
    limits.progress(STAGE, 0.2, f"{len(history.keys):,} series")
    horizon = scenario.settings.horizon_buckets
    uplifts = read_uplifts(scenario, history, horizon)
    base = history.sales / uplifts.past
    segment = _segments(scenario, history)
    ways = methods(history.season, base.shape[1])
    origins, window = choose_origins(
        base.shape[1], horizon, weekly=scenario.settings.bucket == "week"
    )
    test = run_backtest(ways, base, history.censored, origins, window)
    limits.progress(STAGE, 0.6, f"{len(ways)} methods from {len(origins)} origins")
    choice = choose_methods(test, segment, len(origins))
    spread = learn_spread(of_choice(test.said, choice), test.came, _group(segment))
    ahead = np.stack(
        [way(base, history.censored, [base.shape[1]], horizon)[0] for way in ways.values()]
    )
    mean = ahead[choice, np.arange(len(choice))]
    flat = ahead[list(ways).index("smoothing_0.1")]
    mean = np.where(np.isnan(mean), flat, mean)
    made = Made(
        history.keys[KEY],
        mean * uplifts.future,
        quantiles(spread, mean) * uplifts.future,
        np.array(test.names, object)[choice],
    )
    made, notes = _by_analogy(scenario, history, made)
    made = _discontinued(scenario, made)
    rows = _backtest_table(test, segment)
    tables = {"forecast": _forecast_table(scenario, made), "backtest": rows}
    certificate = Certificate(
        STAGE, "rolling-origin back-test", Status.FEASIBLE, Termination.CONVERGED, None, None,
        limits.elapsed,
    )  # fmt: skip
    return StageResult(tables, certificate, _kpis(rows, made), (*_notes(history, uplifts), *notes))


def _segments(scenario: Scenario, history: History) -> NDArray[np.object_]:
    products = scenario.table("products").set_index("product_id")
    price = products["unit_price"].reindex(history.keys["product_id"]).to_numpy(np.float64)
    return segments(history.sales, np.nan_to_num(price))


def _group(segment: NDArray[np.object_]) -> NDArray[np.object_]:
    """Errors take their shape from the variability class alone."""
    letters: NDArray[np.object_] = pd.Series(segment).str[1].to_numpy(object)
    return letters


def _by_analogy(scenario: Scenario, history: History, made: Made) -> tuple[Made, tuple[str, ...]]:
    """Give a new product the forecast of the product that it is said to be like."""
    products = scenario.table("products").set_index("product_id")
    like = products["like_product_id"].dropna().to_dict()
    known = (~np.isnan(history.sales)).sum(axis=1)
    place = {
        key: row
        for row, key in enumerate(
            zip(made.keys["product_id"], made.keys["location_id"], strict=True)
        )
    }
    mean, levels, method = made.mean.copy(), made.levels.copy(), made.method.copy()
    added: list[tuple[str, str, int]] = []
    for (product, location), row in list(place.items()):
        model = place.get((like.get(product, ""), location))
        if model is not None and known[row] < FEWEST_KNOWN <= known[model]:
            mean[row], levels[:, row] = made.mean[model], made.levels[:, model]
            method[row] = f"like {like[product]}"
    for product in sorted(like):
        added += [
            (product, location, row)
            for (other, location), row in place.items()
            if other == like[product] and (product, location) not in place
        ]
    keys = made.keys
    if added:
        new = pd.DataFrame([row[:2] for row in added], columns=KEY)
        keys = pd.concat([keys, new], ignore_index=True)
        rows = [row[2] for row in added]
        mean = np.concatenate([mean, made.mean[rows]])
        levels = np.concatenate([levels, made.levels[:, rows]], axis=1)
        names = [f"like {like[row[0]]}" for row in added]
        method = np.concatenate([method, np.array(names, object)])
    never = sorted(set(products.index) - set(keys["product_id"]) - _bundles(scenario))
    notes: tuple[str, ...] = ()
    if never:
        told = f"{len(never)} products have no history and no like_product_id"
        notes = (f"{told}, so no forecast (first: {never[0]}).",)
    return Made(keys, mean, levels, method), notes


def _bundles(scenario: Scenario) -> set[str]:
    return set(scenario.table("product_components")["bundle_id"])


def _discontinued(scenario: Scenario, made: Made) -> Made:
    """Forecast nothing from the day on which a product is discontinued."""
    settings = scenario.settings
    ends = scenario.table("products").set_index("product_id")["discontinued_on"]
    ended = ends.reindex(made.keys["product_id"]).to_numpy().astype("datetime64[D]")
    start = np.datetime64(settings.start_date, "D")
    opens = start + settings.bucket_days * np.arange(made.mean.shape[1])
    alive = ~(opens[None, :] >= ended[:, None])
    return Made(made.keys, made.mean * alive, made.levels * alive, made.method)


def _forecast_table(scenario: Scenario, made: Made) -> pd.DataFrame:
    """Return one row per series, bucket and level, the mean first."""
    settings = scenario.settings
    n_series, horizon = made.mean.shape
    start = np.datetime64(settings.start_date, "ms")
    length = np.timedelta64(settings.bucket_days, "D")
    buckets = start + np.arange(horizon) * length
    stacked = np.concatenate([made.mean[None], made.levels])
    n_levels = len(stacked)
    values = np.round(np.moveaxis(stacked, 0, 2), 4)  # series, bucket, level
    per_series = horizon * n_levels
    return pd.DataFrame(
        {
            "product_id": made.keys["product_id"].repeat(per_series).reset_index(drop=True),
            "location_id": made.keys["location_id"].repeat(per_series).reset_index(drop=True),
            "bucket": np.tile(np.repeat(buckets, n_levels), n_series),
            "span_buckets": 1.0,
            "quantile": np.tile(np.array([np.nan, *LEVELS]), n_series * horizon),
            "qty": values.ravel(),
            "method": np.repeat(made.method, per_series),
        }
    )


def _backtest_table(test: Backtest, segment: NDArray[np.object_]) -> pd.DataFrame:
    """Score every method, and the choice, on the last window, seen by none of them.

    The row of the choice is honest: method and quantiles come from earlier origins, where
    there are any.
    """
    before = max(len(test.origins) - 1, 1)
    choice = choose_methods(test, segment, before)
    said = of_choice(test.said, choice)
    spread = learn_spread(said[:before], test.came[:before], _group(segment))
    last, came = said[-1], test.came[-1]
    levels = quantiles(spread, np.nan_to_num(last))
    rows = []
    for name in ("all", *sorted(set(segment))):
        own = np.ones(len(segment), bool) if name == "all" else segment == name
        for place, method in enumerate(test.names):
            rows.append(_score(name, method, test.said[place, -1][own], came[own], None))
        rows.append(_score(name, CHOSEN, last[own], came[own], levels[:, own]))
    return pd.DataFrame([row for row in rows if row is not None])


def _score(
    segment: str, method: str, said: Floats, came: Floats, levels: Floats | None
) -> dict[str, object] | None:
    known = ~np.isnan(said) & ~np.isnan(came)
    if not known.any() and (segment, method) != ("all", CHOSEN):
        return None
    error, total = (said - came)[known], float(came[known].sum())
    share = 1.0 / total if total > 0 else np.nan
    row: dict[str, object] = {
        "segment": segment,
        "method": method,
        "wape": float(np.abs(error).sum()) * share,
        "bias": float(error.sum()) * share,
        "pinball": np.nan,
        "coverage": np.nan,
        "weeks": float(came.shape[1]),
    }
    if levels is not None and known.any():
        filled = np.where(known, came, 0.0)
        row["pinball"] = float(pinball(levels, filled)[known].mean())
        high = levels[LEVELS.index(0.9)]
        row["coverage"] = float((came <= high)[known].mean())
    return row


def _kpis(rows: pd.DataFrame, made: Made) -> tuple[Kpi, ...]:
    chosen = rows[(rows["segment"] == "all") & (rows["method"] == CHOSEN)]
    found = [Kpi("forecast_series", float(len(made.keys)), "series")]
    for kpi, unit in (("wape", "1"), ("bias", "1"), ("pinball", "units"), ("coverage", "1")):
        if len(chosen) and np.isfinite(chosen[kpi].iloc[0]):
            variant = "of the 0.9 quantile" if kpi == "coverage" else "held-back window"
            name = f"forecast_{kpi}"
            found.append(Kpi(name, float(chosen[kpi].iloc[0]), unit, variant=variant))
    return tuple(found)


def _notes(history: History, uplifts: Uplifts) -> tuple[str, ...]:
    notes = []
    if history.spread:
        notes.append("The weekly history was spread evenly over the days of each week.")
    sources = {
        "planner": "as the planner says",
        "history": "estimated from past promotions of the category, shrunk towards none",
        "default": "because neither planner nor history gives a number",
    }
    for rule, rows in uplifts.planned.groupby("rule", sort=True):
        low, high = rows["uplift"].min(), rows["uplift"].max()
        size = f"{low:+.0%}" if low == high else f"{low:+.0%} to {high:+.0%}"
        first = rows["promotion_id"].iloc[0]
        notes.append(
            f"{len(rows)} promotions ahead (first: {first}): uplift {size}, {sources[rule]}."
        )
    return tuple(notes)
