"""The positioning stage: arithmetic by hand, and what later stages see of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd
import pytest
from positioning_worlds import hand_made, random_problem

from optimizer.allocation.positioning.from_scenario import Read
from optimizer.allocation.positioning.problem import Moves
from optimizer.allocation.positioning.tables import cross_explanations
from optimizer.audit.positioning import check
from optimizer.gates import audited_again
from optimizer.moved import with_transfers
from optimizer.outcome import Limits
from optimizer.pipeline import audit_stage, plan, run_stage
from optimizer.plan import Plan
from optimizer.stages import choose_stages
from scenarios import InputError, Scenario


def positioned(scenario: Scenario, **options: str) -> Plan:
    """Position stock alone."""
    return plan(scenario, ["positioning"], work=2.0, options=options or None)


def objective(made: Plan) -> float:
    """Return the certificate's objective."""
    return float(made.table("certificates")["objective"].iloc[0])


def moved(made: Plan) -> dict[tuple[str, str, str], float]:
    """Return units by product, origin and destination."""
    rows = made.table("transfers")
    keys = zip(rows["product_id"], rows["origin_id"], rows["destination_id"], strict=True)
    return dict(zip(keys, rows["qty"].astype(float), strict=True))


def test_stock_moves_where_it_is_short() -> None:
    """Seven days of 5 a day at each site, 70 units at W1: 35 move, at 1 each; nothing is short."""
    made = positioned(hand_made(stock={("A", "W1"): 70.0}, demand={("A", "W1"): 5, ("A", "W2"): 5}))
    assert moved(made) == {("A", "W1", "W2"): 35.0}
    assert objective(made) == pytest.approx(35.0)
    certificate = made.table("certificates").iloc[0]
    assert certificate["status"] == "optimal"
    assert certificate["bound"] == pytest.approx(35.0)


def test_nothing_moves_where_the_supplier_is_as_soon() -> None:
    """The lane takes a day, and so does the supplier."""
    made = positioned(
        hand_made(stock={("A", "W1"): 70.0}, demand={("A", "W1"): 5, ("A", "W2"): 5}, lead_days=1.0)
    )
    assert moved(made) == {}
    assert objective(made) == pytest.approx(5 * 4.0)  # a day of W2


def test_a_dear_lane_is_not_used() -> None:
    """A unit short costs 4, moving it 4.5."""
    made = positioned(
        hand_made(
            stock={("A", "W1"): 70.0},
            demand={("A", "W1"): 5, ("A", "W2"): 5},
            lane={"cost_per_unit": 4.5},
        )
    )
    assert moved(made) == {}
    assert objective(made) == pytest.approx(35 * 4.0)


def test_stock_serves_another_region_where_that_is_cheaper_than_moving() -> None:
    """A parcel costs 5 instead of 3 from W1 into Z2: 2 a unit, less than 2.5 on the lane."""
    made = positioned(
        hand_made(
            stock={("A", "W1"): 70.0},
            demand={("A", "W1"): 5, ("A", "W2"): 5},
            lane={"cost_per_unit": 2.5},
            rates=True,
        )
    )
    assert moved(made) == {}
    row = made.table("cross_serving").iloc[0]
    assert (row["site_id"], row["region_site_id"], row["qty"]) == ("W1", "W2", 35.0)
    assert objective(made) == pytest.approx(35 * 2.0)
    told = made.table("explanations").set_index("decision_id")
    only = told.loc["cross_serving:A@W1>W2"]  # there are two sites
    assert only["alternative"] == "no other site could serve it for less than being short"


def test_the_next_best_site_for_a_region_is_priced_for_all_units() -> None:
    """3 units lie at site 0 for region 2 at 6 each, the least; from site 1 each would cost 9."""
    problem = random_problem(1, products=1, sites=3)
    premium = np.full((1, 3, 3), np.inf)
    premium[0, 0, 2], premium[0, 1, 2], premium[0, 0, 1] = 6.0, 9.0, 5.0
    problem = replace(problem, premium=premium, shortage=np.full((1, 3), 20.0))
    read = SimpleNamespace(problem=problem, products=["A"], sites=["W0", "W1", "W2"])
    none = np.zeros(0, np.int64)
    one = np.array([0])
    moves = Moves(none, none, none, one, np.array([0]), np.array([2]), np.array([3]))
    row = cross_explanations(cast(Read, read), moves).iloc[0]
    assert row["decision_id"] == "cross_serving:A@W0>W2"
    assert row["alternative"] == "from W1"
    assert row["extra_cost"] == pytest.approx(3 * (9.0 - 6.0))
    terms = json.loads(row["alternative_terms"])
    assert terms == pytest.approx({"across_from_there": 3 * 3.0, "across": 0.0})


