"""Which sites are open, and what flows between them."""

from __future__ import annotations

from optimizer.plan_tables.shared import CO2, COST, GROUP
from scenarios.tables.column import Table, choice, date, ident, number, text

TABLES = (
    Table("network", "仓网", GROUP, "Which sites are open.", (
        ident("site_id", "站点编码", "Where.", required=True, key=True),
        choice("status", "状态", "In the plan.", "open", "closed", required=True),
        number("fixed_cost", "固定成本", "Money over the horizon.", required=True),
        number("throughput_units", "吞吐量", "Units through it.", required=True),
        number("utilisation", "利用率", "Throughput over capacity; blank: no limit."),
        choice("status_today", "现状", "In the scenario.", "open", "closed"),
        number("change_cost", "变更成本", "Money over the horizon of opening or closing it; 0: as today."),
    )),
    Table("flows", "流量", GROUP, "What moves between places over the horizon.", (
        ident("origin_id", "起点编码", "From.", required=True, key=True),
        ident("destination_id", "终点编码", "To.", required=True, key=True),
        text("mode", "运输方式", "How.", required=True, key=True),
        ident("product_id", "商品编码", "What; blank: all.", key=True),
        ident("demand_case", "需求情景", "In which future; blank: the only one.", key=True),
        number("qty", "数量", "Units.", required=True),
        COST,
        CO2,
        date("bucket", "时段", "First day of the period in which it moves; blank: the whole horizon.", key=True),
    )),
    Table("network_stock", "仓网库存", GROUP, "Stock that a design by period builds up ahead of demand.", (
        ident("site_id", "站点编码", "Where it lies.", required=True, key=True),
        ident("product_id", "商品编码", "What.", required=True, key=True),
        ident("demand_case", "需求情景", "In which future; blank: the only one.", key=True),
        date("bucket", "时段", "First day of the period at whose end it lies there.", required=True, key=True),
        number("qty", "数量", "Units.", required=True, above=True),
        number("cost", "费用", "Money of holding it until the next period.", required=True),
    )),
)
