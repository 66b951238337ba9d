"""Parameters by which each product-location reorders, exact for whole-unit demand."""

from optimizer.replenishment.policies.rules import Reorder, reorder_rules
from optimizer.replenishment.policies.table import policies

__all__ = ["Reorder", "policies", "reorder_rules"]
