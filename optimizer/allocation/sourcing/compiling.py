"""Loops compiled with numba where it is installed, and the threads that run them."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar, cast

Item = TypeVar("Item")
Result = TypeVar("Result")
Work = TypeVar("Work", bound=Callable[..., Any])


def side_by_side(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Return the results of independent pieces of work, done by as many threads as there are cores.

    Compiled loops let go of the interpreter, so that the threads do run side by side.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if (cores or 1) < 2 or len(items) < 2:
        return [work(item) for item in items]
    return list(_threads(cores or 1).map(work, items))


@cache
def _threads(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="sourcing")


def has_numba() -> bool:
    """Say whether loops are compiled."""
    return importlib.util.find_spec("numba") is not None


def loop(function: Work) -> Work:
    """Compile a plain loop with numba; where that is not installed it stays as it is.

    The arithmetic is that of Python to the bit; minima may assume that there is no NaN.
    """
    if not has_numba():
        return function
    from numba import njit

    quick = njit(cache=True, nogil=True, fastmath={"nnan", "nsz"})(function)
    return cast(Work, quick)
