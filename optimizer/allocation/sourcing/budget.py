"""What the search may spend: wall seconds, deterministic work, or until it is cancelled."""

from __future__ import annotations

from optimizer.outcome import Limits


class Budget:
    """A part of the limits, paid in equal instalments.

    Work decides where it is limited, seconds where they are; both may be. One unit of work is
    about a second of one core.

    Parameters
    ----------
    limits : of the whole stage
    seconds : wall seconds of this part; inf for no limit
    work : units of work of this part; inf for no limit
    price : work of one instalment
    most : instalments after which it is enough anyway
    """

    def __init__(
        self, limits: Limits, seconds: float, work: float, price: float, most: float = float("inf")
    ) -> None:
        self.limits = limits
        self.seconds = seconds
        self.started = limits.elapsed
        self.price = price
        self.most = min(most, work / price)
        self.paid = 0

    @property
    def work(self) -> float:
        """Work done so far."""
        return self.paid * self.price

    def pay(self) -> None:
        """Pay one instalment."""
        self.paid += 1

    def share(self) -> float:
        """Share of the budget that is spent, 0..1."""
        by_count = self.paid / self.most if self.most > 0.0 else 1.0
        by_time = (self.limits.elapsed - self.started) / self.seconds if self.seconds else 1.0
        return min(1.0, max(by_count, by_time))

    def spent(self) -> bool:
        """Say whether to stop: the next instalment would not fit, or the run was cancelled."""
        if self.paid + 1 > self.most or self.limits.cancelled():
            return True
        used = self.limits.elapsed - self.started
        return used + used / max(self.paid, 1) > self.seconds
