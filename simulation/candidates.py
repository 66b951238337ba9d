"""Candidates of a hardening: changes to a scenario, planned anew and tried on a suite."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from optimizer.outcome import Limits
from optimizer.pipeline import audit_stage, run_stage
from optimizer.plan import Plan
from scenarios import Scenario
from scenarios.deltas.apply import apply
from scenarios.deltas.delta import Delta
from simulation.arrays import Floats
from simulation.assembly import Extras, build_world
from simulation.controls import Means, Stakes
from simulation.experiment import Case, Setup, run_cases
from simulation.intervals import Estimate, estimate
from simulation.judging import gate_figure, judge, measure_cases
from simulation.kpis import Values
from simulation.levers import Lever
from simulation.stress import needed
from simulation.suites import BASELINE, Suite
from simulation.verdicts import GateFigure, Verdict
from simulation.world import World

REPLAN_WORK = 1.0
ORDERS_ALONE = {"brief": "yes"}  # of a trial, of which the simulator reads no other table
WORLDS_KEPT = 6
Choice = tuple[int, ...]  # rung of each lever, 0 for none


@dataclass(frozen=True, slots=True)
class Trial:
    """What a choice of changes did.

    Attributes
    ----------
    cost : of the changes, undisturbed and over the horizon, against no change, paired
    gap : how far the gates are missed in all, each as a share of its bound; 0 when all hold
    passed : every gate holds, with its confidence
    figures : of each verdict, with intervals
    """

    choice: Choice
    replications: int
    cost: Estimate
    gap: float
    passed: bool
    verdicts: tuple[Verdict, ...]
    figures: tuple[GateFigure, ...]

    @property
    def margin(self) -> float:
        """By what share of its bound the tightest gate is held; below 0 it is missed."""
        return min(slack_of(verdict) for verdict in self.verdicts)


class Candidates:
    """Plans and tries choices of changes under common random numbers, and remembers them.

    Parameters
    ----------
    plan : gives the forecast; its replenishment is planned anew for every choice
    suite : with ids in the place of ranks, so that every choice meets the same blows
    work : for planning a choice
    own : the world of no change, where it is to be the plan as it is; None: planned anew, too
    """

    def __init__(
        self,
        scenario: Scenario,
        plan: Plan,
        suite: Suite,
        levers: Sequence[Lever],
        setup: Setup,
        target: float,
        cancelled: Callable[[], bool],
        *,
        work: float = REPLAN_WORK,
        own: World | None = None,
    ) -> None:
        self.scenario, self.plan, self.suite = scenario, plan, suite
        self.levers = tuple(levers)
        self.setup, self.target, self.cancelled = setup, target, cancelled
        self.work, self.own = work, own
        self.trials: dict[tuple[Choice, int], Trial] = {}
        self.usual: dict[int, Floats] = {}
        self._calm: dict[int, dict[str, Values]] = {}
        self._stakes: dict[str, Stakes] = {}
        self._worlds: OrderedDict[Choice, World] = OrderedDict()

    @property
    def nothing(self) -> Choice:
        """The choice of no change."""
        return (0,) * len(self.levers)

    def deltas(self, choice: Choice) -> tuple[Delta, ...]:
        """Return the changes to the scenario."""
        return tuple(
            delta
            for lever, rung in zip(self.levers, choice, strict=True)
            if rung
            for delta in lever.rungs[rung - 1].deltas
        )

    def titles(self, choice: Choice) -> list[str]:
        """Return the changes in words."""
        return [
            lever.rungs[rung - 1].title
            for lever, rung in zip(self.levers, choice, strict=True)
            if rung
        ]

    def price(self, choice: Choice) -> float:
        """Return what the changes cost beyond what the simulator books."""
        return sum(
            lever.rungs[rung - 1].price
            for lever, rung in zip(self.levers, choice, strict=True)
            if rung
        )

    def scenario_of(self, choice: Choice) -> Scenario:
        """Return the scenario with the changes."""
        return apply(self.scenario, self.deltas(choice))

    def try_out(self, choice: Choice, replications: int) -> Trial:
        """Return what a choice does in so many replications of every case.

        Raises
        ------
        Cancelled
            `cancelled` said so.
        """
        known = self.trials.get((choice, replications))
        if known is not None:
            return known
        if choice != self.nothing:
            self.try_out(self.nothing, replications)
        world = self._world(choice)
        records = run_cases(
            world,
            self.suite.cases,
            replace(self.setup, replications=replications),
            cancelled=self.cancelled,
        )
        values = measure_cases(
            world, self.suite.cases, records, self.suite.gate_scopes("product")
        )  # fmt: skip
        means = {
            case.name: self._means(world, case, values[case.name]) for case in self.suite.cases
        }
        verdicts = judge(self.suite.gates, self.suite.cases, values, means, self.target)
        spent = values[BASELINE]["cost_operating", "all"] + self.price(choice)
        if choice == self.nothing:
            self.usual[replications] = spent
            self._calm[replications] = values
        made = Trial(
            choice,
            replications,
            estimate(spent - self.usual[replications]),
            sum(_missed(verdict) for verdict in verdicts),
            all(verdict.passed for verdict in verdicts),
            verdicts,
            tuple(
                gate_figure(verdict, values, self._calm[replications], means, self.target)
                for verdict in verdicts
            ),
        )
        self.trials[choice, replications] = made
        return made

    def _means(self, world: World, case: Case, values: Values) -> Means:
        """Return how the means of a case are read; what is at stake is that of the first world."""
        if case.name not in self._stakes:
            self._stakes[case.name] = Stakes(
                world, case.disruptions, self.setup.seed, self.setup.groups
            )
        return self._stakes[case.name].means(self.setup.first, values["short_units", "all"])

    def audit(self, choice: Choice) -> None:
        """Hold the plan of a choice against the facts.

        Raises
        ------
        AuditError
            The referee rejects it.
        """
        self._worlds.pop(choice, None)
        self._world(choice, audited=True)

    def _world(self, choice: Choice, *, audited: bool = False) -> World:
        if choice == self.nothing and self.own is not None and not audited:
            return self.own
        if choice in self._worlds:
            self._worlds.move_to_end(choice)
            return self._worlds[choice]
        facts = self.scenario_of(choice)
        tables = {"forecast": self.plan.table("forecast")}
        tables = {name: frame for name, frame in tables.items() if len(frame)}
        limits = Limits(work=self.work, seed=facts.settings.seed, cancelled=self.cancelled)
        wishes = {} if audited else ORDERS_ALONE
        result = run_stage("replenishment", facts, tables, limits, wishes)
        tables |= {name: frame for name, frame in result.tables.items() if len(frame.columns)}
        if audited:
            audit_stage("replenishment", facts, tables, result)
        provenance = replace(self.plan.provenance, scenario_hash=facts.content_hash)
        world = build_world(facts, Plan(provenance, tables), needed(self.suite, Extras()))
        self._worlds[choice] = world
        while len(self._worlds) > WORLDS_KEPT:
            self._worlds.popitem(last=False)
        return world


def slack_of(verdict: Verdict) -> float:
    """Return by what share of its bound a gate is held, below 0 by what it is missed.

    By what is shown; by the mean where nothing is.
    """
    shown = verdict.shown if math.isfinite(verdict.shown) else verdict.value
    size = max(abs(verdict.gate.bound), 1e-9)
    side = 1.0 if verdict.gate.at_least else -1.0
    return side * float(shown - verdict.gate.bound) / size


def _missed(verdict: Verdict) -> float:
    """Return by what share of its bound a gate is missed."""
    return 0.0 if verdict.passed else abs(slack_of(verdict))
