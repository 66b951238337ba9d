"""The pages of the project lead somewhere, and the site of them loads nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.site import LINK, ROOT, gather, notebook_page, pages

LOADED = re.compile(
    r"<(?:script|link|img|iframe)[^>]+(?:src|href)=[\"']?(https?:)?//", re.IGNORECASE
)
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", pages(), ids=str)
def test_links_lead_to_files(page: Path) -> None:
    """Every relative link of a page names a file of the project."""
    text = FENCED.sub("", (ROOT / page).read_text(encoding="utf-8"))
    broken = [
        target
        for target, _ in LINK.findall(text)
        if "://" not in target and not (ROOT / page.parent / target).exists()
    ]
    assert broken == []


def test_both_front_pages_name_each_other() -> None:
    """Whoever opens the English front page finds the Chinese one, and the other way round."""
    assert "](README.zh.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert "](README.md)" in (ROOT / "README.zh.md").read_text(encoding="utf-8")


def test_a_notebook_becomes_a_page_with_its_outputs() -> None:
    """Code, what it printed, and markup without the style sheets that frames bring."""
    printed = {"output_type": "stream", "text": ["4\n"]}
    frame = {
        "output_type": "execute_result",
        "data": {"text/html": ["<style>x</style>\n", "<b>5</b>"]},
    }
    cell = {"cell_type": "code", "source": ["2 + 2"], "outputs": [printed, frame]}
    text = "\n".join(notebook_page({"cells": [cell]}))
    assert text.split("```")[1] == "python\n2 + 2\n"
    assert text.split("```")[3] == "text\n4\n"
    assert '<div class="output"> <b>5</b></div>' in text


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """Build the site from sources in a folder, strictly."""
    configured = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    (folder / "mkdocs.yml").write_text(configured.replace("build/site-source", "source"))
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", "site"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.docs
def test_the_site_builds_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    """No page has a script, style, font or picture of another host."""
    pytest.importorskip("material")
    gather(tmp_path / "source")
    built = build(tmp_path)
    assert built.returncode == 0, built.stderr
    made = sorted((tmp_path / "site").rglob("*.html"))
    assert len(made) > len(pages())
    assert [page for page in made if LOADED.search(page.read_text(encoding="utf-8"))] == []


@pytest.mark.docs
@pytest.mark.parametrize("link", ["[x](nowhere.md)", "[x](glossary.md#nowhere)"])
def test_a_broken_link_fails_the_site(tmp_path: Path, link: str) -> None:
    """A link to a page, or to a heading, that is not there."""
    pytest.importorskip("material")
    gather(tmp_path / "source")
    page = tmp_path / "source" / "docs" / "what-if.md"
    page.write_text(page.read_text(encoding="utf-8") + f"\n{link}\n", encoding="utf-8")
    built = build(tmp_path)
    assert built.returncode != 0
    assert "nowhere" in built.stderr
