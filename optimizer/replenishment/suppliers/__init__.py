"""How suppliers did, whether their lead times are what they state, and how much hangs on each."""

from optimizer.replenishment.suppliers.dependency import supplier_dependency
from optimizer.replenishment.suppliers.lead_times import Lateness, lead_time_gaps, read_lateness
from optimizer.replenishment.suppliers.scores import supplier_scores

__all__ = [
    "Lateness",
    "lead_time_gaps",
    "read_lateness",
    "supplier_dependency",
    "supplier_scores",
]
