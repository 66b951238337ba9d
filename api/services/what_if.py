"""What-ifs: a short run that a request waits for, and the answer that the run keeps."""

from __future__ import annotations

import time
from typing import Any, Final

from starlette.concurrency import run_in_threadpool

from api.runs.states import ENDED
from api.schemas.runs import RunOptions, RunRequest
from api.schemas.what_if import WhatIfRequest
from api.services.following import Following
from api.services.run_answers import answer_kept
from api.services.runs import RunService
from api.store.blobs import BlobStore
from api.store.rows import PlanRow, RunRow
from optimizer.what_if.decision import Decision, read_decision
from scenarios import InputError

ANSWER: Final = "what_if.json"
FIRST: Final = 1  # priority: somebody waits


def submit(runs: RunService, plan: PlanRow, request: WhatIfRequest) -> RunRow:
    """Queue the run of a what-if.

    Raises
    ------
    InputError
        It is no decision.
    """
    told = request.decision
    decision = read_decision(told) if isinstance(told, str) else Decision(**told.model_dump())
    options = RunOptions.model_validate(
        {} if request.seconds is None else {"time_limit": request.seconds}
    )
    return runs.submit(
        RunRequest(
            kind="what_if",
            scenario=plan.scenario_id,
            revision=plan.revision,
            plan=plan.id,
            decision=str(decision),
            options=options,
            priority=FIRST,
        )
    )


async def wait_for(following: Following, runs: RunService, run_id: str, seconds: float) -> RunRow:
    """Return a run when it has ended, or as it is after some seconds; no thread waits."""
    deadline = time.monotonic() + seconds
    async with following.run(run_id) as news:
        while True:
            seen = news.newest
            row = await run_in_threadpool(runs.row, run_id)
            left = deadline - time.monotonic()
            if row.state in ENDED or left <= 0.0:
                return row
            await news.beyond(seen, left)


def answer_of(blobs: BlobStore, run: RunRow, kept: PlanRow) -> dict[str, Any]:
    """Return the answer that a run has kept.

    Parameters
    ----------
    kept : the plan row of the run
    """
    document = answer_kept(blobs, kept, ANSWER)
    return {"run": run.id, "plan": run.request["plan"], **document}


def refuse_failed(run: RunRow) -> None:
    """Raise what went wrong with a run that failed.

    Raises
    ------
    InputError
    """
    if run.state != "succeeded":
        raise InputError(run.reason or f"the what-if was {run.state}")
