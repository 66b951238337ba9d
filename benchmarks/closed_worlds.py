"""Small worlds and long runs for the closed forms, through the simulator's own calendar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import special

from simulation.arrays import Flags, Floats, Units
from simulation.calendar import Calendar
from simulation.conditions import Blow, Conditions
from simulation.demand import Demand
from simulation.disruptions import Disruption
from simulation.distributions import Distribution
from simulation.experiment import Case, Setup, longest_lanes
from simulation.kernels import kernels
from simulation.policies import Policy
from simulation.state import State, check_conservation, fresh_state
from simulation.streams import item_keys
from simulation.targets import resolve
from simulation.variates import LEAD_STEPS, DemandTables, tables_of
from simulation.world import Lane, Site, Supplier, World


@dataclass(frozen=True)
class ShapedWorld(World):
    """A world whose sites with demand all draw it from one distribution given as a table."""

    shape: DemandTables | None = None

    @cached_property
    def demand(self) -> tuple[DemandTables, tuple[Units, ...]]:
        """The one table, and its row wherever the mean demand is above zero."""
        assert self.shape is not None
        return self.shape, tuple(
            np.where(site.demand_mean > 0, 0, -1).astype(np.int32) for site in self.sites
        )


@dataclass(frozen=True, slots=True)
class History(Blow):
    """A disruption whose times are given as flags instead of strikes.

    Attributes
    ----------
    on : (T + 1, R) whether it is on at each tick
    """

    on: Flags | None = None

    @property
    def flips(self) -> list[int]:
        """Ticks at which it begins or ends in some replication, in order."""
        on = self._on
        changed = (on[1:] != on[:-1]).any(axis=1)
        first = [0] if on[0].any() else []
        return first + [int(tick) + 1 for tick in np.flatnonzero(changed)]

    @property
    def _on(self) -> Flags:
        assert self.on is not None
        return self.on

    def active(self, tick: int) -> Flags:
        """(R,) where it is on at a tick."""
        return self._on[tick].copy()

    def ends(self, tick: int) -> Flags:
        """(R,) where it ends at a tick."""
        return self._on[tick - 1] & ~self._on[tick]

    def begins(self, tick: int) -> Flags:
        """(R,) where it begins at a tick."""
        return self._on[tick] & ~self._on[tick - 1]


def outage_of_all(world: World, on: Flags) -> History:
    """Return an outage of every supplier with (T + 1, R) times given as flags."""
    disruption = Disruption("down", "supplier_outage", "all", 0.0, Distribution("fixed", (1.0,)))
    reach = resolve(world, disruption.kind, disruption.target, {})
    return History(disruption, reach, tuple(() for _ in range(on.shape[1])), 0, on=on)


def normal_table(mean: float, sd: float) -> DemandTables:
    """Return a normal demand rounded to whole units, cut at 8 sd and at zero."""
    base = max(0, int(mean - 8 * sd))
    edges = base + 0.5 + np.arange(int(mean + 8 * sd) + 1 - base)
    return tables_of(base, special.ndtr((edges - mean) / sd))


def fixed_table(units: int) -> DemandTables:
    """Return the demand that is always the same."""
    return tables_of(units, np.ones(1))


def lead_choices(*ticks: int) -> Units:
    """Return equally likely lead times as a row of 1,024."""
    return np.repeat(np.array(sorted(ticks), np.int32), LEAD_STEPS // len(ticks))


def make_site(
    name: str, policy: Policy, rate: float, opening: Sequence[int] | int, *, depth: int = 0
) -> Site:
    """Return a site of as many SKUs as its policy has, with Poisson demand a tick."""
    n = len(policy.every)
    return Site(
        site_id=name, product=np.arange(n), sku_keys=item_keys(_names(n)),
        opening=np.broadcast_to(np.asarray(opening, np.int32), (n,)).copy(),
        demand_mean=np.full((1, n), rate), demand_variance=np.full((1, n), rate), policy=policy,
        value=np.ones(n), holding=np.ones(n), shortage=np.ones(n), depth=depth,
    )  # fmt: skip


def make_lane(name: str, origin: int, destination: int, n: int, leads: Units) -> Lane:
    """Return the lane of n SKUs from a site, or from the supplier where origin is -1."""
    return Lane(
        origin_id=name, supplier=0 if origin < 0 else -1, origin=origin, destination=destination,
        into=np.arange(n), out_of=np.arange(n) if origin >= 0 else np.zeros(0, np.int64),
        fed=np.ones(n, np.bool_), lead_rows=np.zeros(n, np.int32), lead_table=leads[None, :],
        sku_keys=item_keys(_names(n)),
    )  # fmt: skip


def make_world(
    sites: Sequence[Site], lanes: Sequence[Lane], n_ticks: int, *, lost: bool = False,
    shape: DemandTables | None = None,
) -> World:  # fmt: skip
    """Return sites and lanes, fed by one supplier, as a world."""
    facts = {
        "sites": tuple(sites), "suppliers": (Supplier("V"),), "lanes": tuple(lanes),
        "n_ticks": n_ticks, "bucket_of_tick": np.zeros(n_ticks, np.int64), "lost": lost,
        "product_ids": _names(sites[0].n_skus),
    }  # fmt: skip
    if shape is None:
        return World(**facts)  # type: ignore[arg-type]
    return ShapedWorld(**facts, shape=shape)  # type: ignore[arg-type]


def one_site(
    policy: Policy, rate: float, n_ticks: int, *, opening: Sequence[int] | int,
    leads: Units | None = None, lost: bool = False, shape: DemandTables | None = None,
) -> World:  # fmt: skip
    """Return one site and its supplier, a tick away unless lead times are given."""
    n = len(policy.every)
    lane = make_lane("V", -1, 0, n, lead_choices(1) if leads is None else leads)
    site = make_site("S", policy, rate, opening)
    return make_world([site], [lane], n_ticks, lost=lost, shape=shape)


def with_demand(site: Site, rate: Floats) -> Site:
    """Return a site with other demand by SKU."""
    return replace(site, demand_mean=rate[None, :], demand_variance=rate[None, :])


def run(
    world: World, replications: int, seed: int, *, down: Flags | None = None,
    each_night: Callable[[State, int], None] | None = None, first: int = 0,
) -> State:  # fmt: skip
    """Return the state after a run, conservation proven.

    Parameters
    ----------
    down : (T + 1, R) when the supplier is out
    each_night : called with the state and the tick
    first : number of the first replication
    """
    numbers = np.arange(first, first + replications, dtype=np.int64)
    blows = [] if down is None else [outage_of_all(world, down)]
    setup = Setup(replications, seed)
    state = fresh_state(world, numbers, longest_lanes(world, [Case("calm")], setup))
    demand = Demand(world, numbers, kernels(), seed, keep=False)

    def on_night(tick: int) -> None:
        if each_night is not None:
            each_night(state, tick)

    Calendar(
        world, state, Conditions(world, blows, replications), demand, kernels(), seed,
        on_night=on_night if each_night is not None else None,
    ).run()  # fmt: skip
    check_conservation(world, state, signed=any(site.policy.signed for site in world.sites))
    return state


def _names(n: int) -> tuple[str, ...]:
    return tuple(f"P{i:05d}" for i in range(n))
