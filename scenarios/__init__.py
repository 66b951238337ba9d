"""The facts of a plan: tables, units, validation, what-if deltas, readers and writers.

Names are imported when they are first used: `scenarios.errors` alone must not load pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scenarios.errors import (
        AuditError,
        Conflict,
        EngineError,
        HoldfastError,
        InputError,
        NotFound,
        Unsupported,
    )
    from scenarios.findings import Finding, Findings, Severity
    from scenarios.scenario import Scenario
    from scenarios.settings import Settings

_DOORS = {
    "scenarios.errors": (
        "AuditError",
        "Conflict",
        "EngineError",
        "HoldfastError",
        "InputError",
        "NotFound",
        "Unsupported",
    ),
    "scenarios.findings": ("Finding", "Findings", "Severity"),
    "scenarios.scenario": ("Scenario",),
    "scenarios.settings": ("Settings",),
}

__all__ = [
    "AuditError",
    "Conflict",
    "EngineError",
    "Finding",
    "Findings",
    "HoldfastError",
    "InputError",
    "NotFound",
    "Scenario",
    "Settings",
    "Severity",
    "Unsupported",
]


def __getattr__(name: str) -> Any:
    """Import a name on first use."""
    for module, names in _DOORS.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"scenarios has no {name!r}")
