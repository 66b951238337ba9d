"""What stops pay, given prices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

from optimizer.routing.problem import Flags, Floats


@dataclass(frozen=True, slots=True)
class Shares:
    """What stops pay, and which way to change prices.

    Attributes
    ----------
    hoped : (n,) float64, money per stop; inf where no route can visit it
    proven : (n,) float64, money per stop such that no route is paid more than it costs, if
        every arc was tried
    visits : (n,) float64, how often the routes that were picked visit a stop, all together
    counted : (n,) bool, stops whose routes are among these
    tried : arcs, deterministic work
    """

    hoped: Floats
    proven: Floats
    visits: Floats
    counted: Flags
    tried: int


class Relaxation(Protocol):
    """One way of relaxing routes.

    Attributes
    ----------
    settles : how often hoped shares are to be taken as prices at the end, until they are proven
    """

    settles: ClassVar[int]

    def shares(self, prices: Floats, capped: Floats, reach: int, *, every: bool) -> Shares:
        """Return what stops pay.

        Parameters
        ----------
        prices : (n,) float64, money for a visit
        capped : (n,) float64, the most that a stop pays: its loss
        reach : arcs per stop to try
        every : beyond these, be optimistic, so that the bound is proven
        """
