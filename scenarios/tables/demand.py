"""Tables of what customers want, and of what moves it."""

from __future__ import annotations

from scenarios.tables.column import (
    Table,
    date,
    flag,
    ident,
    number,
    percent,
    share,
    text,
)

GROUP = "demand"
LOCATIONS = ("sites.site_id", "zones.zone_id")

CHANNELS = Table(
    "channels",
    "渠道",
    GROUP,
    "Where orders come from: own shop, market place, live commerce, stores.",
    (
        ident("channel_id", "渠道编码", "Channel.", required=True, key=True),
        text("name", "渠道名称", "Name.", required=True),
        percent("stock_share_pct", "库存占比（%）", "Share of stock kept for it; blank: shares with all."),
        number("release_hours_before", "提前释放（小时）", "Hours before the end of a bucket at which unused reserved stock is released."),
        number("settlement_days", "回款天数", "Days from sale to money.", default=0.0),
    ),
)

DEMAND_HISTORY = Table(
    "demand_history",
    "历史需求",
    GROUP,
    "What was sold, per day or week.",
    (
        date("date", "日期", "Day, or first day of the week.", required=True, key=True),
        ident("product_id", "商品编码", "What.", required=True, key=True, references=("products.product_id",)),
        ident("location_id", "地点编码", "Where: a site or a zone.", required=True, key=True, references=LOCATIONS),
        ident("channel_id", "渠道编码", "Through which channel.", key=True, references=("channels.channel_id",)),
        number("qty", "销量", "Units sold.", required=True),
        number("price", "成交价", "Price per unit that was paid."),
        flag("stockout", "是否缺货", "Stock ran out, so sales are a lower bound on demand.", default=False),
    ),
)

FORECASTS = Table(
    "forecasts",
    "需求预测",
    GROUP,
    "Demand to come; read instead of forecasting when that stage is left out.",
    (
        ident("product_id", "商品编码", "What.", required=True, key=True, references=("products.product_id",)),
        ident("location_id", "地点编码", "Where: a site or a zone.", required=True, key=True, references=LOCATIONS),
        date("bucket", "时段", "First day of the bucket.", required=True, key=True),
        share("quantile", "分位数", "Quantile; blank: the mean.", key=True),
        ident("channel_id", "渠道编码", "Through which channel.", key=True, references=("channels.channel_id",)),
        ident("demand_case", "需求情景", "In which future; blank: all.", key=True, references=("demand_cases.demand_case",)),
        number("qty", "数量", "Units in the bucket.", required=True),
    ),
)

DEMAND_CASES = Table(
    "demand_cases",
    "需求情景",
    GROUP,
    "Futures that the plan must stand in.",
    (
        ident("demand_case", "需求情景", "Name of the future.", required=True, key=True),
        share("probability", "概率", "How likely it is.", required=True),
    ),
)

PROMOTIONS = Table(
    "promotions",
    "促销",
    GROUP,
    "Past and planned promotions; past ones are history to learn from.",
    (
        ident("promotion_id", "促销编码", "Promotion.", required=True, key=True),
        text("kind", "促销类型", "Discount, flash sale, money off, gift, pre-sale."),
        ident("product_id", "商品编码", "For one product ...", references=("products.product_id",)),
        text("category", "类目", "... or for a category."),
        ident("location_id", "地点编码", "Where; blank: everywhere.", references=LOCATIONS),
        ident("channel_id", "渠道编码", "Through which channel; blank: all.", references=("channels.channel_id",)),
        date("start", "开始日期", "First day.", required=True),
        date("end", "结束日期", "Last day.", required=True),
        percent("discount_pct", "折扣（%）", "Price cut."),
        percent("uplift_pct", "预计提升（%）", "Extra demand the planner expects; blank: estimated.", low=-100.0, high=10000.0),
        number("qty_limit", "限量", "Most units sold under it; blank: no limit."),
        text("cannibalises", "蚕食类目", "Category whose demand it takes."),
    ),
)

EVENTS = Table(
    "events",
    "节庆",
    GROUP,
    "Festivals and holidays.",
    (
        ident("event_id", "节庆编码", "Spring Festival, 618, Double 11 ...", required=True, key=True),
        date("start", "开始日期", "First day.", required=True, key=True),
        date("end", "结束日期", "Last day.", required=True),
        text("region", "区域", "Where; blank: everywhere."),
    ),
)

TABLES = (
    CHANNELS,
    DEMAND_HISTORY,
    FORECASTS,
    DEMAND_CASES,
    PROMOTIONS,
    EVENTS,
)

