"""A proven lower bound on tonight's cost, by prices on what is scarce. No solver.

For any prices lambda >= 0 on the rows (limits), theta >= 0 on each order's least value, shares t
in 0..1 of full shipments, and any alpha >= 0 of pairs with several options,

    bound = sum_i f_i(0) - sum_i (alpha_i + e_i) - sum_g max(0, max over arms of G) - lambda x room
    G     = sum_o max(0, b_o - alpha_i) - order_cost - (1 - t) shipment - theta minimum
    b_o   = max over q of f_i(0) - f_i(q) - premium - transport - (lambda's and theta's prices) q

lies below the cost of every feasible plan. The rows are relaxed with lambda; an order that is
placed pays for at least one shipment and for load / size shipments, hence for any mix of both;
theta relaxes its least value. Every b is exact (multiples, MOQ, price breaks). A pair that one
option serves saves at most alpha + max(0, b_o - alpha); e is what a split over several options
may save beyond that (`splits.py`). Pairs whose options are too small to serve them alone have
b's that no split can beat instead, and e = 0 (`lines.py`).
Quantities are capped where more cannot be better (`assemble.py`), so that every b is finite.

Source: Geoffrion (1974), Lagrangean relaxation for integer programming; alpha as in Erlenkotter
(1978), A dual-based procedure for uncapacitated facility location.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.replenishment.stock_cost import best_level
from optimizer.replenishment.tonight.line_prices import LinePrices, Prices
from optimizer.replenishment.tonight.lines import Lines, make_lines
from optimizer.replenishment.tonight.problem import Problem
from optimizer.replenishment.tonight.sharing import Sharing
from optimizer.replenishment.tonight.splits import Splits

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

THETA_STEPS = 9
CLOSE = 1e-3  # two sides of theta this close, relative, are not brought closer
NEAR = 1.05  # how far from a guess of theta its two sides are looked for
HALF_OPEN = 0.75  # share of every order where nothing is known: alpha is the second best saving


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
    share : (n_arms,) 0..1, how far each order is taken to be open
    row_slope, shipment_slope : slopes of the bound (one of several at a kink), where no pair has
        several options
    """

    value: float
    prices: Prices
    theta: Floats
    gain: Floats
    alpha: Floats
    share: Floats
    row_slope: Floats
    shipment_slope: Floats


@dataclass(frozen=True, slots=True)
class Answer:
    """What is bought at prices.

    Attributes
    ----------
    qty : (n_lines,) units of each line, if it is chosen
    benefit : (n_entries,) money that an entry saves at best, 0 if nothing
    chosen : (n_entries,) line on which it does
    """

    qty: Floats
    benefit: Floats
    chosen: Ints


@dataclass(slots=True)
class _Bisected:
    """Arms whose theta was looked for: what was best, and what is bought on its two sides."""

    arms: Ints
    lines: Ints
    theta: Floats
    gain: Floats
    low_value: Floats
    high_value: Floats
    low_qty: Floats
    high_qty: Floats


