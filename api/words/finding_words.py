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
from api.words.said import said
from scenarios.validation.notice import Notice

CHINESE: Final = Path(__file__).parent / "findings_zh.json"
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
    if language.code == "en" or code not in chinese():
        return said(language, hint)
    text = chinese()[code]
    names = _PART.findall(text)
    if not names:
        return text
    pattern = _pattern(code)
    match = None if pattern is None else pattern.fullmatch(hint)
    if match is None or any(name not in match.groupdict() for name in names):
        return hint
    return text.format(**match.groupdict())


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
