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
    Table("return_flows", "退货流", GROUP, "What customers send back over the horizon of a network design, and the way it takes; beside the objective.", (
        ident("product_id", "商品编码", "What.", required=True, key=True, references=("products.product_id",)),
        ident("origin_id", "起点编码", "Zone or site at which it was sold.", required=True, key=True),
        ident("destination_id", "终点编码", "Returns centre, else the site that sold it.", required=True, key=True),
        text("mode", "运输方式", "Of the lane back, else of the lane out; own: handed in at the site.", required=True, key=True),
        ident("demand_case", "需求情景", "In which future; blank: the only one.", key=True),
        number("qty", "数量", "Units.", required=True),
        number("lane_share", "线路占用", "Part of the capacity of the lane back in this time; blank: no such lane, or no limit."),
        number("dock_share", "收货占用", "Part of inbound_units_per_day of the destination in this time; blank: no limit."),
        number("cost", "费用", "Money of the lane back; blank: no lane leads back, so nobody has said."),
        number("g_co2e", "碳排放（克）", "Emission of the way back.", required=True),
        date("bucket", "时段", "First day of the period in which it was sold; blank: the whole horizon.", key=True),
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
