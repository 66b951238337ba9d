"""What is learned over all series: seasons, trees, the choice by segment, past forecasts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.retail_series import make_retail_series
from optimizer.forecasting import boosting, run
from optimizer.forecasting.backtest import choose
from optimizer.forecasting.came import what_came
from optimizer.forecasting.outlook import MIX
from optimizer.forecasting.panel import lay_out
from optimizer.forecasting.quantiles import LEVELS, coverage
from optimizer.forecasting.scores import hold_back
from optimizer.forecasting.seasons import season_factors, season_sums
from optimizer.forecasting.segments import segments
from optimizer.forecasting.solve import Learned, Problem, draw_sample, forecast, learn
from optimizer.forecasting.spans import test_windows as windows_within
from optimizer.forecasting.spans import window_totals
from optimizer.outcome import Limits
from scenarios import Scenario, Settings


def made_up(
    n_series: int = 400, n_weeks: int = 157, seed: int = 3
) -> tuple[Problem, NDArray[np.float64]]:
    """Return made-up retail series with stockouts, and what was wanted."""
    series = make_retail_series(n_series, n_weeks, seed)
    problem = Problem(
        sales=series.sales,
        censored=series.censored,
        effects=None,
        effects_before=None,
        kin={
            "product": series.product,
            "location": series.location,
            "category": series.category,
        },
        segment=segments(series.sales, np.ones(len(series.sales))),
        season=52,
        horizon=8,
        weekly=True,
    )
    return problem, series.demand


@pytest.fixture(scope="module")
def wanted() -> tuple[Problem, NDArray[np.float64]]:
    """A problem that several tests share, and true demand."""
    return made_up()


@pytest.fixture(scope="module")
def problem(wanted: tuple[Problem, NDArray[np.float64]]) -> Problem:
    """The problem alone."""
    return wanted[0]


@pytest.fixture(scope="module")
def learned(problem: Problem) -> Learned:
    """What it teaches."""
    return learn(problem, Limits())


def test_seasonal_factors_are_found_by_category() -> None:
    """A category that doubles and halves over the year has factors that say so."""
    rng = np.random.default_rng(1)
    season = 1.0 + 0.6 * np.sin(2.0 * np.pi * np.arange(156) / 52.0)
    demand = rng.poisson(20.0 * season, (40, 156)).astype(float)
    panel = lay_out(demand, np.zeros(demand.shape, bool))
    sums = season_sums(panel, np.zeros(40, np.int64), 1, 52, 156)
    assert np.abs(season_factors(sums)[0] - season[:52]).max() < 0.1


def test_noise_has_hardly_a_season() -> None:
    """What one year does and the next does not is drawn to 1."""
    rng = np.random.default_rng(2)
    demand = rng.poisson(5.0, (40, 156)).astype(float)
    panel = lay_out(demand, np.zeros(demand.shape, bool))
    sums = season_sums(panel, np.zeros(40, np.int64), 1, 52, 156)
    assert np.abs(season_factors(sums)[0] - 1.0).max() < 0.06


def test_window_totals_add_up_path_and_gains() -> None:
    """2 a bucket under gains 1, 2, 3: the first two buckets 6, the third alone 6."""
    path = np.full((1, 1, 1), 2.0)
    gains = np.array([1.0, 2.0, 3.0]).reshape(1, 3, 1)
    assert window_totals(path, gains, ((0, 2), (2, 3))).ravel().tolist() == [6.0, 6.0]
    assert window_totals(path * gains, None, ((0, 2), (2, 3))).ravel().tolist() == [6.0, 6.0]


def test_what_came_is_unknown_beyond_the_history_and_open_ended_at_stockouts() -> None:
    """Five weeks, seen from the fourth: one week came, two did not yet."""
    sales = np.array([[1.0, 2.0, 3.0, 4.0, 5.0]])
    censored = np.array([[False, False, False, False, True]])
    probable = np.full(sales.shape, 7.0)
    came = what_came(sales, censored, probable, (4,), ((0, 1), (0, 2)))
    assert came.total[0, 0, 0] == 5.0
    assert np.isnan(came.total[0, 1, 0])
    assert came.open_ended[0, 0, 0]
    assert came.filled[0, 0, 0] == 7.0
    assert np.isnan(came.closed()[0, 0, 0])


@pytest.mark.slow
def test_the_choice_is_best_on_its_segment(learned: Learned, problem: Problem) -> None:
    """No other method has a smaller error over the segment that weighs most."""
    chosen = choose(learned.test, problem.segment, None)
    name = pd.Series(problem.segment.astype(str)).mode()[0]
    own = problem.segment == name
    place = learned.test.window_at(3)
    came = learned.test.came.closed()[:, place][:, own]
    error = np.nanmean((learned.test.said[:, :, place][:, :, own] - came) ** 2, axis=(1, 2))
    assert error[chosen[name]] <= 1.1 * np.nanmin(error)


def test_a_mix_is_the_mean_of_its_parts(learned: Learned) -> None:
    """What "a + b + c" says of any window is the mean of what a, b and c say."""
    test = learned.test
    mixes = [name for name in test.names if MIX in name]
    assert mixes
    for name in mixes:
        parts = [test.said[test.names.index(part)] for part in name.split(MIX)]
        np.testing.assert_allclose(
            test.said[test.names.index(name)], np.mean(parts, axis=0), rtol=1e-5, atol=1e-5
        )


@pytest.mark.slow
def test_knowledge_of_the_back_test_comes_from_before_it() -> None:
    """Changing everything after the first origin changes nothing that was said from it."""
    few = made_up(80, 130)[0]
    first = learn(few, Limits()).test
    cut = first.origins[0]
    other = few.sales.copy()
    other[:, cut:] = np.random.default_rng(9).poisson(50.0, other[:, cut:].shape)
    second = learn(replace(few, sales=other), Limits()).test
    assert "boosted" in first.names or not boosting.installed()
    own = [place for place, name in enumerate(first.names) if MIX not in name]
    assert [first.names[place] for place in own] == list(second.names[: len(own)])
    np.testing.assert_array_equal(first.said[own][:, 0], second.said[own][:, 0])


def test_trees_beat_what_they_start_from(learned: Learned) -> None:
    """Where LightGBM is installed, the boosted totals of four weeks err less than the level."""
    if not boosting.installed():
        pytest.skip("lightgbm is not installed")
    test = learned.test
    place = test.window_at(4)
    came = test.came.closed()[:, place]

    def error(name: str) -> float:
        return float(np.nanmean((test.said[test.names.index(name), :, place] - came) ** 2))

    assert error("boosted") < error("average_13")


@pytest.mark.slow
def test_forecasts_do_not_depend_on_how_series_are_numbered(problem: Problem) -> None:
    """The same series in another order get the same NumPy forecasts."""
    plain = replace(problem, boosted=False)
    order = np.random.default_rng(4).permutation(len(problem.sales))
    other = replace(
        plain,
        sales=plain.sales[order],
        censored=plain.censored[order],
        kin={name: codes[order] for name, codes in plain.kin.items()},
        segment=plain.segment[order],
    )
    one = next(forecast(plain, learn(plain, Limits()))).mean
    two = next(forecast(other, learn(other, Limits()))).mean
    np.testing.assert_allclose(two, one[:, order], rtol=0.02, atol=0.02)


def test_quantiles_cover_true_demand_of_held_back_weeks(
    wanted: tuple[Problem, NDArray[np.float64]], learned: Learned
) -> None:
    """Choice and spread from before them, stockouts and all: 2 points on average, 4 at most."""
    problem, demand = wanted
    test, misses = learned.test, []
    never = np.zeros(demand.shape, bool)
    begun = np.where(np.isnan(problem.sales), np.nan, demand)
    truth = what_came(begun, never, demand, test.origins, test.windows).total
    for part in hold_back(problem, learned)[:4]:
        came = truth[list(part.rows), test.window_at(part.span)]
        for place, level in enumerate(LEVELS):
            if 0.1 <= level <= 0.9:
                known = ~np.isnan(came)
                found = part.levels[place][known]
                misses.append(abs(coverage(found, came[known], level) - level))
    assert np.mean(misses) <= 0.02
    assert max(misses) <= 0.04


def test_the_sample_is_even_over_segments_and_stable() -> None:
    """Ten of a hundred: as many of each segment as its share, the same ones every time."""
    segment = np.array(["AX"] * 30 + ["CZ"] * 70, object)
    found = draw_sample(segment, 10)
    assert (segment[found] == "AX").sum() == 3
    assert found.tolist() == draw_sample(segment, 10).tolist()
    assert draw_sample(segment, 200).tolist() == list(range(100))


def test_windows_fit_the_reach() -> None:
    """Five buckets ahead: totals of 1 to 4, and the fourth bucket alone."""
    assert windows_within(5) == ((0, 1), (0, 2), (0, 3), (0, 4), (3, 4))


def test_past_forecasts_tell_what_came() -> None:
    """Thirty even weeks of ten: every past mean is near span x 10, and so is what came."""
    mondays = pd.date_range(end="2026-05-25", periods=30, freq="7D")
    products = pd.DataFrame(
        {"product_id": ["P"], "name": ["p"], "unit_cost": [1.0], "unit_price": [2.0],
         "weight_kg": [1.0], "volume_m3": [0.01]}
    )  # fmt: skip
    sites = pd.DataFrame(
        {"site_id": ["W"], "kind": ["warehouse"], "name": ["w"], "status": ["open"]}
    )
    history = pd.DataFrame({"date": mondays, "product_id": "P", "location_id": "W", "qty": 10.0})
    scenario = Scenario(
        Settings(name="t", currency="EUR", timezone="UTC", start_date="2026-06-01",
                 bucket="week", horizon_buckets=4),
        {"products": products, "sites": sites, "demand_history": history},
    )  # fmt: skip
    table = run(scenario, {}, Limits()).tables["forecast_origins"]
    np.testing.assert_allclose(table["mean"], 10.0 * table["span_buckets"], rtol=1e-3)
    ends = table["origin"] + pd.to_timedelta(7 * table["span_buckets"], unit="D")
    over = ends > pd.Timestamp("2026-06-01")
    assert table["came"][over].isna().all()
    np.testing.assert_allclose(table["came"][~over], 10.0 * table["span_buckets"][~over])
    assert (table["high"] >= table["mean"] - 1e-4).all()


@settings(max_examples=8, deadline=None)
@given(factor=st.sampled_from([2.0, 5.0]), seed=st.integers(0, 50))
def test_scaling_demand_scales_smoothed_levels(factor: float, seed: int) -> None:
    """Twice the units, twice the means of the methods that are linear in demand."""
    made = made_up(12, 60, seed)[0]
    one = replace(made, censored=np.zeros(made.sales.shape, bool))
    for name in ("smoothing_0.1", "average_13"):
        from optimizer.forecasting.methods import methods

        way = methods(52, 60)[name]
        first = way(lay_out(one.sales, one.censored), [60], 1)
        second = way(lay_out(factor * one.sales, one.censored), [60], 1)
        np.testing.assert_allclose(second, factor * first, rtol=1e-9)
