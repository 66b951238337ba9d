"""/v1/scenarios: hand one in, read it back, change it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from api.errors import responses
from api.routes.answers import as_json
from api.routes.context import Context, Planner, Reader
from api.schemas.wire import (
    FindingModel,
    RevisionRequest,
    ScenarioList,
    ScenarioModel,
    TablePage,
    ValidationModel,
)
from api.services.filters import FilterText, SortText, read_filter, read_sort
from api.services.paging import PageSize, PageToken, make_token, read_token
from api.services.tables import FILES, Form, download, page
from api.services.uploads import received
from api.services.wired import scenario_model
from scenarios.tables import TABLES

router = APIRouter(prefix="/v1", tags=["scenarios"])

UPLOAD: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/ScenarioDocument"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            },
        },
    }
}


@router.post(
    "/scenarios",
    status_code=201,
    response_model=ScenarioModel,
    responses=responses(413, 415, 422),
    openapi_extra=UPLOAD,
    summary="Hand in a scenario: JSON, or a form with an xlsx, zip or json file",
)
async def create(request: Request, response: Response, here: Planner) -> ScenarioModel:
    """Take a scenario whole or refuse it whole, with every finding."""
    async with received(request, here.settings.max_upload_bytes) as path:
        row = await run_in_threadpool(here.scenarios.take, path)
    response.headers["Location"] = f"/v1/scenarios/{row.id}"
    response.headers["ETag"] = f'"{row.head}"'
    return await run_in_threadpool(_model, here, row.id, None)


@router.get("/scenarios", responses=responses(422))
def list_scenarios(
    here: Reader, page_size: PageSize = 50, page_token: PageToken = None
) -> ScenarioList:
    """List scenarios, newest first."""
    rows = here.scenarios.newest(page_size + 1, read_token(page_token))
    more = make_token(rows[page_size - 1].id) if len(rows) > page_size else None
    models = [_model(here, row.id, None) for row in rows[:page_size]]
    return ScenarioList(scenarios=models, next_page_token=more)


@router.get("/scenarios/{scenario_id}", responses=responses(404, 422))
def show(scenario_id: str, response: Response, here: Reader) -> ScenarioModel:
    """Show a scenario and its newest revision."""
    model = _model(here, scenario_id, None)
    response.headers["ETag"] = f'"{model.revision}"'
    return model


@router.get("/scenarios/{scenario_id}/revisions/{content_hash}", responses=responses(404, 422))
def show_revision(scenario_id: str, content_hash: str, here: Reader) -> ScenarioModel:
    """Show one revision."""
    return _model(here, scenario_id, content_hash)


@router.post(
    "/scenarios/{scenario_id}/revisions", status_code=201, responses=responses(404, 409, 422)
)
def revise(
    scenario_id: str, body: RevisionRequest, response: Response, here: Planner
) -> ScenarioModel:
    """Change a scenario by deltas; the answer is its new revision."""
    made = here.scenarios.revise(scenario_id, body.base, body.deltas)
    response.headers["Location"] = f"/v1/scenarios/{scenario_id}/revisions/{made.content_hash}"
    response.headers["ETag"] = f'"{made.content_hash}"'
    return _model(here, scenario_id, made.content_hash)


@router.get("/scenarios/{scenario_id}/validation", responses=responses(404, 422))
def validation(scenario_id: str, here: Reader) -> ValidationModel:
    """Return what was noticed about the newest revision."""
    revision = here.scenarios.revision(scenario_id)
    findings = [FindingModel.model_validate(finding) for finding in revision.findings]
    counts = dict.fromkeys(("error", "warning", "info"), 0)
    for finding in findings:
        counts[finding.severity] += 1
    return ValidationModel(revision=revision.content_hash, counts=counts, findings=findings)


@router.get(
    "/scenarios/{scenario_id}/tables/{name}",
    response_model=TablePage,
    responses={**responses(404, 422), 200: {"content": FILES}},
)
def table(
    scenario_id: str,
    name: str,
    here: Reader,
    form: Annotated[Form, Query(alias="format")] = "json",
    page_size: PageSize = 100,
    page_token: PageToken = None,
    filter_text: FilterText = None,
    sort_text: SortText = None,
) -> Response:
    """Read a table of the newest revision, by pages of JSON or whole as a file."""
    manifest = here.scenarios.revision(scenario_id).manifest
    rows = here.table(TABLES, manifest, name)
    where, sorts = read_filter(filter_text, rows.contract), read_sort(sort_text, rows.contract)
    if form == "json":
        return as_json(page(rows, page_size, page_token, where, sorts))
    return download(rows, form, where, sorts, exact=True)


def _model(here: Context, scenario_id: str, content_hash: str | None) -> ScenarioModel:
    row = here.scenarios.row(scenario_id)
    revision = here.scenarios.revision(scenario_id, content_hash)
    return scenario_model(row, revision, here.blobs)
