"""The drift rule: false alarms at the stated rate, planted drifts found, by simulation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from optimizer.replenishment.risks.drift import FALSE_ALARM, LEAST_POINTS, watch
from optimizer.replenishment.risks.row import chance

Floats = np.ndarray
LOUD = 0.05  # a rate at which few series suffice to see it


def raised(
    draw: Callable[[np.random.Generator], Floats], series: int, rate: float, seed: int = 0
) -> float:
    """Return the share of drawn series that are raised."""
    rng = np.random.default_rng(seed)
    found = [watch(draw(rng), rng, rate=rate) for _ in range(series)]
    return sum(each is not None and each.raised for each in found) / series


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: rng.normal(size=30),
        lambda rng: rng.exponential(size=30),
        lambda rng: (rng.random(30) < 0.1).astype(float),
        lambda rng: rng.poisson(0.7, 30).astype(float),
    ],
    ids=["normal", "exponential", "one in ten", "days"],
)
def test_false_alarms_keep_to_their_rate(draw: Callable[[np.random.Generator], Floats]) -> None:
    """Of 400 series without drift at most 5 % are raised, whatever their law, ties and all."""
    share = raised(draw, 400, LOUD)
    assert share <= LOUD + 3.0 * (LOUD * (1.0 - LOUD) / 400) ** 0.5


def test_false_alarms_of_continuous_series_are_at_the_rate() -> None:
    """Without ties the rule is exact, not only safe: 5 % of 600, within 3 standard errors."""
    share = raised(lambda rng: rng.normal(size=40), 600, LOUD, seed=1)
    assert share == pytest.approx(LOUD, abs=3.0 * (LOUD * (1.0 - LOUD) / 600) ** 0.5)


@pytest.mark.slow
def test_the_stated_rate_of_false_alarms() -> None:
    """At the rate of the register: at most 0.5 % of 4,000 series, within 3 standard errors."""
    share = raised(lambda rng: rng.poisson(0.7, 60).astype(float), 4000, FALSE_ALARM, seed=2)
    assert share <= FALSE_ALARM + 3.0 * (FALSE_ALARM / 4000) ** 0.5


def test_a_planted_drift_is_found_within_ten_orders() -> None:
    """40 orders 1 day late on average, then 10 with 4 days: found in 9 of 10 series or more."""
    share = raised(
        lambda rng: np.concatenate([rng.poisson(1.0, 40), rng.poisson(4.0, 10)]).astype(float),
        200, FALSE_ALARM, seed=3,
    )  # fmt: skip
    assert share >= 0.9


def test_it_says_since_when() -> None:
    """A step at the 31st of 40 values is dated there, with the means on both sides."""
    values = np.concatenate([np.tile([0.0, 1.0], 15), np.tile([5.0, 6.0], 5)])
    found = watch(values, np.random.default_rng(0))
    assert found is not None
    assert found.raised
    assert found.since == 30
    assert (found.usual, found.lately) == (0.5, 5.5)


def test_a_fall_is_raised_only_downwards() -> None:
    """The same series is quiet upwards and raised downwards."""
    values = np.concatenate([np.tile([5.0, 6.0], 15), np.tile([0.0, 1.0], 5)])
    up = watch(values, np.random.default_rng(0))
    down = watch(values, np.random.default_rng(0), upward=False)
    assert up is not None
    assert down is not None
    assert not up.raised
    assert down.raised


def test_a_short_series_is_not_known() -> None:
    """Fewer than the least points: no verdict at all."""
    assert watch(np.zeros(LEAST_POINTS - 1), np.random.default_rng(0)) is None


def test_the_chance_of_the_next_one_is_calibrated() -> None:
    """Over rates drawn from Jeffreys' prior, the mean chance is the mean of what comes next."""
    rng = np.random.default_rng(4)
    rate = stats.beta(0.5, 0.5).rvs(40_000, random_state=rng)
    hits = rng.binomial(10, rate)
    came = rng.random(len(rate)) < rate
    for seen in (0, 3, 5, 10):
        mine = hits == seen
        assert came[mine].mean() == pytest.approx(chance(seen, 10), abs=0.025)
