"""Damage to files: every form of it that a broken export, or somebody with intent, would do.

All is drawn from one random.Random, so that an input is known by its seed and number.
"""

from __future__ import annotations

import copy
import io
import json
import random
import struct
import warnings
import zipfile
from collections.abc import Callable
from typing import Any

NASTY_TEXTS = (
    "", " ", "\x00", "NaN", "nan", "Infinity", "-inf", "1e999", "-0", "9" * 400, "0x10", "1_000",
    "１２", "1,234.5", "1.234,5", "=1+1", "@SUM(A1)", "\ufeff", "\u202e", "💥", "\U0010ffff",
    "a" * 70_000, "null", "None", "true", "TRUE", "否", "9999-12-31", "0000-00-00", "2026-02-30",
    "10000-01-01", "-9999-01-01", "1677-01-01", "2262-04-12", "24:00", "2026-03-02T09:00:00+99:00",
    "P1D", "../../x", "{}", "[]", "'", '"', '""', "\r", "\n", "\t", ";", "|", "%s", "{0}", "\\",
    "<a>", "&lt;", "]]>", "\ud800",
)  # fmt: skip
NASTY_NAMES = (
    "../escaped.csv", "../../../../tmp/escaped.csv", "/escaped.csv", "a/../../escaped.csv",
    "..\\escaped.csv", "C:\\escaped.csv", "//host/share/escaped.csv", "\x00.csv", "products.csv",
    "PRODUCTS.CSV", "products.csv/", "con.csv", "a" * 300 + ".csv", "产品.csv", "products.parquet",
    "settings.toml", "scenario.json", "inner.zip", ".hidden", "__MACOSX/._products.csv", "",
)  # fmt: skip
NASTY_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 2**63, -(2**63) - 1, 10**400, float("nan"), float("inf"), 1e308,
    [], {}, [[]], [None], {"": None}, {"a": {"b": []}}, *NASTY_TEXTS,
)  # fmt: skip
ENCODINGS = ("utf-16", "utf-16-le", "utf-8-sig", "gb18030", "big5", "latin-1", "utf-32")
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
TOKENS = {",": ";\t|", "\n": "\r\x00\u2028", '"': "'“", ":": "=", "[": "{", "}": "]", "<": ">&"}


