"""Control variates on outage days: what random outages did by chance is taken out of a mean.

How long and how often things were out in a replication is known without simulating anything, and
so is its expectation, from many more histories. Each strike counts with the units that are at stake
on its days: the demand that depends on what is struck. Of every kind of disruption, and of every
single one where there are replications enough, five sums are taken: units at stake on all days out,
and on those beyond the 7th, 14th, 28th and 56th of a strike (what a buffer of so many days cannot
bridge). The figures are regressed on these sums, and the mean is read where the sums are as they
are on average:

    mean = mean(Y) - b (mean(C) - E[C]),    b from least squares

The interval has the spread of the residuals with what is left of uncertainty in E[C]. A mean is a
weighted sum of the replications with weights that depend on the histories alone, so that costs
still add up. Which sums are used depends on their spread, never on the figures.

Source: Lavenberg, Welch, A Perspective on the Use of Control Variables, Management Science 27(3),
1981.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from simulation.arrays import Floats, Places
from simulation.chances import Strikes, strikes_of
from simulation.disruptions import FACTORS, KINDS, Disruption
from simulation.distributions import Distribution
from simulation.experiment import Groups
from simulation.intervals import Estimate, estimate, one_sided
from simulation.reach import Cells
from simulation.targets import resolve
from simulation.world import World

LONGER_THAN = (0, 7, 14, 28, 56)  # days
HISTORIES = 20_000  # for the expectation
BEYOND = 10**9  # numbers of replications that no run uses
PER_CONTROL = 8  # replications that a control must have
MOST_SINGLE = 40  # disruptions of a case up to which each has sums of its own
MONEY = frozenset({"price_shock", "freight_price_jump"})  # no goods are at stake


@dataclass(frozen=True, slots=True)
class Chance:
    """What random outages put at stake: in the replications of a run, and on average.

    Attributes
    ----------
    own : (R, C) sums of the replications
    others : (N, C) of independent histories, N much larger than R
    """

    own: Floats
    others: Floats


class Means:
    """How the means of a case's figures are read from its replications.

    Parameters
    ----------
    n : replications
    chance : None: plain means
    """

    def __init__(self, n: int, chance: Chance | None = None) -> None:
        self.n = n
        self._columns = _usable(chance, n) if chance is not None else []
        if chance is None or not self._columns:
            return
        self._others = chance.others[:, self._columns]
        centred = chance.own[:, self._columns] - self._others.mean(axis=0)
        scale = np.where(centred.std(axis=0) > 0.0, centred.std(axis=0), 1.0)
        self._others = (self._others - self._others.mean(axis=0)) / scale
        design = np.column_stack([np.ones(n), centred / scale])
        self._inverse = np.linalg.pinv(design)
        self._design = design
        self._freedom = n - int(np.linalg.matrix_rank(design))

    @property
    def controlled(self) -> bool:
        """Whether the chance of outages is taken out."""
        return bool(self._columns)

    def estimate(self, values: Floats, confidence: float = 0.95) -> Estimate:
        """Return the mean of the case, within what was seen, with a two-sided interval.

        Parameters
        ----------
        values : (n,) one value per replication
        """
        if not self._columns:
            return estimate(values, confidence)
        mean, error = self._read(values)
        half = float(special.stdtrit(self._freedom, 0.5 + confidence / 2.0)) * error
        inside = min(max(mean, float(values.min())), float(values.max()))
        return Estimate(inside, min(mean - half, inside), max(mean + half, inside), self.n)

    def one_sided(self, values: Floats, confidence: float) -> tuple[float, float]:
        """Return what the mean is above, and what it is below, each with the given confidence."""
        if not self._columns:
            return one_sided(values, confidence)
        mean, error = self._read(values)
        half = float(special.stdtrit(self._freedom, confidence)) * error
        return mean - half, mean + half

    def _read(self, values: Floats) -> tuple[float, float]:
        """Return the mean and its standard error."""
        slopes = self._inverse @ values
        left = values - self._design @ slopes
        variance = float(left @ left) / self._freedom * float(self._inverse[0] @ self._inverse[0])
        beyond = self._others @ slopes[1:]
        variance += float(beyond.var(ddof=1)) / len(beyond)
        return float(slopes[0]), float(np.sqrt(variance))


def _usable(chance: Chance, n: int) -> list[int]:
    """Columns that vary, as many as the replications carry."""
    varying = np.flatnonzero(chance.own.std(axis=0) > 0.0)
    return [int(column) for column in varying[: n // PER_CONTROL]]


def controlled(
    values: Floats, controls: Floats, others: Floats, confidence: float = 0.95
) -> Estimate:
    """Return the mean of replications with the chance of their outages taken out.

    Parameters
    ----------
    values : (R,); controls : (R, C) sums of the same replications
    others : (N, C) of independent histories, N much larger than R
    """
    return Means(len(values), Chance(controls, others)).estimate(values, confidence)


class Stakes:
    """What the random disruptions of a case put at stake in a world.

    Parameters
    ----------
    disruptions : of the case
    seed : of the run
    groups : members (kind, id) by group_id
    """

    def __init__(
        self, world: World, disruptions: Sequence[Disruption], seed: int, groups: Groups
    ) -> None:
        self.world, self.disruptions, self.seed = world, tuple(disruptions), seed
        self.weights = [_at_stake(world, each, groups) for each in self.disruptions]
        self.lags = [_lag(world, each, groups) for each in self.disruptions]
        self.order = np.zeros(0, np.int64)
        if not all(_certain(each) for each in self.disruptions):
            others = self._sums(BEYOND + np.arange(HISTORIES, dtype=np.int64))
            self.order = self._ranked(others)
            self.others = others[:, self.order]

    def chance(self, first: int, count: int) -> Chance | None:
        """Return the sums of some replications; None where nothing is random.

        Parameters
        ----------
        first, count : numbers of the replications
        """
        if not len(self.order):
            return None
        numbers = first + np.arange(count, dtype=np.int64)
        return Chance(self._sums(numbers)[:, self.order], self.others)

    def means(self, first: int, values: Floats) -> Means:
        """Return how to read means: the chance taken out where that makes this mean surer.

        Parameters
        ----------
        first : number of the first replication
        values : (R,) of the figure that decides
        """
        plain = Means(len(values))
        chance = self.chance(first, len(values))
        if chance is None:
            return plain
        made = Means(len(values), chance)
        surer = made.estimate(values).half_width < plain.estimate(values).half_width
        return made if surer else plain

    def _sums(self, numbers: Places) -> Floats:
        """(R, kinds x 5 + D x 5) sums of each kind, then of each disruption where they are few."""
        per_day = self.world.ticks_per_day
        made = strikes_of(
            self.disruptions, numbers, seed=self.seed, n_ticks=self.world.n_ticks,
            ticks_per_day=per_day,
        )  # fmt: skip
        parts = [
            _beyond(made[each.disruption_id], weight, lag, per_day)
            for each, weight, lag in zip(self.disruptions, self.weights, self.lags, strict=True)
        ]
        of_kind: dict[str, Floats] = {}
        for each, part in zip(self.disruptions, parts, strict=True):
            of_kind[each.kind] = of_kind[each.kind] + part if each.kind in of_kind else part
        if len(parts) > MOST_SINGLE:
            parts = []
        return np.concatenate([*of_kind.values(), *parts], axis=1)

    def _ranked(self, others: Floats) -> Places:
        """Columns that vary: kinds before single disruptions, long outages after short ones."""
        n = len(LONGER_THAN)
        kinds = list(dict.fromkeys(each.kind for each in self.disruptions))
        spread = others.std(axis=0)
        blocks = [(0, kind in MONEY) for kind in kinds]
        alone = {kind: [e.kind for e in self.disruptions].count(kind) == 1 for kind in kinds}
        if len(self.disruptions) <= MOST_SINGLE:
            blocks += [(1, each.kind in MONEY) for each in self.disruptions]
        kept = [True] * len(kinds) + [not alone[each.kind] for each in self.disruptions]
        keys = []
        for block, (single, money) in enumerate(blocks):
            for place in range(n):
                column = block * n + place
                if kept[block] and spread[column] > 0.0:
                    # all days and those beyond a week first, of the kinds that matter most
                    late = 0 if place < 2 else place
                    size = -spread[block * n]
                    keys.append((money, single, late, place, size, column))
        return np.array([key[-1] for key in sorted(keys)], np.int64)


def _certain(disruption: Disruption) -> bool:
    """Whether it strikes at the same time and for as long in every replication."""
    fixed = disruption.duration.kind == "fixed" and not isinstance(disruption.start, Distribution)
    return fixed and disruption.probability >= 1.0


def _at_stake(world: World, disruption: Disruption, groups: Groups) -> Floats:
    """(T + 1,) units, summed up to each tick, of the demand that depends on what is struck."""
    reach = resolve(world, disruption.kind, disruption.target, groups)
    cells = Cells(world)
    below = cells.below(reach)
    if KINDS[disruption.kind][0] == "demand":
        for i, flags in reach.demand.items():
            below[cells.begins[i] : cells.begins[i + 1]] = flags
    daily = np.zeros(world.n_ticks)
    for i, site in enumerate(world.sites):
        flags = below[cells.begins[i] : cells.begins[i + 1]]
        daily += site.demand_mean[:, flags].sum(axis=1)[world.bucket_of_tick]
    severity = disruption.severity
    size = severity - 1.0 if disruption.kind in FACTORS | MONEY else severity
    total: Floats = np.concatenate([[0.0], np.cumsum(daily * size)])
    return total


def _lag(world: World, disruption: Disruption, groups: Groups) -> int:
    """Return ticks for which what has left still comes in: the mean lead time, by normal flow."""
    reach = resolve(world, disruption.kind, disruption.target, groups)
    flow = ticks = 0.0
    for j, lane in enumerate(world.lanes):
        if j in reach.lanes or (lane.supplier >= 0 and lane.supplier in reach.suppliers):
            lead = lane.lead_table.mean(axis=1)[lane.lead_rows]
            flow += float(lane.normal_flow.sum())
            ticks += float((lane.normal_flow * lead).sum())
    return round(ticks / flow) if flow > 0.0 else 0


def _beyond(strikes: Strikes, total: Floats, lag: int, ticks_per_day: int) -> Floats:
    """(R, 5) units at stake on the days out, and on those beyond the 7th, 14th, 28th, 56th.

    Parameters
    ----------
    total : (T + 1,) units summed up; lag : ticks after which an outage is felt
    """
    n_ticks = len(total) - 1
    begin = np.clip(np.where(strikes.begin >= 0, strikes.begin + lag, 0), 0, n_ticks)
    end = np.clip(np.where(strikes.begin >= 0, strikes.end + lag, 0), 0, n_ticks)
    sums = []
    for days in LONGER_THAN:
        after = np.minimum(begin + days * ticks_per_day, end)
        sums.append((total[end] - total[after]).sum(axis=1))
    return np.stack(sums, axis=1)
