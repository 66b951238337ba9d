"""Where a network should hold its safety stock."""

from optimizer.replenishment.echelons.safety_stock import safety_stock

__all__ = ["safety_stock"]
