"""How this search is compiled: once per machine, without Python's lock, without counted references.

Arrays are handed over in tuples; counting their references at every call cost half of the time,
so nothing in compiled code allocates (scratch paper comes with the part).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a function of its own."""
    options: dict[str, Any] = {"cache": True, "nogil": True, "_nrt": False}
    done: Function = njit(**options)(function)
    return done


def inlined(function: Function) -> Function:
    """Compile a function into those that call it."""
    options: dict[str, Any] = {"inline": "always"}
    done: Function = njit(**options)(function)
    return done
