"""What a promotion would do, asked of the corner shop."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api.cli.app import invoke
from api.cli.promotion import _show
from api.services.promotion import planned_for, promotion
from optimizer.plan import Plan
from optimizer.promotion import Ask, read_levels
from optimizer.promotion.ask import with_promotion
from optimizer.promotion.laying import effect, lay_over, undone
from scenarios import InputError, Scenario
from scenarios.library import demo_scenario

TEA = {"product_id": "TEA", "start": "2026-10-26", "end": "2026-11-01", "discount_pct": 20.0}


@pytest.fixture(scope="module")
def shop() -> Scenario:
    """The corner shop."""
    return demo_scenario("corner-shop")


@pytest.fixture(scope="module")
def made(shop: Scenario) -> Plan:
    """Its plan."""
    return planned_for(shop, work=1.0)


@pytest.fixture(scope="module")
def answer(shop: Scenario, made: Plan) -> dict[str, Any]:
    """Tea at twice the usual demand, or half, or four times."""
    ask = Ask(cells=TEA, uplifts_pct=(50.0, 100.0, 300.0), pulled_forward_pct=20.0)
    return promotion(shop, made, ask, replications=5, work=1.0)


def test_every_uplift_stock_and_capacity_is_tried(answer: dict[str, Any]) -> None:
    """Three uplifts, the plan and orders for two uplifts, capacity as stated and more."""
    cells = {(cell["uplift"], cell["stock"], cell["capacity"]) for cell in answer["cells"]}
    assert len(cells) == len(answer["cells"]) == 3 * 3 * 2
    assert answer["against"] == "without"
    assert answer["uplift_source"] == "stated"


def test_items_of_every_cell_add_up(answer: dict[str, Any]) -> None:
    """The gain is the sum of its items, difference 0.00."""
    for cell in answer["cells"]:
        assert cell["net"]["mean"] == round(math.fsum(i["money"] for i in cell["items"]), 2)


def test_the_robust_choice_weighs_the_gains(answer: dict[str, Any]) -> None:
    """Its costs are the gains of the cells with the sign turned, weights those of three points."""
    robust = answer["robust"]
    gain = {(c["stock"], c["capacity"], c["uplift"]): c["net"]["mean"] for c in answer["cells"]}
    for way, costs in zip(robust["plans"], robust["cost"], strict=True):
        stock, capacity = way.split(" / ")
        assert [-cost for cost in costs] == [
            gain[stock, capacity, name] for name in robust["scenarios"]
        ]
    assert robust["weights"] == pytest.approx([0.3, 0.4, 0.3])


def test_more_demand_never_sells_less(answer: dict[str, Any]) -> None:
    """Under the same random numbers a higher uplift sells at least as much in the promotion."""
    for stock in ("as planned", "ordered for expected", "ordered for high"):
        sold = [
            cell["figures"]["promoted_units_promotion"]["mean"]
            for cell in answer["cells"]
            if cell["stock"] == stock and cell["capacity"] == "as stated"
        ]
        assert sold == sorted(sold)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_answer(
    shop: Scenario, made: Plan, answer: dict[str, Any]
) -> None:
    """Asked again, with two processes, every figure is the same."""
    ask = Ask(cells=TEA, uplifts_pct=(50.0, 100.0, 300.0), pulled_forward_pct=20.0)
    assert promotion(shop, made, ask, replications=5, work=1.0, processes=2) == answer


def test_an_uplift_that_nothing_tells_is_refused(shop: Scenario, made: Plan) -> None:
    """No uplift, no discount, and no past promotion of its kind: missing is not zero."""
    cells = {name: cell for name, cell in TEA.items() if name != "discount_pct"}
    with pytest.raises(InputError, match="state the uplift"):
        promotion(shop, made, Ask(cells=cells), replications=2)


def test_too_few_past_promotions_leave_low_and_high_unknown(shop: Scenario, made: Plan) -> None:
    """The shop has two: the expected uplift alone is known."""
    levels = read_levels(shop, "COFFEE_WEEK", made.table("forecast"))
    assert dict(levels.uplift) == {"expected": 0.5}
    assert any("Low and high are not known: 2 past" in note for note in levels.notes)


def test_what_it_takes_from_others_is_not_known_without_a_past(shop: Scenario, made: Plan) -> None:
    """Coffee takes from drinks, by how much nobody says: no figure, and a note."""
    levels = read_levels(shop, "COFFEE_WEEK", made.table("forecast"))
    assert levels.taken is None
    assert len(levels.losers)
    stated = Ask("COFFEE_WEEK", cannibalised_pct=30.0)
    assert read_levels(shop, "COFFEE_WEEK", made.table("forecast"), stated).taken == 0.3


def test_past_promotions_tell_low_and_high() -> None:
    """A festival of one category is learned from 20 others, and lies between them."""
    festival = demo_scenario("double-eleven")
    products = festival.table("products")
    goods = products.loc[products["category"] == "美妆个护", "product_id"]
    forecast = planless_forecast(festival, list(goods))
    levels = read_levels(festival, "D11-2026-BC", forecast)
    assert levels.rule == "history"
    assert levels.past == 20
    low, expected, high = (levels.uplift[name] for name in ("low", "expected", "high"))
    assert low < expected < high
    # in the logarithm of demand both lie equally far from what is expected
    assert (1.0 + high) / (1.0 + expected) == pytest.approx((1.0 + expected) / (1.0 + low))


def planless_forecast(scenario: Scenario, goods: list[str]) -> Any:
    """Return product-locations as a forecast names them."""
    history = scenario.table("demand_history")
    pairs = history[history["product_id"].isin(goods)][["product_id", "location_id"]]
    sites = set(scenario.table("sites")["site_id"])
    return pairs[pairs["location_id"].isin(sites)].drop_duplicates()


def test_a_forecast_with_a_promotion_and_without_it_again_is_the_same(
    shop: Scenario, made: Plan
) -> None:
    """What is laid over a forecast of the methods can be taken out, to the fourth decimal."""
    forecast = made.table("forecast").query("method != 'planner'")
    wanted = Ask(cells={**TEA, "product_id": "MUG", "location_id": "S1"}, uplifts_pct=(100.0,))
    levels = read_levels(with_promotion(shop, wanted), "WHAT_IF", forecast, wanted)
    laid = effect(levels, "expected", shop)
    with_it = lay_over(forecast, laid, shop)
    # 0.7444 a week, twice that in the third
    mean = with_it[with_it["quantile"].isna() & (with_it["product_id"] == "MUG")]
    assert mean.query("span_buckets == 1")["qty"].tolist() == [0.7444, 0.7444, 1.4888, 0.7444]
    assert mean.query("span_buckets == 4")["qty"].tolist() == [pytest.approx(5 * 0.7444)]
    again = lay_over(with_it, undone(laid, with_it, shop), shop)
    assert (again["qty"] - forecast["qty"]).abs().max() < 1e-3


def test_the_planners_own_forecast_is_taken_as_without(shop: Scenario, made: Plan) -> None:
    """Coffee at W1 is the planner's number, in which no promotion is: none is taken out of it."""
    forecast = made.table("forecast")
    levels = read_levels(shop, "COFFEE_WEEK", forecast)
    laid = undone(effect(levels, "expected", shop), forecast, shop)
    assert (laid.factor == 1.0).all()


