"""The value of the stock that ships, where it counts: what it costs, moves and leaves alone."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sourcing_worlds import Enumeration, draw_case

from optimizer.allocation.sourcing.desk import Desk
from optimizer.allocation.sourcing.online import decide
from optimizer.allocation.sourcing.online_orders import order_of
from optimizer.audit.sourcing import check
from optimizer.pipeline import plan
from scenarios import InputError


def terms_of(result):
    return {kpi.kpi: kpi.value for kpi in result.kpis if kpi.variant == "objective"}


def with_supplier(tables, base=2.0, unit_cost=9.0, duty=0.0):
    """The smallest case, with a supplier V that sends P for `base` the same day."""
    rows = tables()
    rows["suppliers"] = [{"supplier_id": "V", "name": "V"}]
    rows["supplier_products"] = [
        {"supplier_id": "V", "product_id": "P", "unit_cost": unit_cost, "duty_pct": duty,
         "lead_time_mean_days": 0.0}
    ]  # fmt: skip
    rows["carrier_rates"].append(rows["carrier_rates"][0] | {"origin": "V", "base": base})
    return rows


def test_stock_that_counts_stands_in_a_term_of_its_own(tables, source):
    """Two units of 10 from A: 5 for the parcel, 20 for the goods; off, there is no such term."""
    rows = tables()
    rows["order_lines"][0]["qty"] = 2.0
    result = source(rows, stock_value="yes")
    assert terms_of(result)["stock_value"] == 20.0
    assert result.certificate.objective == 25.0
    assert result.certificate.bound == pytest.approx(25.0)
    assert result.tables["shipments"]["cost"].item() == 5.0
    assert json.loads(result.tables["explanations"]["terms"].item())["stock_value"] == 20.0
    assert "stock_value" not in terms_of(source(rows))


@pytest.mark.parametrize(
    ("unit_cost", "duty", "site", "total"),
    [(12.0, 0.0, "V", 14.0), (14.0, 0.0, "A", 15.0), (12.0, 25.0, "A", 15.0)],
)
def test_cheaper_goods_elsewhere_win(tables, source, unit_cost, duty, site, total):
    """A: 5 + 10; V: 2 + what it asks, duty included: 12, 14, 12 x 1.25; without the switch V."""
    rows = with_supplier(tables, unit_cost=unit_cost, duty=duty)
    result = source(rows, stock_value="yes")
    assert result.tables["shipments"]["site_id"].item() == site
    assert result.certificate.objective == total
    assert source(rows).tables["shipments"]["site_id"].item() == "V"


def test_bundles_are_worth_their_components(tables, source):
    """A kit of 2 P and 1 Q at 10 each is worth 30: with 5 for the parcel 35, under the 90."""
    rows = tables()
    rows["products"].append(
        rows["products"][0] | {"product_id": "KIT", "unit_cost": 1.0, "unserved_penalty": 90.0}
    )
    rows["product_components"] = [
        {"bundle_id": "KIT", "component_id": "P", "qty": 2.0},
        {"bundle_id": "KIT", "component_id": "Q", "qty": 1.0},
    ]
    rows["order_lines"][0]["product_id"] = "KIT"
    assert source(rows, stock_value="yes").certificate.objective == 35.0


def test_goods_worth_more_than_their_penalty_stay(tables, source):
    """10 of goods and a parcel of 5 against a penalty of 12: left, and told why."""
    rows = tables()
    rows["products"][0]["unserved_penalty"] = 12.0
    row = source(rows, stock_value="yes").tables["unserved"].iloc[0]
    assert (row["code"], row["proof"]) == ("not_worth_it", "heuristic")
    assert row["detail"] == "a parcel and its goods cost 15.00, leaving it 12.00"
    assert len(source(rows).tables["shipments"]) == 1


def test_a_refused_parcel_that_stays_spends_no_stock(tables, source):
    """The crowd alone, half refuse: 1 + 10 + 0.5 x ((30 - 10) - 1) = 20.5."""
    rows = tables()
    rows["carriers"][0]["acceptance_probability"] = 0.5
    rows["carrier_rates"] = [rows["carrier_rates"][0] | {"base": 1.0}]
    result = source(rows, stock_value="yes")
    assert terms_of(result)["risk"] == 9.5
    assert result.certificate.objective == 20.5


def test_the_next_best_site_counts_its_goods_too(tables, source):
    """V: 2 + 12; from A it would be 15, 1 more."""
    row = source(with_supplier(tables, unit_cost=12.0), stock_value="yes").tables["explanations"]
    assert (row["alternative"].item(), row["extra_cost"].item()) == ("from A", 1.0)


@settings(max_examples=5, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000))
@pytest.mark.slow
def test_stock_of_one_value_moves_no_parcel(source, seed):
    """Everything served, all sites at one value: parcels, handling and lateness cost the same."""
    rows = draw_case(seed)
    for row in rows["inventory"]:
        row["on_hand"] = 99.0
    for site in rows["sites"]:
        site["outbound_units_per_day"] = 99.0
    for product in rows["products"]:
        product["unserved_penalty"] = 1000.0
    off, on = (source(rows, work=1.0, stock_value=switch) for switch in ("no", "yes"))
    shipped = on.tables.get("shipment_lines", pd.DataFrame({"qty": [0.0]}))
    terms = terms_of(on)
    assert terms.pop("stock_value") == shipped["qty"].sum()  # unit cost 1
    assert terms["unserved"] == terms_of(off)["unserved"]
    if off.certificate.status == on.certificate.status == "optimal":
        assert sum(terms.values()) == pytest.approx(off.certificate.objective)


@settings(max_examples=7, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000))
@pytest.mark.slow
def test_the_best_plan_of_all_lies_between_bound_and_objective(source, seed):
    """On tiny cases where every plan is tried, with goods that cost up to their penalty."""
    rows, rng = draw_case(seed), np.random.default_rng(seed)
    for product in rows["products"]:
        product["unit_cost"] = float(rng.uniform(0.0, product["unserved_penalty"]))
    certificate = source(rows, work=1.0, stock_value="yes").certificate
    best = Enumeration(rows, stock_value=True).best()
    assert certificate.bound <= best + 1e-6
    assert certificate.objective >= best - 1e-6


@settings(max_examples=4, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000))
def test_a_large_order_stays_above_its_bound(tables, source, seed):
    """Seven lines from A for 5 a parcel or from V at its own price: 2^7 ways are tried."""
    rng = np.random.default_rng(seed)
    rows = with_supplier(tables, base=float(rng.integers(1, 9)))
    names = [f"P{k}" for k in range(7)]
    rows["products"] = [rows["products"][0] | {"product_id": name} for name in names]
    rows["inventory"] = [
        {"site_id": "A", "product_id": name, "on_hand": 1.0} for name in names if rng.random() < 0.7
    ] + [{"site_id": "B", "product_id": "P0", "on_hand": 0.0}]
    offer = rows["supplier_products"][0]
    rows["supplier_products"] = [
        offer | {"product_id": name, "unit_cost": float(rng.integers(7, 14))} for name in names
    ]
    line = rows["order_lines"][0]
    rows["order_lines"] = [
        line | {"line_id": str(k), "product_id": name} for k, name in enumerate(names)
    ]
    cost = {(row["site_id"], row["product_id"]): 10.0 for row in rows["inventory"]}
    cost |= {("V", row["product_id"]): row["unit_cost"] for row in rows["supplier_products"]}
    base = {rate["origin"]: rate["base"] for rate in rows["carrier_rates"]}
    best = min(
        sum(base[site] for site in set(way))
        + sum(cost[site, name] for site, name in zip(way, names, strict=True))
        for way in itertools.product("AV", repeat=7)
        if all((site, name) in cost for site, name in zip(way, names, strict=True))
    )
    certificate = source(rows, work=1.0, stock_value="yes").certificate
    assert certificate.bound <= best + 1e-6
    assert certificate.objective >= best - 1e-6


def test_an_order_online_counts_stock_as_the_plan_does(tables, scenario, source):
    """Promised alone from A for 5 + 10, as the batch; the parts add up to the cost."""
    facts = scenario(tables())
    row = facts.table("orders").iloc[0].to_dict()
    decision = decide(Desk(facts, {}, stock_value=True), order_of(row, facts.table("order_lines")))
    (parcel,) = decision.parcels
    assert (parcel.cost, parcel.stock_value, decision.terms["stock_value"]) == (5.0, 10.0, 10.0)
    assert decision.cost == source(facts, stock_value="yes").certificate.objective == 15.0


def test_the_switch_is_an_option_of_the_stage(tables, scenario):
    """A plan takes yes, keeps it in its provenance, and refuses what is neither yes nor no."""
    facts = scenario(tables())
    made = plan(facts, ["sourcing"], work=0.5, options={"stock_value": "yes"})
    assert made.provenance.options["stock_value"] == "yes"
    assert made.table("certificates")["objective"].item() == 15.0
    with pytest.raises(InputError, match="yes or no"):
        plan(facts, ["sourcing"], work=0.5, options={"stock_value": "maybe"})


def test_the_referee_adds_the_stock_up_itself(tables, scenario, source):
    """A unit more in a parcel is worth 10 more to the referee."""
    facts = scenario(tables())
    made = dict(source(facts, stock_value="yes").tables)
    made["shipment_lines"] = made["shipment_lines"].assign(qty=2.0)
    assert check(facts, made, stock_value="yes").terms["stock_value"] == 20.0
