"""A night of which only the orders are asked."""

from __future__ import annotations

import pandas as pd

from optimizer.outcome import Limits
from optimizer.replenishment import run
from scenarios import Scenario

SAME = ("purchase_orders", "transfers", "policies", "marginal_prices", "explanations")


def test_a_brief_night_orders_the_same(corner_shop: Scenario) -> None:
    """Orders, transfers, policies, prices and objective are those of the full night."""
    full = run(corner_shop, {}, Limits(work=2.0))
    brief = run(corner_shop, {}, Limits(work=2.0), brief="yes")
    for name in SAME:
        pd.testing.assert_frame_equal(brief.tables[name], full.tables[name])
    assert brief.certificate is not None
    assert full.certificate is not None
    assert brief.certificate.objective == full.certificate.objective
    assert brief.kpis == full.kpis
    assert "risks" not in brief.tables
    assert "risks" in full.tables
