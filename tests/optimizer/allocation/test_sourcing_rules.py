"""Every rule of order sourcing, one by one, on cases that can be worked out by hand."""

from __future__ import annotations

import json

import pandas as pd
import pytest

START = pd.Timestamp("2026-03-02")


def cost_of(result):
    return result.certificate.objective


def only_unserved(result):
    rows = result.tables["unserved"]
    assert len(rows) == 1
    return rows.iloc[0]


def test_the_cheapest_site_ships(tables, source):
    """With stock everywhere the parcel leaves the cheaper site, and that is proven best."""
    result = source(tables())
    parcel = result.tables["shipments"].iloc[0]
    assert (parcel["shipment_id"], parcel["site_id"], parcel["cost"]) == ("O1.1", "A", 5.0)
    assert cost_of(result) == 5.0
    assert result.certificate.status == "optimal"


def test_lines_of_an_order_share_a_parcel(tables, source):
    """Two lines leave together for one base rate."""
    rows = tables()
    rows["order_lines"].append({"order_id": "O1", "line_id": "2", "product_id": "Q", "qty": 2.0})
    result = source(rows)
    assert len(result.tables["shipments"]) == 1
    assert cost_of(result) == 5.0


def test_an_order_splits_where_no_site_has_everything(tables, source):
    """P lies at A and Q at B only: two parcels, 5 + 8."""
    rows = tables()
    rows["order_lines"].append({"order_id": "O1", "line_id": "2", "product_id": "Q", "qty": 1.0})
    rows["inventory"] = [
        {"site_id": "A", "product_id": "P", "on_hand": 1.0},
        {"site_id": "B", "product_id": "Q", "on_hand": 1.0},
    ]
    result = source(rows)
    assert cost_of(result) == 13.0
    assert list(result.tables["shipments"]["shipment_id"]) == ["O1.1", "O1.2"]


def test_an_order_that_may_not_split_stays_whole(tables, source):
    """The same order with allow_split false ships nothing: both penalties of 30, proven."""
    rows = tables()
    rows["orders"][0]["allow_split"] = False
    rows["order_lines"].append({"order_id": "O1", "line_id": "2", "product_id": "Q", "qty": 1.0})
    rows["inventory"] = [
        {"site_id": "A", "product_id": "P", "on_hand": 1.0},
        {"site_id": "B", "product_id": "Q", "on_hand": 1.0},
    ]
    result = source(rows)
    assert cost_of(result) == 60.0
    assert set(result.tables["unserved"]["id"]) == {"O1/1", "O1/2"}
    assert set(result.tables["unserved"]["code"]) == {"no_stock"}
    assert set(result.tables["unserved"]["proof"]) == {"proven"}


def test_stock_goes_where_it_saves_most(tables, source):
    """One unit at A, two orders: the one that saves 20 there gets it, not the first."""
    rows = tables()
    rows["zones"].append({"zone_id": "Y", "name": "Y"})
    rows["orders"].append({"order_id": "O2", "zone_id": "Y", "placed_at": START})
    rows["order_lines"].append({"order_id": "O2", "line_id": "1", "product_id": "P", "qty": 1.0})
    rate = rows["carrier_rates"][0]
    rows["carrier_rates"] += [
        rate | {"destination": "Y", "base": 5.0},
        rate | {"destination": "Y", "origin": "B", "base": 25.0},
    ]
    rows["inventory"] = [
        {"site_id": "A", "product_id": "P", "on_hand": 1.0},
        {"site_id": "B", "product_id": "P", "on_hand": 5.0},
    ]
    result = source(rows)
    where = dict(zip(result.tables["shipments"]["order_id"], result.tables["shipments"]["site_id"]))
    assert where == {"O1": "B", "O2": "A"}
    assert cost_of(result) == 13.0
    prices = result.tables["marginal_prices"]
    price = prices.loc[(prices["kind"] == "stock") & (prices["entity"] == "A"), "price"].item()
    assert 3.0 - 0.5 <= price <= 20.0 + 0.5  # one more unit at A would save 8 - 5


