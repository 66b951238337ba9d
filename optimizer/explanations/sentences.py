"""Explanations as sentences, in English and Chinese, with each language's numbers and dates."""

from __future__ import annotations

import math
import string
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from optimizer.explanations import choice_words, words
from optimizer.explanations.record import Alternative, Cell, Explanation, Factor, Price, Sum, Term

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
ZH_CURRENCY = {"CNY": "元", "GBP": "英镑", "USD": "美元", "EUR": "欧元"}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DIGITS = 4  # of numbers that are not money
# alternatives of driving: no limit forbids one that costs less than the plan
DRIVEN = ("on_route", "further_van", "other_van", "not_driven", "left_out", "carrier")
MOST_DIGITS = 12  # of factors, where fewer would not multiply up to what is printed


class Teller(string.Formatter):
    """Tells explanations in a language.

    Parameters
    ----------
    currency : as the scenario's settings have it
    """

    def __init__(self, language: Language, currency: str) -> None:
        self.at = LANGUAGES.index(language)
        self.language = language
        self.currency = currency

    def tell(self, explanation: Explanation) -> list[str]:
        """Return the sentences of an explanation."""
        said = [self._say(words.SUBJECTS[_subject(explanation)], explanation.subject)]
        said += [self._sum(part) for part in explanation.sums]
        said += self._rule(explanation.binding)
        said += [self._price(price) for price in explanation.prices]
        if explanation.alternative is not None:
            said.append(self._alternative(explanation.alternative))
        return said

    def number(self, value: float, digits: int = DIGITS) -> str:
        """Return a number with thousands and at most so many decimals."""
        text = f"{value:,.{digits}f}".rstrip("0").rstrip(".")
        return "0" if text in ("-0", "") else text.replace("-", "\u2212")

    def money(self, value: float) -> str:
        """Return money: CNY 1,234.50, or 1,234.50元."""
        text = f"{value:,.2f}".replace("-", "\u2212")
        if self.language == "zh":
            return f"{text}{ZH_CURRENCY.get(self.currency, ' ' + self.currency)}"
        return f"{self.currency} {text}"

    def price(self, value: float) -> str:
        """Return a price: money, with four digits that say something where it is below 1."""
        if abs(value) >= 1.0 or value == 0.0:
            return self.money(value)
        text = f"{value:.4g}"
        if self.language == "zh":
            return f"{text}{ZH_CURRENCY.get(self.currency, ' ' + self.currency)}"
        return f"{self.currency} {text}"

    def date(self, text: str) -> str:
        """Return a day: 12 Oct 2026, or 2026年10月12日."""
        day = datetime.fromisoformat(text)
        if self.language == "zh":
            return f"{day.year}年{day.month}月{day.day}日"
        return f"{day.day} {MONTHS[day.month - 1]} {day.year}"

    def moment(self, text: str) -> str:
        """Return a day and its time."""
        return f"{self.date(text)} {datetime.fromisoformat(text):%H:%M}"

    def format_field(self, value: Any, format_spec: str) -> str:
        """Return a fact as its kind is written in the language."""
        if value == "":
            return "-"
        if format_spec == "n":
            return self.number(float(value))
        if format_spec == "m":
            return self.money(float(value))
        if format_spec == "p":
            return self.price(float(value))
        if format_spec == "d":
            return self.date(str(value))
        if format_spec == "t":
            return self.moment(str(value))
        return self.number(value) if isinstance(value, float) else str(value)

    def _say(self, pair: words.Pair, facts: Mapping[str, Cell]) -> str:
        return self.vformat(pair[self.at], (), facts)

    def _sum(self, part: Sum) -> str:
        show = self.money if part.unit == "money" else self.number
        text = self._added(part.terms, part.unit)
        name, colon, stop = words.SUMS[part.name][self.at], ": ", "."
        if self.language == "zh":
            colon, stop = "：", "。"
        return f"{name}{colon}{text} = {show(part.total)}{stop}"

    def _added(self, terms: Sequence[Term], unit: str = "money") -> str:
        """Return terms with their signs, one after the other."""
        text = ""
        for place, term in enumerate(terms):
            sign = "\u2212" if term.value < 0.0 else "+"
            lead = "" if place == 0 and sign == "+" else f" {sign} "
            text += f"{lead}{self._term(term, unit)}"
        return text.strip()

    def _term(self, term: Term, unit: str) -> str:
        digits = f"{abs(term.value):,.2f}" if unit == "money" else self.number(abs(term.value))
        text = f"{words.TERMS[term.name][self.at]} {digits}"
        factors = [factor for factor in term.factors if factor.value != -1.0]  # the sign says it
        if len(factors) < 2:
            return text
        decimals = _decimals(factors, abs(term.value), 2 if unit == "money" else DIGITS)
        parts = ""
        for place, factor in enumerate(factors):
            sign = "" if place == 0 else " \u00f7 " if factor.divides else " \u00d7 "
            parts += f"{sign}{self.number(factor.value, decimals)}"
        return f"{text}（{parts}）" if self.language == "zh" else f"{text} ({parts})"

    def _rule(self, rule: Mapping[str, Cell]) -> list[str]:
        if not rule:
            return []
        name = str(rule["rule"])
        if name == "window" and "minutes_late" in rule:
            name = "window late"
        if name not in words.RULES or (name == "window" and "minutes_left" not in rule):
            return []
        said = [self._say(words.RULES[name], rule)]
        if "proof" in rule:
            said.append(words.PROOFS[str(rule["proof"])][self.at])
        for fact, pair in (("detail", words.DETAIL), ("what_helps", words.HELPS)):
            if fact in rule:
                said.append(self._say(pair, rule))
        return said

    def _price(self, price: Price) -> str:
        facts: dict[str, Cell] = {
            "entity": price.entity,
            "product_id": price.product_id,
            "price": price.price,
            "used": price.used,
        }
        return self._say(words.PRICES[price.kind], facts)

    def _alternative(self, choice: Alternative) -> str:
        facts = dict(choice.facts)
        if "rule" in facts:
            facts["rule"] = choice_words.BREAKS[str(facts["rule"])][self.at]
        text = self._say(choice_words.ALTERNATIVES[choice.code], facts)
        if len(choice.terms) > 1:
            text += (
                f"（{self._added(choice.terms)}）" if self.at else f" ({self._added(choice.terms)})"
            )
        extra, standing = choice.extra_cost, choice.standing
        if standing != "none" and math.isnan(extra):
            standing = "unknown"
        elif extra < 0.0:
            extra, standing = -extra, _below(choice)
        return text + self._say(choice_words.EXTRA[standing], {"extra_cost": extra})


def _below(choice: Alternative) -> str:
    """Return how it is said that a choice would cost less than the plan."""
    if choice.code == "stays":
        return "must"
    if "must_drive" in choice.facts:
        return "must_drive"
    return "not_taken" if choice.code.startswith(DRIVEN) else "cheaper"


def _decimals(factors: Sequence[Factor], value: float, digits: int) -> int:
    """Return the fewest decimals with which factors, as they are printed, give a printed product.

    Parameters
    ----------
    value, digits : the product and its decimals
    """
    for decimals in range(DIGITS, MOST_DIGITS):
        made = 1.0
        for factor in factors:
            printed = round(factor.value, decimals)
            if factor.divides and printed == 0.0:
                break
            made = made / printed if factor.divides else made * printed
        else:
            if f"{abs(made):.{digits}f}" == f"{value:.{digits}f}":
                return decimals
    return MOST_DIGITS


def _subject(explanation: Explanation) -> str:
    """Return which sentence tells what was decided."""
    table = explanation.table
    if table in ("unserved", "stops"):
        return f"{table}.{explanation.subject['kind']}"
    return f"network.{explanation.subject['status']}" if table == "network" else table
