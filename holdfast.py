"""The public door for notebooks and scripts: `from holdfast import Scenario, plan, stress`.

Names are imported when they are first used, so that the door itself opens at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from api.client import Client
    from api.services.comparison import Side, compare, plan_like
    from api.services.promotion import promotion
    from optimizer.explanations.explain import Explainer
    from optimizer.explanations.sentences import Teller
    from optimizer.pipeline import plan
    from optimizer.plan import Plan
    from optimizer.promotion import Ask
    from optimizer.what_if import what_if
    from scenarios.deltas import Delta, Variant, apply, diff, read_deltas
    from scenarios.errors import HoldfastError, InputError
    from scenarios.files.template import write_template
    from scenarios.library import demo_scenario
    from scenarios.scenario import Scenario
    from scenarios.validation.examine import examine
    from simulation.harden import harden
    from simulation.pictures import draw_scan, draw_stress
    from simulation.plan_pictures import draw_frontier, draw_stock, draw_waterfall
    from simulation.resilience import scan_plan
    from simulation.stress import stress
    from simulation.suites import load_suite, read_suite

_DOORS = {
    "Ask": "optimizer.promotion",
    "Client": "api.client",
    "Delta": "scenarios.deltas",
    "Explainer": "optimizer.explanations.explain",
    "HoldfastError": "scenarios.errors",
    "InputError": "scenarios.errors",
    "Plan": "optimizer.plan",
    "Scenario": "scenarios.scenario",
    "Side": "api.services.comparison",
    "Teller": "optimizer.explanations.sentences",
    "Variant": "scenarios.deltas",
    "apply": "scenarios.deltas",
    "compare": "api.services.comparison",
    "demo_scenario": "scenarios.library",
    "diff": "scenarios.deltas",
    "draw_frontier": "simulation.plan_pictures",
    "draw_scan": "simulation.pictures",
    "draw_stock": "simulation.plan_pictures",
    "draw_stress": "simulation.pictures",
    "draw_waterfall": "simulation.plan_pictures",
    "examine": "scenarios.validation.examine",
    "harden": "simulation.harden",
    "load_suite": "simulation.suites",
    "plan": "optimizer.pipeline",
    "plan_like": "api.services.comparison",
    "promotion": "api.services.promotion",
    "read_deltas": "scenarios.deltas",
    "read_suite": "simulation.suites",
    "scan_plan": "simulation.resilience",
    "stress": "simulation.stress",
    "what_if": "optimizer.what_if",
    "write_template": "scenarios.files.template",
}

__all__ = [
    "Ask",
    "Client",
    "Delta",
    "Explainer",
    "HoldfastError",
    "InputError",
    "Plan",
    "Scenario",
    "Side",
    "Teller",
    "Variant",
    "apply",
    "compare",
    "demo_scenario",
    "diff",
    "draw_frontier",
    "draw_scan",
    "draw_stock",
    "draw_stress",
    "draw_waterfall",
    "examine",
    "harden",
    "load_suite",
    "plan",
    "plan_like",
    "promotion",
    "read_deltas",
    "read_suite",
    "scan_plan",
    "stress",
    "what_if",
    "write_template",
]


def __getattr__(name: str) -> Any:
    """Import a name of the public door on first use."""
    if name not in _DOORS:
        raise AttributeError(f"holdfast has no {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_DOORS[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
