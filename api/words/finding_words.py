"""What checks say about a scenario, in both languages."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from api.words.language import Language
from api.words.said import ENGLISH, said
from scenarios.files.settings_form import SETTING_COLUMNS
from scenarios.tables import TABLES
from scenarios.validation.notice import Notice

CHINESE: Final = Path(__file__).parent / "findings_zh.json"
SENTENCES: Final = ("similar", "detail", "city", "goods")  # parameters that are words
SETTINGS: Final = {column.name: column.zh for column in SETTING_COLUMNS if "_" in column.name}
_NAME: Final = re.compile(
    r"(?<![\w.'{-])([a-z][a-z0-9_]{2,})(?:\.([a-z][a-z0-9_]+))?(?![\w'}-])", re.ASCII
)
FEW_ENGLISH: Final = 3  # words, as of a file's name, in what was said of a hint
_SIGNS: Final = re.compile(r"[\u4e00-\u9fff]")
_PART: Final = re.compile(r"\{(\w+)\}")


@cache
def chinese() -> dict[str, str]:
    """Return what to do about a finding in Chinese, by its code; {parameters} as in the hint."""
    found: dict[str, str] = json.loads(CHINESE.read_text("utf-8"))
    return found


@cache
def notices() -> dict[str, Notice]:
    """Return every notice of the checks, by its code."""
    import scenarios.validation as checks

    found = {}
    for module in pkgutil.iter_modules(checks.__path__):
        for value in vars(importlib.import_module(f"{checks.__name__}.{module.name}")).values():
            if isinstance(value, Notice):
                found[value.code] = value
    return found


def finding_said(language: Language, finding: Mapping[str, Any]) -> str:
    """Say what to do about a finding; as it was said where a language has no words for it."""
    hint, code = str(finding.get("hint", "")), str(finding.get("code", ""))
    if language.code == "en":
        return hint
    return _headings(language, str(finding.get("table", "")), _said(language, code, hint))


def _said(language: Language, code: str, hint: str) -> str:
    """Say a hint, with the names of columns as they stand in it."""
    if code not in chinese():
        return said(language, hint)
    text = chinese()[code]
    names = _PART.findall(text)
    if not names:
        # what readers notice says more than its code: of which value, and what it was taken for
        own = "" if code in notices() else said(language, hint)
        clear = own != hint and _SIGNS.search(own) and len(ENGLISH.findall(own)) <= FEW_ENGLISH
        return own if clear else text
    pattern = _pattern(code)
    match = None if pattern is None else pattern.fullmatch(hint)
    if match is None or any(name not in match.groupdict() for name in names):
        return said(language, hint)  # a reader's words for it, not those of the check
    values = match.groupdict()
    for name in (*SENTENCES, *(("allowed",) if code == "out_of_range" else ())):
        if name in values:
            values[name] = said(language, values[name])
    return text.format(**values)


def _headings(language: Language, table: str, text: str) -> str:
    """Write tables and columns as they are headed: 单位售价 for unit_price."""
    columns = TABLES[table].by_name if table in TABLES else {}

    def heading(found: re.Match[str]) -> str:
        whole, first, second = found.group(0), found.group(1), found.group(2)
        if second is not None:
            held = first in TABLES and second in TABLES[first].by_name
            return f"{language.table(first)}.{language.column(first, second)}" if held else whole
        if first in columns:
            return language.column(table, first)
        return language.table(first) if first in TABLES else SETTINGS.get(first, whole)

    return _NAME.sub(heading, text)


def findings_said(
    language: Language, findings: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return findings with what to do about each in the language, under key `said`."""
    return [dict(finding) | {"said": finding_said(language, finding)} for finding in findings]


@cache
def _pattern(code: str) -> re.Pattern[str] | None:
    """Return what takes the parameters out of a hint."""
    notice = notices().get(code)
    if notice is None:
        return None
    parts = _PART.split(notice.hint)
    seen: set[str] = set()
    pattern = ""
    for at, part in enumerate(parts):
        if at % 2 == 0:
            pattern += re.escape(part)
        elif part in seen:
            pattern += f"(?P={part})"
        else:
            seen.add(part)
            pattern += f"(?P<{part}>.*?)"
    return re.compile(pattern, re.DOTALL)
