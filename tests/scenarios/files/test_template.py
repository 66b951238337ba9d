"""Empty workbooks to fill in, and the command that writes them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from api.cli.app import invoke
from scenarios import NotFound, Scenario, Severity
from scenarios.files import examine_path, read_scenario
from scenarios.files.settings_form import SETTING_COLUMNS, TARGET_COLUMN, settings_rows
from scenarios.files.template import HEADING_ROW, column_help, write_template
from scenarios.tables import TABLES, Kind
from scenarios.tables.choice_words import CHOICES_ZH, choice_word, words_of

TABLE_NAMES = (
    "products",
    "sites",
    "inventory",
    "demand_history",
    "calendars",
    "inventory_policies",
)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_untouched_template_lacks_only_its_settings(tmp_path: Path, language: str) -> None:
    """The reader takes every sheet as an empty table, and asks for the required settings."""
    reading = examine_path(write_template(tmp_path / "t.xlsx", language=language))
    errors = {f.code for f in reading.findings if f.severity != Severity.INFO}
    assert errors == {"missing_setting"}
    missing = {f.column for f in reading.findings if f.code == "missing_setting"}
    assert missing == {
        "name",
        "currency",
        "timezone",
        "start_date",
        "bucket",
        "horizon_buckets",
    }


def fill(path: Path, scenario: Scenario, language: str) -> None:
    """Fill in a template as a person would: below the headings, yes and no in the language."""
    book = openpyxl.load_workbook(path)
    settings = book.worksheets[0]
    chinese = {column.name: column.zh for column in (*SETTING_COLUMNS, TARGET_COLUMN)}
    rows = {row[0].value: row for row in settings.iter_rows()}
    for key, value in settings_rows(scenario.settings).items():
        head, dot, tail = key.partition(".")
        shown = key if language == "en" else chinese[head] + dot + tail
        choices = {column.name: column.choices for column in SETTING_COLUMNS}.get(key, ())
        rows[shown][1].value = choice_word(value, language) if value in choices else value
    for name in scenario.tables:
        if name not in TABLE_NAMES:
            continue
        table = TABLES[name]
        sheet = book[name if language == "en" else table.zh]
        headings = [cell.value for cell in sheet[HEADING_ROW]]
        for row_number, record in enumerate(scenario.tables[name].to_dict("records")):
            for column, value in record.items():
                contract = table.by_name[column]
                heading = column if language == "en" else contract.zh
                cell = sheet.cell(HEADING_ROW + 1 + row_number, headings.index(heading) + 1)
                cell.value = typed(value, contract.kind, language)
    book.save(path)


def typed(value: Any, kind: Kind, language: str) -> Any:
    """Return a value as a person types it."""
    if value is None or value != value:
        return None
    if kind == Kind.FLAG:
        return ("yes" if value else "no") if language == "en" else ("是" if value else "否")
    if kind == Kind.CHOICE:
        return choice_word(value, language)
    if kind in {Kind.DATE, Kind.MOMENT}:
        return value.to_pydatetime()
    return value


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_filled_template_reads_cleanly(
    corner_shop: Scenario, tmp_path: Path, language: str
) -> None:
    """What a person fills in below the headings is the scenario, without a warning."""
    part = Scenario(corner_shop.settings, {name: corner_shop.tables[name] for name in TABLE_NAMES})
    path = write_template(tmp_path / "t.xlsx", language=language)
    fill(path, part, language)
    reading = examine_path(path)
    assert [str(f) for f in reading.findings if f.severity != Severity.INFO] == []
    assert read_scenario(path).content_hash == part.content_hash


def test_choices_come_as_lists(tmp_path: Path) -> None:
    """Columns of choices and flags have drop-down lists, long ones from a hidden sheet."""
    book = openpyxl.load_workbook(write_template(tmp_path / "t.xlsx"))
    rules = {
        str(rule.sqref).split(":")[0]: rule.formula1
        for rule in book["disruptions"].data_validations.dataValidation
    }
    kinds = TABLES["disruptions"].by_name["kind"].choices
    assert rules["B4"] == f"'#lists'!$A$1:$A${len(kinds)}"
    assert [cell.value for cell in book["#lists"]["A"]] == list(kinds)
    assert book["#lists"].sheet_state == "hidden"
    sites = {rule.formula1 for rule in book["sites"].data_validations.dataValidation}
    assert '"open,candidate,closed"' in sites


def test_id_columns_are_text_from_the_start(tmp_path: Path) -> None:
    """Leading zeros typed into an id column stay."""
    book = openpyxl.load_workbook(write_template(tmp_path / "t.xlsx", ["products"]))
    assert book.sheetnames == ["settings", "products"]
    assert book["products"].column_dimensions["A"].number_format == "@"
    assert book["products"].freeze_panes == "A4"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_column_has_help(language: str) -> None:
    """The help of every column says whether it is required, and never leaves a gap."""
    for table in TABLES.values():
        for column in table.columns:
            text = column_help(column, language)
            assert text
            assert "{}" not in text
            required = "Required." if language == "en" else "必填。"
            assert (required in text) == column.required


def test_unknown_tables_and_languages(tmp_path: Path) -> None:
    """A mistyped table is refused with the nearest name, and nothing is written."""
    with pytest.raises(NotFound, match="'products' meant"):
        write_template(tmp_path / "t.xlsx", ["product"])
    with pytest.raises(NotFound, match="en, zh"):
        write_template(tmp_path / "t.xlsx", language="de")
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_and_does_not_overwrite(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`holdfast template` says what it wrote, and replaces a workbook only when told to."""
    path = tmp_path / "mine.xlsx"
    assert invoke(["template", str(path), "--tables", "products,站点", "--language", "zh"]) == 0
    assert "2 tables" in capsys.readouterr().out
    assert openpyxl.load_workbook(io.BytesIO(path.read_bytes())).sheetnames == [
        "设置",
        "商品",
        "站点",
    ]
    before = path.read_bytes()
    assert invoke(["template", str(path)]) == 2
    assert path.read_bytes() == before
    capsys.readouterr()
    assert invoke(["template", str(path), "--force", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "path": str(path),
        "language": "en",
        "tables": len(TABLES),
    }
    assert invoke(["template", str(tmp_path / "mine.docx")]) == 2


def test_every_code_has_a_chinese_word_and_no_word_means_two() -> None:
    """Signs, classes and names of coordinate systems are written as they are."""
    columns = [c for t in TABLES.values() for c in t.columns] + list(SETTING_COLUMNS)
    as_they_are = {"A", "B", "C", "<", "<=", ">", ">=", "=", "WGS84", "GCJ02", "BD09"}
    codes = {code for column in columns for code in column.choices}
    assert codes - as_they_are == set(CHOICES_ZH)
    for column in columns:
        words = [word for code in column.choices for word in CHOICES_ZH.get(code, ())]
        assert len(words_of(column)) == len(words), column.name
