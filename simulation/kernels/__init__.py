"""The arithmetic of a tick on arrays of replications and SKUs, in two twins with the same bits.

`demand_reference`, `stock_reference` and `lane_reference` (NumPy) say what is right; their twins
`..._compiled` (loops for numba) say the same faster. All kernels are integer-only and work in
place on C-contiguous arrays.

Shapes: R replications, K SKUs of a site, C of them on a lane; T is a row of ticks. Shares are in
1/65,536, factors in 1/256. Every random number is `mix(row_keys[r] + sku_keys[k])`, written out in
each loop, as a compiled function cannot call a plain one.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from scenarios import NotFound

MODULES = {
    "demand": ("draw_demand", "thin_demand"),
    "stock": ("serve", "serve_and_review", "review", "ask", "take_off"),
    "lane": ("release", "claim", "allot", "ship", "dispatch", "weigh"),
}


@dataclass(frozen=True, slots=True)
class Kernels:
    """One set of kernels; each is documented in its reference."""

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
        return Kernels(name, **_members("reference"))
    if name == "numba":
        from numba import njit

        compile_ = njit(cache=True, nogil=True)
        return Kernels(
            name, **{each: compile_(plain) for each, plain in _members("compiled").items()}
        )
    raise NotFound(f"no kernels are called {name!r}: known are numpy and numba")


def _members(twin: str) -> dict[str, Callable[..., Any]]:
    return {
        each: getattr(importlib.import_module(f"simulation.kernels.{module}_{twin}"), each)
        for module, names in MODULES.items()
        for each in names
    }
