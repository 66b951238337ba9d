"""`holdfast import ...`: other people's data made into a scenario."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.console import print_json, print_line, print_table
from api.cli.import_mapping import mapping

if TYPE_CHECKING:
    from scenarios.importers.lade import Imported as Pickups
    from scenarios.importers.online_retail import Imported

group = typer.Typer(no_args_is_help=True, help="Make a scenario from other people's data.")


class Form(StrEnum):
    """Forms in which the scenario is written."""

    PARQUET = "parquet"
    CSV = "csv"
    XLSX = "xlsx"


class History(StrEnum):
    """Lengths of time by which sales are added up."""

    WEEK = "week"
    DAY = "day"


@group.callback()
def _sources() -> None:
    """Make a scenario from other people's data."""


@group.command("online-retail")
def online_retail(
    file: Annotated[Path, typer.Argument(help="Online Retail.xlsx of UCI, or a CSV or Parquet.")],
    to: Annotated[Path, typer.Option("--out", help="Folder to write, or a workbook (.xlsx).")],
    form: Annotated[Form, typer.Option("--format", help="How tables are written.")] = Form.PARQUET,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that the file lacks.")] = 0,
    history: Annotated[History, typer.Option(help="Demand by week or by day.")] = History.WEEK,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Import the UCI Online Retail file (data set 352, CC BY 4.0): a year of a British gift shop.

    Sales, products, countries and orders are real. Suppliers, stock, warehouses, carriers and
    vans are not in the file: they follow from --seed by documented rules.
    """
    from scenarios.importers.online_retail import import_file

    imported = import_file(file, seed=seed, history=history.value)
    written = imported.scenario.save(_target(to, form), form.value)
    if as_json:
        print_json(_document(imported, written))
    else:
        _print(imported, written)


@group.command("lade")
def lade(
    file: Annotated[Path, typer.Argument(help="CSV of LaDe's pickups.")],
    to: Annotated[Path, typer.Option("--out", help="Folder to write, or a workbook (.xlsx).")],
    form: Annotated[Form, typer.Option("--format", help="How tables are written.")] = Form.PARQUET,
    seed: Annotated[int, typer.Option(min=0, help="Of the sizes of the parcels.")] = 0,
    year: Annotated[int, typer.Option(help="Of all dates; the file has none.")] = 2022,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Import pickups of LaDe, Cainiao's last-mile data: stops of five Chinese cities.

    Places, windows, regions and couriers are real. Vehicles, depots and sizes of parcels are not
    in the file: they follow from documented rules, the sizes from --seed.
    """
    from scenarios.importers.lade import import_file

    imported = import_file(file, seed=seed, year=year)
    written = imported.scenario.save(_target(to, form), form.value)
    if as_json:
        print_json(_document(imported, written))
    else:
        _print_pickups(imported, written)


def _target(to: Path, form: Form) -> Path:
    """Return where to write: a workbook goes into the folder, unless it is named itself."""
    if form is not Form.XLSX or to.suffix.lower() == ".xlsx":
        return to
    to.mkdir(parents=True, exist_ok=True)
    return to / "scenario.xlsx"


def _document(imported: Imported | Pickups, written: Path) -> dict[str, object]:
    scenario = imported.scenario
    return {
        "path": str(written),
        "scenario_hash": scenario.content_hash,
        "name": scenario.settings.name,
        "start_date": scenario.settings.start_date.isoformat(),
        "seed": scenario.settings.seed,
        "tables": {name: len(frame) for name, frame in scenario.tables.items()},
        "report": imported.report.document(),
    }


def _print(imported: Imported, written: Path) -> None:
    report, scenario = imported.report, imported.scenario
    print_table(
        "What was wrong with the file, and what was done about it",
        ["defect", "lines", "removed", "what was done"],
        [[d.code, d.seen, d.removed, d.handling] for d in report.defects],
    )
    sizes = {
        "in the file": report.read,
        "after the usual cleaning": report.plain,
        "kept": report.kept,
        f"  history, before {report.start_date}": report.history,
        f"  orders to ship, to {report.last_day}": report.to_source,
    }
    print_table(
        "How much is left",
        ["lines", "count", "orders", "products", "units", "pounds"],
        [[name, s.lines, s.orders, s.products, s.units, s.value] for name, s in sizes.items()],
    )
    print_table(
        "Tables of the scenario",
        ["table", "rows"],
        [[name, len(frame)] for name, frame in scenario.tables.items()],
    )
    print_line(
        f"{scenario.settings.name}: {len(scenario.tables)} tables written to {written}\n"
        f"scenario {scenario.content_hash[:12]}, seed {scenario.settings.seed},"
        f" plan starts {report.start_date}\n"
        "Which columns are real and which assumed: docs/data/online-retail.md\n"
        f"Next: holdfast plan {written} --out PLAN"
    )


def _print_pickups(imported: Pickups, written: Path) -> None:
    report, scenario = imported.report, imported.scenario
    print_table(
        f"{report.read:,} rows: {report.repeated:,} repeated, {report.unplaced:,} without a place",
        ["city", "day", "stops", "regions", "couriers", "on other days", "early", "late"],
        [
            [c.city, c.day, c.stops, c.regions, c.couriers, c.other_days, c.early, c.late]
            for c in report.cities
        ],
    )
    print_line(
        f"{scenario.settings.name}: {len(scenario.tables)} tables written to {written}\n"
        f"scenario {scenario.content_hash[:12]}, seed {scenario.settings.seed}\n"
        "Which columns are real and which assumed: docs/data/lade.md\n"
        f"Next: holdfast plan {written} --stages routing --out PLAN"
    )


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    group.command("mapping")(mapping)
    app.add_typer(group, name="import")
