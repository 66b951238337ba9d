"""Gathers what the site is built from: `python -m tools.site build/site-source`.

Pages stand where they stand in the repository, so that links between them hold on the site, in
the repository and in a wheel's README alike. Notebooks become pages with the outputs that they
were kept with; links to sources become files.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PACKAGES = ("optimizer", "simulation", "scenarios", "api", "benchmarks")
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")
RAN = "```python\n{}\n```\n"
TOLD = "```text\n{}\n```\n"


def pages() -> list[Path]:
    """Return every Markdown page of the project, relative to its root."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "notebooks/README.md"]
    for package in PACKAGES:
        found += ROOT.glob(f"{package}/**/README.md")
    return sorted(path.relative_to(ROOT) for path in found)


def gather(folder: Path) -> None:
    """Write the sources of the site into a folder, which is made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    for page in pages():
        text = (ROOT / page).read_text(encoding="utf-8")
        for target in linked(page, text):
            if target.suffix not in (".md", ".ipynb") and (ROOT / target).is_file():
                _copy(target, folder)
        place = folder / page
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(re.sub(r"\.ipynb\)", ".md)", text), encoding="utf-8")
    for notebook in sorted(ROOT.glob("notebooks/*.ipynb")):
        document = json.loads(notebook.read_text(encoding="utf-8"))
        place = folder / "notebooks" / f"{notebook.stem}.md"
        place.write_text("\n".join(notebook_page(document)), encoding="utf-8")


def linked(page: Path, text: str) -> Iterator[Path]:
    """Return the files of the project that a page links to, relative to its root."""
    for target, _ in LINK.findall(text):
        if "://" not in target:
            path = (ROOT / page.parent / target).resolve()
            if path.is_relative_to(ROOT):
                yield path.relative_to(ROOT)


def _copy(path: Path, folder: Path) -> None:
    place = folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / path, place)


def notebook_page(document: Mapping[str, Any]) -> Iterator[str]:
    """Return the cells of a notebook as Markdown, each with its outputs."""
    for cell in document["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            yield f"{text}\n"
            continue
        yield RAN.format(text)
        for output in cell["outputs"]:
            data = output.get("data", {})
            if "image/png" in data:
                picture = "".join(data["image/png"]).replace("\n", "")
                about = escape(text.splitlines()[-1])
                yield f'<img alt="{about}" src="data:image/png;base64,{picture}">\n'
            elif "text/html" in data:
                shown = re.sub(r"\s*\n\s*", " ", "".join(data["text/html"]))
                shown = re.sub(r"<style.*?</style>", "", shown)
                yield f'<div class="output">{shown}</div>\n'
            else:
                yield TOLD.format("".join(output.get("text", data.get("text/plain", ""))).rstrip())


def main(arguments: Sequence[str]) -> None:
    """Gather the sources in the folder given."""
    if len(arguments) != 1:
        raise SystemExit("usage: python -m tools.site build/site-source")
    gather(Path(arguments[0]))


if __name__ == "__main__":
    main(sys.argv[1:])
