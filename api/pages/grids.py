"""Large tables on pages: how their columns are shown, and their rows, a page at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request

from api.pages.view import language_of
from api.routes.context import Context, Reader
from api.services.filters import FilterText, SortText, read_filter, read_sort
from api.services.table_rows import records
from api.words.language import Language
from api.words.said import said
from api.words.sentences import alert_text
from optimizer.plan_tables import PLAN_TABLES
from scenarios.tables import NUMERIC, TABLES, TEMPORAL, Kind, Table

router = APIRouter()
MOST_ROWS: Final = 500
SENTENCES: Final = ("detail", "cheapest_relaxation", "what_helps", "action")  # columns of them
First = Annotated[int, Query(ge=0)]
Size = Annotated[int, Query(ge=1, le=MOST_ROWS)]


def grid_columns(
    language: Language, contract: Table, names: Sequence[str] = (), *, editable: bool = False
) -> list[dict[str, Any]]:
    """Return how a grid shows columns: heading, kind, choices, what may be edited.

    Parameters
    ----------
    names : columns in order; all of the table by default
    editable : cells outside the key may be changed
    """
    found = []
    for name in names or contract.names:
        column = contract.by_name[name]
        kind = "text"
        if column.kind in NUMERIC:
            kind = "number"
        elif column.kind in TEMPORAL:
            kind = "date"
        elif column.kind == Kind.FLAG:
            kind = "flag"
        elif column.choices:
            kind = "choice"
        found.append(
            {
                "field": name,
                "title": language.column(contract.name, name),
                "help": "" if language.code == "zh" else column.help,
                "kind": kind,
                "whole": column.kind == Kind.INTEGER,
                "choices": {choice: language.word(choice) for choice in column.choices},
                "edit": editable and not column.key,
                "key": column.key,
            }
        )
    return found


@router.get("/plans/{plan_id}/rows/{name}")
def plan_rows_page(
    request: Request,
    plan_id: str,
    name: str,
    here: Reader,
    first: First = 0,
    size: Size = 25,
    filter_text: FilterText = None,
    sort_text: SortText = None,
) -> dict[str, Any]:
    """Return some rows of a plan's table, for a grid."""
    manifest = here.plan(plan_id).manifest
    found = _rows(here, PLAN_TABLES, manifest, name, first, size, filter_text, sort_text)
    language = language_of(request)
    if language.code != "en":
        found["rows"] = [_told(language, name, row) for row in found["rows"]]
    return found


@router.get("/scenarios/{scenario_id}/rows/{name}")
def scenario_rows_page(
    scenario_id: str,
    name: str,
    here: Reader,
    first: First = 0,
    size: Size = 25,
    filter_text: FilterText = None,
    sort_text: SortText = None,
) -> dict[str, Any]:
    """Return some rows of a scenario's table, newest revision, for a grid."""
    manifest = here.scenarios.revision(scenario_id).manifest
    return _rows(here, TABLES, manifest, name, first, size, filter_text, sort_text)


def _told(language: Language, table: str, row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its sentences in a language; filters still look at what is written."""
    if table == "alerts":
        return {**row, "message": alert_text(language, row)}
    return row | {name: said(language, row[name]) for name in SENTENCES if row.get(name)}


def _rows(
    here: Context,
    contracts: Mapping[str, Table],
    manifest: str,
    name: str,
    first: int,
    size: int,
    filter_text: str | None,
    sort_text: str | None,
) -> dict[str, Any]:
    rows = here.table(contracts, manifest, name)
    where, sorts = read_filter(filter_text, rows.contract), read_sort(sort_text, rows.contract)
    part = rows.page(first, size, where, sorts)
    plain = where is None and not sorts
    return {
        "total": rows.count(where),
        "first": first if plain else None,
        "rows": records(part, rows.contract),
    }
