"""Commands speak Chinese where they are asked to, and JSON stays as it is."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

import api.cli
from api.cli.app import invoke
from api.cli.words import as_is, language, options_first, speak, told
from api.words.finding_words import finding_said
from api.words.language import Language
from api.words.said import PLACE
from scenarios import InputError
from scenarios.library import demo_scenario
from tests.api.sentence_sources import template

COMMANDS = Path(api.cli.__file__).parent
SIGNS = re.compile(r"[\u4e00-\u9fff]")
SAYS = ("told", "print_line", "print_table", "say")  # functions whose texts are said
SAME = ("gap %", "CO2e, kg", "CVaR 95", "P5", "P95 (VaR)", "+-")  # alike in both languages
# what those see who keep a service or bring in another system's files, not planners
KEEPERS = (
    "audit.py", "confirmations.py", "disruptions.py", "import_.py", "import_mapping.py", "keys.py",
    "operations.py",
)  # fmt: skip


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Begin and end in English, whatever the locale of those who test."""
    for name in ("HOLDFAST_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    speak("en", {})
    yield
    speak("en", {})


def shown() -> dict[str, str]:
    """Return every text that commands of planners print, and where it is written."""
    found = {}
    for path in sorted(COMMANDS.glob("*.py")):
        if path.name not in KEEPERS:
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                called = getattr(getattr(node, "func", None), "id", "")
                if called in SAYS:
                    texts = node.args[:2] if called == "print_table" else node.args[:1]
                    for text in (each for part in texts for each in _texts(part)):
                        found[text] = f"{path.name}:{node.lineno}"
    return found


def _texts(node: ast.expr) -> Iterator[str]:
    text = template(node)
    if text is not None:
        yield from (line.strip() for line in text.split("\n") if re.search("[A-Za-z]{2}", line))
    elif isinstance(node, ast.List | ast.Tuple | ast.IfExp):
        parts = [node.body, node.orelse] if isinstance(node, ast.IfExp) else node.elts
        for part in parts:
            yield from _texts(part)


def test_every_text_of_a_planners_command_has_its_chinese() -> None:
    """Sentences, titles and headings; a new one fails here until it is told."""
    speak("zh", {})
    missing = {
        text: where
        for text, where in shown().items()
        if re.search("[A-Za-z]{2}", PLACE.sub("", text)) and text not in SAME
        and not SIGNS.search(told(PLACE.sub(lambda place: f"X{place.group(1)}", text)))
    }  # fmt: skip
    assert missing == {}


@pytest.mark.parametrize(
    ("given", "environment", "expected"),
    [
        ("", {}, "en"),
        ("", {"LANG": "zh_CN.UTF-8"}, "zh"),
        ("", {"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ("", {"LANG": "fr_FR.UTF-8"}, "en"),
        ("", {"LANG": "zh_CN.UTF-8", "HOLDFAST_LANG": "en"}, "en"),
        ("zh-CN", {"HOLDFAST_LANG": "en"}, "zh"),
    ],
)
def test_the_nearest_word_decides_the_language(
    given: str, environment: dict[str, str], expected: str
) -> None:
    """--lang, then HOLDFAST_LANG, then the locale; other locales are spoken to in English."""
    speak(given, environment)
    assert language() == expected
    assert language(as_json=True) == "en"
    assert language("zh", as_json=True) == "zh"


def test_a_language_that_there_is_not_is_refused() -> None:
    """By name it is a mistake, of a locale it is none."""
    with pytest.raises(InputError, match="HOLDFAST_LANG is en or zh, not 'fr'"):
        speak("", {"HOLDFAST_LANG": "fr"})


def test_options_of_the_whole_may_stand_behind_a_command() -> None:
    """Before `--` only: what is behind it are names."""
    given = ["validate", "a.xlsx", "--lang", "zh", "--json", "--debug", "--", "--debug"]
    assert options_first(given) == [
        "--lang", "zh", "--debug", "validate", "a.xlsx", "--json", "--", "--debug",
    ]  # fmt: skip


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    """Write the corner shop with a stock of -5, as a folder."""
    place = demo_scenario("corner-shop").save(tmp_path / "shop", "csv")
    file = place / "inventory.csv"
    lines = file.read_text("utf-8").splitlines()
    cells = lines[1].split(",")
    cells[lines[0].split(",").index("on_hand")] = "-5"
    file.write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]) + "\n", encoding="utf-8")
    return place


