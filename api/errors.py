"""One mapping from our errors to HTTP: every error is an application/problem+json."""

from __future__ import annotations

import http
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from api.operations.logs import tell
from api.schemas.wire import Problem
from scenarios import (
    Conflict,
    EngineError,
    Finding,
    HoldfastError,
    InputError,
    NotFound,
    Unsupported,
)

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 1000
STATUS_OF = (
    (InputError, 422),
    (Unsupported, 422),
    (NotFound, 404),
    (Conflict, 409),
    (EngineError, 500),
)


class TooLarge(HoldfastError):  # noqa: N818 - the name says what it is
    """An upload is larger than the service takes."""


class NotReadable(HoldfastError):  # noqa: N818
    """The body is not of a kind that the service reads."""


class Busy(HoldfastError):  # noqa: N818
    """Too many runs wait already."""


class NotKnown(HoldfastError):  # noqa: N818
    """Nobody who may ask: no key, or one that is not good."""


class NotAllowed(HoldfastError):  # noqa: N818
    """The key is good, but not for this."""


class GatesFailed(Conflict):
    """Gates hold a plan.

    Attributes
    ----------
    findings : one for each gate that does
    """

    def __init__(self, message: str, findings: Sequence[Finding]) -> None:
        super().__init__(message)
        self.findings = tuple(findings)


STATUS_OF_OURS = {TooLarge: 413, NotReadable: 415, Busy: 429, NotKnown: 401, NotAllowed: 403}
HEADERS = {429: {"Retry-After": "5"}, 401: {"WWW-Authenticate": "Bearer"}}


def problem(
    status: int,
    code: str,
    detail: str,
    instance: str = "",
    errors: Sequence[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return an error as RFC 9457 has it."""
    document = {
        "type": f"urn:holdfast:problem:{code}",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": instance,
        "code": code,
        "errors": list(errors)[:MOST_ERRORS],
    }
    return JSONResponse(document, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Document the errors of a route."""
    return {
        status: {
            "model": Problem,
            "description": http.HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted({400, 401, 403, 405, *statuses})
    }


def add_handlers(app: FastAPI) -> None:
    """Answer every error with a problem document."""

    @app.exception_handler(HoldfastError)
    async def _ours(request: Request, error: HoldfastError) -> Response:
        if isinstance(error, NotKnown) and _wants_a_page(request):
            return RedirectResponse("/sign-in", 303)
        status = STATUS_OF_OURS.get(type(error), 0)
        if not status:
            status = next((code for kind, code in STATUS_OF if isinstance(error, kind)), 500)
        findings = error.findings if isinstance(error, (InputError, GatesFailed)) else ()
        if status >= 400 and _wants_a_page(request):
            return _page(request, status, str(error))
        listed = [f.document() for f in findings if isinstance(f, Finding)]
        headers = HEADERS.get(status)
        code = _code(type(error).__name__)
        return problem(status, code, str(error), request.url.path, listed, headers)

    @app.exception_handler(RequestValidationError)
    async def _request(request: Request, error: RequestValidationError) -> JSONResponse:
        listed = [
            {
                "code": str(part["type"]),
                "severity": "error",
                "table": str(part["loc"][0]) if part["loc"] else "",
                "row": None,
                "column": ".".join(str(place) for place in part["loc"][1:]),
                "value": repr(part.get("input", ""))[:200],
                "hint": str(part["msg"]),
            }
            for part in error.errors()
        ]
        unread = any(part["code"] == "json_invalid" for part in listed)
        detail = f"{len(listed)} parts of the request are not as they should be"
        status = 400 if unread else 422
        return problem(status, "invalid_request", detail, request.url.path, listed)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        if _wants_a_page(request):
            return _page(request, error.status_code, str(error.detail))
        code = _code(http.HTTPStatus(error.status_code).phrase.replace(" ", ""))
        return problem(
            error.status_code, code, str(error.detail), request.url.path, (), error.headers
        )

    @app.exception_handler(Exception)
    async def _unexpected(request: Request, error: Exception) -> JSONResponse:
        tell("request broke", level=logging.ERROR, error=True, path=request.url.path)
        detail = f"something went wrong inside ({type(error).__name__}); it is in the log"
        return problem(500, "internal", detail, request.url.path)


def _page(request: Request, status: int, detail: str) -> Response:
    """Return an error as a page, which the application knows how to make."""
    answer: Response = request.app.state.error_page(request, status, detail)
    return answer


def _wants_a_page(request: Request) -> bool:
    """Say whether a person with a browser asks, rather than a programme."""
    return "text/html" in request.headers.get("accept", "") and "/v1/" not in request.url.path


def _code(name: str) -> str:
    """Turn a class name into a code: NotFound -> not_found."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
