"""The words of explanations, English and Chinese side by side; those of choices stand beside.

Placeholders name facts: `{cost:m}` money, `{price:p}` a price, `{qty:n}` a number, `{due_on:d}` a
date, `{start:t}` a moment, `{site_id}` a text.
"""

from __future__ import annotations

from collections.abc import Mapping

Pair = tuple[str, str]

SUBJECTS: Mapping[str, Pair] = {
    "purchase_orders": (
        (
            "Order {qty:n} of {product_id} from {supplier_id} for {site_id} on {order_on:d},"
            " expected on {due_on:d}, for {cost:m}."
            " Latest safe day to order: {latest_safe_on:d}."
        ),
        (
            "{order_on:d}向{supplier_id}为{site_id}订购{product_id} {qty:n}件，预计{due_on:d}到货，"
            "费用{cost:m}。最晚安全下单日：{latest_safe_on:d}。"
        ),
    ),
    "transfers": (
        (
            "Move {qty:n} of {product_id} from {origin_id} to {destination_id} ({mode}),"
            " leaving on {ship_on:d}, there on {due_on:d}, for {cost:m}."
        ),
        (
            "{ship_on:d}从{origin_id}调{product_id} {qty:n}件到{destination_id}（{mode}），"
            "{due_on:d}到达，费用{cost:m}。"
        ),
    ),
    "network.open": (
        "Site {site_id} is open: {throughput_units:n} units go through it.",
        "站点{site_id}开放：吞吐{throughput_units:n}件。",
    ),
    "network.closed": ("Site {site_id} is closed.", "站点{site_id}关闭。"),
    "flows": (
        (
            "{qty:n} of {product_id} go from {origin_id} to {destination_id} ({mode}),"
            " for {cost:m} of transport."
        ),
        "{product_id} {qty:n}件从{origin_id}到{destination_id}（{mode}），运输费用{cost:m}。",
    ),
    "positions": (
        (
            "{target:n} of {product_id} are to lie at {site_id} for its own region, until a"
            " supplier can deliver in {wait_days:n} days: {demand_mean:n} are asked for on average."
        ),
        (
            "{product_id}在{site_id}为本区保有{target:n}件，直到{wait_days:n}天后供应商可到货：期间平均需求"
            "{demand_mean:n}件。"
        ),
    ),
    "cross_serving": (
        (
            "{qty:n} of {product_id} stay at {site_id} and are meant for the region of"
            " {region_site_id}."
        ),
        "{product_id} {qty:n}件留在{site_id}，用于支援{region_site_id}所辖区域。",
    ),
    "shipments": (
        (
            "Parcel {shipment_id} of order {order_id} leaves {site_id} with {carrier_id}"
            " ({service}) on {ship_on:d}, promised for {promised_on:d}:"
            " units {units:n}, {kg:n} kg, {cost:m}."
        ),
        (
            "订单{order_id}的包裹{shipment_id}于{ship_on:d}从{site_id}由{carrier_id}（{service}）发出，"
            "承诺{promised_on:d}送达：{units:n}件，{kg:n}千克，{cost:m}。"
        ),
    ),
    "handed_over": (
        (
            "Order {order_id} goes with {carrier_id} ({service}) from {site_id} instead of a van,"
            " promised for {promised_on:d}, for {cost:m}."
        ),
        (
            "订单{order_id}不由自有车辆配送，改由{carrier_id}（{service}）从{site_id}承运，"
            "承诺{promised_on:d}送达，费用{cost:m}。"
        ),
    ),
    "unserved.order_line": (
        "Order line {id} is not served; units: {qty:n}.",
        "订单行{id}未满足：{qty:n}件。",
    ),
    "unserved.stop": (
        "Order {id} is on no route; units: {qty:n}.",
        "订单{id}未排入任何路线：{qty:n}件。",
    ),
    "unserved.demand": (
        "Demand {id} is not served; units: {qty:n}.",
        "需求{id}未满足：{qty:n}件。",
    ),
    "routes": (
        (
            "Route {route_id}: {vehicle_type} from {depot_id}, {start:t} to {end:t}, stops:"
            " {stops:n}, km: {km:n}, {cost:m}."
        ),
        (
            "路线{route_id}：{vehicle_type}从{depot_id}出发，{start:t}至{end:t}，{stops:n}站，"
            "{km:n}公里，{cost:m}。"
        ),
    ),
    "stops.delivery": (
        (
            "Stop {seq:n} of route {route_id} brings order {order_id}: there at {arrive:t},"
            " off at {depart:t}."
        ),
        "路线{route_id}第{seq:n}站送订单{order_id}：{arrive:t}到达，{depart:t}离开。",
    ),
    "stops.pickup": (
        (
            "Stop {seq:n} of route {route_id} fetches order {order_id}: there at {arrive:t},"
            " off at {depart:t}."
        ),
        "路线{route_id}第{seq:n}站取订单{order_id}：{arrive:t}到达，{depart:t}离开。",
    ),
    "stops.reload": (
        "Stop {seq:n} of route {route_id}: reloading at the depot, {arrive:t} to {depart:t}.",
        "路线{route_id}第{seq:n}站：{arrive:t}至{depart:t}回车场装货。",
    ),
    "stops.break": (
        "Stop {seq:n} of route {route_id}: a break, {begin:t} to {depart:t}.",
        "路线{route_id}第{seq:n}站：{begin:t}至{depart:t}休息。",
    ),
    "stops.end": (
        "Route {route_id} ends at {arrive:t}.",
        "路线{route_id}于{arrive:t}结束。",
    ),
}