def test_reserved_quarantined_and_expired_stock_is_not_free(tables, source):
    """Of 10 units 6 are reserved, 3 in quarantine, and another lot has expired: 1 is free."""
    rows = tables()
    rows["inventory"] = [
        {"site_id": "A", "product_id": "P", "on_hand": 10.0, "reserved": 6.0, "quarantined": 3.0},
        {"site_id": "A", "product_id": "P", "lot_id": "old", "on_hand": 50.0, "expires_on": START},
    ]
    rows["order_lines"][0]["qty"] = 2.0
    result = source(rows)
    row = only_unserved(result)
    assert (row["code"], row["proof"]) == ("no_stock", "proven")
    assert row["detail"] == "needs 2 of P; of the sites in time A lacks least, 1; all sites hold 1"
    assert row["cheapest_relaxation"] == "1 more of P at A (ships for 5.00)"


def test_closed_sites_ship_nothing(tables, source):
    """A is closed, so B ships for 8."""
    rows = tables()
    rows["sites"][0]["status"] = "closed"
    assert cost_of(source(rows)) == 8.0


def test_ring_fenced_stock_serves_its_channel_only(tables, source):
    """All of P is ring-fenced for channel K; an order of channel L cannot have it."""
    rows = tables()
    rows["channels"] = [{"channel_id": "K", "name": "K"}, {"channel_id": "L", "name": "L"}]
    for row in rows["inventory"]:
        row["channel_id"] = "K"
    rows["orders"][0]["channel_id"] = "L"
    row = only_unserved(source(rows))
    assert (row["code"], row["proof"]) == ("reserved", "proven")
    rows["orders"][0]["channel_id"] = "K"
    assert cost_of(source(rows)) == 5.0


def test_a_channel_takes_its_own_stock_and_borrows_the_shared(tables, source):
    """Three units for K out of 2 of its own and 1 shared; others find none left."""
    rows = tables()
    rows["channels"] = [{"channel_id": "K", "name": "K"}]
    rows["inventory"] = [
        {"site_id": "A", "product_id": "P", "channel_id": "K", "on_hand": 2.0},
        {"site_id": "A", "product_id": "P", "on_hand": 1.0},
    ]
    rows["orders"][0]["channel_id"] = "K"
    rows["order_lines"][0]["qty"] = 3.0
    assert cost_of(source(rows)) == 5.0
    rows["orders"].append({"order_id": "O2", "zone_id": "Z", "placed_at": START})
    rows["order_lines"].append({"order_id": "O2", "line_id": "1", "product_id": "P", "qty": 1.0})
    result = source(rows)
    assert cost_of(result) == 35.0  # 5 + 30: serving O1 saves more
    assert only_unserved(result)["id"] == "O2/1"


def test_bundles_take_their_components(tables, source):
    """A bundle of 2 P and 1 Q ships as one line from B, the only site with 2 P."""
    rows = tables()
    rows["products"].append(rows["products"][0] | {"product_id": "S", "weight_kg": 2.5})
    rows["product_components"] = [
        {"bundle_id": "S", "component_id": "P", "qty": 2.0},
        {"bundle_id": "S", "component_id": "Q", "qty": 1.0},
    ]
    rows["inventory"][0]["on_hand"] = 1.0
    rows["order_lines"][0]["product_id"] = "S"
    result = source(rows)
    assert cost_of(result) == 8.0
    assert result.tables["shipments"]["weight_kg"].item() == 2.5
    assert result.tables["shipment_lines"]["product_id"].item() == "S"


