"""Tables of customer orders, carriers and vans."""

from __future__ import annotations

from scenarios.tables.column import (
    Table,
    choice,
    clock,
    flag,
    ident,
    integer,
    latitude,
    longitude,
    moment,
    number,
    share,
    text,
)

GROUP = "orders and delivery"

ORDERS = Table(
    "orders",
    "订单",
    GROUP,
    "Customer orders to ship.",
    (
        ident("order_id", "订单编号", "Order.", required=True, key=True, also=("订单号",)),
        choice("kind", "类型", "Bring, fetch, or fetch after the last delivery.", "delivery", "pickup", "backhaul", default="delivery"),
        choice("status", "状态", "Accepted orders are planned, the others wait.", "accepted", "held", "cancelled", "shipped", default="accepted"),
        ident("zone_id", "区域编码", "Where it goes; or lat and lon.", references=("zones.zone_id",)),
        latitude(),
        longitude(),
        moment("placed_at", "下单时间", "When the customer ordered.", required=True),
        moment("release_at", "可发时间", "Not before."),
        moment("due_from", "最早送达", "Start of the promised window."),
        moment("due_to", "最晚送达", "End of the promised window; midnight means the end of that date."),
        integer("priority", "优先级", "1 is served first.", default=5.0, low=1.0),
        ident("channel_id", "渠道编码", "Through which channel.", references=("channels.channel_id",)),
        flag("allow_split", "允许拆单", "May come in several parcels.", default=True),
        flag("allow_line_split", "允许拆行", "One line may come in several parcels.", default=False),
        number("service_s", "停留时间（秒）", "Seconds at the stop.", default=0.0, plausible=(0.0, 14400.0)),
        text("skills", "技能要求", "What the van must have, separated by commas."),
        number("prize", "收益", "Money for serving it; blank: it must be served."),
        number("late_cost_per_h", "每小时迟到成本", "Money per hour late; blank: the window is hard."),
    ),
)

ORDER_LINES = Table(
    "order_lines",
    "订单明细",
    GROUP,
    "What each order asks for.",
    (
        ident("order_id", "订单编号", "Order.", required=True, key=True, references=("orders.order_id",)),
        ident("line_id", "行号", "Line.", required=True, key=True),
        ident("product_id", "商品编码", "What.", required=True, references=("products.product_id",)),
        number("qty", "数量", "Units.", required=True, above=True),
    ),
)

ORDER_WINDOWS = Table(
    "order_windows",
    "收货时间窗",
    GROUP,
    "Several windows for one order; any of them will do.",
    (
        ident("order_id", "订单编号", "Order.", required=True, key=True, references=("orders.order_id",)),
        moment("from", "开始", "Window opens.", required=True, key=True),
        moment("to", "结束", "Window closes.", required=True),
    ),
)

CARRIERS = Table(
    "carriers",
    "承运商",
    GROUP,
    "Who carries parcels: own fleet, third party, shared, crowd.",
    (
        ident("carrier_id", "承运商编码", "Carrier.", required=True, key=True),
        choice("kind", "类型", "Whose it is.", "own", "third_party", "shared", "crowd", required=True),
        number("capacity_per_day", "日运力（票）", "Parcels a day; blank: no limit."),
        share("acceptance_probability", "接单概率", "Chance that a crowd driver takes it.", default=1.0, above=True),
        share("on_time_rate", "准时率", "Share delivered on time."),
        share("damage_rate", "破损率", "Share damaged."),
    ),
)

CARRIER_RATES = Table(
    "carrier_rates",
    "运费",
    GROUP,
    "What a parcel costs, from where to where.",
    (
        ident("carrier_id", "承运商编码", "Carrier.", required=True, key=True, references=("carriers.carrier_id",)),
        ident("service", "服务", "Service.", required=True, key=True),
        ident("origin", "始发", "Site it leaves, or supplier that sends it to the customer.", required=True, key=True, references=("sites.site_id", "suppliers.supplier_id")),
        ident("destination", "到达", "Zone it goes to.", required=True, key=True, references=("zones.zone_id",)),
        number("max_weight_kg", "重量上限（千克）", "Holds up to this weight.", required=True, key=True, above=True),
        number("base", "首重费用", "Money per parcel.", required=True),
        number("included_kg", "首重（千克）", "Weight that the base pays for.", default=0.0),
        number("step_kg", "续重单位（千克）", "Weight beyond is rounded up to steps of it; blank: exact.", above=True),
        number("per_kg", "续重单价", "Money per kg beyond.", default=0.0),
        number("volumetric_kg_per_m3", "体积重系数", "Chargeable kg per m3 where that is more.", default=0.0),
        clock("cutoff_time", "截单时间", "Latest hand-over for shipping the same day."),
        number("promise_days", "时效（天）", "Days from ship date to arrival.", required=True),
        number("g_co2e_per_parcel", "每票排放（克）", "Emission per parcel.", default=0.0),
    ),
)

