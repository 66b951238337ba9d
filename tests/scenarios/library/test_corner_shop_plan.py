"""A plan of the corner shop finds what its page calculates by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from optimizer.pipeline import plan
from optimizer.plan import Plan
from scenarios.library import demo_scenario

PAGE = Path(__file__).parents[3] / "docs" / "data" / "corner-shop.md"


@pytest.fixture(scope="module")
def made() -> Plan:
    return plan(
        demo_scenario("corner-shop"), ["replenishment", "sourcing", "waves", "routing"], work=4.0
    )


def _objective(made: Plan, stage: str) -> float:
    rows = made.table("certificates")
    return float(rows.loc[rows["stage"] == stage, "objective"].iloc[0])


@pytest.mark.slow
def test_purchase_orders_are_those_of_the_page(made: Plan) -> None:
    """18 tea, 20 coffee and 5 mugs are ordered, for 36.00, 84.89 and 15.00."""
    rows = made.table("purchase_orders").set_index("product_id")
    assert rows["qty"].to_dict() == {"COFFEE": 20.0, "TEA": 18.0, "MUG": 5.0}
    assert rows["cost"].round(2).to_dict() == {"COFFEE": 84.89, "TEA": 36.0, "MUG": 15.0}


def test_transfers_are_those_of_the_page(made: Plan) -> None:
    """Four tea last: the lane to the shop waits for more."""
    assert not len(made.table("transfers"))


@pytest.mark.parametrize(
    ("stage", "shown"),
    [
        ("replenishment", "8.1283"),
        ("sourcing", "125.40"),
        ("waves", "137.50"),
        ("routing", "23.60"),
    ],
)
def test_objectives_are_those_of_the_page(made: Plan, stage: str, shown: str) -> None:
    """Each stage's objective is the sum in bold on the page."""
    assert f"**{shown}**" in PAGE.read_text(encoding="utf-8")
    assert _objective(made, stage) == pytest.approx(
        float(shown), abs=0.5 * 10.0 ** -len(shown.split(".")[1])
    )


def test_parcels_are_those_of_the_page(made: Plan) -> None:
    """O1 goes by van for 3, O2 by post for 6, O3 by bike for 2, O4's tea by post for 4."""
    rows = made.table("shipments").set_index("order_id")
    assert rows["cost"].round(6).to_dict() == {"O1": 3.0, "O2": 6.0, "O3": 2.0, "O4": 4.0}
    assert rows["site_id"].to_dict() == {"O1": "W1", "O2": "W1", "O3": "S1", "O4": "W1"}


def test_the_bike_misses_its_cutoff_as_the_page_says(made: Plan) -> None:
    """O3 cannot make 09:00 even alone; a cut-off 60 minutes later or 4 units before it would do."""
    (late,) = made.table("missed_cutoffs").itertuples()
    assert (late.shipment_id, late.proof, late.later_cutoff_min) == ("O3.1", "proven", 60.0)
    assert (late.extra_pick_units, late.extra_dock_parcels) == (4.0, 1.0)


def test_unserved_is_the_large_coffee_order(made: Plan) -> None:
    """Only O4's 12 coffee stay behind, for want of stock."""
    (row,) = made.table("unserved").itertuples()
    assert (row.kind, row.id, row.qty, row.code) == ("order_line", "O4/1", 12.0, "no_stock")
