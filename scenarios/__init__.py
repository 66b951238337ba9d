"""The facts of a plan: tables, units, validation, what-if deltas, readers and writers."""

from __future__ import annotations

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
