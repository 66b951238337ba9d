"""Representative products: who is taken, what each counts for, and what is left of a scenario."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from test_stress import facts, plan_for

from simulation.assembly import build_world
from simulation.representatives import choose_products, only_planned, only_products, weigh_world
from simulation.resilience import scan_plan


def many(n: int = 12):
    """Return the two shops with n products: every third of class A, sales falling from n to 1."""
    ids = [f"P{i:02d}" for i in range(n)]
    small = facts()
    start = pd.Timestamp(small.settings.start_date)
    products = pd.DataFrame(
        {"product_id": ids, "name": ids, "unit_cost": 2.0, "unit_price": 5.0, "weight_kg": 1.0,
         "volume_m3": 0.01, "abc_class": ["A" if i % 3 == 0 else "C" for i in range(n)],
         "like_product_id": [None, *ids[:-1]]}
    )  # fmt: skip
    rows = [
        (product, shop, start + pd.Timedelta(weeks=week), np.nan, float(7 * (n - i)))
        for i, product in enumerate(ids)
        for shop in "AB"
        for week in range(4)
    ]
    columns = ["product_id", "location_id", "bucket", "quantile", "qty"]
    return facts(
        products=products,
        supplier_products=pd.DataFrame(
            {"supplier_id": "V", "product_id": ids, "site_id": "D", "unit_cost": 1.5,
             "lead_time_mean_days": 4.0}
        ),
        inventory=pd.DataFrame({"site_id": "D", "product_id": ids, "on_hand": 50.0}),
        forecasts=pd.DataFrame(rows, columns=columns),
        disruptions=pd.DataFrame(),
    )  # fmt: skip


def test_weights_stand_for_the_sales_of_every_stratum():
    """The money of the sample, by its weights, is the money of all, class by class."""
    scenario = many()
    sample = choose_products(scenario, plan_for(scenario), 6)
    assert 2 <= len(sample.weights) <= 6
    for label, first in (("A", 0), ("C", 1)):
        ids = [i for i in range(12) if (i % 3 == 0) == (label == "A")]
        sales = sum(12 - i for i in ids)
        taken = sum(sample.weights.get(f"P{i:02d}", 0.0) * (12 - i) for i in ids)
        assert taken == pytest.approx(sales)
        assert f"P{first:02d}" in sample.weights  # the largest seller of the class


def test_all_products_count_once_when_there_are_few():
    """Twelve of at most a thousand are all taken, each with weight 1."""
    scenario = many()
    sample = choose_products(scenario, plan_for(scenario))
    assert sample.weights == pytest.approx({f"P{i:02d}": 1.0 for i in range(12)})
    assert "All 12" in sample.note


def test_a_sampled_scenario_still_makes_a_world_whose_money_is_weighted():
    """Products, stock and demand of the others are gone; a unit's shortage costs its weight."""
    scenario = many()
    plan = plan_for(scenario)
    sample = choose_products(scenario, plan, 6)
    small = only_products(scenario, sample)
    world = build_world(small, only_planned(plan, sample))
    assert set(world.product_ids) == set(sample.weights)
    heavy = weigh_world(world, sample)
    for site, weighed in zip(world.sites, heavy.sites, strict=True):
        factors = [sample.weights[world.product_ids[p]] for p in site.product]
        np.testing.assert_allclose(weighed.shortage, site.shortage * factors)


@pytest.mark.slow
def test_a_plan_can_be_scanned_by_its_sample():
    """The scan of six products ranks the same worst node as that of all, with its note."""
    scenario = many()
    plan = plan_for(scenario)
    whole = scan_plan(scenario, plan, worst=0)
    part = scan_plan(scenario, plan, products=6, worst=0)
    assert part.table["node"].iloc[0] == whole.table["node"].iloc[0]
    assert any("of 12 products were scanned" in note for note in part.notes)