class BoundEvaluator:
    """Evaluates the bound at prices; the arrays that do not change are made once."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.nothing = problem.pairs.cost(problem.pairs.position)
        count = np.bincount(problem.options.pair, minlength=len(problem.pairs))
        self.shared_pair = count > 1
        leaning = self.leaning = _leaning(problem, self.shared_pair)
        lines = self.lines = make_lines(problem, relaxed=leaning)
        self.pricing = LinePrices(problem, lines)
        split = self.shared_pair & ~leaning
        self.splits = Splits(problem, split) if split.any() else None
        if self.splits is not None:
            self.split_pricing = LinePrices(problem, self.splits.lines)
        self.line_nothing = self.nothing[lines.pair]
        self.entry_start = np.flatnonzero(np.diff(lines.entry, prepend=-1))
        self.one_line_each = len(self.entry_start) == len(lines)
        self.entry_arm = lines.arm[self.entry_start]
        self.entry_pair = lines.pair[self.entry_start]
        self.entry_option = lines.option[self.entry_start]
        self.arm_start = np.flatnonzero(np.diff(self.entry_arm, prepend=-1))
        self.used_arms = self.entry_arm[self.arm_start]
        self.sharing = Sharing(self.entry_pair, self.shared_pair)
        self.least = problem.groups.minimum[problem.arms.group]

    @property
    def size(self) -> int:
        """Number of lines, of which the work of one evaluation is a multiple."""
        return len(self.lines)

    def zero(self) -> Prices:
        """Return prices at which nothing is scarce."""
        return Prices(np.zeros(len(self.problem.rows)), np.zeros(len(self.problem.arms)))

    def fixed_cost(self, prices: Prices, allowed: Flags | None = None) -> Floats:
        """Return what placing an order on each arm costs, (n_arms,); inf where not allowed."""
        arms = self.problem.arms
        fixed: Floats = (
            self.problem.groups.cost[arms.group] + (1.0 - prices.shipment) * arms.per_shipment
        )
        if allowed is not None:
            fixed = np.where(allowed[arms.group], fixed, np.inf)
        return fixed

    def answer(self, unit: Floats, offset: Floats) -> Answer:
        """Return what is best on each line and entry at unit prices."""
        qty, cost = self.lines.best(unit)
        benefit, chosen = self._by_entry(self.line_nothing - cost - offset)
        return Answer(qty, benefit, chosen)

    def top_theta(self, unit: Floats) -> Floats:
        """Return the theta at which one more unit on some line costs nothing, (n_arms,).

        Parameters
        ----------
        unit : (n_lines,) price of a unit at theta 0
        """
        lines = self.lines
        slope = (unit + lines.holding * lines.usable) / np.maximum(lines.price, 1e-12)
        top = np.zeros(len(self.least))
        if len(slope):
            top[self.used_arms] = np.minimum.reduceat(slope, self.entry_start[self.arm_start])
        return np.maximum(top, 0.0) * (1.0 + 1e-9) + 1e-9

    def by_arm(self, numbers: Floats) -> Floats:
        """Add numbers of entries up by arm, (n_arms,)."""
        total = np.zeros(len(self.least))
        if len(numbers):
            total[self.used_arms] = np.add.reduceat(numbers, self.arm_start)
        return total

    def evaluate(
        self,
        prices: Prices,
        allowed: Flags | None = None,
        theta: Floats | None = None,
        share: Floats | None = None,
        guess: Floats | None = None,
    ) -> Bound:
        """Return the bound at these prices.

        Parameters
        ----------
        allowed : (n_groups,) orders that may be placed; None: all. With fewer the value bounds
            only plans without the others
        theta : (n_arms,) >= 0; None: each is looked for by bisection, first beside `guess`
        share : (n_arms,) 0..1, from which alpha is made
        """
        arms = self.problem.arms
        given = theta is not None
        now = np.zeros(len(arms)) if theta is None else theta
        share = np.full(len(arms), HALF_OPEN) if share is None else share
        unit, offset = self.pricing.at(prices, now)
        answer = self.answer(unit, offset)
        alpha, _ = self.sharing.serve(answer.benefit, share[self.entry_arm])
        fixed = self.fixed_cost(prices, allowed)
        gain, value = self._gain(answer, alpha)
        gain = gain - fixed - now * self.least
        short = (gain > 0.0) & (value < self.least)
        bisected = None
        if not given and short.any():
            found = self._reach_minimum(prices, alpha, fixed, short, (unit, offset), gain, guess)
            bisected = found
            now, gain = now.copy(), gain.copy()
            now[found.arms], gain[found.arms] = found.theta, found.gain
            if len(self.pricing.beyond):
                # lines that lean on other orders' prices must see the same theta everywhere
                unit, offset = self.pricing.at(prices, now)
                again = self.answer(unit, offset)
                gain = self._gain(again, alpha)[0] - fixed - now * self.least
        excess = self._excess(prices, now, answer, alpha, given=given)
        return self._finish(
            prices, now, gain, alpha, excess, share, self._weights(answer, alpha, gain, bisected)
        )

    def _excess(
        self, prices: Prices, theta: Floats, answer: Answer, alpha: Floats, *, given: bool
    ) -> float:
        """Return what splits over several options may save beyond the bound's count, money."""
        if self.splits is None:
            return 0.0
        if not given:
            answer = self.answer(*self.pricing.at(prices, theta))
        options = self.problem.options
        saved = np.zeros(len(options))
        np.maximum.at(saved, self.entry_option, answer.benefit)
        unit_now, offset = self.split_pricing.at(prices, theta)
        unit_by_option = np.zeros(len(options))
        inside = ~np.isfinite(self.splits.lines.cap)
        unit_by_option[self.splits.lines.option[inside]] = unit_now[inside]
        over = self.splits.excess(unit_now, offset, saved, unit_by_option, alpha, self.nothing)
        return float(over.sum())

    def _reach_minimum(
        self,
        prices: Prices,
        alpha: Floats,
        fixed: Floats,
        short: Flags,
        at_zero: tuple[Floats, Floats],
        gain: Floats,
        guess: Floats | None,
    ) -> _Bisected:
        """Look for the theta of the arms whose order would stay under its least value.

        From the top of theta on, one line costs nothing at the margin and fills the order up;
        an order that stays short even there is held back by capacity.
        """
        unit = at_zero[0]
        high = np.where(short, self.top_theta(unit), 0.0)
        which = np.flatnonzero(short)
        at = np.flatnonzero(short[self.lines.arm])
        entries = np.flatnonzero(short[self.entry_arm])
        part = self.lines.take(at)
        local = np.cumsum(short) - 1
        arm = local[part.arm]
        entry_arm = local[self.entry_arm[entries]]
        first_line = np.flatnonzero(np.diff(part.entry, prepend=-1))
        first_entry = np.flatnonzero(np.diff(entry_arm, prepend=-1))
        nothing, kept = self.line_nothing[at], alpha[self.entry_pair[entries]]
        low, high = np.zeros(len(which)), high[which]
        start = np.zeros(len(which)) if guess is None else guess[which]
        start = np.where((start > 0.0) & (start < high), start, 0.0)
        least, fixed = self.least[which], fixed[which]
        found = _Bisected(
            which,
            at,
            np.zeros(len(which)),
            gain[which],
            np.zeros(len(which)),
            np.full(len(which), -1.0),
            np.zeros(len(at)),
            np.zeros(len(at)),
        )
        held_back = np.zeros(len(which), bool)
        reached = np.zeros(len(which), bool)
        for step in range(-1, THETA_STEPS):
            middle = 0.5 * (low + high)
            trial = middle if step > 0 else self._trial(step, middle, start, reached, high)
            active = (found.gain > 0.0) & ~held_back
            if not (active & (high - low > CLOSE * high)).any():
                break
            unit_now, offset_now = self._repriced(prices, trial, short, at, part, at_zero)
            qty, cost = part.best(unit_now)
            worth = nothing - cost - offset_now
            benefit, chosen = _best_of_each(worth, first_line, len(worth))
            over = np.maximum(benefit - kept, 0.0)
            now = np.add.reduceat(over, first_entry) - fixed - trial * least
            money = np.where(over > 0.0, (part.price * qty + part.offset)[chosen], 0.0)
            value = np.add.reduceat(money, first_entry)
            better = active & (now < found.gain)
            found.gain = np.where(better, now, found.gain)
            found.theta = np.where(better, trial, found.theta)
            bought = np.zeros(len(part))
            bought[chosen[over > 0.0]] = qty[chosen[over > 0.0]]
            reached = active & (value >= least)
            missed = active & ~reached
            found.high_value = np.where(reached, value, found.high_value)
            found.low_value = np.where(missed, value, found.low_value)
            found.high_qty = np.where(reached[arm], bought, found.high_qty)
            found.low_qty = np.where(missed[arm], bought, found.low_qty)
            high, low = np.where(reached, trial, high), np.where(missed, trial, low)
            if step == -1:
                held_back = missed & (trial >= high)
        return found

    @staticmethod
    def _trial(step: int, middle: Floats, start: Floats, reached: Flags, high: Floats) -> Floats:
        """Return the first trials: the top (or a guess), then the guess, then just beside it."""
        if step == -1:
            return np.where(start > 0.0, start, high)
        if step == 0:
            beside = np.where(reached, start / NEAR, np.minimum(start * NEAR, high))
            return np.where(start > 0.0, beside, middle)
        return middle

    def _repriced(
        self,
        prices: Prices,
        trial: Floats,
        short: Flags,
        at: Ints,
        part: Lines,
        at_zero: tuple[Floats, Floats],
    ) -> tuple[Floats, Floats]:
        """Return unit and offset of the lines of short arms at trial thetas."""
        theta = np.zeros(len(short))
        theta[short] = trial
        if self.pricing.encloses or len(self.pricing.beyond):
            unit, offset = self.pricing.at(prices, theta)
            return unit[at], offset[at]
        off = theta[part.arm]
        unit, offset = at_zero
        return unit[at] - off * part.price, offset[at] - off * part.offset

    def _weights(
        self, answer: Answer, alpha: Floats, gain: Floats, bisected: _Bisected | None
    ) -> Floats:
        """Return the quantity of each line at which the bound's slope is measured.

        Where theta was bisected, the mix of its two sides that just meets the least value.
        """
        is_open = self.open_arms(gain)
        counts = is_open[self.entry_arm] & (answer.benefit > alpha[self.entry_pair])
        weight = np.zeros(len(self.lines))
        at = answer.chosen[counts]
        weight[at] = answer.qty[at]
        if bisected is not None:
            least = self.least[bisected.arms]
            spread = np.maximum(bisected.high_value - bisected.low_value, 1e-12)
            both = bisected.high_value >= 0.0
            mix = np.where(both, np.clip((least - bisected.low_value) / spread, 0.0, 1.0), 0.0)
            mix_of_arm = np.zeros(len(is_open))
            mix_of_arm[bisected.arms] = mix
            arm = self.lines.arm[bisected.lines]
            share = mix_of_arm[arm]
            blend = (1.0 - share) * bisected.low_qty + share * bisected.high_qty
            weight[bisected.lines] = np.where(is_open[arm], blend, 0.0)
        return weight

    def _finish(
        self,
        prices: Prices,
        theta: Floats,
        gain: Floats,
        alpha: Floats,
        excess: float,
        share: Floats,
        weight: Floats,
    ) -> Bound:
        """Add the bound up, with its slope at the quantities of each line in `weight`."""
        rows, arms = self.problem.rows, self.problem.arms
        is_open = self.open_arms(gain)
        value = float(self.nothing.sum() - alpha.sum() - gain[is_open].sum()) - excess
        priced = prices.row > 0.0
        value -= float((prices.row[priced] * rows.room[priced]).sum())
        slope = self.usage(weight) - rows.room
        load = self.load(weight)
        shipment = np.where(is_open, load - arms.per_shipment, 0.0)
        return Bound(value, prices, theta, gain, alpha, share, slope, shipment)

    def usage(self, weight: Floats) -> Floats:
        """Return what quantities of lines use of each row, (n_rows,)."""
        lines, rows = self.lines, self.problem.rows
        money = lines.price * weight
        if self.pricing.has_offsets:
            money = money + np.where(weight > 0.0, lines.offset, 0.0)
        units = weight
        if not self.pricing.is_option:
            count = len(self.problem.options)
            money = np.bincount(lines.option, money, minlength=count).astype(np.float64)
            units = np.bincount(lines.option, units, minlength=count).astype(np.float64)
        used: Floats = rows.money @ money + rows.units @ units
        return used

    def load(self, weight: Floats) -> Floats:
        """Return what full shipments for quantities of lines cost by arm, (n_arms,) money."""
        if not self.pricing.has_freight:
            return np.zeros(len(self.problem.arms))
        lines = self.lines
        load = np.bincount(lines.arm, lines.truck * weight, minlength=len(self.problem.arms))
        return load.astype(np.float64)

    def _by_entry(self, worth: Floats) -> tuple[Floats, Ints]:
        """Return what each entry saves at best (0: not ordering), and on which line."""
        if self.one_line_each:
            return np.maximum(worth, 0.0), self.entry_start
        return _best_of_each(worth, self.entry_start, len(worth))

    def _gain(self, answer: Answer, alpha: Floats) -> tuple[Floats, Floats]:
        """Return per arm what its entries save beyond alpha, and what they spend."""
        lines = self.lines
        if self.splits is None and not self.shared_pair.any():
            over = answer.benefit
        else:
            over = np.maximum(answer.benefit - alpha[self.entry_pair], 0.0)
        money = lines.price * answer.qty
        if self.pricing.has_offsets:
            money = money + lines.offset
        if not self.one_line_each:
            money = money[answer.chosen]
        return self.by_arm(over), self.by_arm(np.where(over > 0.0, money, 0.0))

    def open_arms(self, gain: Floats) -> Flags:
        """Say of each arm whether it is its group's best and saves something."""
        group = self.problem.arms.group
        best = np.maximum.reduceat(gain, self.problem.arm_start) if len(gain) else gain
        first = np.zeros(len(gain), bool)
        at = np.flatnonzero(gain == best[group])
        first[at[np.flatnonzero(np.diff(group[at], prepend=-1))]] = True
        result: Flags = first & (gain > 0.0)
        return result


def _best_of_each(worth: Floats, first: Ints, count: int) -> tuple[Floats, Ints]:
    """Return the best of each run of lines, at least 0, and the first line that reaches it."""
    if len(first) == count:
        return np.maximum(worth, 0.0), first
    best = np.maximum.reduceat(worth, first)
    run = np.repeat(np.arange(len(first)), np.diff(np.r_[first, count]))
    hit = np.flatnonzero(worth == best[run])
    chosen = hit[np.flatnonzero(np.diff(run[hit], prepend=-1))]
    return np.maximum(best, 0.0), chosen


def _leaning(problem: Problem, shared: Flags) -> Flags:
    """Say which pairs have several options and one that cannot serve them alone."""
    options, pairs = problem.options, problem.pairs
    at = np.flatnonzero(shared[options.pair])
    pair = options.pair[at]
    most = pairs.position[pair] + options.usable[at] * options.high[at]
    wish = best_level(
        pairs.mean[pair],
        pairs.sd[pair],
        pairs.holding[pair],
        pairs.shortage[pair],
        np.zeros(len(at)),
    )
    leaning = np.zeros(len(shared), bool)
    leaning[pair[most < wish]] = True
    return leaning
