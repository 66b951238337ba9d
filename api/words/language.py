"""The languages of the pages: one catalogue of words; numbers, dates, money as each writes them."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

import pandas as pd

from optimizer.plan_tables import PLAN_TABLES
from scenarios.files.settings_form import SETTING_COLUMNS
from scenarios.files.settings_form import TABLE as SETTINGS
from scenarios.tables import TABLES
from scenarios.tables.choice_words import CHOICES_ZH

LANGUAGES: Final = ("en", "zh")
CATALOGUE: Final = Path(__file__).parent / "words.json"
SYMBOLS: Final = {"CNY": "¥", "EUR": "€", "USD": "$", "GBP": "£", "JPY": "JP¥"}
VARIANTS: Final = (
    (r"totals of (\d+)", "{0} 个时段合计"),
    (r"of the ([\d.]+) quantile", "{0} 分位"),
)
ACRONYMS: Final = {"abc": "ABC", "xyz": "XYZ", "co2": "CO2", "co2e": "CO2e", "gtin": "GTIN"}
USUAL: Final = "usual"  # word of playbooks that need no row (simulation/playbooks.py)
WEEKDAYS: Final = ("一", "二", "三", "四", "五", "六", "日")


@cache
def catalogue() -> dict[str, str]:
    """Return the Chinese of every English text that pages show, choices of tables among them."""
    words: dict[str, str] = json.loads(CATALOGUE.read_text("utf-8"))
    return {code.replace("_", " "): zh for code, (zh, *_) in CHOICES_ZH.items()} | words


def preferred(accepts: str) -> str:
    """Return the language that a browser asks for first, of those that there are.

    Parameters
    ----------
    accepts : an Accept-Language header, as in "zh-CN,zh;q=0.9,en;q=0.8"
    """
    for part in accepts.lower().split(","):
        name = part.split(";")[0].strip()[:2]
        if name in LANGUAGES:
            return name
    return "en"


class Language:
    """Writes texts and values in one language.

    Parameters
    ----------
    code : en or zh
    """

    def __init__(self, code: str) -> None:
        self.code = code

    @property
    def tag(self) -> str:
        """Return the language's name for browsers."""
        return "zh-CN" if self.code == "zh" else "en"

    def t(self, text: str, **values: Any) -> str:
        """Write a text; numbers among its values are written as the language does."""
        found = text if self.code == "en" else catalogue().get(text, f"⟦{text}⟧")
        if not values:
            return found
        return found.format(
            **{k: v if isinstance(v, str) else self.number(v) for k, v in values.items()}
        )

    def word(self, name: Any) -> str:
        """Write a name of a contract, as order_line or run state succeeded."""
        if name is None or name is pd.NA or (isinstance(name, float) and math.isnan(name)):
            return ""
        plain = str(name).replace("_", " ")
        if self.code == "en":
            return _as_written(plain)
        return catalogue().get(plain, str(name))

    def playbook(self, name: str) -> str:
        """Write a playbook: what a usual one does to what, else its id."""
        usual, _, step = name.partition(":")
        if usual != USUAL or step.count(":") < 2:  # an id of the planner's own
            return name
        action, kind, entity = step.split(":", 2)
        joint = "：" if self.code == "zh" else ": "
        return f"{self.word(action)}{joint}{self.word(kind)} {entity}"

    def variant(self, name: Any) -> str:
        """Write which definition of a figure, as in "of the 0.9 quantile, totals of 2"."""
        if not isinstance(name, str):
            return ""
        if self.code == "en":
            return name
        return "，".join(_part_of_variant(part) for part in name.split(", "))

    def number(self, value: Any, digits: int | None = None) -> str:
        """Write a number with groups of thousands; a dash for a missing one.

        Parameters
        ----------
        digits : after the point; by default none for whole and for large numbers, two for others,
            and two that say something for those below 0.1
        """
        if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
            return "–"
        if digits is None:
            digits = _digits(float(value))
        return f"{value:,.{digits}f}"

    def short(self, value: Any) -> str:
        """Write a large number in few characters: 1.2 M in English, 120 万 in Chinese."""
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return "–"
        steps = (
            ((1e8, "亿"), (1e4, "万"))
            if self.code == "zh"
            else ((1e9, "B"), (1e6, "M"), (1e3, "k"))
        )
        for size, sign in steps:
            if abs(value) >= size and abs(value) >= 1e4:
                return f"{value / size:,.{1 if abs(value) < 100 * size else 0}f} {sign}"
        return self.number(value, 0 if abs(value) >= 100 else None)

    def money(self, value: Any, currency: str, *, short: bool = False) -> str:
        """Write money with its currency's sign, or its code where there is none."""
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return "–"
        sign = SYMBOLS.get(currency, f"{currency} ")
        size = abs(value)
        written = self.short(size) if short else self.number(size, 0 if size >= 1000 else 2)
        return f"{'−' if value < 0 else ''}{sign}{written}"

    def percent(self, share: Any, digits: int = 0) -> str:
        """Write a share of 1 as a percentage."""
        if share is None or (isinstance(share, float) and math.isnan(share)):
            return "–"
        return f"{100.0 * share:.{digits}f}{'%' if self.code == 'zh' else ' %'}"

    def date(self, value: Any) -> str:
        """Write a date: Thu 26 Nov 2026, or 2026年11月26日 周四."""
        if value is None or value is pd.NaT:
            return "–"
        if self.code == "zh":
            return f"{value.year}年{value.month}月{value.day}日 周{WEEKDAYS[value.weekday()]}"
        return f"{value:%a} {value.day} {value:%b %Y}"

    def moment(self, value: dt.datetime | None) -> str:
        """Write a time of the service, UTC."""
        if value is None:
            return "–"
        return f"{self.date(value)} {value:%H:%M} UTC"

    def seconds(self, value: Any) -> str:
        """Write a duration: 850 ms, 12.3 s, 4 min 05 s."""
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return "–"
        if value < 1.0:
            return self.t("{n} ms", n=f"{1000 * value:.0f}")
        if value < 100.0:
            return self.t("{n} s", n=f"{value:.1f}")
        minutes, rest = divmod(round(value), 60)
        return self.t("{m} min {s} s", m=str(minutes), s=f"{rest:02d}")

    def table(self, name: str) -> str:
        """Write the name of a table."""
        contract = PLAN_TABLES.get(name) or TABLES.get(name)
        if self.code == "zh" and contract is not None:
            return contract.zh
        if name == SETTINGS:
            return self.t("Settings")
        return name.replace("_", " ").capitalize()

    def about(self, name: str) -> str:
        """Say in one sentence what a table is for; contracts say it in English only."""
        contract = PLAN_TABLES.get(name) or TABLES.get(name)
        return "" if contract is None or self.code == "zh" else contract.help

    def column(self, table: str, name: str) -> str:
        """Write the heading of a column; what it names, where it holds ids."""
        contract = PLAN_TABLES.get(table) or TABLES.get(table)
        column = None if contract is None else contract.by_name.get(name)
        if table == SETTINGS:
            column = next((each for each in SETTING_COLUMNS if each.name == name), None)
        if self.code == "zh" and column is not None:
            return column.zh
        written = _as_written(name.removesuffix("_id").replace("_", " "))
        return written[:1].upper() + written[1:] if len(name) > 1 else name

    def cell(self, value: Any) -> str:
        """Write any value of a table: grouped numbers, plain dates, nothing for a blank."""
        if value is None or value is pd.NaT or value is pd.NA:
            return ""
        if isinstance(value, bool):
            return self.t("yes") if value else self.t("no")
        if isinstance(value, pd.Timestamp | dt.datetime):
            midnight = value.hour == value.minute == value.second == 0
            return f"{value:%Y-%m-%d}" if midnight else f"{value:%Y-%m-%d %H:%M}"
        if isinstance(value, float | int):
            return "" if isinstance(value, float) and math.isnan(value) else self.number(value)
        return str(value)


def _as_written(plain: str) -> str:
    """Write acronyms of a name as people do, and which cost before the word."""
    plain = re.sub(r"^cost ([a-z]+)$", r"\1 cost", plain)
    return " ".join(ACRONYMS.get(word, word) for word in plain.split(" "))


def _digits(value: float) -> int:
    size = abs(value)
    if value == round(value) or size >= 1000:
        return 0
    return 2 if size >= 0.1 else min(8, 1 - math.floor(math.log10(size)))


def _part_of_variant(part: str) -> str:
    for pattern, chinese in VARIANTS:
        found = re.fullmatch(pattern, part)
        if found:
            return chinese.format(*found.groups())
    return catalogue().get(part, part)
