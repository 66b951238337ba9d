"""Tables of what lies on the shelves, what is under way, and how it is replenished."""

from __future__ import annotations

from scenarios.tables.column import (
    Table,
    choice,
    date,
    flag,
    ident,
    number,
    share,
    text,
)

GROUP = "stock"

INVENTORY = Table(
    "inventory",
    "库存",
    GROUP,
    "Stock on hand this morning.",
    (
        ident("site_id", "站点编码", "Where.", required=True, key=True, references=("sites.site_id",)),
        ident("product_id", "商品编码", "What.", required=True, key=True, references=("products.product_id",)),
        ident("lot_id", "批次号", "Lot; blank: not tracked.", key=True),
        ident("channel_id", "渠道编码", "Ring-fenced for a channel; blank: for all.", key=True, references=("channels.channel_id",)),
        number("on_hand", "在库数量", "Units on the shelf.", required=True, also=("库存", "库存数量", "现有库存")),
        number("reserved", "已占用", "Units promised to orders already.", default=0.0),
        number("quarantined", "冻结数量", "Units that may not be sold.", default=0.0),
        date("received_on", "入库日期", "Day of receipt."),
        date("expires_on", "到期日期", "First day on which it may not be sold."),
    ),
)

OPEN_ORDERS = Table(
    "open_orders",
    "在途订单",
    GROUP,
    "Ordered and not yet received.",
    (
        ident("order_id", "订单号", "Order.", required=True, key=True),
        ident("line", "行号", "Line.", required=True, key=True),
        choice("kind", "类型", "From a supplier, or from another site.", "purchase", "transfer", required=True),
        ident("source_id", "来源编码", "From whom.", required=True, references=("suppliers.supplier_id", "sites.site_id")),
        ident("site_id", "站点编码", "To which site.", required=True, references=("sites.site_id",)),
        ident("product_id", "商品编码", "What.", required=True, references=("products.product_id",)),
        number("qty", "数量", "Units still to come.", required=True),
        date("ordered_on", "下单日期", "Day of the order.", required=True),
        date("due_on", "预计到货", "Day it is expected.", required=True),
        flag("frozen", "是否冻结", "May not be changed any more.", default=False),
    ),
)

INVENTORY_POLICIES = Table(
    "inventory_policies",
    "补货策略",
    GROUP,
    "How a product is replenished at a site, and what being short or long costs there.",
    (
        ident("site_id", "站点编码", "Where.", required=True, key=True, references=("sites.site_id",)),
        ident("product_id", "商品编码", "What.", required=True, key=True, references=("products.product_id",)),
        choice("policy", "策略", "Kind of policy.", "base_stock", "s_S", "r_Q", "min_max", required=True),
        number("s", "再订货点s", "Reorder point of s_S and min_max.", low=None),
        number("S", "目标库存S", "Order-up-to level."),
        number("r", "再订货点r", "Reorder point of r_Q.", low=None),
        number("Q", "订货批量Q", "Order quantity of r_Q.", above=True),
        number("review_days", "盘点周期（天）", "Days between reviews.", default=1.0, above=True),
        share("target_fill_rate", "目标满足率", "Share of demand to serve from stock."),
        share("target_cycle_service", "目标周期服务水平", "Probability of no stockout in a cycle."),
        number("min_cover_days", "最小可销天数", "Least days of cover."),
        number("keep_units", "保留库存", "Units of shared stock that orders leave at the site.", default=0.0),
        number("max_cover_days", "最大可销天数", "Most days of cover."),
        number("shortage_cost", "缺货成本", "Money per unit short, net of its unit cost.", rule="unit_price - unit_cost"),
        number("holding_cost_per_unit_day", "日持有成本", "Money per unit and day.", rule="holding_rate_pct_per_year x unit_cost / 365"),
    ),
)

RETURN_RATES = Table(
    "return_rates",
    "退货率",
    GROUP,
    "What comes back, why, when, and what becomes of it.",
    (
        ident("product_id", "商品编码", "What.", required=True, key=True, references=("products.product_id",)),
        text("reason", "原因", "Why.", required=True, key=True),
        share("rate", "退货率", "Share of units sold.", required=True),
        number("delay_days", "退货间隔（天）", "Days from sale to return.", required=True),
        choice("disposition", "处置", "What becomes of it.", "resell", "repair", "exchange", "scrap", required=True),
        number("recovery_value", "残值", "Money recovered per unit."),
    ),
)

TABLES = (INVENTORY, OPEN_ORDERS, INVENTORY_POLICIES, RETURN_RATES)

