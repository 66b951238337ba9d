"""The rolling plan: every later night of the horizon, from the stock that is expected by then."""

from optimizer.replenishment.rolling.stage import run

__all__ = ["run"]
