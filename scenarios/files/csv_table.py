"""One table as CSV: whatever delimiter and encoding, with the line of every row."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from scenarios.files.encoding import to_utf8
from scenarios.files.guards import Guards, refuse
from scenarios.findings import Findings, Severity
from scenarios.normalise import Cells, RawTable, cells_of_text, column_names
from scenarios.normalise.cells import STRING

DELIMITERS = (",", ";", "\t", "|", "，")
HEAD_BYTES = 1 << 20
MAX_COLUMNS = 2_000
BLOCK_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class _Head:
    """Where the headings stand.

    Attributes
    ----------
    lines : lines up to and with the headings
    size : bytes of them
    """

    delimiter: str
    headings: tuple[str, ...]
    first_line: int
    lines: int
    size: int


def read_csv(
    data: bytes, name: str, place: str, guards: Guards, findings: Findings
) -> RawTable | None:
    """Read a CSV file into raw cells.

    Parameters
    ----------
    name : of the table's contract
    place : what to call the file in findings

    Returns
    -------
    raw : rows counted as lines of the file; None when nothing could be read (the findings say)
    """
    body = to_utf8(data, place, findings)
    if body is None:
        return None
    rows = body.count(b"\n") + body.count(b"\r")
    if rows > 2 * guards.max_rows:
        refuse(findings, "too_many_rows", f"{place} has {rows:,} lines", table=name, value=rows)
    head = _head(body, name)
    if head is None:
        return None
    too_wide = len(head.headings) > MAX_COLUMNS
    if too_wide or len(head.headings) * rows > guards.max_cells:
        hint = f"{place} has {len(head.headings):,} columns and {rows:,} lines: too many cells"
        refuse(findings, "too_many_cells", hint, table=name, value=len(head.headings) * rows)
    read = _read_fast(body, head)
    if read is None:
        read = _read_careful(body, head, name, findings)
    if read is None:
        return None
    columns, lines = read
    return RawTable(
        name,
        head.headings,
        columns,
        lines,
        head.first_line,
        semicolons=head.delimiter == ";",
    )


def _head(body: bytes, name: str) -> _Head | None:
    """Find the headings: the first line that is neither blank nor a remark with #."""
    text = body[:HEAD_BYTES].decode("utf-8", "ignore")
    known = column_names(name)
    best: tuple[tuple[int, int], _Head] | None = None
    for delimiter in _stated(text) or DELIMITERS:
        found = _first_record(text, delimiter)
        if found is None:
            continue
        headings, first, lines = found
        score = (sum(known.find(heading) is not None for heading in headings), len(headings))
        head = _Head(delimiter, headings, first, lines, 0)
        if best is None or score > best[0]:
            best = (score, head)
    if best is None:
        return None
    head = best[1]
    size = len("".join(_lines(text, head.lines)).encode())
    return _Head(head.delimiter, head.headings, head.first_line, head.lines, size)


def _stated(text: str) -> tuple[str, ...]:
    """Return the delimiter that a first line such as sep=; states."""
    first = text[:8].splitlines()[:1]
    if first and first[0].lower().startswith("sep=") and len(first[0]) == 5:
        return (first[0][4],)
    return ()


def _lines(text: str, count: int) -> Iterator[str]:
    """Yield the first lines of a text with their ends."""
    stream = io.StringIO(text, newline="")
    for _ in range(count):
        yield stream.readline()


