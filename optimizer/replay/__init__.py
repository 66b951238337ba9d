"""The last days again: plan each night, live the day as it was recorded, load it, plan again."""

from __future__ import annotations

from optimizer.replay.run import Report, replay

__all__ = ["Report", "replay"]
