"""Purchase orders in the forms that other systems import.

Odoo takes technical field names with the lines of an order below it, the order's own columns in
its first row only (Odoo documentation, "Export and import data"). ERPNext's Data Import takes
field names with `items.` before those of the child table, in the same arrangement
(frappe/core/doctype/data_import/importer.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal

import pandas as pd

from scenarios.tables import Column
from scenarios.tables.column import date, ident, number

OrderForm = Literal["odoo", "erpnext"]
ORDER_FORMS: Final = ("odoo", "erpnext")
EXTERNAL: Final = "holdfast_"  # before the ids by which Odoo knows an order again
_UNSAFE = re.compile(r"[^0-9A-Za-z_]")


def columns_of(form: OrderForm) -> tuple[Column, ...]:
    """Return the columns of a form, in order."""
    return tuple(column for column, _, _ in _FORMS[form])


def arrange(lines: pd.DataFrame, form: OrderForm) -> pd.DataFrame:
    """Return purchase order lines as another system imports them.

    Parameters
    ----------
    lines : rows of `purchase_orders`; lines of an order need not stand together

    Returns
    -------
    frame : one row a line, those of an order together in the order of their first line; what
        holds for the whole order stands in the first row only
    """
    first_due = lines.groupby("order_id", sort=False)["due_on"].transform("min")
    told = lines.assign(
        external=[external_id(order) for order in lines["order_id"]],
        origin=lines["order_id"] + " " + lines["site_id"],
        first_due=first_due,
    )
    rank = pd.factorize(told["order_id"])[0]
    told = told.assign(rank=rank).sort_values(["rank", "line"], kind="stable", ignore_index=True)
    later = told["rank"].duplicated().to_numpy()
    columns = {}
    for column, source, whole in _FORMS[form]:
        cells = told[source].rename(column.name)
        columns[column.name] = cells.mask(later) if whole else cells
    return pd.DataFrame(columns)


def external_id(order_id: str) -> str:
    """Return the id by which Odoo knows an order again; other orders have other ids.

    >>> external_id("PO-1"), external_id("PO_1"), external_id("采购1")
    ('holdfast_PO_2d_1', 'holdfast_PO_5f_1', 'holdfast__91c7__8d2d_1')
    """
    return EXTERNAL + "".join(_escaped(order_id))


def _escaped(text: str) -> Iterator[str]:
    for letter in text:
        plain = letter != "_" and _UNSAFE.match(letter) is None
        yield letter if plain else f"_{ord(letter):x}_"


_FORMS: Final = {
    "odoo": (
        (ident("id", "外部标识", "External id."), "external", True),
        (ident("partner_id", "供应商", "Vendor."), "supplier_id", True),
        (ident("origin", "来源单据", "Order and site."), "origin", True),
        (date("date_order", "下单日期", "Order deadline."), "order_on", True),
        (date("date_planned", "预计到货", "Expected arrival."), "first_due", True),
        (ident("order_line/product_id", "产品", "Product."), "product_id", False),
        (number("order_line/product_qty", "数量", "Quantity."), "qty", False),
        (number("order_line/price_unit", "单价", "Unit price."), "unit_cost", False),
        (date("order_line/date_planned", "预计到货", "Expected arrival."), "due_on", False),
    ),
    "erpnext": (
        (ident("name", "编号", "ID."), "order_id", True),
        (ident("supplier", "供应商", "Supplier."), "supplier_id", True),
        (date("transaction_date", "日期", "Date."), "order_on", True),
        (date("schedule_date", "需求日期", "Required by."), "first_due", True),
        (ident("items.item_code", "物料", "Item code."), "product_id", False),
        (number("items.qty", "数量", "Quantity."), "qty", False),
        (number("items.rate", "单价", "Rate."), "unit_cost", False),
        (date("items.schedule_date", "需求日期", "Required by."), "due_on", False),
        (ident("items.warehouse", "仓库", "Target warehouse."), "site_id", False),
    ),
}
