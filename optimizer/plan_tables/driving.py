"""Which van drives where, and what is not served."""

from __future__ import annotations

from optimizer.plan_tables.shared import CO2, COST, GROUP, SITE
from scenarios.tables.column import Table, choice, date, ident, integer, moment, number, text

TABLES = (
    Table("unserved", "未满足", GROUP, "What is not served, why, and what would help.", (
        choice("kind", "类型", "What it is.", "order_line", "stop", "demand", required=True, key=True),
        ident("id", "编号", "order_id/line_id, order_id, or product_id@location_id.", required=True, key=True),
        number("qty", "数量", "Units.", required=True),
        text("code", "原因代码", "The test that fails.", required=True),
        choice("proof", "证明", "Proven impossible, or not found by a heuristic.", "proven", "heuristic", required=True),
        text("detail", "说明", "Rule, parameter and value."),
        text("cheapest_relaxation", "最小放宽", "Smallest change that would serve it."),
    )),
    Table("routes", "路线", GROUP, "One row per van and trip sequence.", (
        ident("route_id", "路线编号", "Route.", required=True, key=True),
        ident("vehicle_type", "车型", "Van.", required=True),
        ident("depot_id", "车场", "Where it starts.", required=True),
        moment("start", "出发时间", "Leaves the depot.", required=True),
        moment("end", "结束时间", "Ends.", required=True),
        integer("stops", "停靠点数", "Customer stops.", required=True),
        number("distance_km", "里程（公里）", "Driven.", required=True),
        number("duration_s", "时长（秒）", "From start to end.", required=True),
        number("load_kg", "载重（千克）", "Largest load of a trip.", required=True),
        number("load_m3", "体积（立方米）", "Largest volume of a trip.", required=True),
        COST,
        CO2,
        number("tonne_km", "运输量（吨公里）", "Km of every leg x tonnes on board."),
    )),
    Table("stops", "停靠点", GROUP, "What each route does, in order.", (
        ident("route_id", "路线编号", "Route.", required=True, key=True),
        integer("seq", "站序", "Order on the route, from 1.", required=True, key=True, low=1.0),
        choice("kind", "类型", "What happens there.", "delivery", "pickup", "reload", "break", "end", required=True),
        ident("order_id", "订单编号", "Customer order; blank for reload, break, end."),
        ident("shipment_id", "运单号", "Parcel, where there is one."),
        moment("arrive", "到达", "Arrives.", required=True),
        moment("begin", "开始", "Service begins.", required=True),
        moment("depart", "离开", "Leaves.", required=True),
        number("load_kg", "载重（千克）", "Load on leaving.", required=True),
        number("lat", "纬度", "Latitude, degrees.", low=-90.0, high=90.0),
        number("lon", "经度", "Longitude, degrees.", low=-180.0, high=180.0),
        integer("part", "分批", "Which part, of an order or parcel heavier than any van; blank: all of it.", low=1.0),
        number("tonne_km", "运输量（吨公里）", "Km of the way to it x tonnes on board."),
        number("g_co2e", "碳排放（克）", "Its share of the route's emission, by kg x direct km; blank for reload, break, end."),
    )),
    Table("part_lines", "分批明细", GROUP, "What is in each part of an order or parcel heavier than any van.", (
        ident("order_id", "订单编号", "Customer order.", required=True, key=True),
        ident("shipment_id", "运单号", "Parcel, where there is one.", key=True),
        integer("part", "分批", "Part, from 1.", required=True, key=True, low=1.0),
        ident("line_id", "行号", "Line of the order.", required=True, key=True),
        number("qty", "数量", "Units.", required=True),
    )),
    Table("handed_over", "转交承运商", GROUP, "Stops that carriers take in place of a van.", (
        ident("order_id", "订单编号", "Customer order.", required=True, key=True),
        ident("shipment_id", "运单号", "Parcel, where there is one.", key=True),
        SITE,
        ident("carrier_id", "承运商编码", "Who takes it.", required=True),
        text("service", "服务", "Service of the carrier.", required=True),
        date("ship_on", "发货日期", "Day it leaves.", required=True),
        date("promised_on", "承诺到达", "Day by whose end it arrives.", required=True),
        number("weight_kg", "重量（千克）", "Weight.", required=True),
        COST,
        number("late_cost", "迟到费用", "Money for arriving after its last window's date.", default=0.0),
        number("risk_cost", "拒单风险", "Chance that the carrier declines, times what the next choice costs more.", default=0.0),
        CO2,
    )),
)
