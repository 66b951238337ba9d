"""A limit of scope `all` holds for each stage by itself: the plan says what they emit together."""

from __future__ import annotations

import pandas as pd
import pytest

from optimizer.audit.co2_together import together
from optimizer.pipeline import plan
from scenarios import Scenario

START = pd.Timestamp("2026-10-12")
STAGES = ("positioning", "replenishment", "rolling", "sourcing", "routing")


def with_limit(shop: Scenario, grams: float, **cells: object) -> Scenario:
    """Return the corner shop with one hard limit on CO2e."""
    row = {"limit_id": "CAP", "kind": "co2", "scope": "all", "sense": "<=", "value": grams,
           "hard": True} | cells  # fmt: skip
    return Scenario(shop.settings, {**shop.tables, "limits": pd.DataFrame([row])})


def tables() -> dict[str, pd.DataFrame]:
    """Ten grams of purchases tonight, 20 a week later, 5 moved, two parcels, a route of 100.

    Parcel S1 is on the route, S2 goes by a carrier for 7.
    """
    week = START + pd.Timedelta(days=7)
    return {
        "purchase_orders": pd.DataFrame(
            {"order_id": ["PO-1", "PO-2"], "order_on": [START, week], "g_co2e": [10.0, 20.0]}
        ),
        "transfers": pd.DataFrame(
            {"transfer_id": ["TP-1", "TR-1"], "ship_on": START, "g_co2e": [5.0, 50.0]}
        ),
        "shipments": pd.DataFrame(
            {"shipment_id": ["S1", "S2"], "order_id": ["O1", "O2"], "g_co2e": [300.0, 7.0]}
        ),
        "routes": pd.DataFrame({"start": [START + pd.Timedelta(hours=9)], "g_co2e": [100.0]}),
        "stops": pd.DataFrame({"shipment_id": ["S1", None]}),
    }


def test_what_stages_emit_is_added_up_once(corner_shop: Scenario) -> None:
    """5 moved, 10 tonight, 20 later, 7 by the carrier, 100 driven: 142; S1 is in the route."""
    kpis, notes = together(with_limit(corner_shop, 100.0), tables(), STAGES)
    found = {kpi.kpi: (kpi.value, kpi.variant, kpi.unit) for kpi in kpis}
    assert found == {
        "co2_limit": (100.0, "CAP", "g CO2e"),
        "co2_all_stages": (142.0, "CAP", "g CO2e"),
    }
    assert notes[0] == (
        "Limit CAP on CO2e allows 100 g to each stage by itself; all stages together emit 142 g:"
        " positioning 5, replenishment 10, rolling 20, sourcing 7, routing 100."
    )
    assert "anew in every bucket" in notes[1]


def test_a_limit_of_a_bucket_counts_what_is_done_in_it(corner_shop: Scenario) -> None:
    """What is ordered a week later belongs to another bucket: 122 g of 142, 120 allowed."""
    facts = with_limit(corner_shop, 120.0, bucket=START)
    kpis, notes = together(facts, tables(), STAGES)
    assert kpis[1].value == 122.0
    assert len(notes) == 1


@pytest.mark.parametrize(
    ("grams", "cells", "count"),
    [(142.0, {}, 2), (1.0, {"hard": False}, 0), (1.0, {"scope": "stage:routing"}, 0)],
)
def test_nothing_is_told_where_nobody_could_be_fooled(
    corner_shop: Scenario, grams: float, cells: dict[str, object], count: int
) -> None:
    """The sum keeps the limit, or the limit is soft, or of one stage alone."""
    kpis, notes = together(with_limit(corner_shop, grams, **cells), tables(), STAGES)
    assert (len(kpis), notes) == (count, ())


def test_one_stage_alone_needs_no_sum(corner_shop: Scenario) -> None:
    """Where a single stage emits, its own limit is the sum's."""
    assert together(with_limit(corner_shop, 1.0), tables(), ["routing"]) == ((), ())


def test_a_plan_states_the_sum(corner_shop: Scenario) -> None:
    """Sourcing and routing keep the limit each; the plan's figures say what they emit in all."""
    facts = with_limit(corner_shop, 1e6)
    made = plan(facts, ["sourcing", "routing"], work=1.0)
    kpis = made.table("kpis")
    figures = kpis[kpis["variant"] == "CAP"].set_index("kpi")["value"]
    parcels = made.table("shipments")
    driven = set(made.table("stops")["shipment_id"].dropna())
    sent = parcels.loc[~parcels["shipment_id"].isin(driven), "g_co2e"].sum()
    assert sent > 0.0
    assert figures["co2_all_stages"] == pytest.approx(sent + made.table("routes")["g_co2e"].sum())
    assert "plan" not in made.notes
