"""The folder of a night that cron starts: one night at a time, each once, and what is published.

HOME/lock                   held while a night runs; the kernel lets go of it
HOME/published.json         the plan that holds: its night, its days, who overrode what
HOME/publications.jsonl     every plan that came to hold, each entry hashed over the one before
HOME/nights/NIGHT/scenario/ what was planned: the import with what is on order
HOME/nights/NIGHT/on_order.json   lines of published plans that imports have shown
HOME/nights/NIGHT/steps/    what steps have made, until the night has ended
HOME/nights/NIGHT/plan/     the plan, as `holdfast plan` writes it
HOME/nights/NIGHT/published/      the one it published, where it was run again and not published
HOME/nights/NIGHT/report.json, report.en.html, report.zh.html
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from api.nightly.html import report_page
from api.nightly.on_order import TOLD_DAYS, Published
from api.nightly.publications import append, place_of, plan_hash, publications
from api.nightly.shelf import FolderShelf, write_whole
from optimizer.gates import Dated
from optimizer.plan import Plan, read_table
from scenarios import Conflict, HoldfastError, NotFound, Scenario

SCENARIO: Final = "scenario"
KNOWN: Final = "on_order.json"
FINAL: Final = ("published", "held")  # outcomes after which a night is not run again


class Busy(HoldfastError):  # noqa: N818 - the name says what it is
    """Another night is running."""


class NightHome:
    """Nights in a folder.

    Parameters
    ----------
    folder : made when missing
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "nights").mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock, which the kernel lets go of however the process ends.

        Raises
        ------
        Busy
            Another process holds it.
        """
        with (self.folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise Busy(f"another night is running in {self.folder}") from error
            yield

    def place(self, night: str) -> Path:
        """Return the folder of a night."""
        return self.folder / "nights" / night

    def shelf(self, night: str) -> FolderShelf:
        """Return where a night keeps what its steps have made."""
        (self.place(night)).mkdir(exist_ok=True)
        return FolderShelf(self.place(night) / "steps")

    def report(self, night: str) -> dict[str, Any] | None:
        """Return a night's report; None: the night has not ended."""
        path = self.place(night) / "report.json"
        if not path.exists():
            return None
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return document

    def is_done(self, night: str) -> bool:
        """Say whether a night has ended with a plan; one that failed is tried again."""
        report = self.report(night)
        return report is not None and report["outcome"] in FINAL

    def end(
        self,
        night: str,
        document: Mapping[str, Any],
        plan: Plan | None,
        form: str,
        published_at: dt.datetime | None = None,
    ) -> None:
        """Write the plan and the report, and forget the steps of a night that has a plan.

        The report comes last: a night that was ended before it is run again, from its steps.

        Parameters
        ----------
        published_at : when the plan becomes the one that holds; None: it does not
        """
        place = self.place(night)
        place.mkdir(exist_ok=True)
        if plan is not None:
            if published_at is None:
                self._keep_published(night)
            kept = (place / SCENARIO).exists()
            made = plan.from_place(f"../{SCENARIO}") if kept else plan
            made.save(place / "plan", form)
            document = {**document, "plan_hash": plan_hash(place / "plan")}
        if published_at is not None:
            self.publish(night, document, published_at)
        for language in ("en", "zh"):
            write_whole(place / f"report.{language}.html", report_page(document, language))
        text = json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False, default=str)
        write_whole(place / "report.json", text + "\n")
        if document["outcome"] in FINAL:
            shutil.rmtree(place / "steps", ignore_errors=True)

    def _keep_published(self, night: str) -> None:
        """Put the plan that a night published aside where the night, run again, was not published.

        It may hold, or have held until a later night: what it has ordered still counts.
        """
        place = self.place(night)
        aside, part = place / "published", place / "published.part"
        now = self.published()
        holds = now is not None and now["plan"] == f"nights/{night}/plan"
        if not (holds or (self._was_published(night) and not aside.exists())):
            return
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(place / "plan", part)
        shutil.rmtree(aside, ignore_errors=True)
        part.rename(aside)
        if now is not None and holds:
            text = json.dumps(
                {**now, "plan": f"nights/{night}/published"}, ensure_ascii=False, indent=2
            )
            write_whole(self.folder / "published.json", text + "\n")

    def _was_published(self, night: str) -> bool:
        """Say whether a night was published, whatever came of it when it was run again."""
        report = self.report(night)
        return (report is not None and report["outcome"] == "published") or any(
            entry["night"] == night for entry in publications(self.folder)
        )

    def keep_facts(self, night: str, scenario: Scenario, known: Iterable[str]) -> None:
        """Keep what a night plans, so that it can be planned again, and what imports have shown."""
        place = self.place(night)
        place.mkdir(exist_ok=True)
        scenario.save(place / SCENARIO, "parquet")
        write_whole(place / KNOWN, json.dumps({"known": sorted(known)}, ensure_ascii=False))

    def shown_before(self, night: str) -> frozenset[str]:
        """Return the lines of published plans that imports have shown before a night."""
        for name in self._before(night):
            path = self.place(name) / KNOWN
            if path.exists():
                return frozenset(json.loads(path.read_text(encoding="utf-8"))["known"])
        return frozenset()

    def published_before(self, night: str, today: dt.date, days: int) -> list[Published]:
        """Return plans of earlier nights that were published, oldest first.

        A night that is run again replaces its own plan, which is left out.

        Parameters
        ----------
        today, days : lines that were ordered longer ago than `days` and those in which they are
            told of are not asked for
        """
        first = today - dt.timedelta(days=days + TOLD_DAYS)
        starts = {each["night"]: each["start_date"] for each in publications(self.folder)}
        now = self.published()
        if now is not None:
            starts[now["night"]] = now["start_date"]  # from before there was a record
        found: list[Published] = []
        for name in self._before(night):
            start = starts.get(name)
            report = self.report(name) if start is None else None
            if report is not None and report["outcome"] == "published":
                start = report["scenario"]["start_date"]
            if start is None:
                continue
            place = place_of(self.folder, name)
            if now is not None and now["night"] == name:
                place = self.folder / now["plan"]
            lines = read_table(place, "purchase_orders")
            found.append(Published(name, dt.date.fromisoformat(start), lines))
            if found[-1].start <= first:
                break
        return found[::-1]

    def _before(self, night: str) -> list[str]:
        """Return the names of earlier nights, newest first."""
        names = (path.name for path in (self.folder / "nights").iterdir())
        return sorted((name for name in names if name < night), reverse=True)

    def published(self) -> dict[str, Any] | None:
        """Return what is published; None: nothing is."""
        path = self.folder / "published.json"
        if not path.exists():
            return None
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return document

    def published_plan(self) -> Dated | None:
        """Return the plan that is published, with its days; None: there is none."""
        told = self.published()
        if told is None:
            return None
        plan = Plan.load(self.folder / told["plan"])
        return Dated(plan, dt.date.fromisoformat(told["start_date"]), int(told["days"]))

    def publish(self, night: str, document: Mapping[str, Any], at: dt.datetime) -> None:
        """Make a night's plan the one that holds.

        Raises
        ------
        NotFound
            The night has no plan.
        Conflict
            A later night was published, or the plan is not the one that the gates judged.
        """
        scenario = document["scenario"]
        if scenario is None or not (self.place(night) / "plan" / "plan.json").exists():
            raise NotFound(f"night {night} has no plan")
        now = self.published()
        if now is not None and now["night"] > night:
            raise Conflict(f"night {now['night']} was published already, which is after {night}")
        found = plan_hash(self.place(night) / "plan")
        if document.get("plan_hash", found) != found:
            raise Conflict(
                f"the plan of night {night} was changed after its gates had judged it: run the"
                " night again (--again)"
            )
        each = 7 if scenario["bucket"] == "week" else 1
        told = {
            "night": night,
            "start_date": scenario["start_date"],
            "days": each * scenario["horizon_buckets"],
            "scenario_hash": scenario["hash"],
            "plan_hash": found,
            "published_at": at.isoformat(timespec="seconds"),
            "plan": f"nights/{night}/plan",
            "overrides": [
                row["override"] for row in document["gates"]["results"] if row["override"]
            ],
        }
        text = json.dumps(append(self.folder, told), ensure_ascii=False, indent=2)
        write_whole(self.folder / "published.json", text + "\n")
        shutil.rmtree(self.place(night) / "published", ignore_errors=True)
