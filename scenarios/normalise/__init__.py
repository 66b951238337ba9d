"""Raw cells into typed frames: what planners really send, read once and every change told."""

from __future__ import annotations

from scenarios.normalise.arrow import cells_of_arrow, cells_of_series
from scenarios.normalise.cells import Broken, Cells, cells_of_objects, cells_of_text
from scenarios.normalise.headings import column_names, table_names
from scenarios.normalise.table import RawTable, TypedTable, normalise, normalise_frame
from scenarios.normalise.verdict import Verdict

__all__ = [
    "Broken",
    "Cells",
    "RawTable",
    "TypedTable",
    "Verdict",
    "cells_of_arrow",
    "cells_of_objects",
    "cells_of_series",
    "cells_of_text",
    "column_names",
    "normalise",
    "normalise_frame",
    "table_names",
]
