"""Rings of a graph are found without recursion, each once."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.validation.rings import rings

NODES = st.sampled_from("abcdef")


def test_a_ring_starts_at_its_smallest_node() -> None:
    """C > a > b > c is told as a, b, c."""
    assert rings({"c": ["a"], "a": ["b"], "b": ["c", "d"], "d": []}) == [["a", "b", "c"]]


def test_a_loop_is_a_ring_of_one() -> None:
    """A node that leads to itself is a ring."""
    assert rings({"a": ["a", "b"]}) == [["a"]]


@pytest.mark.slow
def test_a_long_chain_needs_no_stack() -> None:
    """A chain of 100,000 nodes has no ring, and closing it makes one."""
    chain = {f"{n:06d}": [f"{n + 1:06d}"] for n in range(100_000)}
    assert rings(chain) == []
    assert len(rings(chain | {"100000": ["000000"]})[0]) == 100_001


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(NODES, st.lists(NODES, max_size=3)))
def test_rings_are_rings_and_none_is_left(follows: dict[str, list[str]]) -> None:
    """Each ring follows edges back to its start; without the rings' nodes no ring remains."""
    found = rings(follows)
    for ring in found:
        for here, there in zip(ring, ring[1:] + ring[:1], strict=True):
            assert there in follows[here]
    taken = {name for ring in found for name in ring}
    rest = {
        name: [target for target in targets if target not in taken]
        for name, targets in follows.items()
        if name not in taken
    }
    assert rings(rest) == []
