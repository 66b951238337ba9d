"""Sentences that stages and checks write in English, as both languages say them.

What is said in Chinese is made of the same columns and parameters that the English is made of; a
sentence that has no Chinese of its own is shown as it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from api.pages.language import Language

# alert code -> what is wrong, of the columns of `alerts`
ALERTS: Final = {
    "stockout_risk": "{place} is likely to run out",
    "overstock": "Too much of {place}",
    "expiring": "{place} will expire before it is sold",
    "late_order": "An order for {place} is late",
    "supplier_risk": "{place} is not reliable",
    "return_rate": "Many returns of {place}",
    "capacity": "{place} is full",
}
KINDS: Final = {
    "product": "product",
    "supplier": "supplier",
    "site": "site",
    "carrier": "carrier",
    "lane": "lane",
    "order": "order",
}


def alert_place(entity: Any) -> tuple[str, str, str]:
    """Take an alert's entity apart: product:TEA@W1 -> (product, TEA, W1)."""
    kind, _, name = str(entity).partition(":")
    what, _, site = name.partition("@")
    return kind, what, site


def alert_title(language: Language, alert: Mapping[str, Any]) -> str:
    """Say in few words what an alert is about."""
    kind, what, site = alert_place(alert["entity"])
    place = f"{what} @ {site}" if site else what
    if kind in ("supplier", "carrier", "site", "lane"):
        place = f"{language.word(kind)} {place}"
    return language.t(ALERTS[str(alert["code"])], place=place)


def alert_text(language: Language, alert: Mapping[str, Any]) -> str:
    """Say an alert's reason: its own sentence in English, its figures in Chinese."""
    message = str(alert["message"])
    if language.code == "en":
        return message
    for pattern, chinese in _ALERT_MESSAGES:
        found = pattern.fullmatch(message)
        if found:
            return chinese.format(**{k: v or "" for k, v in found.groupdict().items()})
    probability = alert["probability"]
    if probability is not None and not math.isnan(probability):
        return language.t("measured frequency {share}", share=language.percent(probability))
    return message


_N: Final = r"(?:less than |more than )?[\d.,]+"
_ALERT_MESSAGES: Final = tuple(
    (re.compile(english.replace("#", _N)), chinese)
    for english, chinese in (
        (
            r"Ran out in (?P<a># %) of (?P<n>#) simulated futures: on average (?P<b>#) units?"
            r" short of (?P<c>#) asked for within (?P<d>#) days?, at (?P<e>#) (?P<f>\w+) a unit\.",
            "{n} 次模拟中 {a} 缺货：{d} 天内需求 {c} 件，平均缺 {b} 件，每件 {e} {f}。",
        ),
        (
            r"Of (?P<a>#) units? on hand, (?P<b>#) would be left after (?P<c>#) days? \(mean of"
            r" (?P<n>#) simulated futures\); stock worth (?P<d>#) (?P<f>\w+) is above the"
            r" order-up-to level\. .*",
            "现有 {a} 件，{c} 天后预计剩 {b} 件（{n} 次模拟的均值）；超出目标库存的金额为 {d} {f}。",
        ),
        (
            r"Lot (?P<a>.+) has expired: (?P<b>#) units? cannot be sold\.",
            "批次 {a} 已过期：{b} 件不能再销售。",
        ),
        (
            r"Of (?P<a>#) units? of lot (?P<b>.+), (?P<c>#) would be unsold on (?P<d>[\d-]+)"
            r" \(mean of (?P<n>#) simulated futures\)\.",
            "批次 {b} 共 {a} 件，到 {d} 预计有 {c} 件未售出（{n} 次模拟的均值）。",
        ),
        (
            r"(?P<a>#) units? from (?P<b>.+) due on (?P<c>[\d-]+) may be late: so were (?P<d># %)"
            r" of its past lines\.",
            "{b} 应于 {c} 到货的 {a} 件可能延误：其过去 {d} 的订单行曾延误。",
        ),
        (
            r"(?P<a>#) units? from (?P<b>.+) (?:is|are) (?P<c>#) days? late\.",
            "{b} 的 {a} 件已延误 {c} 天。",
        ),
        (
            r"(?P<a>#) units? from (?P<b>.+) (?:is|are) (?P<c>#) days? late; of its past lines that"
            r" were as late, (?P<d># %) took over a week more\.",
            "{b} 的 {a} 件已延误 {c} 天；过去同样延误的订单行中 {d} 又拖了一周以上。",
        ),
        (
            r"On time with (?P<a># %) of (?P<n>#) past lines?; (?P<b># %) of the plan's spend\.",
            "过去 {n} 行收货中 {a} 准时；占本计划采购额的 {b}。",
        ),
        (
            r"Its past (?P<n>#) lines? took (?P<a>#) days? on average, (?P<b>#) more than its offers"
            r" state \((?P<c>#)\): lead times may be understated\.",
            "过去 {n} 行平均用 {a} 天，比报价的 {c} 天多 {b} 天：交期可能被低估。",
        ),
        (
            r"(?P<a># %) of the units sold come back, against (?P<b># %) over all products with a"
            r" return rate: (?P<c>#) units? within the horizon\.",
            "售出商品中 {a} 被退回，有退货率的商品平均为 {b}：计划期内约 {c} 件。",
        ),
        (
            r"Projected stock needs (?P<a>#) m3 on (?P<b>[\d-]+), and there is room for (?P<c>#)"
            r" m3\.",
            "{b} 的预计库存需要 {a} 立方米，可用空间为 {c} 立方米。",
        ),
    )
)
