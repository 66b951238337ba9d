"""Chunks of work done by processes of this machine; one that dies is replaced.

Processes are started afresh (spawn) and get the work once. Each holds one pipe to us, gets a chunk
at a time, and ends when the pipe does.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Final

from optimizer.executor import (
    MOST_DEATHS,
    WORTH_SHARING,
    Cancel,
    Cancelled,
    Work,
    chunk_failed,
    died_too_often,
    function_of,
    reason_of,
)

POLL_SECONDS: Final = 0.1
EXIT_ORPHANED: Final = 3


@dataclass(slots=True)
class _Helper:
    """A process and the chunk that it has; -1 for none."""

    process: SpawnProcess
    pipe: Connection
    chunk: int = -1


class LocalProcesses:
    """Shares chunks out over processes of this machine.

    A script that uses it must guard its start by `if __name__ == "__main__"`.

    Parameters
    ----------
    count : of processes; 0 for one per core
    least : steps of work below which nothing is shared; starting a process takes a second
    """

    def __init__(self, count: int = 0, least: float = WORTH_SHARING) -> None:
        self.count = count or os.cpu_count() or 1
        self._least = least

    @property
    def width(self) -> int:
        """One chunk for each process."""
        return self.count

    @property
    def least(self) -> float:
        """Steps of work below which nothing is shared."""
        return self._least

    def run(
        self,
        work: Work,
        chunks: Sequence[Any],
        *,
        done: Callable[[int], None] | None = None,
        found: Callable[[int, Any], None] | None = None,
        cancelled: Cancel | None = None,
    ) -> list[Any]:
        """Return the result of every chunk, in order; see :class:`optimizer.executor.Executor`."""
        function_of(work.function)  # an unknown one is refused before anything starts
        results: list[Any] = [None] * len(chunks)
        waiting = deque(range(len(chunks)))
        deaths = [0] * len(chunks)
        helpers: list[_Helper] = []
        finished = 0
        try:
            while finished < len(chunks):
                while waiting and len(helpers) < self.count:
                    helpers.append(_start(work))
                for helper in helpers:
                    if helper.chunk < 0 and waiting:
                        _hand_out(helper, waiting.popleft(), chunks)
                for helper in _heard(helpers):
                    answer = _answer(helper)
                    number, helper.chunk = helper.chunk, -1
                    if answer is None:
                        helpers.remove(helper)
                        _end(helper)
                        if number < 0:
                            continue
                        deaths[number] += 1
                        if deaths[number] >= MOST_DEATHS:
                            reason = died_too_often(deaths[number])
                            raise chunk_failed(number, len(chunks), reason)
                        waiting.appendleft(number)
                        continue
                    fine, results[number] = answer
                    if not fine:
                        raise chunk_failed(number, len(chunks), results[number])
                    finished += 1
                    if found is not None:
                        found(number, results[number])
                    if done is not None:
                        done(finished)
                if cancelled is not None and cancelled():
                    raise Cancelled("cancelled while processes shared the work")
        finally:
            for helper in helpers:
                _end(helper)
        return results


def _start(work: Work) -> _Helper:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, work), daemon=True)
    process.start()
    theirs.close()
    return _Helper(process, ours)


def _hand_out(helper: _Helper, number: int, chunks: Sequence[Any]) -> None:
    """Give a process a chunk; of one that has died, we hear next."""
    helper.chunk = number
    with contextlib.suppress(OSError):
        helper.pipe.send(chunks[number])


def _heard(helpers: Sequence[_Helper]) -> list[_Helper]:
    """Return the processes that have something to say, or have ended."""
    ready = wait([helper.pipe for helper in helpers], POLL_SECONDS)
    return [helper for helper in helpers if helper.pipe in ready]


def _answer(helper: _Helper) -> tuple[bool, Any] | None:
    """Return whether a chunk went well, and its result or reason; None from a dead process."""
    try:
        answer: tuple[bool, Any] = helper.pipe.recv()
    except (EOFError, OSError):
        return None
    return answer


def _end(helper: _Helper) -> None:
    helper.process.kill()
    helper.process.join()
    helper.pipe.close()


def _serve(pipe: Connection, work: Work) -> None:
    """Do chunks until the other end of the pipe is gone."""
    threading.Thread(target=end_with_parent, daemon=True).start()
    function = function_of(work.function)
    with contextlib.suppress(EOFError, OSError):
        while True:
            chunk = pipe.recv()
            try:
                answer = True, function(work.common, chunk)
            except Exception as error:  # noqa: BLE001 - told to whoever asked, with its reason
                answer = False, reason_of(error)
            pipe.send(answer)


def end_with_parent() -> None:
    """End this process in the middle of a chunk when whoever asked for it is gone."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(EXIT_ORPHANED)
