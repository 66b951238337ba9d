"""Every code that reading a scenario may note is on the list of codes."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import scenarios
from scenarios import Scenario
from scenarios.finding_codes import FINDING_CODES, READING_CODES
from scenarios.validation import CATALOGUE, validate

SAID_BY = {"add", "add_rows", "Finding", "Verdict", "_Trouble", "wrong", "doubtful"}
READERS = ("files", "normalise", "gazetteer", "deltas", "importers/mapping")
FOLDERS = (*(f"scenarios/{reader}" for reader in READERS), "api/nightly")
CODE = re.compile(r"[a-z]+(_[a-z0-9]+)*")


def codes_in(source: str) -> set[str]:
    """Return the codes that stand in a module as first argument of what notes a finding."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        parts: list[ast.expr] = []
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            parts = node.args[:1] if name in SAID_BY else node.args[1:2] if name == "refuse" else []
            parts = [part for part in parts if not isinstance(part, ast.Subscript)]
        elif isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
            parts = [part for part in node.value.elts[:1] if isinstance(part, ast.Constant)]
        found |= {
            cell.value
            for part in parts
            for cell in ast.walk(part)
            if isinstance(cell, ast.Constant)
            and isinstance(cell.value, str)
            and CODE.fullmatch(cell.value)
        }
    return found


def test_the_list_holds_what_readers_may_say_and_nothing_else() -> None:
    """The modules of FOLDERS are read as text: the codes in them are the list's."""
    root = Path(scenarios.__file__).parents[1]
    said: set[str] = set()
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            said |= codes_in(path.read_text("utf-8"))
    assert said == READING_CODES


def test_the_list_holds_every_rule(corner_shop: Scenario) -> None:
    """So it does for what the rules say of a scenario."""
    assert set(CATALOGUE) <= FINDING_CODES
    assert {finding.code for finding in validate(corner_shop)} <= FINDING_CODES
