"""Where things of a scenario are, for maps."""

from __future__ import annotations

import math
from typing import Any, Final

from scenarios import Scenario

KINDS: Final = (
    ("sites", "site_id", "site"),
    ("zones", "zone_id", "zone"),
    ("suppliers", "supplier_id", "supplier"),
)


def places(scenario: Scenario) -> dict[str, dict[str, Any]]:
    """Return id -> {kind, name, lat, lon} of every site, zone and supplier with coordinates."""
    found: dict[str, dict[str, Any]] = {}
    for table, key, kind in KINDS:
        rows = scenario.table(table)
        if "lat" not in rows.columns:
            continue
        for row in rows[rows["lat"].notna() & rows["lon"].notna()].to_dict("records"):
            name = row.get("name")
            found.setdefault(
                str(row[key]),
                {
                    "kind": kind,
                    "name": name if isinstance(name, str) else str(row[key]),
                    "lat": float(row["lat"]),
                    "lon": float(row["lon"]),
                    "status": row.get("status") if isinstance(row.get("status"), str) else "",
                },
            )
    return found


def number(value: Any) -> float | None:
    """Return a number that JSON can hold; None for a blank."""
    return None if value is None or math.isnan(float(value)) else float(value)
