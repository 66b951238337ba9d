"""What a gate asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Unjudged = Literal["hold", "publish"]
MEASURES: Final = {
    "purchase_qty": "%",  # units that changed, by supplier, product and site
    "purchase_days": "%",  # the same, by day of ordering as well
    "open_sites": "sites",  # opened or closed against yesterday
    "order_sites": "%",  # customer orders that ship from other sites
    "routes": "%",  # stops that drive with other stops
}
KINDS: Final = ("kpi", "rows", "budget", "nervousness", "stress", "audit", "findings", "gap")


@dataclass(frozen=True, slots=True)
class Gate:
    """One test of a plan.

    Attributes
    ----------
    name : unique in its set; what overrides and reports call it
    kind : one of KINDS
    asks : the keys of gates.toml that say what is measured
    low, high : the value must not be below or above; None: no limit on that side
    unjudged : what a gate that cannot be judged does to the plan
    """

    name: str
    kind: str
    asks: Mapping[str, Any]
    low: float | None = None
    high: float | None = None
    unjudged: Unjudged = "hold"

    @property
    def threshold(self) -> str:
        """The limits in words, as in ">= 0.95 and <= 1"."""
        sides = [(">=", self.low), ("<=", self.high)]
        return " and ".join(f"{sign} {bound:.10g}" for sign, bound in sides if bound is not None)

    def holds(self, value: float) -> bool:
        """Say whether a value is inside; a billionth of the limit is forgiven."""
        slack = 1e-9
        below = self.low is not None and value < self.low - slack * abs(self.low)
        above = self.high is not None and value > self.high + slack * abs(self.high)
        return not (below or above)


@dataclass(frozen=True, slots=True)
class GateSet:
    """The gates of one gates.toml.

    Attributes
    ----------
    suites : parsed stress suites that the gates are about; the simulator reads them
    """

    name: str
    gates: tuple[Gate, ...]
    suites: tuple[Mapping[str, Any], ...] = ()


def usual_gates() -> GateSet:
    """Return what holds where no gates are named: audited, feasible, no error in the data."""
    return GateSet(
        "usual",
        (
            Gate("audit", "audit", {}, high=0.0),
            Gate("findings error", "findings", {"severity": "error"}, high=0.0),
        ),
    )
