"""Characters that look like others: full-width forms, odd blanks, invisible ones."""

from __future__ import annotations

import re

BLANKS = "\u00a0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad"
CONTROL = "".join(chr(code) for code in (*range(9), 11, 12, *range(14, 32), 127, 0xFFFE, 0xFFFF))

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_FOLD = (
    _FULL_WIDTH
    | {ord(character): " " for character in BLANKS}
    | {ord(character): None for character in INVISIBLE}
    | {0xFFE5: "¥", 0xFFE1: "£", 0x2212: "-"}
)
ENDS = " \t\r\n\v\f\x1c\x1d\x1e\x1f\x85\u2028\u2029" + BLANKS + INVISIBLE
_CONTROL = re.compile(f"[{re.escape(CONTROL)}]")


def fold_width(text: str) -> str:
    """Return a text with full-width characters as plain ones, odd blanks as blanks."""
    return text.translate(_FOLD)


def trim(text: str) -> str:
    """Take blanks and invisible characters off both ends."""
    return text.strip(ENDS)


def without_controls(text: str) -> str:
    """Return a text with plain line ends and without control characters."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
