"""Coordinates for sites and zones that state a city and no place."""

from __future__ import annotations

import numpy as np
import pandas as pd

from scenarios.findings import Findings, Severity
from scenarios.gazetteer.places import Place, candidates
from scenarios.scenario import Scenario

TABLES_WITH_CITY = ("sites", "zones")
HOME = {
    "CNY": "CN", "HKD": "HK", "TWD": "TW", "GBP": "GB", "USD": "US", "CAD": "CA", "AUD": "AU",
    "JPY": "JP", "KRW": "KR", "SGD": "SG", "INR": "IN", "BRL": "BR", "MXN": "MX", "NZD": "NZ",
}  # fmt: skip
HOME_SHARE = 0.1  # a city at home is preferred if it has this share of the largest one's people


def fill_coordinates(scenario: Scenario) -> tuple[Scenario, Findings]:
    """Return the scenario with lat and lon of sites and zones filled in where `city` is known.

    Cells that have both coordinates are never touched. The column `region` narrows the choice
    where it names a country or province; of several cities the one at home (by the currency) is
    taken unless it is far smaller than the largest, else the largest. Coordinates are WGS84: call
    it after another coordinate system has been converted.

    Parameters
    ----------
    scenario : the facts; returned as it is when there is nothing to fill

    Returns
    -------
    scenario : same content but for the filled cells
    findings : `city_resolved` (info) for each filled row, `ambiguous_city` (warning) where
        another city of that name has at least half as many people, `unknown_city` (warning)
    """
    findings = Findings()
    changed: dict[str, pd.DataFrame] = {}
    for table in TABLES_WITH_CITY:
        frame = scenario.table(table)
        blank = (frame["lat"].isna() | frame["lon"].isna()) & frame["city"].notna()
        if not blank.any():
            continue
        rows = scenario.row_numbers(table)
        asked = frame.loc[blank, ["city", "region"]]
        pairs = asked.fillna("").drop_duplicates()
        choice = {
            (city, region): _choose(scenario, city, region)
            for city, region in zip(pairs["city"], pairs["region"], strict=True)
        }
        lat, lon = frame["lat"].to_numpy(copy=True), frame["lon"].to_numpy(copy=True)
        for at in np.flatnonzero(blank.to_numpy()):
            city, region = frame["city"].iloc[at], frame["region"].fillna("").iloc[at]
            found = choice[(city, region)]
            _report(findings, table, int(rows[at]), city, found)
            if found:
                lat[at], lon[at] = found[0].lat, found[0].lon
        changed[table] = frame.assign(lat=lat, lon=lon)
    if not changed:
        return scenario, findings
    filled = Scenario(
        scenario.settings,
        {**scenario.tables, **changed},
        scenario.findings,
        rows=scenario.rows,
    )
    return filled, findings


def _choose(scenario: Scenario, city: str, region: str) -> list[Place]:
    """Return the cities of that name, the chosen one first."""
    found = candidates(city, region or None)
    if region and not found:
        found = candidates(city)
    home = HOME.get(scenario.settings.currency)
    enough = [p for p in found if p.population >= HOME_SHARE * found[0].population]
    chosen = next((place for place in enough if place.country == home), None)
    if chosen is None:
        return found
    return [chosen, *(place for place in found if place is not chosen)]


def _report(findings: Findings, table: str, row: int, city: str, found: list[Place]) -> None:
    if not found:
        findings.add(
            "unknown_city",
            Severity.WARNING,
            "No city of that name is in the gazetteer; give lat and lon.",
            table=table,
            column="city",
            row=row,
            value=city,
        )
        return
    best, others = found[0], found[1:]
    rivals = [place for place in others if place.population >= 0.5 * best.population]
    if rivals:
        findings.add(
            "ambiguous_city",
            Severity.WARNING,
            f"Taken for {_shown(best)}; it may also be {_shown(rivals[0])}."
            " Give lat and lon, or the country or province in the column region.",
            table=table,
            column="city",
            row=row,
            value=city,
        )
        return
    also = f", not {_shown(others[0])}" if others else ""
    findings.add(
        "city_resolved",
        Severity.INFO,
        f"Placed at {best.lat:.3f}, {best.lon:.3f}: {_shown(best)}{also}.",
        table=table,
        column="city",
        row=row,
        value=city,
    )


def _shown(place: Place) -> str:
    chinese = f" {place.name_zh}" if place.name_zh else ""
    return f"{place.name}{chinese} ({place.country}, {place.population:,} people)"
