"""Days and depots shared out: the same plan whoever solves it, also when time ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.runs.parcels import pack, unpack
from benchmarks.driving_days import driving_days
from optimizer.executor import Cancelled, Executor, Work, function_of
from optimizer.outcome import Limits, Termination
from optimizer.routing.from_scenario import read_problems
from optimizer.routing.problem import RoutingProblem
from optimizer.routing.sharing import Piece, batches, share_out, solve_pieces
from optimizer.routing.stage import run, solve_all
from scenarios import EngineError

WORK = 0.4


@dataclass
class Here:
    """Does chunks in this process, last one first, by way of parcels.

    Attributes
    ----------
    answered : of the chunks, so many are done; then it waits until somebody cancels
    sent : bytes of each chunk
    """

    width: int = 2
    least: float = 0.0
    answered: int = 99
    sent: list[int] = field(default_factory=list)

    def run(self, work: Work, chunks: Sequence[Any], *, done=None, found=None, cancelled=None):
        """Do the chunks; see :class:`optimizer.executor.Executor`."""
        parcels = [pack(chunk) for chunk in chunks]
        self.sent += [len(parcel) for parcel in parcels]
        function, results = function_of(work.function), {}
        for place in reversed(range(len(chunks))):
            if len(results) == self.answered:
                while not cancelled():
                    pass
                raise Cancelled("nobody answers")
            answer = function(unpack(pack(work.common)), unpack(parcels[place]))
            results[place] = unpack(pack(answer))
            if found is not None:
                found(place, results[place])
        return [results[place] for place in range(len(chunks))]


def days(*orders: int) -> tuple[RoutingProblem, ...]:
    """Return the problems of days with so many orders."""
    return read_problems(driving_days(orders), {}).problems


def routed(executor: Executor | None, **limits: Any) -> dict[str, pd.DataFrame]:
    """Return the stage's tables for days of 9, 4, 0 and 12 orders."""
    given = {"work": WORK, "seed": 7, "executor": executor} | limits
    return run(driving_days((9, 4, 0, 12)), {}, Limits(**given)).tables


@pytest.mark.parametrize("width", [1, 2, 16])
def test_the_plan_is_the_same_bits_whoever_solves_it(width: int) -> None:
    """Every table of the stage, in one, two and three chunks against none."""
    alone, shared = routed(None), routed(Here(width))
    assert alone.keys() == shared.keys()
    for name, frame in alone.items():
        pd.testing.assert_frame_equal(shared[name], frame, check_exact=True, obj=name)


def test_no_unspent_work_is_handed_on() -> None:
    """A day's outcome is that of its share of all work: 9 of 21 stops, whoever is before it."""
    problems = days(12, 9)
    together = solve_all(problems, Limits(work=WORK, seed=7))[1]
    (alone,) = solve_all(problems[1:], Limits(work=9 / 21 * WORK, seed=7))
    assert together.objective == alone.objective
    assert together.work == alone.work


def test_small_work_is_not_shared() -> None:
    """WORK of 0.4 of which the largest day takes 12 / 21 leaves 0.17 s, 3.4e6 steps, to others."""
    problems, executor = days(9, 12), Here(least=3.5e6)
    assert share_out(problems, Limits(work=WORK, executor=executor), 1.0) == {}
    assert executor.sent == []
    assert len(share_out(problems, Limits(work=WORK, executor=Here(least=3.4e6)), 1.0)) == 2


def test_one_problem_is_not_shared() -> None:
    """There is nothing that others could do meanwhile."""
    assert share_out(days(9), Limits(work=WORK, executor=Here()), 1.0) == {}


def test_what_is_done_before_a_cancel_is_kept() -> None:
    """One of two chunks is back when somebody cancels: it stays, the other day is cut short."""
    problems = days(12, 9)
    shared: list[int] = []

    def tell(_stage: str, share: float, _message: str) -> None:
        shared.append(share > 0.0)

    limits = Limits(work=WORK, seed=7, progress=tell, cancelled=lambda: any(shared))
    early = solve_all(problems, replace(limits, executor=Here(answered=1)))
    whole = solve_all(problems, Limits(work=WORK, seed=7))
    assert early[1].objective == whole[1].objective
    assert early[1].termination == Termination.WORK_LIMIT
    assert early[0].termination == Termination.CANCELLED
    assert early[0].solution is not None
    assert early[0].objective >= whole[0].objective


def test_others_are_not_waited_for_when_half_of_the_time_is_over() -> None:
    """Nobody ever answers: both days are solved here in what is left, and none is cancelled."""
    limits = Limits(seconds=2.0, seed=7, executor=Here(answered=0))
    found = solve_all(days(9, 9), limits)
    assert all(outcome.solution is not None for outcome in found)
    assert all(outcome.termination != Termination.CANCELLED for outcome in found)


def test_a_day_that_would_take_more_than_half_of_the_time_is_solved_here() -> None:
    """12 of 16 stops: others would be cut off before its seconds are over."""
    executor = Here()
    assert share_out(days(12, 4), Limits(seconds=2.0, executor=executor), 1.0) == {}
    assert executor.sent == []


def test_seconds_reach_the_chunks() -> None:
    """Of 2 s, of which half may be spent on solving, each of two equal days gets a half."""
    asked: list[float] = []

    class Looks(Here):
        def run(self, work: Work, chunks: Sequence[Any], **_: Any) -> list[Any]:
            asked.extend(piece.seconds for chunk in chunks for piece in chunk)
            raise Cancelled("it has seen enough")

    share_out(days(6, 6), Limits(seconds=2.0, executor=Looks()), 0.5)
    assert asked == pytest.approx([0.5, 0.5], abs=0.2)


def test_a_problem_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Day and depot stand before the reason."""

    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("no")

    monkeypatch.setattr("optimizer.routing.sharing.solve", fail)
    (problem,) = days(3)
    with pytest.raises(EngineError, match="routes of 2026-01-05 D: ZeroDivisionError: no"):
        solve_pieces(1, (Piece(problem, None, 1.0),))


def test_a_chunk_carries_four_bytes_a_length() -> None:
    """60 stops at a depot, one speed: 2 matrices of 61 x 61; the rest is under 12 kB."""
    executor = Here()
    share_out(days(60, 2), Limits(work=0.01, executor=executor), 1.0)
    assert 2 * 61 * 61 * 4 < max(executor.sent) < 2 * 61 * 61 * 4 + 12_000


@given(st.lists(st.integers(0, 500), min_size=1, max_size=40), st.integers(1, 20))
def test_batches_hold_everything_once_and_evenly(sizes: list[int], width: int) -> None:
    """No more batches than asked for, none above the mean by more than the largest problem."""
    made = batches(np.array(sizes), width)
    assert sorted(place for batch in made for place in batch) == list(range(len(sizes)))
    assert len(made) <= width
    loads = [sum(sizes[place] for place in batch) for batch in made]
    assert loads == sorted(loads, reverse=True)
    assert max(loads) <= sum(sizes) / min(width, len(sizes)) + max(sizes)
