"""What differs between two scenarios: settings, rows and cells, by key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scenarios.deltas.cell import Scalar, to_json
from scenarios.deltas.delta import SETTINGS, Delta, Row
from scenarios.deltas.keying import row_ids
from scenarios.errors import InputError
from scenarios.scenario import Scenario
from scenarios.settings import Settings
from scenarios.tables import TABLES, Table


@dataclass(frozen=True, slots=True)
class TableDiff:
    """What differs in one table.

    Attributes
    ----------
    added, removed : rows that only the second, only the first scenario has; all columns
    changed : one row per cell: the key columns, then `_column`, `_old`, `_new` (objects, blanks
        None)
    reordered : the rows that both have stand in another order
    """

    table: str
    added: pd.DataFrame
    removed: pd.DataFrame
    changed: pd.DataFrame
    reordered: bool = False

    @property
    def key(self) -> list[str]:
        """Key columns of the table."""
        return list(TABLES[self.table].key)


@dataclass(frozen=True, slots=True)
class Diff:
    """What turns one scenario into another.

    Attributes
    ----------
    settings : name (service targets as service_targets.A), old, new
    tables : tables that differ, by name
    """

    settings: tuple[tuple[str, Any, Any], ...]
    tables: Mapping[str, TableDiff]

    @property
    def empty(self) -> bool:
        """Whether nothing but the order of rows differs."""
        return not self.settings and not any(
            len(part.added) or len(part.removed) or len(part.changed)
            for part in self.tables.values()
        )

    def frame(self) -> pd.DataFrame:
        """Return all differences, one row each: table, key, change, column, old, new."""
        rows: list[tuple[object, ...]] = [
            (SETTINGS, "", "changed", name, old, new) for name, old, new in self.settings
        ]
        for name, part in self.tables.items():
            for change, frame in (("removed", part.removed), ("added", part.added)):
                rows += [(name, key, change, "", None, None) for key in _shown(frame, part.key)]
            cells = part.changed
            rows += [
                (name, key, "changed", column, old, new)
                for key, column, old, new in zip(
                    _shown(cells, part.key),
                    cells["_column"],
                    cells["_old"],
                    cells["_new"],
                    strict=True,
                )
            ]
        columns = ["table", "key", "change", "column", "old", "new"]
        return pd.DataFrame(rows, columns=columns, dtype="object")

    def deltas(self) -> tuple[Delta, ...]:
        """Return deltas that turn the first scenario into the second, up to the order of rows."""
        told = [
            Delta(table=SETTINGS, op="set", column=name, value=new)
            for name, _, new in self.settings
        ]
        for name, part in self.tables.items():
            if len(part.removed):
                gone = tuple(records(part.removed[part.key], blanks=False))
                told.append(Delta(table=name, op="delete", value=gone))
            rows = _changed_rows(part)
            rows += records(part.added, blanks=False)
            if rows:
                told.append(Delta(table=name, op="upsert", value=tuple(rows)))
        return tuple(told)


def diff(first: Scenario, second: Scenario) -> Diff:
    """Return what turns the first scenario into the second.

    Raises
    ------
    InputError
        A table has two rows with one key, so that rows cannot be told apart.
    """
    settings = _settings_diff(first.settings, second.settings)
    tables = {}
    for name, table in TABLES.items():
        if first.has(name) or second.has(name):
            part = _table_diff(table, first.table(name), second.table(name))
            if part is not None:
                tables[name] = part
    return Diff(settings, MappingProxyType(tables))


def flat_settings(settings: Settings) -> dict[str, Any]:
    """Return settings as JSON values, service targets one by one."""
    flat: dict[str, Any] = {}
    for name, value in settings.model_dump(mode="json").items():
        if isinstance(value, dict):
            flat |= {f"{name}.{part}": inner for part, inner in value.items()}
        else:
            flat[name] = value
    return flat


def _settings_diff(first: Settings, second: Settings) -> tuple[tuple[str, Any, Any], ...]:
    old, new = flat_settings(first), flat_settings(second)
    names = [*old, *(name for name in new if name not in old)]
    return tuple(
        (name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)
    )


def _table_diff(table: Table, first: pd.DataFrame, second: pd.DataFrame) -> TableDiff | None:
    old_ids, new_ids = row_ids(table.key, first, second)
    for ids, which in ((old_ids, "first"), (new_ids, "second")):
        if len(np.unique(ids)) < len(ids):
            raise InputError(
                f"{table.name} of the {which} scenario has two rows with the same key"
                f" ({' + '.join(table.key)}): run `holdfast validate` and remove one"
            )
    place = pd.Index(old_ids).get_indexer(pd.Index(new_ids))  # where each new row was
    added = second[place < 0].reset_index(drop=True)
    removed = first[~np.isin(old_ids, new_ids)].reset_index(drop=True)
    after = np.flatnonzero(place >= 0)
    before = place[after]
    parts = []
    for column in table.columns:
        if column.key:
            continue
        old, new = first[column.name].iloc[before], second[column.name].iloc[after]
        other = differs(old, new)
        if other.any():
            cells = second[list(table.key)].iloc[after[other]].reset_index(drop=True)
            cells["_at"] = after[other]
            cells["_column"] = column.name
            cells["_old"] = _objects(old[other])
            cells["_new"] = _objects(new[other])
            parts.append(cells)
    columns = [*table.key, "_column", "_old", "_new"]
    changed = pd.DataFrame({name: pd.Series(dtype="object") for name in columns})
    if parts:
        changed = pd.concat(parts, ignore_index=True).sort_values("_at", kind="stable")
        changed = changed[columns].reset_index(drop=True)
    reordered = bool((np.diff(before) < 0).any())
    if not (len(added) or len(removed) or len(changed) or reordered):
        return None
    return TableDiff(table.name, added, removed, changed, reordered)


def differs(old: pd.Series, new: pd.Series) -> NDArray[np.bool_]:
    """Return (n,) bool: cells that are not the same, two blanks being the same."""
    blank_old, blank_new = old.isna().to_numpy(), new.isna().to_numpy()
    same = pd.Series(old.array == new.array).fillna(False).to_numpy(dtype=bool)
    result: NDArray[np.bool_] = ~same & ~(blank_old & blank_new)
    return result


def _objects(cells: pd.Series) -> pd.Series:
    return pd.Series([to_json(cell) for cell in cells], dtype="object")


def records(frame: pd.DataFrame, *, blanks: bool = True) -> list[Row]:
    """Return rows as JSON objects; `blanks` keeps the blank cells, as null."""
    columns = {name: [to_json(cell) for cell in frame[name]] for name in frame.columns}
    rows: list[Row] = [{} for _ in range(len(frame))]
    for name, cells in columns.items():
        for row, cell in zip(rows, cells, strict=True):
            if blanks or cell is not None:
                row[name] = cell
    return rows


def _changed_rows(part: TableDiff) -> list[Row]:
    """Return rows for an upsert: the key, and the cells that change."""
    rows: dict[tuple[Scalar, ...], Row] = {}
    keys = records(part.changed[part.key])
    for key, column, new in zip(keys, part.changed["_column"], part.changed["_new"], strict=True):
        row = rows.setdefault(
            tuple(key.values()), {name: cell for name, cell in key.items() if cell is not None}
        )
        row[column] = new
    return list(rows.values())


def _shown(frame: pd.DataFrame, key: list[str]) -> list[str]:
    """Return each row's key on one line."""
    cells = [[to_json(cell) for cell in frame[name]] for name in key]
    return [
        ", ".join("blank" if cell is None else _short(cell) for cell in row)
        for row in zip(*cells, strict=True)
    ]


def _short(cell: Scalar) -> str:
    return f"{cell:g}" if isinstance(cell, float) else str(cell)
