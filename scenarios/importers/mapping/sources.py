"""Files of other systems as plain texts under their headings, each row with its line."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenarios.errors import InputError, NotFound
from scenarios.files.encoding import to_utf8
from scenarios.files.guards import DEFAULT_GUARDS, Guards, check_size
from scenarios.files.workbook import sheets_of_workbook
from scenarios.findings import Findings, Severity
from scenarios.importers.mapping.spec import FileRule, Headings
from scenarios.normalise import Broken
from scenarios.normalise.headings import fold_name

ZIP_MARK = b"PK\x03\x04"
DELIMITERS = ",\t;|，"
HEADING_ROWS = 20
INVISIBLE = "\ufeff\u200b\u200e\u200f\xa0\u3000 \t\r\n"
_FORMULA_TEXT = re.compile(r'^="(.*)"$', re.DOTALL)
_APOSTROPHE = re.compile(r"^'(?=[+\d])")
_LONG_NUMBER = 2**53

Texts = NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file or sheet as it is: rows of texts, the headings somewhere among the first."""

    name: str
    rows: list[list[str]]
    lines: list[int]
    cleaned: int


@dataclass(frozen=True, slots=True)
class Source:
    """Rows of one file under headings.

    Attributes
    ----------
    file : its name
    columns : by heading, (n_rows,) texts, "" for a blank
    rows : (n_rows,) int64, line of the file or row of the sheet
    """

    file: str
    columns: dict[str, Texts]
    rows: NDArray[np.int64]

    def find(self, headings: Headings) -> str | None:
        """Return the first of several headings that the file has; case and joints may differ."""
        folded: dict[str, str] = {}
        for own in self.columns:
            folded.setdefault(fold_name(own), own)
        for heading in headings:
            if heading in self.columns:
                return heading
            if fold_name(heading) in folded:
                return folded[fold_name(heading)]
        return None

    def keep(self, mask: NDArray[np.bool_]) -> Source:
        """Return the rows at which `mask` is True."""
        columns = {key: texts[mask] for key, texts in self.columns.items()}
        return Source(self.file, columns, self.rows[mask])


def read_sheets(path: Path, findings: Findings, guards: Guards = DEFAULT_GUARDS) -> list[Sheet]:
    """Read a CSV file or every sheet of a workbook.

    Raises
    ------
    NotFound
        There is no such file.
    InputError
        It cannot be read, or is larger than the guards allow.
    """
    if not path.is_file():
        raise NotFound(f"there is no file {path}")
    check_size(path.stat().st_size, path.name, guards, findings)
    with path.open("rb") as stream:
        workbook = stream.read(4) == ZIP_MARK
        stream.seek(0)
        if workbook:
            sheets = sheets_of_workbook(stream, path.name, guards, findings)
            return [
                _sheet(f"{path.name}/{title}", rows, range(1, len(rows) + 1), findings)
                for title, rows in sheets
            ]
        body = to_utf8(stream.read(), path.name, findings)
    if body is None:
        raise InputError(f"{path.name} cannot be read", [*findings])
    return [_of_csv(path.name, body.decode("utf-8"), guards, findings)]


def _of_csv(name: str, text: str, guards: Guards, findings: Findings) -> Sheet:
    first = next((line for line in text[: 1 << 20].splitlines() if line.strip()), "")
    delimiter = max(DELIMITERS, key=first.count)
    rows: list[list[str]] = []
    lines: list[int] = []
    before = 0
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    cells = 0
    try:
        for row in reader:
            cells += len(row)
            if cells > guards.max_cells:
                raise InputError(f"{name} has more than {guards.max_cells:,} cells")
            if any(cell.strip(INVISIBLE) for cell in row):
                rows.append(row)
                lines.append(before + 1)
            before = reader.line_num
    except csv.Error as error:
        hint = f"the file cannot be read from here on ({error}): a quote may be left open"
        findings.add("broken_csv", Severity.ERROR, hint, table=name, row=before + 1)
    return _sheet(name, rows, lines, findings)


def _sheet(
    name: str, rows: Sequence[Sequence[Any]], lines: Iterable[int], findings: Findings
) -> Sheet:
    cleaned = 0
    texts: list[list[str]] = []
    kept: list[int] = []
    for line, row in zip(lines, rows, strict=True):
        made = []
        for place, cell in enumerate(row):
            raw = _text(cell, name, line, place, findings)
            clean = _clean(raw)
            cleaned += clean != raw
            made.append(clean)
        if any(made):
            texts.append(made)
            kept.append(line)
    return Sheet(name, texts, kept, cleaned)


def _text(cell: Any, name: str, line: int, place: int, findings: Findings) -> str:
    """Return a cell of a workbook as text: whole numbers without a point, dates in ISO form."""
    if cell is None or isinstance(cell, str):
        return cell or ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, Broken):
        column = f"column {place + 1}"
        findings.add(
            cell.verdict.code, cell.verdict.severity, cell.verdict.hint,
            table=name, row=line, column=column, value=cell.shown,
        )  # fmt: skip
        return ""
    if isinstance(cell, int | float):
        if abs(cell) >= _LONG_NUMBER:
            findings.add(
                "digits_lost", Severity.ERROR,
                "the number is too long for a number cell, its last digits are lost; export it as"
                " text (CSV, or a column formatted as text)",
                table=name, row=line, column=f"column {place + 1}", value=cell,
            )  # fmt: skip
        return str(int(cell)) if float(cell).is_integer() else repr(float(cell))
    if isinstance(cell, dt.datetime):
        return cell.date().isoformat() if cell.time() == dt.time() else cell.isoformat(" ")
    return str(cell)


