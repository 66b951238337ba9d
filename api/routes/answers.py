"""How routes that are called very often answer, and how those that write wait for each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar
from fastapi import Response
from pydantic import BaseModel

WRITERS: Final = 4  # threads that may wait for the database's locks
_limiter: RunVar[CapacityLimiter] = RunVar("holdfast_writers")  # of each event loop

Given = ParamSpec("Given")
Value = TypeVar("Value")


async def in_turn(work: Callable[Given, Value], *args: Given.args, **named: Given.kwargs) -> Value:
    """Do what takes locks in one of few threads, first come, first served.

    Those who wait have no thread, so that any number of them leaves threads to those who read.
    """
    try:
        limiter = _limiter.get()
    except LookupError:
        limiter = CapacityLimiter(WRITERS)
        _limiter.set(limiter)
    return await to_thread.run_sync(lambda: work(*args, **named), limiter=limiter)


def as_json(
    model: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a model as an answer; it is what it says, so it is not read and checked again."""
    return Response(model.model_dump_json(), status, headers, "application/json")