def test_a_late_parcel_serves_no_other_region() -> None:
    """Z2 is promised a parcel the same day; from W1 it takes a day."""
    zones = pd.DataFrame(
        {"zone_id": ["Z1", "Z2"], "name": ["One", "Two"], "promise_days": [1.0, 0.5]}
    )
    made = positioned(
        hand_made(
            stock={("A", "W1"): 70.0},
            demand={("A", "W1"): 5, ("A", "W2"): 5},
            lane={"cost_per_unit": 2.5},
            rates=True,
            more={"zones": zones},
        )
    )
    assert len(made.table("cross_serving")) == 0
    assert moved(made) == {("A", "W1", "W2"): 35.0}


@pytest.mark.parametrize(
    ("trip_cost", "units"),
    [(100.0, 35.0), (110.0, 0.0)],
)
@pytest.mark.slow
def test_a_trip_is_paid_whole(trip_cost: float, units: float) -> None:
    """35 units save 4 - 1 each, 105 in all: worth a trip of 100, not one of 110."""
    lane = {"cost_per_shipment": trip_cost, "shipment_kg": 1000.0}
    made = positioned(
        hand_made(stock={("A", "W1"): 70.0}, demand={("A", "W1"): 5, ("A", "W2"): 5}, lane=lane)
    )
    assert sum(moved(made).values()) == units


def test_a_second_trip_needs_its_own_worth() -> None:
    """A trip of 40 holds 30 kg: 30 units save 90; the other 5 would save 15 for 40 more."""
    lane = {"cost_per_shipment": 40.0, "shipment_kg": 30.0}
    made = positioned(
        hand_made(stock={("A", "W1"): 70.0}, demand={("A", "W1"): 5, ("A", "W2"): 5}, lane=lane)
    )
    assert moved(made) == {("A", "W1", "W2"): 30.0}
    assert objective(made) == pytest.approx(40 + 30 + 5 * 4.0)


def test_a_shipment_that_would_not_be_filled_stays() -> None:
    """35 kg fill 35 % of a trip that must be filled to half."""
    lane = {"cost_per_shipment": 1.0, "shipment_kg": 100.0, "min_fill_pct": 50.0}
    made = positioned(
        hand_made(stock={("A", "W1"): 70.0}, demand={("A", "W1"): 5, ("A", "W2"): 5}, lane=lane)
    )
    assert moved(made) == {}


@pytest.mark.parametrize(
    ("sites", "lane", "kind", "units"),
    [
        ({}, {"capacity_kg_per_day": 20.0}, "lane", 20.0),
        ({"outbound_units_per_day": [25.0, 25.0]}, {}, "dock", 20.0),  # 5 are left to orders
        ({"inbound_units_per_day": [15.0, 15.0]}, {}, "dock", 15.0),
        ({"storage_m3": [100.0, 1.0]}, {}, "storage", 10.0),  # 0.1 m3 a unit
    ],
)
def test_what_is_shared_limits_and_has_a_price(
    sites: Mapping[str, object], lane: Mapping[str, object], kind: str, units: float
) -> None:
    """35 units want to move; each that cannot costs 4 - 1: 3 per unit, 30 per m3."""
    made = positioned(
        hand_made(
            stock={("A", "W1"): 70.0},
            demand={("A", "W1"): 5, ("A", "W2"): 5},
            lane=lane,
            sites=sites,
        )
    )
    assert sum(moved(made).values()) == units
    prices = made.table("marginal_prices")
    price = prices[prices["kind"] == kind]["price"].max()
    assert price == pytest.approx(30.0 if kind == "storage" else 3.0, rel=1e-3)
    certificate = made.table("certificates").iloc[0]
    assert certificate["gap_pct"] == pytest.approx(0.0, abs=0.01)


def co2_world(grams: float, **cells: object) -> Scenario:
    """35 units want to move, each of 1 kg over 100 km at 50 g per tkm: 5 g a unit."""
    row = {"limit_id": "CAP", "kind": "co2", "scope": "all", "bucket": pd.NaT, "sense": "<=",
           "value": grams, "hard": True}  # fmt: skip
    return hand_made(
        stock={("A", "W1"): 70.0},
        demand={("A", "W1"): 5, ("A", "W2"): 5},
        lane={"g_co2e_per_tkm": 50.0},
        more={"limits": pd.DataFrame([row | cells])},
    )


