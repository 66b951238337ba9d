"""What must hold on any case: more stock, other relaxations, and reasons that are true."""

from __future__ import annotations

import re
from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sourcing_worlds import START, Enumeration, draw_case

from optimizer.allocation.sourcing.blocks import build_catalogue
from optimizer.allocation.sourcing.intake import build_problem
from optimizer.allocation.sourcing.large import LargeOrders
from optimizer.allocation.sourcing.prices import Prices, dual_value

MORE_STOCK = re.compile(r"([\d.]+) more of (\w+) at (\w+) \(ships for ([\d.]+)\)")


@settings(max_examples=15, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000))
@pytest.mark.slow
def test_more_stock_never_raises_the_bound(scenario, seed):
    """At the same prices, whatever they are, a unit more at every site never raises the bound."""
    rows = draw_case(seed)
    more = deepcopy(rows)
    for row in more["inventory"]:
        row["on_hand"] += 1.0
    rng = np.random.default_rng(seed)
    bounds, prices = [], None
    for case in (rows, more):
        problem = build_problem(scenario(case))
        catalogue = build_catalogue(problem)
        if prices is None:
            limits = problem.resources
            stock = rng.uniform(0.0, 6.0, limits.stock.shape)
            prices = Prices(
                np.minimum(stock, stock[:, limits.shared]),
                rng.uniform(0.0, 1.0, limits.room.shape),
                np.where(np.isfinite(limits.parcels), rng.uniform(0.0, 2.0), 0.0),
            )
        large = LargeOrders(problem, catalogue)
        bounds.append(dual_value(problem, catalogue, large, prices)[0])
    assert bounds[1] <= bounds[0] + 1e-9


@settings(max_examples=12, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000))
@pytest.mark.slow
def test_more_stock_as_told_saves_what_is_told(source, seed):
    """A line short of goods ships at the stated cost once the stated units are there.

    Docks and carriers have room for it here, so the best of all plans then costs no more than the
    plan that was found, less the line's penalty, plus what its parcel is said to cost.
    """
    rows = draw_case(seed)
    for site in rows["sites"]:
        site["outbound_units_per_day"] = 1e9
    for carrier in rows["carriers"]:
        carrier.pop("capacity_per_day", None)
    result = source(rows, work=0.5)
    penalty = {row["product_id"]: row["unserved_penalty"] for row in rows["products"]}
    unserved = result.tables.get("unserved", pd.DataFrame(columns=["id", "code"]))
    lines = {f"{row['order_id']}/{row['line_id']}": row for row in rows["order_lines"]}
    whole = {row["order_id"] for row in rows["orders"] if not row["allow_split"]}
    for row in unserved[unserved["code"] == "no_stock"].itertuples():
        told = MORE_STOCK.fullmatch(row.cheapest_relaxation)
        line = lines[row.id]
        if told is None or line["order_id"] in whole:
            continue
        units, product, site, cost = told.groups()
        relaxed = deepcopy(rows)
        relaxed["inventory"].append(
            {"site_id": site, "product_id": product, "on_hand": float(units), "lot_id": "more",
             "channel_id": None}
        )  # fmt: skip
        best = Enumeration(rows | merged(relaxed)).best()
        saved = line["qty"] * penalty[product] - float(cost)
        assert best <= result.certificate.objective - saved + 0.005 + 1e-6


def merged(rows):
    """Return inventory with the lots of a site, product and channel added up."""
    total = {}
    for row in rows["inventory"]:
        key = (row["site_id"], row["product_id"], row["channel_id"])
        total[key] = total.get(key, 0.0) + row["on_hand"]
    names = ("site_id", "product_id", "channel_id")
    return {
        "inventory": [dict(zip(names, key)) | {"on_hand": units} for key, units in total.items()]
    }


def relax(rows, row):
    """Change the rows as a reason says would help."""
    told = row.cheapest_relaxation
    order = next(o for o in rows["orders"] if o["order_id"] == row.id.split("/")[0])
    if row.code == "no_zone":
        order["zone_id"] = "Z"
    elif row.code == "too_late":
        order["due_to"] += pd.Timedelta(days=float(re.findall(r"due (\d+) day", told)[0]))
    elif row.code == "too_heavy":
        heaviest = float(re.findall(r"for ([\d.]+) kg", told)[0])
        rate = rows["carrier_rates"][0]
        rows["carrier_rates"].append(rate | {"service": "heavy", "max_weight_kg": heaviest})
    elif row.code == "no_rate":
        rows["carrier_rates"].append(rows["carrier_rates"][0] | {"destination": "Y"})
    elif row.code == "no_stock":
        units, product, site, _ = MORE_STOCK.fullmatch(told).groups()
        rows["inventory"].append(
            {"site_id": site, "product_id": product, "lot_id": "more", "on_hand": float(units)}
        )
    elif "room for" in told:
        units, site = re.findall(r"room for ([\d.]+) more units? at (\w+)", told)[0]
        next(s for s in rows["sites"] if s["site_id"] == site)["outbound_units_per_day"] += float(
            units
        )
    else:
        rows["carriers"][0]["capacity_per_day"] += 1.0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"orders": {"zone_id": None}}, "no_zone"),
        ({"orders": {"zone_id": "Y"}}, "no_rate"),
        ({"orders": {"due_to": START - pd.Timedelta("1D")}}, "too_late"),
        ({"order_lines": {"qty": 34.0}}, "too_heavy"),
        ({"order_lines": {"qty": 12.0}}, "no_stock"),
        ({"sites": {"outbound_units_per_day": 0.5}}, "no_capacity"),
        ({"carriers": {"capacity_per_day": 0.0}}, "no_capacity"),
    ],
)
def test_what_is_told_to_help_helps(tables, source, change, code):
    """A single order that cannot ship, proven, ships once its reason is relaxed as told."""
    rows = tables()
    rows["zones"].append({"zone_id": "Y", "name": "Y"})
    rows["products"][0]["unserved_penalty"] = 100.0
    for name, cells in change.items():
        for row in rows[name]:
            row.update(cells)
    if code == "too_heavy":
        for row in rows["inventory"]:
            row["on_hand"] = 50.0
    told = next(source(rows).tables["unserved"].itertuples())
    assert (told.code, told.proof) == (code, "proven")
    relax(rows, told)
    result = source(rows)
    assert "unserved" not in result.tables
    assert len(result.tables["shipments"]) == 1
