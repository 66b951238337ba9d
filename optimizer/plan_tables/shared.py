"""Columns that many result tables have."""

from __future__ import annotations

from scenarios.tables.column import ident, number, text

GROUP = "plan"

SITE = ident("site_id", "站点编码", "Where.", required=True, references=("sites.site_id",))
PRODUCT = ident("product_id", "商品编码", "What.", required=True, references=("products.product_id",))
ORDER = ident("order_id", "订单编号", "Customer order.", required=True)
COST = number("cost", "费用", "Money.", required=True, low=None)
CO2 = number("g_co2e", "碳排放（克）", "Emission.", default=0.0)
STAGE = text("stage", "阶段", "Stage of the plan.", required=True)
