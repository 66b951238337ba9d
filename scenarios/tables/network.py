"""Tables of places, and of the ways between them."""

from __future__ import annotations

from scenarios.tables.column import (
    Table,
    choice,
    clock,
    date,
    flag,
    ident,
    integer,
    latitude,
    longitude,
    number,
    percent,
    text,
)

GROUP = "network"
PLACES = ("sites.site_id", "zones.zone_id", "suppliers.supplier_id")

SITES = Table(
    "sites",
    "站点",
    GROUP,
    "Warehouses, stores, plants and other places that hold or pass on stock.",
    (
        ident("site_id", "站点编码", "Site code.", required=True, key=True, also=("仓库编码", "仓库ID")),
        choice("kind", "类型", "What it is.", "warehouse", "store", "plant", "cross_dock", "returns_centre", required=True),
        text("name", "站点名称", "Name.", required=True, also=("仓库名称",)),
        latitude(),
        longitude(),
        text("city", "城市", "City; places the site where lat and lon are blank."),
        text("region", "区域", "Region, for common disruptions."),
        choice("status", "状态", "Open, could be opened, or closed.", "open", "candidate", "closed", required=True),
        ident("channel_id", "渠道编码", "Set for a platform's own warehouse.", references=("channels.channel_id",)),
        number("storage_m3", "库容（立方米）", "Storage room; blank: no limit."),
        number("inbound_units_per_day", "日入库能力（件）", "Units received a day; blank: no limit."),
        number("outbound_units_per_day", "日出库能力（件）", "Units shipped a day; blank: no limit."),
        number("fixed_cost_per_day", "日固定成本", "Money a day while open.", default=0.0),
        number("opening_cost", "开仓成本", "Money to open it.", default=0.0),
        number("closing_cost", "关仓成本", "Money to close it.", default=0.0),
        number("handling_cost_per_unit", "单位操作费", "Money per unit shipped.", default=0.0),
        ident("calendar_id", "日历编码", "Working days of the site.", references=("calendars.calendar_id",)),
        number("recovery_days", "恢复天数", "Days to restore it after a loss (time to recover)."),
        choice("rationing", "短缺分配", "How the simulator shares out stock and docks that are short there: in proportion to what waits, by `priority` of the sites fed and of the products, or stock `first_come`, first served, to the oldest orders of the sites fed.", "proportional", "priority", "first_come", default="proportional"),
        integer("priority", "优先级", "1 is served first by a site that rations by priority; blank: last.", low=1.0),
        number("g_co2e_per_unit", "单件作业排放（克）", "Emission of handling one unit shipped, counted by the simulator; blank: not counted."),
        number("g_co2e_per_day", "日排放（克）", "Emission a day, whatever is handled (light, heat, cooling), counted by the simulator; blank: not counted."),
    ),
)

ZONES = Table(
    "zones",
    "需求区域",
    GROUP,
    "Where customers are.",
    (
        ident("zone_id", "区域编码", "Zone code.", required=True, key=True),
        text("name", "区域名称", "Name.", required=True),
        latitude(),
        longitude(),
        text("city", "城市", "City; places the zone where lat and lon are blank."),
        text("region", "大区", "Region, for events and disruptions."),
        number("population", "人口", "People."),
        number("promise_days", "承诺时效（天）", "Days within which an order must arrive."),
    ),
)

ZONE_SITES = Table(
    "zone_sites",
    "区域覆盖",
    GROUP,
    "Which site serves a zone's demand. No row: the cheapest open lane within promise_days.",
    (
        ident("zone_id", "区域编码", "Whose demand.", required=True, key=True, references=("zones.zone_id",)),
        ident("site_id", "站点编码", "Which site serves it.", required=True, key=True, references=("sites.site_id",)),
        ident("channel_id", "渠道编码", "For which channel; blank: all.", key=True, references=("channels.channel_id",)),
        percent("share_pct", "占比（%）", "Share of the demand; blank: what the named shares leave, in equal parts."),
    ),
)

