"""What pages load, and in which words they speak."""

from __future__ import annotations

import hashlib
import json
import re
import string
from pathlib import Path

import pytest

import api.pages
import api.words
from api.pages.view import PAGE_TITLES
from api.services.promotion_words import CAUSES, FIGURES, ITEMS, LEVELS, WAYS
from api.words.finding_words import chinese, finding_said, notices
from api.words.language import Language, catalogue
from api.words.sentences import ALERTS, WARNINGS, alert_text, alert_title
from optimizer.plan import Plan
from optimizer.plan_tables import PLAN_TABLES
from optimizer.stages import STAGES
from scenarios import InputError, Scenario
from scenarios.library import DESCRIPTIONS
from scenarios.tables import TABLES
from scenarios.validation import validate

PAGES = Path(api.pages.__file__).parent
WORDS = Path(api.words.__file__).parent
VENDORED = (PAGES / "static/vendor", Path(__file__).parents[1] / "browser/vendor")
TEXT = r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'"
STATES = ("queued", "running", "cancelling", "succeeded", "failed", "cancelled")


@pytest.mark.parametrize("folder", VENDORED, ids=lambda path: path.parent.name)
def test_vendored_files_are_as_they_were_published(folder: Path) -> None:
    """Every file has the digest of its list, every folder its licence, and no file is left out."""
    listed = dict(
        reversed(line.split("  ")) for line in (folder / "SHA256SUMS").read_text().splitlines()
    )
    there = {path.relative_to(folder).as_posix() for path in folder.glob("*/*")}
    assert set(listed) == there
    for name, digest in listed.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name
    for library in {name.split("/")[0] for name in there}:
        assert f"{library}/LICENSE" in there


def shown_texts() -> set[str]:
    """Return every text that templates, scripts and modules of pages ask the catalogue for."""
    found = set(PAGE_TITLES.values()) | set(ALERTS.values()) | set(WARNINGS.values())
    found |= set(DESCRIPTIONS.values())
    for words in (ITEMS, CAUSES, FIGURES, LEVELS, WAYS):
        found |= set(words.values())
    for path in (
        *PAGES.glob("templates/*.html"),
        *PAGES.glob("static/js/*.js"),
        *PAGES.glob("*.py"),
        *WORDS.glob("*.py"),
    ):
        text = path.read_text("utf-8")
        calls = re.findall(rf"(?<!\w)t\(\s*(?:{TEXT})", text)
        for table, other in re.findall(r"(?<!\w)t\(\{(.*?)\}(?:\[|\.get\(\w+, \"(.*?)\"\))", text):
            calls += [*re.findall(rf":\s*(?:{TEXT})", table), (other, "")]
        found |= {(a or b).replace("\\'", "'") for a, b in calls}
    return found - {""}


def test_every_text_has_its_chinese() -> None:
    """No text of a page, a script or a module is missing from the catalogue."""
    assert sorted(shown_texts() - set(catalogue())) == []


def test_translations_keep_the_places_of_values() -> None:
    """{n} in English is {n} in Chinese."""
    for english, translated in catalogue().items():
        assert places(english) == places(translated), english


