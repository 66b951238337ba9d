"""Chunks that go well, fail, hang and die, for whoever does chunks."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np

from optimizer.executor import does_chunks
from scenarios import InputError


@does_chunks
def scale(common: Any, chunk: Any) -> Any:
    """Return common x chunk."""
    return common * chunk


@does_chunks
def fail_at_two(common: Any, chunk: Any) -> Any:
    """Return the chunk; the chunk 2 cannot be done."""
    if chunk == 2:
        raise ZeroDivisionError("two is too much")
    return chunk


@does_chunks
def refuse(common: Any, chunk: Any) -> Any:
    """Refuse every chunk with an error of our own."""
    raise InputError(f"no {chunk} here")


@does_chunks
def hang(common: Any, chunk: Any) -> Any:
    """Say which process this is, and come to no end."""
    (Path(common) / f"{os.getpid()}").touch()
    while True:
        time.sleep(0.01)


@does_chunks
def die_once(common: Any, chunk: Any) -> Any:
    """Kill the process the first time, return the chunk the second."""
    mark = Path(common) / f"chunk-{chunk}"
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return chunk


@does_chunks
def die(common: Any, chunk: Any) -> Any:
    """Kill the process whenever asked."""
    os.kill(os.getpid(), signal.SIGKILL)


@does_chunks
def note(common: Any, chunk: Any) -> Any:
    """Take a while, and note each time that the chunk is done."""
    time.sleep(0.3)
    with (Path(common) / "done").open("a") as file:
        file.write(f"{chunk}\n")
    return np.full(3, chunk)


def unmarked(common: Any, chunk: Any) -> Any:
    """Return the chunk, though nobody may ask for it."""
    return chunk
