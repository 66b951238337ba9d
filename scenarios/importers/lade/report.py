"""What the import found in the file, city by city."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class City:
    """One city of the file.

    Attributes
    ----------
    day : ISO date on which its couriers worked
    stops, regions, couriers : counts
    other_days : stops whose window opens on another date; they are planned on that date
    early, late : stops that were fetched before their window opened, after it had closed
    """

    city: str
    day: str
    stops: int
    regions: int
    couriers: int
    other_days: int
    early: int
    late: int


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What was read and what was kept.

    Attributes
    ----------
    read : rows of the file
    repeated : rows whose order_id stood before; left out
    unplaced : stops without usable coordinates; kept, and no van can come for them
    cities : in the order of their names
    """

    read: int
    repeated: int
    unplaced: int
    cities: tuple[City, ...]

    def document(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return asdict(self)