SUMS: Mapping[str, Pair] = {
    "cost": ("Its cost", "费用"),
    "quantity": ("Its units", "数量"),
    "objective": ("What it adds to the objective", "计入目标值"),
    "position": ("Where the units come from", "件数来源"),
    "change": ("What changing it costs", "变更成本"),
    "emission": ("What it emits on its way", "途中碳排放费用"),
    "holding": ("Expected holding", "预期持有成本"),
    "shortage": ("Expected shortage", "预期缺货成本"),
}

TERMS: Mapping[str, Pair] = {
    "goods": ("goods", "货款"),
    "duty": ("duty", "关税"),
    "forecast": ("forecast over the protection interval", "保护期预测"),
    "lost_before_arrival": ("lost before the order comes", "到货前流失"),
    "replayed_fractile": ("correction learned from the past", "历史回放校正"),
    "safety_stock": ("safety stock", "安全库存"),
    "on_hand": ("on hand", "现有库存"),
    "on_order": ("on order", "在途"),
    "expected_returns": ("back from customers and sold again", "退货回库再售"),
    "ordered_elsewhere": ("ordered from others tonight", "今晚向他家订购"),
    "never_below_zero": ("never below zero", "不低于零"),
    "losses_on_the_way": ("losses on the way", "途中损耗"),
    "price_of_limits": ("price of scarce limits", "稀缺限额的价格"),
    "expected_stock": ("expected stock and what is on its way", "预期库存与在途"),
    "forecast_until_next_arrival": ("demand until the next line comes", "到下一行到货前的需求"),
    "not_served": ("not served", "未满足"),
    "stock_before": ("stock before it comes", "到货前库存"),
    "open_orders": ("open orders", "在途订单"),
    "other_lines_of_the_same_bucket": ("other lines of the bucket", "同期其他行"),
    "safety_stock_left": ("safety stock left", "剩余安全库存"),
    "lot_beyond_need": ("lot beyond the need", "超出需求的批量"),
    "limits_and_lots": ("limits and whole lots", "限额与整批"),
    "supplier_capacity": ("what the supplier can make", "供应商产能"),
    "shelf_life": ("what sells before it expires", "保质期内可售"),
    "order_multiple": ("rounding to the order multiple", "按订货倍数取整"),
    "moq": ("minimum order quantity", "起订量"),
    "price_break": ("up to the price break", "凑价格阶梯"),
    "order_value_and_limits": ("minimum order value and limits", "最低订单金额与限额"),
    "base": ("base", "首重"),
    "weight": ("weight", "续重"),
    "parcel": ("parcel", "包裹"),
    "tariff": ("tariff", "运价"),
    "handling": ("handling", "操作费"),
    "late": ("lateness", "迟到"),
    "co2": ("CO2e", "碳排放"),
    "co2_of_load": ("CO2e of the load", "载货碳排放"),
    "stock_value": ("value of the goods", "货值"),
    "risk": ("risk that the carrier declines", "承运商拒单风险"),
    "unserved": ("penalty", "未满足罚金"),
    "prize": ("prize", "奖金"),
    "line": ("order line", "订单行"),
    "fixed": ("fixed", "固定"),
    "distance": ("distance", "里程"),
    "time": ("time", "工时"),
    "driving": ("driving", "行驶"),
    "waiting": ("waiting", "等待"),
    "service": ("service", "作业"),
    "shipments": ("shipments", "车次"),
    "per_kg": ("by weight", "按重量"),
    "per_m3": ("by volume", "按体积"),
    "per_unit": ("by unit", "按件"),
    "transport": ("transport", "运输"),
    "purchase": ("purchase", "采购"),
    "opening": ("opening", "开办"),
    "closing": ("closing", "关闭"),
    "movable": ("may be moved", "可调"),
    "staying": ("stays", "不可调"),
    "transfer_in": ("comes in", "调入"),
    "transfer_out": ("leaves", "调出"),
    "held_for_others": ("held for other regions", "代他区持有"),
    "holding": ("holding", "持有"),
    "shortage": ("shortage", "缺货"),
    "across": ("serving across regions", "跨区支援"),
    "across_from_there": ("serving across regions from there", "由该站点跨区支援"),
    "without_stop": ("its route without it", "原路线省去此站"),
    "carrier": ("carrier", "承运商"),
    "van": ("van", "车辆"),
    "left_out": ("left out", "不服务"),
    "other_routes": ("other routes", "其他路线"),
    "further_vans": ("further vans", "新增车辆"),
    "route": ("this route", "本路线"),
    "sending": ("serving it", "满足它"),
    "penalty": ("penalty", "未满足罚金"),
    "parcel_saved": ("this parcel", "本包裹"),
}

