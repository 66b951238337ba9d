"""Random numbers of each risk: of the scenario's seed and the risk's own name, and nothing else."""

from __future__ import annotations

import hashlib

import numpy as np

from optimizer.replenishment.facts import Facts


def stream(facts: Facts, name: str) -> np.random.Generator:
    """Return the generator of a name; another risk more or less does not move it."""
    told = f"{facts.scenario.settings.seed}:{name}".encode()
    key = int.from_bytes(hashlib.sha256(told).digest()[:8], "little")
    return np.random.Generator(np.random.Philox(key=key))