def _first_record(text: str, delimiter: str) -> tuple[tuple[str, ...], int, int] | None:
    """Return the headings, their first line and their last."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    before = 0
    try:
        for record in reader:
            given = next((cell.strip() for cell in record if cell.strip()), "")
            remark = given.startswith("#") or (before == 0 and given.lower().startswith("sep="))
            if given and not remark:
                return tuple(record), before + 1, reader.line_num
            before = reader.line_num
    except csv.Error:
        return None
    return None


def _read_fast(body: bytes, head: _Head) -> tuple[tuple[Cells, ...], NDArray[np.int64]] | None:
    """Read a well-formed body with Arrow; None where it needs care."""
    names = [str(place) for place in range(len(head.headings))]
    rest = memoryview(body)[head.size :]
    if not rest.nbytes:
        empty = tuple(cells_of_text(pa.array([], STRING)) for _ in names)
        return empty, np.empty(0, dtype=np.int64)
    if len(head.delimiter.encode()) > 1:
        return None
    quotes = body.count(b'"', head.size)
    if quotes % 2:
        return None  # one is left open, or stands inside a text
    quoted = quotes > 0
    skipped: list[object] = []
    try:
        table = pacsv.read_csv(
            pa.BufferReader(pa.py_buffer(rest)),
            read_options=pacsv.ReadOptions(
                column_names=names,
                use_threads=False,
                block_size=min(BLOCK_BYTES, rest.nbytes + 1024),
            ),
            parse_options=pacsv.ParseOptions(
                delimiter=head.delimiter,
                newlines_in_values=quoted,
                invalid_row_handler=_refuser(skipped),
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, STRING),
                strings_can_be_null=True,
                null_values=[""],
                check_utf8=False,
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowException):
        return None
    lines = _filled_lines(body, head.size)
    if skipped or len(lines) != table.num_rows:
        return None  # ragged rows, or quoted cells with line ends in them
    columns = tuple(cells_of_text(table.column(place)) for place in range(table.num_columns))
    return columns, lines + head.lines + 1


def _refuser(skipped: list[object]) -> Callable[[object], str]:
    """Return a handler that notes the first ragged row and stops there."""

    def handle(row: object) -> str:
        skipped.append(row)
        return "error"

    return handle


def _filled_lines(body: bytes, start: int) -> NDArray[np.int64]:
    """Return which lines after `start` hold anything: (n,) int64, the first line is 0."""
    data = np.frombuffer(body, dtype=np.uint8)[start:]
    ends = data == 10
    if body.find(b"\r", start) >= 0:
        lone = data == 13
        lone[:-1] &= data[1:] != 10
        ends |= lone
    stops = np.flatnonzero(ends)
    if len(data) and not ends[-1]:
        stops = np.append(stops, len(data))
    starts = np.concatenate(([0], stops[:-1] + 1))
    length = stops - starts
    after = stops - 1
    returned = (length > 0) & (data[np.maximum(after, 0)] == 13)
    length = length - returned
    return np.flatnonzero(length > 0).astype(np.int64)


def _read_careful(
    body: bytes, head: _Head, name: str, findings: Findings
) -> tuple[tuple[Cells, ...], NDArray[np.int64]] | None:
    """Read record by record: ragged rows, line ends in cells, broken quotes."""
    stream = io.StringIO(body[head.size :].decode("utf-8"), newline="")
    reader = csv.reader(stream, delimiter=head.delimiter, strict=True)
    width = len(head.headings)
    columns: list[list[str | None]] = [[] for _ in range(width)]
    lines: list[int] = []
    short = 0
    first_short = 0
    before = 0
    try:
        for record in reader:
            line = head.lines + before + 1
            before = reader.line_num
            if not record:
                continue
            if len(record) > width and any(cell.strip() for cell in record[width:]):
                findings.add(
                    "too_many_cells_in_row",
                    Severity.ERROR,
                    f"the row has {len(record)} cells under {width} headings; put texts that hold"
                    " the delimiter in quotes",
                    table=name,
                    row=line,
                    value=head.delimiter.join(record)[:200],
                )
            elif len(record) < width:
                short += 1
                first_short = first_short or line
            for place in range(width):
                cell = record[place] if place < len(record) else ""
                columns[place].append(cell or None)
            lines.append(line)
    except csv.Error as error:
        findings.add(
            "broken_csv",
            Severity.ERROR,
            f"the file cannot be read from here on ({error}): a quote may be left open",
            table=name,
            row=head.lines + before + 1,
        )
        return None
    if short:
        findings.add(
            "short_rows",
            Severity.INFO,
            "rows with fewer cells than headings were filled up with blanks",
            table=name,
            row=first_short,
            count=short,
        )
    cells = tuple(cells_of_text(pa.array(column, STRING)) for column in columns)
    return cells, np.array(lines, dtype=np.int64)
