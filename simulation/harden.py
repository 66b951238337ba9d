"""Harden a plan: the cheapest changes found that make it pass its suite.

Every candidate is a choice of changes (:mod:`simulation.levers`), planned anew and tried on the
suite with the same random numbers as all others (:mod:`simulation.harden_search`). What is proposed
is planned once more with the work of the plan itself, audited, and held against the suite beside
the plan as it is. The search is a heuristic: what it finds passes, but a cheaper choice may exist.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import isnan
from typing import Any

from optimizer.outcome import Limits, Progress
from optimizer.plan import Plan
from optimizer.stages import missing_tables
from scenarios import InputError, Scenario
from scenarios.deltas.delta import Delta
from scenarios.gazetteer import fill_coordinates
from simulation.assembly import Extras, build_world
from simulation.candidates import REPLAN_WORK, Candidates, Trial, slack_of
from simulation.experiment import Case, Groups, Setup
from simulation.exposure import exposed_money, recovery_days
from simulation.harden_search import Search
from simulation.judging import read_groups, usual_service
from simulation.levers import KINDS, RESERVED_UNIT_SHARE, Lever, find_levers
from simulation.ranks import name_ranks
from simulation.stress import needed, refuse_unknown_scopes
from simulation.suites import BASELINE, Suite
from simulation.targets import resolve
from simulation.verdicts import GateFigure, Verdict
from simulation.world import World

FULL_REPLICATIONS = 40
MOST_TRIALS = 60


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
class Shortfall:
    """A gate that the best choice misses, and the closest that any trial came.

    Attributes
    ----------
    gate : case, figure and bound, in words
    bound, best, closest : the bound, what the best choice shows, and the closest of all trials
    titles : changes of that trial
    """

    gate: str
    bound: float
    best: float
    closest: float
    titles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hardening:
    """What was found.

    Attributes
    ----------
    status : "already passes", "passes", "nothing found" or "stopped" (work, time or cancelled)
    unchanged, best : trials; best is the cheapest that passes, else the one that misses least
    frontier : trials that no other one beats in both cost and margin of the tightest gate, cheapest
        first
    shortfalls : gates that the best misses
    deltas : of the best, to apply to the scenario
    """

    status: str
    levers: tuple[Lever, ...]
    unchanged: Trial
    best: Trial
    frontier: tuple[tuple[Trial, tuple[str, ...]], ...]
    contributions: tuple[Contribution, ...]
    shortfalls: tuple[Shortfall, ...]
    deltas: tuple[Delta, ...]
    titles: tuple[str, ...]
    parent_hash: str
    trials: int
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        """Say what was found and how much was tried."""
        return f"Hardening({self.status!r}, {len(self.titles)} changes, {self.trials} trials)"

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        from simulation.showing import hardening_html

        return hardening_html(self)

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
            "shortfalls": [
                {"gate": own.gate, "bound": own.bound, "best": own.best, "closest": own.closest,
                 "changes": list(own.titles)}
                for own in self.shortfalls
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
    world = build_world(facts, plan, needed(suite, Extras()))
    refuse_unknown_scopes(world, suite.gates)
    seed = next(each for each in (seed, suite.seed, facts.settings.seed) if each is not None)
    money = exposed_money(world, recovery_days(facts), ("supplier", "site", "lane"), seed)
    named, notes = name_ranks(world, suite.cases, lambda: money)
    suite = replace(suite, cases=(Case(BASELINE, (), "undisturbed"), *named))
    groups = read_groups(facts)
    exposed = {node: each for node, each in money.items() if node.startswith("supplier:")}
    levers = find_levers(
        facts, plan, world, exposed, kinds=tuple(kinds), struck=_struck(world, suite, groups)
    )
    limits = Limits(
        seconds=seconds,
        cancelled=cancelled or (lambda: False),
        progress=progress or (lambda _stage, _share, _message: None),
    )
    target = suite.service_target or usual_service(facts, world)
    setup = Setup(1, seed, groups)
    work = max(plan.provenance.work.get("replenishment", REPLAN_WORK), REPLAN_WORK)
    tried = Candidates(facts, plan, suite, levers, setup, target, limits.cancelled)
    own = Candidates(
        facts, plan, suite, levers, setup, target, limits.cancelled, work=work, own=world
    )
    full = replications or suite.replications or FULL_REPLICATIONS
    search = Search(tried, own, full, budget, most_trials, limits)
    limits.progress("harden", 0.0, "the plan as it is")
    unchanged = own.try_out(own.nothing, full)
    best, status = unchanged, "already passes"
    if not unchanged.passed:
        best, status = search.run(unchanged)
        own.audit(best.choice)
    return Hardening(
        status=status,
        levers=tuple(levers),
        unchanged=unchanged,
        best=best,
        frontier=tuple(
            (trial, tuple(own.titles(trial.choice))) for trial in search.frontier(unchanged, best)
        ),
        contributions=tuple(
            Contribution(title, saves, without.gap, without.passed)
            for title, saves, without in search.contributions(best)
        ),
        shortfalls=_shortfalls(best, search.everything(), own),
        deltas=own.deltas(best.choice),
        titles=tuple(own.titles(best.choice)),
        parent_hash=parent_hash,
        trials=search.count,
        notes=(*suite.notes, *notes, *_assumptions(levers)),
    )


def _struck(world: World, suite: Suite, groups: Groups) -> list[str]:
    """Return the suppliers that the suite's cases strike, as in supplier:V."""
    found = [
        f"supplier:{world.suppliers[place].supplier_id}"
        for case in suite.cases
        for each in case.disruptions
        for place in resolve(world, each.kind, each.target, groups).suppliers
    ]
    return list(dict.fromkeys(found))


