"""An empty workbook to fill in, made from the contracts, in English or Chinese.

Every sheet opens with remarks (their first cell starts with #, readers pass over them): what the
table is, and one line of help per column. Below stand the headings, and below them room for data.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkstemp
from typing import Any

from scenarios.errors import NotFound
from scenarios.files.settings_form import SETTING_COLUMNS, TARGET_COLUMN, TARGETS
from scenarios.normalise import table_names
from scenarios.settings import DEFAULT_SERVICE_TARGETS, SETTING_DEFAULTS
from scenarios.tables import TABLES, TEXTUAL, Column, Kind, Table
from scenarios.tables.choice_words import choice_word

LANGUAGES = ("en", "zh")
LISTS_SHEET = "#lists"
LONGEST_LIST = 250  # characters of choices that fit into a validation rule itself
DATA_ROWS = 10_000  # rows below the headings that get a drop-down list
HEADING_ROW = 3
REQUIRED_FILL, OPTIONAL_FILL, HELP_FILL = "FFD9EAD3", "FFF3F3F3", "FFFFF9E5"

_WORDS = {
    "en": {
        "settings": "settings",
        "key": "key",
        "value": "value",
        "help": "help",
        "required": "Required.",
        "default": "Default: {}.",
        "rule": "Default: {}.",
        "choices": "One of {}.",
        "references": "As in {}.",
        "unit": "Unit: {}.",
        "settings_help": "What holds for the whole scenario; green keys are required.",
        "flags": "yes,no",
    },
    "zh": {
        "settings": "设置",
        "key": "键",
        "value": "值",
        "help": "说明",
        "required": "必填。",
        "default": "默认：{}。",
        "rule": "默认：{}。",
        "choices": "可选：{}。",
        "references": "见{}。",
        "unit": "单位：{}。",
        "settings_help": "适用于整个方案；绿色为必填。",
        "flags": "是,否",
    },
}
_KINDS_ZH = {
    Kind.ID: "编码，按文本原样保留。",
    Kind.TEXT: "文本。",
    Kind.NUMBER: "数字。",
    Kind.INTEGER: "整数。",
    Kind.FLAG: "是或否。",
    Kind.DATE: "日期，如 2026-11-01。",
    Kind.MOMENT: "日期和时间，如 2026-11-01 08:30。",
    Kind.CLOCK: "时刻，如 08:30。",
    Kind.CHOICE: "",
}
_SETTINGS_ZH = {
    "name": "方案的名称。",
    "currency": "所有金额的币种，ISO 4217 代码，如 CNY。",
    "timezone": "IANA 名称，如 Asia/Shanghai；所有时间均为当地时间。",
    "start_date": "计划的第一天，如 2026-11-01。",
    "bucket": "计划时段的长度。",
    "horizon_buckets": "计划多少个时段。",
    "holding_rate_pct_per_year": "年持有成本占单位成本的百分比。",
    "shortage_rule": "缺货需求如何处理。",
    "unserved_penalty_per_unit": "每件未发货的罚金；空白：按售价。",
    "co2_price_per_tonne": "每吨二氧化碳当量的价格。",
    "amortisation_years": "开仓成本的摊销年数。",
    "coordinate_system": "经纬度所用坐标系；读入时转换为 WGS84。",
    "seed": "所有随机数的起点。",
    TARGETS: "该类商品的周期服务水平，如 0.95。",
}
_UNITS_ZH = {
    "money": "金额",
    "units": "件",
    "unit": "件",
    "kg": "千克",
    "m3": "立方米",
    "km": "公里",
    "m": "米",
    "days": "天",
    "day": "天",
    "week": "周",
    "h": "小时",
    "s": "秒",
    "min": "分钟",
    "%": "%",
    "g CO2e": "克二氧化碳当量",
    "t km": "吨公里",
}
_KINDS_EN = {
    Kind.DATE: "A date, as in 2026-11-01.",
    Kind.MOMENT: "Date and time, as in 2026-11-01 08:30.",
    Kind.CLOCK: "A time, as in 08:30.",
    Kind.FLAG: "yes or no.",
}
_SETTINGS = frozenset((*SETTING_COLUMNS, TARGET_COLUMN))
_STARTERS = frozenset({"products", "sites", "inventory", "demand_history", "forecasts", "orders"})
_FORMATS = {Kind.DATE: "yyyy-mm-dd", Kind.MOMENT: "yyyy-mm-dd hh:mm:ss"}


def write_template(path: Path, tables: Sequence[str] | None = None, language: str = "en") -> Path:
    """Write an empty workbook to fill in.

    Parameters
    ----------
    path : of the workbook; what is there is replaced
    tables : names of tables, English or Chinese; None: all
    language : of headings and help, "en" or "zh"

    Returns
    -------
    path : where it was written

    Raises
    ------
    NotFound
        There is no such table or language.
    """
    import openpyxl

    if language not in LANGUAGES:
        raise NotFound(f"no such language: {language}; known are {', '.join(LANGUAGES)}")
    book = openpyxl.Workbook()
    for sheet in list(book.worksheets):
        book.remove(sheet)
    lists: dict[tuple[str, ...], str] = {}
    _settings_sheet(book, language, lists)
    for name in _chosen(tables):
        _table_sheet(book, TABLES[name], language, lists)
    _lists_sheet(book, lists)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    try:
        book.save(beside)
        Path(beside).chmod(0o644)
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
    return path


def _chosen(tables: Sequence[str] | None) -> list[str]:
    """Return table names in the order of the contracts."""
    if tables is None:
        return list(TABLES)
    found = []
    for given in tables:
        name = table_names().find(given)
        if name is None:
            near = table_names().near(given)
            raise NotFound(f"no such table: {given}; {near}known are {', '.join(TABLES)}")
        found.append(name)
    return [name for name in TABLES if name in found]


def column_help(column: Column, language: str) -> str:
    """Return the line of help for a column: what it is, its unit, what may stand in it."""
    words = _WORDS[language]
    parts = []
    if language == "en":
        parts += [column.help, _KINDS_EN.get(column.kind, "")]
    else:
        about = _SETTINGS_ZH.get(column.name, "") if column in _SETTINGS else ""
        parts += [f"{column.name}：{about or _KINDS_ZH[column.kind]}"]
    if column.required:
        parts.append(words["required"])
    if column.unit:
        parts.append(words["unit"].format(_unit(column.unit, language)))
    if column.choices:
        named = [_named(choice, language) for choice in column.choices]
        parts.append(words["choices"].format(", ".join(named)))
    if column.references:
        places = [_place(reference, language) for reference in column.references]
        parts.append(words["references"].format(", ".join(places)))
    if column.default is not None:
        default = column.default
        if column.kind == Kind.CHOICE:
            default = choice_word(str(default), language)
        parts.append(words["default"].format(_default(default, language)))
    elif column.rule:
        parts.append(words["rule"].format(column.rule))
    return (" " if language == "en" else "").join(part for part in parts if part)


def _named(choice: str, language: str) -> str:
    """Return a choice as a cell may hold it, with its code where that is another word."""
    word = choice_word(choice, language)
    return word if word == choice else f"{word}（{choice}）"


def _unit(unit: str, language: str) -> str:
    """Return a unit such as money / kg in a language."""
    if language == "en":
        return unit
    halves = [_UNITS_ZH.get(half.strip(), half.strip()) for half in unit.split("/")]
    return "/".join(halves)


def _place(reference: str, language: str) -> str:
    """Return a reference such as products.product_id in a language."""
    table, _, column = reference.partition(".")
    if language == "en":
        return reference
    return f"{TABLES[table].zh}.{TABLES[table].by_name[column].zh}"


def _default(value: float | str | bool, language: str) -> str:
    if isinstance(value, bool):
        yes, no = _WORDS[language]["flags"].split(",")
        return yes if value else no
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _table_sheet(book: Any, table: Table, language: str, lists: dict[tuple[str, ...], str]) -> None:
    """Write the sheet of one table."""
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.utils import get_column_letter

    sheet = book.create_sheet(table.name if language == "en" else table.zh)
    about = f"{table.name}: {table.help}" if language == "en" else f"{table.zh}（{table.name}）"
    sheet.cell(1, 1, f"# {about}").font = Font(bold=True, size=12)
    wrapped = Alignment(wrap_text=True, vertical="top")
    for place, column in enumerate(table.columns, start=1):
        heading = column.name if language == "en" else column.zh
        help_text = column_help(column, language)
        remark = sheet.cell(2, place, f"# {help_text}" if place == 1 else help_text)
        remark.alignment = wrapped
        remark.font = Font(italic=True, size=9, color="FF666666")
        remark.fill = PatternFill("solid", fgColor=HELP_FILL)
        cell = sheet.cell(HEADING_ROW, place, heading)
        cell.font = Font(bold=True)
        fill = REQUIRED_FILL if column.required else OPTIONAL_FILL
        cell.fill = PatternFill("solid", fgColor=fill)
        letter = get_column_letter(place)
        width = 2 * len(heading) if language == "zh" else len(heading)
        sheet.column_dimensions[letter].width = max(18, width + 4)
        if column.kind in TEXTUAL:
            sheet.column_dimensions[letter].number_format = "@"
        elif column.kind in _FORMATS:
            sheet.column_dimensions[letter].number_format = _FORMATS[column.kind]
        rows = f"{letter}{HEADING_ROW + 1}:{letter}{HEADING_ROW + DATA_ROWS}"
        _drop_down(sheet, column, rows, language, lists)
    sheet.row_dimensions[2].height = 96
    if table.name in _STARTERS:
        sheet.sheet_properties.tabColor = REQUIRED_FILL
    sheet.freeze_panes = sheet.cell(HEADING_ROW + 1, 1)


def _drop_down(
    sheet: Any, column: Column, cells: str, language: str, lists: dict[tuple[str, ...], str]
) -> None:
    """Offer the choices of a column in its cells."""
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    if column.kind == Kind.FLAG:
        choices = tuple(_WORDS[language]["flags"].split(","))
    elif column.choices:
        choices = tuple(choice_word(choice, language) for choice in column.choices)
    else:
        return
    inline = ",".join(choices)
    if len(inline) <= LONGEST_LIST:
        formula = f'"{inline}"'
    else:
        letter = lists.setdefault(choices, get_column_letter(len(lists) + 1))
        formula = f"'{LISTS_SHEET}'!${letter}$1:${letter}${len(choices)}"
    rule = DataValidation(type="list", formula1=formula, allow_blank=True)
    rule.errorStyle = "warning"
    rule.error = inline[:200]
    rule.errorTitle = (column.name if language == "en" else column.zh)[:32]
    sheet.add_data_validation(rule)
    rule.add(cells)


def _lists_sheet(book: Any, lists: dict[tuple[str, ...], str]) -> None:
    """Write the hidden sheet of long lists of choices."""
    if not lists:
        return
    sheet = book.create_sheet(LISTS_SHEET)
    sheet.sheet_state = "hidden"
    for choices, letter in lists.items():
        for row, choice in enumerate(choices, start=1):
            sheet[f"{letter}{row}"] = choice


def _settings_sheet(book: Any, language: str, lists: dict[tuple[str, ...], str]) -> None:
    """Write the first sheet: key, value, help; defaults are filled in, the required are not."""
    from openpyxl.styles import Alignment, Font, PatternFill

    words = _WORDS[language]
    sheet = book.create_sheet(words["settings"])
    sheet.cell(1, 1, f"# {words['settings_help']}").font = Font(bold=True, size=12)
    for place, word in enumerate(("key", "value", "help"), start=1):
        sheet.cell(2, place, words[word]).font = Font(bold=True)
    targets = [(f"{TARGETS}.{name}", value) for name, value in DEFAULT_SERVICE_TARGETS.items()]
    rows = [(column, column.name, SETTING_DEFAULTS.get(column.name)) for column in SETTING_COLUMNS]
    rows += [(TARGET_COLUMN, key, value) for key, value in targets]
    for row, (column, key, value) in enumerate(rows, start=3):
        shown = key if language == "en" else key.replace(column.name, column.zh)
        name = sheet.cell(row, 1, shown)
        fill = REQUIRED_FILL if column.required else OPTIONAL_FILL
        name.fill = PatternFill("solid", fgColor=fill)
        cell = sheet.cell(row, 2, value)
        if column.kind in TEXTUAL:
            cell.number_format = "@"
        elif column.kind in _FORMATS:
            cell.number_format = _FORMATS[column.kind]
        cell.alignment = Alignment(horizontal="left")
        sheet.cell(row, 3, column_help(column, language))
        _drop_down(sheet, column, f"B{row}", language, lists)
    for letter, width in (("A", 32), ("B", 28), ("C", 90)):
        sheet.column_dimensions[letter].width = width
    sheet.freeze_panes = "A3"
