"""The forecasting stage: history in, quantiles and their back-test out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.forecasting.effects import Effects, estimate, read_movers
from optimizer.forecasting.overrides import (
    Overrides,
    apply_overrides,
    read_overrides,
    value_added,
)
from optimizer.forecasting.problem import KEY, History, read_history
from optimizer.forecasting.quantiles import LEVELS
from optimizer.forecasting.replay import forecast_origins
from optimizer.forecasting.scores import backtest_table, hold_back, score_kpis
from optimizer.forecasting.segments import segments
from optimizer.forecasting.solve import STAGE, Learned, Problem, forecast, learn
from optimizer.forecasting.spans import ladder, test_origins
from optimizer.forecasting.tables import Made, forecast_table
from optimizer.outcome import Limits, Status, Termination
from optimizer.stage import Certificate, Kpi, StageResult
from scenarios import Scenario

FEWEST_KNOWN = 4  # buckets; a series with fewer is forecast by analogy where it can be


def run(scenario: Scenario, upstream: Mapping[str, pd.DataFrame], limits: Limits) -> StageResult:
    """Forecast every site and product with history, and say how good that was in the past."""
    history = read_history(scenario)
    if not len(history.keys):
        note = "Nothing to forecast: no demand before the start date at any site."
        return StageResult({}, None, notes=(note,))
    limits.progress(STAGE, 0.1, f"{len(history.keys):,} series")
    horizon, n_buckets = scenario.settings.horizon_buckets, history.sales.shape[1]
    weekly = scenario.settings.bucket == "week"
    movers = read_movers(scenario, history, horizon)
    cut = test_origins(n_buckets, weekly=weekly)[0]
    effects = estimate(movers, history, horizon, n_buckets)
    problem = _problem(scenario, history, effects, estimate(movers, history, horizon, cut))
    learned = learn(problem, limits)
    made, notes = _by_analogy(scenario, history, _all_series(history, problem, learned))
    made = _discontinued(scenario, made)
    held = hold_back(problem, learned)
    scores = backtest_table(problem, learned, held)
    kpis = score_kpis(scores, held, len(made.keys))
    tables: dict[str, pd.DataFrame] = {}
    overrides = read_overrides(scenario)
    if overrides is not None:
        made, record, count = apply_overrides(scenario, made, overrides)
        added, value = value_added(history.keys, problem, learned, overrides)
        scores = pd.concat([scores, added], ignore_index=True)
        kpis = (*kpis, Kpi("forecast_overrides", float(count), "buckets"), *value)
        notes = (*notes, *_override_notes(overrides, count))
        if len(record):
            tables["explanations"] = record
    tables |= {
        "forecast": forecast_table(scenario, made),
        "forecast_origins": forecast_origins(scenario, history.keys, problem, learned),
        "backtest": scores,
    }
    certificate = Certificate(
        STAGE, "rolling-origin back-test", Status.FEASIBLE, Termination.CONVERGED, None, None,
        limits.elapsed,
    )  # fmt: skip
    return StageResult(
        tables,
        certificate,
        kpis,
        (*_notes(history, effects, learned), *notes),
        solver_versions=_versions(learned),
    )


def _problem(scenario: Scenario, history: History, effects: Effects, before: Effects) -> Problem:
    products = scenario.table("products").set_index("product_id")
    price = products["unit_price"].reindex(history.keys["product_id"]).to_numpy(np.float64)
    return Problem(
        sales=history.sales,
        censored=history.censored,
        effects=effects.factors,
        effects_before=before.factors,
        kin={
            "product": _codes(history.keys["product_id"]),
            "location": _codes(history.keys["location_id"]),
            "category": _codes(history.keys["category"]),
        },
        segment=segments(history.sales, np.nan_to_num(price)),
        season=history.season,
        horizon=scenario.settings.horizon_buckets,
        weekly=scenario.settings.bucket == "week",
    )


def _codes(names: pd.Series) -> NDArray[np.int64]:
    codes: NDArray[np.int64] = pd.factorize(names, sort=True)[0].astype(np.int64)
    return codes


def _all_series(history: History, problem: Problem, learned: Learned) -> Made:
    n_series, horizon = len(history.keys), problem.horizon
    mean = np.empty((n_series, horizon))
    levels = np.empty((len(LEVELS), n_series, horizon))
    totals = {span: np.empty((len(LEVELS), n_series)) for span in ladder(horizon) if span > 1}
    method = np.empty(n_series, object)
    for part in forecast(problem, learned):
        mean[part.rows] = part.mean.T
        levels[:, part.rows] = np.swapaxes(part.levels, 1, 2)
        for span, found in part.totals.items():
            totals[span][:, part.rows] = found
        method[part.rows] = part.method
    return Made(history.keys[KEY], mean, levels, totals, np.repeat(method[:, None], horizon, 1))


def _by_analogy(scenario: Scenario, history: History, made: Made) -> tuple[Made, tuple[str, ...]]:
    """Give a new product the forecast of the product that it is said to be like."""
    products = scenario.table("products").set_index("product_id")
    like = products["like_product_id"].dropna().to_dict()
    known = (~np.isnan(history.sales)).sum(axis=1)
    keys = list(zip(made.keys["product_id"], made.keys["location_id"], strict=True))
    place = {key: row for row, key in enumerate(keys)} if like else {}
    source = np.arange(len(keys))
    for (product, location), row in place.items():
        model = place.get((like.get(product, ""), location))
        if model is not None and known[row] < FEWEST_KNOWN <= known[model]:
            source[row] = model
    new = [
        (product, location, row)
        for product in sorted(like)
        for (other, location), row in place.items()
        if other == like[product] and (product, location) not in place
    ]
    rows = np.concatenate([source, np.array([row for *_, row in new], np.int64)]).astype(np.int64)
    added = pd.DataFrame([row[:2] for row in new], columns=KEY, dtype="str")
    borrowed = np.flatnonzero(rows != np.arange(len(rows)))
    whose = pd.concat([made.keys, added], ignore_index=True)
    found = made.of(rows)
    method = found.method.copy()
    for row in borrowed.tolist():
        method[row] = f"like {like[whose['product_id'].iloc[row]]}"
    never = sorted(set(products.index) - set(whose["product_id"]) - _bundles(scenario))
    notes: tuple[str, ...] = ()
    if never:
        told = f"{len(never)} products have no history and no like_product_id"
        notes = (f"{told}, so no forecast (first: {never[0]}).",)
    return Made(whose, found.mean, found.levels, found.totals, method), notes


def _bundles(scenario: Scenario) -> set[str]:
    return set(scenario.table("product_components")["bundle_id"])


def _discontinued(scenario: Scenario, made: Made) -> Made:
    """Forecast nothing from the day on which a product is discontinued.

    The spread of a total that is cut short shrinks with the root of the share that is left.
    """
    settings = scenario.settings
    ends = scenario.table("products").set_index("product_id")["discontinued_on"]
    ended = ends.reindex(made.keys["product_id"]).to_numpy().astype("datetime64[D]")
    start = np.datetime64(settings.start_date, "D")
    opens = start + settings.bucket_days * np.arange(made.mean.shape[1])
    alive = ~(opens[None, :] >= ended[:, None])
    if alive.all():
        return made
    mean = made.mean * alive
    totals = {}
    for span, found in made.totals.items():
        left = mean[:, :span].sum(axis=1)
        share = np.sqrt(alive[:, :span].mean(axis=1))
        totals[span] = np.maximum(left + (found - made.mean[:, :span].sum(axis=1)) * share, 0.0)
        totals[span] *= alive[:, 0]
    return Made(made.keys, mean, made.levels * alive, totals, made.method)


def _versions(learned: Learned) -> dict[str, str]:
    if learned.after.knowledge.booster is None:
        return {}
    from importlib.metadata import version

    return {"lightgbm": version("lightgbm")}


def _override_notes(overrides: Overrides, count: int) -> tuple[str, ...]:
    notes = []
    if count:
        notes.append(
            f"{count:,} buckets of the forecast are the planner's; what the methods say of them"
            " stands in explanations."
        )
    if overrides.partial:
        notes.append(
            f"{overrides.partial:,} forecasts of the planner speak for a part of a site's demand"
            " only (not for all zones or bundles with history) and are not used."
        )
    return tuple(notes)


def _notes(history: History, effects: Effects, learned: Learned) -> tuple[str, ...]:
    notes = []
    if history.spread:
        notes.append("The weekly history was spread evenly over the days of each week.")
    if len(learned.sample) < len(history.keys):
        notes.append(
            f"Methods were tested and chosen on {len(learned.sample):,} of"
            f" {len(history.keys):,} series, spread evenly over the segments."
        )
    sources = {
        "planner": "as the planner says",
        "history": "from past promotions, drawn towards the planner's number, else the default",
        "elasticity": "from the discount, by the price elasticity of the category",
        "default": "because neither planner, discount nor history gives a number",
    }
    if effects.unseen:
        names = ", ".join(effects.unseen)
        notes.append(
            f"No past occurrence with a known level before it: {names}; no effect is assumed."
        )
    if effects.cannibalised > 0.0:
        notes.append(
            f"Flagged promotions take {effects.cannibalised:.0%} of the demand of their category."
        )
    for rule, rows in effects.planned.groupby("rule", sort=True):
        low, high = rows["uplift"].min(), rows["uplift"].max()
        size = f"{low:+.0%}" if low == high else f"{low:+.0%} to {high:+.0%}"
        first = rows["promotion_id"].iloc[0]
        notes.append(
            f"{len(rows)} promotions ahead (first: {first}): uplift {size}, {sources[rule]}."
        )
    return tuple(notes)
