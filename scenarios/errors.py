"""Everything Holdfast raises on purpose.

HoldfastError
├── InputError      what was handed in is wrong; carries every finding
├── Unsupported     understood, but no engine here can do it
├── NotFound        no such thing
├── Conflict        it clashes with what is there
└── EngineError     a solver or a plan went wrong; nothing of it may be shown
└── AuditError  the referee rejects a plan; carries what it found
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scenarios.findings import Finding


class HoldfastError(Exception):
    """Base of all errors raised on purpose; its text is fit for a planner."""


class InputError(HoldfastError):
    """What was handed in is wrong.

    Attributes
    ----------
    findings : every finding of severity error that was made, and the warnings beside them
    """

    def __init__(self, message: str, findings: Sequence[Finding] = ()) -> None:
        super().__init__(message)
        self.findings = tuple(findings)


class Unsupported(HoldfastError):  # noqa: N818 - the name says what it is
    """The request is understood, but nothing here can do it."""


class NotFound(HoldfastError):  # noqa: N818
    """There is no such thing."""


class Conflict(HoldfastError):  # noqa: N818
    """It clashes with what is already there."""


class EngineError(HoldfastError):
    """A solver failed in a way that is not an answer."""


class AuditError(EngineError):
    """The referee rejects a plan.

    Attributes
    ----------
    violations : what the referee found, worst first
    """

    def __init__(self, message: str, violations: Sequence[object] = ()) -> None:
        super().__init__(message)
        self.violations = tuple(violations)
