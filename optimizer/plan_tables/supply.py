"""What to buy and move, and where it is to lie."""

from __future__ import annotations

from optimizer.plan_tables.shared import CO2, COST, GROUP, PRODUCT, SITE
from scenarios.tables.column import Table, choice, date, ident, integer, number, text

TABLES = (
    Table("purchase_orders", "采购订单", GROUP, "What to order, from whom, for where, when.", (
        ident("order_id", "采购单号", "Purchase order: one per supplier, site and day.", required=True, key=True),
        integer("line", "行号", "Line.", required=True, key=True, low=1.0),
        ident("supplier_id", "供应商编码", "From whom.", required=True),
        PRODUCT,
        SITE,
        date("order_on", "下单日期", "Day to order; start_date is tonight.", required=True),
        date("latest_safe_on", "最晚下单日", "Last day on which the order still comes before stock runs short."),
        date("due_on", "预计到货", "Day it is expected.", required=True),
        number("qty", "数量", "Units.", required=True, above=True),
        number("unit_cost", "单价", "Price per unit, breaks and duty included.", required=True),
        COST,
        choice("status", "状态", "How far it is.", "proposed", "approved", "released", "frozen", required=True),
        text("mode", "运输方式", "By which lane it comes; blank: no lane, or not decided yet."),
        number("g_co2e", "碳排放（克）", "Emission of its way to the site; blank: not known, or not decided yet."),
        number("expected_returns", "预计退货回库", "Units that come back from customers within the line's protection interval (buyer: until its item's next arrival) and net its need; blank: not counted."),
    )),
    Table("transfers", "调拨", GROUP, "Stock moved between sites.", (
        ident("transfer_id", "调拨单号", "Transfer.", required=True, key=True),
        ident("origin_id", "起点编码", "From.", required=True),
        ident("destination_id", "终点编码", "To.", required=True),
        text("mode", "运输方式", "How.", required=True),
        PRODUCT,
        date("ship_on", "发货日期", "Leaves.", required=True),
        date("due_on", "到货日期", "Arrives.", required=True),
        number("qty", "数量", "Units.", required=True, above=True),
        COST,
        CO2,
    )),
    Table("positions", "库存布局", GROUP, "How much of each product is to lie where until its supplier can deliver.", (
        ident("product_id", "商品编码", "What.", required=True, key=True, references=("products.product_id",)),
        ident("site_id", "站点编码", "Where.", required=True, key=True, references=("sites.site_id",)),
        number("on_hand", "可用库存", "Free units tonight.", required=True),
        number("staying", "不可调库存", "Units that count and cannot leave: kept for channels, open orders in time.", required=True),
        number("transfer_in", "调入", "Units that come from other sites.", required=True),
        number("transfer_out", "调出", "Units that leave tonight.", required=True),
        number("held_for_others", "代他区持有", "Units that stay and are meant for regions of other sites.", required=True),
        number("served_by_others", "他仓支援", "Units at other sites that are meant for this site's region.", required=True),
        number("target", "目标库存", "Units at the site for its own region after all moves.", required=True, low=None),
        number("wait_days", "等待天数", "Days that stock must last.", required=True),
        number("demand_mean", "需求均值", "Mean units asked for in these days.", required=True),
        number("demand_sd", "需求标准差", "Standard deviation of it.", required=True),
        number("expected_short", "预期缺货", "Units that nobody serves.", required=True),
        number("expected_left", "预期结余", "Units left at the end.", required=True),
        number("holding_cost", "持有成本", "Money, term holding.", required=True),
        number("shortage_cost", "缺货成本", "Money, term shortage.", required=True),
        number("price", "边际价值", "Money that one more unit there would save at most.", low=None),
        number("expected_returns", "预计退货回库", "Units that come back from customers in these days and are sold again, part of the target; blank: none are counted."),
    )),
    Table("cross_serving", "跨区支援", GROUP, "Stock that stays at one site and is meant for the region of another.", (
        ident("product_id", "商品编码", "What.", required=True, key=True, references=("products.product_id",)),
        ident("site_id", "站点编码", "Where it lies.", required=True, key=True, references=("sites.site_id",)),
        ident("region_site_id", "被支援站点", "Whose region it is meant for.", required=True, key=True, references=("sites.site_id",)),
        number("qty", "数量", "Units.", required=True, above=True),
        number("extra_cost", "额外费用", "Money per unit beyond the least that serving the region from elsewhere costs.", required=True),
    )),
)
