"""Sentences that stages, runs and errors write in English are said in Chinese."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from api.words.language import LANGUAGES, Language
from api.words.said import LONGEST, PLACE, said, sentences
from optimizer.plan import Plan
from tests.api.conftest import Door, settings_for
from tests.api.sentence_sources import sentences as written

ZH = Language("zh")
SIGNS = re.compile(r"[\u4e00-\u9fff]")
COLUMNS = ("detail", "cheapest_relaxation", "what_helps", "action")


@pytest.mark.no_database
def test_every_sentence_that_code_writes_has_its_chinese() -> None:
    """Of notes, reasons, details, progress and errors; a new one fails here until it is told."""
    missing = {}
    for english, where in written().items():
        chinese = said(ZH, PLACE.sub(lambda place: f"X{place.group(1)}", english))
        if not (SIGNS.search(chinese) or "：" in chinese or english == "of {1}"):
            missing[english] = where
    assert missing == {}


@pytest.mark.no_database
def test_sources_are_found() -> None:
    """A note, a reason of a run, a detail, a progress line and an error are among them."""
    found = set(written())
    assert {
        "The search is a heuristic: a cheaper choice may exist.",
        "its process ended with code {1}",
        "a shift until {1}",
        "{1} series sampled",
        "no scenario {1}",
    } <= found


@pytest.mark.no_database
def test_translations_name_no_value_that_there_is_not() -> None:
    """{2} in Chinese is {2} in English."""
    for english, chinese in sentences().items():
        assert set(PLACE.findall(chinese)) <= set(PLACE.findall(english)), english


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("gates: fill-rate, budget", "未过门槛：fill-rate，预算"),
        ("205.92 kg; rates to zone Z16 hold at most 80 kg", "205.92 kg；到区 Z16 的费率至多 80 kg"),
        ("12 product-locations, 34 options", "12 个产品-地点，34 个选项"),
        (
            "needs 3 of TEA, 2 of CUP and more; W1 keeps it for SHOP until 2 days after the start",
            "需要 TEA 3 件，CUP 2 件等；W1 为SHOP保留，到开始后 2 天",
        ),
        (
            "Not simulated: limits on money, storage and shares after the plan's own orders.",
            "未模拟：计划自身订单之后的金额、库容和份额限制。",
        ),
        ("No limit was hurt, says nobody", "No limit was hurt, says nobody"),
    ],
)
def test_sentences_within_sentences(english: str, chinese: str) -> None:
    """Values are said too; a sentence that is not known stays as it was written."""
    assert said(ZH, english) == chinese
    assert said(Language("en"), english) == english


def test_blanks_and_endless_texts_are_left() -> None:
    """Of a blank cell nothing is said; a text that is too long stays."""
    assert said(ZH, None) == said(ZH, float("nan")) == ""
    assert said(ZH, "no run X" * LONGEST) == "no run X" * LONGEST


@pytest.mark.slow
def test_whole_plans_are_said_in_chinese(double_plan: Plan, corner_plan: Plan) -> None:
    """Every note and every cell of a column of sentences has Chinese signs."""
    for plan in (double_plan, corner_plan):
        texts = [note for notes in plan.notes.values() for note in notes]
        for table in plan.tables.values():
            for name in set(COLUMNS) & set(table.columns):
                texts += [str(text) for text in table[name].dropna().unique() if text]
        assert [text for text in texts if not SIGNS.search(said(ZH, text))] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_scripts_are_told_sentences_in_the_language_of_the_page(
    tmp_path: Path, language: str
) -> None:
    """The cookie decides; a caller without a key is told nothing."""
    door = Door(settings_for(tmp_path), works=False)
    try:
        door.http.cookies.set("holdfast_language", language)
        answer = door.http.post("/words/said", json={"texts": ["no run R1", "W1"]})
        expected = {"en": ["no run R1", "W1"], "zh": ["没有运行 R1", "W1"]}
        assert answer.json() == {"texts": expected[language]}
        hint = "not in products.product_id: add it there or correct it"
        noticed = {"code": "unknown_reference", "hint": hint, "table": "inventory"}
        told = door.http.post("/words/findings", json={"findings": [noticed]}).json()
        assert (told["texts"] == [hint]) == (language == "en")
        bare = door.http.post("/words/said", json={"texts": []}, headers={"Authorization": ""})
        assert bare.status_code == 401
    finally:
        door.close()


def test_a_page_of_an_error_is_said(tmp_path: Path) -> None:
    """A plan that there is not, on a Chinese page."""
    door = Door(settings_for(tmp_path), works=False)
    try:
        door.http.cookies.set("holdfast_language", "zh")
        answer = door.http.get("/plans/plan-1", headers={"Accept": "text/html"})
        assert answer.status_code == 404
        assert "没有计划" in answer.text
    finally:
        door.close()
