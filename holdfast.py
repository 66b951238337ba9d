"""The public door for notebooks and scripts: `from holdfast import Scenario, plan, stress`.

Names are imported when they are first used, so that the door itself opens at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from api.client import Client
    from optimizer.pipeline import plan
    from optimizer.plan import Plan
    from scenarios.errors import HoldfastError, InputError
    from scenarios.library import demo_scenario
    from scenarios.scenario import Scenario
    from simulation.harden import harden
    from simulation.resilience import scan_plan
    from simulation.stress import stress

_DOORS = {
    "Client": "api.client",
    "HoldfastError": "scenarios.errors",
    "InputError": "scenarios.errors",
    "Plan": "optimizer.plan",
    "Scenario": "scenarios.scenario",
    "demo_scenario": "scenarios.library",
    "harden": "simulation.harden",
    "plan": "optimizer.pipeline",
    "scan_plan": "simulation.resilience",
    "stress": "simulation.stress",
}

__all__ = [
    "Client",
    "HoldfastError",
    "InputError",
    "Plan",
    "Scenario",
    "demo_scenario",
    "harden",
    "plan",
    "scan_plan",
    "stress",
]


def __getattr__(name: str) -> Any:
    """Import a name of the public door on first use."""
    if name not in _DOORS:
        raise AttributeError(f"holdfast has no {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_DOORS[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