def test_weight_classes_steps_and_volume(tables, source):
    """3 kg and 0.03 m3 x 200 = 6 kg chargeable; 1 included, steps of 2: 5 + 6 x 1.5 = 14."""
    rows = tables()
    rate = rows["carrier_rates"][0] | {
        "included_kg": 1.0, "step_kg": 2.0, "per_kg": 1.5, "volumetric_kg_per_m3": 200.0,
    }  # fmt: skip
    rows["carrier_rates"] = [
        rate | {"max_weight_kg": 2.0, "base": 1.0},  # does not hold 3 kg
        rate | {"max_weight_kg": 5.0},
        rate | {"max_weight_kg": 9.0, "base": 0.5},  # a cheaper class above is not the parcel's
    ]
    rows["order_lines"][0]["qty"] = 3.0
    result = source(rows)
    assert cost_of(result) == 14.0
    assert json.loads(result.tables["explanations"]["terms"].item())["charged_kg"] == 6.0


def test_an_order_too_heavy_for_one_parcel_takes_two(tables, source):
    """Two lines of 20 kg, classes up to 30 kg: two parcels from A, 5 + 5."""
    rows = tables()
    rows["order_lines"] = [
        {"order_id": "O1", "line_id": "1", "product_id": "P", "qty": 20.0},
        {"order_id": "O1", "line_id": "2", "product_id": "Q", "qty": 20.0},
    ]
    for row in rows["inventory"]:
        row["on_hand"] = 20.0
    result = source(rows)
    assert cost_of(result) == 10.0
    assert list(result.tables["shipments"]["site_id"]) == ["A", "A"]


def test_a_line_above_every_weight_class_is_too_heavy(tables, source):
    """31 kg in one line cannot leave: proven too_heavy."""
    rows = tables()
    rows["order_lines"][0]["qty"] = 31.0
    row = only_unserved(source(rows))
    assert (row["code"], row["proof"], row["qty"]) == ("too_heavy", "proven", 31.0)
    assert "30" in row["detail"]


def test_the_cheapest_carrier_that_is_in_time_ships(tables, source):
    """A cheaper carrier takes 3 days, 2 are left: the faster one ships for 5."""
    rows = tables()
    rows["carriers"].append({"carrier_id": "D", "kind": "shared"})
    rows["carrier_rates"].append(
        rows["carrier_rates"][0] | {"carrier_id": "D", "base": 1.0, "promise_days": 2.5}
    )
    result = source(rows)
    assert result.tables["shipments"]["carrier_id"].item() == "C"
    assert result.tables["shipments"]["promised_on"].item() == START + pd.Timedelta("1D")
    rows["orders"][0]["due_to"] = START + pd.Timedelta("3D")
    assert cost_of(source(rows)) == 1.0


def test_release_later_than_start_moves_the_ship_day(tables, source):
    """Released on the 4th with one day on the road and due on the 4th: too late, proven."""
    rows = tables()
    rows["orders"][0]["release_at"] = START + pd.Timedelta("2D9h")
    row = only_unserved(source(rows))
    assert (row["code"], row["proof"]) == ("too_late", "proven")
    assert row["cheapest_relaxation"] == "due 1 day later"
    rows["orders"][0]["due_to"] = START + pd.Timedelta("3D")
    parcel = source(rows).tables["shipments"].iloc[0]
    assert parcel["ship_on"] == START + pd.Timedelta("2D")
    assert parcel["promised_on"] == START + pd.Timedelta("3D")


def test_midnight_due_means_the_end_of_that_date(tables, source):
    """A parcel promised for the due date is in time, at whatever hour it is due."""
    rows = tables()
    for due in ("1D", "1D1h"):
        rows["orders"][0]["due_to"] = START + pd.Timedelta(due)
        assert cost_of(source(rows)) == 5.0


