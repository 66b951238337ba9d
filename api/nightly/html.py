"""A night's report as one HTML page, in English or Chinese: no script, nothing from outside."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.nightly.words import WORDS
from api.words.language import Language as Writer
from api.words.sentences import alert_text

Language = Literal["en", "zh"]
_FOLDER: Final = Path(__file__).parent / "templates"


def report_page(document: Mapping[str, Any], language: Language = "en") -> str:
    """Return the page of a report that `report_document` made."""
    template = _environment().get_template("report.html")
    style = (_FOLDER / "report.css").read_text(encoding="utf-8")
    words = {key: pair[0 if language == "en" else 1] for key, pair in WORDS.items()}
    writer = Writer(language)
    return template.render(
        report=document,
        w=words,
        language=language,
        style=style,
        alert=lambda row: alert_text(writer, row),
        word=writer.word,
    )


def page_policy() -> str:
    """Return the Content-Security-Policy under which the page shows as it should."""
    style = (_FOLDER / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    )


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters["figure"] = _figure
    made.filters["signed"] = _signed
    return made


def _figure(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        whole = value == int(value) or abs(value) >= 10_000
        return f"{value:,.0f}" if whole else f"{value:,.4g}" if abs(value) < 1 else f"{value:,.2f}"
    return str(value)


def _signed(value: Any) -> str:
    if value is None:
        return "–"
    text = _figure(float(value))
    return text if value <= 0 else f"+{text}"