RULES: Mapping[str, Pair] = {
    "shipping_day": (
        "The lane ships tonight: waiting a day would lose {value:m}, it bears {bears:m}.",
        "该线路今晚发运：再等一天预计损失{value:m}，可承受{bears:m}。",
    ),
    "full_shipment": (
        "The lane ships tonight: tomorrow's load would need one shipment more.",
        "该线路今晚发运：到明天货量将多出一班。",
    ),
    "costless_shipment": (
        "The lane ships tonight: a shipment costs nothing by itself.",
        "该线路今晚发运：发运本身没有固定费用。",
    ),
    "moq": (
        "Decided by the minimum order quantity: {parameter} = {value:n}.",
        "由起订量决定：{parameter} = {value:n}。",
    ),
    "order_multiple": (
        "Decided by the order multiple: {parameter} = {value:n}.",
        "由订货倍数决定：{parameter} = {value:n}。",
    ),
    "supplier_capacity": (
        "Decided by what the supplier can make: {parameter} = {value:n}.",
        "由供应商产能决定：{parameter} = {value:n}。",
    ),
    "shelf_life": (
        "Decided by what sells before it expires: {parameter} = {value:n}.",
        "由保质期内可售量决定：{parameter} = {value:n}。",
    ),
    "price_break": (
        "Decided by a price break: {parameter} reached with {value:n}.",
        "由价格阶梯决定：以{value:n}件达到{parameter}。",
    ),
    "price_of_limits": (
        "Decided by limits that are scarce; their prices follow.",
        "由稀缺限额决定，价格见下。",
    ),
    "order_value_and_limits": (
        "Decided by the minimum order value or a limit: {parameter} = {value:n}.",
        "由最低订单金额或限额决定：{parameter} = {value:n}。",
    ),
    "newsvendor level": (
        (
            "No rule binds: the level at which one more unit costs as much to hold as it saves in"
            " shortages."
        ),
        "没有规则起约束：再多一件的持有成本等于其减少的缺货成本。",
    ),
    "window": (
        "Its window ends {minutes_left:n} minutes after it begins.",
        "开始后{minutes_left:n}分钟时间窗结束。",
    ),
    "window late": (
        "It begins {minutes_late:n} minutes after its window ended.",
        "在时间窗结束{minutes_late:n}分钟后开始。",
    ),
    "capacity_kg": (
        "Closest limit: capacity_kg, {used:n} of {limit:n}.",
        "最接近的限制：载重{used:n}/{limit:n}千克。",
    ),
    "capacity_m3": (
        "Closest limit: capacity_m3, {used:n} of {limit:n}.",
        "最接近的限制：容积{used:n}/{limit:n}立方米。",
    ),
    "shift": (
        "Closest limit: the shift, {used:n} of {limit:n} s.",
        "最接近的限制：班次{used:n}/{limit:n}秒。",
    ),
    "max_km": (
        "Closest limit: max_km, {used:n} of {limit:n}.",
        "最接近的限制：里程{used:n}/{limit:n}公里。",
    ),
    "max_stops": (
        "Closest limit: max_stops, {used:n} of {limit:n}.",
        "最接近的限制：停靠点数{used:n}/{limit:n}。",
    ),
    "free stock": (
        "A cheaper source was taken by other orders: free stock {parameter} = {value:n}.",
        "更便宜的货源已被其他订单占用：可用库存 {parameter} = {value:n}。",
    ),
    "outbound_units_per_day": (
        "A cheaper source has no dock left: outbound_units_per_day of {parameter}, {value:n} free.",
        "更便宜的货源已无出库能力：{parameter}剩余{value:n}件。",
    ),
    "price of what others need": (
        "A cheaper source is worth more to other orders: {parameter}, {value:m}.",
        "更便宜的货源对其他订单更有价值：{parameter}，{value:m}。",
    ),
    "co2_limit": (
        "A cheaper way emits more than limit {parameter} of {value:n} g has left.",
        "更便宜的方式超出碳排放限额{parameter}（{value:n}克）的余量。",
    ),
    "tariff": ("It costs what {carrier} asks: {value:m}.", "按{carrier}的报价：{value:m}。"),
    "status": ("Its status in the scenario is {value}.", "方案中的状态为{value}。"),
    # what is not served
    "no_rate": ("No rate of a carrier leads there.", "没有承运商报价可达。"),
    "too_heavy": ("It is heavier than every rate allows.", "超过所有报价的重量上限。"),
    "too_late": ("Nobody gets there in time.", "无法按时送达。"),
    "reserved": ("The stock is kept for others.", "库存为其他渠道保留。"),
    "no_stock": ("There is not enough stock.", "库存不足。"),
    "no_capacity": ("There is no capacity left.", "能力不足。"),
    "co2": ("A limit on CO2e has no room for it.", "碳排放限额不足。"),
    "not_tried": ("The search did not get to it.", "搜索未处理到。"),
    "not_worth_it": ("It costs more than its penalty.", "费用高于罚金，不值得。"),
    "no_zone": ("Its zone is not known.", "区域未知。"),
    "duplicate": ("It repeats another order.", "与另一订单重复。"),
    "no_supply_path": ("Nobody supplies it there.", "没有供应路径。"),
    "no_supply": ("No site that reaches it can get the product.", "可达站点无法获得该商品。"),
    "no_lane": ("No lane leads there.", "没有线路可达。"),
    "too_far": ("Every lane is too long.", "所有线路都超出服务距离。"),
    "place": ("It has no usable coordinates.", "没有可用坐标。"),
    "capacity": ("It does not fit.", "超出容量。"),
    "skill": ("No van has the skills.", "没有车辆具备所需技能。"),
    "distance": ("It is too far.", "距离过远。"),
    "count": ("There is no van or stop left.", "车辆或停靠点数用尽。"),
    "prize": ("Serving it costs more than its prize.", "服务成本高于奖金。"),
}

