"""What a promotion would do: asked for, laid over the forecast, planned again."""

from __future__ import annotations

from optimizer.promotion.ask import Ask, Levels, read_levels
from optimizer.promotion.laying import Laid, lay_over
from optimizer.promotion.replan import order_for

__all__ = ["Ask", "Laid", "Levels", "lay_over", "order_for", "read_levels"]
