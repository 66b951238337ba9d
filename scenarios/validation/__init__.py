"""All findings about a scenario at once: types, keys, references, supply paths, time, capacity."""

from __future__ import annotations

from scenarios.validation.notice import Notice
from scenarios.validation.rules import CATALOGUE, GROUPS, validate

__all__ = ["CATALOGUE", "GROUPS", "Notice", "validate"]
