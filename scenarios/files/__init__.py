"""Scenarios in files: folders of CSV or Parquet, zips of them, Excel workbooks, JSON documents.

Reading makes one pass over everything and raises with all findings; `examine_*` return them
instead. Writing is exact: what is read back has the same content hash.
"""

from __future__ import annotations

from scenarios.files.guards import DEFAULT_GUARDS, Guards
from scenarios.files.reading import (
    Reading,
    examine_bytes,
    examine_document,
    examine_path,
    read_bytes,
    read_document,
    read_scenario,
)
from scenarios.files.writing import (
    FORMS,
    scenario_bytes,
    scenario_document,
    table_bytes,
    write_scenario,
)

__all__ = [
    "DEFAULT_GUARDS",
    "FORMS",
    "Guards",
    "Reading",
    "examine_bytes",
    "examine_document",
    "examine_path",
    "read_bytes",
    "read_document",
    "read_scenario",
    "scenario_bytes",
    "scenario_document",
    "table_bytes",
    "write_scenario",
]