@pytest.mark.parametrize(
    ("cells", "units"),
    [
        ({}, 20.0),
        ({"scope": "stage:positioning"}, 20.0),
        ({"scope": "site:W1"}, 20.0),
        ({"bucket": pd.Timestamp("2026-10-12")}, 20.0),
        ({"scope": "site:W2"}, 35.0),  # nothing leaves it
        ({"scope": "stage:sourcing"}, 35.0),
        ({"bucket": pd.Timestamp("2026-10-19")}, 35.0),  # next week
        ({"hard": False}, 35.0),
    ],
)
def test_a_limit_on_co2_stops_what_moves(cells: Mapping[str, object], units: float) -> None:
    """100 g let 20 units go: each of the others costs 4 - 1, 3 / 5 a gram."""
    made = positioned(co2_world(100.0, **cells))
    assert sum(moved(made).values()) == units
    prices = made.table("marginal_prices")
    price = prices[prices["kind"] == "co2"]["price"].max()
    if units == 20.0:
        assert price == pytest.approx(0.6, rel=1e-3)
        certificate = made.table("certificates").iloc[0]
        assert objective(made) == pytest.approx(20 * 1.0 + 15 * 4.0)
        assert certificate["gap_pct"] == pytest.approx(0.0, abs=0.01)
    else:
        assert not price > 0.0


def test_the_referee_finds_moves_beyond_a_limit_on_co2() -> None:
    """The 35 units of the plan without it emit 175 g."""
    free = run_stage("positioning", co2_world(1000.0), {}, Limits(work=1.0))
    report = check(co2_world(100.0), free.tables)
    found = [violation for violation in report.violations if violation.code == "over_co2"]
    assert [violation.example for violation in found] == ["CAP: 175 g"]


def test_a_limit_with_room_moves_the_same_as_none() -> None:
    """175 g of 1000: the transfers bit for bit."""
    free = positioned(co2_world(100.0, hard=False))
    held = positioned(co2_world(1000.0))
    pd.testing.assert_frame_equal(free.table("transfers"), held.table("transfers"))
    assert objective(free) == objective(held)


@pytest.mark.slow
def test_stock_kept_for_a_channel_stays() -> None:
    """40 % of the stock is kept for LIVE: of 70 units 42 may leave; 35 are asked for. With 60 %
    28 may. 55 % are 38.5, of which whole units are kept: 38, so 32 may.
    """
    for share, units in ((40.0, 35.0), (60.0, 28.0), (55.0, 32.0)):
        channels = pd.DataFrame(
            {"channel_id": ["LIVE"], "name": ["Live"], "stock_share_pct": [share]}
        )
        made = positioned(
            hand_made(
                stock={("A", "W1"): 70.0},
                demand={("A", "W1"): 5, ("A", "W2"): 5},
                more={"channels": channels},
            )
        )
        assert sum(moved(made).values()) == units


def test_a_channels_stock_moves_once_it_is_released() -> None:
    """Rows of a channel stay; released a whole bucket before its end, they may leave."""
    for hours, units in ((24.0, 0.0), (168.0, 35.0)):
        inventory = pd.DataFrame(
            {"site_id": ["W1"], "product_id": ["A"], "channel_id": ["LIVE"], "on_hand": [70.0]}
        )
        channels = pd.DataFrame(
            {"channel_id": ["LIVE"], "name": ["Live"], "release_hours_before": [hours]}
        )
        made = positioned(
            hand_made(
                stock={},
                demand={("A", "W1"): 5, ("A", "W2"): 5},
                more={"channels": channels, "inventory": inventory},
            )
        )
        assert sum(moved(made).values()) == units


def test_stock_is_placed_for_a_festival_that_begins_before_the_supplier_comes() -> None:
    """The festival ends on day 14: 14 days at 5 a day are wanted at W2 instead of 7."""
    start = pd.Timestamp("2026-10-12")
    for begins, units in ((3, 70.0), (9, 35.0)):
        events = pd.DataFrame(
            {"event_id": ["FEAST"], "start": [start + pd.Timedelta(days=begins)],
             "end": [start + pd.Timedelta(days=13)]}
        )  # fmt: skip
        made = positioned(
            hand_made(
                stock={("A", "W1"): 200.0},
                demand={("A", "W1"): 5, ("A", "W2"): 5},
                more={"events": events},
            )
        )
        assert moved(made) == {("A", "W1", "W2"): units}