def test_lateness_is_paid_by_the_hour_where_the_order_says_so(tables, source):
    """One day late at 0.1 an hour: 5 + 2.4; at 2 an hour (48) it stays at its penalty of 30."""
    rows = tables()
    rows["orders"][0] |= {"due_to": START, "late_cost_per_h": 0.1}
    result = source(rows)
    assert cost_of(result) == pytest.approx(7.4)
    assert {k.kpi: k.value for k in result.kpis}["late"] == pytest.approx(2.4)
    rows["orders"][0]["late_cost_per_h"] = 2.0
    row = only_unserved(source(rows))
    assert (row["code"], row["proof"]) == ("not_worth_it", "heuristic")


def test_handling_may_turn_the_choice(tables, source):
    """Handling of 2 a unit at A and 3 units: 5 + 6 there against 8 at B."""
    rows = tables()
    rows["sites"][0]["handling_cost_per_unit"] = 2.0
    rows["order_lines"][0]["qty"] = 3.0
    assert cost_of(source(rows)) == 8.0


def test_docks_limit_the_units_of_a_day(tables, source):
    """A ships 1 unit a day: of three orders today two go to B, one of tomorrow to A."""
    rows = tables()
    rows["sites"][0]["outbound_units_per_day"] = 1.0
    order, line = rows["orders"][0], rows["order_lines"][0]
    rows["orders"] = [order | {"order_id": f"O{k}"} for k in (1, 2, 3)]
    rows["orders"].append(order | {"order_id": "O4", "release_at": START + pd.Timedelta("1D")})
    rows["order_lines"] = [line | {"order_id": f"O{k}"} for k in (1, 2, 3, 4)]
    result = source(rows)
    assert cost_of(result) == 5.0 + 8.0 + 8.0 + 5.0
    docks = result.tables["marginal_prices"].query("kind == 'dock'")
    assert list(docks["entity"]) == ["A"]
    assert docks["price"].item() == pytest.approx(3.0, abs=0.3)


def test_carriers_limit_the_parcels_of_a_day(tables, source):
    """The cheap carrier takes 1 parcel a day: the second order goes by the dear one."""
    rows = tables()
    rows["carriers"].append({"carrier_id": "D", "kind": "own", "capacity_per_day": 1.0})
    rows["carrier_rates"].append(rows["carrier_rates"][0] | {"carrier_id": "D", "base": 2.0})
    rows["orders"].append(rows["orders"][0] | {"order_id": "O2"})
    rows["order_lines"].append(rows["order_lines"][0] | {"order_id": "O2"})
    result = source(rows)
    assert cost_of(result) == 7.0
    assert sorted(result.tables["shipments"]["carrier_id"]) == ["C", "D"]


def test_a_carrier_without_capacity_leaves_lines_behind(tables, source):
    """The only carrier takes no parcel: no_capacity, proven."""
    rows = tables()
    rows["carriers"][0]["capacity_per_day"] = 0.0
    row = only_unserved(source(rows))
    assert (row["code"], row["proof"]) == ("no_capacity", "proven")
    assert row["cheapest_relaxation"] == "one more parcel by C on 2026-03-02"


def test_a_dock_too_small_for_the_line_is_proven(tables, source):
    """Two units in one line and docks of 1: no_capacity, proven."""
    rows = tables()
    for site in rows["sites"]:
        site["outbound_units_per_day"] = 1.0
    rows["order_lines"][0]["qty"] = 2.0
    row = only_unserved(source(rows))
    assert (row["code"], row["proof"]) == ("no_capacity", "proven")
    assert row["cheapest_relaxation"] == "room for 1 more unit at A on 2026-03-02"


def test_penalties_are_the_products_own_first(tables, source):
    """A parcel of 5 is not worth a product whose penalty is 4."""
    rows = tables()
    rows["products"][0]["unserved_penalty"] = 4.0
    result = source(rows)
    assert cost_of(result) == 4.0
    row = only_unserved(result)
    assert (row["code"], row["cheapest_relaxation"]) == ("not_worth_it", "a penalty above 5.00")


