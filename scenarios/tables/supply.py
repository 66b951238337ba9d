"""Tables of what is bought, and from whom."""

from __future__ import annotations

from scenarios.tables.column import (
    Table,
    choice,
    date,
    ident,
    integer,
    latitude,
    longitude,
    number,
    percent,
    share,
    text,
)

GROUP = "supply"

PRODUCTS = Table(
    "products",
    "商品",
    GROUP,
    "Everything that is stocked and sold, one row a SKU.",
    (
        ident("product_id", "商品编码", "SKU code.", required=True, key=True, also=("sku", "SKU", "货号", "商品ID", "商家编码")),
        text("name", "商品名称", "What people call it.", required=True, also=("品名", "标题")),
        text("category", "类目", "Product group; forecasts and limits pool by it.", also=("品类", "分类")),
        ident("gtin", "条码", "GTIN / EAN bar code.", also=("条形码", "ean", "barcode")),
        number("unit_cost", "单位成本", "What one unit costs us.", required=True, also=("成本价", "采购价", "cost")),
        number("unit_price", "单位售价", "What one unit sells for.", required=True, also=("售价", "销售价", "price")),
        number("weight_kg", "单位重量（千克）", "Weight of one unit as shipped.", required=True, plausible=(0.0, 1500.0), also=("重量", "重量kg")),
        number("volume_m3", "单位体积（立方米）", "Volume of one unit as stored.", required=True, plausible=(0.0, 20.0), also=("体积", "体积m3")),
        number("case_qty", "箱规", "Units in a case.", low=0.0, above=True),
        number("pallet_qty", "托规", "Units on a pallet.", low=0.0, above=True),
        number("shelf_life_days", "保质期（天）", "Days from receipt to unsaleable; blank: keeps.", above=True),
        choice("abc_class", "ABC分类", "Class that sets its service target; blank: computed.", "A", "B", "C"),
        date("introduced_on", "上市日期", "First day of sale."),
        date("discontinued_on", "退市日期", "Day from which nothing more is bought."),
        ident("like_product_id", "参照商品", "Product by whose history a new one is forecast.", references=("products.product_id",)),
        number("service_s_per_unit", "单件服务时间（秒）", "Seconds at the stop per unit delivered.", default=0.0),
        number("unserved_penalty", "未满足罚金", "Money per unit not shipped.", rule="settings.unserved_penalty_per_unit, else unit_price"),
        integer("priority", "优先级", "1 passes first where a site rations by priority.", low=1.0, rule="last, by abc_class"),
    ),
)

PRODUCT_COMPONENTS = Table(
    "product_components",
    "组合商品",
    GROUP,
    "Bundles and gifts: what one unit of a bundle takes from stock.",
    (
        ident("bundle_id", "组合编码", "The product that is sold.", required=True, key=True, references=("products.product_id",)),
        ident("component_id", "组件编码", "The product that leaves the shelf.", required=True, key=True, references=("products.product_id",)),
        number("qty", "数量", "Units of the component in one bundle.", required=True, above=True),
    ),
)

SUPPLIERS = Table(
    "suppliers",
    "供应商",
    GROUP,
    "Who sells to us.",
    (
        ident("supplier_id", "供应商编码", "Supplier code.", required=True, key=True, also=("供应商ID",)),
        text("name", "供应商名称", "Name.", required=True),
        latitude(),
        longitude(),
        text("region", "区域", "Region, for common disruptions."),
        text("currency", "币种", "ISO 4217 code of its prices; prices here are already converted."),
        ident("calendar_id", "日历编码", "Working days of the supplier.", references=("calendars.calendar_id",)),
        number("payment_days", "账期（天）", "Days from receipt to payment.", default=0.0),
        number("credit_score", "信用评分", "0 (worst) to 100."),
        number("recovery_days", "恢复天数", "Days to restore it after a loss (time to recover)."),
    ),
)

