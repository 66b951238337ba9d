"""A notice: what a rule has to say, apart from the place where it says it."""

from __future__ import annotations

from dataclasses import dataclass

from scenarios.findings import Severity


@dataclass(frozen=True, slots=True)
class Notice:
    """One kind of finding.

    Attributes
    ----------
    code : name of the rule in findings
    what : one sentence for the reference: what is wrong
    hint : what to do about it, with {parameters} that each finding fills in
    """

    code: str
    severity: Severity
    what: str
    hint: str


def error(code: str, what: str, hint: str) -> Notice:
    """Write a notice that stops the run: a duplicate, a broken reference, an impossible value."""
    return Notice(code, Severity.ERROR, what, hint)


def warning(code: str, what: str, hint: str) -> Notice:
    """Write a notice that is planned around: what cannot be served, or looks wrong."""
    return Notice(code, Severity.WARNING, what, hint)


def info(code: str, what: str, hint: str) -> Notice:
    """Write a notice that is only told."""
    return Notice(code, Severity.INFO, what, hint)
