"""A scenario as an Excel workbook: one sheet a table, the first one the settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO, Any

import numpy as np

from scenarios.errors import InputError
from scenarios.files.guards import Guards, refuse
from scenarios.files.raw import RawScenario
from scenarios.files.settings_form import RawSetting, find_setting
from scenarios.files.sheet_scan import SheetFacts, column_letters
from scenarios.files.workbook_parts import Parts, open_workbook
from scenarios.findings import Findings, Severity
from scenarios.normalise import (
    Broken,
    RawTable,
    Verdict,
    cells_of_objects,
    column_names,
    table_names,
)
from scenarios.normalise.width import trim

SETTINGS_SHEETS = frozenset({"settings", "设置"})
HEADING_ROWS = 20
SCATTER_FROM = 2_000_000
SCATTER_FACTOR = 8
KEY_HEADINGS = frozenset({"key", "setting", "键", "设置", "项目"})
NO_VALUE = "the formula has no stored value; open the workbook in Excel, let it calculate, save"

Rows = Sequence[Sequence[Any]]


def raw_of_workbook(
    source: IO[bytes], name: str, guards: Guards, findings: Findings
) -> RawScenario:
    """Take a workbook apart.

    Raises
    ------
    InputError
        It is no workbook, not a safe one, or damaged.
    """
    import python_calamine

    parts = open_workbook(source, name, guards, findings)
    with parts.file as file:
        book = _guarded(findings, lambda: python_calamine.CalamineWorkbook.from_filelike(file))
    titles = [
        sheet.name
        for sheet in book.sheets_metadata
        if sheet.typ == python_calamine.SheetTypeEnum.WorkSheet
    ]
    settings_title = _settings_title(titles)
    settings = None
    if settings_title is not None:
        values = _values(book, settings_title, parts, guards, findings)
        settings = _settings(values, settings_title in SETTINGS_SHEETS)
        if settings is None:
            settings_title = None
    rest = [title for title in titles if title != settings_title]
    return RawScenario(settings, _tables(book, rest, parts, guards, findings))


def sheets_of_workbook(
    source: IO[bytes], name: str, guards: Guards, findings: Findings
) -> list[tuple[str, list[list[Any]]]]:
    """Return the title and the cells of every sheet, from A1 on.

    Raises
    ------
    InputError
        It is no workbook, not a safe one, or damaged.
    """
    import python_calamine

    parts = open_workbook(source, name, guards, findings)
    with parts.file as file:
        book = _guarded(findings, lambda: python_calamine.CalamineWorkbook.from_filelike(file))
    return [
        (sheet.name, _values(book, sheet.name, parts, guards, findings))
        for sheet in book.sheets_metadata
        if sheet.typ == python_calamine.SheetTypeEnum.WorkSheet
    ]


def _guarded(findings: Findings, call: Any) -> Any:
    """Call the reader of values; whatever it dies of is a damaged workbook."""
    try:
        return call()
    except (KeyboardInterrupt, SystemExit, InputError, MemoryError):
        raise
    except BaseException as error:  # noqa: BLE001 - panics of the native reader are no Exception
        hint = f"the workbook is damaged ({str(error)[:120]}); open it in Excel and save it again"
        refuse(findings, "damaged_workbook", hint)


def _settings_title(titles: Sequence[str]) -> str | None:
    """Return the sheet of the settings: by its name, else the first one if it is no table."""
    for title in titles:
        if trim(title).lower() in SETTINGS_SHEETS:
            return title
    if titles and table_names().find(titles[0]) is None and not titles[0].startswith("#"):
        return titles[0]
    return None


def _values(
    book: Any, title: str, parts: Parts, guards: Guards, findings: Findings
) -> list[list[Any]]:
    """Return the cells of a sheet from A1 on, troubles in place of what has no value."""
    facts = parts.sheets.get(title, SheetFacts())
    area = facts.rows * facts.columns
    scattered = area > SCATTER_FROM and area > SCATTER_FACTOR * max(facts.cells, 1)
    if area > guards.max_sheet_cells or scattered:
        last = f"{column_letters(facts.columns)}{facts.rows}"
        findings.add(
            "too_many_cells" if not scattered else "scattered_cells",
            Severity.ERROR,
            f"sheet {title} reaches to {last} and holds {facts.cells:,} cells; delete the rows and"
            " columns beyond the data, or use Parquet",
            table=table_names().find(title) or "",
            value=last,
        )
        return []
    sheet = _guarded(findings, lambda: book.get_sheet_by_name(title))
    rows: list[list[Any]] = _guarded(findings, lambda: sheet.to_python(skip_empty_area=False))
    _put_troubles(rows, facts)
    if parts.since_1904:
        _warn_1904(rows, title, findings)
    _warn_merged(sheet, rows, title, findings)
    return rows


def _put_troubles(rows: list[list[Any]], facts: SheetFacts) -> None:
    """Put what the scan saw into the cells: errors, formulas without value, shown formats."""
    for place, shown in facts.errors.items():
        hint = "the cell holds an Excel error; correct its formula"
        _put(rows, place, Broken(shown, Verdict("excel_error", hint, Severity.ERROR)))
    for place, formula in facts.empty_formulas.items():
        broken = Broken(formula, Verdict("formula_without_value", NO_VALUE, Severity.ERROR))
        _put(rows, place, broken)
    for place, shown in facts.formats.items():
        row, column = place
        if row > len(rows) or row < 1 or column > len(rows[row - 1]):
            continue
        value = rows[row - 1][column - 1]
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        if shown == "%":
            rows[row - 1][column - 1] = f"{value * 100:.15g}%"
        elif float(value).is_integer() and value >= 0:
            rows[row - 1][column - 1] = str(int(value)).zfill(len(shown))


def _put(rows: list[list[Any]], place: tuple[int, int], value: object) -> None:
    row, column = place
    if row < 1 or column < 1:
        return
    while len(rows) < row:
        rows.append([""] * (len(rows[0]) if rows else column))
    if len(rows[row - 1]) < column:
        for each in rows:
            each.extend([""] * (column - len(each)))
    rows[row - 1][column - 1] = value


def _warn_1904(rows: Rows, title: str, findings: Findings) -> None:
    """Warn of dates in a workbook that counts them from 1904."""
    if any(hasattr(cell, "year") for row in rows[:1000] for cell in row):
        findings.add(
            "dates_since_1904",
            Severity.WARNING,
            f"the workbook counts dates from 1904; look at the dates of sheet {title}",
            table=table_names().find(title) or "",
        )


def _warn_merged(sheet: Any, rows: Rows, title: str, findings: Findings) -> None:
    """Warn of merged cells below the headings: only the first of them holds the value."""
    name = table_names().find(title)
    ranges = sheet.merged_cell_ranges or []
    heading = _heading(rows, name)[0] if name is not None else 0
    for (top, left), (bottom, right) in ranges:
        if bottom < heading:
            continue
        first = f"{column_letters(left + 1)}{top + 1}"
        findings.add(
            "merged_cells",
            Severity.WARNING,
            "merged cells: only the first holds the value, the others are blank; unmerge them",
            table=name or "",
            row=top + 1,
            value=f"{first}:{column_letters(right + 1)}{bottom + 1}",
        )


def _settings(rows: Rows, certain: bool) -> dict[str, RawSetting] | None:
    """Return the settings of rows key, value; None: not certain to be, and no key is known."""
    given: dict[str, RawSetting] = {}
    for place, row in enumerate(rows):
        key = trim(str(row[0])) if row else ""
        if not key or key.startswith("#") or key.lower() in KEY_HEADINGS:
            continue
        value = row[1] if len(row) > 1 else None
        if find_setting(key) is None and (value is None or value == ""):
            continue  # a remark
        while key in given:
            key += " "  # told as given twice
        given[key] = RawSetting(value, place + 1)
    if not certain and not any(find_setting(key) for key in given):
        return None
    return given


def _tables(
    book: Any, titles: Sequence[str], parts: Parts, guards: Guards, findings: Findings
) -> Iterator[RawTable]:
    """Yield the tables; sheets that are none are warnings."""
    chosen: dict[str, str] = {}
    for title in titles:
        if title.startswith("#"):
            continue
        facts = parts.sheets.get(title, SheetFacts())
        name = table_names().find(title)
        if name is None:
            if facts.cells:
                hint = f"{table_names().near(title)}the sheet is not read"
                findings.add("unknown_sheet", Severity.WARNING, hint, value=title)
            continue
        if name in chosen:
            hint = f"the table stands in the sheets {chosen[name]} and {title}; keep one of them"
            findings.add("two_files", Severity.ERROR, hint, table=name, value=title)
            continue
        chosen[name] = title
        if facts.formulas > len(facts.empty_formulas):
            findings.add(
                "formula",
                Severity.INFO,
                "formulas were read as the values that Excel stored",
                table=name,
                count=facts.formulas - len(facts.empty_formulas),
            )
        rows = _values(book, title, parts, guards, findings)
        if rows:
            yield _raw(name, rows, findings)


def _heading(rows: Rows, name: str) -> tuple[int, int]:
    """Return the place of the headings, and of the first row that could have been: from 0."""
    known = column_names(name)
    best, most, first = -1, -1, -1
    for place, row in enumerate(rows[:HEADING_ROWS]):
        texts = [trim(cell) for cell in row if isinstance(cell, str) and trim(cell)]
        if not texts or texts[0].startswith("#"):
            continue
        first = place if first < 0 else first
        count = sum(known.find(text) is not None for text in texts)
        if count > most:
            best, most = place, count
    return max(best, 0), max(first, 0)


def _raw(name: str, rows: Rows, findings: Findings) -> RawTable:
    """Return the raw table of a sheet; rows are counted as Excel does."""
    heading, first = _heading(rows, name)
    if heading > first:
        hint = "rows above the headings were passed over"
        findings.add(
            "rows_above_headings",
            Severity.WARNING,
            hint,
            table=name,
            row=first + 1,
            count=heading - first,
        )
    width = max(len(row) for row in rows)
    headings = ["" if isinstance(cell, Broken) else str(cell) for cell in rows[heading]]
    headings += [""] * (width - len(headings))
    below = rows[heading + 1 :]
    columns = list(zip(*below, strict=False)) if below else [()] * width
    cells = tuple(cells_of_objects(column) for column in columns)
    numbers = np.arange(heading + 2, len(rows) + 1, dtype=np.int64)
    return RawTable(name, tuple(headings), cells, numbers, heading + 1)
