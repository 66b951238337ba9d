"""One change to a scenario, as planners, programs and stored variants write it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from scenarios.deltas.cell import Scalar
from scenarios.deltas.where import Where
from scenarios.errors import InputError
from scenarios.findings import Finding, Severity

SETTINGS = "settings"
MOST_ROWS = 2_000_000

Op = Literal["set", "scale", "add", "upsert", "delete"]
Row = dict[str, Scalar]


class Delta(BaseModel):
    """One change.

    =======  ==========================================================================
    op       what it does
    =======  ==========================================================================
    set      `column` becomes `value` in the rows `where`; null makes it blank
    scale    numbers of `column` are multiplied by `value`
    add      `value` is added to the numbers of `column`; to dates, as days
    upsert   rows of `value` are found by their key and change the cells they name; new
             keys are new rows
    delete   the rows `where`, or those whose key stands in `value`, are taken out
    =======  ==========================================================================

    Table "settings" takes `set` alone; `column` is the setting, a service target is
    `service_targets.A`. Without `where`, set, scale and add are about all rows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: str
    op: Op
    where: Where | None = None
    column: str | None = None
    value: Scalar | Row | Annotated[tuple[Row, ...], Field(max_length=MOST_ROWS)] = None

    @model_validator(mode="after")
    def _complete(self) -> Delta:
        by_cell = self.op in ("set", "scale", "add")
        if by_cell != (self.column is not None):
            raise ValueError(f"`{self.op}` takes {'a' if by_cell else 'no'} column")
        if self.table == SETTINGS and (self.op != "set" or self.where is not None):
            raise ValueError("settings take `set`, without where")
        if self.op in ("scale", "add") and (
            isinstance(self.value, bool) or not isinstance(self.value, int | float)
        ):
            raise ValueError(f"`{self.op}` takes a number")
        if self.op == "set" and self.table != SETTINGS and isinstance(self.value, dict | tuple):
            raise ValueError("`set` takes one value")
        if self.op == "upsert" and (self.where is not None or not self.rows):
            raise ValueError("`upsert` takes a row or a list of rows as value, and no where")
        if self.op == "delete" and (self.where is None) == (not self.rows):
            raise ValueError("`delete` takes where, or a list of keys as value")
        return self

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows or keys in `value`."""
        if isinstance(self.value, dict):
            return (self.value,)
        return self.value if isinstance(self.value, tuple) else ()

    def document(self) -> dict[str, Any]:
        """Return it as JSON shows it, without what is not said."""
        told: dict[str, Any] = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return told


def read_deltas(documents: Sequence[Any]) -> tuple[Delta, ...]:
    """Read deltas from JSON documents.

    Raises
    ------
    InputError
        Some are not deltas; there is a finding for each, by number from 1.
    """
    deltas: list[Delta] = []
    findings: list[Finding] = []
    for number, document in enumerate(documents, start=1):
        try:
            deltas.append(
                document if isinstance(document, Delta) else Delta.model_validate(document)
            )
        except ValidationError as wrong:
            first = wrong.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            findings.append(bad_delta(number, "", "", str(first["msg"]), place))
    if findings:
        raise InputError(f"{len(findings)} deltas cannot be read", findings)
    return tuple(deltas)


def bad_delta(number: int, table: str, column: str, what: str, value: object = "") -> Finding:
    """Return the finding about a delta that cannot be applied; numbers count from 1."""
    hint = f"delta {number}: {what}"
    parameters = (("number", str(number)), ("what", what))
    shown = "" if value is None else str(value)[:200]
    return Finding(
        "bad_delta", Severity.ERROR, table, None, column, shown, hint, parameters=parameters
    )