PROOFS: Mapping[str, Pair] = {
    "proven": ("This is proven.", "已证明。"),
    "heuristic": (
        "This is what the search found; it is no proof.",
        "这是搜索的结果，并非证明。",
    ),
}
DETAIL: Pair = ("In detail: {detail}.", "详情（英文）：{detail}。")
HELPS: Pair = ("What would help: {what_helps}.", "处理办法（英文）：{what_helps}。")

PRICES: Mapping[str, Pair] = {
    "budget": (
        "One more unit of money in budget {entity} would save {price:p}; this uses {used:m}.",
        "预算{entity}每增加1元可节省{price:p}；本项占用{used:m}。",
    ),
    "storage": (
        "One more m3 of storage at {entity} would save {price:p}; this uses {used:n} m3.",
        "{entity}仓容每增加1立方米可节省{price:p}；本项占用{used:n}立方米。",
    ),
    "co2": (
        "One more gram of CO2e in limit {entity} would save {price:p}; this emits {used:n} g.",
        "碳排放限额{entity}每增加1克可节省{price:p}；本项排放{used:n}克。",
    ),
    "dock": (
        "One more unit a day through the dock {entity} would save {price:p}; this uses {used:n}.",
        "{entity}出入库能力每天每增加1件可节省{price:p}；本项占用{used:n}件。",
    ),
    "lane": (
        "One more kg on {entity} would save {price:p}; this uses {used:n}.",
        "{entity}运力每增加1千克可节省{price:p}；本项占用{used:n}千克。",
    ),
    "stock": (
        "One more of {product_id} in stock at {entity} would save {price:p}; this takes {used:n}.",
        "{entity}每多1件{product_id}库存可节省{price:p}；本项占用{used:n}件。",
    ),
    "van": (
        "Room for one more at {entity} would save {price:p}; this takes {used:n}.",
        "{entity}每多一份运力可节省{price:p}；本项占用{used:n}。",
    ),
}
