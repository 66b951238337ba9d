"""The application: routes, errors, headers, and the life of its parts."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts
from fastapi.staticfiles import StaticFiles
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import BaseRoute

from api.errors import add_handlers
from api.front import Guard, Observer
from api.operations import traces
from api.operations.metrics import Metrics
from api.operations.readiness import Readiness
from api.pages.routes import router as pages
from api.pages.view import error_page
from api.routes import (
    calendar,
    comparisons,
    meta,
    partners,
    plans,
    promotions,
    publishing,
    risks,
    runs,
    scenarios,
    sourcing,
    what_if,
)
from api.routes.context import House
from api.runs.process import WorkerProcess
from api.runs.queue import RunQueue
from api.security.keys import Keys
from api.services.decisions import Desks
from api.services.explanations import Explainers
from api.services.following import Following
from api.settings import MIB, ServiceSettings, settings_from
from api.store.blobs import FolderBlobs
from api.store.database import Database
from api.store.held_tables import HeldTables
from optimizer.code import code_version


def create_app(settings: ServiceSettings | None = None, *, works: bool = True) -> FastAPI:
    """Make an application; it opens its database at once and has its worker while it runs.

    Parameters
    ----------
    settings : by default read from the environment
    works : start a worker beside this process; else a `holdfast worker` must run somewhere
    """
    settings = settings or settings_from()
    settings.home.mkdir(parents=True, exist_ok=True)
    traces.configure(settings)
    blobs = FolderBlobs(settings.home / "blobs")
    database = Database(settings.url)
    queue = RunQueue(settings.url)
    house = House(
        settings,
        database,
        blobs,
        queue,
        Keys(database),
        Desks(),
        Metrics(database),
        Readiness(database, blobs, settings),
        HeldTables(settings.table_memory_mib * MIB),
        Explainers(),
        Following(database),
    )

    @contextlib.asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        worker = WorkerProcess(settings) if works else None
        if worker is not None:
            worker.start()
        yield
        if worker is not None:
            await asyncio.to_thread(worker.stop)
        queue.close()
        database.close()
        traces.stop()

    app = FastAPI(
        title="Holdfast",
        version=code_version(),
        summary="Plan an e-commerce supply chain, and try to break the plan.",
        lifespan=life,
        docs_url=None,
        redoc_url=None,
    )
    app.state.house = house
    app.state.error_page = error_page
    app.router.routes += _routes()
    static = StaticFiles(packages=[("api", "pages/static")])
    app.mount("/static", GZipMiddleware(static, minimum_size=1000), name="static")
    add_handlers(app)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(settings.allowed_hosts))
    app.add_middleware(Guard, map_tiles=settings.map_tiles)
    app.add_middleware(Observer, metrics=house.metrics)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


@functools.cache
def _routes() -> list[BaseRoute]:
    """Return the routes of every application, built once, in the thread that asks first.

    Else FastAPI builds a router's at the first request that comes to it, with warnings turned
    off for the whole process meanwhile: two applications that do so in two threads at once turn
    them on again under each other, and a warning comes out that nobody is to see.
    """
    whole = APIRouter()
    for part in (
        meta,
        scenarios,
        runs,
        plans,
        promotions,
        publishing,
        sourcing,
        calendar,
        what_if,
        risks,
        comparisons,
        partners,
    ):
        whole.include_router(part.router)
    whole.include_router(pages, include_in_schema=False)
    for _ in iter_route_contexts(whole.routes):
        pass
    return whole.routes


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, with the schema of a scenario document in it."""
    if app.openapi_schema:
        return app.openapi_schema
    from scenarios.schema import scenario_schema

    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        openapi_version="3.1.0",
        routes=app.routes,
    )
    schemas = document["components"]["schemas"]
    schemas["ScenarioDocument"] = _shallow(scenario_schema())
    for path in document["paths"].values():
        for operation in path.values():
            answers = operation.get("responses", {})
            wrong = answers.get("422", {}).get("content", {}).get("application/json")
            if wrong:
                content = {"schema": {"$ref": "#/components/schemas/Problem"}}
                answers["422"]["content"] = {"application/problem+json": content}
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    app.openapi_schema = document
    return document


def _shallow(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a scenario document without its columns, which /v1/schema has."""
    tables = schema["properties"]["tables"]
    rows = {"type": "object", "description": "columns as in /v1/schema"}
    named = {
        name: {"type": "array", "description": table["description"], "items": rows}
        for name, table in tables["properties"].items()
    }
    properties = {**schema["properties"], "tables": {**tables, "properties": named}}
    kept = {key: part for key, part in schema.items() if key != "$schema"}
    return {**kept, "properties": properties}
