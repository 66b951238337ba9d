"""Harden a plan: the cheapest changes found that make it pass its suite.

Every candidate is a choice of changes (:mod:`simulation.levers`), planned anew and tried on the
suite with the same random numbers as all others. Single changes, each at its strongest,
are measured first; chains of them are built greedily by what they close per money; then candidates
race: the better half goes on with twice the replications (successive halving). The winner is
pruned: changes that the gates do not need are left out or made milder. The search is a heuristic:
what it finds passes, but a cheaper choice may exist.

Source: Jamieson, Talwalkar, Non-stochastic Best Arm Identification and Hyperparameter Optimization,
AISTATS 2016 (successive halving).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from optimizer.outcome import Limits, Progress
from optimizer.pipeline import missing_tables
from optimizer.plan import Plan
from scenarios import InputError, Scenario
from scenarios.deltas.delta import Delta
from scenarios.gazetteer import fill_coordinates
from simulation.assembly import build_world
from simulation.candidates import Candidates, Choice, Trial
from simulation.experiment import Cancelled, Case, Setup
from simulation.exposure import exposed_money, recovery_days
from simulation.judging import read_groups, usual_service
from simulation.levers import KINDS, Lever, find_levers
from simulation.ranks import name_ranks
from simulation.suites import BASELINE, Suite

FIRST_REPLICATIONS = 8
FULL_REPLICATIONS = 40
MOST_TRIALS = 60
PAIRS_OF = 4
# parts of the work up to which singles, then chains and pairs, then the race may go
SINGLES, SEARCH, RACE = 0.5, 0.7, 0.85


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one change adds to the choice: the trial without it, against the one with it.

    Attributes
    ----------
    saves : money saved by leaving it out; gap : how far the gates would then be missed
    """

    title: str
    saves: float
    gap: float
    passes_without: bool


