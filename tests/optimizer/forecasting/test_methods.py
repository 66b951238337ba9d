"""Methods see nothing after their origin, and do the arithmetic of their sources."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.forecasting.backtest import choose_methods, choose_origins, of_choice, run_backtest
from optimizer.forecasting.methods import (
    croston,
    exponential_smoothing,
    methods,
    seasonal_naive,
    teunter_syntetos_babai,
)
from optimizer.forecasting.quantiles import LEVELS, learn_spread, pinball, quantiles
from optimizer.forecasting.segments import segments

RNG = np.random.default_rng(7)
NONE = np.zeros((1, 6), bool)


def test_smoothing_is_a_plain_mean_until_alpha_takes_over() -> None:
    """With alpha 0.5: mean of 4 and 8 is 6, then 6 + 0.5 (10 - 6) = 8."""
    demand = np.array([[4.0, 8.0, 10.0]])
    made = exponential_smoothing(0.5)(demand, NONE[:, :3], [1, 2, 3], 1)
    assert made[:, 0, 0].tolist() == [4.0, 6.0, 8.0]


def test_a_bucket_without_stock_cannot_lower_the_level() -> None:
    """A censored zero leaves the level where it was; a censored surprise raises it."""
    censored = np.array([[False, False, True, True]])
    demand = np.array([[6.0, 6.0, 0.0, 12.0]])
    made = exponential_smoothing(0.5)(demand, censored, [3, 4], 1)
    assert made[:, 0, 0].tolist() == [6.0, 9.0]


def test_croston_halves_the_rate_of_demand_every_second_bucket() -> None:
    """Size 6 every 2 buckets is a rate of 3, less the bias correction of alpha / 2."""
    demand = np.array([[0.0, 6.0] * 10])
    made = croston(0.1)(demand, np.zeros((1, 20), bool), [20], 2)
    assert made[0, 0].tolist() == pytest.approx([3.0 * 0.95] * 2)


def test_tsb_fades_when_sales_stop() -> None:
    """After sales stop, each bucket takes the same share off the probability."""
    demand = np.array([[5.0] * 20 + [0.0] * 20])
    made = teunter_syntetos_babai(0.1, 0.05)(demand, np.zeros((1, 40), bool), [20, 40], 1)
    assert made[0, 0, 0] == pytest.approx(5.0)
    assert made[1, 0, 0] == pytest.approx(5.0 * 0.95**20)


def test_seasonal_naive_repeats_the_last_season() -> None:
    """The forecast of bucket t is the demand of bucket t - 3, again and again."""
    demand = np.array([[9.0, 1.0, 2.0, 3.0]])
    made = seasonal_naive(3)(demand, NONE[:, :4], [4], 5)
    assert made[0, 0].tolist() == [1.0, 2.0, 3.0, 1.0, 2.0]


@pytest.mark.parametrize("name", list(methods(4, 40)))
def test_no_method_looks_ahead(name: str) -> None:
    """Changing everything after the origin changes no forecast made there."""
    demand = RNG.poisson(3.0, (5, 40)).astype(float)
    demand[1, :30] = np.nan
    other = demand.copy()
    other[:, 20:] = 999.0
    none = np.zeros(demand.shape, bool)
    way = methods(4, 40)[name]
    first, second = way(demand, none, [20], 6), way(other, none, [20], 6)
    np.testing.assert_array_equal(first, second)


def test_the_choice_follows_the_demand() -> None:
    """A seasonal series takes the seasonal method; a level one does not need it."""
    season = np.tile([1.0, 20.0, 1.0, 1.0], 20)
    level = RNG.poisson(50.0, 80).astype(float)
    demand = np.stack([season, level])
    ways = methods(4, 80)
    origins, window = choose_origins(80, 8, weekly=True)
    test = run_backtest(ways, demand, np.zeros(demand.shape, bool), origins, window)
    segment = np.array(["AZ", "AX"], object)
    choice = choose_methods(test, segment, len(origins))
    assert test.names[choice[0]] == "seasonal_naive"
    assert test.names[choice[1]] != "seasonal_naive"


def test_quantiles_cover_what_they_say() -> None:
    """On fresh Poisson and lumpy demand each quantile covers its share within 3 points."""
    rate = RNG.gamma(2.0, 4.0, 400)
    demand = RNG.poisson(rate[:, None], (400, 60)).astype(float)
    way = {"smoothing": exponential_smoothing(0.1)}
    test = run_backtest(way, demand, np.zeros(demand.shape, bool), (20, 28, 36), 8)
    choice = np.zeros(400, np.int64)
    said = of_choice(test.said, choice)
    group = np.array(["X"] * 400, object)
    spread = learn_spread(said, test.came, group)
    fresh = exponential_smoothing(0.1)(demand, np.zeros(demand.shape, bool), [52], 8)[0]
    found = quantiles(spread, fresh)
    for level, quantile in zip(LEVELS, found, strict=True):
        covered = float((demand[:, 52:] <= quantile).mean())
        slack = 0.03 + (0.1 if level < 0.5 else 0.0)  # whole units lift the low quantiles
        assert level - 0.03 <= covered <= level + slack


def test_quantiles_never_cross_nor_go_below_zero() -> None:
    """Ascending in the level, at least 0, and 0.9 at least the mean."""
    said = RNG.gamma(1.0, 1.0, (3, 50, 4))
    came = RNG.poisson(said).astype(float)
    spread = learn_spread(said, came, np.array(["Z"] * 50, object))
    mean = RNG.gamma(1.0, 1.0, (50, 6))
    found = quantiles(spread, mean)
    assert (np.diff(found, axis=0) >= 0).all()
    assert (found >= 0).all()
    assert (found[LEVELS.index(0.9)] >= mean).all()


def test_pinball_is_zero_for_the_truth() -> None:
    """Quantiles that all equal the demand lose nothing."""
    came = RNG.gamma(2.0, 2.0, (4, 3))
    assert pinball(np.repeat(came[None], len(LEVELS), axis=0), came).max() == 0.0


def test_segments_follow_value_and_variability() -> None:
    """The one product that earns 80 % is A; steady demand is X, rare demand Z."""
    steady, rare = np.full(20, 100.0), np.where(np.arange(20) == 3, 5.0, 0.0)
    found = segments(np.stack([steady, rare]), np.array([1.0, 1.0]))
    assert found.tolist() == ["AX", "CZ"]
