"""Problems of one stage solved by whoever shares the work: the same plan whoever does.

Problems share neither stop nor van, so each is a piece of its own; small ones go together. A piece
carries its problem and its share of the limits, nothing of the scenario: lengths as 4 bytes each
where they fit. What comes back is routes and bounds, without the problem.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from optimizer.executor import STEPS_PER_SECOND, Cancelled, Work, does_chunks, reason_of
from optimizer.outcome import Limits, Outcome
from optimizer.routing.lengths import Lengths
from optimizer.routing.problem import RoutingProblem
from optimizer.routing.schedule import Timed
from optimizer.routing.solo import SoloTests
from optimizer.routing.solve import Driven, solve
from scenarios import EngineError

STAGE: Final = "routing"
WAITING_SHARE: Final = 0.5  # of the time; what nobody has solved by then is solved here
NARROW: Final = np.iinfo(np.int32).max


@dataclass(frozen=True, slots=True)
class Piece:
    """A problem, and what its solution may take: seconds from when it is begun, and work."""

    problem: RoutingProblem
    seconds: float | None
    work: float | None


@dataclass(frozen=True, slots=True)
class Reply:
    """An outcome without its problem.

    Attributes
    ----------
    outcome : without solution
    timed, unserved, tests, engine : as in :class:`optimizer.routing.solve.Driven`
    """

    outcome: Outcome[Driven]
    timed: tuple[Timed, ...]
    unserved: tuple[int, ...]
    tests: SoloTests
    engine: Any

    def about(self, problem: RoutingProblem) -> Outcome[Driven]:
        """Return the whole outcome."""
        driven = Driven(problem, self.timed, self.unserved, self.tests, self.engine)
        return replace(self.outcome, solution=driven)


def share_out(
    problems: Sequence[RoutingProblem], limits: Limits, until: float
) -> dict[int, Outcome[Driven]]:
    """Let others solve problems, where there is somebody and it is worth while.

    Where seconds are limited, others are waited for until half of them are over: what waits in a
    queue behind other runs is solved here in the other half.

    Parameters
    ----------
    until : share of the seconds that may be spent on solving

    Returns
    -------
    found : by the problem's place; none where nothing is shared, fewer where the time is over or
        the run cancelled

    Raises
    ------
    EngineError
        A problem could not be solved; its name and the reason are told.
    """
    executor = limits.executor
    sizes = np.array([len(problem.stops) for problem in problems], dtype=np.int64)
    if executor is None or len(problems) < 2 or not sizes.any():
        return {}
    shares = sizes / sizes.sum()
    seconds = None if limits.seconds is None else max(until * limits.seconds - limits.elapsed, 0.0)
    given = [amount for amount in (seconds, limits.work) if amount is not None]
    saved = (1.0 - float(shares.max())) * min(given, default=math.inf)
    if saved * STEPS_PER_SECOND < executor.least:
        return {}
    if seconds is not None and shares.max() > WAITING_SHARE:
        return {}  # the largest would not be done in time, and begun again
    chunks = batches(sizes, executor.width)
    pieces = [
        tuple(
            Piece(
                _narrow(problems[place]),
                None if seconds is None else float(shares[place]) * seconds,
                None if limits.work is None else int(sizes[place]) / int(sizes.sum()) * limits.work,
            )
            for place in chunk
        )
        for chunk in chunks
    ]
    found: dict[int, Outcome[Driven]] = {}

    def keep(number: int, replies: tuple[Reply, ...]) -> None:
        for place, reply in zip(chunks[number], replies, strict=True):
            found[place] = reply.about(problems[place])
            share = float(shares[list(found)].sum())
            if reply.outcome.objective is not None:
                told = f"{problems[place].name}: {reply.outcome.objective:,.2f}"
                limits.progress(STAGE, share, told)
        limits.progress(STAGE, share, f"{len(found)} of {len(problems)} days and depots")

    def over() -> bool:
        waited = math.inf if seconds is None else WAITING_SHARE * seconds - limits.elapsed + began
        return limits.cancelled() or waited <= 0.0

    began = limits.elapsed
    limits.progress(STAGE, 0.0, f"{len(chunks)} chunks")
    work = Work("optimizer.routing.sharing:solve_pieces", limits.seed)
    with contextlib.suppress(Cancelled):  # the rest is solved here, in what time there is
        executor.run(work, pieces, found=keep, cancelled=over)
    return found


def batches(sizes: Sequence[int] | np.ndarray[Any, Any], width: int) -> list[list[int]]:
    """Return places in at most `width` batches of about the same size, the largest batch first.

    The largest problem first into the smallest batch.

    Source: longest processing time first; Graham, SIAM J. Appl. Math. 17 (1969).
    """
    load = [0] * max(min(width, len(sizes)), 1)
    members: list[list[int]] = [[] for _ in load]
    for place in np.argsort(-np.asarray(sizes), kind="stable").tolist():
        smallest = min(range(len(load)), key=lambda batch: (load[batch], batch))
        members[smallest].append(place)
        load[smallest] += int(sizes[place])
    order = sorted(range(len(load)), key=lambda batch: (-load[batch], batch))
    return [sorted(members[batch]) for batch in order if members[batch]]


@does_chunks
def solve_pieces(seed: int, pieces: tuple[Piece, ...]) -> tuple[Reply, ...]:
    """Solve problems one after another.

    Raises
    ------
    EngineError
        One could not be solved; its name is told.
    """
    return tuple(_solve(seed, piece) for piece in pieces)


def _solve(seed: int, piece: Piece) -> Reply:
    problem = _wide(piece.problem)
    limits = Limits(seconds=piece.seconds, work=piece.work, seed=seed)
    try:
        outcome = solve(problem, limits)
    except Exception as error:
        raise EngineError(f"routes of {problem.name}: {reason_of(error)}") from error
    driven = outcome.solution
    assert driven is not None, "nothing served is a plan"
    bare = replace(outcome, solution=None)
    return Reply(bare, driven.timed, driven.unserved, driven.tests, driven.engine)


def _narrow(problem: RoutingProblem) -> RoutingProblem:
    """Return the problem with matrices of 4 bytes a length, where all fit."""
    return _of_type(problem, np.int32)


def _wide(problem: RoutingProblem) -> RoutingProblem:
    """Return the problem with matrices as searches take them."""
    return _of_type(problem, np.int64)


def _of_type(problem: RoutingProblem, dtype: type[np.signedinteger[Any]]) -> RoutingProblem:
    def cast(lengths: Lengths) -> Any:
        fits = isinstance(lengths, np.ndarray) and lengths.max(initial=0) <= NARROW
        return lengths.astype(dtype) if isinstance(lengths, np.ndarray) and fits else lengths

    return replace(
        problem,
        metres=cast(problem.metres),
        seconds=tuple(cast(seconds) for seconds in problem.seconds),
    )