def _clean(text: str) -> str:
    """Return a text without what spreadsheets and market places put around it."""
    if not text:
        return ""
    text = text.strip(INVISIBLE)
    match = _FORMULA_TEXT.match(text)
    if match:
        text = match.group(1).replace('""', '"').strip(INVISIBLE)
    return _APOSTROPHE.sub("", text)


def assign(
    sheets: Sequence[Sheet], rules: dict[str, FileRule], findings: Findings
) -> dict[str, list[Source]]:
    """Tell by the headings which sheet is which file of a mapping.

    A sheet that is none of them is an error, unless another sheet of its workbook is one; a file
    that is not there is an error unless it is optional.
    """
    found: dict[str, list[Source]] = {name: [] for name in rules}
    used: set[str] = set()
    for sheet in sheets:
        best = _best(sheet, rules)
        if best is None:
            continue
        name, row = best
        used.add(sheet.name.partition("/")[0])
        source = _under(sheet, row, rules[name], findings)
        found[name].append(source)
        if sheet.cleaned:
            hint = "blanks, marks and quotes around texts were taken away"
            findings.add(
                "cells_cleaned", Severity.INFO, hint, table=sheet.name, count=sheet.cleaned
            )
    for sheet in sheets:
        if sheet.name.partition("/")[0] not in used:
            _tell_unknown(sheet, rules, findings)
    for name, rule in rules.items():
        if not found[name] and not rule.optional:
            hint = f"no file has the headings of {name}: {_shown(rule.headings)}; export it too"
            findings.add("missing_file", Severity.ERROR, hint, table=name)
    return found


def _best(sheet: Sheet, rules: dict[str, FileRule]) -> tuple[str, int] | None:
    """Return the rule with most headings that a sheet has all, and the row of the headings."""
    best: tuple[int, str, int] | None = None
    for at, row in enumerate(sheet.rows[:HEADING_ROWS]):
        folded = {fold_name(cell) for cell in row if cell}
        for name, rule in rules.items():
            fits = all(any(fold_name(way) in folded for way in ways) for ways in rule.headings)
            if fits and (best is None or len(rule.headings) > best[0]):
                best = (len(rule.headings), name, at)
    return None if best is None else best[1:]


def _tell_unknown(sheet: Sheet, rules: dict[str, FileRule], findings: Findings) -> None:
    first = [cell for cell in (sheet.rows[0] if sheet.rows else []) if cell]
    have = {fold_name(cell) for cell in first}
    lacks = {
        name: [ways for ways in rule.headings if not have & {fold_name(way) for way in ways}]
        for name, rule in rules.items()
    }
    near = min(lacks, key=lambda name: len(lacks[name]))
    findings.add(
        "unknown_file",
        Severity.ERROR,
        f"the headings are of no file of the mapping; of {near} it lacks {_shown(lacks[near])}",
        table=sheet.name,
        row=sheet.lines[0] if sheet.lines else None,
        value=", ".join(first[:12]),
    )


def _shown(headings: Iterable[Headings]) -> str:
    return ", ".join(" or ".join(ways) for ways in headings)


def _under(sheet: Sheet, at: int, rule: FileRule, findings: Findings) -> Source:
    """Put the rows of a sheet under its headings."""
    heads = sheet.rows[at]
    body = sheet.rows[at + 1 :]
    columns: dict[str, Texts] = {}
    for place, heading in enumerate(heads):
        texts = np.array([row[place] if place < len(row) else "" for row in body], dtype=object)
        if not heading or (heading in columns and not any(texts)):
            continue
        if heading in columns:
            hint = "the heading stands twice; the first column that has it is read"
            findings.add(
                "duplicate_heading", Severity.WARNING, hint, table=sheet.name, column=heading
            )
            continue
        columns[heading] = texts
    long = [line for row, line in zip(body, sheet.lines[at + 1 :], strict=True)
            if any(row[len(heads) :])]  # fmt: skip
    for line in long:
        hint = "the row has more cells than there are headings: a delimiter stands in a text"
        findings.add("too_many_cells_in_row", Severity.ERROR, hint, table=sheet.name, row=line)
    source = Source(sheet.name, columns, np.array(sheet.lines[at + 1 :], dtype=np.int64))
    for ways in rule.fill_down:
        found = source.find(ways)
        if found is not None:
            columns[found] = _filled_down(columns[found])
    return source


def _filled_down(texts: Texts) -> Texts:
    """Return the texts with every blank like the last text above it."""
    own = np.where(texts != "", np.arange(len(texts)), 0)
    filled: Texts = texts[np.maximum.accumulate(own)] if len(texts) else texts
    return filled
