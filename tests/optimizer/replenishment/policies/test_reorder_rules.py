"""Exact reorder rules against textbook numbers, slow scalar algorithms and enumeration."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from optimizer.replenishment.policies.bands import best_bands, cell_masses
from optimizer.replenishment.policies.grid import CycleCosts
from optimizer.replenishment.policies.laws import (
    NEGATIVE_BINOMIAL,
    NORMAL,
    POISSON,
    DemandLaw,
)
from optimizer.replenishment.policies.levels import cost_level
from optimizer.replenishment.policies.lots import best_lots, best_point


def law(*mean_and_sd: tuple[float, float]) -> DemandLaw:
    """Return the law of each (mean, sd)."""
    mean, sd = np.array(mean_and_sd, float).T
    return DemandLaw.of(mean, sd)


def poisson(*mean: float) -> DemandLaw:
    """Return Poisson demand."""
    return law(*((m, math.sqrt(m)) for m in mean))


def frozen(mean: float, sd: float) -> stats.rv_discrete:
    """Return scipy's law of the same mean and sd."""
    if abs(sd**2 / mean - 1.0) < 1e-9:
        return stats.poisson(mean)
    return stats.nbinom(mean**2 / (sd**2 - mean), mean / sd**2)


def costs(
    demand: DemandLaw, period: DemandLaw, holding: float, shortage: float, order: float
) -> CycleCosts:
    """Return the same costs for every pair."""
    same = np.ones(len(demand))
    return CycleCosts(demand, period, holding * same, shortage * same, order * same)


def zheng_federgruen(
    mean: float, sd: float, p_mean: float, p_sd: float, h: float, p: float, k: float
) -> tuple[int, int, float]:
    """Return (s, S, cost) by the published algorithm, one pair at a time."""
    demand, period = frozen(mean, sd), frozen(p_mean, p_sd)
    top = int(mean + 12 * sd + 60 + 3 * k / h)
    pmf = period.pmf(np.arange(top))
    cdf = demand.cdf(np.arange(top))
    excess = np.concatenate([[0.0], np.cumsum(cdf)])  # E[(y - D)+]

    def g(y: int) -> float:
        over = excess[y] if y > 0 else 0.0
        return h * over + p * (over - (y - mean))

    m, total = [1.0 / (1.0 - pmf[0])], [0.0, 1.0 / (1.0 - pmf[0])]

    def cost(s: int, big: int) -> float:
        while len(m) < big - s:
            j = len(m)
            m.append(sum(pmf[i] * m[j - i] for i in range(1, j + 1)) / (1.0 - pmf[0]))
            total.append(total[-1] + m[-1])
        n = big - s
        return (k + sum(m[j] * g(big - j) for j in range(n))) / total[n]

    y = min(range(int(mean + 6 * sd) + 2), key=g)
    s = y - 1
    while cost(s, y) > g(s):
        s -= 1
    best, big = cost(s, y), y
    candidate = y + 1
    while g(candidate) <= best:
        if cost(s, candidate) < best:
            big = candidate
            while cost(s, big) <= g(s + 1):
                s += 1
            best = cost(s, big)
        candidate += 1
    return s, big, best


def test_s_s_of_the_textbook() -> None:
    """Poisson 6, h 1, p 4, K 5: (4, 10) at 8.034112."""
    found = best_bands(costs(poisson(6), poisson(6), 1, 4, 5), np.ones(1))
    assert (found.low[0], found.high[0]) == (4, 10)
    assert found.cost[0] == pytest.approx(8.034112, abs=5e-7)


def test_s_s_of_zheng_and_federgruen() -> None:
    """Their five cases with K 64, h 1, p 9: levels and costs of their table."""
    demand = poisson(10, 15, 20, 25, 30)
    found = best_bands(costs(demand, demand, 1, 9, 64), np.ones(5))
    assert found.low.tolist() == [6, 10, 14, 19, 23]
    assert found.high.tolist() == [40, 49, 62, 56, 66]
    published = [35.0216, 42.6978, 49.1730, 54.2622, 57.8189]
    assert found.cost == pytest.approx(published, abs=5e-5)


