"""The arithmetic of a tick on arrays of replications and SKUs, in two twins with the same bits.

`reference` (NumPy) says what is right; `compiled` (numba) says the same faster. All kernels are
integer-only and work in place on C-contiguous arrays.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from scenarios import NotFound

NAMES = (
    "draw_demand",
    "thin_demand",
    "serve",
    "serve_and_review",
    "ask",
    "take_off",
    "review",
    "release",
    "claim",
    "allot",
    "dispatch",
    "ship",
    "weigh",
)


@dataclass(frozen=True, slots=True)
class Kernels:
    """One set of kernels; each is documented in :mod:`simulation.kernels.reference`."""

    name: str
    draw_demand: Callable[..., Any]
    thin_demand: Callable[..., Any]
    serve: Callable[..., Any]
    serve_and_review: Callable[..., Any]
    ask: Callable[..., Any]
    take_off: Callable[..., Any]
    review: Callable[..., Any]
    release: Callable[..., Any]
    claim: Callable[..., Any]
    allot: Callable[..., Any]
    dispatch: Callable[..., Any]
    ship: Callable[..., Any]
    weigh: Callable[..., Any]


@lru_cache(maxsize=2)
def kernels(name: str = "") -> Kernels:
    """Return the kernels "numpy" or "numba"; "": numba where it is installed.

    Raises
    ------
    NotFound
        There are no kernels of that name.
    """
    if not name:
        name = "numba" if importlib.util.find_spec("numba") is not None else "numpy"
    if name == "numpy":
        from simulation.kernels import reference

        return Kernels(name, **{each: getattr(reference, each) for each in NAMES})
    if name == "numba":
        from numba import njit

        from simulation.kernels import compiled

        compile_ = njit(cache=True, nogil=True)
        return Kernels(name, **{each: compile_(getattr(compiled, each)) for each in NAMES})
    raise NotFound(f"no kernels are called {name!r}: known are numpy and numba")
