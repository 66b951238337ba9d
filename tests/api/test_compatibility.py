"""The committed OpenAPI file is the service's, and no change breaks those who call it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api.compatibility import breaking_changes
from api.reference import OPENAPI, cli_page, http_page, main, openapi_document, settings_page

DOCS = Path(__file__).parents[2] / "docs"
KEPT: dict[str, Any] = json.loads((DOCS / OPENAPI).read_text(encoding="utf-8"))
RUNS = "/v1/runs"
BODY = "RunRequest"
ANSWER = "RunModel"


@pytest.fixture(scope="module")
def today() -> dict[str, Any]:
    """Return the document that the service has."""
    return openapi_document()


def test_no_caller_breaks(today: dict[str, Any]) -> None:
    """What the committed file promises still holds."""
    assert breaking_changes(KEPT, today) == []


@pytest.mark.slow
def test_the_files_are_current(today: dict[str, Any]) -> None:
    """openapi.json, http.md, cli.md, settings.md: what `python -m api.reference docs` writes."""
    assert today == KEPT
    assert (DOCS / "http.md").read_text(encoding="utf-8") == http_page(today)
    assert (DOCS / "cli.md").read_text(encoding="utf-8") == cli_page()
    assert (DOCS / "settings.md").read_text(encoding="utf-8") == settings_page()


def _no_route(document: dict[str, Any]) -> None:
    del document["paths"][RUNS]["post"]


def _no_answer(document: dict[str, Any]) -> None:
    del document["paths"][RUNS]["get"]["responses"]["200"]


def _parameter(document: dict[str, Any]) -> None:
    new = {"in": "query", "name": "who", "required": True, "schema": {"type": "string"}}
    document["paths"][RUNS]["get"].setdefault("parameters", []).append(new)


def _no_parameter(document: dict[str, Any]) -> None:
    document["paths"][RUNS]["get"]["parameters"].clear()


def _required(document: dict[str, Any]) -> None:
    document["components"]["schemas"][BODY]["required"].append("labels")


def _no_field(document: dict[str, Any]) -> None:
    del document["components"]["schemas"][ANSWER]["properties"]["state"]


def _optional(document: dict[str, Any]) -> None:
    document["components"]["schemas"][ANSWER]["required"].remove("state")


def _type(document: dict[str, Any]) -> None:
    document["components"]["schemas"][ANSWER]["properties"]["share"]["type"] = "string"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_no_route, "POST /v1/runs is gone"),
        (_no_answer, "GET /v1/runs: answer 200 is gone"),
        (_parameter, "GET /v1/runs: parameter who is now required"),
        (_no_parameter, "is gone"),
        (_required, "RunRequest.labels is now required"),
        (_no_field, "RunModel.state is gone"),
        (_optional, "RunModel.state may now be missing"),
        (_type, "RunModel.share: type was number, is string"),
    ],
)
def test_what_breaks_a_caller_is_told(change: Callable[[dict[str, Any]], None], told: str) -> None:
    """Each kind of break is found and named."""
    other = copy.deepcopy(KEPT)
    change(other)
    assert any(told in each for each in breaking_changes(KEPT, other))


def test_additions_break_nobody() -> None:
    """A further route, optional parameter, optional field of a request, field of an answer."""
    other = copy.deepcopy(KEPT)
    other["paths"]["/v1/new"] = copy.deepcopy(other["paths"][RUNS])
    new = {"in": "query", "name": "who", "schema": {"type": "string"}}
    other["paths"][RUNS]["get"].setdefault("parameters", []).append(new)
    schemas = other["components"]["schemas"]
    schemas[BODY]["properties"]["more"] = {"type": "string"}
    schemas[ANSWER]["properties"]["more"] = {"type": "string"}
    assert breaking_changes(KEPT, other) == []


def test_a_further_word_breaks_nobody_and_one_less_does() -> None:
    """A list of words that a query takes may grow, and may not shrink."""
    words = ["pipeline", "stress"]
    kinds = [
        parameter
        for parameter in KEPT["paths"][RUNS]["get"]["parameters"]
        if parameter["name"] == "kind"
    ]
    assert kinds, "runs are listed by kind"
    (place,) = (n for n, each in enumerate(kinds[0]["schema"]["anyOf"]) if "enum" in each)
    few, more = copy.deepcopy(KEPT), copy.deepcopy(KEPT)
    for document, held in ((few, words), (more, [*words, "further"])):
        for each in document["paths"][RUNS]["get"]["parameters"]:
            if each["name"] == "kind":
                each["schema"]["anyOf"][place]["enum"] = held
    assert breaking_changes(few, more) == []
    assert any("no longer takes" in each for each in breaking_changes(more, few))


def test_the_writer_refuses_what_breaks(tmp_path: Path) -> None:
    """A file that promises more than the service does is not overwritten."""
    promised = copy.deepcopy(KEPT)
    promised["paths"]["/v1/promised"] = copy.deepcopy(promised["paths"][RUNS])
    (tmp_path / OPENAPI).write_text(json.dumps(promised), encoding="utf-8")
    with pytest.raises(SystemExit, match="GET /v1/promised is gone"):
        main([str(tmp_path)])
