"""Purchase orders as Odoo and ERPNext import them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.cli.app import invoke
from api.services.tables import orders_for
from optimizer.plan import Plan, conform
from optimizer.purchase_forms import arrange, external_id
from scenarios import InputError
from scenarios.importers.mapping import import_files, load_mapping


def lines() -> pd.DataFrame:
    """Return two orders whose lines do not stand together."""
    frame = pd.DataFrame(
        {
            "order_id": ["PO-1", "PO-2", "PO-1"],
            "line": [2.0, 1.0, 1.0],
            "supplier_id": ["Azure", "Böhm, KG", "Azure"],
            "product_id": ["A1", "B-2", "00007"],
            "site_id": ["WH", "DC2", "WH"],
            "order_on": pd.Timestamp("2026-03-02"),
            "due_on": pd.to_datetime(["2026-03-09", "2026-03-05", "2026-03-08"]),
            "qty": [5.0, 7.5, 12.0],
            "unit_cost": [1.25, 3.0, 2.0],
            "cost": [6.25, 22.5, 24.0],
            "status": "proposed",
        }
    )
    return conform("purchase_orders", frame)


def rows(content: bytes) -> list[list[str]]:
    """Return the cells of a CSV."""
    return list(csv.reader(io.StringIO(content.decode("utf-8"))))


def test_odoo_lines_stand_below_their_order() -> None:
    """The order's own columns are in its first row only; its earliest date is the order's."""
    assert rows(orders_for("odoo", lines())) == [
        ["id", "partner_id", "origin", "date_order", "date_planned", "order_line/product_id",
         "order_line/product_qty", "order_line/price_unit", "order_line/date_planned"],
        ["holdfast_PO_2d_1", "Azure", "PO-1 WH", "2026-03-02", "2026-03-08", "00007", "12", "2",
         "2026-03-08"],
        ["", "", "", "", "", "A1", "5", "1.25", "2026-03-09"],
        ["holdfast_PO_2d_2", "Böhm, KG", "PO-2 DC2", "2026-03-02", "2026-03-05", "B-2", "7.5", "3",
         "2026-03-05"],
    ]  # fmt: skip


def test_erpnext_lines_stand_below_their_order() -> None:
    """Field names of the child table have `items.` before them; every line has its warehouse."""
    told = rows(orders_for("erpnext", lines()))
    assert told[0] == ["name", "supplier", "transaction_date", "schedule_date", "items.item_code",
                       "items.qty", "items.rate", "items.schedule_date",
                       "items.warehouse"]  # fmt: skip
    assert told[2] == ["", "", "", "", "A1", "5", "1.25", "2026-03-09", "WH"]


def test_the_file_begins_with_its_first_heading() -> None:
    """A byte-order mark would become part of it in ERPNext."""
    assert orders_for("erpnext", lines()).startswith(b"name,")


@given(st.text(min_size=1, max_size=12), st.text(min_size=1, max_size=12))
def test_external_ids_tell_orders_apart(one: str, other: str) -> None:
    """Letters, digits and underscores only, and another id for every order."""
    assert external_id(one).isascii()
    assert "." not in external_id(one)
    assert (external_id(one) == external_id(other)) == (one == other)


def test_ids_that_look_like_formulas_are_refused_in_csv() -> None:
    """They are not changed, since the other system would not know them; the finding names them."""
    frame = lines()
    frame["product_id"] = frame["product_id"].replace("A1", "=A1")
    with pytest.raises(InputError) as caught:
        orders_for("odoo", frame)
    (finding,) = caught.value.findings
    assert (finding.column, finding.value) == ("order_line/product_id", "=A1")
    assert arrange(frame, "odoo")["order_line/product_id"].tolist()[1] == "=A1"


def test_what_was_written_for_erpnext_comes_back_as_open_orders(tmp_path: Path) -> None:
    """The mapping that reads ERPNext's exports knows the names that are written."""
    told = rows(orders_for("erpnext", lines()))
    told = [[*row, "" if number else "items.received_qty"] for number, row in enumerate(told)]
    path = tmp_path / "po.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(told)
    others = {
        "item.csv": "item_code,item_name,item_group,valuation_rate,standard_rate,weight_per_unit,"
        "weight_uom\nA1,A,G,1,2,1,kg\n",
        "bin.csv": "item_code,warehouse,actual_qty\nA1,WH,1\n",
        "so.csv": "name,customer,transaction_date,items:item_code,items:qty,items:warehouse\n"
        "S1,C,2026-03-01,A1,1,WH\n",
    }
    for name, text in others.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    made = import_files(load_mapping("erpnext"), [path, *(tmp_path / name for name in others)])
    due = made.scenario.table("open_orders")
    assert due[["order_id", "line", "product_id", "qty", "site_id"]].to_numpy().tolist() == [
        ["PO-1", "1", "00007", 12.0, "WH"],
        ["PO-1", "2", "A1", 5.0, "WH"],
        ["PO-2", "1", "B-2", 7.5, "DC2"],
    ]


@pytest.mark.parametrize(("form", "ending"), [("odoo", "csv"), ("erpnext", "xlsx"), ("csv", "csv"),
                                              ("xlsx", "xlsx")])  # fmt: skip
@pytest.mark.slow
def test_the_command_writes_each_form(
    corner_plan: Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str, ending: str
) -> None:
    """`holdfast export purchase-orders` writes as many lines as the plan has."""
    folder = corner_plan.save(tmp_path / "plan")
    path = tmp_path / f"orders.{ending}"
    call = ["export", "purchase-orders", str(folder), "--format", form, "--out", str(path),
            "--json"]  # fmt: skip
    assert invoke(call) == 0
    told = json.loads(capsys.readouterr().out)
    frame = pd.read_excel(path, engine="calamine") if ending == "xlsx" else pd.read_csv(path)
    assert len(frame) == told["lines"] == len(corner_plan.table("purchase_orders"))
    assert invoke([*call, "--where", "colour = red"]) == 2
