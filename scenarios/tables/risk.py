"""Tables of limits, risks, responses and groups."""

from __future__ import annotations

from scenarios.tables.column import Table, choice, date, flag, ident, integer, number, share, text

GROUP = "limits, risk, groups"

# disruptions of the simulator's library that a row may name as its kind; `holdfast disruptions`
READY_MADE = (
    "month_plus_supplier_loss",
    "supplier_loss",
    "most_exposed_supplier_loss",
    "port_closed",
    "ransomware",
    "double_11_surge",
    "festival_heroes_surge",
    "demand_slump",
    "warehouse_closed",
    "warehouse_burnt",
    "late_by_air",
    "late_by_sea",
    "late_by_truck",
    "typhoon",
    "currency_shock",
    "freight_doubled",
    "recall",
)

LIMITS = Table(
    "limits",
    "限制",
    GROUP,
    "Budgets, storage and other limits on the plan.",
    (
        ident("limit_id", "限制编码", "Limit.", required=True, key=True),
        choice("kind", "类型", "What is limited.", "budget", "supplier_spend", "supplier_share_pct", "supplier_units", "storage", "site_count", "sku_count", "co2", "service_km", required=True),
        text("scope", "范围", "`all`, or kind:id as in supplier:V01, site:W1, category:Tea.", required=True),
        date("bucket", "时段", "First day of the bucket; blank: every bucket."),
        choice("sense", "方向", "At most or at least.", "<=", ">=", required=True),
        number("value", "数值", "The limit.", required=True),
        flag("hard", "是否刚性", "Never broken; else paid for by `penalty`.", required=True),
        number("penalty", "罚金", "Money per unit beyond a soft limit."),
    ),
)

DISRUPTIONS = Table(
    "disruptions",
    "中断",
    GROUP,
    "What may go wrong, for the simulator.",
    (
        ident("disruption_id", "中断编码", "Disruption.", required=True, key=True),
        choice(
            "kind",
            "类型",
            "What happens.",
            "supplier_outage",
            "supplier_capacity_loss",
            "lead_time_blowup",
            "lane_closure",
            "lane_delay",
            "port_closure",
            "demand_surge",
            "demand_collapse",
            "warehouse_closure",
            "warehouse_fire",
            "order_processing_outage",
            "price_shock",
            "quality_recall",
            "carrier_capacity_loss",
            "freight_price_jump",
            "labour_shortage",
            "regional_event",
            *READY_MADE,
            required=True,
        ),
        text("target", "目标", "`all`, or kind:id as in supplier:V01, lane:V01>W1, region:East, category:Tea, group:G1, or a rank as in supplier:largest-by-spend.", required=True),
        date("start", "开始日期", "First day ..."),
        text("start_distribution", "开始分布", "... or days between onsets, as in exponential(mean=120)."),
        number("duration", "持续天数", "Days ...", above=True),
        text("duration_distribution", "持续分布", "... or a distribution, as in lognormal(mean=10, sd=8)."),
        number("severity", "强度", "What it means stands with the kind: share lost, factor on demand, days of delay.", required=True),
        share("probability", "概率", "Chance that it happens at all.", default=1.0),
        ident("group", "共因组", "Disruptions of one group strike together."),
        ident("after", "前置中断", "Only after that one.", references=("disruptions.disruption_id",)),
    ),
)

PLAYBOOKS = Table(
    "playbooks",
    "应急预案",
    GROUP,
    "What to do when an indicator crosses its threshold.",
    (
        ident("playbook_id", "预案编码", "Playbook.", required=True, key=True),
        integer("step", "步骤", "Order of steps.", required=True, key=True, low=1.0),
        text("kpi", "指标", "Which indicator.", required=True),
        choice("op", "比较", "How it is compared.", "<", "<=", ">", ">=", required=True),
        number("threshold", "阈值", "With what.", required=True, low=None),
        text("action", "动作", "switch_supplier, expedite, reroute, ration, ration_channels, lift_capacity, pause_promotion, raise_buffer.", required=True),
        text("target", "目标", "On what."),
        number("value", "数值", "How much.", low=None),
        number("delay_days", "延迟（天）", "Days until it takes effect.", default=0.0),
        number("cost", "费用", "Money, each time it takes effect.", default=0.0),
        text("scope", "观察范围", "Where the indicator is watched: `all`, or kind:id as in site:W1; blank: all."),
    ),
)

GROUPS = Table(
    "groups",
    "分组",
    GROUP,
    "Named sets of products, sites, suppliers, zones or lanes.",
    (
        ident("group_id", "组编码", "Group.", required=True, key=True),
        choice("kind", "类型", "What its members are.", "product", "site", "supplier", "zone", "lane", "carrier", required=True, key=True),
        ident("member_id", "成员编码", "Member.", required=True, key=True),
    ),
)

DECISIONS = Table(
    "decisions",
    "既定决策",
    GROUP,
    "What the planner has decided for tonight; every stage that it concerns keeps to it.",
    (
        ident("decision_id", "决策编码", "Decision.", required=True, key=True),
        choice("kind", "类型", "Units to buy, from where an order ships, or units to move between sites.", "purchase", "shipment", "transfer", required=True),
        ident("supplier_id", "供应商编码", "Of a purchase: from whom; blank: from all together.", references=("suppliers.supplier_id",)),
        ident("product_id", "商品编码", "Of a purchase or transfer: what; blank: all products together.", references=("products.product_id",)),
        ident("site_id", "站点编码", "Where to buy for, from where to ship, or to where to move; blank: anywhere.", references=("sites.site_id", "suppliers.supplier_id")),
        ident("order_id", "订单编号", "Of a shipment: the order.", references=("orders.order_id",)),
        choice("sense", "方向", "At most, at least, or exactly.", "<=", ">=", "=", required=True),
        number("qty", "数量", "Units of tonight's purchases or transfers; of a shipment 1 (whole, from there) or 0 (not from there).", required=True),
        ident("origin_id", "起点编码", "Of a transfer: from where; blank: from anywhere, where it forbids.", references=("sites.site_id",)),
    ),
)

TABLES = (LIMITS, DISRUPTIONS, PLAYBOOKS, GROUPS, DECISIONS)
