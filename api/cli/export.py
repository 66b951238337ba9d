"""`holdfast export`: results of a plan in the forms that other systems import."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.console import Exit, print_json, print_line
from api.cli.words import as_is

if TYPE_CHECKING:
    import pandas as pd

    from optimizer.purchase_forms import OrderForm


class Form(StrEnum):
    """Forms of purchase orders."""

    ODOO = "odoo"
    ERPNEXT = "erpnext"
    CSV = "csv"
    XLSX = "xlsx"


def register(app: typer.Typer) -> None:
    """Add the command."""
    group = typer.Typer(help="Write results for other systems.", no_args_is_help=True)
    group.callback()(_results)
    group.command("purchase-orders")(purchase_orders)
    app.add_typer(group, name="export")


def _results() -> None:
    """Write results for other systems."""


def purchase_orders(
    plan: Annotated[Path, typer.Argument(help="Folder of the plan.")],
    to: Annotated[Path, typer.Option("--out", help="File to write, .csv or .xlsx.")],
    form: Annotated[Form, typer.Option("--format", help="Whose import it is for.")] = Form.CSV,
    where: Annotated[
        str, typer.Option(help="Only some lines: 'site_id = DC1 and order_on = 2026-03-02'.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Write purchase orders for Odoo, ERPNext or a spreadsheet.

    An order that is imported again is the same order there: Odoo knows it by its external id,
    ERPNext by its name.
    """
    from optimizer.plan import Plan
    from optimizer.plan_tables import PLAN_TABLES
    from scenarios import InputError

    contract = PLAN_TABLES["purchase_orders"]
    lines = _filtered(Plan.load(plan).table("purchase_orders"), where)
    workbook = to.suffix.lower() == ".xlsx"
    if form is Form.XLSX and not workbook:
        raise InputError(f"{to} must end in .xlsx")
    if form in (Form.ODOO, Form.ERPNEXT):
        from api.services.tables import orders_for
        from optimizer.purchase_forms import arrange, columns_of

        name: OrderForm = "odoo" if form is Form.ODOO else "erpnext"
        if workbook:
            _write(to, _sheet(columns_of(name), arrange(lines, name)))
        else:
            _write(to, orders_for(name, lines))
    else:
        from api.services.tables import csv_pieces, neutral

        shown = neutral(lines, contract.columns)
        pieces = csv_pieces(contract.columns, [shown])
        _write(to, _sheet(contract.columns, shown) if workbook else b"".join(pieces))
    orders = int(lines["order_id"].nunique())
    if as_json:
        print_json({"path": str(to), "format": str(form), "orders": orders, "lines": len(lines)})
    else:
        print_line(f"{orders:,} orders with {len(lines):,} lines written to {as_is(to)}")
    return Exit.FINE


def _filtered(lines: pd.DataFrame, where: str) -> pd.DataFrame:
    import pyarrow as pa

    from api.services.filters import read_filter
    from optimizer.plan_tables import PLAN_TABLES

    found = read_filter(where, PLAN_TABLES["purchase_orders"])
    if found is None:
        return lines
    mask = found.mask(pa.Table.from_pandas(lines, preserve_index=False))
    return lines[mask].reset_index(drop=True)


def _sheet(columns: object, frame: pd.DataFrame) -> bytes:
    from scenarios.files.streamed_sheet import sheet_pieces

    return b"".join(sheet_pieces("purchase_orders", columns, [frame]))  # type: ignore[arg-type]


def _write(to: Path, content: bytes) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_bytes(content)
