"""The best plan within hard limits on CO2e: a price per gram is found, then the rest exchanged.

At a price of p per gram the search's bound b proves that no plan within the limit of G grams costs
less than b - p G. Of one limit the next price is the slope between the last plans within and beyond
it (Handler and Zang 1980), now and then the mean of their prices; of several each is bisected. The
best plan within then takes over what the plans beyond do cheaper, as far as the limits have room.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from optimizer.allocation.sourcing.co2_caps import Cap, Use, leave_out, pinned, tolled
from optimizer.allocation.sourcing.co2_exchange import Anchor, exchange
from optimizer.allocation.sourcing.co2_merge import merge
from optimizer.allocation.sourcing.ledger import Ledger
from optimizer.allocation.sourcing.placement import Placement, objective_of, parcels_of
from optimizer.allocation.sourcing.problem import SourcingProblem
from optimizer.allocation.sourcing.search import Found, search
from optimizer.allocation.sourcing.tariff import Floats, Ints
from optimizer.bracket import STEEPER, Bracket
from optimizer.outcome import Limits

FIRST_SHARE = 0.3  # of the limits, for the plan that pays no price
PRICE_SHARE = 0.5  # for the plans at prices; the rest for the exchange
KEPT_SECONDS = 0.2  # of the seconds, from which on no more prices are tried
EXCHANGE_SECONDS = 0.6  # of those that are left then, for the exchange; the rest for the books
ROUNDS = 7
CHUNK = 250  # orders of an exchange
MOST_CHUNKS = 8
SAME = 1e-9  # relative; prices that are the same


@dataclass(frozen=True, slots=True)
class Within:
    """A plan, and what it takes of the limits on CO2e.

    Attributes
    ----------
    found : the ledger is that of the problem as it is, without a toll
    over : it takes more than a limit allows: what must ship emits too much
    """

    found: Found
    uses: tuple[Use, ...] = ()
    over: bool = False


@dataclass(frozen=True, slots=True)
class _Plan:
    placement: Placement
    cost: float
    used: tuple[float, ...]
    over: float
    found: Found

    def start(self) -> Placement:
        """Return where its pieces go, for a search that chooses rates anew."""
        return replace(self.placement.copy(), row=None)


def search_within(
    problem: SourcingProblem,
    caps: tuple[Cap, ...],
    limits: Limits,
    start: Placement | None = None,
) -> Within:
    """Find a plan, a bound and the price of each limit. Without limits, as :func:`search`."""
    if not caps:
        return Within(search(problem, limits, start))
    free = search(problem, limits.share(FIRST_SHARE), start)
    plan = _plan(problem, problem, caps, free)
    work = free.work
    none = np.zeros(len(caps))
    if not plan.over:
        rest = _rest(limits, work)
        again = search(problem, rest, plan.start(), free.prices)
        other = _plan(problem, problem, caps, again)
        if not other.over and other.cost < plan.cost:
            plan = other
        bound = max(free.bound, again.bound)
        return _told(problem, caps, plan, none, bound, work + again.work)
    grams = np.array([cap.grams for cap in caps])
    anchor = Anchor(free.prices, np.zeros((problem.n_sites, problem.n_orders)), free.bound)
    at_anchor, plans = none, [plan]
    ladder = _Ladder(caps, plan)
    for number in range(ROUNDS):
        prices = ladder.next_prices()
        if prices is None or _enough(limits, work, found_one=ladder.high is not None):
            break
        priced = tolled(problem, caps, prices)
        found = search(priced, _part(limits, number), plans[-1].start(), plans[-1].found.prices)
        work += found.work
        plans.append(_plan(problem, priced, caps, found))
        ladder.see(plans[-1])
        bound = found.bound - float(prices @ grams)
        if bound > anchor.bound:
            assert priced.toll is not None
            anchor, at_anchor = Anchor(found.prices, priced.toll, bound), prices
    best = min(plans, key=lambda one: (one.over, one.cost))
    ledger = Ledger(problem, best.placement.copy())
    if best.over:
        leave_out(ledger, caps)
    bound = anchor.bound
    if not _plan(problem, problem, caps, replace(best.found, ledger=ledger)).over:
        for beyond in sorted((one for one in plans if one is not best), key=_dearest):
            merge(ledger, caps, beyond.placement)
        apart = ladder.low.placement
        rest = _rest(limits, work)
        if rest.seconds is not None:
            rest = replace(rest, seconds=EXCHANGE_SECONDS * rest.seconds)
        proven, more = _exchange(ledger, free, caps, anchor, apart, rest)
        work, bound = work + more, max(bound, proven)
    found = replace(best.found, ledger=ledger, prices=anchor.prices)
    return _told(problem, caps, _plan(problem, problem, caps, found), at_anchor, bound, work)


class _Ladder:
    """Which prices to try next.

    Attributes
    ----------
    low, high : the last plan beyond a limit, and the last one within all
    """

    def __init__(self, caps: tuple[Cap, ...], plan: _Plan) -> None:
        self.caps = caps
        self.low = self.last = plan
        self.brackets = [Bracket() for _ in caps]
        self.at_work = [False for _ in caps]
        self.high: _Plan | None = None
        self.flip = False  # the slope, and now and then the mean, lest one side never moves

    def see(self, plan: _Plan) -> None:
        """Take notice of the plan at the prices given last."""
        self.last = plan
        if plan.over:
            self.low = plan
        else:
            self.high = plan

    def next_prices(self) -> Floats | None:
        """Return a price per gram of each limit; None: they would be those of a plan made."""
        for number, (cap, bracket) in enumerate(zip(self.caps, self.brackets, strict=True)):
            used = self.last.used[number]
            broken = cap.broken(used)
            self.at_work[number] |= broken
            if self.at_work[number]:
                bracket.move(broken, abs(self.last.cost) / max(used, 1.0) / STEEPER)
        if sum(self.at_work) == 1 and self.high is not None:
            number = self.at_work.index(True)
            bracket = self.brackets[number]
            saved = self.low.used[number] - self.high.used[number]
            slope = (self.high.cost - self.low.cost) / saved if saved > 0.0 else 0.0
            if _same(slope, bracket.low) or _same(slope, bracket.high):
                return None
            if bracket.low < slope < bracket.high and not self.flip:
                bracket.tried = slope
            elif bracket.low > 0.0 and bracket.high < np.inf:
                bracket.tried = math.sqrt(bracket.low * bracket.high)
            self.flip = not self.flip
        return np.array([bracket.tried for bracket in self.brackets])


# ---- inside ---------------------------------------------------------------------------------


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= SAME * max(abs(one), abs(other))


def _plan(
    problem: SourcingProblem, priced: SourcingProblem, caps: tuple[Cap, ...], found: Found
) -> _Plan:
    """Return what was found, every parcel by the rate that it has at the prices."""
    placement = pinned(priced, found.ledger.placement)
    parcels = parcels_of(problem, placement)
    used = tuple(cap.used(problem, parcels) for cap in caps)
    over = sum(u - c.grams for u, c in zip(used, caps, strict=True) if c.broken(u))
    return _Plan(placement, objective_of(problem, placement), used, over, found)


def _dearest(plan: _Plan) -> float:
    return -plan.cost


def _enough(limits: Limits, work: float, *, found_one: bool) -> bool:
    """Say whether no more prices can be tried; one plan within the limits is worth more."""
    if limits.cancelled():
        return True
    if limits.seconds is not None and limits.remaining <= KEPT_SECONDS * limits.seconds:
        return True
    share = FIRST_SHARE + PRICE_SHARE
    return found_one and limits.work is not None and work >= share * limits.work


def _part(limits: Limits, number: int) -> Limits:
    """Return what one plan at a price may spend."""
    part = limits.share(1.0 / (ROUNDS - number + 3))
    if limits.work is None:
        return part
    return replace(part, work=PRICE_SHARE * limits.work / ROUNDS)


def _rest(limits: Limits, work: float) -> Limits:
    """Return what is left."""
    rest = limits.share(1.0)
    if limits.work is None:
        return rest
    return replace(rest, work=max(0.0, limits.work - work))


def _exchange(
    ledger: Ledger,
    free: Found,
    caps: tuple[Cap, ...],
    anchor: Anchor,
    apart: Placement,
    limits: Limits,
) -> tuple[float, float]:
    """Solve orders together, a part after the other; return the bound, and the work.

    Parameters
    ----------
    apart : a plan beyond the limits; orders that it sends otherwise come first
    """
    problem, now = ledger.problem, ledger.placement
    assert now.row is not None
    assert apart.row is not None
    differs = (now.site != apart.site) | (now.label != apart.label) | (now.row != apart.row)
    first = np.unique(problem.pieces.order[differs])
    small = problem.n_orders - len(free.catalogue.large)
    every = np.arange(small)
    queue: Ints = np.concatenate([first[first < small], np.setdiff1d(every, first)])
    bound, work = anchor.bound, 0.0
    for number in range(min(MOST_CHUNKS, -(-small // CHUNK))):
        left = _rest(limits, work)
        if left.cancelled() or left.remaining <= 0.0 or (number and left.work == 0.0):
            break
        orders = np.sort(queue[number * CHUNK : (number + 1) * CHUNK])
        done = exchange(ledger, free.catalogue, caps, anchor, orders, left)
        work += done.work
        bound = max(bound, done.bound) if done.bound is not None else bound
    return bound, work


def _told(
    problem: SourcingProblem,
    caps: tuple[Cap, ...],
    plan: _Plan,
    prices: Floats,
    bound: float,
    work: float,
) -> Within:
    """Return a plan with its limits; the books are made up anew for the problem as it is."""
    ledger = Ledger(problem, plan.placement)
    found = replace(plan.found, ledger=ledger, bound=min(bound, plan.cost), work=work)
    uses = tuple(
        Use(cap, used, price)
        for cap, used, price in zip(caps, plan.used, prices.tolist(), strict=True)
    )
    return Within(found, uses, plan.over > 0.0)
