"""What a promotion gains: the same customers with and without it, item by item."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np

from optimizer.executor import Executor
from scenarios import Scenario
from simulation.arrays import Floats
from simulation.capacities import by_weekday
from simulation.experiment import Case, Setup, run_cases
from simulation.facts import Lift
from simulation.intervals import Estimate, estimate
from simulation.kernels.rows import ALL
from simulation.kpis import Values, measure
from simulation.ledger import Record
from simulation.promoted import Drive, units, within
from simulation.suites import BASELINE
from simulation.watching import ASKED, CAUSES, LEFT, SHORT
from simulation.world import World

FREIGHT: Final = {
    "freight": ("cost_transport", -1.0),
    "orders": ("cost_ordering", -1.0),
    "handling": ("cost_handling", -1.0),
    "holding": ("cost_holding", -1.0),
    "destroyed": ("cost_destroyed", -1.0),
    "recovered": ("value_recovered", 1.0),
}
ITEMS: Final = (
    "promoted_margin", "taken_margin", "other_margin", "discount", "refunds", *FREIGHT,
    "more_capacity",
)  # fmt: skip
NOTHING: Final = "nothing"


@dataclass(frozen=True, slots=True)
class Tried:
    """One run of a world, over its replications.

    Attributes
    ----------
    marks : ticks at which sums were taken, the end of the run last
    discount : (R,) money given away
    """

    world: World
    drive: Drive | None
    record: Record
    values: Values
    marks: tuple[int, ...]
    discount: Floats

    def sold(self, name: str, first: int, last: int) -> Floats:
        """Return (R,) units or money sold in ticks first .. last."""
        begin, end = within(self.marks, first, last)
        part = self.record.watched[end] - self.record.watched[begin]
        if not self.world.lost:  # what is owed is sold, and comes later
            return units(part[ASKED], name)
        found: Floats = units(part[ASKED], name) - units(part[SHORT], name)
        return found

    def of(self, row: int, name: str, first: int, last: int) -> Floats:
        """Return (R,) units asked for or short in ticks first .. last."""
        begin, end = within(self.marks, first, last)
        return units(self.record.watched[end, row] - self.record.watched[begin, row], name)


@dataclass(frozen=True, slots=True)
class Item:
    """Part of what a promotion gains, money rounded to cents; costs are negative."""

    item: str
    money: float


@dataclass(frozen=True, slots=True)
class Binding:
    """Why promoted goods go short while the promotion runs.

    Attributes
    ----------
    cause : stock, budget, inbound_dock, carrier, feeding_dock, outbound_dock, pick_hours, parcels
    site_id : where most of it is short
    first_share : share of the replications in which it is what binds first
    first_day : mean day of the promotion, from 1, on which it does
    units : units a replication that go short for it
    """

    cause: str
    site_id: str
    first_share: float
    first_day: float | None
    units: float


@dataclass(frozen=True, slots=True)
class Cell:
    """One way to run the promotion, against how things stand, each figure with an interval.

    Attributes
    ----------
    figures : differences from how things stand, by name
    levels : fill rates and lost sales themselves
    items : what it gains, item by item; net: their sum, its mean exactly that
    binds_first : the cause that most often is first; "nothing" where nothing goes short
    """

    uplift: str
    stock: str
    capacity: str
    figures: Mapping[str, Estimate]
    levels: Mapping[str, Estimate]
    items: tuple[Item, ...]
    net: Estimate
    binds_first: str
    bindings: tuple[Binding, ...]

    def document(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def try_world(
    world: World,
    drive: Drive | None,
    replications: int,
    seed: int,
    *,
    processes: int = 0,
    executor: Executor | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Tried:
    """Carry a world out over some replications."""
    assert world.watch is not None, "a promotion is measured by what is watched"
    setup = Setup(replications=replications, seed=seed, processes=processes)
    record = run_cases(world, [Case(BASELINE)], setup, executor=executor, cancelled=cancelled)[
        BASELINE
    ]
    values = measure(world, record, record, ())
    marks = (*world.watch.marks, world.n_ticks)
    bare = Tried(world, drive, record, values, marks, np.zeros(replications))
    if drive is None or drive.discount == 0.0:
        return bare
    sold = bare.sold("discounted", drive.first, drive.last)
    let = np.ones(replications)
    if drive.limit is not None:
        let = np.minimum(drive.limit / np.maximum(sold, 1.0), 1.0)
    worth = bare.sold("discounted_price", drive.first, drive.last)
    return replace(bare, discount=drive.discount * worth * let)


def compare_tried(
    names: tuple[str, str, str],
    after: Tried,
    before: Tried,
    window: tuple[int, int],
    *,
    capacity_cost: float | None = None,
    limits: Mapping[str, str] | None = None,
    budgets: Sequence[str] = (),
    taken: bool = False,
) -> Cell:
    """Return what differs, replication by replication.

    Parameters
    ----------
    names : of the level of uplift, the stock and the capacity
    window : first and last tick that count as in the promotion
    capacity_cost : money for more capacity; None: not known, or none is added
    limits : what limits the outbound dock of each site
    budgets : that bind in the plan of `after`, where its orders are the last in time
    taken : it is known what it takes from other goods
    """
    first, last = window
    end = after.world.n_ticks - 1
    spans = {"promotion": (first, last), "afterwards": (last + 1, end)}
    kinds = ("promoted", "taken", "other") if taken else ("promoted", "other")
    figures: dict[str, Floats] = {}
    levels: dict[str, Floats] = {}
    for word, (begin, until) in spans.items():
        for name in kinds:
            figures[f"{name}_units_{word}"] = after.sold(name, begin, until) - before.sold(
                name, begin, until
            )
        for side, tried in (("", after), ("_before", before)):
            asked = tried.of(ASKED, "promoted", begin, until)
            short = tried.of(SHORT, "promoted", begin, until)
            levels[f"fill_rate_{word}{side}"] = np.where(
                asked > 0, 1.0 - short / np.maximum(asked, 1.0), 1.0
            )
            levels[f"lost_units_{word}{side}"] = short
    for name in kinds:
        figures[f"{name}_units"] = (
            figures[f"{name}_units_promotion"] + figures[f"{name}_units_afterwards"]
        )
    for name in ("co2_kg", "cost_shortage"):
        figures[name] = after.values[name, "all"] - before.values[name, "all"]
    figures["stock_left_value"] = units(after.record.watched[-1, LEFT], "cost") - units(
        before.record.watched[-1, LEFT], "cost"
    )
    parts = {
        name: after.sold(name, 0, end) - before.sold(name, 0, end)
        for name in (f"{kind}_margin" for kind in kinds)
    }
    parts["refunds"] = before.sold("refunded", 0, end) - after.sold("refunded", 0, end)
    parts["discount"] = before.discount - after.discount
    for item, (kpi, sign) in FREIGHT.items():
        parts[item] = sign * (after.values[kpi, "all"] - before.values[kpi, "all"])
    if capacity_cost is not None:
        parts["more_capacity"] = np.full(after.record.n_replications, -capacity_cost)
    items = tuple(
        Item(name, round(float(np.mean(parts[name])), 2) + 0.0) for name in ITEMS if name in parts
    )
    gained = sum((parts[item.item] for item in items), np.zeros(after.record.n_replications))
    spread = estimate(gained)
    total = round(math.fsum(item.money for item in items), 2)
    net = Estimate(total, total - spread.half_width, total + spread.half_width, spread.n)
    bindings = _bindings(after, limits or {}, budgets)
    return Cell(
        *names,
        {name: estimate(values) for name, values in figures.items()},
        {name: estimate(values) for name, values in levels.items()},
        items,
        net,
        bindings[0].cause if bindings else NOTHING,
        bindings,
    )


def _bindings(
    tried: Tried, limits: Mapping[str, str], budgets: Sequence[str]
) -> tuple[Binding, ...]:
    """Return why promoted goods go short in the promotion, what binds first most often first."""
    drive = tried.drive
    if drive is None:
        return ()
    short = tried.record.went_short[:, :, drive.first : drive.last + 1]  # (C, S, T, R)
    sites = [site.site_id for site in tried.world.sites]
    n = short.shape[-1]
    any_day = short.sum(axis=(0, 1)) > 0  # (T, R)
    struck = any_day.any(axis=0)
    day = any_day.argmax(axis=0)
    causes = short.sum(axis=1)  # (C, T, R)
    first = np.where(struck, causes[:, day, np.arange(n)].argmax(axis=0), -1)
    found = []
    for number, name in enumerate(CAUSES):
        by_site = short[number].sum(axis=(1, 2))
        if not by_site.any():
            continue
        where = sites[int(by_site.argmax())]
        cause = limits.get(where, name) if name == "outbound_dock" else name
        cause = "budget" if cause == "stock" and budgets else cause
        mine = first == number
        found.append(
            Binding(
                cause,
                where,
                float(mine.mean()),
                float(day[mine].mean()) + 1.0 if mine.any() else None,
                float(by_site.sum()) / n,
            )
        )
    return tuple(sorted(found, key=lambda one: (-one.first_share, -one.units, one.cause)))


def with_more_hands(
    world: World, sites: Sequence[str], more: float, first: int, last: int
) -> World:
    """Return the world with docks, picking and parcels of some sites raised for some days.

    Parameters
    ----------
    more : share by which they are raised
    """
    lift = Lift(first, last, round(256 * (1.0 + more)))
    return replace(
        world,
        sites=tuple(
            replace(site, dock=replace(site.dock, lift=lift))
            if site.dock is not None and site.site_id in sites
            else site
            for site in world.sites
        ),
    )


def outbound_limits(scenario: Scenario, world: World) -> dict[str, str]:
    """Return by site what limits the units that leave to customers in a week: its least limit."""
    stated = scenario.table("sites").set_index("site_id")["outbound_units_per_day"]
    found = {}
    for site in world.sites:
        if site.dock is None:
            continue
        weekly: dict[str, float] = {}
        own = stated.get(site.site_id, math.nan)
        if own is not None and not math.isnan(own):
            weekly["outbound_dock"] = 7.0 * float(own)
        picked = by_weekday(scenario, site.site_id, "pick_units")
        if picked is not None:
            weekly["pick_hours"] = float(picked.sum())
        if site.dock.parcels is not None:
            weekly["parcels"] = float(site.dock.parcels.sum()) * site.dock.parcel_units / ALL
        if weekly:
            found[site.site_id] = min(weekly, key=lambda name: weekly[name])
    return found
