"""A night as a run: in its own process, its finished steps kept by the run's row."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from api.nightly.night import NightTask, run_night
from api.nightly.on_order import read_findings
from api.nightly.report import Outcome, Told, report_document
from api.nightly.shelf import Kept
from api.store.blobs import BlobStore
from api.store.documents import get_plan, get_scenario, put_plan
from optimizer.gates import Dated, read_gates, usual_gates
from optimizer.plan import Plan, records
from scenarios import Findings

if TYPE_CHECKING:
    from api.runs.child import Task
    from optimizer.executor import Executor
    from optimizer.outcome import Progress
    from scenarios import Scenario

REPORT_FILE: Final = "report.json"
JUDGEMENT_FILE: Final = "gates.json"


@dataclass(frozen=True, slots=True)
class Before:
    """The plan that is published when a night begins.

    Attributes
    ----------
    plan_id : what the report calls it
    plan, scenario : hashes of the manifests of the plan and of its scenario
    """

    plan_id: str
    plan: str
    scenario: str


@dataclass(frozen=True, slots=True)
class NightOrder:
    """What a run of kind nightly is to do besides planning.

    Attributes
    ----------
    gates : as gates.toml has them; None: the usual ones
    asked_at : when the run was handed in
    on_order : document and findings about orders on their way; None: not looked for
    steps : what earlier attempts have made, by step, as `BlobShelf` told it
    """

    gates: Mapping[str, Any] | None
    asked_at: dt.datetime
    before: Before | None
    steps: Mapping[str, Any]
    on_order: Mapping[str, Any] | None = None


class BlobShelf:
    """Steps as blobs; what names them is told to whoever keeps the run's row.

    Parameters
    ----------
    known : what was told before, by step
    say : tells of a step, with what the service should know of its plan
    """

    def __init__(
        self,
        blobs: BlobStore,
        known: Mapping[str, Any],
        say: Callable[[str, dict[str, Any], dict[str, Any] | None], None],
    ) -> None:
        self.blobs = blobs
        self.known = dict(known)
        self.say = say

    def load(self, step: str) -> Kept | None:
        """Read a step; None where nobody was told of it."""
        told = self.known.get(step)
        if told is None:
            return None
        plan = None if told["manifest"] is None else get_plan(self.blobs, told["manifest"])
        return Kept(told["key"], told["document"], plan)

    def keep(self, step: str, made: Kept) -> None:
        """Write the plan, then tell of it."""
        manifest = None if made.plan is None else put_plan(self.blobs, made.plan)
        told = {"key": made.key, "document": dict(made.document), "manifest": manifest}
        self.known[step] = told
        self.say(step, told, None if made.plan is None else known_of(str(manifest), made.plan))


def known_of(manifest: str, plan: Plan) -> dict[str, Any]:
    """Return what the service should know of a plan that is kept."""
    return {
        "manifest": manifest,
        "certificates": records(plan.table("certificates")),
        "notes": [note for notes in plan.notes.values() for note in notes],
    }


def do_night(
    task: Task,
    scenario: Scenario,
    blobs: BlobStore,
    options: Mapping[str, str],
    *,
    say: Callable[[str, dict[str, Any], dict[str, Any] | None], None],
    progress: Progress,
    cancelled: Callable[[], bool],
    executor: Executor | None,
) -> dict[str, Any]:
    """Do a night; return its plan, with report and gates beside it, and the decision."""
    order = task.night
    assert order is not None, "a run of kind nightly has an order"
    previous = None
    if order.before is not None:
        own = get_scenario(blobs, order.before.scenario)
        previous = Dated.of(get_plan(blobs, order.before.plan), own.settings)
    wanted = NightTask(
        scenario=scenario,
        gates=usual_gates() if order.gates is None else read_gates(order.gates),
        previous=previous,
        findings=Findings() if order.on_order is None else read_findings(order.on_order),
        on_order={} if order.on_order is None else order.on_order["document"],
        stages=task.stages,
        seconds=task.seconds,
        work=task.work,
        seed=task.seed,
        options=options,
        replications=task.replications,
    )
    shelf = BlobShelf(blobs, order.steps, say)
    night = run_night(wanted, shelf, progress=progress, cancelled=cancelled, executor=executor)
    judgement = night.judgement
    outcome: Outcome = "published" if judgement.decision == "publish" else "held"
    reason = f"gates: {', '.join(judgement.holding)}" if judgement.holding else ""
    if night.is_cut_short:
        outcome, reason = "cancelled", "somebody ended the night early"
    told = Told(
        f"{order.asked_at:%Y-%m-%d}",
        outcome,
        order.asked_at,
        dt.datetime.now(dt.UTC),
        "" if order.before is None else order.before.plan_id,
        reason,
    )
    report = report_document(told, wanted, night)
    files = {REPORT_FILE: _json(report), JUDGEMENT_FILE: _json(judgement.document())}
    kept = known_of(put_plan(blobs, night.plan, files), night.plan)
    judged = None if night.is_cut_short else judgement.document()
    return {**kept, "cancelled": night.is_cut_short, "judgement": judged}


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, allow_nan=False, default=str).encode()