def places(text: str) -> set[str]:
    """Return the names of the values in a text."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_word_of_the_contracts_has_its_chinese() -> None:
    """Choices of tables, stages and states of runs; single letters and signs stay as they are."""
    words = {
        choice.replace("_", " ")
        for table in (*PLAN_TABLES.values(), *TABLES.values())
        for column in table.columns
        for choice in column.choices
        if len(choice) > 1 and choice.isidentifier()
    }
    words |= set(STAGES) | set(STATES)
    assert sorted(words - set(catalogue())) == []


def test_every_notice_has_its_chinese() -> None:
    """A notice of the checks has words, with no parameter that its hint does not have."""
    missing = set(notices()) - set(chinese())
    assert sorted(missing) == []
    for code, notice in notices().items():
        assert places(chinese()[code]) <= places(notice.hint), code


@pytest.mark.slow
def test_findings_of_the_festival_are_said_in_chinese(double_eleven: Scenario) -> None:
    """What is noticed about the retailer has Chinese signs in every sentence."""
    findings = [*validate(double_eleven)]
    assert findings
    for finding in findings:
        told = {"code": finding.code, "hint": finding.hint}
        assert re.search(r"[\u4e00-\u9fff]", finding_said(Language("zh"), told)), finding
        assert finding_said(Language("en"), told) == finding.hint


@pytest.mark.slow
def test_alerts_are_said_in_chinese(double_plan: Plan, corner_plan: Plan) -> None:
    """Every alert of both plans has a title and a reason in Chinese."""
    for plan in (double_plan, corner_plan):
        for alert in plan.table("alerts").to_dict("records"):
            for said in (alert_title(Language("zh"), alert), alert_text(Language("zh"), alert)):
                assert re.search(r"[\u4e00-\u9fff]", said), alert
                assert not said.startswith(Language("zh").t("measured frequency {share}", share=""))


def test_numbers_and_dates_are_written_as_each_language_does() -> None:
    """By hand: 12,345.5 units, 1.2 million yuan, a Thursday, 98 percent."""
    import datetime as dt

    english, chinese_ = Language("en"), Language("zh")
    assert english.number(12345.5) == "12,346"
    assert english.number(0.126) == "0.13"
    assert english.number(0.00126) == "0.0013"
    assert english.number(None) == "–"
    assert english.money(1_234_567.0, "CNY", short=True) == "¥1.2 M"
    assert chinese_.money(1_234_567.0, "CNY", short=True) == "¥123 万"
    assert english.money(-3.0, "CHF") == "−CHF 3.00"
    assert english.date(dt.date(2026, 11, 26)) == "Thu 26 Nov 2026"
    assert chinese_.date(dt.date(2026, 11, 26)) == "2026年11月26日 周四"
    assert english.percent(0.976) == "98 %"
    assert english.seconds(245.0) == "4 min 05 s"
    assert json.loads((WORDS / "words.json").read_text("utf-8")).items() <= catalogue().items()


@pytest.mark.parametrize(
    ("code", "name", "said"),
    [
        ("en", "usual:raise_buffer:product:MUG", "raise buffer: product MUG"),
        ("zh", "usual:raise_buffer:product:MUG", "提高缓冲库存：商品 MUG"),
        ("zh", "usual:expedite:lane:S12>R1", "加急：线路 S12>R1"),
        ("zh", "台风预案", "台风预案"),
    ],
)
def test_a_usual_playbook_is_said_in_words(code: str, name: str, said: str) -> None:
    """What a usual one does to what; the planner's own keep their ids."""
    assert Language(code).playbook(name) == said


def test_cells_that_cannot_be_read_are_told_in_chinese(tmp_path: Path) -> None:
    """Words for a number, a flag, a day, a time and a choice; a day of two meanings; no column."""
    tables = {
        "products": [
            {"product_id": "A", "unit_cost": "two", "unit_price": "1,234", "weight_kg": "3 kg"}
        ],
        "sites": [{"site_id": "W1", "kind": "a place"}],
        "promotions": [
            {"promotion_id": "P", "start": "someday", "end": "31.02.2026"},
            {"promotion_id": "Q", "start": "03/04/2026", "end": "2026-04-05"},
        ],
        "calendars": [{"calendar_id": "C", "date": "2026-01-05", "is_working": "maybe"}],
        "vehicles": [{"vehicle_type": "van", "depot_id": "W1", "shift_start": "noon"}],
    }  # fmt: skip
    settings = {"name": "s", "start_date": "2026-01-05"}
    path = tmp_path / "scenario.json"
    path.write_text(json.dumps({"settings": settings, "tables": tables}))
    with pytest.raises(InputError) as refused:
        Scenario.load(path)
    assert {
        "not_a_number", "not_a_flag", "not_a_date", "ambiguous_date", "not_a_time",
        "unknown_choice", "missing_column", "thousands_separator",
    } <= {finding.code for finding in refused.value.findings}  # fmt: skip
    for finding in refused.value.findings:
        told = {"code": finding.code, "hint": finding.hint}
        assert re.search(r"[\u4e00-\u9fff]", finding_said(Language("zh"), told)), finding
