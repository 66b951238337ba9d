"""Compiles the search before anybody waits for it; numba keeps the result on disk."""

from __future__ import annotations

import numpy as np

from optimizer.routing.ruin.anneal import anneal
from optimizer.routing.ruin.clock import refresh_all
from optimizer.routing.ruin.compiling import kept_on_disk
from optimizer.routing.ruin.facts import Facts, empty_book, make_part
from optimizer.routing.ruin.roads import make_roads


def prepare() -> None:
    """Compile the search, or load what was compiled before, on a problem of one stop."""
    one = np.ones(1, np.int64)
    nothing, square = np.zeros(1, np.int64), np.zeros((2, 2), np.int64)
    facts = Facts(
        roads=make_roads(square, [square], np.arange(2)),
        near=np.zeros((1, 0), np.int32),
        load=np.ones((1, 1), np.int64),
        backhaul=np.zeros(1, bool),
        service=nothing,
        release=nothing,
        loss=one,
        window_at=np.arange(2),
        opens=nothing,
        closes=one,
        allowed=np.ones((1, 1), bool),
        start=one,
        end=one,
        profile=nothing,
        room=np.ones((1, 1), np.int64),
        per_metre=one,
        per_second=nothing,
        fixed=nothing,
        longest_m=one,
        longest_s=one,
        most_stops=one,
        shift_opens=nothing,
        shift_closes=one,
        latest_start=one,
        type_of=nothing,
        timed=True,
        mixed=False,
        choosy=False,
        typed=False,
    )
    book = empty_book(facts)
    refresh_all(facts, book)
    part = make_part(facts, np.ones(1, bool), nothing, np.zeros(1, bool), 1)
    anneal(facts, book, part, 1, 1.0, 1.0)


def is_prepared() -> bool:
    """Say whether the search was compiled in this process or before on this machine."""
    return bool(anneal.signatures or kept_on_disk(anneal))  # type: ignore[attr-defined]


if __name__ == "__main__":
    prepare()
