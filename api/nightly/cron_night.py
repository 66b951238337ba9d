"""One night in a folder, from a file of facts to a published or held plan."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from api.nightly.calendar import last_time
from api.nightly.home import NightHome
from api.nightly.night import Night, NightTask, run_night
from api.nightly.on_order import USUAL_DAYS, with_orders
from api.nightly.report import Outcome, Told, report_document
from optimizer.gates import GateSet, Judgement, Override, overridden
from scenarios import Conflict, Findings, InputError, NotFound, Scenario
from scenarios.findings import Finding

if TYPE_CHECKING:
    from optimizer.outcome import Progress

EXPORTS: Final = (".csv", ".xlsx", ".xls")
TODAY: Final = "today"
NAME_FORM: Final = "%Y-%m-%d"
NAME_FORM_TIMED: Final = "%Y-%m-%dT%H%M"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a night in a folder is asked for.

    Attributes
    ----------
    source : folder, zip, workbook or JSON document of the scenario
    night : name of the night; blank: the due day, or today
    cron, timezone : when nights are due; blank: whenever it is called
    again : run a night that has ended, too
    form : of the plan's tables, parquet or csv
    mapping : name or file of an import mapping: `source` holds exports of other systems
    base : scenario that has what the exports lack
    ordered_days : that orders of published plans count as on order while the import lacks them; 0:
        not at all
    settings, columns : values that the mapping sets; the start date `today` is the night's day
    """

    source: Path
    gates: GateSet
    night: str = ""
    cron: str = ""
    timezone: str = "UTC"
    again: bool = False
    stages: Sequence[str] | None = None
    seconds: float | None = None
    work: float | None = None
    seed: int | None = None
    replications: int | None = None
    stresses: bool = True
    form: str = "parquet"
    mapping: str = ""
    base: Path | None = None
    ordered_days: int = USUAL_DAYS
    settings: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)


def name_of(wishes: Wishes, now: dt.datetime) -> str:
    """Return the name of the night that is due: the day of its time, by the clock of its place.

    With several times a day the hour is part of the name.
    """
    if wishes.night:
        if not all(letter.isalnum() or letter in "-_" for letter in wishes.night):
            raise InputError(f"a night is named by letters, digits, - and _, not {wishes.night!r}")
        return wishes.night
    once_a_day = not wishes.cron or all(part.isdigit() for part in wishes.cron.split()[:2])
    return _due_here(wishes, now).strftime(NAME_FORM if once_a_day else NAME_FORM_TIMED)


def _due_here(wishes: Wishes, now: dt.datetime) -> dt.datetime:
    """Return the time that is due, by the clock of its place."""
    due = last_time(wishes.cron or "0 0 * * *", wishes.timezone, now)
    return due.astimezone(ZoneInfo(wishes.timezone))


