"""Control variates on outage days: what random outages did by chance is taken out of a mean.

How long and how often things were out in a replication is known without simulating anything, and
so is its expectation, from many more histories. The figures are regressed on it, and the mean is
read where the outages are as they are on average:

    mean = mean(Y) - b (mean(C) - E[C]),    b from least squares

The interval has the spread of the residuals with what is left of uncertainty in E[C].

Source: Lavenberg, Welch, A Perspective on the Use of Control Variables, Management Science 27(3),
1981.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import special

from simulation.arrays import Floats, Places
from simulation.disruptions import Disruption, histories
from simulation.intervals import Estimate

LONGER_THAN = (0, 7, 14, 28, 56)  # days; what lies beyond is what a buffer of so much cannot bridge
HISTORIES = 20_000  # for the expectation
BEYOND = 10**9  # numbers of replications that no run uses
PER_CONTROL = 5  # replications that a control must have


def outage_days(
    disruptions: Sequence[Disruption],
    replications: Places,
    *,
    seed: int,
    n_ticks: int,
    ticks_per_day: int = 1,
) -> Floats:
    """(R, C) days out beyond 0, 7, 14, 28 and 56 days a strike, summed, of each disruption."""
    made = histories(
        disruptions, [int(number) for number in replications], seed=seed, n_ticks=n_ticks,
        ticks_per_day=ticks_per_day,
    )  # fmt: skip
    table = np.zeros((len(replications), len(disruptions) * len(LONGER_THAN)))
    for d, disruption in enumerate(disruptions):
        for r, strikes in enumerate(made[disruption.disruption_id]):
            for strike in strikes:
                days = (min(strike.end, n_ticks) - strike.begin) / ticks_per_day
                for c, longer in enumerate(LONGER_THAN):
                    table[r, d * len(LONGER_THAN) + c] += max(days - longer, 0.0)
    return table


def expected_outage_days(
    disruptions: Sequence[Disruption],
    *,
    seed: int,
    n_ticks: int,
    ticks_per_day: int = 1,
    count: int = HISTORIES,
) -> Floats:
    """(count, C) outage days of histories that no run meets; their mean is what to expect."""
    numbers = BEYOND + np.arange(count, dtype=np.int64)
    return outage_days(
        disruptions, numbers, seed=seed, n_ticks=n_ticks, ticks_per_day=ticks_per_day
    )


def controlled(
    values: Floats, controls: Floats, others: Floats, confidence: float = 0.95
) -> Estimate:
    """Return the mean of replications with the chance of their outages taken out.

    Parameters
    ----------
    values : (R,); controls : (R, C) outage days of the same replications
    others : (N, C) of independent histories, N much larger than R
    """
    n = len(values)
    most = n // PER_CONTROL
    used = [c for c in range(controls.shape[1]) if controls[:, c].std() > 0.0][:most]
    centred = controls[:, used] - others[:, used].mean(axis=0)
    design = np.column_stack([np.ones(n), centred])
    slopes, _, rank, _ = np.linalg.lstsq(design, values, rcond=None)
    left = values - design @ slopes
    freedom = n - int(rank)
    if freedom < 1:
        return Estimate(float(np.mean(values)), float("nan"), float("nan"), n)
    inverse = np.linalg.pinv(design.T @ design)
    variance = float(left @ left) / freedom * float(inverse[0, 0])
    beyond = others[:, used] @ slopes[1:]
    variance += float(beyond.var(ddof=1)) / len(others) if used else 0.0
    half = float(special.stdtrit(freedom, 0.5 + confidence / 2.0)) * float(np.sqrt(variance))
    mean = float(slopes[0])
    return Estimate(mean, mean - half, mean + half, n)
