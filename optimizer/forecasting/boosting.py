"""A gradient-boosted correction of the base forecast, learned over all series at once.

LightGBM, Poisson loss: the log of the base forecast is where every row starts, so that the trees
only say by what factor the total of a block of buckets is above or below it. A fast seller's
relative error does not shrink with its volume: rows weigh 1 / (1 + a x base total), as the variance
of a negative binomial asks, with a estimated from the same rows. Trained in one thread with fixed
seeds: the same trees on any number of cores.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from optimizer.forecasting.features import NAMES, Looker, Singles
from optimizer.forecasting.panel import Floats

BLOCKS = {True: ((0, 4), (4, 13), (13, 26)), False: ((0, 7), (7, 14), (14, 28))}
MOST_ROWS = 80_000
FEWEST_ROWS = 3_000
ROUNDS = 120
FIRST_ORIGIN = 13  # buckets that have to lie before a row's origin
LEAST_BASE = 0.02  # units a bucket under the logarithm
CORRECTION = (0.2, 5.0)  # limits of the factor
PARAMETERS: dict[str, Any] = {
    "objective": "poisson",
    "learning_rate": 0.06,
    "num_leaves": 16,
    "min_data_in_leaf": 60,
    "min_sum_hessian_in_leaf": 10.0,
    "lambda_l2": 10.0,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "max_bin": 127,
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}


@dataclass(frozen=True, slots=True)
class Booster:
    """Trees, and the blocks of buckets that they speak of."""

    trees: Any
    blocks: tuple[tuple[int, int], ...]

    def path(self, looker: Looker, origins: Sequence[int], base: Floats, horizon: int) -> Floats:
        """Return the corrected path (n_origins, horizon, n_series), season divided out.

        Parameters
        ----------
        base : (n_origins, n_series) units a bucket, season divided out
        """
        made = np.repeat(base[:, None, :], horizon, axis=1)
        for row, origin in enumerate(origins):
            for place, block in enumerate(self.blocks):
                low, high = block
                if low >= horizon:
                    break
                found = looker.look(origin, base[row], block, place)
                factor = np.exp(self.trees.predict(found, raw_score=True, num_threads=1))
                end = horizon if place == len(self.blocks) - 1 else high
                made[row, low:end] *= np.clip(factor, *CORRECTION)
        return made


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows to learn from: features, the block's total and what the base expected of it."""

    features: Singles
    total: Floats
    expected: Floats


def installed() -> bool:
    """Say whether LightGBM can be imported."""
    return importlib.util.find_spec("lightgbm") is not None


def blocks_within(reach: int, *, weekly: bool) -> tuple[tuple[int, int], ...]:
    """Return the blocks that begin within the reach, the last one cut off there."""
    return tuple((low, min(high, reach)) for low, high in BLOCKS[weekly] if low < reach)


def training_origins(n_known: int, blocks: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """Return origins whose first block ends within the first `n_known` buckets."""
    return tuple(range(FIRST_ORIGIN, n_known - blocks[0][1] + 1))


def thinning(n_series: int, n_origins: int, n_blocks: int) -> int:
    """Return k so that every k-th series of each origin keeps to MOST_ROWS."""
    return max(1, -(-n_series * n_origins * n_blocks // MOST_ROWS))


def collect(
    looker: Looker,
    origins: Sequence[int],
    base: Floats,
    blocks: Sequence[tuple[int, int]],
    n_known: int,
    keep: int,
) -> Rows:
    """Return rows of one panel; every `keep`-th series, a different one from each origin.

    Parameters
    ----------
    base : (n_origins, n_series) units a bucket at each origin, season divided out
    n_known : nothing at or after this bucket is looked at
    """
    panel, index = looker.panel, looker.index
    features, totals, expected = [], [], []
    for row, origin in enumerate(origins):
        part = (np.arange(panel.qty.shape[1]) + origin) % keep == 0
        for place, (low, high) in enumerate(blocks):
            if origin + high > n_known:
                continue
            own = slice(origin + low, origin + high)
            season = 1.0 if index is None else index[own]
            units = (panel.qty[own] * season).sum(axis=0)
            per_unit = (panel.known[own] * season).sum(axis=0)
            said = np.maximum(base[row], LEAST_BASE) * per_unit
            use = part & (said > 0.0) & (looker.seen[origin] >= 4.0)
            features.append(looker.look(origin, base[row], (low, high), place)[use])
            totals.append(units[use])
            expected.append(said[use])
    if not features:
        return Rows(np.zeros((0, len(NAMES)), np.float32), np.zeros(0), np.zeros(0))
    return Rows(np.concatenate(features), np.concatenate(totals), np.concatenate(expected))


def train(
    parts: Sequence[Rows],
    blocks: tuple[tuple[int, int], ...],
    stop: Callable[[], bool],
) -> Booster | None:
    """Return the trees; None where there is too little to learn from, or `stop()` says so."""
    features = np.concatenate([part.features for part in parts])
    if len(features) < FEWEST_ROWS or not installed():
        return None
    import lightgbm

    total = np.concatenate([part.total for part in parts])
    expected = np.concatenate([part.expected for part in parts])
    scale = (1.0 + expected) ** 2
    excess = (((total - expected) ** 2 - expected) / scale).sum() / (expected**2 / scale).sum()
    weight = 1.0 / (1.0 + float(np.clip(excess, 0.05, 5.0)) * expected)
    data = lightgbm.Dataset(
        features, total, weight=weight, init_score=np.log(expected), params=PARAMETERS
    )
    stopped = False

    def ask(environment: Any) -> None:
        nonlocal stopped
        if stop():
            stopped = True
            raise lightgbm.callback.EarlyStopException(environment.iteration, [])

    trees = lightgbm.train(PARAMETERS, data, ROUNDS, callbacks=[ask])
    return None if stopped else Booster(trees, blocks)
