"""The picture of routes: one map per region of depots."""

from __future__ import annotations

from pathlib import Path

import pytest

from optimizer.pipeline import plan
from optimizer.plan import Plan
from optimizer.routing.map import draw_routes
from scenarios import InputError


def test_map_is_drawn_small(small, tmp_path: Path):
    """A PNG of less than 300 kB, the same bytes twice."""
    pytest.importorskip("matplotlib")
    made = plan(small(), ["routing"], work=0.3)
    first, second = (draw_routes(small(), made, tmp_path / f"{k}.png").read_bytes() for k in "ab")
    assert first[:4] == b"\x89PNG"
    assert first == second
    assert len(first) < 300_000


def test_plan_without_routes_is_refused(small, tmp_path: Path):
    """There is nothing to draw, and the message says so."""
    pytest.importorskip("matplotlib")
    made = plan(small(), ["routing"], work=0.3)
    with pytest.raises(InputError, match="no routes"):
        draw_routes(small(), Plan(made.provenance, {}), tmp_path / "none.png")
