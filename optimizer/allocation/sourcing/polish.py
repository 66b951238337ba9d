"""Large-neighbourhood search: the orders that compete for the same stock are solved together."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from optimizer.allocation.sourcing.assign import solve_block
from optimizer.allocation.sourcing.blocks import Catalogue
from optimizer.allocation.sourcing.columns import Columns, columns_of
from optimizer.allocation.sourcing.improve import paid_now
from optimizer.allocation.sourcing.ledger import Chosen, Ledger
from optimizer.allocation.sourcing.master import Free, build_master
from optimizer.allocation.sourcing.placement import objective_of
from optimizer.allocation.sourcing.prices import Prices, block_prices, piece_prices
from optimizer.allocation.sourcing.problem import SourcingProblem
from optimizer.allocation.sourcing.tariff import Bools, Floats, Ints
from optimizer.engines.linear import solve_linear
from optimizer.outcome import Limits, Termination

ENGINE = "highs"
LEAST_SIZE, FIRST_SIZE, LAST_SIZE, GROWTH = 20, 120, 800, 1.6  # orders of a neighbourhood
PORTION = 1.0  # of a second, or unit of work: what one neighbourhood may take
MOST_ROUNDS = 6  # of all orders without a gain, each with larger neighbourhoods
REGRET = 0.6  # of the typical parcel: parcels that cost their order more are left out
WORK_PER_ORDER = 0.0008  # building and booking, beside the solver's own work
GAP, PROOF_GAP = 1e-4, 1e-6  # at which the solver may stop: of some orders, of all with a proof
ROUNDING = 1e-7  # relative, of the solver's bound


class Neighbours:
    """Which orders want the same stock columns."""

    def __init__(self, problem: SourcingProblem, small: int) -> None:
        pairs = [
            np.stack([parts.column, problem.pieces.order[parts.piece]])
            for parts in problem.pieces.parts
        ]
        column, order = np.concatenate(pairs, axis=1)
        self._small = small
        keep = order < small
        shared = problem.resources.shared[column[keep]]
        order = order[keep]
        by_column = np.lexsort((order, shared))
        self._order = order[by_column]
        counts = np.bincount(shared, minlength=len(problem.resources.shared))
        self._start = np.concatenate([[0], np.cumsum(counts)])
        by_order = np.lexsort((shared, order))
        self._column = shared[by_order]
        counts = np.bincount(order, minlength=small)
        self._first = np.concatenate([[0], np.cumsum(counts)])

    def around(self, seed: int, size: int, worth: Floats, random: np.random.Generator) -> Ints:
        """Return up to `size` orders around one: those that want what it wants, and so on.

        What is missing is filled up with any others, which may want the same docks and carriers.

        Parameters
        ----------
        worth : (n_columns,) float64, columns worth more are followed first
        """
        chosen = {seed: None}
        seen: set[int] = set()
        queue = [seed]
        while queue and len(chosen) < size:
            order = queue.pop(0)
            mine = self._column[self._first[order] : self._first[order + 1]]
            for column in mine[np.argsort(-worth[mine], kind="stable")].tolist():
                if column in seen or worth[column] <= 0.0:
                    continue
                seen.add(column)
                users = self._order[self._start[column] : self._start[column + 1]]
                for user in random.permutation(users)[: max(size // 4, 8)].tolist():
                    if user not in chosen and len(chosen) < size:
                        chosen[user] = None
                        queue.append(user)
        if len(chosen) < size:
            chosen |= dict.fromkeys(random.permutation(self._small)[: size - len(chosen)].tolist())
        return np.array(sorted(chosen), np.int64)


@dataclass(frozen=True, slots=True)
class Polished:
    """What the search did.

    Attributes
    ----------
    gained : money
    work : units of about a second of one core
    solved : neighbourhoods
    termination : why it stopped; converged: it had nothing left to try
    bound : money; no plan is cheaper. -inf: all orders were never solved together
    """

    gained: float
    work: float
    solved: int
    termination: Termination
    bound: float = -np.inf


def polish(
    ledger: Ledger,
    catalogue: Catalogue,
    prices: Prices,
    typical: float,
    limits: Limits,
    gap: float,
) -> Polished:
    """Solve neighbourhoods until the limits are reached or nothing is left to gain.

    A neighbourhood starts at an order that costs more, prices included, than its own best at the
    prices: the sum of that over all orders, and of unsold priced stock, is the gap itself. When
    a round brings nothing, neighbourhoods grow. Where all orders make one neighbourhood, with every
    parcel that could be part of a cheaper plan, the solver's bound is one of the whole.

    Parameters
    ----------
    typical : money of a typical parcel
    gap : money by which the plan misses its bound; no more can be gained
    """
    problem = ledger.problem
    small = problem.n_orders - len(catalogue.large)
    if not small:
        return Polished(0.0, 0.0, 0, Termination.CONVERGED)
    neighbours = Neighbours(problem, small)
    random = np.random.default_rng([limits.seed, 5])
    price = piece_prices(problem, prices)
    worth = prices.stock.max(axis=0)
    worth = np.maximum(worth, worth[problem.resources.shared])
    cost, bound = objective_of(problem, ledger.placement), -np.inf
    gained, work, solved = 0.0, 0.0, 0
    queue: list[int] = []
    size, fruitless, rounds = FIRST_SIZE, 0, 0
    while True:
        stop = _stop(limits, work)
        if stop is not None:
            return Polished(gained, work, solved, stop, bound)
        if fruitless > 2 + small // size:
            size, fruitless = int(size * GROWTH), 0
            rounds += 1
        if not queue:
            queue = _to_blame(losses(ledger, catalogue, price, prices), random)
        if gained >= gap or size > LAST_SIZE or rounds > MOST_ROUNDS:
            return Polished(gained, work, solved, Termination.CONVERGED, bound)
        orders = neighbours.around(queue.pop(), size, worth, random)
        done = set(orders.tolist())
        queue = [order for order in queue if order not in done]
        regret = min(REGRET * typical, gap - gained)  # above the gap no parcel can help
        whole = len(orders) == problem.n_orders and regret >= gap - gained
        gain, most, spent, exact = solve_together(
            ledger, catalogue, orders, price, prices, regret, _portion(limits, work), whole=whole
        )
        if whole:
            bound = max(bound, cost - gained - most)
        gained, work, solved = gained + gain, work + spent, solved + 1
        fruitless = 0 if gain > 0.0 else fruitless + 1
        if not exact:
            size = max(int(size / GROWTH), LEAST_SIZE)
        if exact and len(orders) == problem.n_orders:
            if whole:
                return Polished(gained, work, solved, Termination.CONVERGED, bound)
            typical *= GROWTH  # all orders at once, and parcels left out: take more of them


def _portion(limits: Limits, work: float) -> Limits:
    """Return what one neighbourhood may spend of what is left."""
    if limits.work is None:
        seconds = max(min(limits.remaining, PORTION), 0.0)
        return replace(limits, seconds=seconds, started=limits.clock())
    return replace(limits, work=min(limits.work - work, PORTION))


def _stop(limits: Limits, work: float) -> Termination | None:
    """Say which limit ends the search, if one does."""
    if limits.cancelled():
        return Termination.CANCELLED
    if limits.remaining <= 0.0:
        return Termination.TIME_LIMIT
    if limits.work is not None and work >= limits.work:
        return Termination.WORK_LIMIT
    return None


def _to_blame(loss: Floats, random: np.random.Generator) -> list[int]:
    """Return a quarter of the orders that lose, drawn with chances that grow with the loss."""
    blame = np.flatnonzero(loss > 1e-9)
    if not len(blame):
        blame = np.arange(len(loss))
    luck = np.log(random.random(len(blame))) / np.maximum(loss[blame], 1e-9)
    drawn: list[int] = blame[np.argsort(luck, kind="stable")].tolist()
    return drawn[-max(len(blame) // 4, 1) :]


def losses(ledger: Ledger, catalogue: Catalogue, price: Floats, prices: Prices) -> Floats:
    """Return what each small order costs above its own best at the prices."""
    small = ledger.problem.n_orders - len(catalogue.large)
    loss = np.zeros(small)
    for block in catalogue.blocks:
        toll = prices.parcels[:, block.day] if prices.parcels.any() else None
        best = solve_block(block, block_prices(block, price), toll).value
        span = slice(block.first_order, block.first_order + block.orders)
        loss[span] = paid_now(ledger, block, price, prices) - best
    return loss


def solve_together(
    ledger: Ledger,
    catalogue: Catalogue,
    orders: Ints,
    price: Floats,
    prices: Prices,
    regret: float,
    limits: Limits,
    *,
    whole: bool = False,
) -> tuple[float, float, float, bool]:
    """Solve some orders together over what is free and what they hold.

    Parameters
    ----------
    whole : they are all orders, and the answer is to be a proof

    Returns
    -------
    gain : money, at least 0
    most : money that these orders could gain with the parcels that they were given; inf: unknown
    work : units of about a second of one core
    exact : the engine says that there is nothing better among the parcels that it was given
    """
    sizes = np.diff(ledger.problem.orders.first_piece)[orders]
    columns = columns_of(ledger.placement, catalogue, orders, price, prices, regret)
    if not len(columns.now):  # nothing is sent, and nothing could be
        return 0.0, 0.0, WORK_PER_ORDER * len(orders), True
    held = [ledger.held(order) for order in orders.tolist()]
    for order, now in zip(orders.tolist(), held, strict=True):
        ledger.release(order, *now)
    free = Free(ledger.stock, ledger.room, ledger.parcels)
    master = build_master(ledger.problem, columns, free)
    gap = PROOF_GAP if whole else GAP
    outcome = solve_linear(master.linear, limits, master.start(), engine=ENGINE, gap=gap)
    before = float(columns.saving[columns.now].sum())
    gain, most, wanted = 0.0, np.inf, held
    if outcome.bound is not None:
        most = before - outcome.bound + ROUNDING * max(1.0, abs(outcome.bound))
    if outcome.solution is not None and outcome.objective is not None:
        gain = before - outcome.objective
        if gain > 1e-7:
            wanted = _choices(columns, outcome.solution.x > 0.5, orders, sizes)
    booked = book(ledger, orders, wanted)
    if not booked:
        gain = 0.0
        if not book(ledger, orders, held):
            raise AssertionError("what was released must fit again")
    exact = outcome.termination == Termination.CONVERGED
    return max(0.0, gain), max(0.0, most), outcome.work + WORK_PER_ORDER * len(orders), exact


def _choices(columns: Columns, chosen: Bools, orders: Ints, sizes: Ints) -> list[Chosen]:
    """Return what each order does if the chosen columns are sent."""
    sent = np.flatnonzero(chosen[: len(columns.now)])
    by_order: dict[int, list[int]] = {}
    for column in sent.tolist():
        by_order.setdefault(int(columns.order[column]), []).append(column)
    return [
        columns.choice(by_order.get(order, []), size)
        for order, size in zip(orders.tolist(), sizes.tolist(), strict=True)
    ]


def book(ledger: Ledger, orders: Ints, wanted: list[Chosen]) -> bool:
    """Book what orders want, all or none."""
    taken: list[tuple[int, Chosen]] = []
    for order, choice in zip(orders.tolist(), wanted, strict=True):
        if not ledger.take(order, *choice):
            for before, booked in taken:
                ledger.release(before, *booked)
            return False
        taken.append((order, choice))
    for order, choice in taken:
        ledger.note(order, *choice)
    return True
