"""Work cut into chunks that others may do: processes of this machine, or workers on any.

A chunk is pure: what it returns follows from the work and the chunk alone, bit by bit. So it does
not matter who does it, how often it is begun, or what died over it; the first answer stands.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from scenarios import EngineError, HoldfastError

MOST_DEATHS: Final = 3  # processes that a chunk may take with it
WORTH_SHARING: Final = 1e9  # steps: product-location-days of a simulation, and the like
STEPS_PER_SECOND: Final = 2e7  # that a core does: of a search limited by work or by time
MARK: Final = "__does_chunks__"

Cancel = Callable[[], bool]
ChunkFunction = Callable[[Any, Any], Any]
Function = TypeVar("Function", bound=ChunkFunction)


class Cancelled(HoldfastError):  # noqa: N818 - the name says what happened
    """The work was cancelled; what was done of it, `found` was told."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is done to every chunk.

    Attributes
    ----------
    function : "module:name" of a function marked by :func:`does_chunks`
    common : what all chunks need; handed to each process once
    """

    function: str
    common: Any


class Executor(Protocol):
    """Does chunks of work; one contract suite runs over every adapter.

    Attributes
    ----------
    width : chunks that are worth having, so that everybody has something to do
    least : steps of work below which sharing costs more than it gains
    """

    @property
    def width(self) -> int:
        """Chunks that are worth having."""

    @property
    def least(self) -> float:
        """Steps of work below which sharing costs more than it gains."""

    def run(
        self,
        work: Work,
        chunks: Sequence[Any],
        *,
        done: Callable[[int], None] | None = None,
        found: Callable[[int, Any], None] | None = None,
        cancelled: Cancel | None = None,
    ) -> list[Any]:
        """Return the result of every chunk, in the order of the chunks.

        Parameters
        ----------
        work, chunks : arrays, plain values and dataclasses of this project; nothing that lives
        done : called with how many chunks are done, never less than before
        found : called with the place of a chunk and its result, when that is known, once for each
        cancelled : asked often; True ends everything within a second

        Raises
        ------
        EngineError
            A chunk failed; its reason is told. Others are not waited for.
        Cancelled
            `cancelled` said so.
        """


def does_chunks(function: Function) -> Function:
    """Mark a function that may be named as a work's: `f(common, chunk) -> result`."""
    setattr(function, MARK, True)
    return function


def function_of(place: str) -> ChunkFunction:
    """Return the function that a work names.

    Raises
    ------
    EngineError
        There is none, or it is not marked as one that does chunks.
    """
    module, _, name = place.partition(":")
    try:
        found: ChunkFunction = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise EngineError(f"no work {place!r}: {error}") from error
    if not getattr(found, MARK, False):
        raise EngineError(f"{place!r} does no chunks")
    return found


def chunk_failed(place: int, count: int, reason: str) -> EngineError:
    """Return the error that a failed chunk raises."""
    return EngineError(f"chunk {place + 1} of {count}: {reason}")


def reason_of(error: BaseException) -> str:
    """Return what went wrong in a chunk: the message of our own errors, else kind and message."""
    known = isinstance(error, HoldfastError)
    return str(error) if known else f"{type(error).__name__}: {error}"


def died_too_often(deaths: int) -> str:
    """Return the reason of a chunk whose processes kept dying."""
    return f"its process died {deaths} times"