def test_findings_are_told_in_chinese(workbook: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Severity, place and remedy; the code of the rule stays, for it is looked up."""
    assert invoke(["validate", str(workbook), "--lang", "zh"]) == 2
    told_ = capsys.readouterr().out
    assert "库存.在库数量 第 2 行" in told_
    assert "原值：-5" in told_
    assert "out_of_range" in told_
    assert "在错误消除之前不能计划" in told_


def test_errors_are_told_in_chinese(
    workbook: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A scenario with errors is not planned, and why stands in the language of the locale."""
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert invoke(["plan", str(workbook), "--out", str(workbook / "plan")]) == 2
    told_ = capsys.readouterr().err
    assert "输入有误" in told_
    assert "库存.在库数量 第 2 行" in told_


def test_json_is_the_same_in_both_languages(
    workbook: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of findings and of an error, word for word."""
    for command in (["validate", str(workbook)], ["validate", str(workbook / "none")]):
        answers = []
        for lang in ("en", "zh"):
            assert invoke([*command, "--json", "--lang", lang]) == 2
            answers.append(json.loads(capsys.readouterr().out))
        assert answers[0] == answers[1]


def test_a_marked_copy_is_written_again_and_may_be_mended(
    workbook: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In Chinese, twice to one file; mended in it, it is a scenario, and is not overwritten."""
    copy = tmp_path / "copy.xlsx"
    for _ in range(2):
        assert invoke(["validate", str(workbook), "--mark", str(copy), "--lang", "zh"]) == 2
    book = openpyxl.load_workbook(copy)
    assert "# 检查结果" in book.sheetnames
    cell = book["库存"].cell(2, [each.value for each in book["库存"][1]].index("在库数量") + 1)
    assert cell.value == -5
    assert "错误：out_of_range" in cell.comment.text
    cell.value = 5
    book.properties.lastModifiedBy = "Li Wei"  # as spreadsheet programs do
    book.save(copy)
    capsys.readouterr()
    assert invoke(["validate", str(copy)]) == 0
    assert "unknown_sheet" not in capsys.readouterr().out
    assert invoke(["validate", str(workbook), "--mark", str(copy)]) == 2
    assert "--force" in capsys.readouterr().err
    assert invoke(["validate", str(workbook), "--mark", str(copy), "--force"]) == 2
    assert "--force" not in capsys.readouterr().err


def test_findings_name_headings_as_the_workbook_does() -> None:
    """Columns and tables by their Chinese headings, values as they were given."""
    told_ = finding_said(
        Language("zh"),
        {
            "code": "unknown_reference",
            "table": "inventory",
            "hint": "not in products.product_id: add it there or correct it (did you mean sp12?)",
        },
    )
    assert told_ == "不在 商品.商品编码 中：请在那里增加或更正（是否指 sp12？）"
    read = {"code": "bad_setting", "table": "settings", "hint": "read as CNY"}
    assert finding_said(Language("zh"), read) == "读作 CNY"


def test_one_mistake_in_many_rows_is_told_once(
    workbook: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A product that is not there, in 3 rows more: one line, and the count of all."""
    file = workbook / "order_lines.csv"
    lines = file.read_text("utf-8").splitlines()
    at = lines[0].split(",").index("product_id")
    for row in (1, 2, 3, 4):
        cells = lines[row].split(",")
        cells[at] = "NOBODY"
        lines[row] = ",".join(cells)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    invoke(["validate", str(workbook)])
    told_ = capsys.readouterr().out
    assert told_.count("given: NOBODY") == 1
    assert "and 3 more rows, as 3" in told_


def test_paths_and_names_are_not_said() -> None:
    """A folder that is called plan stays plan, in both languages."""
    assert told(f"The plan is in {as_is('plan')}.") == "The plan is in plan."
    speak("zh", {})
    assert told(f"The plan is in {as_is('plan')}.") == "计划在 plan。"
    assert told("Not planned: the scenario has no carrier_rates.") == "未计划：方案没有运费。"
