"""Texts of another system made into texts of ours, step by step, each trouble with its row."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

import numpy as np

from scenarios.findings import Findings, Severity
from scenarios.gazetteer.addresses import Address, split_address
from scenarios.gazetteer.names import bare
from scenarios.importers.mapping.sources import Source, Texts
from scenarios.importers.mapping.spec import ColumnRule, Constant, Headings
from scenarios.importers.mapping.units import factor, known_units
from scenarios.normalise.width import fold_width
from scenarios.tables import NUMERIC, Column, Kind, Table

MOST_DIGITS = 300  # before or behind the point: what is left is no number of a scenario
_NUMBER_MARKS = re.compile(r"[,\s¥￥$€£]")


@dataclass(slots=True)
class Zones:
    """Zones that addresses were found to lie in, by id."""

    found: dict[str, Address] = field(default_factory=dict)
    levels: dict[str, str] = field(default_factory=dict)

    def of(self, address: Address, level: str) -> str:
        """Return the id of the zone in which an address lies."""
        parts = [address.province]
        if level != "province" and address.city != address.province:
            parts.append(address.city)
        if level == "district" and address.district:
            parts.append(address.district)
        name = "-".join(bare(part) if part != address.district else part for part in parts)
        self.found.setdefault(name, address)
        self.levels.setdefault(name, level)
        return name


@dataclass(slots=True)
class Maker:
    """Makes the columns of one table from the rows of one file.

    Attributes
    ----------
    place : what to call the table in findings
    """

    contract: Table
    source: Source
    place: str
    findings: Findings
    zones: Zones

    def make(self, name: str, rule: ColumnRule) -> Texts | None:
        """Return (n_rows,) texts, "" for blanks; None where the file lacks a column left out."""
        column = self.contract.by_name[name]
        size = len(self.source.rows)
        if rule.value is not None:
            if rule.assumed and size:
                self._tell_assumed(column, size)
            return np.full(size, _constant(rule.value), dtype=object)
        headings = rule.number_within or rule.from_
        assert headings is not None
        texts = self._column(headings, column)
        if texts is None:
            if rule.default is None:
                return None
            texts = np.full(size, "", dtype=object)
        if rule.number_within is not None:
            return _numbered(texts)
        for more in rule.concat:
            behind = self._column(more, column)
            texts = texts if behind is None else texts + behind
        texts = self._steps(texts, rule, column)
        if rule.assumed and any(texts):
            self._tell_assumed(column, int(np.count_nonzero(texts != "")))
        return texts

    def _steps(self, texts: Texts, rule: ColumnRule, column: Column) -> Texts:
        if rule.extract:
            texts = self._each(texts, column, lambda text: _extracted(text, str(rule.extract)))
        for word in rule.strip:
            texts = np.array([text.replace(word, "").strip() for text in texts], dtype=object)
        if rule.map:
            texts = self._each(texts, column, lambda text: _mapped(text, rule))
        if rule.default is not None:
            texts = self._with_default(texts, rule.default, column)
        if column.kind in NUMERIC:
            texts = self._numbers(texts, rule, column)
        if rule.format or rule.bucket:
            texts = self._each(texts, column, lambda text: _moment(text, rule, column))
        if rule.place:
            level = rule.place
            texts = self._each(texts, column, lambda text: self._zone(text, level))
        return texts

    def _column(self, headings: Headings, column: Column) -> Texts | None:
        """Return a column of the file; where it has none, say so."""
        found = self.source.find(headings)
        if found is not None:
            return self.source.columns[found]
        wanted = " or ".join(headings)
        needed = column.required
        hint = (
            f"{self.source.file} has no column {wanted}; export it, or name its heading in the"
            " mapping" if needed else f"{self.source.file} has no column {wanted}; it is left blank"
        )  # fmt: skip
        self.findings.add(
            "missing_heading", Severity.ERROR if needed else Severity.INFO, hint,
            table=self.place, column=column.name, value=wanted,
        )  # fmt: skip
        return None

    def _each(
        self, texts: Texts, column: Column, step: Callable[[str], tuple[str, _Trouble | None]]
    ) -> Texts:
        """Apply a step to every distinct text, and tell its trouble for every row."""
        known: dict[str, tuple[str, _Trouble | None]] = {"": ("", None)}
        made = []
        for row, text in enumerate(texts):
            done = known.get(text)
            if done is None:
                done = known[text] = step(text)
            if done[1] is not None:
                trouble = done[1]
                self.findings.add(
                    trouble.code, trouble.severity, trouble.hint, table=self.place,
                    column=column.name, row=int(self.source.rows[row]), value=text,
                )  # fmt: skip
            made.append(done[0])
        return np.array(made, dtype=object)

    def _numbers(self, texts: Texts, rule: ColumnRule, column: Column) -> Texts:
        if rule.minus is not None:
            texts = self._with_other(texts, rule.minus, column, lambda a, b: a - b, "0")
        if rule.divide_by is not None:
            texts = self._with_other(texts, rule.divide_by, column, _divided, "")
        scale = Decimal(1) if rule.times is None else Decimal(str(rule.times))
        if rule.unit is not None:
            known = factor(rule.unit, column)
            assert known is not None
            scale *= known
        if rule.unit_from is not None:
            texts = self._in_units(texts, rule.unit_from, column)
        if scale != 1:
            texts = np.array([_scaled(text, scale) for text in texts], dtype=object)
        return texts

    def _with_other(
        self, texts: Texts, headings: Headings, column: Column,
        combine: Callable[[Decimal, Decimal], Decimal | None], blank: str,
    ) -> Texts:  # fmt: skip
        """Combine numbers with those of another column; what is no number stays for the reader."""
        others = self._column(headings, column)
        if others is None:
            return texts
        made = []
        for row, (text, other) in enumerate(zip(texts, others, strict=True)):
            left, right = _number(text), _number(other or blank)
            done = None if left is None or right is None else combine(left, right)
            if done is None and text:
                hint = f"{text} and {other or 'a blank'} cannot be combined; the cell stays blank"
                self.findings.add(
                    "not_combined", Severity.WARNING, hint, table=self.place, column=column.name,
                    row=int(self.source.rows[row]), value=other,
                )  # fmt: skip
            made.append("" if done is None else _plain(done))
        return np.array(made, dtype=object)

    def _in_units(self, texts: Texts, headings: Headings, column: Column) -> Texts:
        units = self._column(headings, column)
        if units is None:
            return texts
        made = []
        for row, (text, unit) in enumerate(zip(texts, units, strict=True)):
            known = factor(unit, column)
            if text and known is None:
                hint = f"the unit is not known; known are {', '.join(known_units(column))}"
                self.findings.add(
                    "unknown_unit", Severity.ERROR, hint, table=self.place, column=column.name,
                    row=int(self.source.rows[row]), value=unit,
                )  # fmt: skip
            made.append(_scaled(text, known) if known is not None else text)
        return np.array(made, dtype=object)

    def _with_default(self, texts: Texts, default: Constant, column: Column) -> Texts:
        blank = texts == ""
        if blank.any():
            self.findings.add(
                "default_used", Severity.INFO, f"blanks became {default}, as the mapping says",
                table=self.place, column=column.name, count=int(blank.sum()),
            )  # fmt: skip
        return np.where(blank, _constant(default), texts)

    def _zone(self, text: str, level: str) -> tuple[str, _Trouble | None]:
        address = split_address(text)
        if address is not None:
            return self.zones.of(address, level), None
        return "", _Trouble(
            "unknown_address", Severity.WARNING,
            "no city of the address is known, so its row is left out; correct it, or give the zone"
            " in a column of its own",
        )  # fmt: skip

    def _tell_assumed(self, column: Column, count: int) -> None:
        self.findings.add(
            "assumed", Severity.WARNING,
            f"no file says it; give it in a base scenario, or with --set"
            f" {self.contract.name}.{column.name}=...",
            table=self.place, column=column.name, count=count,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Trouble:
    code: str
    severity: Severity
    hint: str


def _constant(value: Constant) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _numbered(texts: Texts) -> Texts:
    """Return 1, 2, ... within each value, in the order of the rows."""
    seen: dict[str, int] = {}
    made = []
    for text in texts:
        seen[text] = seen.get(text, 0) + 1
        made.append(str(seen[text]))
    return np.array(made, dtype=object)


def _extracted(text: str, pattern: str) -> tuple[str, _Trouble | None]:
    match = re.search(pattern, text)
    if match and match.groups() and match.group(1):
        return match.group(1).strip(), None
    hint = "the text is not as the mapping expects, and is kept whole"
    return text, _Trouble("not_extracted", Severity.INFO, hint)


def _mapped(text: str, rule: ColumnRule) -> tuple[str, _Trouble | None]:
    found = rule.map.get(text)
    if found is None:
        folded = fold_width(text).casefold()
        found = next((v for k, v in rule.map.items() if fold_width(k).casefold() == folded), None)
    if found is not None:
        return _constant(found), None
    if rule.other == "error":
        known = ", ".join(rule.map)
        hint = f"the mapping knows {known}; add the value to `map`, or exclude its rows"
        return "", _Trouble("unmapped_value", Severity.ERROR, hint)
    return ("" if rule.other == "blank" else text), None


def _moment(text: str, rule: ColumnRule, column: Column) -> tuple[str, _Trouble | None]:
    """Return a date or moment in ISO form; without a format the reader's own ways are tried."""
    moment: dt.datetime | None = None
    for form in rule.format:
        try:
            moment = dt.datetime.strptime(text, form)  # noqa: DTZ007 - local time of the scenario
        except ValueError:
            continue
        break
    if moment is None and rule.format:
        hint = f"the date is not written as {' or '.join(rule.format)}; add its format"
        return "", _Trouble("date_format", Severity.ERROR, hint)
    if moment is None:
        moment = _read_moment(text)
    if moment is None:
        return text, None  # the reader of the column says what is wrong
    if rule.bucket == "week":
        moment -= dt.timedelta(days=moment.weekday())
    whole = column.kind == Kind.DATE or rule.bucket is not None
    return (moment.date().isoformat() if whole else moment.isoformat(" ")), None


def _read_moment(text: str) -> dt.datetime | None:
    from zoneinfo import ZoneInfo

    from scenarios.normalise.moments import MomentReader

    reader = MomentReader(Column("at", "", Kind.MOMENT, ""), ZoneInfo("UTC"))
    moment, _ = reader.read(text)
    return moment


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(_NUMBER_MARKS.sub("", fold_width(text)))
    except InvalidOperation:
        return None
    if not number.is_finite() or (number and abs(number.adjusted()) > MOST_DIGITS):
        return None
    return number


def _divided(left: Decimal, right: Decimal) -> Decimal | None:
    return None if right == 0 else left / right


def _scaled(text: str, scale: Decimal) -> str:
    number = _number(text)
    return text if number is None else _plain(number * scale)


def _plain(number: Decimal) -> str:
    """Return a number without an exponent, rounded to nine digits behind the point.

    One of too many digits to be rounded is written as it is.
    """
    try:
        text = format(round(number, 9), "f")
    except InvalidOperation:
        return str(number)
    return text.rstrip("0").rstrip(".") if "." in text else text
