"""One contract per table: the one source for validation, defaults, templates, docs and schema."""

from __future__ import annotations

from types import MappingProxyType

from scenarios.tables import actuals, delivery, demand, network, risk, stock, supply
from scenarios.tables.column import NUMERIC, TEMPORAL, TEXTUAL, Column, Kind, Table

TABLES = MappingProxyType(
    {
        table.name: table
        for module in (supply, network, demand, stock, delivery, risk, actuals)
        for table in module.TABLES
    }
)

__all__ = ["NUMERIC", "TABLES", "TEMPORAL", "TEXTUAL", "Column", "Kind", "Table"]
