"""Which parcels ship, and when they are picked."""

from __future__ import annotations

from optimizer.plan_tables.shared import CO2, COST, GROUP, ORDER, PRODUCT, SITE
from scenarios.tables.column import Table, choice, date, ident, integer, moment, number, text

TABLES = (
    Table("shipments", "包裹", GROUP, "Parcels to customers.", (
        ident("shipment_id", "运单号", "Parcel.", required=True, key=True),
        ORDER,
        SITE,
        ident("carrier_id", "承运商编码", "Who carries it.", required=True),
        text("service", "服务", "Service of the carrier.", required=True),
        date("ship_on", "发货日期", "Day it leaves.", required=True),
        date("promised_on", "承诺到达", "Day by whose end it arrives.", required=True),
        number("weight_kg", "重量（千克）", "Weight of its lines.", required=True),
        COST,
        CO2,
    )),
    Table("shipment_lines", "包裹明细", GROUP, "What is in each parcel.", (
        ident("shipment_id", "运单号", "Parcel.", required=True, key=True),
        ORDER,
        ident("line_id", "行号", "Line of the order.", required=True, key=True),
        PRODUCT,
        number("qty", "数量", "Units.", required=True, above=True),
    )),
    Table("held_orders", "暂挂订单", GROUP, "Orders that cannot ship as they are, whatever others do.", (
        ident("order_id", "订单编号", "Order.", required=True, key=True),
        text("code", "原因代码", "First reason, as in `unserved`.", required=True),
        text("detail", "说明", "What stands in the way.", required=True),
        text("what_helps", "处理办法", "What would let it ship.", required=True),
    )),
    Table("waves", "波次", GROUP, "When parcels are picked.", (
        ident("wave_id", "波次号", "Wave.", required=True, key=True),
        SITE,
        ident("carrier_id", "承运商编码", "For which carrier.", required=True),
        moment("release_at", "释放时间", "Picking starts.", required=True),
        moment("cutoff_at", "截单时间", "The carrier leaves.", required=True),
        integer("parcels", "票数", "Parcels.", required=True),
        number("units", "件数", "Units.", required=True),
        moment("picked_by", "拣完时间", "Picking ends."),
    )),
    Table("wave_parcels", "波次包裹", GROUP, "When each parcel is picked and loaded.", (
        ident("shipment_id", "运单号", "Parcel.", required=True, key=True),
        ident("wave_id", "波次号", "Wave in which it is picked.", required=True),
        moment("pick_from", "开始拣货", "Not picked before.", required=True),
        moment("picked_by", "拣完时间", "Picked by then.", required=True),
        moment("load_from", "开始装车", "Not loaded before.", required=True),
        moment("loaded_by", "装完时间", "Loaded by then.", required=True),
    )),
    Table("missed_cutoffs", "误截单包裹", GROUP, "Parcels that miss the cut-off of their ship day, why, and what would help.", (
        ident("shipment_id", "运单号", "Parcel.", required=True, key=True),
        SITE,
        ident("carrier_id", "承运商编码", "Whose cut-off.", required=True),
        moment("cutoff_at", "截单时间", "The cut-off that it misses.", required=True),
        moment("leaves_at", "实际离开", "The departure that it makes; blank: none within six days."),
        number("days_late", "迟发天数", "Days after its ship day; 7 where it makes none.", required=True),
        COST,
        choice("code", "原因代码", "What stands in the way.", "closed", "no_hour", "pick_capacity", "dock_capacity", required=True),
        choice("proof", "证明", "Proven: it could not make it even alone. Heuristic: others go first.", "proven", "heuristic", required=True),
        text("detail", "说明", "Rule, parameter and value."),
        number("later_cutoff_min", "截单需延后（分钟）", "Minutes by which a later cut-off would take it; blank: none within six days."),
        number("extra_pick_units", "需增拣货（件）", "Units more that the hour before the cut-off would have to pick; blank: it is released too late."),
        number("extra_dock_parcels", "需增装车（票）", "Parcels more that the hour before the cut-off would have to load; blank: it is released too late."),
        text("cheapest_relaxation", "最小放宽", "Smallest changes, any of which would do."),
    )),
)