def broken_bytes(data: bytes, rng: random.Random) -> bytes:
    """Flip, cut, double, move or overwrite bytes, once or some times."""
    broken = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at = rng.randrange(len(broken) + 1)
        size = rng.choice((1, 2, 4, 8, 64, 1024))
        kind = rng.randrange(7)
        if kind == 0 and at < len(broken):
            broken[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            broken[at : at + size] = rng.randbytes(size)
        elif kind == 2:
            del broken[at : at + size]
        elif kind == 3:
            broken[at:at] = broken[at : at + size] * rng.choice((1, 2, 50))
        elif kind == 4:
            del broken[at:]
        elif kind == 5:
            number = rng.choice((0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF))
            broken[at : at + 4] = struct.pack("<I", number)
        else:
            there = rng.randrange(len(broken) + 1)
            broken[there:there] = broken[at : at + size]
    return bytes(broken)


def broken_text(data: bytes, rng: random.Random) -> bytes:
    """Change cells, separators, lines or the encoding of a text."""
    text = data.decode("utf-8", "replace")
    for _ in range(rng.choice((1, 1, 2, 5))):
        kind = rng.randrange(7)
        lines = text.split("\n")
        at = rng.randrange(len(lines))
        if kind == 0:
            cells = lines[at].split(",")
            cells[rng.randrange(len(cells))] = rng.choice(NASTY_TEXTS)
            lines[at] = ",".join(cells)
        elif kind == 1:
            lines[at] = lines[rng.randrange(len(lines))]
        elif kind == 2:
            lines[at] += rng.choice((",", ",,,,", '"', ",x", "\x00"))
        elif kind == 3:
            lines.insert(at, rng.choice(NASTY_TEXTS))
        elif kind == 4:
            del lines[at:]
        text = "\n".join(lines)
        if kind == 5:
            old = rng.choice(sorted(TOKENS))
            text = text.replace(old, rng.choice(TOKENS[old]), rng.choice((1, 3, -1)))
        elif kind == 6 and text:
            at = rng.randrange(len(text))
            text = text[:at] + rng.choice(NASTY_TEXTS) + text[at + rng.choice((0, 1, 5)) :]
    encoding = rng.choice(ENCODINGS) if rng.random() < 0.15 else "utf-8"
    return text.encode(encoding, rng.choice(("replace", "surrogatepass" if "utf" in encoding else
                                             "ignore")))  # fmt: skip


def _places(node: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in list(items):
        found.append((node, key))
        if isinstance(value, dict | list):
            _places(value, found)
    return found


def broken_document(document: Any, rng: random.Random) -> Any:
    """Put a nasty value, another part or nothing in places of a JSON document."""
    broken = copy.deepcopy(document)
    for _ in range(rng.choice((1, 1, 2, 4))):
        places = _places(broken, [])
        if not places:
            return rng.choice(NASTY_VALUES)
        node, key = rng.choice(places)
        kind = rng.randrange(5)
        if kind == 0:
            del node[key]
        elif kind == 1:
            other, its = rng.choice(places)
            node[key] = copy.deepcopy(other[its])
        elif kind == 2 and isinstance(node, dict):
            node[rng.choice(NASTY_TEXTS)] = node.pop(key)
        else:
            node[key] = copy.deepcopy(rng.choice(NASTY_VALUES))
    return broken


def broken_json(data: bytes, rng: random.Random) -> bytes:
    """Damage the tree of a JSON document, its text, or its depth."""
    kind = rng.randrange(10)
    if kind == 0:
        deep = rng.choice((50, 2_000, 200_000))
        return b'{"tables":' + rng.choice((b"[", b'{"a":')) * deep
    if kind <= 2:
        return broken_text(data, rng)
    document = broken_document(json.loads(data), rng)
    return json.dumps(document, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")


def broken_xml(data: bytes, rng: random.Random, canary: str) -> bytes:
    """Damage markup; now and then put entities that grow, or that read a file, before it."""
    if rng.random() < 0.1:
        lol = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 9))
        evil = rng.choice((b'<!ENTITY l0 "lol">' + lol, b'<!ENTITY l8 SYSTEM "%s">' %
                           canary.encode()))  # fmt: skip
        head, mark, rest = data.partition(b"?>")
        return head + mark + b"<!DOCTYPE x [" + evil + b"]>" + rest.replace(b"<v>", b"<v>&l8;", 2)
    if rng.random() < 0.5:
        text = data.decode("utf-8", "replace")
        quoted = text.split('"')
        quoted[rng.randrange(len(quoted))] = rng.choice((*NASTY_TEXTS, "A1048577", "XFE1", "R1C1"))
        return '"'.join(quoted).encode("utf-8", "surrogatepass")
    return broken_text(data, rng) if rng.random() < 0.5 else broken_bytes(data, rng)


def broken_zip(
    data: bytes, rng: random.Random, within: Callable[[str, bytes, random.Random], bytes]
) -> bytes:
    """Damage members, their names, kinds and number; now and then the archive's own bytes."""
    if rng.random() < 0.2:
        return broken_bytes(data, rng)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    for _ in range(rng.choice((1, 1, 2))):
        at = rng.randrange(len(members))
        name, content = members[at]
        kind = rng.randrange(12)
        if kind == 0:
            members[at] = (rng.choice(NASTY_NAMES), content)
        elif kind == 1:
            members.append((rng.choice(NASTY_NAMES), content))
        elif kind == 2 and len(members) > 1:
            del members[at]
        elif kind == 3:
            members[at] = (name, rng.choice((b"", data[:300], b"\x00" * 300_000)))
        elif kind == 4:
            members += [(f"{number}.csv", b"a\n1\n") for number in range(rng.choice((3, 300)))]
        else:
            members[at] = (name, within(name, content, rng))
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that stand there twice: they are meant
        with zipfile.ZipFile(stream, "w", rng.choice(METHODS[:2] * 4 + METHODS)) as archive:
            for name, content in members:
                info = zipfile.ZipInfo(name or "x")
                info.compress_type = archive.compression
                info.external_attr = rng.choice((0, 0, 0, 0o120777 << 16, 0o40755 << 16))
                archive.writestr(info, content)
    packed = stream.getvalue()
    return broken_bytes(packed, rng) if rng.random() < 0.1 else packed