def run_due(
    home: NightHome,
    wishes: Wishes,
    now: Callable[[], dt.datetime],
    *,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> dict[str, Any] | None:
    """Run the night that is due, once; return its report, or None where it has been done.

    Of several nights that were missed the last one is run. What fails is written down before the
    error goes on, and tried again by the next call.

    Raises
    ------
    Busy
        Another night is running.
    InputError
        The facts cannot be read, or have errors.
    EngineError
        The referee rejects the plan.
    """
    name = name_of(wishes, now())
    with home.locked():
        if home.is_done(name) and not wishes.again:
            return None
        began = now()
        before = home.published()
        previous = "" if before is None else str(before["night"])
        task: NightTask | None = None
        try:
            task = _task(home, wishes, name, began)
            night = run_night(task, home.shelf(name), progress=progress, cancelled=cancelled)
        except Exception as error:
            told = Told(name, "failed", began, now(), previous, str(error), _findings_of(error))
            home.end(name, report_document(told, task, None), None, wishes.form)
            raise
        return _end(home, wishes, name, began, now(), previous, task, night)


def _end(
    home: NightHome,
    wishes: Wishes,
    name: str,
    began: dt.datetime,
    ended: dt.datetime,
    previous: str,
    task: NightTask,
    night: Night,
) -> dict[str, Any]:
    outcome, reason = _outcome(night, name, previous)
    told = Told(name, outcome, began, ended, previous, reason)
    document = report_document(told, task, night)
    published_at = ended if outcome == "published" else None
    home.end(name, document, night.plan, wishes.form, published_at)
    return document


def _outcome(night: Night, name: str, previous: str) -> tuple[Outcome, str]:
    if night.is_cut_short:
        return "cancelled", "somebody ended the night early"
    if previous > name:
        return "held", f"night {previous} was published already, which is after {name}"
    if night.judgement.decision == "publish":
        return "published", ""
    return "held", f"gates: {', '.join(night.judgement.holding)}"


def _task(home: NightHome, wishes: Wishes, name: str, now: dt.datetime) -> NightTask:
    scenario, findings = _mapped(wishes, now) if wishes.mapping else _read(wishes.source)
    days = wishes.ordered_days
    earlier = home.published_before(name, scenario.settings.start_date, days) if days else []
    coming = with_orders(scenario, earlier, days=days, known=home.shown_before(name))
    home.keep_facts(name, coming.scenario, coming.known)
    findings.extend(coming.findings)
    return NightTask(
        scenario=coming.scenario,
        on_order=coming.document,
        gates=wishes.gates,
        findings=findings,
        previous=home.published_plan(),
        stages=wishes.stages,
        seconds=wishes.seconds,
        work=wishes.work,
        seed=wishes.seed,
        replications=wishes.replications,
        stresses=wishes.stresses,
    )


def _read(source: Path) -> tuple[Scenario, Findings]:
    from scenarios.files import examine_path

    reading = examine_path(source)
    if reading.scenario is None:
        raise InputError(f"{source} cannot be read as a scenario", [*reading.findings])
    return reading.scenario, reading.findings


def _mapped(wishes: Wishes, now: dt.datetime) -> tuple[Scenario, Findings]:
    """Make a scenario of exports: of one file, or of all CSV files and workbooks of a folder."""
    from scenarios.importers.mapping import import_files, load_mapping

    source = wishes.source
    files = [source]
    if source.is_dir():
        files = sorted(each for each in source.iterdir() if each.suffix.lower() in EXPORTS)
    if not files:
        raise InputError(f"{source} holds no {', '.join(EXPORTS)}")
    settings: dict[str, Any] = dict(wishes.settings)
    if settings.get("start_date") == TODAY:
        settings["start_date"] = _due_here(wishes, now).date().isoformat()
    rule = load_mapping(wishes.mapping).with_values(dict(wishes.columns))
    base = None if wishes.base is None else Scenario.load(wishes.base)
    made = import_files(rule, files, base, settings)
    return made.scenario, made.findings


def _findings_of(error: Exception) -> tuple[dict[str, Any], ...]:

    listed = error.findings if isinstance(error, InputError) else ()
    return tuple(each.document() for each in listed if isinstance(each, Finding))


def publish_held(
    home: NightHome, night: str, overrides: Sequence[Override], now: dt.datetime
) -> dict[str, Any]:
    """Publish a night that its gates held, on somebody's word; return the new report.

    Raises
    ------
    NotFound
        No such night, or it has no plan.
    InputError
        An override gives no reason, or names a gate that does not hold the plan.
    Conflict
        Gates are left that hold the plan, or a later night was published.
    """
    with home.locked():
        document = home.report(night)
        if document is None or document["gates"] is None:
            raise NotFound(f"no night {night!r} with a plan in {home.folder}")
        if document["outcome"] == "published":
            return document
        if document["outcome"] != "held":
            raise Conflict(f"night {night} was {document['outcome']}: run it again")
        at = now.isoformat(timespec="seconds")
        signed = [replace(override, at=at) for override in overrides]
        judgement = overridden(Judgement.read(document["gates"]), signed)
        if judgement.decision == "hold":
            raise Conflict(f"gates hold night {night}: {', '.join(judgement.holding)}")
        changed = {**document, "gates": judgement.document(), "outcome": "published"}
        home.end(night, changed, None, "parquet", published_at=now)
        return changed
