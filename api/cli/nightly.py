"""`holdfast nightly` and `holdfast publish`: a night for plain cron, and the word of a person."""

from __future__ import annotations

import datetime as dt
import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.console import Exit, err, out, print_json, print_line, print_table
from api.cli.progress import StageBars
from api.cli.words import as_is, language, named, told

if TYPE_CHECKING:
    from optimizer.gates import GateSet

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Home = Annotated[Path, typer.Option("--home", help="Folder of all nights; made when missing.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("nightly")(nightly)
    app.command("publish")(publish)


def nightly(
    source: Annotated[Path, typer.Argument(help="Tonight's facts: folder, zip, workbook, JSON.")],
    home: Home,
    gates: Annotated[
        Path | None, typer.Option(help="gates.toml; default: audited, and no error in the data.")
    ] = None,
    cron: Annotated[
        str, typer.Option(help="When nights are due, as '30 2 * * *'; a done one is not run again.")
    ] = "",
    timezone: Annotated[str, typer.Option(help="Whose clock it is, as Asia/Shanghai.")] = "UTC",
    night: Annotated[str, typer.Option(help="Name of the night; default: the due day.")] = "",
    again: Annotated[bool, typer.Option("--again", help="Run a night that has ended.")] = False,
    stages: Annotated[str, typer.Option(help="As of `holdfast plan`.")] = "",
    seconds: Annotated[float | None, typer.Option(help="As of `holdfast plan`.")] = None,
    work: Annotated[float | None, typer.Option(help="As of `holdfast plan`.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed; default: the scenario's.")] = None,
    replications: Annotated[
        int | None, typer.Option(min=1, help="Of each stress suite; default: as usual.")
    ] = None,
    no_stress: Annotated[bool, typer.Option("--no-stress", help="Simulate nothing.")] = False,
    form: Annotated[str, typer.Option("--format", help="Of the plan: parquet or csv.")] = "parquet",
    mapping: Annotated[
        str, typer.Option(help="As of `holdfast import mapping`: SOURCE is a file or folder of it.")
    ] = "",
    base: Annotated[Path | None, typer.Option(help="As of `holdfast import mapping`.")] = None,
    ordered_days: Annotated[
        int,
        typer.Option(
            min=0,
            max=90,
            help="Days that published orders count as on order while the"
            " import lacks them; 0: not at all.",
        ),
    ] = 14,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", help="As there; settings.start_date=today is the night's day."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Validate, plan, stress, judge; publish the plan or hold it.

    Exit codes: 0 published, or this night is done already; 1 held by a gate; 2 the data or the
    gates are wrong; 3 interrupted; 4 internal, or the referee rejects the plan; 5 another night is
    running.
    """
    from api.cli.import_mapping import given_values
    from api.cli.plan import stop_on_interrupt
    from api.nightly.cron_night import Wishes, name_of, run_due
    from api.nightly.home import Busy, NightHome
    from scenarios import InputError

    if form not in ("parquet", "csv"):
        raise InputError(f"--format is parquet or csv, not {form!r}")
    if not mapping and (base is not None or values):
        raise InputError("--base and --set go with --mapping")
    settings, columns = given_values(values or [])
    wishes = Wishes(
        source=source,
        gates=_gates(gates),
        night=night,
        cron=cron,
        timezone=timezone,
        again=again,
        stages=[part.strip() for part in stages.split(",") if part.strip()] or None,
        seconds=seconds,
        work=work,
        seed=seed,
        replications=replications,
        stresses=not no_stress,
        form=form,
        mapping=mapping,
        base=base,
        ordered_days=ordered_days,
        settings=settings,
        columns=columns,
    )
    stop = stop_on_interrupt()
    place = NightHome(home)
    try:
        with StageBars(quiet=as_json) as bars:
            document = run_due(place, wishes, _now, progress=bars.show, cancelled=stop.is_set)
    except Busy as busy:
        _tell({"outcome": "busy", "reason": str(busy)}, place, as_json=as_json)
        return Exit.BUSY
    if document is None:
        name = name_of(wishes, _now())
        _tell({"outcome": "done already", "night": name, "reason": ""}, place, as_json=as_json)
        return Exit.FINE
    _tell(document, place, as_json=as_json)
    codes = {"published": Exit.FINE, "held": Exit.GATE_FAILED, "cancelled": Exit.INTERRUPTED}
    return codes[document["outcome"]]


def publish(
    home: Home,
    night: Annotated[str, typer.Option(help="Name of the night that was held.")],
    override: Annotated[
        list[str],
        typer.Option(help="GATE=REASON; * for every gate that holds it; may be repeated."),
    ],
    by: Annotated[str, typer.Option(help="Who says so; default: the user of this machine.")] = "",
    as_json: AsJson = False,
) -> int:
    """Publish a night that its gates held, on your word; it stands in the report."""
    from api.nightly.cron_night import publish_held
    from api.nightly.home import Busy, NightHome
    from optimizer.gates import Override

    name = by or getpass.getuser()
    told = [Override(gate.strip(), name, reason.strip())
            for gate, _, reason in (each.partition("=") for each in override)]  # fmt: skip
    place = NightHome(home)
    try:
        document = publish_held(place, night, told, _now())
    except Busy as busy:
        _tell({"outcome": "busy", "reason": str(busy)}, place, as_json=as_json)
        return Exit.BUSY
    _tell(document, place, as_json=as_json)
    return Exit.FINE


def _gates(path: Path | None) -> GateSet:
    from optimizer.gates import load_gates, usual_gates

    return usual_gates() if path is None else load_gates(path)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _tell(document: dict[str, Any], home: Any, *, as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    gates = document.get("gates")
    if gates:
        print_table(
            f"Gates of {gates['gates']}",
            ["gate", "result", "in words"],
            [[row["gate"], named(row["outcome"]), row[language()]] for row in gates["results"]],
        )
    night = document.get("night", "")
    console = err() if document["outcome"] == "busy" else out()
    reason = f" ({told(document['reason'])})" if document["reason"] else ""
    outcome = f"{named(document['outcome'])}{reason}"
    console.print(f"{told('Night')}{f' {night}' if night else ''}: {outcome}", markup=False)
    if gates:
        report = home.place(night) / f"report.{language()}.html"
        print_line(f"{told('Report')}: {as_is(report)}")