@dataclass(frozen=True, slots=True)
class Hardening:
    """What was found.

    Attributes
    ----------
    status : "already passes", "passes", "nothing found" or "stopped" (work, time or cancelled)
    unchanged, best : trials; best is the cheapest that passes, else the one that misses least
    frontier : trials that no other one beats in both cost and gap, cheapest first
    deltas : of the best, to apply to the scenario
    """

    status: str
    levers: tuple[Lever, ...]
    unchanged: Trial
    best: Trial
    frontier: tuple[tuple[Trial, tuple[str, ...]], ...]
    contributions: tuple[Contribution, ...]
    deltas: tuple[Delta, ...]
    titles: tuple[str, ...]
    parent_hash: str
    trials: int
    notes: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether the best choice passes the suite."""
        return self.best.passed

    def document(self) -> dict[str, Any]:
        """Return it as plain values that JSON can hold; `variant` can be applied to the parent."""
        return {
            "status": self.status,
            "passed": self.passed,
            "unchanged": _trial_document(self.unchanged, ()),
            "best": _trial_document(self.best, self.titles),
            "contributions": [
                {"change": own.title, "saves_without": own.saves, "gap_without": own.gap,
                 "passes_without": own.passes_without}
                for own in self.contributions
            ],
            "frontier": [_trial_document(trial, titles) for trial, titles in self.frontier],
            "trials": self.trials,
            "variant": {
                "parent_hash": self.parent_hash,
                "deltas": [delta.document() for delta in self.deltas],
            },
            "notes": list(self.notes),
        }  # fmt: skip


def harden(
    scenario: Scenario,
    plan: Plan,
    suite: Suite,
    *,
    kinds: Sequence[str] = KINDS,
    budget: float | None = None,
    replications: int | None = None,
    most_trials: int = MOST_TRIALS,
    seconds: float | None = None,
    seed: int | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Hardening:
    """Search the cheapest changes that make a scenario's plan pass its suite.

    Parameters
    ----------
    plan : made from the scenario; its forecast is kept, its replenishment planned anew
    kinds : of levers, out of :data:`simulation.levers.KINDS`
    budget : most money that the changes may cost over the horizon; None: no limit
    replications : of the last round; None: the suite's, else 40
    most_trials : deterministic work limit, in trials of a choice
    seconds : wall seconds; the search stops with what there is

    Raises
    ------
    AuditError
        The referee rejects the plan of the best choice.
    InputError
        The plan is another scenario's, the suite has no gates, a kind is unknown, or the scenario
        cannot be replenished.
    """
    _check(scenario, plan, suite, kinds)
    parent_hash = scenario.content_hash
    facts, _ = fill_coordinates(scenario)
    world = build_world(facts, plan)
    seed = next(each for each in (seed, suite.seed, facts.settings.seed) if each is not None)
    money = exposed_money(world, recovery_days(facts), ("supplier", "site", "lane"), seed)
    named, notes = name_ranks(world, suite.cases, lambda: money)
    suite = replace(suite, cases=(Case(BASELINE, (), "undisturbed"), *named))
    exposed = {node: each for node, each in money.items() if node.startswith("supplier:")}
    levers = find_levers(facts, plan, world, exposed, kinds=tuple(kinds))
    limits = Limits(
        seconds=seconds,
        cancelled=cancelled or (lambda: False),
        progress=progress or (lambda _stage, _share, _message: None),
    )
    tried = Candidates(
        facts, plan, suite, levers, Setup(1, seed, read_groups(facts)),
        suite.service_target or usual_service(facts, world), limits.cancelled,
    )  # fmt: skip
    full = replications or suite.replications or FULL_REPLICATIONS
    search = _Search(tried, full, budget, most_trials, limits)
    unchanged = tried.try_out(tried.nothing, full)
    best, status = unchanged, "already passes"
    if not unchanged.passed:
        best, status = search.run(unchanged)
        tried.audit(best.choice)
    return Hardening(
        status=status,
        levers=tuple(levers),
        unchanged=unchanged,
        best=best,
        frontier=tuple((trial, tuple(tried.titles(trial.choice))) for trial in search.frontier()),
        contributions=tuple(search.contributions(best)) if best is not unchanged else (),
        deltas=tried.deltas(best.choice),
        titles=tuple(tried.titles(best.choice)),
        parent_hash=parent_hash,
        trials=len(tried.trials),
        notes=(*notes, *_assumptions(levers)),
    )


def _check(scenario: Scenario, plan: Plan, suite: Suite, kinds: Sequence[str]) -> None:
    if plan.provenance.scenario_hash != scenario.content_hash:
        raise InputError("the plan was made from another scenario: plan this one first")
    if not suite.gates:
        raise InputError("the suite has no gates: add [[gate]] tables that a plan must hold")
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise InputError(f"no such change: {unknown[0]!r}; known are {', '.join(KINDS)}")
    lacking = missing_tables(scenario, "replenishment")
    if lacking:
        raise InputError(f"hardening plans replenishment anew; it lacks {', '.join(lacking)}")


def _assumptions(levers: Sequence[Lever]) -> list[str]:
    kinds = {lever.kind for lever in levers}
    notes = []
    if "second_source" in kinds:
        notes.append(
            "Second sources are those that supplier_products offers; their price is the dearer"
            " goods at the normal flow."
        )
    if "site_capacity" in kinds:
        notes.append("More docks cost their share of the site's fixed_cost_per_day.")
    if "lane_capacity" in kinds:
        notes.append("Reserved weight costs a tenth of the lane's cost_per_kg a day, used or not.")
    notes.append("The search is a heuristic: a cheaper choice may exist.")
    return notes


class _Search:
    """Singles, chains, a race, and pruning, within the limits."""

    def __init__(
        self,
        tried: Candidates,
        full: int,
        budget: float | None,
        most_trials: int,
        limits: Limits,
    ) -> None:
        self.tried, self.full, self.budget = tried, full, budget
        self.most_trials, self.limits = most_trials, limits
        self.first = min(FIRST_REPLICATIONS, full)
        self.cut = False  # whether a limit left something untried

    @property
    def spent(self) -> bool:
        """Whether a limit is reached."""
        return (
            len(self.tried.trials) >= self.most_trials
            or self.limits.remaining <= 0.0
            or self.limits.cancelled()
        )

    def run(self, unchanged: Trial) -> tuple[Trial, str]:
        """Return the best trial and how the search ended."""
        strongest = [self._single(place, -1) for place in range(len(self.tried.levers))]
        singles = self._try(strongest, self.first, SINGLES)
        chains = self._chains(singles)
        helping = sorted((one for one in singles if one.gap < self._base_gap), key=self._rank)
        pairs = [
            self._join(one.choice, other.choice)
            for one, other in combinations(helping[:PAIRS_OF], 2)
        ]
        pool = [*chains, *self._try(pairs, self.first, SEARCH), *helping]
        best = self._race({trial.choice: trial for trial in pool}, unchanged)
        if best.passed:
            best = self._prune(best)
        if best.passed:
            return best, "passes"
        return best, "stopped" if self.cut else "nothing found"

    @property
    def _base_gap(self) -> float:
        return self.tried.try_out(self.tried.nothing, self.first).gap

    def _single(self, place: int, rung: int) -> Choice:
        """Return one change alone; -1 for its strongest setting."""
        choice = list(self.tried.nothing)
        choice[place] = rung % (len(self.tried.levers[place].rungs) + 1)
        return tuple(choice)

    @staticmethod
    def _join(one: Choice, other: Choice) -> Choice:
        return tuple(max(each) for each in zip(one, other, strict=True))

    def _try(
        self, choices: Sequence[Choice], replications: int, share_of_work: float = 1.0
    ) -> list[Trial]:
        """Return trials of the choices, as many as that share of the work lets them be."""
        done = []
        most = share_of_work * self.most_trials
        for choice in dict.fromkeys(choices):
            known = (choice, replications) in self.tried.trials
            if not known and (self.spent or len(self.tried.trials) >= most):
                self.cut = True
                break
            share = min(1.0, len(self.tried.trials) / self.most_trials)
            self.limits.progress("harden", share, ", ".join(self.tried.titles(choice)))
            try:
                done.append(self.tried.try_out(choice, replications))
            except Cancelled:
                self.cut = True
                break
        return done

    def _rank(self, trial: Trial) -> tuple[bool, float, float, Choice]:
        """Within the budget first, then by gap, then by cost."""
        beyond = self.budget is not None and trial.cost.mean > self.budget
        return beyond, trial.gap, trial.cost.mean, trial.choice

    def _chains(self, singles: Sequence[Trial]) -> list[Trial]:
        """Add change after change, by gap closed per money and by gap closed, until gates hold."""
        base = self._base_gap
        smallest = max(1.0, *(abs(one.cost.mean) for one in singles)) / 1e3 if singles else 1.0
        helping = [one for one in singles if one.gap < base]
        by_value = sorted(
            helping, key=lambda t: (-(base - t.gap) / max(t.cost.mean, smallest), t.choice)
        )
        by_gap = sorted(helping, key=lambda t: (t.gap, t.choice))
        made = []
        for order in (by_value, by_gap):
            choice = self.tried.nothing
            for one in order:
                longer = self._join(choice, one.choice)
                if longer == choice:
                    continue
                choice = longer
                found = self._try([choice], self.first, SEARCH)
                made += found
                if not found or found[0].gap == 0.0:
                    break
        return made

    def _race(self, pool: dict[Choice, Trial], unchanged: Trial) -> Trial:
        """Keep the better half with twice the replications, until all have the full number."""
        standing = sorted(pool.values(), key=self._rank)
        count = self.first
        while count < self.full and standing:
            count = min(2 * count, self.full)
            half = max(1 if count < self.full else 2, (len(standing) + 1) // 2)
            again = self._try([trial.choice for trial in standing[:half]], count, RACE)
            if not again:
                break
            standing = sorted(again, key=self._rank)
        self._try([trial.choice for trial in standing[:1]], self.full)
        final = [trial for trial in self.tried.trials.values() if trial.replications == self.full]
        within = [t for t in final if self.budget is None or t.cost.mean <= self.budget]
        passing = [trial for trial in within if trial.passed]
        if passing:
            return min(passing, key=lambda trial: (trial.cost.mean, trial.choice))
        return min([*within, unchanged], key=self._rank)

    def _prune(self, best: Trial) -> Trial:
        """Leave out, or make milder, changes that the gates do not need and that cost money."""
        improved = True
        while improved and not self.spent:
            improved = False
            milder = []
            for place, rung in enumerate(best.choice):
                if rung:
                    choice = list(best.choice)
                    choice[place] = rung - 1
                    milder.append(tuple(choice))
            for trial in self._try(milder, self.full):
                if trial.passed and trial.cost.mean < best.cost.mean:
                    best, improved = trial, True
        return best

    def contributions(self, best: Trial) -> list[Contribution]:
        """Return what each change of the choice adds, as far as the limits allow."""
        found = []
        for place, rung in enumerate(best.choice):
            if not rung:
                continue
            choice = list(best.choice)
            choice[place] = 0
            trials = self._try([tuple(choice)], best.replications)
            if trials:
                title = self.tried.levers[place].rungs[rung - 1].title
                saves = best.cost.mean - trials[0].cost.mean
                found.append(Contribution(title, saves, trials[0].gap, trials[0].passed))
        return found

    def frontier(self) -> list[Trial]:
        """Return the trials with most replications that none beats in cost and gap."""
        latest: dict[Choice, Trial] = {}
        for trial in self.tried.trials.values():
            held = latest.get(trial.choice)
            if held is None or trial.replications > held.replications:
                latest[trial.choice] = trial
        kept: list[Trial] = []
        for trial in sorted(latest.values(), key=lambda t: (t.cost.mean, t.gap, t.choice)):
            if not kept or trial.gap < kept[-1].gap:
                kept.append(trial)
        return kept


def _trial_document(trial: Trial, titles: Sequence[str]) -> dict[str, Any]:
    known = trial.replications > 1
    return {
        "changes": list(titles),
        "cost": trial.cost.mean,
        "cost_low": trial.cost.low if known else None,
        "cost_high": trial.cost.high if known else None,
        "gap": trial.gap,
        "passed": trial.passed,
        "replications": trial.replications,
    }
