"""Figures of a distribution over replications: quantiles, expected tail, chance of a miss.

Each comes with an interval of its own: a percentile bootstrap for quantiles and tails (resamples
drawn from a fixed seed, so that the same values give the same interval), Jeffreys' for a chance.

Source: Rockafellar, Uryasev, Optimization of Conditional Value-at-Risk, Journal of Risk 2(3), 2000;
Efron, Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13; Brown, Cai, DasGupta,
Interval Estimation for a Binomial Proportion, Statistical Science 16(2), 2001.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from scipy import special

from simulation.arrays import Flags, Floats
from simulation.intervals import Estimate
from simulation.kpis import Measure, Values

RESAMPLES = 999
SEED = 20150921
LEVEL = 0.95

STATISTICS: Mapping[str, Measure] = {
    "lost_margin_p5": Measure("5 % quantile of lost margin over replications", "money"),
    "lost_margin_p50": Measure("median of lost margin over replications", "money"),
    "lost_margin_p95": Measure("95 % quantile of lost margin: value at risk, VaR95", "money"),
    "lost_margin_cvar95": Measure("mean of the worst 5 % of lost margins: CVaR95", "money"),
    "service_miss": Measure("share of replications whose fill rate misses the target", "share"),
}


def statistics(values: Values, target: float, confidence: float = 0.95) -> dict[str, Estimate]:
    """Return every statistic of a case with its interval; ends are NaN below 2 replications.

    Parameters
    ----------
    values : KPIs per replication; `lost_margin` and `fill_rate` are used
    target : fill rate that is to be met
    confidence : of the two-sided interval
    """
    margin = values["lost_margin", "all"]
    made = {
        f"lost_margin_p{percent}": _bootstrap(margin, partial(_quantile, percent / 100), confidence)
        for percent in (5, 50, 95)
    }
    made["lost_margin_cvar95"] = _bootstrap(margin, tail_mean, confidence)
    made["service_miss"] = _chance(values["fill_rate", "all"] < target, confidence)
    return made


def tail_mean(values: Floats, level: float = LEVEL) -> Floats:
    """Return the mean of the worst (1 - level) of the values, over the last axis.

    The tail holds exactly (1 - level) n values; the last one counts with its fraction.
    """
    ordered = -np.sort(-values, axis=-1)
    n = ordered.shape[-1]
    size = max((1.0 - level) * n, 1.0)
    weights = np.clip(size - np.arange(n), 0.0, 1.0)
    result: Floats = (ordered * weights).sum(axis=-1) / weights.sum()
    return result


def _quantile(share: float, values: Floats) -> Floats:
    result: Floats = np.quantile(values, share, axis=-1)
    return result


def _bootstrap(values: Floats, figure: Callable[[Floats], Floats], confidence: float) -> Estimate:
    n = len(values)
    point = float(figure(values))
    if n < 2:
        return Estimate(point, float("nan"), float("nan"), n)
    chosen = np.random.default_rng(SEED).integers(0, n, (RESAMPLES, n))
    low, high = np.quantile(figure(values[chosen]), _ends(confidence))
    return Estimate(point, min(float(low), point), max(float(high), point), n)


def _ends(confidence: float) -> tuple[float, float]:
    return 0.5 - confidence / 2.0, 0.5 + confidence / 2.0


def _chance(happened: Flags, confidence: float) -> Estimate:
    n, hits = len(happened), int(np.sum(happened))
    if n < 2:
        return Estimate(hits / max(n, 1), float("nan"), float("nan"), n)
    low, high = (
        float(special.betaincinv(hits + 0.5, n - hits + 0.5, end)) for end in _ends(confidence)
    )
    low, high = (0.0 if hits == 0 else low), (1.0 if hits == n else high)
    return Estimate(hits / n, low, high, n)
