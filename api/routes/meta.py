"""What the service is, what a scenario looks like, and something to start from."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from api.errors import problem, responses
from api.operations.readiness import NotReady
from api.routes.context import Planner, house_of
from api.schemas.wire import DemoList, Health, ScenarioModel
from api.services.tables import MEDIA
from api.services.wired import scenario_model
from optimizer.code import code_version

router = APIRouter(tags=["service"])
METRICS_MEDIA = "text/plain; version=0.0.4"


@router.get("/healthz", responses=responses())
def alive() -> Health:
    """Say that the process answers."""
    return Health(status="ok", version=code_version())


@router.get("/readyz", responses=responses(503))
def ready(request: Request) -> Any:
    """Say whether requests can be answered; `degraded` with problems where runs do not get done."""
    try:
        problems = house_of(request).readiness.problems()
    except NotReady as error:
        return problem(503, "not_ready", str(error), "/readyz")
    status: Literal["ok", "degraded"] = "degraded" if problems else "ok"
    return Health(status=status, version=code_version(), problems=problems)


@router.get(
    "/metrics",
    responses={**responses(), 200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    response_class=Response,
)
def metrics(request: Request) -> Response:
    """Return figures for Prometheus: totals without names, for whoever reaches the service."""
    return Response(house_of(request).metrics.text(), media_type=METRICS_MEDIA)


@router.get("/v1/schema", responses=responses())
def schema() -> dict[str, Any]:
    """Return the JSON Schema of a scenario document."""
    from scenarios.schema import scenario_schema

    return scenario_schema()


@router.get(
    "/v1/templates/scenario.xlsx",
    responses={
        **responses(422),
        200: {"content": {MEDIA["xlsx"]: {"schema": {"type": "string", "format": "binary"}}}},
    },
    response_class=Response,
)
def template(language: Annotated[str, Query(pattern="^(en|zh)$")] = "en") -> Response:
    """Return an empty workbook to fill in."""
    from scenarios.files.template import write_template

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "scenario.xlsx"
        write_template(place, language=language)
        content = place.read_bytes()
    headers = {"Content-Disposition": 'attachment; filename="scenario.xlsx"'}
    return Response(content, media_type=MEDIA["xlsx"], headers=headers)


@router.get("/v1/demo-scenarios", responses=responses())
def demos() -> DemoList:
    """List the built-in scenarios."""
    from scenarios.library import DESCRIPTIONS

    return DemoList(demo_scenarios=list(DESCRIPTIONS))


@router.post("/v1/demo-scenarios/{name}", status_code=201, responses=responses(404, 422))
def take_demo(name: str, response: Response, here: Planner) -> ScenarioModel:
    """Take a built-in scenario in as if it had been handed in."""
    from scenarios.library import demo_scenario

    row = here.scenarios.keep(demo_scenario(name))
    response.headers["Location"] = f"/v1/scenarios/{row.id}"
    revision = here.scenarios.revision(row.id)
    return scenario_model(row, revision, here.blobs)