VEHICLES = Table(
    "vehicles",
    "车辆",
    GROUP,
    "Vans by type and depot.",
    (
        ident("vehicle_type", "车型", "Type.", required=True, key=True),
        ident("depot_id", "车场", "Site where it starts.", required=True, key=True, references=("sites.site_id",)),
        integer("count", "数量", "How many.", required=True, low=0.0),
        ident("carrier_id", "承运商编码", "Whose it is; blank: own.", references=("carriers.carrier_id",)),
        ident("end_depot_id", "返回车场", "Site where it ends; blank: where it starts.", references=("sites.site_id",)),
        flag("open_route", "开放路线", "Need not come back.", default=False),
        integer("max_trips", "最多趟数", "Trips a day.", default=1.0, low=1.0),
        number("reload_min", "装车时间（分钟）", "Minutes to reload between trips.", default=0.0),
        number("capacity_kg", "载重（千克）", "Most weight.", required=True, above=True),
        number("capacity_m3", "容积（立方米）", "Most volume; blank: no limit.", above=True),
        integer("max_stops", "最多停靠点", "Most stops on a route; blank: no limit.", low=1.0, also=("最多站点",)),
        clock("shift_start", "上班时间", "Shift starts.", required=True),
        clock("shift_end", "下班时间", "Shift ends.", required=True),
        number("max_km", "最大里程（公里）", "Longest route; blank: no limit.", above=True),
        number("fixed_cost", "固定成本", "Money per van used.", default=0.0),
        number("cost_per_km", "每公里成本", "Money per km.", default=0.0),
        number("cost_per_hour", "每小时成本", "Money per hour on duty.", default=0.0),
        number("speed_km_h", "速度（公里/小时）", "Where no duration is measured.", default=30.0, above=True, plausible=(3.0, 130.0)),
        number("g_co2e_per_km", "每公里排放（克）", "Emission per km, empty.", default=0.0),
        number("g_co2e_per_tkm", "每吨公里排放（克）", "More emission per km for each tonne on board.", default=0.0),
        text("skills", "技能", "What it has, separated by commas."),
        number("break_after_h", "连续驾驶上限（小时）", "Hours on duty after which a break is due.", above=True),
        number("break_min", "休息时长（分钟）", "Minutes of the break.", above=True),
    ),
)

VEHICLE_STATES = Table(
    "vehicle_states",
    "车辆状态",
    GROUP,
    "Vans under way, for re-planning during the day.",
    (
        ident("vehicle_id", "车辆编号", "Van.", required=True, key=True),
        ident("route_id", "路线编号", "Route it drives.", required=True),
        moment("at", "时间", "When this was seen.", required=True),
        latitude(),
        longitude(),
        number("load_kg", "载重（千克）", "Load on board.", required=True),
        integer("frozen_seq", "已锁定站序", "Stops up to here stay as they are.", required=True),
    ),
)

WORK_CAPACITY = Table(
    "work_capacity",
    "作业能力",
    GROUP,
    "What a site can pick and load, by weekday and hour.",
    (
        ident("site_id", "站点编码", "Where.", required=True, key=True, references=("sites.site_id",)),
        integer("weekday", "星期", "1 (Monday) to 7.", required=True, key=True, low=1.0, high=7.0),
        integer("hour", "小时", "0 to 23.", required=True, key=True, high=23.0),
        number("pick_units", "拣货能力（件）", "Units picked in that hour; blank: no limit."),
        number("dock_parcels", "月台能力（票）", "Parcels for customers loaded in that hour; blank: no limit."),
    ),
)

DELIVERIES = Table(
    "deliveries",
    "配送记录",
    GROUP,
    "What carriers did in the past.",
    (
        ident("shipment_id", "运单号", "Parcel.", required=True, key=True),
        ident("order_id", "订单编号", "Order.", required=True),
        ident("carrier_id", "承运商编码", "Carrier.", required=True, references=("carriers.carrier_id",)),
        moment("placed_at", "下单时间", "When the order came.", required=True),
        moment("handed_over_at", "交接时间", "When the carrier took it."),
        moment("promised_at", "承诺时间", "When it was promised."),
        moment("delivered_at", "签收时间", "When it arrived."),
        text("exception", "异常", "What went wrong."),
        flag("damaged", "是否破损", "Arrived damaged.", default=False),
        moment("exception_at", "异常时间", "When something went wrong."),
        moment("resolved_at", "处理完成时间", "When that was settled."),
        number("cost", "运费", "Money paid for it."),
    ),
)

TABLES = (
    ORDERS,
    ORDER_LINES,
    ORDER_WINDOWS,
    CARRIERS,
    CARRIER_RATES,
    VEHICLES,
    VEHICLE_STATES,
    WORK_CAPACITY,
    DELIVERIES,
)
