"""The arithmetic of what couples SKUs or sources, in two twins with the same bits.

`coupled_reference` (NumPy) says what is right, `coupled_compiled` (numba) the same faster. They
are loaded and called only in a world that states what they are for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

NAMES = ("ration", "split_orders", "issue_oldest", "fill_oldest", "grant_channels")


@dataclass(frozen=True, slots=True)
class Coupled:
    """One set; each is documented in :mod:`simulation.kernels.coupled_reference`."""

    ration: Callable[..., Any]
    split_orders: Callable[..., Any]
    issue_oldest: Callable[..., Any]
    fill_oldest: Callable[..., Any]
    grant_channels: Callable[..., Any]


@lru_cache(maxsize=2)
def coupled(name: str) -> Coupled:
    """Return the coupling kernels "numpy" or "numba"."""
    if name == "numpy":
        from simulation.kernels import coupled_reference

        return Coupled(**{each: getattr(coupled_reference, each) for each in NAMES})
    from numba import njit

    from simulation.kernels import coupled_compiled

    compile_ = njit(cache=True, nogil=True)
    return Coupled(**{each: compile_(getattr(coupled_compiled, each)) for each in NAMES})
