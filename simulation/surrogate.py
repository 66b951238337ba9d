"""What a choice of changes would do, guessed from the trials so far: an additive surrogate.

Every rung of every lever adds its own part to the cost and to the slack of each gate. The parts
start at what single changes were seen to do and are fitted to all trials by ridge regression
towards it, so that each trial of a combination corrects them. The proposal is the cheapest choice
whose guessed slacks are all held, found by descent from several starts over the guesses alone.

Source: Kleijnen, Design and Analysis of Simulation Experiments, 2015, chapters 2 and 4 (first-order
polynomial metamodels, and optimising on them).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from simulation.arrays import Floats

Choice = tuple[int, ...]
STIFFNESS = 0.1  # weight of the parts seen alone against one trial
STEPS = 200
STARTS = 3


@dataclass(frozen=True, slots=True)
class Seen:
    """A trial: the choice, its cost, and by how much each gate is held (below 0: missed)."""

    choice: Choice
    cost: float
    slacks: tuple[float, ...]


class Surrogate:
    """An additive guess at cost and slacks.

    Parameters
    ----------
    rungs : number of settings of each lever; 0 for one that does nothing
    base : the trial of no change

    Attributes
    ----------
    margins : (n_gates,) slack that a gate must be guessed to have
    """

    def __init__(self, rungs: Sequence[int], base: Seen) -> None:
        self.rungs = tuple(rungs)
        self.base = base
        self.begins = np.cumsum([0, *rungs])
        self.parts = np.zeros((int(self.begins[-1]), 1 + len(base.slacks)))
        self.margins = np.zeros(len(base.slacks))

    def _row(self, choice: Choice) -> Floats:
        """One flag for every rung that is reached or passed."""
        row = np.zeros(int(self.begins[-1]))
        for begin, most, rung in zip(self.begins, self.rungs, choice):
            row[begin : begin + min(rung, most)] = 1.0
        return row

    def _change(self, seen: Seen) -> Floats:
        return np.array(
            [seen.cost - self.base.cost, *np.subtract(seen.slacks, self.base.slacks)], np.float64
        )

    def fit(self, trials: Iterable[Seen]) -> None:
        """Learn from the trials; those of a single change say where its parts start."""
        trials = list(trials)
        start = np.zeros_like(self.parts)
        for seen in trials:
            used = [place for place, rung in enumerate(seen.choice) if rung]
            if len(used) == 1:
                (place,) = used
                rung = min(seen.choice[place], self.rungs[place])
                if not rung:
                    continue
                begin = self.begins[place]
                if rung == self.rungs[place] or not start[begin : begin + rung].any():
                    start[begin : begin + self.rungs[place]] = self._change(seen) / rung
        rows = np.array([self._row(seen.choice) for seen in trials])
        left = np.array([self._change(seen) for seen in trials]) - rows @ start
        normal = rows.T @ rows + STIFFNESS * np.eye(rows.shape[1])
        self.parts = start + np.linalg.solve(normal, rows.T @ left)

    def guess(self, choice: Choice) -> Seen:
        """Return what the choice would do."""
        change = self._row(choice) @ self.parts
        slacks = np.asarray(self.base.slacks) + change[1:]
        return Seen(choice, self.base.cost + float(change[0]), tuple(slacks.tolist()))

    def propose(self, known: Iterable[Choice], budget: float | None) -> Choice | None:
        """Return the choice that promises most and has not been tried; None: none is left.

        Least missed first, then cheapest, within the budget before beyond it.
        """
        tried = set(known)
        nothing = (0,) * len(self.rungs)
        promising = sorted(tried, key=lambda each: (self._rank(each, budget), each))[:STARTS]
        starts = [nothing, self.rungs, *promising]
        best: tuple[tuple[bool, float, float], Choice] | None = None
        for start in dict.fromkeys(starts):
            choice = self._descend(tuple(start), budget)
            for option in (choice, *self._near(choice)):
                if option not in tried:
                    found = (self._rank(option, budget), option)
                    best = found if best is None else min(best, found)
        return best[1] if best is not None else None

    def _rank(self, choice: Choice, budget: float | None) -> tuple[bool, float, float]:
        guess = self.guess(choice)
        missed = float(np.maximum(self.margins - guess.slacks, 0.0).sum())
        return budget is not None and guess.cost > budget, round(missed, 6), round(guess.cost, 6)

    def _near(self, choice: Choice) -> list[Choice]:
        """Return choices with one lever set otherwise."""
        return [
            (*choice[:place], other, *choice[place + 1 :])
            for place, most in enumerate(self.rungs)
            for other in range(most + 1)
            if other != choice[place]
        ]

    def _descend(self, choice: Choice, budget: float | None) -> Choice:
        """Take the best single step, or the best exchange of two, until none helps."""
        rank = self._rank(choice, budget)
        for _ in range(STEPS):
            near = self._near(choice)
            better = min((self._rank(each, budget), each) for each in near) if near else None
            if better is None or better[0] >= rank:
                pairs = {twice for each in near for twice in self._near(each)}
                better = min(((self._rank(each, budget), each) for each in pairs), default=None)
            if better is None or better[0] >= rank:
                return choice
            rank, choice = better
        return choice
