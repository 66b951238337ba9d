"""Bytes of a text file as UTF-8: what Windows, Excel and old systems write."""

from __future__ import annotations

import codecs

from scenarios.findings import Findings, Severity

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def to_utf8(data: bytes, place: str, findings: Findings) -> bytes | None:
    """Return a text file in UTF-8 without byte-order mark; None when it is no text.

    Tried in order: a byte-order mark, UTF-8, UTF-16 by its zero bytes, GB18030. Anything but
    UTF-8 is an info finding, and `unknown_encoding` an error.
    """
    data = data.removeprefix(codecs.BOM_UTF8)
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "")
    if encoding:
        mark = next(mark for mark, name in _MARKS if name == encoding)
        return _decoded(data[len(mark) :], encoding, place, findings)
    if b"\0" in data[:4096]:
        even, odd = data[0:4096:2].count(0), data[1:4096:2].count(0)
        if max(even, odd) > 4 * min(even, odd):
            name = "utf-16-le" if odd > even else "utf-16-be"
            return _decoded(data, name, place, findings)
    if data.isascii() or _is_utf8(data):
        return data
    return _decoded(data, "gb18030", place, findings)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _decoded(data: bytes, encoding: str, place: str, findings: Findings) -> bytes | None:
    try:
        text = data.decode(encoding)
        utf8 = text.encode("utf-8")
    except UnicodeError:
        findings.add(
            "unknown_encoding",
            Severity.ERROR,
            f"{place} is neither UTF-8, UTF-16 nor GB18030; save it as UTF-8",
            table=place,
        )
        return None
    findings.add(
        "encoding",
        Severity.INFO,
        f"{place} was read as {encoding.upper()}; look at its texts, and save it as UTF-8",
        table=place,
        value=encoding.upper(),
    )
    return utf8
