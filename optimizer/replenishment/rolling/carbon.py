"""Hard limits on what the purchases of a later night emit on their way.

The night's problem has a row for each limit, every order weighed by its mode that emits least: no
plan within the limits breaks it, so its bound holds. Where an order may come by several modes and
those chosen emit more than a limit allows, the night is decided again, each by its cleanest mode.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from optimizer.replenishment.facts import Facts
from optimizer.replenishment.tonight.carbon import one_mode_each
from optimizer.replenishment.tonight.problem import Problem, Rows
from scenarios.semantics.co2_limits import Co2Limit, co2_limits

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

STAGE, KIND = "rolling", "co2"
GRAM = 1e-9  # relative; sums of grams that should be equal


class NightCaps:
    """The limits on CO2e of later nights, over all options of some terms.

    Parameters
    ----------
    options : supplier_id of each option
    problem : with all modes
    tonight : lines of `purchase_orders` of tonight, which the first bucket's limits carry already
    """

    def __init__(
        self, facts: Facts, options: pd.DataFrame, problem: Problem, tonight: pd.DataFrame
    ) -> None:
        settings = facts.scenario.settings
        self.start = pd.Timestamp(settings.start_date)
        self.length = pd.Timedelta(days=settings.bucket_days)
        self.limits, _ = co2_limits(facts.scenario, STAGE)
        self.own = {
            str(row.limit_id)
            for row in facts.scenario.table("limits").itertuples()
            if str(row.scope).startswith("stage:")
        }
        self.supplier = options["supplier_id"].to_numpy(object)
        self.arm = cleanest(problem)
        self.grams = np.nan_to_num(problem.arms.g_per_kg)[self.arm[problem.options.group]]
        self.grams = self.grams * problem.options.kg
        self.tonight = tonight

    def rows(self, bucket: int, option: Ints) -> tuple[Rows, list[tuple[str, ...]]]:
        """Return a row for each limit in force in a bucket, over chosen options, and their keys."""
        parts, rooms, names = [], [], []
        for limit in self.in_force(bucket):
            weight = self.grams[option] * self.counts(limit, option)
            parts.append(csr_array(weight[None, :]))
            rooms.append(self.room(limit, bucket))
            names.append(limit.limit_id)
        nothing = csr_array((len(parts), len(option)), dtype=np.float64)
        units = csr_array(vstack(parts, format="csr")) if parts else nothing
        rows = Rows(nothing, units, np.array(rooms, float), (KIND,) * len(names), tuple(names))
        return rows, [(KIND, name) for name in names]

    def in_force(self, bucket: int) -> list[Co2Limit]:
        """Return the limits that hold on the first day of a bucket."""
        day = pd.Series([self.start + bucket * self.length])
        return [limit for limit in self.limits if bool(limit.on(day).all())]

    def counts(self, limit: Co2Limit, option: Ints) -> Flags:
        """Say which options a limit counts."""
        if limit.kind == "all":
            return np.ones(len(option), bool)
        mine: Flags = self.supplier[option] == limit.name
        return mine

    def room(self, limit: Co2Limit, bucket: int) -> float:
        """Return the grams that a bucket's later nights may emit."""
        if bucket or limit.limit_id in self.own or not len(self.tonight):
            return limit.grams
        counted = self.tonight
        if limit.kind == "supplier":
            counted = counted[counted["supplier_id"] == limit.name]
        return max(limit.grams - float(counted["g_co2e"].fillna(0.0).sum()), 0.0)

    def broken(self, bucket: int, problem: Problem, option: Ints, qty: Floats) -> bool:
        """Say whether orders, each by the mode that is chosen for it, emit too much."""
        limits = self.in_force(bucket)
        if not limits:
            return False
        _, grams = problem.way(qty, np.arange(len(option)))
        grams = np.nan_to_num(grams)
        return any(
            float(grams[self.counts(limit, option)].sum())
            > self.room(limit, bucket) * (1.0 + GRAM) + GRAM
            for limit in limits
        )


def cleanest(problem: Problem) -> Ints:
    """Return the arm of each group that emits least, (n_groups,)."""
    arms = problem.arms
    grams = np.nan_to_num(arms.g_per_kg)
    order = np.lexsort((np.arange(len(arms)), arms.per_kg, grams, arms.group))
    group = arms.group[order]
    first: Ints = order[np.flatnonzero(np.diff(group, prepend=-1))]
    return first


def with_cleanest(problem: Problem) -> Problem:
    """Return the problem in which every order comes by its mode that emits least."""
    return one_mode_each(problem, cleanest(problem))


def joined(rows: Rows, more: Rows) -> Rows:
    """Return rows and more rows."""
    if not len(more.room):
        return rows
    return replace(
        rows,
        money=csr_array(vstack([rows.money, more.money], format="csr")),
        units=csr_array(vstack([rows.units, more.units], format="csr")),
        room=np.r_[rows.room, more.room],
        kind=(*rows.kind, *more.kind),
        entity=(*rows.entity, *more.entity),
    )
