"""Counter-based random numbers: a function of seed, stream, tick, replication and item alone.

Nothing is drawn in turn, so no decision of a policy can shift another number: two plans meet
the same demand, and replications come out the same however they are cut into chunks.

    stream = hash(seed, name of the stream)          64 bits, BLAKE2b
    tick   = mix(stream + (tick + 1) x GOLDEN)
    row    = mix(tick xor (replication + 1) x SPREAD)
    number = mix(row + key of the item)              key: BLAKE2b of its id

`mix` is the finaliser of splitmix64.

Source: Steele, Lea, Flood, Fast Splittable Pseudorandom Number Generators, OOPSLA 2014, figure 16.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from simulation.arrays import Floats, Keys, Places

GOLDEN = 0x9E3779B97F4A7C15
SPREAD = 0xD1342543DE82EF95
FIRST = 0xBF58476D1CE4E5B9
SECOND = 0x94D049BB133111EB
AHEAD = 64  # rows worked out at once, ticks by replications
MASK = 0xFFFFFFFFFFFFFFFF


def mix(value: int) -> int:
    """Scramble one 64-bit number (splitmix64)."""
    value = ((value ^ (value >> 30)) * FIRST) & MASK
    value = ((value ^ (value >> 27)) * SECOND) & MASK
    return value ^ (value >> 31)


def mix_all(values: Keys) -> Keys:
    """Scramble 64-bit numbers, element by element (splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(FIRST)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(SECOND)
    result: Keys = values ^ (values >> np.uint64(31))
    return result


def name_key(*names: object) -> int:
    """Return 64 bits that a list of names stands for."""
    text = "\x1f".join(str(name) for name in names)
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def item_keys(ids: Sequence[str]) -> Keys:
    """Return the key of each item: (n_items,) uint64, by its id and not by its place."""
    return np.array([name_key("item", item) for item in ids], dtype=np.uint64)


def tick_key(stream: int, tick: int) -> int:
    """Return the key of a stream at a tick."""
    return mix((stream + (tick + 1) * GOLDEN) & MASK)


def row_keys(stream: int, tick: int, replications: Places) -> Keys:
    """Return the key of each replication of a stream at a tick: (n_replications,) uint64.

    Parameters
    ----------
    replications : numbers of the replications, from 0; any part of them in any order
    """
    spread = (replications.astype(np.uint64) + np.uint64(1)) * np.uint64(SPREAD)
    return mix_all(np.uint64(tick_key(stream, tick)) ^ spread)


class RowKeys:
    """Keys of a stream in some replications, worked out for many ticks at once.

    Parameters
    ----------
    replications : numbers of the replications
    """

    def __init__(self, stream: int, replications: Places) -> None:
        self.stream = np.uint64(stream)
        self.spread = (replications.astype(np.uint64) + np.uint64(1)) * np.uint64(SPREAD)
        self.begin = 0
        self.keys = np.zeros((0, len(replications)), np.uint64)

    def at(self, tick: int, n_ticks: int = 1) -> Keys:
        """(n_ticks, R) keys from a tick on: those of :func:`row_keys`."""
        first = tick - self.begin
        if first < 0 or first + n_ticks > len(self.keys):
            ahead = max(n_ticks, AHEAD // max(len(self.spread), 1))
            ticks = np.arange(tick + 1, tick + 1 + ahead, dtype=np.uint64)
            of_tick = mix_all(self.stream + ticks * np.uint64(GOLDEN))
            self.keys = mix_all(of_tick[:, None] ^ self.spread)
            self.begin, first = tick, 0
        return self.keys[first : first + n_ticks]


def uniform(stream: int, draw: int, replication: int) -> float:
    """Return one number in (0, 1), never 0 or 1, for what is drawn once per replication."""
    spread = ((replication + 1) * SPREAD) & MASK
    bits = mix(tick_key(stream, draw) ^ spread) >> 11
    return (bits + 0.5) / 9007199254740992.0


def uniform_many(stream: int, draw: int, replications: Places) -> Floats:
    """Return the numbers of :func:`uniform` in many replications: (R,), the same bits."""
    bits = row_keys(stream, draw, replications) >> np.uint64(11)
    numbers: Floats = (bits.astype(np.float64) + 0.5) / 9007199254740992.0
    return numbers