ITEM_SOURCES = Table(
    "item_sources",
    "补货来源",
    GROUP,
    "What replenishes a site: another site or a supplier.",
    (
        ident("site_id", "站点编码", "Which site.", required=True, key=True, references=("sites.site_id",)),
        ident("product_id", "商品编码", "Which product; blank: all.", key=True, references=("products.product_id",)),
        ident("source_id", "来源编码", "From where.", required=True, key=True, references=("sites.site_id", "suppliers.supplier_id")),
        integer("priority", "优先级", "1 is asked first.", default=1.0, low=1.0),
        percent("share_pct", "占比（%）", "Share of the orders; blank: by priority."),
    ),
)

LANES = Table(
    "lanes",
    "线路",
    GROUP,
    "Ways between two places, by mode.",
    (
        ident("origin_id", "起点编码", "From.", required=True, key=True, references=PLACES),
        ident("destination_id", "终点编码", "To.", required=True, key=True, references=PLACES),
        choice("mode", "运输方式", "How.", "road", "rail", "sea", "air", "parcel", required=True, key=True),
        number("transit_mean_days", "平均在途（天）", "Mean days under way.", required=True, plausible=(0.0, 120.0)),
        number("transit_sd_days", "在途标准差（天）", "Standard deviation of the transit.", default=0.0),
        number("distance_km", "距离（公里）", "Blank: great circle times the detour factor.", plausible=(0.0, 30000.0)),
        number("cost_per_shipment", "每票费用", "Money per shipment.", default=0.0),
        number("cost_per_kg", "每千克费用", "Money per kg.", default=0.0),
        number("cost_per_m3", "每立方米费用", "Money per m3.", default=0.0),
        number("cost_per_unit", "每件费用", "Money per unit.", default=0.0),
        number("shipment_kg", "单票载重（千克）", "Most kg in one shipment; blank: no limit.", above=True),
        number("shipment_m3", "单票容积（立方米）", "Most m3 in one shipment; blank: no limit.", above=True),
        percent("min_fill_pct", "最低装载率（%）", "Least filling of a container or truck.", default=0.0),
        number("capacity_kg_per_day", "日运力（千克）", "Most kg a day; blank: no limit."),
        number("g_co2e_per_tkm", "每吨公里排放（克）", "Emission factor; blank: by mode, recorded.", rule="by mode: road 105, rail 25, sea 10, air 800, parcel 150"),
        number("recovery_days", "恢复天数", "Days to restore it after a loss."),
    ),
)

DISTANCES = Table(
    "distances",
    "距离矩阵",
    GROUP,
    "Measured distances that replace the great circle.",
    (
        ident("origin_id", "起点编码", "From: a site, zone, supplier or order.", required=True, key=True),
        ident("destination_id", "终点编码", "To.", required=True, key=True),
        number("distance_m", "距离（米）", "Metres by road.", required=True),
        number("duration_s", "时长（秒）", "Seconds of driving.", required=True),
    ),
)

CALENDARS = Table(
    "calendars",
    "日历",
    GROUP,
    "Days that differ from Monday to Sunday working.",
    (
        ident("calendar_id", "日历编码", "Calendar.", required=True, key=True),
        date("date", "日期", "Day.", required=True, key=True),
        flag("is_working", "是否工作日", "Whether it works that day.", required=True),
        clock("open_time", "开始时间", "Opens at."),
        clock("close_time", "结束时间", "Closes at."),
    ),
)

PACKAGINGS = Table(
    "packagings",
    "包装",
    GROUP,
    "Boxes and bags in which parcels leave.",
    (
        ident("packaging_id", "包装编码", "Packaging.", required=True, key=True),
        number("volume_m3", "容积（立方米）", "Inside volume.", required=True, above=True),
        number("max_kg", "最大承重（千克）", "Most weight inside.", required=True, above=True),
        number("tare_kg", "自重（千克）", "Own weight.", default=0.0),
        number("cost", "费用", "Money each.", default=0.0),
        number("g_co2e", "排放（克）", "Emission of making one.", default=0.0),
    ),
)

TABLES = (SITES, ZONES, ZONE_SITES, ITEM_SOURCES, LANES, DISTANCES, CALENDARS, PACKAGINGS)