def test_r_q_of_the_textbook() -> None:
    """Poisson rate 1.5, lead time 2, h 20, p 150, K 100: (3, 5) at 107.92358."""
    found = best_lots(costs(poisson(3), poisson(1.5), 20, 150, 100), np.ones(1), np.ones(1))
    assert (found.point[0], found.lot[0]) == (3, 5)
    assert found.cost[0] == pytest.approx(107.92358, abs=5e-6)


def test_newsvendor_of_the_textbook() -> None:
    """Poisson 50, h 0.18, p 0.70: level 56 at 1.797235; normal (50, 8): 57 in whole units."""
    assert cost_level(poisson(50), np.array([0.18]), np.array([0.70])) == [56.0]
    case = costs(poisson(50), poisson(50), 0.18, 0.70, 0.0)
    assert case.at(np.array([56.0])) == pytest.approx(1.797235, abs=5e-7)
    steady = DemandLaw(np.array([NORMAL]), np.array([50.0]), np.array([8.0]))
    assert cost_level(steady, np.array([0.18]), np.array([0.70])) == [57.0]


@pytest.mark.parametrize("seed", range(12))
def test_s_s_is_that_of_the_published_algorithm(seed: int) -> None:
    """Random Poisson and negative binomial pairs cost what the scalar algorithm finds."""
    rng = np.random.default_rng(seed)
    period = rng.uniform(0.3, 7.0)
    ratio = float(rng.choice([1.0, 1.6, 4.0]))
    days = rng.uniform(1.0, 3.0)
    first, second = (
        (period * days, math.sqrt(period * days * ratio)),
        (
            period,
            math.sqrt(period * ratio),
        ),
    )
    h, p, k = rng.uniform(0.3, 2.0), rng.uniform(2.0, 15.0), rng.uniform(0.5, 30.0)
    found = best_bands(costs(law(first), law(second), h, p, k), np.ones(1))
    assert found.step[0] == 1.0
    s, big, cost = zheng_federgruen(*first, *second, h, p, k)
    assert found.cost[0] == pytest.approx(cost, rel=1e-9)
    assert (found.low[0], found.high[0]) == (s, big)


def test_wide_cells_cost_little() -> None:
    """Where cells are several units wide, the policy costs within 0.5 % of the optimum."""
    mean, sd, period = 60.0, math.sqrt(60 * 3), 30.0
    second = math.sqrt(30 * 3)
    found = best_bands(costs(law((mean, sd)), law((period, second)), 0.2, 6, 120), np.ones(1))
    assert found.step[0] > 1.0
    _, _, best = zheng_federgruen(mean, sd, period, second, 0.2, 6, 120)
    demand = law((mean, sd))
    mass = cell_masses(law((period, second)), np.ones(1), 600)[0]
    density = [1.0 / (1.0 - mass[0])]
    span = int(found.high[0] - found.low[0])
    for j in range(1, span):
        density.append(float(mass[1 : j + 1] @ np.array(density[::-1])) / (1.0 - mass[0]))
    g = costs(demand, demand, 0.2, 6, 120).at(found.high[0] - np.arange(span)[None, :])[0]
    cost = (120 + np.array(density) @ g) / sum(density)
    assert best - 1e-9 <= cost <= 1.005 * best


@pytest.mark.parametrize("seed", range(6))
def test_no_other_r_q_is_cheaper(seed: int) -> None:
    """Every (r, Q) with r up to 40 and Q up to 60 costs at least as much."""
    rng = np.random.default_rng(100 + seed)
    mean, ratio = rng.uniform(0.5, 9.0), float(rng.choice([1.0, 2.5]))
    case = costs(law((mean, math.sqrt(mean * ratio))), poisson(mean / 2), rng.uniform(0.5, 2), 6, 8)
    found = best_lots(case, np.ones(1), np.ones(1))
    g = case.at(np.arange(-1.0, 101.0)[None, :])[0]
    sums = np.concatenate([[0.0], np.cumsum(g)])
    least = min(
        (8 * mean / 2 + sums[r + 2 + q] - sums[r + 2]) / q
        for r in range(-2, 40)
        for q in range(1, 60)
    )
    assert found.cost[0] == pytest.approx(least, rel=1e-9)


