"""Random numbers inside compiled code: the same on every machine."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import uint64

from optimizer.routing.ruin.compiling import inlined


@inlined
def bits(state: Any) -> Any:
    """Return 53 random bits (xorshift64*, Vigna 2016)."""
    x = state[0]
    x ^= x >> uint64(12)
    x ^= x << uint64(25)
    x ^= x >> uint64(27)
    state[0] = x
    return (x * uint64(2685821657736338717)) >> uint64(11)


@inlined
def uniform(state: Any) -> Any:
    """Return a number from 0 to below 1."""
    return float(bits(state)) * (1.0 / 9007199254740992.0)


@inlined
def below(state: Any, n: Any) -> Any:
    """Return a whole number from 0 to below n."""
    return np.int64(uniform(state) * n)
