"""Finds the sentences that code writes for people: notes, reasons, details, progress, errors."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import optimizer

ROOT = Path(optimizer.__file__).parents[1]
# contracts, explanations, alerts and replies of forms have their Chinese elsewhere
ELSEWHERE = (
    "optimizer/plan_tables/",
    "optimizer/explanations/",
    "optimizer/purchase_forms.py",
    "optimizer/replenishment/alerting/",
    "optimizer/gates/judge.py",
    "scenarios/importers/",
    "scenarios/library/written.py",
    "api/services/tables.py",
)
# modules whose texts of several words all end up in a column, a reason or a finding
DETAILS = (
    "scenarios/files/cell_texts.py",
    "scenarios/files/csv_table.py",
    "scenarios/files/encoding.py",
    "scenarios/files/guards.py",
    "scenarios/files/json_document.py",
    "scenarios/files/members.py",
    "scenarios/files/parquet_table.py",
    "scenarios/files/reading.py",
    "scenarios/files/settings_form.py",
    "scenarios/files/workbook.py",
    "scenarios/files/workbook_parts.py",
    "scenarios/normalise/cells.py",
    "scenarios/normalise/headings.py",
    "scenarios/normalise/moments.py",
    "scenarios/normalise/numbers.py",
    "scenarios/normalise/table.py",
    "scenarios/normalise/texts.py",
    "scenarios/normalise/verdict.py",
    "optimizer/routing/unserved.py",
    "optimizer/allocation/sourcing/unserved.py",
    "optimizer/allocation/sourcing/relaxation.py",
    "optimizer/allocation/waves/missed.py",
    "optimizer/replenishment/why_not.py",
    "optimizer/replenishment/analytics/remedies.py",
    "simulation/levers.py",
    "api/runs/child.py",
    "api/runs/chunk_child.py",
    "api/runs/chunk_supervision.py",
    "api/runs/chunks.py",
    "api/runs/nights.py",
    "api/runs/publishing.py",
    "api/runs/supervision.py",
    "api/runs/workers.py",
)
# functions whose texts are seen by nobody, or by those who keep the service only
SILENT = ("compile", "tell", "warn", "execute", "text", "say", "AssertionError", "RuntimeError")
ERRORS = (
    "optimizer/", "simulation/", "scenarios/", "api/services/", "api/runs/", "api/security/",
    "api/cli/",
)  # fmt: skip
UNSEEN = ("SystemExit", "AssertionError", "AttributeError", "RuntimeError", "ImportError")


@functools.cache
def sentences() -> dict[str, str]:
    """Return every sentence as a template, {1} for its first value, and where it is written."""
    found: dict[str, str] = {}
    for path in sorted(
        part for root in ("optimizer", "simulation", "scenarios", "api") for part in
        (ROOT / root).rglob("*.py")
    ):  # fmt: skip
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(ELSEWHERE):
            tree = ast.parse(path.read_text("utf-8"))
            for line, text in _texts(tree, name):
                found.setdefault(text, f"{name}:{line}")
    return found


def template(node: ast.AST) -> str | None:
    """Return a literal text, {1} and so on for the values in it; None for other nodes."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        count, text = 0, ""
        for part in node.values:
            if isinstance(part, ast.Constant):
                text += str(part.value)
            else:
                count += 1
                text += f"{{{count}}}"
        return text
    return None


def _texts(tree: ast.AST, name: str) -> Iterator[tuple[int, str]]:
    """Yield (line, template) of what people are shown."""
    stack: list[tuple[ast.AST, tuple[str, ...]]] = [(tree, ())]
    while stack:
        node, within = stack.pop()
        text = template(node)
        if text is not None:
            if _is_words(text) and _shown(name, text, within):
                yield getattr(node, "lineno", 0), text
            continue
        if isinstance(node, ast.Expr) and template(node.value) is not None:
            continue  # a docstring
        called = node.func if isinstance(node, ast.Call) else None
        label = type(node).__name__
        if called is not None:
            label = getattr(called, "id", None) or getattr(called, "attr", "")
        stack += [(child, (*within, label)) for child in ast.iter_child_nodes(node)]


def _is_words(text: str) -> bool:
    """Say whether a text has several words, values not counted."""
    plain = re.sub(r"{\d+}", " ", text)
    return " " in text.strip() and len(re.findall(r"[A-Za-z]{2,}", plain)) >= 1


def _shown(name: str, text: str, within: tuple[str, ...]) -> bool:
    if "Raise" in within:
        return name.startswith(ERRORS) and not set(within) & set(UNSEEN)
    if "Assert" in within or set(within) & set(SILENT):
        return False
    if "progress" in within or name in DETAILS:
        return True
    whole = re.fullmatch(r"[A-Za-z{]\S* (\S+ )+\S+\.", text.rstrip()) is not None
    return whole and name.startswith(("optimizer/", "simulation/"))
