"""The words of next-best choices, English and Chinese side by side; placeholders as in `words`."""

from __future__ import annotations

from collections.abc import Mapping

from optimizer.explanations.words import Pair

ALTERNATIVES: Mapping[str, Pair] = {
    "more": ("Next best: {units:n} more", "次优：多订{units:n}件"),
    "fewer": ("Next best: {units:n} fewer", "次优：少订{units:n}件"),
    "fewer_here": ("Next best: {units:n} fewer there", "次优：此处少放{units:n}件"),
    "from_site": ("Next best: from {site_id}", "次优：从{site_id}发出"),
    "on_route": ("Next best: on route {route_id}", "次优：放到路线{route_id}"),
    "further_van": (
        "Next best: a further {vehicle_type} at {depot_id}",
        "次优：在{depot_id}加一辆{vehicle_type}",
    ),
    "other_van": (
        "Next best: a {vehicle_type} at {depot_id}",
        "次优：改用{depot_id}的{vehicle_type}",
    ),
    "carrier": ("Next best: carrier {carrier_id}", "次优：交承运商{carrier_id}"),
    "other_way": (
        "Next best: from {origin_id} by {mode}, sites as planned",
        "次优：改由{origin_id}以{mode}供应，网点不变",
    ),
    "elsewhere": (
        "Next best: goods take other ways elsewhere, sites as planned",
        "次优：货物在别处改道，网点不变",
    ),
    "left_out": ("Next best: leave it out", "次优：不服务"),
    "left_out_route": (
        (
            "Next best: leave it out, as the nearest other place, on route {route_id}, is ruled"
            " out by {rule}"
        ),
        "次优：不服务，因为最近的其他位置（路线{route_id}）受限于{rule}",
    ),
    "left_out_van": (
        (
            "Next best: leave it out, as the nearest other place, a further {vehicle_type} at"
            " {depot_id}, is ruled out by {rule}"
        ),
        "次优：不服务，因为最近的其他位置（{depot_id}另一辆{vehicle_type}）受限于{rule}",
    ),
    "carrier_route": (
        (
            "Next best: carrier {carrier_id}, as the nearest other place, on route {route_id},"
            " is ruled out by {rule}"
        ),
        "次优：交承运商{carrier_id}，因为最近的其他位置（路线{route_id}）受限于{rule}",
    ),
    "carrier_van": (
        (
            "Next best: carrier {carrier_id}, as the nearest other place, a further {vehicle_type}"
            " at {depot_id}, is ruled out by {rule}"
        ),
        "次优：交承运商{carrier_id}，因为最近的其他位置（{depot_id}另一辆{vehicle_type}）受限于{rule}",
    ),
    "not_driven": (
        (
            "Next best: not to drive it; its stops with other vans: {moved:n}, with carriers:"
            " {given:n}, left out: {left:n}"
        ),
        "次优：不开此路线，其站点{moved:n}个改由其他车辆，{given:n}个交承运商，{left:n}个不服务",
    ),
    "stays": (
        "No other site that could send it has all its goods. Next best: it stays",
        "其他可发货站点均无全部货品。次优：不发货",
    ),
    "served": ("Next best: to serve it with what would help", "次优：按上述处理办法满足"),
    "served_lines": (
        "Next best: to serve it with the {lines:n} lines that leave together, with what would help",
        "次优：按上述处理办法，与同发的共{lines:n}行一并满足",
    ),
    "not_worked_out": ("Its next-best choice was not worked out", "次优方案未计算"),
    "no_site": (
        "No other site could serve that region for less than being short costs",
        "没有其他站点能以低于缺货成本服务该区域",
    ),
    "no_van": ("No van that could serve it was found", "未找到可服务它的车辆"),
    "without_line": (
        "Next best: leave the line out and plan the item again",
        "次优：不订此行并重新计划该商品",
    ),
    "close": ("Next best: close it", "次优：关闭"),
    "open": ("Next best: open it", "次优：开放"),
    "wait": (
        "Next best: it waits {days:n} days for the lane's next shipment",
        "次优：等{days:n}天后该线路的下一班",
    ),
    "stay": (
        "Next best: it stays where it is until the supplier delivers",
        "次优：留在原地等供应商到货",
    ),
}
# rules that keep a stop from another place, as they stand in sentences
BREAKS: Mapping[str, Pair] = {
    "skill": ("the skills that it asks for", "所需技能"),
    "count": ("the number of stops or trips", "停靠点数或趟数上限"),
    "capacity": ("the van's capacity", "车辆容量"),
    "distance": ("max_km", "里程上限"),
    "window": ("a time window", "时间窗"),
    "shift": ("the length of the day", "工作时长"),
}
EXTRA: Mapping[str, Pair] = {
    "exact": (", which costs {extra_cost:m} more.", "，多花{extra_cost:m}。"),
    "bound": (", which costs at least {extra_cost:m} more.", "，至少多花{extra_cost:m}。"),
    "heuristic": (
        ", which costs {extra_cost:m} more as far as was found.",
        "，就所找到的而言多花{extra_cost:m}。",
    ),
    "cheaper": (
        ", which would cost {extra_cost:m} less if the limit above did not forbid it.",
        "，若无上述限制可少花{extra_cost:m}。",
    ),
    "must": (
        ", which would cost {extra_cost:m} less, but what can be served must be.",
        "，可少花{extra_cost:m}，但凡能服务的必须服务。",
    ),
    "must_drive": (
        ", which would cost {extra_cost:m} less, but what a van can drive a van must drive.",
        "，可少花{extra_cost:m}，但凡自有车辆能配送的必须由其配送。",
    ),
    "not_taken": (
        ", which would cost {extra_cost:m} less: the search did not take it.",
        "，可少花{extra_cost:m}：搜索未采用。",
    ),
    "unknown": ("; what it costs is not known.", "；其费用未知。"),
    "none": (".", "。"),
}
