"""What a pair could save by ordering from several suppliers at once, beyond its best one.

The bound prices a pair as if one option served it. A split over options S saves at most what its
option a of least average price saves on the whole quantity (`lines.py`, relaxed), less what the
others cost more: each brings at least its own least quantity. With b the savings of single
options and alpha of the bound,

    excess = max over a, d of (split - alpha - max(0, b_a - alpha) - max(0, b_d - alpha), 0)

is what the bound must give up for the pair, so that it holds for splits as well.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.replenishment.tonight.lines import make_lines
from optimizer.replenishment.tonight.problem import Problem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Splits:
    """Relaxed lines of the pairs with several options that the bound treats one by one."""

    def __init__(self, problem: Problem, split: Flags) -> None:
        self.problem = problem
        lines = make_lines(problem, relaxed=split)
        self.lines = lines.take(np.flatnonzero(split[lines.pair]))
        options = problem.options
        arms = np.bincount(problem.arms.group, minlength=len(problem.groups))
        one_price = np.diff(options.segment_start) == 1
        one_price &= arms[options.group] == 1
        order = np.argsort(options.pair, kind="stable")
        order = order[split[options.pair[order]]]
        pair = options.pair[order]
        first = np.searchsorted(pair, pair)
        place = np.arange(len(order)) - first
        last = np.searchsorted(pair, pair, side="right")
        # every ordered couple (a, d) of options of one pair
        couples = [
            np.column_stack([order, order[np.minimum(first + step, len(order) - 1)]])[
                (step != place) & (first + step < last)
            ]
            for step in range(int(place.max(initial=-1)) + 1)
        ]
        both = np.concatenate(couples) if couples else np.zeros((0, 2), np.int64)
        self.main, self.other = both[:, 0], both[:, 1]
        self.plain = one_price[self.main] & one_price[self.other]

    def excess(
        self,
        unit: Floats,
        offset: Floats,
        saved_by_option: Floats,
        unit_by_option: Floats,
        alpha: Floats,
        nothing: Floats,
    ) -> Floats:
        """Return what each pair may save beyond the bound's own count, (n_pairs,) money.

        Parameters
        ----------
        unit, offset : (n_lines,) prices of the relaxed lines
        saved_by_option : (n_options,) best saving of each option alone
        unit_by_option : (n_options,) price of a unit where an option has one price
        alpha, nothing : (n_pairs,) of the bound; cost without an order
        """
        options, lines = self.problem.options, self.lines
        _, cost = lines.best(unit)
        worth = nothing[lines.pair] - cost - offset
        beyond = np.isfinite(lines.cap)
        inside = np.full(len(options), -np.inf)
        outside = np.full(len(options), -np.inf)
        np.maximum.at(inside, lines.option[~beyond], worth[~beyond])
        np.maximum.at(outside, lines.option[beyond], worth[beyond])
        main, other = self.main, self.other
        usable = options.usable
        dearer = unit_by_option[other] - unit_by_option[main] * usable[other] / usable[main]
        wrong_way = self.plain & (dearer < 0.0)  # the other one is the cheaper
        least = np.where(self.plain, np.maximum(dearer, 0.0) * options.low[other], 0.0)
        split = np.maximum(inside[main] - least, outside[main])
        pair = options.pair[main]
        kept = alpha[pair]
        counted = kept + sum(
            np.maximum(saved_by_option[part] - kept, 0.0) for part in (main, other)
        )
        over = np.where(wrong_way, 0.0, np.maximum(split - counted, 0.0))
        result = np.zeros(len(alpha))
        np.maximum.at(result, pair, over)
        return result
