"""One run: the facts, how things stand, the arrays, and the kernels that move them."""

from __future__ import annotations

from dataclasses import dataclass

from simulation.conditions import Conditions
from simulation.kernels import Kernels
from simulation.kernels.coupled import Coupled
from simulation.state import State
from simulation.world import World


@dataclass(frozen=True, slots=True)
class Run:
    """What every phase of a tick works with, over one chunk of replications."""

    world: World
    state: State
    conditions: Conditions
    kernels: Kernels
    coupled: Coupled
    seed: int

    @property
    def n_replications(self) -> int:
        """Number of replications in the chunk."""
        return len(self.state.replications)

    def weekday(self, tick: int) -> int:
        """Return 0 for Monday to 6 for Sunday."""
        days = tick // self.world.ticks_per_day
        return (self.world.first_weekday - 1 + days) % 7

    def strikes(self, kind: str, where: str, node: int) -> bool:
        """Whether a disruption of a kind ever strikes a node in this case."""
        return any(
            blow.disruption.kind == kind and node in getattr(blow.reach, where)
            for blow in self.conditions.blows
        )
