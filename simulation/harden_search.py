"""The search of a hardening: singles, a surrogate's proposals, a race, pruning, proof.

Single changes, each at its strongest, and all that help together are measured first with few
replications. Then an additive surrogate (:mod:`simulation.surrogate`) proposes the cheapest choice
that should pass, learns from what it did, and proposes again. The best go into a race: the better
half goes on with twice the replications (successive halving). The winner is pruned: changes that
the gates do not need are left out or made milder. Last it is planned with the work of the plan
itself; where it then misses a gate, the surrogate must promise that much more.

Source: Jamieson, Talwalkar, Non-stochastic Best Arm Identification and Hyperparameter Optimization,
AISTATS 2016 (successive halving).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optimizer.executor import Cancelled
from optimizer.outcome import Limits
from simulation.candidates import Candidates, Choice, Trial, slack_of
from simulation.surrogate import Seen, Surrogate

FIRST_REPLICATIONS = 8
# parts of the trials up to which singles, then proposals, then the race may go
SINGLES, PROPOSALS, RACE = 0.5, 0.65, 0.75
PATIENCE = 4  # proposals in a row that bring nothing
PROOFS = 3


class Search:
    """Finds a choice within the limits.

    Parameters
    ----------
    tried : plans choices quickly; own : plans them with the plan's work, beside the plan as it is
    full : replications of the last round
    budget : most money; None: no limit
    most_trials : of both together
    """

    def __init__(
        self,
        tried: Candidates,
        own: Candidates,
        full: int,
        budget: float | None,
        most_trials: int,
        limits: Limits,
    ) -> None:
        self.tried, self.own, self.full, self.budget = tried, own, full, budget
        self.most_trials, self.limits = most_trials, limits
        self.first = min(FIRST_REPLICATIONS, full)
        self.cut = False  # whether a limit left something untried

    @property
    def count(self) -> int:
        """Trials so far."""
        return len(self.tried.trials) + len(self.own.trials)

    @property
    def spent(self) -> bool:
        """Whether a limit is reached."""
        return (
            self.count >= self.most_trials
            or self.limits.remaining <= 0.0
            or self.limits.cancelled()
        )

    def everything(self) -> list[Trial]:
        """Return all trials."""
        return [*self.own.trials.values(), *self.tried.trials.values()]

    def run(self, unchanged: Trial) -> tuple[Trial, str]:
        """Return the best trial and how the search ended."""
        base = self._try([self.tried.nothing], self.first)
        if not base:
            return unchanged, "stopped"
        rungs = [len(lever.rungs) for lever in self.tried.levers]
        strongest = [
            (*self.tried.nothing[:place], most, *self.tried.nothing[place + 1 :])
            for place, most in enumerate(rungs)
        ]
        singles = self._try(strongest, self.first, SINGLES)
        for one in singles:  # what changes nothing at its strongest is left alone
            if (one.cost.mean, one.verdicts) == (base[0].cost.mean, base[0].verdicts):
                rungs = [0 if rung else most for rung, most in zip(one.choice, rungs, strict=True)]
        self.surrogate = Surrogate(rungs, _seen(base[0]))
        helping = [one.choice for one in singles if one.gap < base[0].gap]
        if helping:
            together = tuple(max(each) for each in zip(*helping, strict=True))
            self._try([together], self.first, PROPOSALS)
        self._propose()
        best = self._race(unchanged)
        if best.passed:
            best = self._prove(self._prune(best))
        elif best.choice != self.own.nothing:
            best = self._own(best.choice) or best
        if best.passed:
            return best, "passes"
        return best, "stopped" if self.cut else "nothing found"

    def _try(
        self, choices: Sequence[Choice], replications: int, share_of_work: float = 1.0
    ) -> list[Trial]:
        """Return trials of the choices, as many as that share of the work lets them be."""
        done = []
        most = share_of_work * self.most_trials
        for choice in dict.fromkeys(choices):
            known = (choice, replications) in self.tried.trials
            if not known and (self.spent or self.count >= most):
                self.cut = True
                break
            share = min(1.0, self.count / self.most_trials)
            self.limits.progress("harden", share, ", ".join(self.tried.titles(choice)))
            try:
                done.append(self.tried.try_out(choice, replications))
            except Cancelled:
                self.cut = True
                break
        return done

    def _own(self, choice: Choice) -> Trial | None:
        """Return the trial with the plan's own work; None where it was cancelled."""
        self.limits.progress("harden", min(1.0, self.count / self.most_trials), "proof")
        try:
            return self.own.try_out(choice, self.full)
        except Cancelled:
            self.cut = True
            return None

    def _rank(self, trial: Trial) -> tuple[bool, float, float, Choice]:
        """Within the budget first, then by gap, then by cost."""
        beyond = self.budget is not None and trial.cost.mean > self.budget
        return beyond, trial.gap, trial.cost.mean, trial.choice

    def _quick(self) -> list[Trial]:
        """Return all trials with few replications, the best first."""
        quick = [t for t in self.tried.trials.values() if t.replications == self.first]
        return sorted(quick, key=self._rank)

    def _propose(self) -> None:
        """Let the surrogate propose, and learn, until its proposals bring nothing."""
        idle = 0
        while idle < PATIENCE and not self.spent:
            quick = self._quick()
            self.surrogate.fit([_seen(trial) for trial in quick])
            choice = self.surrogate.propose([trial.choice for trial in quick], self.budget)
            if choice is None or not self._try([choice], self.first, PROPOSALS):
                return
            idle = 0 if self._quick()[0].choice == choice else idle + 1

    def _race(self, unchanged: Trial) -> Trial:
        """Keep the better half with twice the replications, until all have the full number."""
        standing = [t for t in self._quick() if t.choice != self.tried.nothing][:8]
        count = self.first
        while count < self.full and standing:
            count = min(2 * count, self.full)
            half = max(1 if count < self.full else 2, (len(standing) + 1) // 2)
            again = self._try([trial.choice for trial in standing[:half]], count, RACE)
            if not again:
                break
            standing = sorted(again, key=self._rank)
        self._try([trial.choice for trial in standing[:1]], self.full)
        within = [t for t in self._final() if self.budget is None or t.cost.mean <= self.budget]
        passing = [trial for trial in within if trial.passed]
        if passing:
            return min(passing, key=lambda trial: (trial.cost.mean, trial.choice))
        return min([*within, unchanged], key=self._rank)

    def _final(self) -> list[Trial]:
        return [trial for trial in self.tried.trials.values() if trial.replications == self.full]

    def _prune(self, best: Trial) -> Trial:
        """Leave out, or make milder, changes that the gates do not need and that cost money."""
        improved = True
        while improved and not self.spent:
            improved = False
            milder = [
                (*best.choice[:place], other, *best.choice[place + 1 :])
                for place, rung in enumerate(best.choice)
                for other in {0, max(rung - 1, 0)} - {rung}
            ]
            # changes left out before milder ones; those that should save most, first
            used = sum(map(bool, best.choice))
            milder.sort(
                key=lambda choice: (
                    sum(map(bool, choice)) == used, self.surrogate.guess(choice).cost, choice,
                )
            )  # fmt: skip
            left = (used + PROOFS) / self.most_trials  # for the proof and each change's own part
            for choice in milder:
                for trial in self._try([choice], self.full, 1.0 - left):
                    if trial.passed and _size(trial) < _size(best):
                        best, improved = trial, True
                if improved:
                    break
        return best

    def _prove(self, best: Trial) -> Trial:
        """Plan the winner with the plan's own work; where it then misses, ask for more."""
        closest: Trial | None = None
        for _ in range(PROOFS):
            proof = self._own(best.choice)
            if proof is None:
                break
            within = self.budget is None or proof.cost.mean <= self.budget
            if proof.passed and within:
                return proof
            if closest is None or self._rank(proof) < self._rank(closest):
                closest = proof
            lost = np.subtract(_seen(best).slacks, _seen(proof).slacks)
            self.surrogate.margins = np.maximum(self.surrogate.margins, lost)
            self.surrogate.fit([_seen(trial) for trial in self._final()])
            known = [*(trial.choice for trial in self._final())]
            choice = self.surrogate.propose(known, self.budget)
            again = self._try([choice], self.full) if choice is not None else []
            if not again:
                break
            best = again[0]
        return closest or best

    def contributions(self, best: Trial) -> list[tuple[str, float, Trial]]:
        """Return each change, what leaving it out saves, and the trial, as far as limits allow."""
        found = []
        reference = self.tried.trials.get((best.choice, self.full), best)
        for place, rung in enumerate(best.choice):
            if not rung:
                continue
            choice = (*best.choice[:place], 0, *best.choice[place + 1 :])
            for trial in self._try([choice], self.full):
                title = self.tried.levers[place].rungs[rung - 1].title
                found.append((title, reference.cost.mean - trial.cost.mean, trial))
        return found

    def frontier(self, unchanged: Trial, best: Trial) -> list[Trial]:
        """Return the trials that none beats in cost and margin, the most replications of each."""
        latest: dict[Choice, Trial] = {}
        for trial in self.tried.trials.values():
            held = latest.get(trial.choice)
            if held is None or trial.replications > held.replications:
                latest[trial.choice] = trial
        latest |= {trial.choice: trial for trial in self.own.trials.values()}
        latest |= {unchanged.choice: unchanged, best.choice: best}
        kept: list[Trial] = []
        for trial in sorted(latest.values(), key=lambda t: (t.cost.mean, -t.margin, t.choice)):
            if not kept or trial.margin > kept[-1].margin:
                kept.append(trial)
        return kept


def _size(trial: Trial) -> tuple[float, int]:
    """Money, and of two that cost the same, changes."""
    return round(trial.cost.mean, 2), sum(trial.choice)


def _seen(trial: Trial) -> Seen:
    slacks = tuple(slack_of(verdict) for verdict in trial.verdicts)
    return Seen(trial.choice, trial.cost.mean, slacks)