def test_the_planner_may_say_until_when() -> None:
    """Until day 10: 50 units are wanted at W2."""
    scenario = hand_made(stock={("A", "W1"): 200.0}, demand={("A", "W1"): 5, ("A", "W2"): 5})
    assert moved(positioned(scenario, until="2026-10-21")) == {("A", "W1", "W2"): 50.0}
    with pytest.raises(InputError, match="until must be a date"):
        positioned(scenario, until="soon")
    with pytest.raises(InputError, match="must not be before"):
        positioned(scenario, until="2026-01-01")


def test_what_is_bought_together_is_kept_together() -> None:
    """The lane takes 35 kg and A, B and C all want it. C saves more alone, but B is bought with A,
    which lies at W2: a further parcel of 3 for each order of both.
    """
    orders = pd.DataFrame(
        {
            "order_id": [f"O{n}" for n in range(30)],
            "placed_at": pd.Timestamp("2026-10-11"),
            "zone_id": "Z2",
        }
    )
    lines = pd.DataFrame(
        [
            {"order_id": f"O{n}", "line_id": str(at), "product_id": product, "qty": 1.0}
            for n in range(30)
            for at, product in enumerate(("A", "B") if n % 2 else ("C",))
        ]
    )
    stock = {("A", "W2"): 35.0, ("B", "W1"): 70.0, ("C", "W1"): 70.0}
    demand = {("A", "W2"): 5.0, ("B", "W2"): 5.0, ("C", "W2"): 5.0}
    policies = pd.DataFrame(
        {"site_id": "W2", "product_id": ["B", "C"], "policy": "base_stock", "review_days": 7.0,
         "shortage_cost": [4.0, 5.0]}
    )  # fmt: skip
    zones = pd.DataFrame(
        {"zone_id": ["Z1", "Z2"], "name": ["One", "Two"], "promise_days": [0.5, 0.5]}
    )
    more = {"inventory_policies": policies, "zones": zones}
    world = {"lane": {"capacity_kg_per_day": 35.0}, "rates": True}
    apart = positioned(hand_made(stock=stock, demand=demand, more=more, **world))  # type: ignore[arg-type]
    assert moved(apart) == {("C", "W1", "W2"): 35.0}
    more |= {"orders": orders, "order_lines": lines}
    together = positioned(hand_made(stock=stock, demand=demand, more=more, **world))  # type: ignore[arg-type]
    assert moved(together) == {("B", "W1", "W2"): 35.0}
    # C short 35 x 5, B moved 35 x 1; no order of A and B is split
    assert objective(together) == pytest.approx(35 * 5.0 + 35.0)


def test_a_site_keeps_what_the_sites_it_feeds_will_ask_for() -> None:
    """W1 feeds W2 a day's way off, reviewed daily: W2 holds 2 days, W1 the other 5 for it."""
    offers = pd.DataFrame(
        {"supplier_id": ["S"], "product_id": ["A"], "site_id": ["W1"], "unit_cost": [10.0],
         "lead_time_mean_days": [7.0]}
    )  # fmt: skip
    sources = pd.DataFrame({"site_id": ["W2"], "source_id": ["W1"]})
    policies = pd.DataFrame(
        {"site_id": ["W2"], "product_id": ["A"], "policy": "base_stock", "review_days": 1.0}
    )
    made = positioned(
        hand_made(
            stock={("A", "W1"): 70.0},
            demand={("A", "W1"): 5, ("A", "W2"): 5},
            more={
                "supplier_products": offers,
                "item_sources": sources,
                "inventory_policies": policies,
            },
        )
    )
    rows = made.table("positions").set_index("site_id")
    assert rows["demand_mean"].to_dict() == {"W1": 60.0, "W2": 10.0}
    assert moved(made) == {("A", "W1", "W2"): 10.0}


@pytest.mark.slow
def test_later_stages_see_the_transfers() -> None:
    """35 units leave W1's shelf and are on order at W2: tonight's orders are for the rest."""
    scenario = hand_made(stock={("A", "W1"): 70.0}, demand={("A", "W1"): 5, ("A", "W2"): 5})
    alone = plan(scenario, ["replenishment"], work=2.0)
    both = plan(scenario, ["positioning", "replenishment"], work=2.0)

    def ordered(made: Plan) -> dict[str, float]:
        return made.table("purchase_orders").groupby("site_id")["qty"].sum().to_dict()

    assert ordered(alone)["W2"] - ordered(both)["W2"] == pytest.approx(35.0)
    assert both.table("transfers")["qty"].sum() == 35.0
    assert both.provenance.scenario_hash == scenario.content_hash


