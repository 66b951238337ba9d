"""How this search is compiled: once per machine, without Python's lock, without counted references.

Arrays are handed over in tuples; counting their references at every call cost half of the time,
so nothing in compiled code allocates (scratch paper comes with the part). numba keeps what it
compiled beside the module and looks at that module alone for changes; what is inlined from others
is why older results than any module here are thrown away.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])
NEWEST = max(source.stat().st_mtime for source in Path(__file__).parent.glob("*.py"))


def compiled(function: Function) -> Function:
    """Compile a function of its own."""
    options: dict[str, Any] = {"cache": True, "nogil": True, "_nrt": False}
    done: Function = njit(**options)(function)
    for index in kept_on_disk(done):
        if index.stat().st_mtime < NEWEST:
            with suppress(OSError):
                index.unlink()
    return done


def inlined(function: Function) -> Function:
    """Compile a function into those that call it."""
    options: dict[str, Any] = {"inline": "always"}
    done: Function = njit(**options)(function)
    return done


def kept_on_disk(function: Any) -> list[Path]:
    """Return the indices of what numba has kept of a compiled function."""
    module = function.py_func.__module__.rsplit(".", 1)[-1]
    name = f"{module}.{function.py_func.__qualname__}-*.nbi"
    return sorted(Path(function.stats.cache_path).glob(name))
