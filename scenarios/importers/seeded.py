"""Random numbers that belong to an id: the same for the same seed, whatever else is in the file."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv, ndtri

Floats = NDArray[np.float64]


def uniforms(seed: int, stream: str, ids: Iterable[str]) -> Floats:
    """Draw one number in (0, 1) per id.

    Parameters
    ----------
    seed : of the import
    stream : what the number is for; streams are independent of each other
    ids : (n,) what the numbers belong to

    Returns
    -------
    draws : (n,) float64, a function of (seed, stream, id) alone
    """
    key = blake2b(f"{seed}/{stream}".encode(), digest_size=16).digest()
    whole = [
        int.from_bytes(blake2b(str(name).encode(), key=key, digest_size=8).digest(), "little")
        for name in ids
    ]
    return (np.array([value >> 12 for value in whole], np.float64) + 0.5) * 2.0**-52


def normals(seed: int, stream: str, ids: Iterable[str]) -> Floats:
    """Draw one standard normal number per id."""
    result: Floats = ndtri(uniforms(seed, stream, ids))
    return result


def gammas(draws: Floats, mean: Floats, sd: Floats) -> Floats:
    """Turn uniform draws into gamma numbers by mean and sd, element by element; sd 0 is fixed."""
    spread = np.maximum(sd, 1e-9 * np.maximum(mean, 1.0))
    shape = (mean / spread) ** 2
    result: Floats = np.where(sd > 0, gammaincinv(shape, draws) * spread**2 / mean, mean)
    return result


def picks(draws: Floats, weights: Floats) -> NDArray[np.int64]:
    """Turn uniform draws into positions 0..n-1 that come up in proportion to `weights` (n,)."""
    edges = np.cumsum(weights) / np.sum(weights)
    edges[-1] = 1.0
    return np.searchsorted(edges, draws).astype(np.int64)
