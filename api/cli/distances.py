"""`holdfast distances`: a scenario with measured distances, from a service or a file."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from api.cli.console import Exit, print_json, print_line
from api.cli.words import as_is


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("distances")(distances)


def distances(
    scenario: Annotated[Path, typer.Argument(help="Folder, zip, workbook or JSON document.")],
    to: Annotated[Path, typer.Option("--out", help="Where the scenario with distances goes.")],
    osrm: Annotated[
        str, typer.Option(help="Address of an OSRM-compatible table service, http(s)://...")
    ] = "",
    matrix: Annotated[
        Path | None, typer.Option(help="CSV or Parquet of pairs, or npz of square matrices.")
    ] = None,
    profile: Annotated[str, typer.Option(help="Profile of the service.")] = "driving",
    block: Annotated[int, typer.Option(min=1, help="Places a side of one request.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Measure between all depots and orders, and write the scenario with the table `distances`.

    Plans never call a service: what is measured once stands in the scenario.
    """
    from scenarios import Conflict, InputError, Scenario
    from scenarios.roads import OsrmTable, places_of, read_matrix_file, with_distances
    from scenarios.roads.filling import pairs_of

    if bool(osrm) == (matrix is not None):
        raise InputError("name a service with --osrm or a file with --matrix, one of them")
    if to.exists():
        raise Conflict(f"{to} exists; name another place for the scenario with distances")
    before = Scenario.load(scenario)
    source: dict[str, object]
    if matrix is not None:
        rows = read_matrix_file(matrix)
        source = {"file": str(matrix)}
    else:
        service = OsrmTable(osrm, profile=profile, block=block)
        places = places_of(before)
        rows = pairs_of(places, *service.measure(places[["lon", "lat"]].to_numpy("float64")))
        source = {"service": service.url, "profile": profile, "requests": service.requests}
    after = with_distances(before, rows)
    written = after.save(to)
    lost = int(rows["distance_m"].isna().sum())
    if as_json:
        print_json(
            {
                "path": str(written),
                "parent": before.content_hash,
                "hash": after.content_hash,
                "source": source,
                "measured_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
                "pairs": len(rows),
                "unreachable": lost,
            }
        )
        return Exit.FINE
    print_line(
        f"{len(rows):,} pairs measured, {lost:,} of them without a road."
        f" Written to {as_is(written)}, hash {after.content_hash[:12]}.\n"
        f"Next: holdfast plan {as_is(written)} --stages routing --out plan"
    )
    return Exit.FINE
