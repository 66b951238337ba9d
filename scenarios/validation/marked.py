"""An Excel copy of what was handed in, with the cells coloured and commented that have findings."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scenarios.files.settings_form import SETTING_COLUMNS, settings_rows
from scenarios.findings import Finding, Findings, Severity
from scenarios.scenario import Scenario
from scenarios.tables import TABLES

MOST_ROWS = 100_000  # of longer tables only the rows with findings are shown
MOST_CHARACTERS = 32_000
MOST_LISTED = 20_000
COLOURS = {Severity.ERROR: "FFC7CE", Severity.WARNING: "FFEB9C", Severity.INFO: "DDEBF7"}
ORDER = (Severity.ERROR, Severity.WARNING, Severity.INFO)
LIST_HEADINGS = ("severity", "code", "table", "row", "column", "value", "hint", "cell")
ROW_HEADING = "row in the file"
LIST = "# findings"  # sheets that begin so are not read, so that a mended copy can be planned
AUTHOR = "holdfast"
WRITER = "holdfast validate"  # who saved it last; spreadsheet programs write their user's name here
CHINESE = {
    "settings": "设置", "key": "键", "value": "值", LIST: "# 检查结果", ROW_HEADING: "文件中的行",
    "severity": "级别", "code": "规则", "table": "数据表", "row": "行", "column": "列",
    "hint": "处理办法", "cell": "单元格", "error": "错误", "warning": "警告", "info": "提示",
    "; of each rule, table and column the first are listed":
        "；每条规则、每张表、每列只列出最前面的",
    "{error:,} error, {warning:,} warning, {info:,} info":
        "{error:,} 个错误，{warning:,} 条警告，{info:,} 条提示",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Words:
    """How a copy names things in one language."""

    language: str
    hint: Callable[[Finding], str]

    def term(self, text: str) -> str:
        return text if self.language == "en" else CHINESE[text]

    def told(self, finding: Finding) -> str:
        colon = ": " if self.language == "en" else "："
        return colon.join((self.term(finding.severity), finding.code, self.hint(finding)))

    def sheet(self, table: str) -> str:
        return table if self.language == "en" else TABLES[table].zh

    def heading(self, table: str, column: str) -> str:
        return column if self.language == "en" else TABLES[table].by_name[column].zh

    def setting(self, key: str) -> str:
        if self.language == "en":
            return key
        name, dot, group = key.partition(".")
        known = {column.name: column.zh for column in SETTING_COLUMNS}
        return f"{known.get(name, name)}{dot}{group}"


@dataclass(slots=True)
class _Sheet:
    """What is to be marked on one sheet.

    Attributes
    ----------
    cells : findings by (position of the row in the frame, or -1 for the headings, column)
    """

    columns: list[str]
    cells: dict[tuple[int, str], list[Finding]] = field(default_factory=lambda: defaultdict(list))


def _hint(finding: Finding) -> str:
    return finding.hint


def is_unchanged_copy(path: Path) -> bool:
    """Say whether a file is a marked copy that no spreadsheet program has saved since."""
    import openpyxl

    try:
        book = openpyxl.load_workbook(path, read_only=True)
    except Exception:  # noqa: BLE001 - whatever it is, it is no copy of ours
        return False
    held = book.properties
    book.close()
    return (held.creator, held.lastModifiedBy) == (AUTHOR, WRITER)


def marked_workbook(
    scenario: Scenario | None,
    findings: Findings,
    language: str = "en",
    hint: Callable[[Finding], str] = _hint,
) -> bytes:
    """Return a workbook of the scenario's tables with findings as coloured, commented cells.

    A cell that could not be read shows its original text. The last sheet, `# findings`, lists them
    all and names their cells; readers pass it over, so that the copy may be mended and planned.
    Tables of more than 100,000 rows show the rows with findings alone, and say where those stood.

    Parameters
    ----------
    scenario : what could be read; None: only the list
    findings : of reading and of the rules
    language : of sheets, headings and severities: en or zh
    hint : says what to do about a finding in that language
    """
    import openpyxl

    words = _Words(language, hint)
    book = openpyxl.Workbook(write_only=True)
    book.properties.creator = AUTHOR
    book.properties.lastModifiedBy = WRITER
    listed: list[tuple[Finding, str]] = []
    if scenario is not None:
        sheets, loose = _placed(scenario, findings)
        if loose:
            listed += [(finding, "") for finding in loose]
        _write_settings(book, scenario, findings, words)
        for name, frame in scenario.tables.items():
            listed += _write_table(book, name, frame, scenario, sheets[name], words)
    else:
        listed = [(finding, "") for finding in findings]
    _write_list(book, listed, findings, words)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _placed(scenario: Scenario, findings: Findings) -> tuple[dict[str, _Sheet], list[Finding]]:
    """Sort findings by the cell of the copy on which they are shown, else into a list."""
    sheets = {}
    places: dict[str, dict[int, int]] = {}
    for name, frame in scenario.tables.items():
        sheets[name] = _Sheet(list(frame.columns))
        numbers = scenario.row_numbers(name).tolist()
        wanted = {finding.row for finding in findings if finding.table == name}
        places[name] = {row: at for at, row in enumerate(numbers) if row in wanted}
    loose = []
    for finding in findings:
        sheet = sheets.get(finding.table)
        if sheet is None:
            loose.append(finding)
            continue
        contract = TABLES[finding.table]
        if finding.column and finding.column not in sheet.columns:
            if finding.column not in contract.by_name:
                loose.append(finding)
                continue
            sheet.columns.append(finding.column)
        at = places[finding.table].get(finding.row, -1) if finding.row is not None else -1
        sheet.cells[(at, finding.column or sheet.columns[0])].append(finding)
    for name, sheet in sheets.items():
        order = {column: place for place, column in enumerate(TABLES[name].names)}
        sheet.columns.sort(key=order.__getitem__)
    return sheets, loose


class _Pen:
    """Writes cells of one sheet: plain, or coloured with a comment."""

    def __init__(self, sheet: Any, words: _Words) -> None:
        from openpyxl.styles import Alignment, Font, PatternFill

        self.sheet = sheet
        self.words = words
        self.bold = Font(bold=True)
        self.wrap = Alignment(wrap_text=True, vertical="top")
        self.fills = {
            severity: PatternFill("solid", fgColor=colour) for severity, colour in COLOURS.items()
        }

    def cell(self, value: Any, findings: Sequence[Finding] = (), *, heading: bool = False) -> Any:
        """Return a cell; text stays text whatever it looks like."""
        from openpyxl.cell import WriteOnlyCell
        from openpyxl.comments import Comment

        cell = WriteOnlyCell(self.sheet)
        if isinstance(value, str):
            cell.value = clean(value)
            cell.data_type = "s"
            cell.number_format = "@"
        else:
            cell.value = value
        if heading:
            cell.font = self.bold
        if findings:
            worst = min((finding.severity for finding in findings), key=ORDER.index)
            cell.fill = self.fills[worst]
            text = "\n".join(self.words.told(f) for f in findings[:8])
            cell.comment = Comment(
                clean(text), AUTHOR, height=40 + 40 * min(len(findings), 8), width=320
            )
        return cell


def clean(text: str) -> str:
    """Return a text as a cell can hold it: without control characters, not too long."""
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    return str(ILLEGAL_CHARACTERS_RE.sub("\ufffd", text))[:MOST_CHARACTERS]


def _write_settings(book: Any, scenario: Scenario, findings: Findings, words: _Words) -> None:
    sheet = book.create_sheet(words.term("settings"))
    sheet.column_dimensions["A"].width = sheet.column_dimensions["B"].width = 30
    pen = _Pen(sheet, words)
    sheet.append([pen.cell(words.term(each), heading=True) for each in ("key", "value")])
    about = defaultdict(list)
    for finding in findings:
        if finding.table == "settings":
            about[finding.column].append(finding)
    for key, value in settings_rows(scenario.settings).items():
        plain = value if isinstance(value, int | float) and abs(value) < 2**53 else str(value)
        sheet.append([pen.cell(words.setting(key)), pen.cell(plain, about.get(key, ()))])


def _write_table(
    book: Any,
    name: str,
    frame: pd.DataFrame,
    scenario: Scenario,
    marks: _Sheet,
    words: _Words,
) -> Iterator[tuple[Finding, str]]:
    """Write a sheet; yield each of its findings with the address of its cell."""
    from openpyxl.utils import get_column_letter

    sheet = book.create_sheet(words.sheet(name))
    sheet.freeze_panes = "A2"
    pen = _Pen(sheet, words)
    shown = np.arange(len(frame))
    numbered = len(frame) > MOST_ROWS
    if numbered:
        shown = np.array(sorted({at for at, _ in marks.cells if at >= 0}), np.int64)
    told = [words.heading(name, column) for column in marks.columns]
    told += [words.term(ROW_HEADING)] if numbered else []
    for place, heading in enumerate(told):
        width = max(12, min(40, len(heading) + 4))
        sheet.column_dimensions[get_column_letter(place + 1)].width = width
    about = [marks.cells.get((-1, column), ()) for column in marks.columns]
    about += [()] if numbered else []
    sheet.append(
        [pen.cell(head, found, heading=True) for head, found in zip(told, about, strict=True)]
    )
    columns = [
        frame[column].iloc[shown].tolist() if column in frame else [None] * len(shown)
        for column in marks.columns
    ]
    numbers = scenario.row_numbers(name)
    bad_rows = {at for at, _ in marks.cells}
    for line, at in enumerate(shown.tolist()):
        values = [_plain(column[line]) for column in columns]
        row: list[Any] = values
        if at in bad_rows:
            row = [
                _marked(pen, value, marks.cells.get((at, column), ()))
                for column, value in zip(marks.columns, values, strict=True)
            ]
        elif any(isinstance(value, str) for value in values):
            row = [pen.cell(value) if isinstance(value, str) else value for value in values]
        if numbered:
            row = [*row, int(numbers[at])]
        sheet.append(row)
    line_of = {at: line + 2 for line, at in enumerate(shown.tolist())} | {-1: 1}
    return iter(
        [
            (finding, f"{get_column_letter(marks.columns.index(column) + 1)}{line_of[at]}")
            for (at, column), found in marks.cells.items()
            for finding in found
        ]
    )


def _marked(pen: _Pen, value: Any, findings: Sequence[Finding]) -> Any:
    """Return a cell with its findings; one that could not be read shows what was given."""
    if value is None:
        given = [f.value for f in findings if f.value and f.severity == Severity.ERROR]
        value = given[0] if given else None
    return pen.cell(value, findings)


def _plain(value: Any) -> Any:
    """Return a cell of a frame as a workbook holds it."""
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, float) and not np.isfinite(value):
        return None if np.isnan(value) else str(value)
    if isinstance(value, pd.Timestamp):
        if value.year < 1901 or value.year > 9998:  # Excel knows no earlier days
            return value.isoformat()
        moment = value.to_pydatetime()
        return moment.date() if value == value.normalize() else moment
    return value


def _write_list(
    book: Any, listed: Iterable[tuple[Finding, str]], findings: Findings, words: _Words
) -> None:
    """Write the sheet of all findings, worst first."""
    sheet = book.create_sheet(words.term(LIST))
    sheet.freeze_panes = "A3"
    for letter, width in zip("ABCDEFGH", (10, 26, 20, 8, 24, 24, 90, 26), strict=True):
        sheet.column_dimensions[letter].width = width
    pen = _Pen(sheet, words)
    seen = words.term("{error:,} error, {warning:,} warning, {info:,} info").format(
        **{str(severity): findings.total(severity) for severity in ORDER}
    )
    rest = words.term("; of each rule, table and column the first are listed")
    sheet.append([pen.cell(f"{seen}{rest}")])
    sheet.append([pen.cell(words.term(heading), heading=True) for heading in LIST_HEADINGS])
    for finding, cell in sorted(listed, key=lambda pair: ORDER.index(pair[0].severity))[
        :MOST_LISTED
    ]:
        known = finding.table in TABLES
        title = words.sheet(finding.table) if known else finding.table
        about = finding.column
        if known and about in TABLES[finding.table].by_name:
            about = words.heading(finding.table, about)
        texts = (finding.code, title, finding.row, about, finding.value)
        address = pen.cell(f"{title}!{cell}" if cell else "")
        if cell:
            address.hyperlink = f"#'{title}'!{cell}"
        severity = pen.cell(words.term(finding.severity))
        severity.fill = pen.fills[finding.severity]
        hint = pen.cell(words.hint(finding))
        hint.alignment = pen.wrap
        sheet.append([severity, *(pen.cell(text) for text in texts), hint, address])
