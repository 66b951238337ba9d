"""Tables of what happened, beside receipts, deliveries and demand_history."""

from __future__ import annotations

from scenarios.tables.column import Table, choice, date, ident, number, text

GROUP = "actuals"

RETURNS = Table(
    "returns",
    "退货记录",
    GROUP,
    "What customers sent back.",
    (
        ident("return_id", "退货单号", "Return.", required=True, key=True),
        ident("order_id", "订单编号", "Order that it was sold by."),
        ident("product_id", "商品编码", "What.", required=True, key=True, references=("products.product_id",)),
        ident("site_id", "站点编码", "Where it came back to.", required=True, references=("sites.site_id",)),
        number("qty", "退货数量", "Units.", required=True),
        date("returned_on", "退货日期", "Day it came back.", required=True),
        text("reason", "原因", "Why."),
        choice("disposition", "处置", "What becomes of it.", "resell", "repair", "exchange", "scrap"),
    ),
)

STOCK_COUNTS = Table(
    "stock_counts",
    "盘点记录",
    GROUP,
    "What was counted on the shelves, at the end of a day.",
    (
        date("counted_on", "盘点日期", "Day.", required=True, key=True),
        ident("site_id", "站点编码", "Where.", required=True, key=True, references=("sites.site_id",)),
        ident("product_id", "商品编码", "What.", required=True, key=True, references=("products.product_id",)),
        number("qty", "盘点数量", "Units.", required=True),
    ),
)

TABLES = (RETURNS, STOCK_COUNTS)
