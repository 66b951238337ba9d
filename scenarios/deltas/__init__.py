"""What-if changes: typed deltas on a scenario, variants, differences and merges."""

from __future__ import annotations

from scenarios.deltas.apply import apply
from scenarios.deltas.compare import Diff, TableDiff, diff
from scenarios.deltas.delta import Delta, read_deltas
from scenarios.deltas.merge import Merge, MergeConflict, merge
from scenarios.deltas.variant import Variant
from scenarios.deltas.where import Where

__all__ = [
    "Delta",
    "Diff",
    "Merge",
    "MergeConflict",
    "TableDiff",
    "Variant",
    "Where",
    "apply",
    "diff",
    "merge",
    "read_deltas",
]
