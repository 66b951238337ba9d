"""Orders under way: quantities, and every sum that a change of one of them moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from optimizer.replenishment.stock_cost import stock_cost
from optimizer.replenishment.tonight.problem import Problem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Steps:
    """Changes of single options, at most one a pair.

    Attributes
    ----------
    option : (n_steps,) int64
    new_qty : (n_steps,) units after the step
    saving : (n_steps,) money of the objective, without fixed costs of orders
    money, units : (n_steps,) change of the option's purchase cost and quantity
    """

    option: Ints
    new_qty: Floats
    saving: Floats
    money: Floats
    units: Floats

    def take(self, index: Ints | Flags) -> Steps:
        """Return the steps at these places."""
        return Steps(
            self.option[index],
            self.new_qty[index],
            self.saving[index],
            self.money[index],
            self.units[index],
        )


class OrderBook:
    """Quantities of options with their level, value and usage kept up to date.

    Attributes
    ----------
    qty, money : (n_options,) units, money
    level : (n_pairs,) units
    value : (n_groups,) money
    used : (n_rows,) left-hand sides
    beside : (n_options,) money per unit that comes back beside its price: what the pair's
        cheapest option would cost, less transport

    Parameters
    ----------
    freight : (n_options,) money per unit; None: that of the first mode
    like : another book of the same problem, which has its rows by option already
    """

    def __init__(
        self,
        problem: Problem,
        qty: Floats,
        freight: Floats | None = None,
        like: OrderBook | None = None,
    ) -> None:
        self.problem = problem
        self.qty = qty.copy()
        self.money = problem.money(qty)
        self.level = problem.level(qty)
        self.value = problem.group_value(qty)
        self.used = problem.usage(qty)
        self.money_rows: csr_array = (
            problem.rows.money.T.tocsr() if like is None else like.money_rows
        )
        self.unit_rows: csr_array = problem.rows.units.T.tocsr() if like is None else like.unit_rows
        self.beside = problem.options.cheapest - (
            self._first_freight() if freight is None else freight
        )
        options = problem.options
        count = np.bincount(options.pair, minlength=1)
        self.one_option_each = int(count.max()) <= 1

    def _first_freight(self) -> Floats:
        """Return what a unit's transport costs on the first mode, (n_options,) money."""
        arms, options = self.problem.arms, self.problem.options
        arm = self.problem.arm_start[options.group]
        freight: Floats = (
            arms.per_kg[arm] * options.kg + arms.per_m3[arm] * options.m3 + arms.per_unit[arm]
        )
        return freight

    def steps(self, direction: int, among: Ints, multiples: Floats | None = None) -> Steps:
        """Return one step up or down of every option in `among` that can take it.

        A step is one multiple; from 0 it is the least quantity, and back.

        Parameters
        ----------
        multiples : (n_among,) multiples of a step; None: 1
        """
        problem, options = self.problem, self.problem.options
        now = self.qty[among]
        multiple, low = options.multiple[among], options.low[among]
        if multiples is not None:
            multiple = multiple * multiples
        if direction > 0:
            new = np.where(now > 0.0, now + multiple, low)
            able = new <= options.high[among] + 1e-9
        else:
            new = np.where(now - multiple >= low - 1e-9, now - multiple, 0.0)
            able = now > 0.0
        index, new = among[able], new[able]
        found = self.priced(index, new)
        if self.one_option_each:
            return found
        pair = problem.options.pair[index]
        order = np.lexsort((-found.saving, pair))
        return found.take(np.sort(order[np.unique(pair[order], return_index=True)[1]]))

    def growing(self, among: Ints) -> Ints:
        """Return the options in `among` that are ordered already, or whose pair needs another one.

        A pair needs another option where none of its own can bring more.
        """
        if self.one_option_each:
            return among
        options = self.problem.options
        able = (self.qty > 0.0) & (self.qty < options.high - 1e-9)
        enough = np.bincount(options.pair, able, len(self.level)) > 0.0
        result: Ints = among[(self.qty[among] > 0.0) | ~enough[options.pair[among]]]
        return result

    def priced(self, option: Ints, new_qty: Floats) -> Steps:
        """Return what setting options to new quantities saves and changes."""
        options, pairs = self.problem.options, self.problem.pairs
        units = new_qty - self.qty[option]
        money = self.problem.money_of(option, new_qty) - self.money[option]
        pair = options.pair[option]
        level = self.level[pair]
        shape = pairs.mean[pair], pairs.sd[pair], pairs.holding[pair], pairs.shortage[pair]
        saving = stock_cost(level, *shape)
        saving -= stock_cost(level + options.usable[option] * units, *shape)
        saving += self.beside[option] * units - money
        return Steps(option, new_qty, saving, money, units)

    def usage(self, steps: Steps) -> csr_array:
        """Return what steps change of the rows' left-hand sides, (n_steps, n_rows) sparse."""
        money = self.money_rows[steps.option].multiply(steps.money[:, None])
        return csr_array(money + self.unit_rows[steps.option].multiply(steps.units[:, None]))

    def scarce(self, steps: Steps, row_price: Floats) -> Floats:
        """Return what steps use of the rows at their prices, (n_steps,) money."""
        in_money = (self.money_rows @ row_price)[steps.option] * steps.money
        result: Floats = in_money + (self.unit_rows @ row_price)[steps.option] * steps.units
        return result

    def apply(self, steps: Steps) -> None:
        """Take steps, at most one an option."""
        options, option = self.problem.options, steps.option
        self.qty[option] = steps.new_qty
        self.money[option] += steps.money
        self.level += np.bincount(
            options.pair[option], options.usable[option] * steps.units, len(self.level)
        )
        self.value += np.bincount(options.group[option], steps.money, len(self.value))
        rows = self.problem.rows
        if len(option) < len(self.qty) // 4:
            self.used += self.money_rows[option].T @ steps.money
            self.used += self.unit_rows[option].T @ steps.units
        else:
            self.used = rows.money @ self.money + rows.units @ self.qty

    def spare(self) -> Floats:
        """Return what each order's value is above its least one, (n_groups,) money."""
        return self.value - self.problem.groups.minimum

    def keeps_orders(self, steps: Steps) -> Flags:
        """Say which steps leave every order at or above its least value, taken in this sequence."""
        group = self.problem.options.group[steps.option]
        loss = np.where(steps.money < 0.0, -steps.money, 0.0)
        order = np.argsort(group, kind="stable")
        total = np.empty(len(group))
        total[order] = running_by(group[order], loss[order])
        result: Flags = (steps.money >= 0.0) | (total <= self.spare()[group] + 1e-9)
        return result


def running_by(group: Ints, numbers: Floats) -> Floats:
    """Return running totals that begin anew with each group; groups stand together."""
    if not len(numbers):
        return numbers
    total = np.cumsum(numbers)
    first = np.flatnonzero(np.diff(group, prepend=group[0] - 1))
    before = total[first] - numbers[first]
    length = np.diff(np.r_[first, len(group)])
    result: Floats = total - np.repeat(before, length)
    return result