SUPPLIER_PRODUCTS = Table(
    "supplier_products",
    "供货关系",
    GROUP,
    "What each supplier offers, to which site, at which terms.",
    (
        ident("supplier_id", "供应商编码", "Who offers it.", required=True, key=True, references=("suppliers.supplier_id",)),
        ident("product_id", "商品编码", "What is offered.", required=True, key=True, references=("products.product_id",)),
        ident("site_id", "站点编码", "Where to; blank: any site.", key=True, references=("sites.site_id",)),
        date("valid_from", "生效日期", "First day of these terms; blank: always.", key=True),
        date("valid_to", "失效日期", "Last day of these terms; blank: for good."),
        number("unit_cost", "采购单价", "Price per unit.", required=True),
        percent("duty_pct", "关税（%）", "Duty on the price.", default=0.0, high=1000.0),
        number("order_cost", "订货成本", "Fixed cost of one order from that supplier to that site.", default=0.0),
        number("lead_time_mean_days", "平均交期（天）", "Mean days from order to receipt, door to door.", required=True, plausible=(0.0, 400.0), also=("交期", "采购周期")),
        number("lead_time_sd_days", "交期标准差（天）", "Standard deviation of the lead time; 0: always the mean.", default=0.0),
        number("moq", "最小起订量", "Least units of one order line.", default=0.0, also=("起订量",)),
        number("order_multiple", "订货倍数", "Units come in multiples of it.", default=1.0, low=1.0),
        number("capacity_per_week", "周产能", "Most units a week; blank: no limit."),
        number("min_order_value", "最小订单金额", "Least money of one order from that supplier to that site.", default=0.0),
        share("fill_rate", "供货满足率", "Share of ordered units that arrives.", default=1.0, above=True),
        share("defect_rate", "不良率", "Share of received units that is rejected.", default=0.0),
        text("order_weekdays", "可订货日", "Weekdays on which it takes orders, 1 (Monday) to 7, as in 1,3,5; blank: every day."),
        integer("priority", "优先级", "1 is asked first where costs tie.", default=1.0, low=1.0),
        ident("index_id", "指数编码", "Currency or raw material that moves the price.", references=("indices.index_id",)),
        percent("index_share_pct", "指数占比（%）", "Share of the price that moves with the index.", default=0.0),
    ),
)

PRICE_BREAKS = Table(
    "price_breaks",
    "阶梯价",
    GROUP,
    "Cheaper unit prices for larger order lines.",
    (
        ident("supplier_id", "供应商编码", "Who offers it.", required=True, key=True, references=("suppliers.supplier_id",)),
        ident("product_id", "商品编码", "For what.", required=True, key=True, references=("products.product_id",)),
        number("min_qty", "起始数量", "From how many units on.", required=True, key=True, above=True),
        number("unit_cost", "采购单价", "Price per unit from there on.", required=True),
        choice("kind", "方式", "The price holds for all units, or for those beyond min_qty.", "all_units", "incremental", required=True),
    ),
)

INDICES = Table(
    "indices",
    "指数",
    GROUP,
    "Exchange rates and raw-material prices over time.",
    (
        ident("index_id", "指数编码", "Name of the index.", required=True, key=True),
        date("date", "日期", "Day of the value.", required=True, key=True),
        number("value", "指数值", "Value that day.", required=True, above=True),
    ),
)

RECEIPTS = Table(
    "receipts",
    "收货记录",
    GROUP,
    "What suppliers delivered in the past; scores and lead times are learned from it.",
    (
        ident("order_id", "订单号", "Purchase order.", required=True, key=True),
        ident("line", "行号", "Line of the order.", required=True, key=True),
        ident("supplier_id", "供应商编码", "Who delivered.", required=True, references=("suppliers.supplier_id",)),
        ident("product_id", "商品编码", "What was ordered.", required=True, references=("products.product_id",)),
        ident("site_id", "站点编码", "Where it arrived.", required=True, references=("sites.site_id",)),
        number("qty_ordered", "订货数量", "Units ordered.", required=True),
        number("qty_received", "收货数量", "Units received.", required=True),
        number("qty_rejected", "拒收数量", "Units rejected on inspection.", default=0.0),
        date("ordered_on", "下单日期", "Day of the order.", required=True),
        date("promised_on", "承诺日期", "Day the supplier promised.", required=True),
        date("received_on", "收货日期", "Day it came.", required=True),
    ),
)

TABLES = (
    PRODUCTS,
    PRODUCT_COMPONENTS,
    SUPPLIERS,
    SUPPLIER_PRODUCTS,
    PRICE_BREAKS,
    INDICES,
    RECEIPTS,
)
