"""Network design over HTTP: every option of the command line, and the problem as a file."""

from __future__ import annotations

import datetime as dt
import inspect
import io
import json
from typing import Any

import httpx
import pandas as pd
import pytest
from fastapi.testclient import TestClient

from api.cli.plan import plan
from api.client import Client
from api.schemas.runs import RunOptions
from scenarios import Scenario
from scenarios.settings import Settings

from .conftest import ended

pytestmark = pytest.mark.no_database


@pytest.fixture(scope="module")
def scenario_id(service: TestClient, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two sites and two zones, demand of 10 each; the far zone costs 3 a unit, the near one 1."""
    sites = pd.DataFrame(
        {"site_id": ["A", "B"], "kind": "warehouse", "name": ["A", "B"],
         "status": ["open", "candidate"], "fixed_cost_per_day": [1.0, 1.0]}
    )  # fmt: skip
    lanes = [
        {"origin_id": site, "destination_id": zone, "mode": "road", "transit_mean_days": 1.0,
         "cost_per_unit": 1.0 if at == to else 3.0}
        for at, site in enumerate(("A", "B")) for to, zone in enumerate(("N", "S"))
    ]  # fmt: skip
    demand = [
        {"product_id": "TEA", "location_id": zone, "bucket": dt.date(2026, 10, 12), "qty": qty,
         "demand_case": case}
        for case, units in (("low", (10.0, 1.0)), ("high", (10.0, 40.0)))
        for zone, qty in zip(("N", "S"), units, strict=True)
    ]  # fmt: skip
    tables = {
        "products": [
            {"product_id": "TEA", "name": "Tea", "unit_cost": 2.0, "unit_price": 50.0,
             "weight_kg": 1.0, "volume_m3": 0.01}
        ],
        "sites": sites.to_dict("records"),
        "zones": [{"zone_id": zone, "name": zone, "promise_days": 2.0} for zone in ("N", "S")],
        "lanes": lanes,
        "forecasts": demand,
        "demand_cases": [
            {"demand_case": case, "probability": 0.5} for case in ("low", "high")
        ],
    }  # fmt: skip
    settings = Settings(
        name="two sites", currency="EUR", timezone="Europe/London",
        start_date=dt.date(2026, 10, 12), bucket="week", horizon_buckets=1,
    )  # fmt: skip
    scenario = Scenario(settings, {name: pd.DataFrame(rows) for name, rows in tables.items()})
    place = scenario.save(tmp_path_factory.mktemp("scenario") / "two.json")
    answer = service.post("/v1/scenarios", json=json.loads(place.read_text(encoding="utf-8")))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def designed(service: TestClient, scenario_id: str, **options: object) -> dict[str, Any]:
    """Run stage network with options and return the plan."""
    body = {
        "kind": "pipeline",
        "scenario": scenario_id,
        "stages": ["network"],
        "options": {"work": 5.0, **options},
    }
    run = ended(service, service.post("/v1/runs", json=body).json()["id"])
    assert run["state"] == "succeeded", run["reason"]
    made: dict[str, Any] = service.get(f"/v1/plans/{run['plan']}").json()
    return made


def test_every_stage_option_of_the_command_line_is_one_over_http() -> None:
    """What `holdfast plan` takes for stages stands in the options of a run."""
    elsewhere = {"scenario", "stages", "out_dir", "seconds", "form", "as_json"}
    assert set(inspect.signature(plan).parameters) - elsewhere <= set(RunOptions.model_fields)


@pytest.mark.slow
def test_the_measure_decides_by_the_worst_future(service: TestClient, scenario_id: str) -> None:
    """Expected: 7 + 7 + mean of 11 and 50 = 44.5; worst: 14 + 50 = 64."""
    expected = designed(service, scenario_id)["certificates"][0]["objective"]
    worst = designed(service, scenario_id, measure="worst")["certificates"][0]["objective"]
    assert (expected, worst) == (pytest.approx(44.5), pytest.approx(64.0))


def test_the_problem_is_kept_as_a_file(service: TestClient, scenario_id: str) -> None:
    """With a solver by name and one source for each place, the LP file can be read back."""
    made = designed(service, scenario_id, solver="cbc", single_source=True, export="lp")
    assert made["files"] == ["network.lp"]
    assert made["certificates"][0]["engine"].endswith("with cbc")
    answer = service.get(f"/v1/plans/{made['id']}/files/network.lp")
    assert answer.status_code == 200
    assert "Minimize" in answer.text
    none = service.get(f"/v1/plans/{made['id']}/files/network.mps")
    assert none.status_code == 404


def test_flows_say_their_period_when_asked(service: TestClient, scenario_id: str) -> None:
    """One week by bucket: every flow names its first day, and the cost is that of the horizon."""
    made = designed(service, scenario_id, periods="bucket")
    assert made["certificates"][0]["objective"] == pytest.approx(44.5)
    answer = service.get(f"/v1/plans/{made['id']}/tables/flows?format=csv")
    flows = pd.read_csv(io.StringIO(answer.text))
    assert set(flows["bucket"]) == {"2026-10-12"}


def test_an_unknown_measure_is_refused(service: TestClient, scenario_id: str) -> None:
    """A value outside the list is 422 before anything runs."""
    body = {"kind": "pipeline", "scenario": scenario_id, "options": {"measure": "luck"}}
    assert service.post("/v1/runs", json=body).status_code == 422


@pytest.mark.slow
def test_the_client_reads_the_file(service: TestClient, scenario_id: str) -> None:
    """`Client.file` hands the bytes over as they were written."""
    made = designed(service, scenario_id, export="mps")

    def forward(request: httpx.Request) -> httpx.Response:
        answer = service.request(request.method, request.url.path)
        return httpx.Response(answer.status_code, content=answer.content)

    with Client(transport=httpx.MockTransport(forward)) as client:
        assert client.file(made["id"], "network.mps").rstrip().endswith(b"ENDATA")
