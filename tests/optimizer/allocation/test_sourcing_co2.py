"""A price of CO2e on parcels: what it costs, what it changes, and what is not known."""

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

PRICE = 1000.0  # money per tonne: 1000 g cost 1


def emitting(rows, *grams):
    """Write what parcels of each rate emit; None leaves it blank."""
    for rate, g in zip(rows["carrier_rates"], grams, strict=True):
        rate["g_co2e_per_parcel"] = g
    return rows


def terms_of(result):
    return {kpi.kpi: kpi.value for kpi in result.kpis if kpi.variant == "objective"}


@pytest.mark.parametrize(
    ("price", "site", "parcel", "co2"), [(0.0, "A", 5.0, 0.0), (1000.0, "A", 5.0, 2.0),
                                         (2000.0, "B", 8.0, 0.0)]
)  # fmt: skip
def test_a_clean_parcel_wins_where_its_price_says_so(tables, source, price, site, parcel, co2):
    """From A 5 and 2000 g, from B 8 and none: at 1000 a tonne 7 < 8, at 2000 9 > 8."""
    rows = emitting(tables(), 2000.0, 0.0)
    result = source(rows, co2_price_per_tonne=price)
    row = result.tables["shipments"].iloc[0]
    assert (row["site_id"], row["cost"]) == (site, parcel)
    assert terms_of(result)["co2"] == co2
    assert result.certificate.objective == parcel + co2
    assert result.certificate.bound == pytest.approx(parcel + co2)
    assert json.loads(result.tables["explanations"]["terms"].item())["co2"] == co2


def test_a_rate_without_its_emission_is_told_and_not_priced(tables, source):
    """B states nothing and pays nothing, so that it wins: the note says how many rates do so."""
    result = source(emitting(tables(), 4000.0, None), co2_price_per_tonne=PRICE)
    assert result.tables["shipments"]["site_id"].item() == "B"
    assert terms_of(result)["co2"] == 0.0
    (note,) = [note for note in result.notes if "g_co2e_per_parcel" in note]
    assert note.startswith("1 of 2 carrier rates")
    assert not source(emitting(tables(), 4000.0, None)).notes


def test_without_emissions_a_price_changes_nothing(tables, source):
    """Rates that state none, at any price: the same tables bit for bit."""
    rows = tables() | {"order_lines": [
        tables()["order_lines"][0] | {"line_id": str(n), "product_id": p, "qty": q}
        for n, (p, q) in enumerate((("P", 4.0), ("Q", 11.0), ("Q", 2.0)))
    ]}  # fmt: skip
    free, priced = (source(rows, co2_price_per_tonne=price) for price in (0.0, PRICE))
    assert free.certificate.objective == priced.certificate.objective
    assert free.certificate.bound == priced.certificate.bound
    for name, table in free.tables.items():
        pd.testing.assert_frame_equal(table, priced.tables[name], check_exact=True)


def test_a_refused_parcel_pays_for_what_its_fallback_emits(tables, source):
    """Crowd at 1, clean; refused by half, then 5 + 2 by C: 1 + 0.5 x (7 - 1) = 4."""
    rows = tables()
    rows["carriers"].append({"carrier_id": "D", "kind": "crowd", "acceptance_probability": 0.5})
    rows["carrier_rates"].append(rows["carrier_rates"][0] | {"carrier_id": "D", "base": 1.0})
    result = source(emitting(rows, 2000.0, 0.0, 0.0), co2_price_per_tonne=PRICE)
    assert terms_of(result)["risk"] == 3.0
    assert result.certificate.objective == 4.0


@settings(max_examples=7, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000))
@pytest.mark.slow
def test_the_best_priced_plan_lies_between_bound_and_objective(source, seed):
    """On tiny cases where every plan is tried, CO2e priced in each."""
    rows, rng = draw_case(seed), np.random.default_rng(seed)
    for rate in rows["carrier_rates"]:
        rate["g_co2e_per_parcel"] = 500.0 * float(rng.integers(0, 9))
    certificate = source(rows, work=1.0, co2_price_per_tonne=PRICE).certificate
    best = Enumeration(rows, PRICE / 1e6).best()
    assert certificate.bound <= best + 1e-6
    assert certificate.objective >= best - 1e-6


@settings(max_examples=4, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000))
def test_a_large_order_stays_above_its_bound(tables, source, seed):
    """Seven lines, too many for all subsets: the bound is under the best way to give them sites.

    One rate a site holds all lines, so that one parcel a site is best: 2^7 ways.
    """
    rng = np.random.default_rng(seed)
    rows = emitting(tables(), *(1000.0 * float(rng.integers(0, 6)) for _ in "AB"))
    rows["products"] = [rows["products"][0] | {"product_id": f"P{k}"} for k in range(7)]
    rows["inventory"] = [
        {"site_id": s, "product_id": f"P{k}", "on_hand": 1.0}
        for k in range(7) for s in (("A", "B"), ("A",), ("B",))[int(rng.integers(3))]
    ]  # fmt: skip
    line = rows["order_lines"][0]
    rows["order_lines"] = [line | {"line_id": str(k), "product_id": f"P{k}"} for k in range(7)]
    held = {(row["site_id"], row["product_id"]) for row in rows["inventory"]}
    money = {
        rate["origin"]: rate["base"] + rate["g_co2e_per_parcel"] / 1000.0
        for rate in rows["carrier_rates"]
    }
    best = min(
        sum(money[site] for site in set(way))
        for way in itertools.product("AB", repeat=7)
        if all((site, f"P{k}") in held for k, site in enumerate(way))
    )
    certificate = source(rows, work=1.0, co2_price_per_tonne=PRICE).certificate
    assert certificate.bound <= best + 1e-6
    assert certificate.objective >= best - 1e-6


def test_an_order_online_pays_the_same_price(tables, scenario, source):
    """Promised alone, from A for 5 + 2, as the batch does; the parts add up to the cost."""
    facts = scenario(emitting(tables(), 2000.0, 0.0), co2_price_per_tonne=PRICE)
    lines = facts.table("order_lines")
    decision = decide(Desk(facts, {}), order_of(facts.table("orders").iloc[0].to_dict(), lines))
    (parcel,) = decision.parcels
    assert (parcel.site_id, parcel.cost, parcel.co2) == ("A", 5.0, 2.0)
    assert decision.cost == source(facts).certificate.objective == 7.0
    assert (decision.alternative, decision.extra_cost) == ("from B", 1.0)
