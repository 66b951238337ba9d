"""Ids, free text, choices and flags."""

from __future__ import annotations

import datetime as dt
import difflib
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scenarios.normalise.cells import STRING
from scenarios.normalise.numbers import BLANK_WORDS, NO_VALUE, TRIMMED, WIDTH
from scenarios.normalise.verdict import Verdict, doubtful, wrong
from scenarios.normalise.width import CONTROL, ENDS, INVISIBLE, fold_width, trim, without_controls
from scenarios.tables import Column, Kind
from scenarios.tables.choice_words import words_of

_RE2_CLASS = "".join(f"\\x{{{ord(character):04x}}}" for character in ENDS)
_RE2_ODD = "".join(f"\\x{{{ord(c):04x}}}" for c in CONTROL + "\r" + INVISIBLE + "\u00a0\ufffd")
SUSPECT_TEXT = f"^[{_RE2_CLASS}]|[{_RE2_CLASS}]$|[{_RE2_ODD}]"
SUSPECT_ID = SUSPECT_TEXT + r'|^[0-9](\.[0-9]+)?[eE]\+[0-9]{2,}$|^="'
_SCIENTIFIC = re.compile(r"^[0-9](\.[0-9]+)?[eE]\+[0-9]{2,}$")
_INSIDE = re.compile(f"[{INVISIBLE}\u00a0]")

FROM_NUMBER = Verdict("number_to_text", "a number cell was read as text")
FROM_FLAG = doubtful("flag_to_text", "Excel turned this text into a flag; check it")
FROM_DATE = doubtful(
    "date_to_text",
    "Excel turned this text into a date; set the cells' format to Text and retype it",
)
DIGITS_LOST = doubtful(
    "digits_lost", "Excel keeps 15 digits of a number; set the cells' format to Text and retype it"
)
SCIENTIFIC = doubtful(
    "digits_lost", "Excel shortened this id; set the cells' format to Text and retype it"
)
EXCEL_GUARD = doubtful("formula_text", "the id is written as a formula; it is kept as it stands")
CONTROLS = doubtful("control_characters", "control characters were taken out")
LINE_ENDS = Verdict("line_ends", "line ends inside the text were made plain")
REPLACED = doubtful(
    "replacement_character", "the text was damaged by a wrong encoding; save the file as UTF-8"
)
HIDDEN = doubtful(
    "invisible_character", "the id holds an invisible character; it will match no other"
)


@dataclass(frozen=True, slots=True)
class TextReader:
    """Reads ids and free text: kept exactly, trimmed at the ends only."""

    column: Column

    @property
    def target(self) -> pa.DataType:
        """Text."""
        return STRING

    @property
    def _suspect(self) -> str:
        return SUSPECT_ID if self.column.kind == Kind.ID else SUSPECT_TEXT

    def quick(self, part: pa.Array) -> pa.Array | None:
        """Keep texts that need no care."""
        if not pa.types.is_large_string(part.type):
            return None
        return None if pc.any(pc.match_substring_regex(part, self._suspect)).as_py() else part

    def plain(self, words: pa.Array) -> tuple[NDArray[np.bool_], pa.Array] | None:
        """Pick the texts that need no care."""
        mask = pc.invert(pc.match_substring_regex(words, self._suspect))
        return mask.to_numpy(zero_copy_only=False), words.filter(mask)

    def read(self, cell: Any) -> tuple[str | None, Verdict | None]:
        """Read one cell that needs care."""
        if isinstance(cell, bool):
            return ("TRUE" if cell else "FALSE"), FROM_FLAG
        if isinstance(cell, int):
            return str(cell), FROM_NUMBER
        if isinstance(cell, float):
            return _number_text(cell)
        if isinstance(cell, dt.datetime):
            midnight = cell.time() == dt.time()
            return (cell.date().isoformat() if midnight else cell.isoformat(" ")), FROM_DATE
        if isinstance(cell, dt.time):
            return cell.isoformat(), FROM_DATE
        return self._text(cell)

    def _text(self, cell: str) -> tuple[str | None, Verdict | None]:
        clean = without_controls(cell)
        body = trim(clean)
        if not body:
            return None, Verdict("blanks_trimmed", "a cell of blanks was read as empty")
        verdict: Verdict | None = None
        if body != cell:
            verdict = TRIMMED
            if trim(cell) != body:
                plain = trim(cell.replace("\r\n", "\n").replace("\r", "\n"))
                verdict = LINE_ENDS if plain == body else CONTROLS
        if "\ufffd" in body:
            return body, REPLACED
        if self.column.kind == Kind.ID:
            if _INSIDE.search(body):
                return body, HIDDEN
            if _SCIENTIFIC.match(body):
                return body, SCIENTIFIC
            if body.startswith('="'):
                return body, EXCEL_GUARD
        return body, verdict


