"""A proven lower bound on tonight's cost, by prices on what is scarce. No solver.

For any prices lambda >= 0 on the rows (limits), theta >= 0 on each order's least value, shares t
in 0..1 of full shipments, and any alpha >= 0 of pairs with several options,

    bound = sum_i f_i(0) - sum_i alpha_i - sum_g max(0, max over arms of G) - lambda x room
    G     = sum_o max(0, b_o - alpha_i) - order_cost - (1 - t) shipment - theta minimum
    b_o   = max over q of f_i(0) - f_i(q) - premium - transport - (lambda's and theta's prices) q

lies below the cost of every feasible plan. The rows are relaxed with lambda; an order that is
placed pays for at least one shipment and for load / size shipments, hence for any mix of both;
theta relaxes its least value. A pair with one option has alpha = 0 and an exact b (multiples,
MOQ, price breaks). A pair with several is served best by one of them once its quantity is
relaxed to what any split can reach (`lines.py`), and
max_o b_o <= alpha + sum_o max(0, b_o - alpha).
Quantities are capped where more cannot be better (`assemble.py`), so that every b is finite.

Source: Geoffrion (1974), Lagrangean relaxation for integer programming; alpha and its descent as
in Erlenkotter (1978), A dual-based procedure for uncapacitated facility location.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.replenishment.lines import make_lines
from optimizer.replenishment.problem import Problem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

THETA_STEPS = 10
ALPHA_STEPS = 12


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of one evaluation: row >= 0, (n_rows,); shipment in 0..1, (n_arms,)."""

    row: Floats
    shipment: Floats


@dataclass(frozen=True, slots=True)
class Bound:
    """A valid bound and what it was made of.

    Attributes
    ----------
    value : money
    prices : at which it was found
    theta : (n_arms,) subsidy of each order's value, money per money
    gain : (n_arms,) what ordering on the arm would save at these prices
    alpha : (n_pairs,) money
    row_slope, shipment_slope, alpha_slope : slopes of the bound (one of several at a kink)
    """

    value: float
    prices: Prices
    theta: Floats
    gain: Floats
    alpha: Floats
    row_slope: Floats
    shipment_slope: Floats
    alpha_slope: Floats


@dataclass(frozen=True, slots=True)
class _Side:
    """What is bought at one theta: qty per line, chosen line per entry, value per arm."""

    qty: Floats
    chosen: Ints
    value: Floats

    def where(self, arms: Flags, other: _Side, line_arm: Ints, entry_arm: Ints) -> _Side:
        """Return this side, with the other's numbers on the arms that are true."""
        return _Side(
            np.where(arms[line_arm], other.qty, self.qty),
            np.where(arms[entry_arm], other.chosen, self.chosen),
            np.where(arms, other.value, self.value),
        )


@dataclass(slots=True)
class _Search:
    """State of the bisection: best theta and gain per arm, benefit per entry, both sides."""

    theta: Floats
    gain: Floats
    benefit: Floats
    low: _Side
    high: _Side

    def improve(
        self, arms: Flags, gain: Floats, theta: Floats, benefit: Floats, entry_arm: Ints
    ) -> None:
        """Take over what is better on the arms that are true."""
        self.gain = np.where(arms, gain, self.gain)
        self.theta = np.where(arms, theta, self.theta)
        self.benefit = np.where(arms[entry_arm], benefit, self.benefit)


