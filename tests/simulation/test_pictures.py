"""Pictures without boxes: Chinese names in an installed font, or labels that can be drawn."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest
from test_stress import facts, plan_for

from simulation.lettering import CHINESE, Lettering, find_lettering
from simulation.resilience import scan_plan
from simulation.stress import stress

matplotlib = pytest.importorskip("matplotlib")


@pytest.fixture
def no_chinese(monkeypatch):
    """Hide the Chinese fonts of the machine."""
    from matplotlib import font_manager

    kept = [font for font in font_manager.fontManager.ttflist if font.name not in CHINESE]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", kept)


@pytest.fixture
def one_chinese(no_chinese, tmp_path):
    """Install a font with two Chinese characters under the name of a known one."""
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen
    from matplotlib import font_manager

    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for point in ((500, 0), (500, 500), (0, 500)):
        pen.lineTo(point)
    pen.closePath()
    square = pen.glyph()
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder([".notdef", "one", "two"])
    font.setupCharacterMap({ord("断"): "one", ord("供"): "two"})
    font.setupGlyf({".notdef": square, "one": square, "two": square})
    font.setupHorizontalMetrics(dict.fromkeys((".notdef", "one", "two"), (600, 0)))
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupNameTable({"familyName": "WenQuanYi Micro Hei", "styleName": "Regular"})
    font.setupOS2(sTypoAscender=800, sTypoDescender=-200, usWinAscent=800, usWinDescent=200)
    font.setupPost()
    font.save(tmp_path / "wqy.ttf")
    font_manager.fontManager.addfont(tmp_path / "wqy.ttf")


def test_without_a_chinese_font_the_title_stands_in(no_chinese):
    """断供 cannot be drawn: the title is taken, and where that cannot be either, a number."""
    letters = find_lettering(["断供"])
    assert letters.fonts == ("DejaVu Sans",)
    assert letters.label("断供", "supplier out", "case 1") == "supplier out"
    assert letters.label("断供", "供应商停产", "case 1") == "case 1"


def test_an_installed_chinese_font_is_used(one_chinese):
    """断供 is drawn by the installed font; a name with other characters is not."""
    letters = find_lettering(["断供", "爆单"])
    assert letters.fonts == ("DejaVu Sans", "WenQuanYi Micro Hei")
    assert letters.label("断供", "case 1") == "断供"
    assert letters.label("爆单", "case 2") == "case 2"


def test_of_the_last_label_what_can_be_drawn_is_kept():
    """Nothing is ever drawn as a box."""
    assert Lettering(("x",), frozenset(map(ord, "abc:"))).label("断", "a断b") == "ab"


@pytest.mark.slow
def test_pictures_of_chinese_cases_have_no_boxes(no_chinese, tmp_path):
    """A missing glyph is a warning of matplotlib, and warnings are errors here."""
    from simulation.pictures import draw_scan, draw_stress

    scenario = facts()
    result = stress(scenario, plan_for(scenario), replications=2)
    tables = {
        name: frame.assign(case=frame["case"].replace({"STRIKE": "断供", "RUSH": "爆单"}))
        for name, frame in result.tables.items()
    }
    titles = {"baseline": "", "断供": "供应商停产", "爆单": "demand surge"}
    result = replace(result, tables=MappingProxyType(tables), titles=MappingProxyType(titles))
    assert len(draw_stress(result, "EUR", tmp_path)) == 2
    found = scan_plan(scenario, plan_for(scenario), worst=2)
    table = found.table.assign(node=found.table["node"].replace({"supplier:V": "supplier:锦织"}))
    grid = found.grid.assign(node=found.grid["node"].replace({"supplier:V": "supplier:锦织"}))
    assert len(draw_scan(replace(found, table=table, grid=grid), "EUR", tmp_path)) == 2
