"""Pairs with several options: what they save anyway, given how far each order is open.

With shares y of open orders, a pair takes its best option as far as that order is open, then the
next one, until it is served. alpha is what it saves on the option that completes it (0 where
none does): the dual solution of that choice.

Source: Erlenkotter (1978), A dual-based procedure for uncapacitated facility location (alpha);
Magnanti and Wong (1981), Accelerating Benders decomposition (customers' duals for given y).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

WHOLE = 1.0 - 1e-9  # of a pair: served


class Sharing:
    """Entries of the pairs that have several options, laid out by pair.

    Parameters
    ----------
    entry_pair : (n_entries,) int64
    shared : (n_pairs,) bool
    """

    def __init__(self, entry_pair: Ints, shared: Flags) -> None:
        self.n_pairs = len(shared)
        order = np.argsort(entry_pair, kind="stable")
        order = order[shared[entry_pair[order]]]
        self.pairs, first, count = np.unique(
            entry_pair[order], return_index=True, return_counts=True
        )
        self.entries = np.full((len(self.pairs), int(count.max(initial=0))), -1, np.int64)
        for place in range(self.entries.shape[1]):
            has = count > place
            self.entries[has, place] = order[first[has] + place]
        self.exists = self.entries >= 0

    def serve(self, benefit: Floats, share: Floats) -> tuple[Floats, Floats]:
        """Return alpha, (n_pairs,) money, and how far each entry serves its pair.

        Parameters
        ----------
        benefit : (n_entries,) money saved, >= 0
        share : (n_entries,) 0..1, how far the entry's order is open

        Returns
        -------
        alpha : 0 for pairs with one option
        weight : (n_entries,) 0..1
        """
        alpha = np.zeros(self.n_pairs)
        weight = np.where(benefit > 0.0, share, 0.0)
        if not len(self.pairs):
            return alpha, weight
        saved = np.where(self.exists, benefit[self.entries], -1.0)
        rank = np.argsort(-saved, axis=1, kind="stable")
        saved = np.take_along_axis(saved, rank, axis=1)
        entry = np.take_along_axis(self.entries, rank, axis=1)
        offered = np.where(saved > 0.0, share[entry], 0.0)
        total = np.cumsum(offered, axis=1)
        served = np.diff(np.minimum(total, 1.0), axis=1, prepend=0.0)
        whole = total >= WHOLE
        last = np.argmax(whole, axis=1)
        complete = whole[np.arange(len(last)), last]
        alpha[self.pairs] = np.where(complete, saved[np.arange(len(last)), last], 0.0)
        alpha = np.maximum(alpha, 0.0)
        there = entry >= 0
        weight[entry[there]] = served[there]
        return alpha, weight