def _shortfalls(best: Trial, trials: Sequence[Trial], tried: Candidates) -> tuple[Shortfall, ...]:
    """Return the gates that the best choice misses; and what came closest."""
    found = []
    for place, verdict in enumerate(best.verdicts):
        if verdict.passed:
            continue
        closest = max(trials, key=lambda trial: (slack_of(trial.verdicts[place]), trial.choice))
        gate = verdict.gate
        of = "" if gate.scope == "all" else f" of {gate.scope}"
        found.append(
            Shortfall(
                f"{verdict.case}: {gate.kpi}{of} {gate}",
                gate.bound,
                verdict.shown,
                closest.verdicts[place].shown,
                tuple(tried.titles(closest.choice)),
            )
        )
    return tuple(found)


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
    if "supplier_capacity" in kinds:
        notes.append(
            f"A reserved unit of a supplier's week costs {100 * RESERVED_UNIT_SHARE:g} % of its"
            " price, used or not."
        )
    if "lane_capacity" in kinds:
        notes.append("Reserved weight costs a tenth of the lane's cost_per_kg a day, used or not.")
    notes.append("The search is a heuristic: a cheaper choice may exist.")
    return notes


def _trial_document(trial: Trial, titles: Sequence[str]) -> dict[str, Any]:
    known = trial.replications > 1
    return {
        "changes": list(titles),
        "cost": trial.cost.mean,
        "cost_low": trial.cost.low if known else None,
        "cost_high": trial.cost.high if known else None,
        "gap": trial.gap,
        "margin": trial.margin,
        "passed": trial.passed,
        "replications": trial.replications,
        "gates": [
            _gate_document(verdict, figure)
            for verdict, figure in zip(trial.verdicts, trial.figures, strict=True)
        ],
    }


def _gate_document(verdict: Verdict, figure: GateFigure) -> dict[str, Any]:
    gate, gain = verdict.gate, figure.gain
    return {
        "case": verdict.case,
        "kpi": gate.kpi,
        "scope": gate.scope,
        "at_least": gate.at_least,
        "bound": gate.bound,
        "confidence": gate.confidence,
        "value": figure.value.mean,
        "low": _number(figure.value.low),
        "high": _number(figure.value.high),
        "margin": slack_of(verdict),
        "passed": verdict.passed,
        "gain": None if gain is None else gain.mean,
        "gain_low": None if gain is None else _number(gain.low),
        "gain_high": None if gain is None else _number(gain.high),
    }


def _number(value: float) -> float | None:
    return None if isnan(value) else value