def test_the_referee_can_be_asked_again_when_stock_was_moved_first() -> None:
    """35 units move before tonight's orders; a unit more in the table is found in both stages."""
    scenario = hand_made(stock={("A", "W1"): 70.0}, demand={("A", "W1"): 5, ("A", "W2"): 5})
    made = plan(scenario, ["positioning", "replenishment"], work=2.0)
    assert audited_again(scenario, made) == ()
    moves = made.table("transfers")
    edited = {**made.tables, "transfers": moves.assign(qty=moves["qty"] + 1.0)}
    found = audited_again(scenario, Plan(made.provenance, edited))
    assert any("positioning/transfers" in fault or "positioning/positions" in fault
               for fault in found)  # fmt: skip


def test_transfers_leave_the_lots_that_expire_first() -> None:
    """12 units: the lot of 10 that expires first, 2 of the other; reserved units stay."""
    inventory = pd.DataFrame(
        {
            "site_id": "W1",
            "product_id": "A",
            "lot_id": ["late", "soon", "gone"],
            "on_hand": [20.0, 13.0, 5.0],
            "reserved": [0.0, 3.0, 0.0],
            "expires_on": pd.to_datetime(["2027-06-01", "2027-01-01", "2026-10-01"]),
        }
    )
    scenario = hand_made(
        stock={},
        demand={("A", "W1"): 5, ("A", "W2"): 5},
        more={"inventory": inventory},
    )
    transfers = pd.DataFrame(
        {"transfer_id": ["T"], "origin_id": ["W1"], "destination_id": ["W2"], "product_id": ["A"],
         "qty": [12.0], "due_on": [pd.Timestamp("2026-10-13")]}
    )  # fmt: skip
    after = with_transfers(scenario, transfers)
    assert after.table("inventory")["on_hand"].tolist() == [18.0, 3.0, 5.0]
    coming = after.table("open_orders").iloc[0]
    assert (coming["kind"], coming["site_id"], coming["qty"]) == ("transfer", "W2", 12.0)


@pytest.mark.slow
def test_the_order_of_rows_changes_nothing(corner_shop: Scenario) -> None:
    """Tables upside down: the same objective, bound and transfers."""
    turned = Scenario(
        corner_shop.settings,
        {
            name: frame.iloc[::-1].reset_index(drop=True)
            for name, frame in corner_shop.tables.items()
        },
    )
    one, two = positioned(corner_shop), positioned(turned)
    for column in ("objective", "bound"):
        left, right = (made.table("certificates")[column].iloc[0] for made in (one, two))
        assert left == pytest.approx(right, rel=1e-9)
    assert moved(one) == moved(two)


@pytest.mark.slow
def test_positions_balance(double_eleven: Scenario, double_plan: Plan) -> None:
    """What lies where after all moves is what was there, in less out, held for others apart."""
    forecast = {"forecast": double_plan.table("forecast")}
    result = run_stage("positioning", double_eleven, forecast, Limits(work=0.5))
    audit_stage("positioning", double_eleven, forecast | dict(result.tables), result)
    rows = result.tables["positions"]
    sums = rows[["transfer_in", "transfer_out", "held_for_others", "served_by_others"]].sum()
    assert sums["transfer_in"] == sums["transfer_out"]
    assert sums["held_for_others"] == sums["served_by_others"] > 0.0
    assert np.allclose(
        rows["expected_left"] - rows["expected_short"],
        rows["target"] + rows["served_by_others"] - rows["demand_mean"],
    )
    assert result.certificate is not None
    assert result.certificate.bound is not None
    assert result.certificate.bound <= (result.certificate.objective or 0.0)


def test_it_runs_when_asked_and_needs_a_forecast(
    corner_shop: Scenario, double_eleven: Scenario
) -> None:
    """Not by default; in `allocation` where there is a forecast; alone without one it says so."""
    assert "positioning" not in choose_stages(corner_shop, None)[0]
    assert choose_stages(corner_shop, ["allocation"])[0][:2] == ["positioning", "sourcing"]
    chosen, notes = choose_stages(double_eleven, ["allocation"])
    assert chosen[0] == "sourcing"
    assert "forecast" in notes["positioning"][0]
    with pytest.raises(InputError, match="needs a forecast"):
        plan(double_eleven, ["positioning"], work=1.0)