class BoundEvaluator:
    """Evaluates the bound at prices; the arrays that do not change are made once."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.lines = make_lines(problem, relaxed=True)
        self.nothing = problem.pairs.cost(problem.pairs.position)
        lines = self.lines
        self.entry_start = np.flatnonzero(np.diff(lines.entry, prepend=-1))
        self.entry_arm = lines.arm[self.entry_start]
        self.entry_pair = lines.pair[self.entry_start]
        self.entry_option = lines.option[self.entry_start]
        count = np.bincount(problem.options.pair, minlength=len(problem.pairs))
        self.shared_pair = count > 1
        self.beyond = np.flatnonzero(np.isfinite(lines.cap))
        self.money_rows = problem.rows.money.T.tocsr()
        self.unit_rows = problem.rows.units.T.tocsr()

    @property
    def size(self) -> int:
        """Number of lines, of which the work of one evaluation is a multiple."""
        return len(self.lines)

    def zero(self) -> Prices:
        """Return prices at which nothing is scarce."""
        return Prices(np.zeros(len(self.problem.rows)), np.zeros(len(self.problem.arms)))

    def unit_prices(self, prices: Prices, theta: Floats) -> tuple[Floats, Floats]:
        """Return what a unit and what an offset costs on each line, money."""
        lines = self.lines
        money = 1.0 + (self.money_rows @ prices.row)[lines.option] - theta[lines.arm]
        units = (self.unit_rows @ prices.row)[lines.option]
        price = np.where(money >= 0.0, lines.price, lines.price_high)
        load = lines.transport + prices.shipment[lines.arm] * lines.truck
        offset = money * np.where(money >= 0.0, lines.offset, lines.offset_high)
        unit = money * price - lines.cheapest + units + load
        if len(self.beyond):
            self._price_beyond(unit, offset)
        return unit, offset

    def _price_beyond(self, unit: Floats, offset: Floats) -> None:
        """Price what an option cannot bring itself at the least price of its pair's others."""
        lines, at = self.lines, self.beyond
        per_usable = np.full(len(self.problem.options), np.inf)
        np.minimum.at(per_usable, lines.option[at], unit[at] / lines.usable[at])
        pair = self.problem.options.pair
        least = np.full(len(self.problem.pairs), np.inf)
        np.minimum.at(least, pair, per_usable)
        is_least = per_usable == least[pair]
        several = np.bincount(pair, is_least, len(least)) > 1.0
        rest = np.full(len(least), np.inf)
        np.minimum.at(rest, pair, np.where(is_least, np.inf, per_usable))
        rest = np.where(several, least, rest)
        option = lines.option[at]
        other = np.where(is_least[option], rest[pair[option]], least[pair[option]])
        own = unit[at]
        price = np.where(np.isfinite(other), np.maximum(own, other * lines.usable[at]), own)
        unit[at] = price
        offset[at] = (own - price) * lines.cap[at]

    def evaluate(
        self, prices: Prices, allowed: Flags | None = None, alpha: Floats | None = None
    ) -> Bound:
        """Return the bound at these prices, each theta chosen by bisection.

        Parameters
        ----------
        alpha : (n_pairs,) money >= 0, 0 for pairs with one option; None: chosen here, the
            second best saving lowered as far as the slack of closed orders pays for it
        allowed : (n_groups,) orders that may be placed; None: all. With fewer the value bounds
            only plans without the others
        """
        problem, lines = self.problem, self.lines
        arms = problem.arms
        unit, offset = self.unit_prices(prices, np.zeros(len(arms)))
        qty, cost = lines.best(unit)
        benefit, chosen = self._by_entry(self.nothing[lines.pair] - cost - offset)
        given = alpha
        alpha = self._second_best(benefit) if given is None else given
        fixed = problem.groups.cost[arms.group] + (1.0 - prices.shipment) * arms.per_shipment
        if allowed is not None:
            fixed = np.where(allowed[arms.group], fixed, np.inf)
        gain, value = self._by_arm(benefit, chosen, alpha, qty)
        side = _Side(qty, chosen, value)
        found = _Search(np.zeros(len(arms)), gain - fixed, benefit, side, side)
        least = problem.groups.minimum[arms.group]
        short = (found.gain > 0.0) & (value < least)
        if short.any():
            self._reach_minimum(prices, alpha, fixed, short, unit, found)
            if len(self.beyond):
                # lines that lean on other orders' prices must see the same theta everywhere
                unit, offset = self.unit_prices(prices, found.theta)
                _, cost = lines.best(unit)
                found.benefit, _ = self._by_entry(self.nothing[lines.pair] - cost - offset)
                over, _ = self._by_arm(found.benefit, found.low.chosen, alpha, found.low.qty)
                found.gain = over - fixed - found.theta * least
        gain = found.gain
        if given is None:
            alpha, gain = self._lower_alpha(found.benefit, alpha, gain, fixed + found.theta * least)
        return self._finish(prices, found, gain, alpha, self._blend(found, gain, alpha, least))

    def _reach_minimum(
        self,
        prices: Prices,
        alpha: Floats,
        fixed: Floats,
        short: Flags,
        unit: Floats,
        found: _Search,
    ) -> None:
        """Bisect theta of the arms whose order would stay under its least value.

        From the top of theta on, one line costs nothing at the margin and fills the order up;
        an order that stays short even there is held back by capacity.
        """
        lines, n_arms = self.lines, len(self.problem.arms)
        least = self.problem.groups.minimum[self.problem.arms.group]
        low, high = np.zeros(n_arms), np.full(n_arms, np.inf)
        slope = (unit + lines.holding * lines.usable) / np.maximum(lines.price, 1e-12)
        np.minimum.at(high, lines.arm, slope)
        high = np.maximum(high, 0.0) * (1.0 + 1e-9) + 1e-9
        for step in range(1 + THETA_STEPS):
            active = short & (found.gain > 0.0) & np.isfinite(high)
            if not active.any():
                break
            at = np.flatnonzero(active[lines.arm])
            trial = np.where(active, high if step == 0 else 0.5 * (low + high), 0.0)
            part = lines.take(at)
            unit_now, offset_now = self.unit_prices(prices, trial)
            amount, paid = part.best(unit_now[at])
            worth, bought = np.full(len(lines), -np.inf), np.zeros(len(lines))
            worth[at] = self.nothing[part.pair] - paid - offset_now[at]
            bought[at] = amount
            benefit, chosen = self._by_entry(worth)
            gain, value = self._by_arm(benefit, chosen, alpha, bought)
            gain = gain - fixed - trial * least
            found.improve(active & (gain < found.gain), gain, trial, benefit, self.entry_arm)
            reached = active & (value >= least)
            missed = active & ~reached
            side = _Side(bought, chosen, value)
            found.high = found.high.where(reached, side, lines.arm, self.entry_arm)
            found.low = found.low.where(missed, side, lines.arm, self.entry_arm)
            high, low = np.where(reached, trial, high), np.where(missed, trial, low)
            if step == 0:
                high = np.where(missed, np.inf, high)

    def _blend(
        self, found: _Search, gain: Floats, alpha: Floats, least: Floats
    ) -> tuple[Floats, Floats]:
        """Return the quantity of each line at which the bound's slope is measured.

        Where theta was bisected, the mix of its two sides that just meets the least value.
        Also returns how often each pair is served in it, (n_pairs,).
        """
        spread = np.maximum(found.high.value - found.low.value, 1e-12)
        bisected = found.high.value > found.low.value
        mix = np.where(bisected, np.clip((least - found.low.value) / spread, 0.0, 1.0), 0.0)
        counts = self._open_arms(gain)[self.entry_arm]
        counts &= found.benefit > alpha[self.entry_pair]
        weight = np.zeros(len(self.lines))
        served = np.zeros(len(self.problem.pairs))
        for side, share in ((found.low, 1.0 - mix), (found.high, mix)):
            at, part = side.chosen[counts], share[self.entry_arm[counts]]
            weight[at] += part * side.qty[at]
            taken = part * (side.qty[at] > 0.0)
            served += np.bincount(self.entry_pair[counts], taken, len(served))
        return weight, served

    def _finish(
        self,
        prices: Prices,
        found: _Search,
        gain: Floats,
        alpha: Floats,
        blend: tuple[Floats, Floats],
    ) -> Bound:
        """Add the bound up, with its slope at the quantities of each line in `blend`."""
        weight, served = blend
        problem, lines = self.problem, self.lines
        is_open = self._open_arms(gain)
        rows, arms = problem.rows, problem.arms
        value = float(self.nothing.sum() - alpha.sum() - gain[is_open].sum())
        priced = prices.row > 0.0
        value -= float((prices.row[priced] * rows.room[priced]).sum())
        n_options = len(problem.options)
        money = lines.price * weight + np.where(weight > 0.0, lines.offset, 0.0)
        used = rows.money @ np.bincount(lines.option, money, minlength=n_options)
        used = used + rows.units @ np.bincount(lines.option, weight, minlength=n_options)
        load = np.bincount(lines.arm, lines.truck * weight, minlength=len(arms))
        slope = np.where(is_open, load - arms.per_shipment, 0.0)
        return Bound(value, prices, found.theta, gain, alpha, used - rows.room, slope, served - 1.0)

    def _by_entry(self, worth: Floats) -> tuple[Floats, Ints]:
        """Return what each entry saves at best (0: not ordering), and on which line."""
        if len(self.entry_start) == len(worth):
            return np.maximum(worth, 0.0), np.arange(len(worth))
        best = np.maximum.reduceat(worth, self.entry_start) if len(worth) else worth
        hit = np.flatnonzero(worth == best[self.lines.entry])
        chosen = np.zeros(len(best), np.int64)
        chosen[self.lines.entry[hit][::-1]] = hit[::-1]
        return np.maximum(best, 0.0), chosen

    def _by_arm(
        self, benefit: Floats, chosen: Ints, alpha: Floats, qty: Floats
    ) -> tuple[Floats, Floats]:
        """Return per arm what its entries save beyond alpha, and what they spend."""
        money = self.lines.price * qty + self.lines.offset
        over = benefit - alpha[self.entry_pair]
        active = over > 0.0
        count = len(self.problem.arms)
        gain = np.bincount(self.entry_arm, np.where(active, over, 0.0), minlength=count)
        spend = np.where(active, money[chosen], 0.0)
        value = np.bincount(self.entry_arm, spend, minlength=count)
        return gain.astype(np.float64), value.astype(np.float64)

    def _second_best(self, benefit: Floats) -> Floats:
        """Return, for pairs with several options, the second best saving; 0 for the others."""
        alpha = np.zeros(len(self.problem.pairs))
        if not self.shared_pair.any():
            return alpha
        by_option = np.zeros(len(self.problem.options))
        np.maximum.at(by_option, self.entry_option, benefit)
        pair = self.problem.options.pair
        order = np.lexsort((-by_option, pair))
        ranked = pair[order]
        place = np.arange(len(ranked)) - np.searchsorted(ranked, ranked)
        second = order[place == 1]
        alpha[pair[second]] = by_option[second]
        return alpha

    def _lower_alpha(
        self, benefit: Floats, alpha: Floats, gain: Floats, fixed: Floats
    ) -> tuple[Floats, Floats]:
        """Lower alpha as far as the slack of closed arms pays for it; theta stays as it is."""
        if not (alpha > 0.0).any():
            return alpha, gain

        def gains(now: Floats) -> Floats:
            over = np.maximum(benefit - now[self.entry_pair], 0.0)
            total: Floats = np.bincount(self.entry_arm, over, minlength=len(fixed)) - fixed
            return total

        def cost(now: Floats, at: Floats) -> float:
            return float(now.sum() + at[self._open_arms(at)].sum())

        gain = gains(alpha)
        best, best_gain, best_cost = alpha, gain, cost(alpha, gain)
        now = alpha
        for _ in range(ALPHA_STEPS):
            slack = np.maximum(-gain, 0.0)
            touches = (benefit >= now[self.entry_pair]) & (now[self.entry_pair] > 0.0)
            crowd = np.bincount(self.entry_arm[touches], minlength=len(fixed))
            each = (slack / np.maximum(crowd, 1))[self.entry_arm]
            step = np.full(len(now), np.inf)
            np.minimum.at(step, self.entry_pair[touches], each[touches])
            step = np.where(np.isfinite(step), np.minimum(step, now), 0.0)
            if not (step > 1e-12).any():
                break
            now = now - step
            gain = gains(now)
            total = cost(now, gain)
            if total < best_cost:
                best, best_gain, best_cost = now, gain, total
        return best, best_gain

    def _open_arms(self, gain: Floats) -> Flags:
        """Say of each arm whether it is its group's best and saves something."""
        best = np.maximum.reduceat(gain, self.problem.arm_start) if len(gain) else gain
        is_best = gain == best[self.problem.arms.group]
        first = np.zeros(len(gain), bool)
        at = np.flatnonzero(is_best)
        first[at[np.unique(self.problem.arms.group[at], return_index=True)[1]]] = True
        result: Flags = first & (gain > 0.0)
        return result
