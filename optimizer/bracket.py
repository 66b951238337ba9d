"""The price of a limit, found by trying: raised until it is enough, then halved in between."""

from __future__ import annotations

import math
from dataclasses import dataclass

STEEPER = 4.0  # by which a price grows while none is known to be enough


@dataclass(slots=True)
class Bracket:
    """Prices: too low, enough, and the one to try."""

    low: float = 0.0
    high: float = math.inf
    tried: float = 0.0

    def move(self, broken: bool, first: float) -> None:
        """Choose the next price to try.

        Parameters
        ----------
        broken : the limit does not hold at the price just tried
        first : the least price to try after 0
        """
        if broken:
            self.low = self.tried
            self.tried = max(STEEPER * self.low, first)
        else:
            self.high = self.tried
        if math.isfinite(self.high):
            self.tried = (self.low + self.high) / 2.0
