"""Which rows a delta is about: typed comparisons joined by and, or, not; never code."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from scenarios.deltas.cell import Scalar, from_json
from scenarios.tables import NUMERIC, TEMPORAL, Kind, Table

MOST_DEEP = 16
MOST_VALUES = 100_000
ORDERED = NUMERIC | TEMPORAL | {Kind.CLOCK}

Comparison = Literal["eq", "ne", "lt", "le", "gt", "ge", "in", "is_blank"]
Mask = NDArray[np.bool_]


class Where(BaseModel):
    """Rows for which something holds.

    Either one comparison - `{"column": "category", "comparison": "eq", "value": "Tea"}` - or
    `{"and": [...]}`, `{"or": [...]}`, `{"not": {...}}` of further ones. No comparison holds on a
    blank cell, `ne` included; ask for blanks with `is_blank`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    column: str | None = None
    comparison: Comparison | None = None
    value: Scalar | Annotated[tuple[Scalar, ...], Field(max_length=MOST_VALUES)] = None
    and_: Annotated[tuple[Where, ...] | None, Field(alias="and", min_length=1)] = None
    or_: Annotated[tuple[Where, ...] | None, Field(alias="or", min_length=1)] = None
    not_: Annotated[Where | None, Field(alias="not")] = None

    @model_validator(mode="after")
    def _one_form(self) -> Where:
        forms = [self.column is not None, bool(self.and_), bool(self.or_), self.not_ is not None]
        if sum(forms) != 1:
            raise ValueError("write one of: column with comparison, and, or, not")
        if (self.column is None) != (self.comparison is None):
            raise ValueError("column and comparison belong together")
        if self.column is None and self.value is not None:
            raise ValueError("value belongs to a comparison")
        if self.comparison == "in" and not isinstance(self.value, tuple):
            raise ValueError("`in` takes a list of values")
        if self.comparison == "is_blank" and not isinstance(self.value, bool | None):
            raise ValueError("`is_blank` takes true or false")
        if self.comparison not in ("in", "is_blank", None) and (
            self.value is None or isinstance(self.value, tuple)
        ):
            raise ValueError(f"`{self.comparison}` takes one value; blanks are `is_blank`")
        if self.depth > MOST_DEEP:
            raise ValueError(f"and, or, not may be nested {MOST_DEEP} deep")
        return self

    @property
    def depth(self) -> int:
        """How deep it is nested; 1: a comparison."""
        inner = (*(self.and_ or ()), *(self.or_ or ()), *((self.not_,) if self.not_ else ()))
        return 1 + max((part.depth for part in inner), default=0)

    def mask(self, frame: pd.DataFrame, table: Table) -> Mask:
        """Return (n_rows,) bool: the rows of a table for which it holds.

        Raises
        ------
        ValueError
            A column is not in the table, or a value not of the column's kind.
        """
        if self.and_:
            return _all(np.array([part.mask(frame, table) for part in self.and_], bool))
        if self.or_:
            return ~_all(~np.array([part.mask(frame, table) for part in self.or_], bool))
        if self.not_ is not None:
            return ~self.not_.mask(frame, table)
        return self._compared(frame, table)

    def _compared(self, frame: pd.DataFrame, table: Table) -> Mask:
        if self.column not in table.by_name:
            names = ", ".join(table.names)
            raise ValueError(f"{table.name} has no column {self.column!r}; it has {names}")
        column = table.by_name[self.column]
        cells = frame[column.name]
        if self.comparison == "is_blank":
            wanted = self.value is not False
            return _bools(cells.isna() if wanted else cells.notna())
        if self.comparison == "in":
            values = [from_json(column, value) for value in self.value or ()]  # type: ignore[union-attr]
            return _bools(cells.isin([value for value in values if value is not None]))
        value: Any = from_json(column, self.value)  # type: ignore[arg-type]
        if value is None:
            raise ValueError(f"{column.name}: compare with a value; blanks are `is_blank`")
        if self.comparison == "eq":
            return _bools(cells == value)
        if self.comparison == "ne":
            return _bools((cells != value) & cells.notna())
        if column.kind not in ORDERED:
            raise ValueError(f"{column.name} has no order; compare it with eq, ne, in or is_blank")
        if self.comparison == "lt":
            return _bools(cells < value)
        if self.comparison == "le":
            return _bools(cells <= value)
        return _bools(cells > value if self.comparison == "gt" else cells >= value)


def _all(masks: Mask) -> Mask:
    """Return (n_rows,) bool: the rows for which all of (n_parts, n_rows) hold."""
    mask: Mask = np.asarray(masks.all(axis=0))
    return mask


def _bools(cells: pd.Series) -> Mask:
    mask: Mask = cells.fillna(False).to_numpy(dtype=bool)
    return mask
