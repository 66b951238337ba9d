"""Hard limits on CO2e of parcels: kept, proven, explained, and said of what stays for them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sourcing_worlds import Enumeration, draw_case

from optimizer.audit.sourcing import check
from scenarios.semantics.co2_limits import co2_limits

LIMIT = {"limit_id": "CAP", "kind": "co2", "scope": "all", "sense": "<=", "hard": True}


def capped(rows, grams, *emissions, scope="all", **cells):
    """Write what parcels of each rate emit, and a limit on their sum."""
    for rate, g in zip(rows["carrier_rates"], emissions, strict=False):
        rate["g_co2e_per_parcel"] = g
    rows["limits"] = [LIMIT | {"value": grams, "scope": scope} | cells]
    return rows


def orders(rows, count):
    """Repeat the order of one unit of P."""
    rows["orders"] = [rows["orders"][0] | {"order_id": f"O{n}"} for n in range(count)]
    rows["order_lines"] = [rows["order_lines"][0] | {"order_id": f"O{n}"} for n in range(count)]
    return rows


@pytest.mark.parametrize(
    ("grams", "objective", "emitted"),
    [(6000.0, 15.0, 6000.0), (5999.0, 18.0, 4500.0), (3000.0, 21.0, 3000.0),
     (1999.0, 24.0, 1500.0), (1499.0, 46.0, 1000.0), (0.0, 90.0, 0.0)],
)  # fmt: skip
def test_the_cheapest_plan_within_the_limit_is_found_and_proven(
    tables, source, grams, objective, emitted
):
    """Three orders, each from A for 5 and 2000 g, from B for 8 and 500 g, or left for 30."""
    result = source(capped(orders(tables(), 3), grams, 2000.0, 500.0))
    assert result.certificate.objective == objective
    assert result.certificate.bound == pytest.approx(objective)
    shipped = result.tables.get("shipments", pd.DataFrame({"g_co2e": []}))
    assert shipped["g_co2e"].sum() == emitted


def test_a_limit_with_room_changes_no_plan(tables, source):
    """6000 g of 9000: the plan without the limit, and no price."""
    rows = orders(tables(), 3)
    free = source(capped(rows, 9000.0, 2000.0, 500.0) | {"limits": []})
    held = source(capped(rows, 9000.0, 2000.0, 500.0))
    assert held.certificate.objective == free.certificate.objective
    for name, table in free.tables.items():
        pd.testing.assert_frame_equal(table, held.tables[name])


def test_a_limit_on_a_site_counts_its_parcels_alone(tables, source):
    """A may emit 2000 g: one order from it, two from B for 8 each: 5 + 16."""
    result = source(capped(orders(tables(), 3), 2000.0, 2000.0, 500.0, scope="site:A"))
    assert sorted(result.tables["shipments"]["site_id"]) == ["A", "B", "B"]
    assert result.certificate.objective == result.certificate.bound == pytest.approx(21.0)


def test_a_limit_of_another_bucket_counts_nothing(tables, source):
    """All orders are ready on the first day, the limit is of the second."""
    rows = capped(orders(tables(), 3), 0.0, 2000.0, 500.0, bucket=pd.Timestamp("2026-03-03"))
    assert source(rows).certificate.objective == 15.0
    rows["limits"][0]["bucket"] = pd.Timestamp("2026-03-02")
    assert source(rows).certificate.objective == 90.0


@pytest.mark.parametrize("change", [{"hard": False, "penalty": 1.0}, {"scope": "supplier:V"},
                                    {"scope": "stage:replenishment"}, {"sense": ">="}])  # fmt: skip
def test_limits_on_other_things_leave_parcels_alone(tables, source, change):
    """Soft, of purchases, or at least: the plan is that of no limit; soft ones are told."""
    result = source(capped(orders(tables(), 3), 0.0, 2000.0, 500.0, **change))
    assert result.certificate.objective == 15.0
    assert any("soft" in note for note in result.notes) == ("hard" in change)


def test_what_stays_for_the_limit_is_said(tables, source):
    """1000 g: two orders from B; the third needs 500 g more there, from A 2000."""
    result = source(capped(orders(tables(), 3), 1300.0, 2000.0, 500.0))
    row = result.tables["unserved"].iloc[0]
    assert (row["code"], row["proof"]) == ("co2", "heuristic")
    assert row["detail"] == "a parcel emits 500 g; limit CAP has 300 g left of 1,300"
    assert row["cheapest_relaxation"] == "200 g more in limit CAP (ships for 8.00)"


def test_what_no_limit_could_let_go_is_proven(tables, source):
    """Even alone a parcel emits 500 g, and the limit is 400."""
    result = source(capped(tables(), 400.0, 2000.0, 500.0))
    row = result.tables["unserved"].iloc[0]
    assert (row["code"], row["proof"]) == ("co2", "proven")


def test_the_limit_binds_the_parcel_that_would_be_cheaper_elsewhere(tables, source):
    """From A it would cost 3 less, but emit 1500 g more than the 500 that are used of 1000."""
    result = source(capped(tables(), 1000.0, 2000.0, 500.0))
    row = result.tables["explanations"].iloc[0]
    assert (row["alternative"], row["extra_cost"]) == ("from A", -3.0)
    assert json.loads(row["binding"]) == {"rule": "co2_limit", "parameter": "CAP", "value": 1000.0}


def test_a_cheaper_rate_of_the_same_site_is_the_alternative(tables, source):
    """A sends express for 5 and 2000 g, or by rail for 6 and 100 g: the limit leaves rail."""
    rows = tables()
    rows["carrier_rates"][1] |= {"origin": "A", "service": "rail", "base": 6.0}
    result = source(capped(rows, 1000.0, 2000.0, 100.0))
    assert result.tables["shipments"]["service"].item() == "rail"
    row = result.tables["explanations"].iloc[0]
    assert (row["alternative"], row["extra_cost"]) == ("by C std from A", -1.0)


def test_the_price_of_the_limit_is_what_a_gram_more_saves(tables, source):
    """20 orders: one more from A instead of B saves 3 for 1500 g, 0.002 a gram."""
    rows = orders(tables(), 20)
    rows["inventory"] = [row | {"on_hand": 50.0} for row in rows["inventory"]]
    result = source(capped(rows, 25_000.0, 2000.0, 500.0))  # 10 x 2000 + 10 x 500
    prices = result.tables["marginal_prices"]
    row = prices[prices["kind"] == "co2"].iloc[0]
    assert (row["entity"], row["price"]) == ("CAP", pytest.approx(0.002))
    assert any("CAP on CO2e decides" in note for note in result.notes)


def test_the_referee_finds_a_limit_that_is_broken(tables, scenario, source):
    """The plan without the limit, held against the scenario with it."""
    rows = capped(orders(tables(), 3), 5000.0, 2000.0, 500.0)
    free = source(rows | {"limits": []})
    found = [v for v in check(scenario(rows), free.tables).violations if v.code == "over_co2"]
    assert [v.example for v in found] == ["CAP: 6000 g"]


def test_what_must_ship_ships_within_the_limit(tables, source):
    """O1 is decided to ship: it takes the 500 g from B, and the others stay."""
    rows = capped(orders(tables(), 3), 500.0, 2000.0, 500.0)
    rows["decisions"] = [
        {"decision_id": "D", "kind": "shipment", "order_id": "O1", "sense": ">=", "qty": 1.0}
    ]
    result = source(rows)
    assert result.tables["shipments"]["order_id"].tolist() == ["O1"]


def test_what_must_ship_and_emits_too_much_is_no_plan(tables, source):
    """It is decided to ship from A, with 2000 g of 500: proven impossible."""
    rows = capped(tables(), 500.0, 2000.0, 500.0)
    rows["decisions"] = [
        {"decision_id": "D", "kind": "shipment", "order_id": "O1", "site_id": "A",
         "sense": ">=", "qty": 1.0}
    ]  # fmt: skip
    result = source(rows)
    assert not result.tables
    assert result.certificate.status == "infeasible"
    assert any("emits 2,000 g; limit CAP has 500 g left" in note for note in result.notes)


def test_a_rate_that_states_no_emission_is_told(tables, source):
    """B states none: it is not counted, and the note says so."""
    result = source(capped(tables(), 500.0, 2000.0, None))
    assert result.tables["shipments"]["site_id"].item() == "B"
    assert any("1 of 2 carrier rates" in note and "CAP" in note for note in result.notes)


@settings(max_examples=6, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000))
def test_the_best_plan_within_limits_lies_between_bound_and_objective(source, seed):
    """On tiny cases where every plan is tried; one limit on all, now and then one on a site."""
    rows, rng = draw_case(seed), np.random.default_rng([seed, 8])
    caps = {"": 500.0 * float(rng.integers(0, 8))}
    if rng.random() < 0.4:
        caps["A"] = 500.0 * float(rng.integers(0, 4))
    for rate in rows["carrier_rates"]:
        rate["g_co2e_per_parcel"] = 500.0 * float(rng.integers(0, 5))
    rows["limits"] = [
        LIMIT | {"limit_id": f"C{scope}", "value": grams,
                 "scope": f"site:{scope}" if scope else "all"}
        for scope, grams in caps.items()
    ]  # fmt: skip
    certificate = source(rows, work=1.0).certificate
    best = Enumeration(rows, caps=caps).best()
    assert certificate.bound <= best + 1e-6
    assert certificate.objective == pytest.approx(best)


def test_the_stage_scope_names_the_stage(tables, scenario):
    """stage:sourcing is read by sourcing alone, `all` by each stage."""
    facts = scenario(capped(tables(), 1.0, scope="stage:sourcing"))
    assert [limit.kind for limit in co2_limits(facts, "sourcing")[0]] == ["all"]
    assert co2_limits(facts, "routing")[0] == ()
