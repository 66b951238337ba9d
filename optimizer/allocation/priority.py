"""What an order's priority weighs: penalties count USUAL_PRIORITY / priority times."""

from __future__ import annotations

USUAL_PRIORITY = 5  # of an order that states none; penalties then count in full
