"""JSON Schema of scenario documents and of tables, read off the contracts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from scenarios.settings import Settings
from scenarios.tables import TABLES, Column, Kind, Table

DIALECT = "https://json-schema.org/draft/2020-12/schema"
CLOCK_PATTERN = r"^(([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?|24:00(:00)?)$"
MOMENT_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?)?$"

Schema = dict[str, Any]


def cell_schema(column: Column) -> Schema:
    """Return the schema of one cell; where a blank is allowed, null is."""
    plain: Schema = {"type": "string", "minLength": 1} if column.required else {"type": "string"}
    by_kind: dict[Kind, Schema] = {
        Kind.NUMBER: {"type": "number"},
        Kind.INTEGER: {"type": "integer"},
        Kind.FLAG: {"type": "boolean"},
        Kind.DATE: {"type": "string", "format": "date"},
        Kind.MOMENT: {"type": "string", "pattern": MOMENT_PATTERN},
        Kind.CLOCK: {"type": "string", "pattern": CLOCK_PATTERN},
        Kind.CHOICE: {"type": "string", "enum": list(column.choices)},
    }
    schema = dict(by_kind.get(column.kind, plain))
    if column.low is not None:
        schema["exclusiveMinimum" if column.above else "minimum"] = column.low
    elif column.above:
        schema["exclusiveMinimum"] = 0.0
    if column.high is not None:
        schema["maximum"] = column.high
    if not column.required:
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    schema["title"] = column.zh
    schema["description"] = _description(column)
    if column.default is not None:
        schema["default"] = column.default
    return schema


def _description(column: Column) -> str:
    parts = [column.help]
    if column.unit:
        parts.append(f"Unit: {column.unit}.")
    if column.references:
        parts.append(f"Stands in {' or '.join(column.references)}.")
    if column.rule:
        parts.append(f"Blank: {column.rule}.")
    return " ".join(parts)


def row_schema(table: Table) -> Schema:
    """Return the schema of one row of a table as an object."""
    return {
        "type": "object",
        "title": table.zh,
        "description": table.help,
        "properties": {column.name: cell_schema(column) for column in table.columns},
        "required": [column.name for column in table.columns if column.required],
        "additionalProperties": False,
    }


def table_schema(table: Table) -> Schema:
    """Return the schema of a table as a list of row objects."""
    return {"type": "array", "description": table.help, "items": row_schema(table)}


def tables_schema(tables: Iterable[Table]) -> Schema:
    """Return the schema of an object that holds tables by name; any may be left out."""
    return {
        "type": "object",
        "properties": {table.name: table_schema(table) for table in tables},
        "additionalProperties": False,
    }


def scenario_schema() -> Schema:
    """Return the schema of a scenario document: `{"settings": {...}, "tables": {...}}`."""
    settings = Settings.model_json_schema()
    settings.pop("$defs", None)
    return {
        "$schema": DIALECT,
        "title": "Holdfast scenario",
        "type": "object",
        "properties": {"settings": settings, "tables": tables_schema(TABLES.values())},
        "required": ["settings", "tables"],
        "additionalProperties": False,
    }
