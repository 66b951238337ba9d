"""Dates, moments and times of day as people and spreadsheets write them."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scenarios.normalise.cells import MOMENT, STRING
from scenarios.normalise.numbers import BLANK_WORDS, EXCEL_ERROR, NO_VALUE
from scenarios.normalise.verdict import Verdict, wrong
from scenarios.normalise.width import fold_width
from scenarios.tables import Column, Kind

DAY_MS = 86_400_000
FIRST_MS = -62_135_596_800_000  # 0001-01-01
LAST_MS = 253_402_300_799_999  # the end of 9999-12-31
EXCEL_EPOCH = dt.datetime(1899, 12, 30)  # noqa: DTZ001 - local time
EXCEL_SERIALS = (10_000.0, 100_000.0)  # 1927 to 2173

_REST = (
    r"(?:[T\s]*(?P<hour>[0-9]{1,2})(?:[:时点](?P<minute>[0-9]{1,2}))?分?"
    r"(?::?(?P<second>[0-9]{1,2})(?:[.,](?P<part>[0-9]+))?秒?)?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?)?"
    r"\s*(?P<offset>Z|z|UTC|[+-][0-9]{2}:?[0-9]{2})?$"
)
_PARTED = re.compile(
    r"^(?P<year>[0-9]{4})\s*[-/.年]\s*(?P<month>[0-9]{1,2})\s*[-/.月]\s*(?P<day>[0-9]{1,2})日?"
    + _REST
)
_DIGITS = re.compile(r"^(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})(?![0-9])" + _REST)
_LONG_DIGITS = re.compile(
    r"^(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})(?P<hour>[0-9]{2})(?P<minute>[0-9]{2})"
    r"(?P<second>[0-9]{2})(?P<part>)(?P<half>)(?P<offset>)$"
)
_NAMED = re.compile(
    r"^(?:(?P<day>[0-9]{1,2})[-\s](?P<name>[A-Za-z]{3,9})[-\s,]+|"
    r"(?P<name2>[A-Za-z]{3,9})\.?\s+(?P<day2>[0-9]{1,2}),?\s+)(?P<year>[0-9]{4})" + _REST
)
_DAY_FIRST = re.compile(r"^[0-9]{1,2}[-/.][0-9]{1,2}[-/.]([0-9]{4}|[0-9]{2})\b")
_SERIAL = re.compile(r"^[0-9]{5}(\.[0-9]+)?$")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
PLAIN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,3})?)?)?$"
CLOCK = r"^(([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?|24:00(:00)?)$"
_CLOCK_PARTS = re.compile(
    r"^([0-9]{1,2})(?:[:.时点h]([0-9]{1,2})?)分?(?::?([0-9]{1,2})秒?)?\s*([AaPp]\.?[Mm]\.?)?$"
)

REWRITTEN = Verdict("date_rewritten", "the date was read and is kept as year-month-day")
SERIAL = Verdict("excel_serial", "the number was read as an Excel date (1900 system)")
ZONED = Verdict("time_zone_converted", "the time was converted to the time zone of the settings")
CUT = Verdict("time_dropped", "the time of day was dropped; the column holds dates")
CLOCK_REWRITTEN = Verdict("time_rewritten", "the time was read and is kept as HH:MM")
CUT_MS = Verdict("milliseconds", "fractions of a second beyond three digits were dropped")
OUT_OF_RANGE = wrong("impossible_date", "there is no such date; the years 1 to 9999 are known")


@dataclass(frozen=True, slots=True)
class MomentReader:
    """Reads a column of dates or moments; texts with an offset become local to `zone`."""

    column: Column
    zone: ZoneInfo

    @property
    def target(self) -> pa.DataType:
        """Milliseconds of local time."""
        return MOMENT

    @property
    def _wants(self) -> str:
        return "2026-11-01" if self.column.kind == Kind.DATE else "2026-11-01 08:30"

    def quick(self, part: pa.Array) -> pa.Array | None:
        """Read ISO texts and date cells all at once."""
        if pa.types.is_timestamp(part.type) and part.type.tz is None:
            values = part if part.type == MOMENT else None
        elif pa.types.is_large_string(part.type):
            try:
                values = pc.cast(part, MOMENT)
            except pa.ArrowInvalid:
                return None
            if not pc.all(pc.match_substring_regex(pc.unique(part), PLAIN)).as_py():
                return None
        else:
            return None
        if values is None:
            return None
        held = values.cast(pa.int64()).drop_null().to_numpy()
        if len(held) and (held.min() < FIRST_MS or held.max() > LAST_MS):
            return None
        return None if self.column.kind == Kind.DATE and (held % DAY_MS).any() else values

    def plain(self, words: pa.Array) -> tuple[NDArray[np.bool_], pa.Array] | None:
        """Pick the texts that are ISO dates."""
        mask = pc.match_substring_regex(words, PLAIN)
        try:
            values = pc.cast(words.filter(mask), MOMENT)
        except pa.ArrowInvalid:
            return None
        chosen = mask.to_numpy(zero_copy_only=False)
        held = values.cast(pa.int64()).to_numpy()
        good = held >= FIRST_MS
        if self.column.kind == Kind.DATE:
            good &= held % DAY_MS == 0
        chosen[np.flatnonzero(chosen)[~good]] = False
        return chosen, values.filter(pa.array(good))

    def read(self, cell: Any) -> tuple[dt.datetime | None, Verdict | None]:
        """Read one cell that is not an ISO text."""
        if isinstance(cell, (bool, dt.time)):
            return None, wrong("not_a_date", f"a date is expected here, as in {self._wants}")
        try:
            if isinstance(cell, (int, float)):
                value, verdict = self._number(float(cell))
            elif isinstance(cell, dt.datetime):
                value, verdict = self._moment(cell)
            else:
                value, verdict = self._text(cell)
        except (ValueError, OverflowError):
            return None, OUT_OF_RANGE
        if value is None:
            return None, verdict
        if self.column.kind == Kind.DATE and value.time() != dt.time():
            return dt.datetime(value.year, value.month, value.day), CUT  # noqa: DTZ001
        return value, verdict

    def _moment(self, cell: dt.datetime) -> tuple[dt.datetime, Verdict | None]:
        if cell.tzinfo is None:
            return cell, None
        return cell.astimezone(self.zone).replace(tzinfo=None), ZONED

    def _number(self, cell: float) -> tuple[dt.datetime | None, Verdict | None]:
        """Read an Excel serial number, or the digits 20261101."""
        if EXCEL_SERIALS[0] <= cell < EXCEL_SERIALS[1]:
            milliseconds = round(cell * DAY_MS)
            return EXCEL_EPOCH + dt.timedelta(milliseconds=milliseconds), SERIAL
        if cell.is_integer() and 19_000_101 <= cell <= 99_991_231:
            return self._text(str(int(cell)))
        return None, wrong("not_a_date", f"a date is expected here, as in {self._wants}")

    def _text(self, cell: str) -> tuple[dt.datetime | None, Verdict | None]:
        """Read a text that should be a date."""
        body = fold_width(cell).strip()
        if not body:
            return None, Verdict("blanks_trimmed", "a cell of blanks was read as empty")
        if body.lower() in BLANK_WORDS:
            return None, NO_VALUE
        if EXCEL_ERROR.match(body):
            return None, wrong("excel_error", "the cell holds an Excel error; correct its formula")
        found = _PARTED.match(body) or _LONG_DIGITS.match(body) or _DIGITS.match(body)
        if found is not None:
            return self._parts(found.groupdict(), int(found["month"]), int(found["day"]))
        if (named := _NAMED.match(body)) is not None:
            name = (named["name"] or named["name2"])[:3].lower()
            if name in _MONTHS:
                day = int(named["day"] or named["day2"])
                return self._parts(named.groupdict(), _MONTHS.index(name) + 1, day)
        if _SERIAL.match(body):
            return self._number(float(body))
        if _DAY_FIRST.match(body):
            return None, wrong(
                "ambiguous_date", f"day and month cannot be told apart; write {self._wants}"
            )
        return None, wrong("not_a_date", f"a date is expected here, as in {self._wants}")

    def _parts(
        self, parts: dict[str, str | None], month: int, day: int
    ) -> tuple[dt.datetime, Verdict]:
        """Put a moment together from the parts of a match; raise ValueError where there is none."""
        hour = int(parts["hour"] or 0)
        if parts["half"]:
            hour = _of_half_day(hour, parts["half"])
        digits = parts["part"] or ""
        value = dt.datetime(  # noqa: DTZ001 - local time of the scenario
            int(parts["year"] or 0),
            month,
            day,
            0 if hour == 24 else hour,
            int(parts["minute"] or 0),
            int(parts["second"] or 0),
            int((digits + "000")[:3]) * 1000,
        )
        if hour == 24:
            if value.minute or value.second:
                raise ValueError("past the end of the day")
            value += dt.timedelta(days=1)
        offset = parts["offset"]
        if offset:
            shift = dt.timedelta(0)
            if offset[0] in "+-":
                minutes = int(offset[1:3]) * 60 + int(offset[-2:])
                shift = dt.timedelta(minutes=minutes if offset[0] == "+" else -minutes)
            zoned = value.replace(tzinfo=dt.timezone(shift))
            return zoned.astimezone(self.zone).replace(tzinfo=None), ZONED
        return value, CUT_MS if digits[3:].strip("0") else REWRITTEN


def _of_half_day(hour: int, half: str) -> int:
    """Return the hour of 1 to 12 a.m. or p.m. on the clock of 24 hours."""
    if not 1 <= hour <= 12:
        raise ValueError("an hour with a.m. or p.m. is 1 to 12")
    return hour % 12 + (12 if half[0] in "pP" else 0)


@dataclass(frozen=True, slots=True)
class ClockReader:
    """Reads a column of times of day into HH:MM or HH:MM:SS."""

    column: Column

    @property
    def target(self) -> pa.DataType:
        """Text."""
        return STRING

    def quick(self, part: pa.Array) -> pa.Array | None:
        """Keep texts that are all HH:MM or HH:MM:SS."""
        if not pa.types.is_large_string(part.type):
            return None
        return part if pc.all(pc.match_substring_regex(pc.unique(part), CLOCK)).as_py() else None

    def plain(self, words: pa.Array) -> tuple[NDArray[np.bool_], pa.Array] | None:
        """Pick the texts that are HH:MM or HH:MM:SS."""
        mask = pc.match_substring_regex(words, CLOCK)
        return mask.to_numpy(zero_copy_only=False), words.filter(mask)

    def read(self, cell: Any) -> tuple[str | None, Verdict | None]:
        """Read one cell that is not HH:MM."""
        hint = "a time of day is expected here, as in 08:30"
        if isinstance(cell, bool):
            return None, wrong("not_a_time", hint)
        if isinstance(cell, dt.time):
            return _clock_text(cell.hour, cell.minute, cell.second), None
        if isinstance(cell, dt.datetime):
            if cell.year <= 1900:  # a time cell that carries the day zero of Excel
                return _clock_text(cell.hour, cell.minute, cell.second), CLOCK_REWRITTEN
            return None, wrong("not_a_time", hint)
        if isinstance(cell, (int, float)):
            if not 0 <= cell <= 1:
                return None, wrong("not_a_time", hint)
            seconds = round(cell * 86_400)
            return _clock_text(seconds // 3600, seconds // 60 % 60, seconds % 60), CLOCK_REWRITTEN
        return self._text(cell, hint)

    def _text(self, cell: str, hint: str) -> tuple[str | None, Verdict | None]:
        body = fold_width(cell).strip()
        if not body:
            return None, Verdict("blanks_trimmed", "a cell of blanks was read as empty")
        if body.lower() in BLANK_WORDS:
            return None, NO_VALUE
        found = _CLOCK_PARTS.match(body)
        if found is None:
            return None, wrong("not_a_time", hint)
        hour, minute, second = int(found[1]), int(found[2] or 0), int(found[3] or 0)
        if found[4]:
            if not 1 <= hour <= 12:
                return None, wrong("not_a_time", hint)
            hour = _of_half_day(hour, found[4])
        if minute > 59 or second > 59 or hour > 24 or (hour == 24 and (minute or second)):
            return None, wrong("not_a_time", hint)
        return _clock_text(hour, minute, second), CLOCK_REWRITTEN


def _clock_text(hour: int, minute: int, second: int) -> str:
    """Return HH:MM, with seconds where there are any."""
    return f"{hour:02d}:{minute:02d}" + (f":{second:02d}" if second else "")
