"""Quantiles cover what they say, for totals of every span, stockouts or not."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.forecasting.came import Came
from optimizer.forecasting.quantiles import (
    LEVELS,
    Known,
    Spread,
    coverage,
    learn_spread,
    lower_bound_quantiles,
    pinball,
    quantiles,
)

WINDOWS = ((0, 1), (0, 2), (0, 4), (3, 4))


def learned(seed: int = 1, n_series: int = 500) -> tuple[Spread, np.ndarray, np.ndarray]:
    """Return a spread learned from Poisson-gamma demand of known rates, the rates, segments."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(1.0, 4.0, n_series)
    segment = np.where(rate > 4.0, "AX", "CZ").astype(object)
    said, came = said_and_came(rng, rate, 10)
    known = Known(np.tile(rate + 0.2 * rate**2, (10, 1)), np.tile(rate, (10, 1)))
    all_closed = Came(came, np.zeros(came.shape, bool), came)
    spread = learn_spread(said, all_closed, known, WINDOWS, segment)
    return spread, rate, segment


def said_and_came(
    rng: np.random.Generator, rate: np.ndarray, n_origins: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return true means and drawn totals of WINDOWS: (n_origins, n_windows, n_series)."""
    weekly = rng.poisson(rng.gamma(5.0, rate / 5.0, (n_origins, 4, len(rate)))).astype(float)
    spans = [high - low for low, high in WINDOWS]
    said = np.stack([np.tile(rate * span, (n_origins, 1)) for span in spans], axis=1)
    came = np.stack([weekly[:, low:high].sum(axis=1) for low, high in WINDOWS], axis=1)
    return said, came


@pytest.mark.parametrize("place", range(len(WINDOWS)))
def test_quantiles_cover_what_they_say(place: int) -> None:
    """On fresh demand every level from 0.1 to 0.9 is covered within 2 points, ties shared out."""
    spread, rate, segment = learned()
    said, came = said_and_came(np.random.default_rng(2), rate, 20)
    known = Known(np.tile(rate + 0.2 * rate**2, (20, 1)), np.tile(rate, (20, 1)))
    found = quantiles(spread, said[:, place], known, segment, WINDOWS[place])
    for level, quantile in zip(LEVELS, found, strict=True):
        if 0.1 <= level <= 0.9:
            assert coverage(quantile, came[:, place], level) == pytest.approx(level, abs=0.02)


def test_a_total_spreads_less_than_its_buckets_would_if_they_moved_together() -> None:
    """Independent weeks: the spread of four is nearer to twice than to four times that of one."""
    spread, rate, segment = learned()
    known = Known(rate + 0.2 * rate**2, rate)
    high = LEVELS.index(0.9)
    one = quantiles(spread, rate, known, segment, (0, 1))[high] - rate
    four = quantiles(spread, 4.0 * rate, known, segment, (0, 4))[high] - 4.0 * rate
    assert 1.6 < np.median(four / one) < 2.4


def test_untested_windows_lie_between_tested_ones() -> None:
    """The third bucket ahead spreads between the first and the fourth; eight buckets above four."""
    spread, rate, segment = learned()
    known = Known(rate + 0.2 * rate**2, rate)
    first, third, fourth = (
        quantiles(spread, rate, known, segment, (h, h + 1))[-2] for h in (0, 2, 3)
    )
    assert (np.minimum(first, fourth) <= third + 1e-9).all()
    assert (third <= np.maximum(first, fourth) + 1e-9).all()
    four = quantiles(spread, 4.0 * rate, known, segment, (0, 4))[-2] - 4.0 * rate
    eight = quantiles(spread, 8.0 * rate, known, segment, (0, 8))[-2] - 8.0 * rate
    assert (eight >= four).all()


def test_quantiles_never_cross_nor_go_below_zero() -> None:
    """Ascending in the level, at least 0, and 0.9 at least the mean."""
    spread, rate, segment = learned()
    mean = np.random.default_rng(3).gamma(1.0, 1.0, (6, len(rate)))
    known = Known(np.tile(rate, (6, 1)), np.tile(rate, (6, 1)))
    found = quantiles(spread, mean, known, segment, (0, 2))
    assert (np.diff(found, axis=0) >= 0).all()
    assert (found >= 0).all()
    assert (found[LEVELS.index(0.9)] >= mean).all()


def test_lower_bounds_lift_quantiles_as_kaplan_and_meier_say() -> None:
    """1, 2 or more, 3, 4: after the bound at 2 the remaining mass 3/4 is shared by 3 and 4.

    The share at or under 3 is 1 - 3/4 x 1/2 = 0.625, at or under 4 is 1; so the 0.5 quantile is 3
    and the 0.75 quantile is 4, where the plain median of 1, 2, 3, 4 is 2.5.
    """
    found = lower_bound_quantiles(
        np.array([1.0, 2.0, 3.0, 4.0]), np.array([False, True, False, False])
    )
    assert found[LEVELS.index(0.5)] == 3.0
    assert found[LEVELS.index(0.75)] == 4.0


def test_coverage_shares_out_ties() -> None:
    """Nine zeros and a one: a quantile of 0 covers any level up to 0.9, and no more."""
    came = np.array([0.0] * 9 + [1.0])
    zero = np.zeros(10)
    assert coverage(zero, came, 0.25) == 0.25
    assert coverage(zero, came, 0.95) == pytest.approx(0.9)


def test_pinball_is_zero_for_the_truth() -> None:
    """Quantiles that all equal the demand lose nothing."""
    came = np.random.default_rng(4).gamma(2.0, 2.0, (4, 3))
    assert pinball(np.repeat(came[None], len(LEVELS), axis=0), came).max() == 0.0