def _number_text(cell: float) -> tuple[str | None, Verdict | None]:
    """Return a number cell as the text that was meant: 1.0 is "1"."""
    if not np.isfinite(cell):
        return None, wrong("not_finite", "a text is expected here, not an infinite number")
    if cell.is_integer() and abs(cell) < 1e22:
        return str(int(cell)), (DIGITS_LOST if abs(cell) >= 1e15 else FROM_NUMBER)
    return repr(cell), (DIGITS_LOST if abs(cell) >= 1e15 else FROM_NUMBER)


@dataclass(frozen=True)
class ChoiceReader:
    """Reads a column whose values come from a short list, whatever their case; also in Chinese."""

    column: Column

    @property
    def target(self) -> pa.DataType:
        """Text."""
        return STRING

    @cached_property
    def _by_folded(self) -> dict[str, str]:
        return {_folded(choice): choice for choice in self.column.choices}

    @cached_property
    def _by_word(self) -> dict[str, str]:
        return words_of(self.column)

    def quick(self, part: pa.Array) -> pa.Array | None:
        """Keep texts that are all choices."""
        if not pa.types.is_large_string(part.type):
            return None
        given = pc.unique(part).drop_null()
        known = pa.array(self.column.choices, STRING)
        return part if pc.all(pc.is_in(given, value_set=known)).as_py() in {True, None} else None

    def plain(self, words: pa.Array) -> tuple[NDArray[np.bool_], pa.Array] | None:
        """Pick the texts that are choices."""
        mask = pc.is_in(words, value_set=pa.array(self.column.choices, STRING))
        return mask.to_numpy(zero_copy_only=False), words.filter(mask)

    def read(self, cell: Any) -> tuple[str | None, Verdict | None]:
        """Read one cell that is not a choice as it stands."""
        text = shown = (
            str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
        )
        body = trim(fold_width(text))
        if not body:
            return None, Verdict("blanks_trimmed", "a cell of blanks was read as empty")
        if body in self._by_word:
            return self._by_word[body], None if body == shown else TRIMMED
        choice = self._by_folded.get(_folded(body))
        if choice is not None:
            if choice == shown.strip():
                return choice, TRIMMED
            return choice, (WIDTH if choice == body else _recognised(choice))
        if body.lower() in BLANK_WORDS:
            return None, NO_VALUE
        near = difflib.get_close_matches(_folded(body), list(self._by_folded), n=1)
        meant = f"is {self._by_folded[near[0]]!r} meant? " if near else ""
        return None, wrong("unknown_choice", f"{meant}allowed are {', '.join(self.column.choices)}")


def _folded(text: str) -> str:
    """Return a code without case, blanks and joints."""
    text = fold_width(text).casefold().replace("≤", "<=").replace("≥", ">=").replace("=<", "<=")
    return re.sub(r"[\s_\-./(),]+", "", text)


def _recognised(choice: str) -> Verdict:
    return Verdict("choice_recognised", f"the code was read as {choice!r}")


TRUE_WORDS = frozenset({"true", "t", "yes", "y", "1", "1.0", "on", "是", "对", "真", "√", "✓", "✔"})
FALSE_WORDS = frozenset(
    {"false", "f", "no", "n", "0", "0.0", "off", "否", "错", "假", "×", "✗", "✘"}
)
_YES = Verdict("flag_recognised", "the word was read as yes")
_NO = Verdict("flag_recognised", "the word was read as no")


@dataclass(frozen=True, slots=True)
class FlagReader:
    """Reads a yes/no column."""

    column: Column

    @property
    def target(self) -> pa.DataType:
        """Bool."""
        return pa.bool_()

    def quick(self, part: pa.Array) -> pa.Array | None:
        """Keep flags."""
        return part if pa.types.is_boolean(part.type) else None

    def plain(self, words: pa.Array) -> tuple[NDArray[np.bool_], pa.Array] | None:
        """Pick the texts true and false."""
        mask = pc.is_in(words, value_set=pa.array(["true", "false"], STRING))
        return mask.to_numpy(zero_copy_only=False), pc.equal(words.filter(mask), "true")

    def read(self, cell: Any) -> tuple[bool | None, Verdict | None]:
        """Read one cell that is not plainly true or false."""
        if isinstance(cell, (dt.datetime, dt.time)):
            return None, wrong("not_a_flag", "yes or no is expected here, not a date")
        body = trim(fold_width(str(cell))).lower()
        if not body:
            return None, Verdict("blanks_trimmed", "a cell of blanks was read as empty")
        if body in TRUE_WORDS:
            return True, _YES
        if body in FALSE_WORDS:
            return False, _NO
        if body in BLANK_WORDS:
            return None, NO_VALUE
        return None, wrong("not_a_flag", "yes or no is expected here")
