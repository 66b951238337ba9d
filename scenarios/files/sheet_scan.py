"""What the XML of a sheet tells that its values do not: errors, formulas, formats, extent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Place = tuple[int, int]  # row and column, from 1

_CELL = re.compile(rb"<(?:\w+:)?c(?=[\s/>])(?: r=[\"']([A-Z]{1,3})(\d{1,7})[\"'])?([^>]*)>")
_WHOLE_CELL = re.compile(rb"<(?:\w+:)?c(?=[\s>])([^>]*[^/>]|)>(.*?)</(?:\w+:)?c>", re.DOTALL)
_REFERENCE = re.compile(rb"\br=[\"']([A-Z]{1,3})(\d{1,7})[\"']")
_STYLE = re.compile(rb"\bs=[\"'](\d+)[\"']")
_VALUE = re.compile(rb"<(?:\w+:)?v(?:\s[^>]*)?>([^<]*)</(?:\w+:)?v>")
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
_FORMULA_TEXT = re.compile(rb"<(?:\w+:)?f(?:\s[^>]*)?>([^<]*)<")
_TEXT_INDEX = re.compile(rb"<(?:\w+:)?c\s[^>]*\bt=[\"']s[\"'][^>]*>\s*<(?:\w+:)?v>(\d{1,9})<")
MOST_LISTED = 100_000


@dataclass(slots=True)
class SheetFacts:
    """What was seen in one sheet.

    Attributes
    ----------
    cells : cells that hold something
    rows, columns : the largest row and column among them
    errors : text such as #N/A by place
    formulas : formulas that carry a value
    empty_formulas : formula by place, where no value was stored
    formats : number format by place, of the formats that were asked for
    text_references : cells that point into the shared texts
    """

    cells: int = 0
    rows: int = 0
    columns: int = 0
    errors: dict[Place, str] = field(default_factory=dict)
    formulas: int = 0
    empty_formulas: dict[Place, str] = field(default_factory=dict)
    formats: dict[Place, str] = field(default_factory=dict)
    text_references: int = 0


def column_number(letters: bytes) -> int:
    """Return 1 for A, 27 for AA."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def column_letters(number: int) -> str:
    """Return A for 1, AA for 27."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _whole_rows(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the bytes of a sheet in pieces that end with a row."""
    held = b""
    for chunk in chunks:
        held += chunk
        cut = held.rfind(b"row>")
        if cut >= 0:
            yield held[: cut + 4]
            held = held[cut + 4 :]
    yield held


def scan_sheet(
    chunks: Iterable[bytes], formats: Mapping[int, str], write: Callable[[bytes], object]
) -> SheetFacts:
    """Scan the XML of a sheet while it is copied.

    Parameters
    ----------
    chunks : bytes of the sheet
    formats : number format by style, of the styles to look out for
    write : takes the bytes over

    Notes
    -----
    Regular expressions rather than an XML parser: three times as fast, and what they miss is
    only told less well, for the values are read by another reader.
    """
    facts = SheetFacts()

    def copied() -> Iterator[bytes]:
        for chunk in chunks:
            write(chunk)
            yield chunk

    wanted = {str(style).encode(): name for style, name in formats.items()}
    for piece in _whole_rows(copied()):
        _extent(piece, facts)
        facts.text_references += piece.count(b't="s"') + piece.count(b"t='s'")
        has_error = b't="e"' in piece or b"t='e'" in piece
        has_formula = b"<f" in piece or b":f" in piece
        if has_error or has_formula or wanted:
            _details(piece, wanted, facts)
    return facts


def _extent(piece: bytes, facts: SheetFacts) -> None:
    """Take up how far the cells of a piece reach."""
    found = _CELL.findall(piece)
    held = [cell for cell in found if not cell[2].endswith(b"/")]  # others are formats only
    facts.cells += len(held)
    letters = {cell[0] for cell in held if cell[1]}
    numbers = {cell[1] for cell in held if cell[1]}
    for _, number, attributes in held:
        if not number and (reference := _REFERENCE.search(attributes)):
            letters.add(reference[1])
            numbers.add(reference[2])
    facts.columns = max(facts.columns, *map(column_number, letters), 0)
    facts.rows = max(facts.rows, *map(int, numbers), 0)


def _details(piece: bytes, wanted: Mapping[bytes, str], facts: SheetFacts) -> None:
    """Take up errors, formulas and formats of a piece, cell by cell."""
    for attributes, body in _WHOLE_CELL.findall(piece):
        found = _REFERENCE.search(attributes)
        place = (int(found[2]), column_number(found[1])) if found else (0, 0)
        value = _VALUE.search(body)
        error = b't="e"' in attributes or b"t='e'" in attributes
        if error and len(facts.errors) < MOST_LISTED:
            facts.errors[place] = value[1].decode("utf-8", "replace") if value else "#ERROR"
        if _FORMULA.search(body):
            facts.formulas += 1
            stored = (value is not None and value[1] != b"") or b'"str"' in attributes
            if not stored and not error and len(facts.empty_formulas) < MOST_LISTED:
                formula = _FORMULA_TEXT.search(body)
                text = formula[1].decode("utf-8", "replace") if formula else ""
                facts.empty_formulas[place] = f"={text}"
        if wanted and b"t=" not in attributes.replace(b't="n"', b""):
            style = _STYLE.search(attributes)
            if style is not None and style[1] in wanted:
                facts.formats[place] = wanted[style[1]]


def text_sizes(chunks: Iterable[bytes], write: Callable[[bytes], object]) -> NDArray[np.int64]:
    """Return the size of each shared text while the table of them is copied: (n,) int64, bytes."""
    sizes: list[int] = []
    held = b""
    for chunk in chunks:
        write(chunk)
        parts = (held + chunk).split(b"</si>")
        held = parts.pop()
        sizes += [len(part) for part in parts]
    return np.array([*sizes, len(held)], dtype=np.int64)


def text_bytes(chunks: Iterable[bytes], sizes: NDArray[np.int64]) -> int:
    """Return how many bytes the shared texts of a sheet take once each cell has its own."""
    total = 0
    for piece in _whole_rows(chunks):
        places = np.array(_TEXT_INDEX.findall(piece), dtype=np.int64)
        total += int(sizes[places[places < len(sizes)]].sum())
    return total
