"""The reference of result tables: `python -m optimizer.reference docs/plan.md`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from optimizer.plan_tables import PLAN_TABLES
from scenarios.reference import page

INTRODUCTION = """\
# The plan: result tables

What every stage writes, whatever engine made it; the audit, the simulator, the pages and other
programs read these and nothing else. A plan in files is a folder: `plan.json` (provenance,
options, notes) and one Parquet or CSV file per table. Ids and units are those of the
[scenario](scenario.md).

This page is written from the contracts by `python -m optimizer.reference docs/plan.md`.
"""


def plan_page() -> str:
    """Return the reference of result tables as Markdown."""
    return page(INTRODUCTION, PLAN_TABLES.values())


def main(arguments: Sequence[str]) -> None:
    """Write the reference of result tables to the path given."""
    if len(arguments) != 1:
        raise SystemExit("usage: python -m optimizer.reference docs/plan.md")
    path = Path(arguments[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(plan_page(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
