"""Chinese words for the codes that columns of choices take: read like the code, offered in templates.

The first word of a code is what templates offer and pages may say; the others are only read. Signs
and codes that planners write as they are (A, B, C, WGS84, <=) have none.
"""

from __future__ import annotations

from collections.abc import Mapping

from scenarios.tables.column import Column

CHOICES_ZH: Mapping[str, tuple[str, ...]] = {
    "accepted": ("已接受", "已确认", "待发货"),
    "air": ("空运", "航空"),
    "all_units": ("全部数量", "全量"),
    "backhaul": ("回程取货",),
    "backorder": ("缺货待补", "欠货"),
    "base_stock": ("基准库存",),
    "budget": ("预算",),
    "cancelled": ("已取消", "取消"),
    "candidate": ("候选", "备选"),
    "carrier": ("承运商",),
    "carrier_capacity_loss": ("承运能力下降",),
    "closed": ("关闭", "停业", "已关闭"),
    "co2": ("碳排放",),
    "cross_dock": ("越库中心", "中转仓", "分拨中心"),
    "crowd": ("众包",),
    "currency_shock": ("汇率冲击",),
    "day": ("日", "天", "按日"),
    "delivery": ("送货", "配送", "派送"),
    "demand_collapse": ("需求骤降",),
    "demand_slump": ("需求低迷",),
    "demand_surge": ("需求激增",),
    "double_11_surge": ("双十一激增",),
    "exchange": ("换货",),
    "festival_heroes_surge": ("大促爆款激增",),
    "first_come": ("先到先得",),
    "freight_doubled": ("运费翻倍",),
    "freight_price_jump": ("运价上涨",),
    "held": ("挂起", "暂停", "已挂起"),
    "incremental": ("超额部分", "分段"),
    "labour_shortage": ("人手不足",),
    "lane": ("线路",),
    "lane_closure": ("线路中断",),
    "lane_delay": ("线路延误",),
    "late_by_air": ("空运延误",),
    "late_by_sea": ("海运延误",),
    "late_by_truck": ("公路延误",),
    "lead_time_blowup": ("交期拉长",),
    "lost": ("流失", "销售流失"),
    "min_max": ("最小最大", "最小最大库存"),
    "month_plus_supplier_loss": ("供应商中断一月以上",),
    "most_exposed_supplier_loss": ("最关键供应商中断",),
    "open": ("营业", "开放", "已开放"),
    "order_processing_outage": ("订单处理中断",),
    "own": ("自有", "自营"),
    "parcel": ("快递", "小包"),
    "pickup": ("取货", "揽收"),
    "plant": ("工厂",),
    "port_closed": ("港口封闭",),
    "port_closure": ("港口关闭",),
    "price_shock": ("价格冲击",),
    "priority": ("按优先级", "优先级"),
    "product": ("商品", "产品"),
    "proportional": ("按比例", "比例"),
    "purchase": ("采购",),
    "quality_recall": ("质量召回",),
    "r_Q": ("定点定量",),
    "rail": ("铁路", "铁运"),
    "ransomware": ("勒索软件",),
    "recall": ("召回",),
    "regional_event": ("区域事件",),
    "repair": ("维修", "返修"),
    "resell": ("再次销售", "重新上架", "可售"),
    "returns_centre": ("退货中心", "退货仓"),
    "road": ("公路", "汽运", "陆运"),
    "s_S": ("定点补足",),
    "scrap": ("报废",),
    "sea": ("海运",),
    "service_km": ("服务半径",),
    "shared": ("共享", "共用"),
    "shipment": ("发货",),
    "shipped": ("已发货",),
    "site": ("站点",),
    "site_count": ("站点数",),
    "sku_count": ("SKU数",),
    "storage": ("库容",),
    "store": ("门店",),
    "supplier": ("供应商",),
    "supplier_capacity_loss": ("供应商产能下降",),
    "supplier_loss": ("供应商退出",),
    "supplier_outage": ("供应商中断",),
    "supplier_share_pct": ("供应商份额",),
    "supplier_spend": ("供应商采购额",),
    "supplier_units": ("供应商数量",),
    "third_party": ("第三方", "三方"),
    "transfer": ("调拨",),
    "typhoon": ("台风",),
    "warehouse": ("仓库",),
    "warehouse_burnt": ("仓库烧毁",),
    "warehouse_closed": ("仓库停用",),
    "warehouse_closure": ("仓库关闭",),
    "warehouse_fire": ("仓库火灾",),
    "week": ("周", "星期", "按周"),
    "zone": ("区域",),
}


def choice_word(code: str, language: str) -> str:
    """Return what a template calls a code: its first Chinese word, or the code itself."""
    return CHOICES_ZH.get(code, (code,))[0] if language == "zh" else code


def words_of(column: Column) -> dict[str, str]:
    """Return the code that each Chinese word means in a column."""
    return {word: code for code in column.choices for word in CHOICES_ZH.get(code, ())}
