"""Sentences that stages and checks write in English, as both languages say them.

What is said in Chinese is made of the same columns and parameters that the English is made of; a
sentence that has no Chinese of its own is shown as it is.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from api.words.language import Language

CHINESE_ALERTS: Final = Path(__file__).parent / "alerts_zh.json"
KINDS: Final = ("supplier", "carrier", "site", "lane")  # that a title names before the id
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
# kind of risk -> what is wrong, of an early warning about it
WARNINGS: Final = {
    "supplier_lateness": "{place} delivers later and later",
    "lead_time": "{place} takes longer than it states",
    "fill_rate": "{place} delivers less and less of what is ordered",
    "defect_rate": "{place} delivers more and more rejects",
    "lane_delay": "{place} is slower and slower",
    "carrier_delay": "{place} is late more and more often",
    "demand_drift": "Demand of {place} leaves its forecast",
    "price_move": "{place} may become dearer",
    "currency_move": "{place} may become dearer",
    "single_source": "Much hangs on {place} alone",
    "capacity": "{place} may not deliver all that is asked for",
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
    if kind in KINDS:
        place = f"{language.word(kind)} {place}"
    if kind == "site" and alert["code"] == "late_order":
        return language.t("Parcels of {place} miss their cut-off", place=place)
    if alert["code"] == "early_warning":
        said = language.t(WARNINGS[str(alert["risk_id"]).partition(":")[0]], place=place)
    else:
        said = language.t(ALERTS[str(alert["code"])], place=place)
    return said[:1].upper() + said[1:] if kind in KINDS else said  # ids stay as they are


def alert_text(language: Language, alert: Mapping[str, Any]) -> str:
    """Say an alert's reason: its own sentence in English, its figures in Chinese."""
    message = str(alert["message"])
    if language.code == "en":
        return message
    if isinstance(alert.get("message_zh"), str):
        return str(alert["message_zh"]).replace(" %", "%")
    for pattern, chinese in _alert_messages():
        found = pattern.fullmatch(message)
        if found:
            return _filled(chinese, found.groupdict()).replace(" %", "%")
    probability = alert["probability"]
    if probability is not None and not math.isnan(probability):
        return language.t("measured frequency {share}", share=language.percent(probability))
    return message


def driver_said(language: Language, driver: str) -> str:
    """Name what was changed, as in carrier_rates.base; several are joined by " + "."""
    said = []
    for part in driver.split(" + "):
        table, _, column = part.partition(".")
        name = language.t("settings") if table == "settings" else language.table(table)
        said.append(f"{name}: {language.column(table, column)}" if column else name)
    return " + ".join(said)


def _filled(text: str, values: Mapping[str, str | None]) -> str:
    """Fill values in; a part in [brackets] is left out where one of its values is missing."""
    parts = re.split(r"\[(.*?)\]", text)
    said = [
        part.format(**values)
        for at, part in enumerate(parts)
        if at % 2 == 0 or all(values[name] is not None for name in re.findall(r"{(\w+)}", part))
    ]
    return "".join(said)


@cache
def _alert_messages() -> list[tuple[re.Pattern[str], str]]:
    """Return the sentences of alerts as patterns, with their Chinese; # stands for a number."""
    number = r"(?:over |under |less than |more than )?[\d.,e+]+"
    listed = json.loads(CHINESE_ALERTS.read_text("utf-8"))
    return [(re.compile(english.replace("#", number)), chinese) for english, chinese in listed]
