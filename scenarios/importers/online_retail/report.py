"""What the import did to the file: every defect with its count, and what is left."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Defect:
    """One kind of defect.

    Attributes
    ----------
    code : name of the rule
    seen : lines of the file that show it, whatever other defects they show
    removed : lines that this rule took out, after the rules before it
    handling : what is done about it
    """

    code: str
    seen: int
    removed: int
    handling: str


@dataclass(frozen=True, slots=True)
class Size:
    """How much a set of lines holds.

    Attributes
    ----------
    lines, orders, products : counts of rows, invoices and stock codes
    units : sum of quantities
    value : sum of quantity x price, pounds
    """

    lines: int
    orders: int
    products: int
    units: int
    value: float


@dataclass(frozen=True, slots=True)
class Difference:
    """One reason why what is kept is not what the usual cleaning leaves; signed amounts."""

    reason: str
    lines: int
    units: int
    value: float


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What was read, what was wrong with it, and what is left.

    Attributes
    ----------
    read : the file as it is
    plain : after the usual cleaning of this file alone (exact duplicates, cancellations, bad
        debt, codes that do not start with five digits, quantities and prices of 0 or less go),
        for comparison with others' work on it
    kept : what the scenario is built from
    differences : what lies between `plain` and `kept`; adds up
    history, to_source : of `kept`, the lines in the demand history and in the orders to ship
    defects : in the order in which the rules work; `removed` adds up to read.lines - kept.lines
    first_day, last_day, start_date : ISO dates; the plan starts on the Monday of the last week
    """

    read: Size
    plain: Size
    kept: Size
    differences: tuple[Difference, ...]
    history: Size
    to_source: Size
    defects: tuple[Defect, ...]
    first_day: str
    last_day: str
    start_date: str

    def document(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return asdict(self)
