"""A measured value with what it says, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measured:
    """What a gate measured.

    Attributes
    ----------
    value : None where it could not be measured
    unit : of the value
    en, zh : what was measured, or why it could not be; half a sentence
    """

    value: float | None
    unit: str
    en: str
    zh: str


def missing(en: str, zh: str) -> Measured:
    """Return that nothing could be measured, and why."""
    return Measured(None, "", en, zh)