def test_lots_keep_moq_and_multiple() -> None:
    """MOQ 50 and multiples of 6 make 54, and its reorder point is the best one for 54."""
    case = costs(poisson(12), poisson(4), 0.5, 9, 3)
    found = best_lots(case, np.array([50.0]), np.array([6.0]))
    assert found.lot[0] == 54.0
    window = np.arange(1.0, 55.0)
    totals = [case.at((r + window)[None, :])[0].sum() for r in range(-1, 30)]
    assert found.point[0] == int(np.argmin(totals)) - 1
    assert best_point(case, np.array([54.0])) == found.point


@pytest.mark.parametrize(
    ("mean", "sd", "kind"), [(4.0, 2.0, POISSON), (4.0, 5.0, NEGATIVE_BINOMIAL), (9.0, 1.0, NORMAL)]
)
def test_laws_keep_their_promises(mean: float, sd: float, kind: int) -> None:
    """Loss, tail and points agree with summing up the masses; quantiles are the smallest ones."""
    demand = law((mean, sd))
    assert demand.kind[0] == kind
    levels = np.arange(0.0, 400.0)[None, :]
    if kind != NORMAL:
        mass = demand.point(levels)[0]
        assert mass.sum() == pytest.approx(1.0)
        assert (mass @ levels[0]) == pytest.approx(mean)
        assert (mass @ levels[0] ** 2) - mean**2 == pytest.approx(sd**2, rel=1e-6)
        short = [(mass * np.maximum(levels[0] - y, 0.0)).sum() for y in range(20)]
        assert demand.short(levels[:, :20])[0] == pytest.approx(short, abs=1e-9)
        assert demand.above(levels[:, :20])[0] == pytest.approx(1 - np.cumsum(mass)[:20], abs=1e-9)
    for share in (0.01, 0.3, 0.9, 0.999):
        level = demand.quantile(np.array([share]))
        assert 1.0 - demand.above(level)[0] >= share - 1e-12
        assert level[0] == 0.0 or 1.0 - demand.above(level - 1.0)[0] < share


@settings(max_examples=40, deadline=None)
@given(
    mean=st.floats(0.05, 60.0),
    ratio=st.floats(1.0, 6.0),
    holding=st.floats(0.05, 3.0),
    shortage=st.floats(1.0, 30.0),
    order=st.floats(0.1, 40.0),
    money=st.floats(0.1, 50.0),
)
def test_money_scales_cost_and_moves_no_level(
    mean: float, ratio: float, holding: float, shortage: float, order: float, money: float
) -> None:
    """All costs times a number: the same levels (or equally good ones), the cost times it."""
    demand = law((2.0 * mean, math.sqrt(2.0 * mean * ratio)))
    period = law((mean, math.sqrt(mean * ratio)))
    one = best_bands(costs(demand, period, holding, shortage, order), np.ones(1))
    other = best_bands(
        costs(demand, period, money * holding, money * shortage, money * order), np.ones(1)
    )
    assert other.cost == pytest.approx(money * one.cost, rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(mean=st.floats(0.05, 500.0), ratio=st.floats(0.2, 8.0), shortage=st.floats(0.5, 50.0))
def test_dearer_shortage_never_means_less_stock(mean: float, ratio: float, shortage: float) -> None:
    """The level of least cost does not fall when the cost of a unit short rises."""
    demand = law((mean, math.sqrt(mean * ratio)))
    low, high = (
        cost_level(demand, np.ones(1), np.array([cost])) for cost in (shortage, 1.3 * shortage)
    )
    assert low[0] <= high[0]


def test_pairs_do_not_disturb_each_other() -> None:
    """A pair's numbers are the same alone and among 300 others, bit for bit."""
    rng = np.random.default_rng(5)
    mean = rng.gamma(0.8, 12.0, 301) + 0.05
    sd = np.sqrt(mean * rng.choice([1.0, 2.0, 5.0], 301))
    case = CycleCosts(
        DemandLaw.of(2 * mean, 1.5 * sd),
        DemandLaw.of(mean, sd),
        rng.uniform(0.2, 1, 301),
        rng.uniform(2, 9, 301),
        rng.uniform(0, 20, 301),
    )
    together = best_bands(case, np.ones(301))
    for row in (0, 150, 300):
        alone = best_bands(case.take(np.array([row])), np.ones(1))
        assert (alone.low[0], alone.high[0], alone.cost[0]) == (
            together.low[row],
            together.high[row],
            together.cost[row],
        )
