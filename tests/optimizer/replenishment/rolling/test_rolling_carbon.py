"""Hard limits on CO2e over the nights after tonight: kept, priced, audited."""

from __future__ import annotations

import pandas as pd
import pytest

from optimizer.audit.rolling import check
from optimizer.pipeline import plan
from optimizer.plan import Plan
from scenarios import Scenario
from tests.optimizer.replenishment.rolling.test_rolling_plan import WORK, day, orders, scenario

ROAD = {"mode": "road", "g_co2e_per_tkm": 100.0, "cost_per_shipment": 0.0}
RAIL = {"mode": "rail", "g_co2e_per_tkm": 20.0, "cost_per_shipment": 0.5}


def limited(grams: float | None, *lanes: dict[str, object], **cells: object) -> Scenario:
    """Return 10 units a week, of 0.1 kg each over 100 km: by road 1 g a unit, by rail 0.2."""
    facts = scenario()
    way = {"origin_id": "FARM", "destination_id": "W1", "distance_km": 100.0,
           "transit_mean_days": 0.0}  # fmt: skip
    tables = dict(facts.tables) | {"lanes": pd.DataFrame([way | lane for lane in lanes or (ROAD,)])}
    if grams is not None:
        row = {"limit_id": "CAP", "kind": "co2", "scope": "all", "bucket": pd.NaT, "sense": "<=",
               "value": grams, "hard": True}  # fmt: skip
        tables["limits"] = pd.DataFrame([row | cells])
    return Scenario(facts.settings, tables)


def rolled(facts: Scenario) -> Plan:
    """Return the audited plan."""
    return plan(facts, ["rolling"], work=WORK)


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        ({}, [(14, 21, 6.0), (21, 28, 6.0)]),
        ({"scope": "stage:rolling"}, [(14, 21, 6.0), (21, 28, 6.0)]),
        ({"scope": "supplier:FARM"}, [(14, 21, 6.0), (21, 28, 6.0)]),
        ({"bucket": day(21)}, [(14, 21, 10.0), (21, 28, 6.0)]),
        ({"scope": "stage:sourcing"}, [(14, 21, 10.0), (21, 28, 10.0)]),
        ({"hard": False}, [(14, 21, 10.0), (21, 28, 10.0)]),
    ],
)
def test_each_bucket_keeps_the_limit(
    cells: dict[str, object], found: list[tuple[int, int, float]]
) -> None:
    """6 g a week let 6 units come; without it 10 do."""
    made = rolled(limited(6.0, **cells))
    assert orders(made) == found
    prices = made.table("marginal_prices")
    price = prices.loc[(prices["kind"] == "co2") & (prices["stage"] == "rolling"), "price"]
    assert (price.max() > 0.0) == (found[1][2] == 6.0)


@pytest.mark.slow
def test_the_cleaner_mode_brings_what_the_limit_forbids_by_road() -> None:
    """By rail 10 units emit 2 g: they come by rail where road would emit 10 of 6."""
    made = rolled(limited(6.0, ROAD, RAIL))
    assert orders(made) == [(14, 21, 10.0), (21, 28, 10.0)]
    table = made.table("purchase_orders")
    assert table["mode"].tolist() == ["rail", "rail"]
    assert table["g_co2e"].tolist() == pytest.approx([2.0, 2.0])
    weeks = made.table("rolling_weeks")
    assert (weeks["bound"] <= weeks["objective"] + 1e-9).all()


def test_a_limit_with_room_changes_nothing() -> None:
    """10 g of 50: road, and the tables are those without a limit."""
    free, held = (rolled(limited(grams, ROAD, RAIL)) for grams in (None, 50.0))
    for name in ("purchase_orders", "rolling_weeks"):
        pd.testing.assert_frame_equal(free.table(name), held.table(name))
    assert free.table("purchase_orders")["mode"].tolist() == ["road", "road"]


def test_the_referee_finds_a_night_beyond_the_limit() -> None:
    """10 units by road emit 10 g of 6 in each of two weeks."""
    free = rolled(limited(None))
    report = check(limited(6.0), free.tables)
    found = [violation for violation in report.violations if violation.code == "over_co2"]
    told = [violation.example for violation in found]
    assert told == ["CAP 2026-03-16: 10 g", "CAP 2026-03-23: 10 g"]
