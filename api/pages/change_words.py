"""Changes to a scenario as sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from api.words.language import Language
from scenarios.tables import TABLES


def changes_said(language: Language, deltas: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say each change of a list in one sentence."""
    return [change_said(language, delta) for delta in deltas]


def change_said(language: Language, delta: Mapping[str, Any]) -> str:
    """Say one change: what, where, in which rows."""
    name, op = str(delta.get("table", "")), str(delta.get("op", ""))
    table = language.t("settings") if name == "settings" else language.table(name)
    value = delta.get("value")
    if op in ("set", "scale", "add"):
        column = language.column(name, str(delta.get("column", "")))
        rows = _where(language, name, delta.get("where"))
        text = {
            "set": "{table}: {column} becomes {value}{rows}",
            "scale": "{table}: {column} times {value}{rows}",
            "add": "{table}: {column} plus {value}{rows}",
        }[op]
        return language.t(
            text, table=table, column=column, value=_value(language, value), rows=rows
        )
    listed = [value] if isinstance(value, Mapping) else list(value or [])
    if op == "upsert":
        parts = [_row(language, name, row) for row in listed[:3]]
        more = f" … ({language.number(len(listed))})" if len(listed) > 3 else ""
        return language.t("{table}: {rows}", table=table, rows="; ".join(parts) + more)
    if listed:
        parts = [_row(language, name, row) for row in listed[:3]]
        more = f" … ({language.number(len(listed))})" if len(listed) > 3 else ""
        return language.t("{table}: taken out: {rows}", table=table, rows="; ".join(parts) + more)
    return language.t(
        "{table}: taken out: {rows}",
        table=table,
        rows=_where(language, name, delta.get("where")).strip(),
    )


def _row(language: Language, table: str, row: Mapping[str, Any]) -> str:
    """Write a row by its key, then what it says."""
    contract = TABLES.get(table)
    key = contract.key if contract is not None else ()
    named = "/".join(str(row[part]) for part in key if row.get(part) is not None)
    told = ", ".join(
        f"{language.column(table, str(column))} = {_value(language, value)}"
        for column, value in row.items()
        if column not in key
    )
    return f"{named} ({told})" if told else named


def _where(language: Language, table: str, where: Any) -> str:
    """Write in which rows; nothing where it is all of them."""
    if not where:
        return ""
    parts = []
    for column, wanted in where.items() if isinstance(where, Mapping) else ():
        heading = language.column(table, str(column))
        parts.append(f"{heading}: {_value(language, wanted)}")
    return language.t(" where {what}", what=", ".join(parts) or str(where))


def _value(language: Language, value: Any) -> str:
    if value is None:
        return language.t("blank")
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_value(language, each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_value(language, each) for each in value)
    return language.cell(value)
