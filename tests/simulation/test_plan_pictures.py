"""Pictures of plans: what is drawn is what the tables hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from test_stress import facts, plan_for

from scenarios import NotFound
from simulation.plan_pictures import draw_frontier, draw_stock, draw_waterfall

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def night():
    """Return a plan with a frontier of three points and two weeks of stock of one product."""
    frontier = pd.DataFrame(
        {"scope": "all", "point": [2.0, 1.0, 3.0], "price_factor": 1.0, "cost_per_day": 1.0,
         "fill_rate": [0.9, 0.8, 0.95], "stock_value": [200.0, 100.0, 400.0],
         "short_units_per_day": 0.1, "chosen": [True, False, False]}
    )  # fmt: skip
    stock = pd.DataFrame(
        {"site_id": "D", "product_id": "P1", "bucket": pd.to_datetime(["2026-03-02", "2026-03-09"]),
         "opening": [10.0, 6.0], "receipts": [0.0, 5.0], "demand": [4.0, 4.0],
         "closing": [6.0, 7.0], "p10": [4.0, 3.0], "p90": [8.0, 11.0]}
    )  # fmt: skip
    return plan_for(facts(), stock_frontier=frontier, inventory_projection=stock)


def test_the_frontier_goes_from_little_stock_to_much(night):
    """Points in the order of the table's `point`, in percent; the chosen one apart."""
    line, own = draw_frontier(night, "EUR").axes[0].lines
    np.testing.assert_allclose(line.get_xdata(), [100.0, 200.0, 400.0])
    np.testing.assert_allclose(line.get_ydata(), [80.0, 90.0, 95.0])
    assert own.get_xdata().tolist() == [200.0]


def test_stock_is_drawn_bucket_by_bucket(night):
    """The line is closing stock, the bars are receipts."""
    panel = draw_stock(night, "P1", "D").axes[0]
    assert panel.lines[0].get_ydata().tolist() == [6.0, 7.0]
    assert [bar.get_height() for bar in panel.patches] == [0.0, 5.0]


def test_bars_of_a_waterfall_join_before_and_after():
    """From 100 up by 30 to 130, down by 10 to 120."""
    bars = [{"driver": "a", "change": 30.0}, {"driver": "b", "change": -10.0}]
    fall = {"before": 100.0, "after": 120.0, "bars": bars}
    drawn = draw_waterfall(fall, "EUR").axes[0].patches
    spans = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in drawn]
    assert [tuple(map(round, span)) for span in spans] == [
        (0, 100),
        (0, 120),
        (100, 130),
        (130, 120),
    ]


def test_what_is_not_there_is_not_drawn(night):
    """A product without a projection, a scope without a frontier: said, not drawn empty."""
    with pytest.raises(NotFound, match="no stock of P9 at D"):
        draw_stock(night, "P9", "D")
    with pytest.raises(NotFound, match="abc:A"):
        draw_frontier(night, "EUR", "abc:A")
