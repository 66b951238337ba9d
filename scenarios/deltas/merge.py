"""Two what-ifs on one scenario put together, cell by cell, with every conflict named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scenarios.deltas.apply import apply
from scenarios.deltas.cell import Scalar
from scenarios.deltas.compare import Diff, TableDiff, diff, flat_settings, records
from scenarios.deltas.delta import SETTINGS, Delta, Row
from scenarios.scenario import Scenario
from scenarios.tables import TABLES

REMOVED = "(row removed)"
Key = tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class MergeConflict:
    """A cell that both sides changed, each in its own way.

    Attributes
    ----------
    key : key cells of the row in the order of the table's key; () for a setting
    column : the cell; "" where one side added or removed the whole row
    base, ours, theirs : its three values, blank None; "(row removed)" where the row is gone
    """

    table: str
    key: Key
    column: str
    base: Any
    ours: Any
    theirs: Any

    def __str__(self) -> str:
        """Return it on one line."""
        row = ", ".join("blank" if cell is None else str(cell) for cell in self.key)
        place = ".".join(part for part in (self.table, self.column) if part)
        where = f"{place} ({row})" if row else place
        return f"{where}: ours {self.ours!r}, theirs {self.theirs!r}, before {self.base!r}"


@dataclass(frozen=True, slots=True)
class Merge:
    """Both sides' changes in one scenario.

    Attributes
    ----------
    scenario : changes of both; where they conflict, ours
    conflicts : what a person must decide; empty: a clean merge
    """

    scenario: Scenario
    conflicts: tuple[MergeConflict, ...]


def merge(base: Scenario, ours: Scenario, theirs: Scenario) -> Merge:
    """Put the changes of two scenarios since their common base together.

    Raises
    ------
    InputError
        A table has two rows with one key.
    """
    our_diff, their_diff = diff(base, ours), diff(base, theirs)
    conflicts: list[MergeConflict] = []
    deltas = _settings(base, our_diff, their_diff, conflicts)
    for name, their_part in their_diff.tables.items():
        our_part = our_diff.tables.get(name)
        if our_part is None:
            only = Diff((), {name: their_part})
            deltas += only.deltas()
        else:
            deltas += _table(our_part, their_part, conflicts)
    return Merge(apply(ours, deltas), tuple(conflicts))


def _settings(
    base: Scenario, ours: Diff, theirs: Diff, conflicts: list[MergeConflict]
) -> list[Delta]:
    mine = {name: new for name, _, new in ours.settings}
    before = flat_settings(base.settings)
    deltas = []
    for name, _, new in theirs.settings:
        if name not in mine:
            deltas.append(Delta(table=SETTINGS, op="set", column=name, value=new))
        elif mine[name] != new:
            conflicts.append(MergeConflict(SETTINGS, (), name, before.get(name), mine[name], new))
    return deltas


def _by_key(part: TableDiff, rows: list[Row]) -> dict[Key, Row]:
    return {tuple(row.get(name) for name in part.key): row for row in rows}


def _cells(part: TableDiff) -> dict[Key, dict[str, tuple[Any, Any]]]:
    """Return old and new value of changed cells, by key and column."""
    cells: dict[Key, dict[str, tuple[Any, Any]]] = {}
    changed = part.changed
    keys = records(changed[part.key])
    values = (changed["_column"], changed["_old"], changed["_new"])
    for row, column, old, new in zip(keys, *values, strict=True):
        cells.setdefault(tuple(row.values()), {})[column] = (old, new)
    return cells


def _table(ours: TableDiff, theirs: TableDiff, conflicts: list[MergeConflict]) -> list[Delta]:
    """Return the deltas that bring their changes of a table into ours."""
    rows = _changed(ours, theirs, conflicts) + _added(ours, theirs, conflicts)
    gone = _removed(ours, theirs, conflicts)
    deltas = []
    if gone:
        deltas.append(Delta(table=ours.table, op="delete", value=tuple(gone)))
    if rows:
        deltas.append(Delta(table=ours.table, op="upsert", value=tuple(rows)))
    return deltas


def _changed(ours: TableDiff, theirs: TableDiff, conflicts: list[MergeConflict]) -> list[Row]:
    """Return the rows they changed, with the cells that we left alone."""
    our_cells = _cells(ours)
    our_gone = _by_key(ours, records(ours.removed))
    rows = []
    for key, cells in _cells(theirs).items():
        mine = our_cells.get(key, {})
        row: Row = {}
        for column, (old, new) in cells.items():
            if key in our_gone:
                conflicts.append(MergeConflict(ours.table, key, column, old, REMOVED, new))
            elif column not in mine:
                row[column] = new
            elif mine[column][1] != new:
                conflicts.append(MergeConflict(ours.table, key, column, old, mine[column][1], new))
        if row:
            rows.append(_keyed(ours.table, key) | row)
    return rows


def _added(ours: TableDiff, theirs: TableDiff, conflicts: list[MergeConflict]) -> list[Row]:
    """Return the rows they added and we did not."""
    our_new = _by_key(ours, records(ours.added))
    rows: list[Row] = []
    for key, row in _by_key(theirs, records(theirs.added)).items():
        if key not in our_new:
            rows.append({column: cell for column, cell in row.items() if cell is not None})
            continue
        for column, cell in row.items():
            mine = our_new[key][column]
            if mine != cell:
                conflicts.append(MergeConflict(ours.table, key, column, None, mine, cell))
    return rows


def _removed(ours: TableDiff, theirs: TableDiff, conflicts: list[MergeConflict]) -> list[Row]:
    """Return the keys they removed and we neither removed nor changed."""
    our_cells = _cells(ours)
    our_gone = _by_key(ours, records(ours.removed))
    gone: list[Row] = []
    for key in _by_key(theirs, records(theirs.removed)):
        for column, (old, new) in our_cells.get(key, {}).items():
            conflicts.append(MergeConflict(ours.table, key, column, old, new, REMOVED))
        if key not in our_cells and key not in our_gone:
            gone.append(_keyed(ours.table, key))
    return gone


def _keyed(name: str, key: Key) -> Row:
    named: Mapping[str, Scalar] = dict(zip(TABLES[name].key, key, strict=True))
    return {column: cell for column, cell in named.items() if cell is not None}