def test_orders_without_a_zone_or_a_rate_say_so(tables, source):
    """No zone_id and a zone without rates are different reasons, both proven."""
    rows = tables()
    rows["zones"].append({"zone_id": "Y", "name": "Y"})
    rows["orders"] = [
        rows["orders"][0] | {"order_id": "O1", "zone_id": None},
        rows["orders"][0] | {"order_id": "O2", "zone_id": "Y"},
    ]
    rows["order_lines"].append(rows["order_lines"][0] | {"order_id": "O2"})
    unserved = source(rows).tables["unserved"]
    assert list(unserved["code"]) == ["no_zone", "no_rate"]
    assert set(unserved["proof"]) == {"proven"}


def test_held_cancelled_and_pickup_orders_are_left_out(tables, source):
    """Only accepted deliveries are sourced; the note counts the others."""
    rows = tables()
    order = rows["orders"][0]
    rows["orders"] += [
        order | {"order_id": "H", "status": "held"},
        order | {"order_id": "X", "status": "cancelled"},
        order | {"order_id": "U", "kind": "pickup"},
    ]
    rows["order_lines"] += [rows["order_lines"][0] | {"order_id": k} for k in ("H", "X", "U")]
    result = source(rows)
    assert list(result.tables["shipments"]["order_id"]) == ["O1"]
    note = next(note for note in result.notes if "left out" in note)
    assert "1 delivery held" in note
    assert "1 pickup accepted" in note


def test_without_orders_there_is_no_certificate(tables, source):
    """Nothing to source is said, not proven."""
    rows = tables()
    rows["orders"][0]["status"] = "held"
    result = source(rows)
    assert result.certificate is None
    assert "nothing to source" in result.notes[-1]


def test_one_product_on_two_lines_counts_twice(tables, source):
    """Lines of 1 and 1 out of 1 unit at A: both leave B, or one from each site (8 is cheaper)."""
    rows = tables()
    rows["inventory"][0]["on_hand"] = 1.0
    rows["order_lines"].append(rows["order_lines"][0] | {"line_id": "2"})
    assert cost_of(source(rows)) == 8.0


def test_a_parcel_names_its_next_best_site(tables, source):
    """From A for 5; from B it would cost 3 more."""
    row = source(tables()).tables["explanations"].iloc[0]
    assert row["decision_id"] == "shipments:O1.1"
    assert (row["alternative"], row["extra_cost"]) == ("from B", 3.0)
    assert json.loads(row["terms"])["parcel"] == 5.0


def test_a_parcel_from_a_dearer_site_names_what_binds(tables, source):
    """A's only unit goes to one order; the other is told that A's stock is gone."""
    rows = tables()
    rows["inventory"][0]["on_hand"] = 1.0
    rows["orders"].append(rows["orders"][0] | {"order_id": "O2"})
    rows["order_lines"].append(rows["order_lines"][0] | {"order_id": "O2"})
    explained = source(rows).tables["explanations"]
    dearer = explained[explained["extra_cost"] < 0].iloc[0]
    assert json.loads(dearer["binding"]) == {
        "rule": "free stock", "parameter": "A/P", "value": 0.0,
    }  # fmt: skip


def test_carriers_are_scored_by_their_past(tables, source):
    """Two of three on time, one damaged, one exception: 100 x 2/3 x 2/3 x 2/3."""
    rows = tables()
    past = {"order_id": "X", "carrier_id": "C", "placed_at": START, "promised_at": START}
    rows["deliveries"] = [
        past | {"shipment_id": "1", "delivered_at": START + pd.Timedelta("20h")},
        past | {"shipment_id": "2", "delivered_at": START + pd.Timedelta("2D"), "damaged": True},
        past | {"shipment_id": "3", "delivered_at": START, "exception": "lost and found"},
    ]
    score = source(rows).tables["carrier_scores"].iloc[0]
    assert score["on_time_rate"] == pytest.approx(2 / 3)
    assert score["score"] == pytest.approx(100 * (2 / 3) ** 3)
    assert score["cost_per_parcel"] == 5.0
