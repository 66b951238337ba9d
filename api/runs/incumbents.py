"""What a stage's progress says of a better plan: of which part, and what it costs."""

from __future__ import annotations

import re
from typing import Final

# stages say "PART: 1,234.50" or "plan 1,234" when they have found a cheaper plan
TOLD: Final = re.compile(r"(?:(?:first )?plan|(?P<part>.+):) (?P<cost>-?[\d,]+(?:\.\d+)?)")
STAGES: Final = ("sourcing", "routing", "rerouting", "buyer")  # and no others


def incumbent_told(stage: str, message: str) -> tuple[str, float] | None:
    """Return the part of the stage (blank: all of it) and the money; None: it told of no plan."""
    found = TOLD.fullmatch(message) if stage in STAGES else None
    if found is None:
        return None
    return found["part"] or "", float(found["cost"].replace(",", ""))
