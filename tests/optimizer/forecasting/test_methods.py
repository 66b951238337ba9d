"""Methods see nothing after their origin, and do the arithmetic of their sources."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.forecasting.methods import (
    croston,
    exponential_smoothing,
    last_year_ratio,
    methods,
    moving_average,
    seasonal_naive,
    teunter_syntetos_babai,
)
from optimizer.forecasting.panel import Floats, Panel, lay_out
from optimizer.forecasting.segments import segments

RNG = np.random.default_rng(7)


def panel(demand: Floats, censored: object = None) -> Panel:
    """Lay out demand, by default with stock all the time."""
    out = np.zeros(demand.shape, bool) if censored is None else np.asarray(censored)
    return lay_out(demand, out)


def test_smoothing_is_a_plain_mean_until_alpha_takes_over() -> None:
    """With alpha 0.5: mean of 4 and 8 is 6, then 6 + 0.5 (10 - 6) = 8."""
    made = exponential_smoothing(panel(np.array([[4.0, 8.0, 10.0]])), [1, 2, 3], 1, alpha=0.5)
    assert made[:, 0, 0].tolist() == [4.0, 6.0, 8.0]


def test_a_bucket_without_stock_cannot_lower_the_level() -> None:
    """A censored zero tells nothing; a censored surprise raises the level by at least itself."""
    demand = np.array([[6.0, 6.0, 6.0, 0.0, 12.0]])
    censored = np.array([[False, False, False, True, True]])
    made = exponential_smoothing(panel(demand, censored), [3, 4, 5], 1, alpha=0.5)[:, 0, 0]
    assert made[:2].tolist() == [6.0, 6.0]
    assert made[2] >= 9.0


def test_a_censored_bucket_is_filled_with_no_less_than_was_sold() -> None:
    """Between what was sold and a little above the level: 2 sold of a usual 6 says 'at least 2'."""
    demand = np.array([[5.0, 7.0, 5.0, 7.0, 2.0]])
    censored = np.array([[False] * 4 + [True]])
    filled = panel(demand, censored).qty[4, 0]
    assert 6.0 <= filled < 7.0


def test_croston_halves_the_rate_of_demand_every_second_bucket() -> None:
    """Size 6 every 2 buckets is a rate of 3, less the bias correction of alpha / 2."""
    made = croston(panel(np.array([[0.0, 6.0] * 10])), [20], 2)
    assert made[0, :, 0].tolist() == pytest.approx([3.0 * 0.95])


def test_tsb_fades_when_sales_stop() -> None:
    """After sales stop, each bucket takes the same share off the probability."""
    made = teunter_syntetos_babai(panel(np.array([[5.0] * 20 + [0.0] * 20])), [20, 40], 1)
    assert made[0, 0, 0] == pytest.approx(5.0)
    assert made[1, 0, 0] == pytest.approx(5.0 * 0.95**20)


def test_a_moving_average_skips_what_is_unknown() -> None:
    """The last 3 buckets are 4, unknown (no stock, no sales), 8: mean 6."""
    demand = np.array([[100.0, 4.0, 0.0, 8.0]])
    censored = np.array([[False, False, True, False]])
    made = moving_average(panel(demand, censored), [4], 1, window=3)
    assert made[0, 0, 0] == 6.0


def test_seasonal_naive_repeats_the_last_season() -> None:
    """The forecast of bucket t is the demand of bucket t - 3, again and again."""
    made = seasonal_naive(panel(np.array([[9.0, 1.0, 2.0, 3.0]])), [4], 5, season=3)
    assert made[0, :, 0].tolist() == [1.0, 2.0, 3.0, 1.0, 2.0]


def test_last_years_ratio_doubles_what_doubled_last_year() -> None:
    """A fast seller that doubled in the second half of each year doubles again, nearly."""
    year = np.concatenate([np.full(26, 500.0), np.full(26, 1000.0)])
    demand = np.concatenate([year, year, year[:26]])[None, :]
    made = last_year_ratio(panel(demand), [130], 8, season=52)
    assert made[0, 4, 0] == pytest.approx(1000.0, rel=0.02)


@pytest.mark.parametrize("name", list(methods(4, 40)))
def test_no_method_looks_ahead(name: str) -> None:
    """Changing everything after the origin changes no forecast made there."""
    demand = RNG.poisson(3.0, (5, 40)).astype(float)
    demand[1, :15] = np.nan
    other = demand.copy()
    other[:, 20:] = 999.0
    way = methods(4, 40)[name]
    np.testing.assert_array_equal(way(panel(demand), [20], 6), way(panel(other), [20], 6))


def test_segments_follow_value_and_variability() -> None:
    """The one product that earns 80 % is A; steady demand is X, rare demand Z."""
    steady, rare = np.full(20, 100.0), np.where(np.arange(20) == 3, 5.0, 0.0)
    found = segments(np.stack([steady, rare]), np.array([1.0, 1.0]))
    assert found.tolist() == ["AX", "CZ"]
