"""Wire models of scenarios, plans and errors; snake_case, times RFC 3339 in UTC."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer


def _as_utc(moment: dt.datetime) -> dt.datetime:
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)


def as_wire(moment: dt.datetime) -> str:
    """Return a time as it crosses the wire: RFC 3339 in UTC."""
    return _as_utc(moment).isoformat().replace("+00:00", "Z")


Moment = Annotated[dt.datetime, AfterValidator(_as_utc), PlainSerializer(as_wire, return_type=str)]
Label = Annotated[str, Field(max_length=200)]


class Wire(BaseModel):
    """Base of all wire models: nothing unknown is taken."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)


class FindingModel(Wire):
    """One thing that was noticed about a scenario."""

    code: str
    severity: str
    table: str = ""
    row: int | None = None
    column: str = ""
    value: str = ""
    hint: str = ""


class Problem(BaseModel):
    """An error, as RFC 9457 has it; `errors` lists every finding, capped."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="URI reference that names the kind of error")
    title: str
    status: int
    detail: str
    instance: str = ""
    code: str
    errors: list[FindingModel] = Field(default_factory=list)


class ScenarioModel(Wire):
    """A scenario and its newest revision."""

    id: str
    name: str
    revision: str = Field(description="content hash of the newest revision")
    tables: dict[str, int] = Field(description="rows by table")
    findings: list[FindingModel]
    created_at: Moment


class ScenarioList(Wire):
    """Scenarios, newest first."""

    scenarios: list[ScenarioModel]
    next_page_token: str | None = None


class ValidationModel(Wire):
    """What was noticed about a revision."""

    revision: str
    counts: dict[str, int] = Field(description="kept findings by severity")
    findings: list[FindingModel]


class RevisionRequest(Wire):
    """What-if changes to a revision."""

    base: Annotated[str, Field(description="content hash of the revision that is changed")]
    deltas: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=10_000)]


class PlanModel(Wire):
    """A plan: where it came from and what is in it."""

    id: str
    run: str
    scenario: str
    revision: str
    provenance: dict[str, Any]
    feasible: bool
    certificates: list[dict[str, Any]]
    tables: dict[str, int] = Field(description="rows by table")
    files: list[str] = Field(description="files beside the tables, as an exported problem")
    notes: dict[str, list[str]]
    created_at: Moment


class KpiList(Wire):
    """Key figures of a plan."""

    kpis: list[dict[str, Any]]


class TablePage(Wire):
    """Some rows of a table."""

    table: str
    columns: list[str]
    rows: list[dict[str, Any]]
    total_rows: int = Field(description="of the whole table")
    matching_rows: int = Field(description="that the filter takes; all without one")
    next_page_token: str | None = None


class DemoList(Wire):
    """Built-in scenarios."""

    demo_scenarios: list[str]


class Health(Wire):
    """How the service is."""

    status: Literal["ok", "degraded"]
    version: str
    problems: list[str] = []
