"""Contracts of the result tables: what every stage writes, and the only thing others read."""

from __future__ import annotations

from types import MappingProxyType

from optimizer.plan_tables import (
    driving,
    forecasts,
    network,
    parcels,
    record,
    stock,
    supply,
    trials,
    watch,
)
from scenarios.tables.column import Table

_TABLES: tuple[Table, ...] = (
    *forecasts.TABLES,
    *supply.TABLES,
    *network.TABLES,
    *parcels.TABLES,
    *driving.TABLES,
    *stock.TABLES,
    *watch.TABLES,
    *trials.TABLES,
    *record.TABLES,
)
PLAN_TABLES = MappingProxyType({table.name: table for table in _TABLES})