def test_cancelling_is_held_against_the_promotion(shop: Scenario, made: Plan) -> None:
    """Without its week coffee sells less, and no discount is given."""
    found = promotion(shop, made, Ask("COFFEE_WEEK", cancelled=True), replications=5, work=1.0)
    assert (found["asks"], found["against"]) == ("cancelled", "as_is")
    assert found["deltas"][0]["op"] == "delete"
    cell = found["cells"][0]
    assert cell["figures"]["promoted_units_promotion"]["mean"] < 0.0
    assert {i["item"]: i["money"] for i in cell["items"]}["discount"] > 0.0
    assert cell["bindings"] == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"promotion_id": "NONE", "cancelled": True}, "no promotion 'NONE'"),
        ({"cells": {"product_id": "TEA"}}, "a start and an end"),
        ({"cells": {"price": 1.0}}, "has no 'price'"),
        ({"uplifts_pct": (1.0, 2.0)}, "one uplift, or three"),
        ({"stocks": ("plenty",)}, "not 'plenty'"),
        ({"uplifts_pct": (3.0, 2.0, 1.0)}, "lowest first"),
        ({"cells": {**TEA, "start": "2027-10-26", "end": "2027-11-01"}}, "horizon"),
    ],
)
def test_what_makes_no_sense_is_refused(
    shop: Scenario, made: Plan, wrong: dict[str, Any], told: str
) -> None:
    """Before anything is simulated, with what is allowed."""
    with pytest.raises(InputError, match=told):
        promotion(shop, made, Ask(**wrong), replications=2)


def test_the_command_prints_what_the_function_returns(
    tmp_path: Path, shop: Scenario, made: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    """JSON for programs; a table with the gain for people."""
    place = shop.save(tmp_path / "shop")
    folder = Plan(replace(made.provenance, scenario_path=str(place)), made.tables, made.notes).save(
        tmp_path / "plan"
    )
    asked = ["promotion", str(folder), "COFFEE_WEEK", "--uplift", "80", "--replications", "2"]
    assert invoke([*asked, "--more-capacity", "0", "--work", "1",
                   "--stock", "as planned", "--json"]) == 0  # fmt: skip
    found = json.loads(capsys.readouterr().out)
    ask = Ask("COFFEE_WEEK", uplifts_pct=(80.0,), more_capacity_pct=0.0, stocks=("as planned",))
    assert [cell["stock"] for cell in found["cells"]] == ["as planned"]
    assert found == json.loads(
        json.dumps(promotion(shop, made, ask, replications=2, work=1.0), default=str)
    )
    _show(found, every=True)
    told = capsys.readouterr().out
    assert "Best on average" in told
    assert "FARM" in told
