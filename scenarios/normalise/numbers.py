"""Numbers as people write them: thousands separators, full-width digits, percent signs."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scenarios.normalise.verdict import Verdict, doubtful, wrong
from scenarios.normalise.width import fold_width
from scenarios.tables import Column, Kind

PLAIN = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"
_PLAIN = re.compile(PLAIN)
_GROUPED = re.compile(
    r"^[+-]?[0-9]{1,3}(?P<mark>[, '’_])[0-9]{3}(?:(?P=mark)[0-9]{3})*(\.[0-9]*)?$"
)
_COMMA_DECIMAL = re.compile(r"^[+-]?[0-9]{1,3}((\.[0-9]{3})+|([ '’][0-9]{3})+|[0-9]*),[0-9]+$")
_COMMA_SURELY = re.compile(
    r"^[+-]?([0-9]+,([0-9]{1,2}|[0-9]{4,})|0+,[0-9]+|[0-9]{1,3}(\.[0-9]{3})+,[0-9]+)$"
)
_CURRENCY = re.compile(
    r"^(?P<sign>[+-]?)\s*(?:[¥$€£]|CNY|RMB|USD|EUR|GBP)\s*(?P<body>.+)$|^(?P<before>.+?)\s*(?:元|€|CNY|RMB|USD|EUR|GBP)$"
)
_WITH_UNIT = re.compile(r"^[+-]?[0-9][0-9.,]*\s*[A-Za-z㎏-㏿一-鿿/]+[0-9]?$")
_NOT_FINITE = re.compile(r"^[+-]?(nan|inf|infinity|1\.#(inf|ind|qnan))$", re.IGNORECASE)
EXCEL_ERROR = re.compile(r"^#(N/A|DIV/0!|VALUE!|REF!|NAME\?|NUM!|NULL!|SPILL!|CALC!|GETTING_DATA)$")
BLANK_WORDS = frozenset(
    {"-", "--", "—", "——", "–", "/", "\\", "n/a", "na", "null", "none", "nil", "无", "空", "未知"}
)

GROUPING = Verdict("thousands_separator", "thousands separators were taken out")
WIDTH = Verdict("full_width", "full-width characters were read as plain ones")
TRIMMED = Verdict("blanks_trimmed", "blanks around the value were taken off")
PERCENT = Verdict("percent_sign", "the percent sign was read")
BRACKETS = Verdict("negative_in_brackets", "a number in brackets was read as negative")
EURO_COMMA = doubtful("decimal_comma", "the comma was read as a decimal point; write 1234.5")
CURRENCY = doubtful(
    "currency_sign", "the currency sign was dropped; money is in the currency of the settings"
)
NO_VALUE = doubtful("read_as_blank", "read as blank; leave cells without a value empty")


@dataclass(frozen=True, slots=True)
class NumberReader:
    """Reads a number column.

    Attributes
    ----------
    decimal_comma : the column writes 1.234,50
    comma_in_doubt : the file may use decimal commas, and no cell of the column tells
    """

    column: Column
    decimal_comma: bool = False
    comma_in_doubt: bool = False

    @property
    def target(self) -> pa.DataType:
        """Float64; whole numbers too, so that a blank stays a blank."""
        return pa.float64()

    def quick(self, part: pa.Array) -> pa.Array | None:
        """Read clean texts and number cells all at once."""
        if not (
            pa.types.is_large_string(part.type)
            or pa.types.is_integer(part.type)
            or pa.types.is_floating(part.type)
        ):
            return None
        if self.decimal_comma and pa.types.is_large_string(part.type):
            return None
        try:
            values = pc.cast(part, pa.float64(), safe=False)
        except pa.ArrowInvalid:
            return None
        held = values.to_numpy(zero_copy_only=False)
        valid = pc.is_valid(part).to_numpy(zero_copy_only=False)
        if not np.isfinite(held[valid]).all():
            return None
        if self.column.kind == Kind.INTEGER and not (held[valid] == np.rint(held[valid])).all():
            return None
        return values

    def plain(self, words: pa.Array) -> tuple[NDArray[np.bool_], pa.Array] | None:
        """Pick the texts that are plain numbers."""
        if self.decimal_comma:
            return None
        mask = pc.match_substring_regex(words, PLAIN)
        values = pc.cast(words.filter(mask), pa.float64())
        good = np.isfinite(values.to_numpy(zero_copy_only=False))
        if self.column.kind == Kind.INTEGER:
            held = values.to_numpy(zero_copy_only=False)
            good &= held == np.rint(held)
        chosen = mask.to_numpy(zero_copy_only=False)
        chosen[np.flatnonzero(chosen)[~good]] = False
        return chosen, values.filter(pa.array(good))

    def read(self, cell: Any) -> tuple[float | None, Verdict | None]:
        """Read one cell that is not a plain number."""
        if isinstance(cell, bool):
            return None, wrong("not_a_number", "a number is expected here, not yes or no")
        if isinstance(cell, (dt.datetime, dt.time)):
            return None, wrong(
                "date_for_number",
                "Excel holds a date or time here; set the cell's format to Number and retype it",
            )
        value, verdict = (float(cell), None) if isinstance(cell, (int, float)) else self._text(cell)
        if value is None:
            return None, verdict
        if not np.isfinite(value):
            return None, wrong("not_finite", "the number is too large or not a number; correct it")
        if self.column.kind == Kind.INTEGER and value != round(value):
            return None, wrong("not_whole", "a whole number is expected here")
        return value, verdict

    def _text(self, cell: str) -> tuple[float | None, Verdict | None]:
        """Read a text that should be a number."""
        body = fold_width(cell).strip()
        verdict: Verdict | None = None
        if body != cell:
            verdict = TRIMMED if body == cell.strip() else WIDTH
        if not body:
            return None, Verdict("blanks_trimmed", "a cell of blanks was read as empty")
        if body.lower() in BLANK_WORDS:
            return None, NO_VALUE
        if EXCEL_ERROR.match(body):
            return None, wrong("excel_error", "the cell holds an Excel error; correct its formula")
        if _NOT_FINITE.match(body):
            return None, wrong(
                "not_finite", "a number is expected; leave the cell empty if unknown"
            )
        if money := _CURRENCY.match(body):
            body = (money["sign"] or "") + money["body"] if money["body"] else money["before"]
            verdict = CURRENCY
        factor = 1.0
        if body.startswith("(") and body.endswith(")"):
            body, factor, verdict = body[1:-1].strip(), -1.0, BRACKETS
        percent = body.endswith("%")
        if percent:
            body, verdict = body[:-1].strip(), PERCENT
        value, how = self._digits(body)
        if value is None:
            return None, how
        if percent and "_pct" not in self.column.name:
            value /= 100.0
        return factor * value, how if how is not None and how is not GROUPING else verdict or how

    def _digits(self, body: str) -> tuple[float | None, Verdict | None]:
        """Read digits, separators and sign."""
        if self.decimal_comma:
            if _COMMA_DECIMAL.match(body):
                return float(re.sub(r"[. '’]", "", body).replace(",", ".")), EURO_COMMA
            if "." in body:
                return None, wrong(
                    "ambiguous_number",
                    "other cells here have decimal commas; write 1234.5 throughout",
                )
        if _PLAIN.match(body):
            return float(body), None
        if grouped := _GROUPED.match(body):
            if grouped["mark"] == "," and "." not in body and self.comma_in_doubt:
                return None, wrong(
                    "ambiguous_number",
                    "the comma may mean thousands or a decimal; write 1234 or 1.234",
                )
            return float(body.replace(grouped["mark"], "")), GROUPING
        hint = "a number is expected here, as in 1234.5"
        if _WITH_UNIT.match(body):
            unit = f", it is {self.column.unit}" if self.column.unit else ""
            hint = f"write the number alone; the unit is fixed by the column{unit}"
        elif _COMMA_SURELY.match(body):
            hint = "write a decimal point, as in 1234.5"
        return None, wrong("not_a_number", hint)


def comma_style(parts: tuple[pa.Array, ...]) -> tuple[bool, bool]:
    """Say how a column of a semicolon-separated file uses the comma.

    Returns
    -------
    decimal_comma, in_doubt : some cell can only be a decimal comma; no cell tells
    """
    texts = [part for part in parts if pa.types.is_large_string(part.type)]
    if not texts:
        return False, False
    words = [
        word for word in pc.unique(texts[0]).to_pylist() if word and ("," in word or "，" in word)
    ]
    surely = any(_COMMA_SURELY.match(fold_width(word).strip()) for word in words)
    thousands = any(
        re.search(r",[0-9]{3}(,[0-9]{3})+|,[0-9]{3}\.[0-9]", fold_width(word)) for word in words
    )
    return surely and not thousands, bool(words) and not surely and not thousands
