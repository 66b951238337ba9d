"""A scenario as one JSON document: {"settings": {...}, "tables": {"products": [...], ...}}."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from scenarios.files.encoding import to_utf8
from scenarios.files.guards import MEGABYTE, Guards, refuse
from scenarios.files.raw import RawScenario
from scenarios.files.settings_form import RawSetting, raw_settings
from scenarios.findings import Findings, Severity
from scenarios.normalise import (
    Broken,
    Cells,
    RawTable,
    Verdict,
    cells_of_objects,
    table_names,
)

SHAPE = 'the document must be {"settings": {...}, "tables": {"products": [{...}, ...], ...}}'


def parse_json(data: bytes, name: str, guards: Guards, findings: Findings) -> Any:
    """Parse a JSON document; keys that stand twice are error findings.

    Raises
    ------
    InputError
        `too_large`, `unknown_encoding` or `broken_json`.
    """
    if len(data) > guards.max_json_bytes:
        limit = guards.max_json_bytes // MEGABYTE
        hint = f"{name} is larger than {limit:,} MB; send a zip of Parquet files"
        refuse(findings, "too_large", hint, value=len(data))
    text = to_utf8(data, name, findings)
    if text is None:
        refuse(findings, "broken_json", f"{name} cannot be read as text")
    twice: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        held = dict(items)
        if len(held) != len(items):
            keys = [key for key, _ in items]
            twice.extend(sorted({key for key in keys if keys.count(key) > 1}))
        return held

    try:
        document = json.loads(text, object_pairs_hook=pairs, parse_constant=_not_finite)
    except json.JSONDecodeError as error:
        hint = f"{name} is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        refuse(findings, "broken_json", hint)
    except (RecursionError, ValueError) as error:
        refuse(findings, "broken_json", f"{name} cannot be read: {str(error)[:120]}")
    for key in twice:
        hint = "the key stands twice in one object; keep one"
        findings.add("duplicate_key_in_json", Severity.ERROR, hint, value=key)
    return document


def _not_finite(constant: str) -> Broken:
    hint = "JSON knows no such number; leave the value out or write null"
    return Broken(constant, Verdict("not_finite", hint, Severity.ERROR))


def raw_of_document(document: Any, guards: Guards, findings: Findings) -> RawScenario:
    """Take a parsed document apart.

    A table is a list of objects, or one object of equally long lists.

    Raises
    ------
    InputError
        `wrong_shape`: the document is no scenario at all.
    """
    if not isinstance(document, Mapping):
        refuse(findings, "wrong_shape", SHAPE)
    settings: dict[str, RawSetting] | None = None
    given = document.get("settings")
    if isinstance(given, Mapping):
        settings = raw_settings(given)
    elif given is not None:
        findings.add("wrong_shape", Severity.ERROR, "settings must be an object", table="settings")
        settings = {}
    tables = document.get("tables", {})
    if not isinstance(tables, Mapping):
        refuse(findings, "wrong_shape", SHAPE)
    for key in document:
        if key not in {"settings", "tables"}:
            near = "it belongs under tables" if table_names().find(str(key)) else "it is not read"
            findings.add("unknown_key", Severity.WARNING, near, value=str(key))
    return RawScenario(settings, _tables(tables, guards, findings))


def _tables(tables: Mapping[Any, Any], guards: Guards, findings: Findings) -> Iterator[RawTable]:
    """Yield the tables of a document."""
    for key, content in tables.items():
        name = table_names().find(str(key))
        if name is None:
            hint = f"{table_names().near(str(key))}the table is not read"
            findings.add("unknown_table", Severity.WARNING, hint, value=str(key))
        elif isinstance(content, Mapping):
            raw = _of_columns(name, content, findings)
            if raw is not None:
                yield raw
        elif isinstance(content, Sequence) and not isinstance(content, (str, bytes)):
            yield _of_records(name, content, guards, findings)
        else:
            hint = "a table is a list of objects, or one object of lists"
            findings.add("wrong_shape", Severity.ERROR, hint, table=name)


def _of_records(name: str, records: Sequence[Any], guards: Guards, findings: Findings) -> RawTable:
    """Return a table of a list of objects; rows are counted from 1."""
    columns: dict[str, list[Any]] = {}
    for place, record in enumerate(records):
        if not isinstance(record, Mapping):
            hint = 'a row is an object such as {"product_id": "A1"}'
            findings.add("not_a_record", Severity.ERROR, hint, table=name, row=place + 1)
            continue
        for key, value in record.items():
            column = columns.get(key)
            if column is None:
                column = columns[key] = [None] * len(records)
                if len(columns) * len(records) > guards.max_cells:
                    hint = "the rows name too many different columns"
                    refuse(findings, "too_many_cells", hint, table=name)
            column[place] = value
    return _raw(name, columns, len(records))


def _of_columns(name: str, columns: Mapping[Any, Any], findings: Findings) -> RawTable | None:
    """Return a table of an object of lists; rows are counted from 1."""
    lists = {str(key): value for key, value in columns.items()}
    if not all(isinstance(value, list) for value in lists.values()):
        hint = "a table is a list of objects, or one object of lists"
        findings.add("wrong_shape", Severity.ERROR, hint, table=name)
        return None
    sizes = sorted({len(value) for value in lists.values()})
    if len(sizes) > 1:
        hint = f"the lists of a table must be equally long; these have {sizes[0]} to {sizes[-1]}"
        findings.add("wrong_shape", Severity.ERROR, hint, table=name)
        return None
    return _raw(name, lists, sizes[0] if sizes else 0)


def _raw(name: str, columns: Mapping[str, list[Any]], rows: int) -> RawTable:
    cells: list[Cells] = [cells_of_objects(values) for values in columns.values()]
    return RawTable(
        name,
        tuple(str(key) for key in columns),
        tuple(cells),
        np.arange(1, rows + 1, dtype=np.int64),
    )
