"""What lateness costs at least: prices on the hours of picking and loading, and what they prove."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from optimizer.allocation.waves.choose import first_chances
from optimizer.allocation.waves.problem import Floats, Ints, SiteWork
from optimizer.engines.linear import solve_linear
from optimizer.engines.linear_problem import LinearProblem
from optimizer.outcome import Limits, Termination

BOUND_SLACK = 1e-11  # relative to the sum of all terms: what adding up in floating point may lose
MOST_RELEASES = 12  # release slots that the programme tells apart; earlier ones stand for later
CHANCES = 3  # departures that the programme knows
ROUNDS = 5  # of programmes
LEAST_GAIN = 5e-4  # of the bound, for another round
UNIT_PARTS = 6  # of a class, by units
EVEN_LUMPS, FINE_LUMPS, FINER = 4, 10, 0.5  # lumps of a class: even, and towards where it splits


@dataclass(frozen=True, slots=True)
class Priced:
    """What prices on hours prove, and what parcels do at them.

    Attributes
    ----------
    bound : money; no schedule's lateness costs less
    pick_price, dock_price : (n_slots,) float64, money per unit picked and per parcel loaded
    chance : (n_parcels,) int64, the departure that each parcel chooses at the prices
    work : done, in units of about a second of one core
    termination : why the search for prices ended
    """

    bound: float
    pick_price: Floats
    dock_price: Floats
    chance: Ints
    work: float = 0.0
    termination: Termination = Termination.CONVERGED


def unpriced(work: SiteWork) -> Priced:
    """Return what is known without prices: each parcel pays for what it misses even alone."""
    free = np.zeros(len(work.slots))
    bound, chance = dual_value(work, free, free)
    return Priced(bound, free, free, chance)


def find_prices(work: SiteWork, limits: Limits) -> Priced:
    """Return good prices.

    They come from linear programmes over parcels in lumps, which are cut finer where the prices
    before change what a parcel does; what they prove is added up over the parcels themselves by
    :func:`dual_value`.
    """
    n_slots = len(work.slots)
    best = unpriced(work)
    late, done, ended = best.chance > first_chances(work), 0.0, Termination.CONVERGED
    for _ in range(ROUNDS):
        programme = _Programme(work, late)
        if not programme.classes:
            break
        left = None if limits.work is None else max(0.0, limits.work - done)
        outcome = solve_linear(programme.linear(), replace(limits, work=left))
        done, ended = done + outcome.work, outcome.termination
        if outcome.solution is None or outcome.solution.row_price is None:
            break
        price = np.maximum(0.0, -outcome.solution.row_price)
        pick, dock = price[:n_slots], price[n_slots : 2 * n_slots]
        bound, chance = dual_value(work, pick, dock)
        late = chance > first_chances(work)
        gain = bound - best.bound
        if gain > 0.0:
            best = Priced(bound, pick, dock, chance)
        if gain <= LEAST_GAIN * bound:
            break
    return replace(best, work=done, termination=ended)


def dual_value(work: SiteWork, pick_price: Floats, dock_price: Floats) -> tuple[float, Ints]:
    """Return a lower bound on the cost of lateness of every schedule, and what parcels choose.

    At prices each parcel chooses by itself when to be picked and loaded; what the slots earn is
    given back (Geoffrion 1974, theorem 1). A parcel that is picked or loaded in several slots
    pays at least the lowest price among those no later than its first slot of loading at the
    lowest price, so one slot for each is enough. Prices where nothing is limited count as 0.

    Parameters
    ----------
    pick_price, dock_price : (n_slots,) float64, money per unit and per parcel, at least 0
    """
    slots, departures = work.slots, work.departures
    limited_pick, limited_dock = np.isfinite(slots.pick), np.isfinite(slots.dock)
    pick_price = np.where(limited_pick, pick_price, 0.0)
    dock_price = np.where(limited_dock, dock_price, 0.0)
    never = departures.days_late[work.group, departures.chances] * work.rate
    value = never.astype(np.float64)
    choice = np.full(work.n_parcels, departures.chances, np.int64)
    for members in _alike(work):
        first, group = int(work.release[members[0]]), int(work.group[members[0]])
        if first >= len(slots):
            continue
        units, at = np.unique(work.units[members], return_inverse=True)
        cheapest = np.minimum.accumulate(pick_price[first:])
        paid = np.minimum.accumulate(dock_price[first:] + units[:, None] * cheapest, axis=1)
        for chance in np.flatnonzero(departures.last_slot[group] >= first).tolist():
            last = int(departures.last_slot[group, chance]) - first
            money = departures.days_late[group, chance] * work.rate[members] + paid[at, last]
            better = members[money < value[members]]
            choice[better] = chance
            value[members] = np.minimum(value[members], money)
    earned = [
        *(pick_price[limited_pick] * slots.pick[limited_pick]).tolist(),
        *(dock_price[limited_dock] * slots.dock[limited_dock]).tolist(),
    ]
    terms = value.tolist()
    total = math.fsum(terms) - math.fsum(earned)
    slack = BOUND_SLACK * (math.fsum(terms) + math.fsum(earned))
    return max(0.0, total - slack), choice


def _alike(work: SiteWork) -> list[Ints]:
    """Return the parcels of each release slot and group."""
    order = np.lexsort((work.group, work.release))
    key = np.column_stack([work.release, work.group])[order]
    new = np.flatnonzero((key[1:] != key[:-1]).any(axis=1)) + 1
    return np.split(order, new) if len(order) else []


@dataclass(frozen=True, slots=True)
class _Class:
    """Parcels of one release and group, in lumps of like money per unit.

    Attributes
    ----------
    first, last : slots from which on and up to which they may be worked on
    due : last slot of each departure; late : its days late, one more for none
    parcels, units, rate : of each lump, added up
    """

    first: int
    last: int
    due: list[int]
    late: list[float]
    parcels: Floats
    units: Floats
    rate: Floats


def _by_units(units: Floats) -> list[Ints]:
    """Cut parcels in order of their units into few parts, at changes of units where they can be."""
    cuts = np.flatnonzero(np.diff(units)) + 1
    if len(cuts) >= UNIT_PARTS:
        cuts = np.unique(np.linspace(0, len(units), UNIT_PARTS + 1).astype(np.int64)[1:-1])
    return np.split(np.arange(len(units)), cuts)


def _edges(count: int, split: int) -> Ints:
    """Return where to cut a class of parcels: evenly, and closely around `split`."""
    even = np.linspace(0, count, EVEN_LUMPS + 1)
    near = 0.5 * count * FINER ** np.arange(FINE_LUMPS)
    edges = np.unique(np.rint([*even, *(split - near), split, *(split + near)]).astype(np.int64))
    inside: Ints = edges[(edges > 0) & (edges < count)]
    return inside


class _Programme:
    """The linear programme: how much of each lump makes which departure, worked on when."""

    def __init__(self, work: SiteWork, late: NDArray[np.bool_]) -> None:
        self.work = work
        self.late = late
        known = np.unique(work.release)
        some = known[np.linspace(0, len(known) - 1, min(len(known), MOST_RELEASES)).astype(int)]
        release = some[np.searchsorted(some, work.release, side="right") - 1]
        coarse = replace(work, release=release)
        able = first_chances(work) < work.departures.chances
        made = [self._class(members[able[members]], coarse) for members in _alike(coarse)]
        self.classes = [part for part in made if part is not None]

    def _class(self, members: Ints, work: SiteWork) -> _Class | None:
        if not len(members):
            return None
        group, departures = int(work.group[members[0]]), work.departures
        first = int(work.release[members[0]])
        last = departures.last_slot[group]
        known = np.flatnonzero(last >= first)[:CHANCES]
        order = members[np.lexsort((work.rate[members], work.units[members]))]
        lumps: list[Ints] = []
        for alike in _by_units(work.units[order]):
            some = order[alike]
            lumps += np.split(some, _edges(len(some), int(self.late[some].sum())))
        late = departures.days_late[group]
        return _Class(
            first,
            int(last[known[-1]]),
            last[known].tolist(),
            [*late[known].tolist(), float(late[departures.chances])],
            np.array([len(lump) for lump in lumps], np.float64),
            np.array([work.units[lump].sum() for lump in lumps]),
            np.array([work.rate[lump].sum() for lump in lumps]),
        )

    def linear(self) -> LinearProblem:
        """Write it down: first the rows of picking, then of loading, slot by slot."""
        n_slots = len(self.work.slots)
        rows, columns, values = list[Ints](), list[Ints](), list[Floats]()
        cost: list[Floats] = []
        lower = [np.full(2 * n_slots, -np.inf)]
        upper = [np.concatenate([self.work.slots.pick, self.work.slots.dock])]
        n_rows, n_columns = 2 * n_slots, 0

        def enter(row: Ints, column: Ints, value: Floats | float) -> None:
            rows.append(row)
            columns.append(column)
            values.append(np.broadcast_to(np.asarray(value, np.float64), row.shape))

        for part in self.classes:
            span = part.last - part.first + 1
            lumps, chances = len(part.parcels), len(part.due)
            slot = np.arange(part.first, part.last + 1)
            pick = n_columns + np.arange(span)
            load = pick + span
            share = n_columns + 2 * span + np.arange(lumps * chances).reshape(lumps, chances)
            enter(slot, pick, 1.0)
            enter(n_slots + slot, load, 1.0)
            whole = n_rows + np.arange(lumps)
            enter(np.repeat(whole, chances), share.ravel(), 1.0)
            lower.append(np.full(lumps, -np.inf))
            upper.append(np.ones(lumps))
            next_row = n_rows + lumps
            for chance, due in enumerate(part.due):
                inside = np.arange(max(0, due - part.first + 1))
                made = share[:, : chance + 1]
                for done, size in ((load, part.parcels), (pick, part.units)):
                    enter(np.full(len(inside), next_row), done[inside], 1.0)
                    taken = np.repeat(size, chance + 1)
                    enter(np.full(made.size, next_row), made.ravel(), -taken)
                    lower.append(np.zeros(1))
                    upper.append(np.full(1, np.inf))
                    next_row += 1
            saved = np.array(part.late[:-1]) - part.late[-1]
            cost += [np.zeros(2 * span), (part.rate[:, None] * saved).ravel()]
            n_rows, n_columns = next_row, n_columns + 2 * span + lumps * chances
        matrix = sparse.csr_matrix(
            (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
            shape=(n_rows, n_columns),
        )
        return LinearProblem(
            cost=np.concatenate(cost),
            lower=np.zeros(n_columns),
            upper=np.full(n_columns, np.inf),
            integer=np.zeros(n_columns, bool),
            row_start=matrix.indptr.astype(np.int64),
            column=matrix.indices.astype(np.int64),
            value=matrix.data,
            row_lower=np.concatenate(lower),
            row_upper=np.concatenate(upper),
        )
