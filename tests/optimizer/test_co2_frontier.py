"""Cost against CO2e: plans that no other beats, over a floor that no plan goes under."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pandas as pd
import pytest

from optimizer.frontier import Frontier, co2_frontier, measured
from optimizer.frontier_chart import frontier_svg
from optimizer.pipeline import plan
from scenarios import InputError, Scenario
from scenarios.library import demo_scenario

STAGES = ["sourcing"]


@pytest.fixture(scope="module")
def shop() -> Scenario:
    """The corner shop."""
    return demo_scenario("corner-shop")


@pytest.fixture(scope="module")
def front(shop: Scenario) -> Frontier:
    """Five plans of its parcels."""
    return co2_frontier(shop, 5, STAGES, work=1.0)


def test_no_plan_beats_another(front: Frontier) -> None:
    """From one point to the next cost rises and CO2e falls; there is more than one point."""
    assert len(front.points) >= 2
    for one, other in zip(front.points, front.points[1:], strict=False):
        assert other.cost > one.cost
        assert other.co2_kg < one.co2_kg


def test_every_point_lies_over_the_floor(front: Frontier) -> None:
    """What no plan of as few kg can cost less than is no more than what the plan costs.

    Nor is any other plan that emits no more cheaper than the floor.
    """
    for point in front.points:
        assert point.cost_at_least is not None
        assert point.cost_at_least <= point.cost + 1e-9
        for other in (*front.points, *front.beaten):
            if other.co2_kg <= point.co2_kg:
                assert other.cost >= point.cost_at_least - 1e-9


def test_stages_add_up(front: Frontier) -> None:
    """Cost and kg of a point are the sums over its stages."""
    for point in front.points:
        assert sum(cost for _, cost, _ in point.stages) == pytest.approx(point.cost)
        assert sum(kg for _, _, kg in point.stages) == pytest.approx(point.co2_kg)


def test_grams_are_those_that_the_objective_pays_for(shop: Scenario) -> None:
    """At 1,000 a tonne each stage's term co2 is 0.001 x the grams that are counted for it."""
    settings = shop.settings.model_copy(update={"co2_price_per_tonne": 1000.0})
    made = plan(Scenario(settings, dict(shop.tables)), work=2.0)
    kpis = made.table("kpis")
    start = pd.Timestamp(settings.start_date)
    for stage, _, grams in measured(made, 0.001, start):
        paid = kpis[(kpis["kpi"] == "co2") & (kpis["variant"] == f"{stage} objective")]
        assert paid["value"].sum() == pytest.approx(0.001 * grams, abs=1e-9), stage


def test_the_same_call_gives_the_same_frontier(shop: Scenario, front: Frontier) -> None:
    """Figures and picture are the same to the last bit, and JSON can hold them."""
    again = co2_frontier(shop, 5, STAGES, work=1.0)
    assert json.dumps(again.document(), allow_nan=False) == json.dumps(front.document())
    assert frontier_svg(again, "zh") == frontier_svg(front, "zh")


def test_the_picture_has_a_dot_for_every_plan(front: Frontier) -> None:
    """As many circles as plans."""
    root = ET.fromstring(frontier_svg(front))
    dots = root.findall("{http://www.w3.org/2000/svg}circle")
    assert len(dots) == len(front.points) + len(front.beaten)


def test_one_point_is_no_frontier(shop: Scenario) -> None:
    """Fewer than two are refused."""
    with pytest.raises(InputError, match="at least 2 points"):
        co2_frontier(shop, 1, STAGES)
