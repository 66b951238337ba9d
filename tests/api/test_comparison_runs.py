"""Comparisons over HTTP: plans of scenarios side by side."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from .conftest import ended

pytestmark = pytest.mark.no_database


@pytest.fixture(scope="module")
def plans(service: TestClient) -> list[str]:
    """Plans of the corner shop, and of the same with orders that cost three times as much."""
    scenario = service.post("/v1/demo-scenarios/corner-shop").json()
    dearer = {"table": "supplier_products", "op": "scale", "column": "order_cost", "value": 3.0}
    body = {"base": scenario["revision"], "deltas": [dearer]}
    changed = service.post(f"/v1/scenarios/{scenario['id']}/revisions", json=body).json()
    found = []
    for revision in (scenario["revision"], changed["revision"]):
        asked = {
            "kind": "pipeline", "scenario": scenario["id"], "revision": revision,
            "stages": ["replenishment"], "options": {"work": 2.0},
        }  # fmt: skip
        run = ended(service, service.post("/v1/runs", json=asked).json()["id"])
        assert run["state"] == "succeeded", run["reason"]
        found.append(str(run["plan"]))
    return found


@pytest.fixture(scope="module")
def comparison(service: TestClient, plans: list[str]) -> dict[str, Any]:
    """Both plans compared."""
    body = {"baseline": plans[0], "candidates": plans[1:], "replications": 3}
    answer = service.post("/v1/comparisons", json=body)
    assert answer.status_code == 202
    run = ended(service, answer.json()["run"]["id"])
    assert run["state"] == "succeeded", run["reason"]
    document: dict[str, Any] = service.get(answer.headers["location"]).json()
    return document


def test_the_drivers_add_up(plans: list[str], comparison: dict[str, Any]) -> None:
    """The one input that differs has the whole change of cost."""
    fall = comparison["waterfalls"][plans[1]]
    (bar,) = fall["bars"]
    assert bar["driver"] == "supplier_products.order_cost"
    assert bar["change"] == pytest.approx(fall["after"] - fall["before"], abs=1e-9)
    assert bar["change"] > 0.0


def test_inputs_figures_and_choice_are_there(plans: list[str], comparison: dict[str, Any]) -> None:
    """Changed cells are counted, both sides are simulated, every plan meets every scenario."""
    assert comparison["inputs"][plans[1]]["by_column"][0]["column"] == "order_cost"
    assert {row["side"] for row in comparison["kpis"]} == set(plans)
    assert [len(row) for row in comparison["robust"]["cost"]] == [2, 2]


def test_a_page_shows_what_was_measured(
    service: TestClient, plans: list[str], comparison: dict[str, Any]
) -> None:
    """The driver by its Chinese name, both plans simulated, the least regret; once it is there."""
    params = {"baseline": plans[0], "candidate": plans[1]}
    chinese = {"Accept-Language": "zh"}
    page = service.get("/compare", params=params, headers=chinese).text
    assert "供货关系: 订货成本" in page
    assert f"{comparison['replications']} 个未来情景的均值" in page
    assert "最小" in page
    turned = {"baseline": plans[1], "candidate": plans[0]}
    before = service.get("/compare", params=turned, headers=chinese).text
    assert "模拟两个计划并找出成本驱动因素" in before
    assert "供货关系: 订货成本" not in before


@pytest.mark.slow
def test_a_plan_that_is_not_there_is_404(service: TestClient, plans: list[str]) -> None:
    """An unknown candidate is refused before anything runs."""
    body = {"baseline": plans[0], "candidates": ["plan_none"]}
    assert service.post("/v1/comparisons", json=body).status_code == 404
