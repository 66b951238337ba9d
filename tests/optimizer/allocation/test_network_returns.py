"""What comes back in a network design: counted, priced and weighed, and held by the referee."""

from __future__ import annotations

import pandas as pd
import pytest
from network_worlds import hand_made, random_network, with_weeks

from optimizer.audit.network import check
from optimizer.pipeline import plan
from optimizer.plan import Plan
from scenarios import Scenario

RATES = pd.DataFrame(
    {
        "product_id": "TEA",
        "reason": ["damaged", "unloved"],
        "rate": [0.2, 0.1],
        "delay_days": 5.0,
        "disposition": ["scrap", "resell"],
    }
)


def world(*, centre: bool = False, rates: pd.DataFrame | None = RATES) -> Scenario:
    """Return two sites that serve 70 units each; with a returns centre, NORTH has a lane to it."""
    scenario = hand_made()
    tables = dict(scenario.tables)
    if rates is not None:
        tables["return_rates"] = rates
    if centre:
        where = {"site_id": ["RC"], "kind": "returns_centre", "name": "Back", "status": "open"}
        site = pd.DataFrame(where).assign(inbound_units_per_day=2.0)
        tables["sites"] = pd.concat([scenario.table("sites"), site], ignore_index=True)
        lane = {"origin_id": ["NORTH"], "destination_id": "RC", "mode": "road"}
        back = pd.DataFrame(lane).assign(
            transit_mean_days=1.0, cost_per_unit=0.5, distance_km=10.0, capacity_kg_per_day=1.0
        )
        tables["lanes"] = pd.concat([scenario.table("lanes"), back], ignore_index=True)
    return Scenario(scenario.settings, tables)


def designed(scenario: Scenario) -> Plan:
    """Plan the network alone."""
    return plan(scenario, ["network"], work=10.0)


def test_goods_go_back_to_the_site_that_sold_them() -> None:
    """0.3 x 70 = 21 units each way; 21 kg x 100 km x 105 g per tkm = 220.5 g; no lane, no price."""
    made = designed(world())
    back = made.table("return_flows")
    assert back["origin_id"].tolist() == ["NORTH", "SOUTH"]
    assert back["destination_id"].tolist() == ["OLD", "NEW"]
    assert back["qty"].tolist() == pytest.approx([21.0, 21.0])
    assert back["g_co2e"].tolist() == pytest.approx([220.5, 220.5])
    assert back[["cost", "lane_share", "dock_share"]].isna().all(axis=None)
    assert made.kpi("returned", "returns") == pytest.approx(42.0)
    assert any(
        note.startswith("42 units come back where no lane") for note in made.notes["network"]
    )


def test_a_returns_centre_takes_what_a_lane_brings_it() -> None:
    """NORTH's 21 units: 21 x 0.5 = 10.5; 21 kg of 7, 21 units of 14; 21 kg x 10 km x 0.105 g."""
    made = designed(world(centre=True))
    back = made.table("return_flows").set_index("origin_id")
    north = back.loc["NORTH"]
    assert north["destination_id"] == "RC"
    figures = north[["cost", "lane_share", "dock_share", "g_co2e"]].tolist()
    assert figures == pytest.approx([10.5, 3.0, 1.5, 22.05])
    assert back.loc["SOUTH", "destination_id"] == "NEW"
    notes = made.notes["network"]
    assert "Returns alone are more than 1 lanes can carry: NORTH > RC." in notes
    assert "With what comes back 1 docks get more than inbound_units_per_day: RC." in notes


def test_returns_stay_beside_the_objective() -> None:
    """Sites, flows and objective are those of a world to which nothing comes back."""
    with_returns, without = designed(world()), designed(world(rates=None))
    for name in ("network", "flows", "unserved"):
        pd.testing.assert_frame_equal(
            with_returns.table(name), without.table(name), check_exact=True
        )
    assert not len(without.table("return_flows"))
    one, other = (made.table("certificates")["objective"] for made in (with_returns, without))
    assert one.tolist() == other.tolist()


@pytest.mark.parametrize("column", ["qty", "lane_share", "dock_share", "cost", "g_co2e"])
def test_the_referee_rejects_a_wrong_figure(column: str) -> None:
    """A tenth more of anything is a violation."""
    scenario = world(centre=True)
    tables = dict(designed(scenario).tables)
    assert check(scenario, tables).violations == ()
    table = tables["return_flows"]
    at = table["origin_id"] == "NORTH"
    tables["return_flows"] = table.assign(**{column: table[column].where(~at, table[column] * 1.1)})
    codes = {found.code for found in check(scenario, tables).violations}
    assert codes == {f"{column}_differs"}


def test_the_referee_misses_rows_that_are_left_out() -> None:
    """Without the table nobody says where 42 units go."""
    scenario = world()
    tables = {k: v for k, v in designed(scenario).tables.items() if k != "return_flows"}
    assert {found.code for found in check(scenario, tables).violations} == {"rows_missing"}


def test_each_period_has_its_own_room() -> None:
    """NORTH sells 10, then 70: 3 and 21 units come back to a dock that takes 14 in a week."""
    weeks = {"NORTH": [10.0, 70.0], "SOUTH": [10.0, 10.0]}
    scenario = with_weeks(world(centre=True), weeks)
    made = plan(scenario, ["network"], work=10.0, options={"periods": "bucket"})
    back = made.table("return_flows").set_index(["origin_id", "bucket"])["dock_share"]
    second = pd.Timestamp("2026-10-19")
    assert back["NORTH", pd.Timestamp("2026-10-12")] == pytest.approx(3.0 / 14.0)
    assert back["NORTH", second] == pytest.approx(21.0 / 14.0)
    assert check(scenario, dict(made.tables), periods="bucket").violations == ()


@pytest.mark.parametrize("seed", [1, 2])
def test_the_referee_agrees_on_any_network(seed: int) -> None:
    """Suppliers, several modes and limits: what comes back is the referee's to the last row."""
    bare = random_network(seed)
    rates = RATES.assign(product_id="P0")
    scenario = Scenario(bare.settings, dict(bare.tables) | {"return_rates": rates})
    made = designed(scenario)
    assert set(made.table("return_flows")["product_id"]) == {"P0"}
    assert check(scenario, dict(made.tables)).violations == ()
