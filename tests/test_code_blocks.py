"""What pages tell readers to type is there: commands, options, routes, settings, code, suites."""

from __future__ import annotations

import ast
import doctest
import importlib
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import typer

from api.cli.app import app
from api.cli.risks import ListFirst
from api.settings import FROM_FILES, PREFIX, ServiceSettings
from scenarios.library import demo_scenario
from simulation.suites import read_suite
from tools.site import ROOT, pages

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^ {4}.*\n)+", re.MULTILINE)
REMARK = re.compile(r"\s{2,}")  # what follows is said of the command
OPTIONAL = re.compile(r"\[[^\]]*\]")
ROUTE = re.compile(r"\b(GET|POST|PUT|DELETE) (/[\w/{}:.-]*[\w}])")
NOT_OF_THE_SERVICE = {
    "HOLDFAST_DATA",  # of the tests
    "HOLDFAST_KEY",  # of the client
    "HOLDFAST_LANG",  # of commands
    "HOLDFAST_FUZZ_INPUTS",
    "HOLDFAST_FUZZ_FIRST",
    "HOLDFAST_FUZZ_SEED",
    "HOLDFAST_TEST_ROUNDS",
}
each_page = pytest.mark.parametrize("page", pages(), ids=str)


@cache
def text_of(page: Path) -> str:
    """Return a page."""
    return (ROOT / page).read_text(encoding="utf-8")


def typed(page: Path) -> Iterator[str]:
    """Return the calls of `holdfast` on a page; of a session only what stands behind prompts."""
    text = text_of(page)
    blocks = [body for _, body in FENCE.findall(text)] + INDENTED.findall(FENCE.sub("\n", text))
    for block in blocks:
        for line in re.sub(r"\\\n\s*", " ", block).splitlines():
            words = line.strip()
            if words.startswith("$ ") or "\n$ " not in f"\n{block}":
                words = words.removeprefix("$ ")
                if words.startswith("holdfast "):
                    yield words


@cache
def tree() -> Any:
    """Return the command tree."""
    return typer.main.get_command(app)


def misread(line: str) -> list[str]:
    """Return the words of a call that the command tree does not know."""
    words = shlex.split(OPTIONAL.sub("", REMARK.split(line)[0]), comments=True)[1:]
    words = list(takewhile(lambda word: word not in (";", "|", "&", ">", ">>"), words))
    if words[:1] == ["--lang"]:
        words = words[2:]
    command = tree()
    while below := getattr(command, "commands", None):
        if words and words[0] in below:
            command = below[words.pop(0)]
        elif isinstance(command, ListFirst):  # as in `holdfast risks PLAN`
            command = below["list"]
        elif words and words[0].startswith("--"):
            break
        else:
            return words[:1]
    known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    asked = {word.split("=")[0] for word in words if word.startswith("--")}
    return sorted(asked - known - {"--help", "--lang", "--debug"})


@each_page
def test_commands_and_options_are_there(page: Path) -> None:
    """Every `holdfast ...` on a page names a command, and options that this command takes."""
    wrong = {line: words for line in typed(page) if (words := misread(line))}
    assert wrong == {}


def test_the_check_of_commands_finds_what_is_not_there() -> None:
    """A command, a command below a command and an option that do not exist."""
    assert misread("holdfast plann shop") == ["plann"]
    assert misread("holdfast keys forget key_1") == ["forget"]
    assert misread("holdfast plan shop --outt plan") == ["--outt"]
    assert misread("holdfast risks PLAN --top 8    # the register") == []


@each_page
def test_routes_are_there(page: Path) -> None:
    """Every `GET /v1/...` of a page is a route of the committed OpenAPI document."""
    document = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))
    there = {
        (method.upper(), re.sub(r"\{[^}]*\}", "{}", path))
        for path, item in document["paths"].items()
        for method in item
    }
    told = {
        (method, re.sub(r"\{[^}]*\}", "{}", path)) for method, path in ROUTE.findall(text_of(page))
    }
    assert told - there == set()


@each_page
def test_settings_are_there(page: Path) -> None:
    """Every HOLDFAST_... of a page is a setting of the service, or one of few others."""
    known = {PREFIX + name.upper() for name in ServiceSettings.model_fields}
    known |= {f"{PREFIX}{name.upper()}_FILE" for name in FROM_FILES} | NOT_OF_THE_SERVICE
    assert set(re.findall(r"\bHOLDFAST_[A-Z_]*[A-Z]", text_of(page))) - known == set()


@each_page
def test_python_and_toml_can_be_read(page: Path) -> None:
    """Python compiles and finds what it imports of ours; TOML and JSON are read whole."""
    for kind, body in FENCE.findall(text_of(page)):
        if kind == "toml":
            tomllib.loads(body)
        elif kind == "json":
            json.loads(body)
        elif kind == "python":
            for node in ast.walk(ast.parse(body)):
                if isinstance(node, ast.ImportFrom) and node.module == "holdfast":
                    door = importlib.import_module(node.module)
                    assert [each.name for each in node.names if not hasattr(door, each.name)] == []


def test_the_suites_of_the_stress_page_are_accepted() -> None:
    """Each suite that the page shows is read without a finding, on the scenario that it is for."""
    retailer = demo_scenario("double-eleven")
    page = text_of(Path("docs/stress-testing.md"))
    suites = [body for kind, body in FENCE.findall(page) if kind == "toml"]
    assert len(suites) == 3
    for body in suites:
        assert read_suite(tomllib.loads(body), retailer).cases


def test_the_gazetteer_page_says_what_is_found() -> None:
    """Its session is run, and prints what stands there."""
    failed, tried = doctest.testfile(str(ROOT / "docs/data/gazetteer.md"), module_relative=False)
    assert tried >= 5
    assert failed == 0


@pytest.mark.parametrize(
    ("page", "tutorial"),
    [("README.md", "docs/tutorial.md"), ("README.zh.md", "docs/tutorial.zh.md")],
)
def test_the_front_pages_show_what_the_tutorials_show(page: str, tutorial: str) -> None:
    """Commands and output of a front page stand in the tutorial, whose commands a test runs."""
    (session,) = (body for kind, body in FENCE.findall(text_of(Path(page))) if kind == "console")
    shown = text_of(Path(tutorial)).splitlines()
    assert [line for line in session.splitlines() if line not in shown] == []


def test_both_front_pages_show_the_same_program() -> None:
    """But for remarks in the reader's language."""
    english, chinese = (
        [
            ast.unparse(ast.parse(body))
            for kind, body in FENCE.findall(text_of(page))
            if kind == "python"
        ]
        for page in (Path("README.md"), Path("README.zh.md"))
    )
    assert english
    assert english == chinese


@pytest.mark.slow
def test_the_program_of_the_front_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """It plans and stress-tests the corner shop, and prints orders and cases."""
    (body,) = (body for kind, body in FENCE.findall(text_of(Path("README.md"))) if kind == "python")
    exec(compile(body, "README.md", "exec"), {})
    out = capsys.readouterr().out
    assert "COFFEE" in out
    assert "baseline" in out
