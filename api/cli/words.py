"""The language that commands speak: English, or the Chinese that pages have. JSON has one.

Sentences are written in English where they are printed and said in the other language here; what
that has no words for stays as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from api.words.language import Language
    from scenarios.findings import Finding

LANGUAGES: Final = ("en", "zh")
VARIABLE: Final = "HOLDFAST_LANG"
LOCALE: Final = ("LC_ALL", "LC_MESSAGES", "LANG")  # the first that is not blank, as POSIX has it
HEADINGS: Final = Path(__file__).parent / "headings_zh.json"

OPENED, CLOSED = "\ue000", "\ue001"  # around what is not said: private signs of Unicode

_spoken: ContextVar[str] = ContextVar("spoken", default="en")


def speak(given: str, environment: Mapping[str, str]) -> None:
    """Choose the language: the one that is given, else HOLDFAST_LANG, else that of the locale.

    Raises
    ------
    InputError
        A language that there is not was asked for by name; a locale may be any.
    """
    from scenarios.errors import InputError

    for name, code in (("--lang", given), (VARIABLE, environment.get(VARIABLE, ""))):
        if code.strip():
            short = code.strip().lower()[:2]
            if short not in LANGUAGES:
                raise InputError(f"{name} is en or zh, not {code!r}")
            _spoken.set(short)
            return
    locale = next((value for name in LOCALE if (value := environment.get(name))), "")
    _spoken.set("zh" if locale.lower().startswith("zh") else "en")


def language(given: str | None = None, *, as_json: bool = False) -> str:
    """Return the language of one text: as its option says, else as the command speaks.

    JSON is in English unless the option says otherwise: programs read it, whoever runs them.
    """
    return given or ("en" if as_json else _spoken.get())


def as_is(value: object) -> str:
    """Guard a value of a sentence, as a path or a name, from being said in another language."""
    return f"{OPENED}{value}{CLOSED}"


def told(text: str) -> str:
    """Say a sentence in the language of the command; of several lines each by itself."""
    if _spoken.get() != "en":
        text = "\n".join(_line(line) for line in text.split("\n"))
    return text.replace(OPENED, "").replace(CLOSED, "")


def _line(line: str) -> str:
    from api.words.said import said

    bare = line.strip()
    start = line[: len(line) - len(line.lstrip())]
    return start + (_headings().get(bare) or said(_writer(), bare))


def named(name: object) -> str:
    """Say a name of a contract, as a stage, a status, a figure or a unit."""
    text = "" if name is None or name != name else str(name)  # noqa: PLR0124 - nan is not itself
    if _spoken.get() == "en":
        return text
    word = _writer().word(text)
    return _headings().get(text.replace("_", " "), text) if word == text else word


def labelled(label: str, text: str) -> str:
    """Join a label and what it is the label of."""
    return f"{label}{': ' if _spoken.get() == 'en' else '：'}{text}"


def variant(name: object) -> str:
    """Say which definition of a figure it is."""
    text = name if isinstance(name, str) else ""
    return text if _spoken.get() == "en" else _writer().variant(text)


def column(table: str, name: str = "") -> str:
    """Say where something stands, as products.unit_cost."""
    if _spoken.get() == "en" or not table:
        return ".".join(part for part in (table, name) if part)
    writer = _writer()
    return ".".join([writer.table(table), *([writer.column(table, name)] if name else [])])


def driver(name: str) -> str:
    """Say what was changed, as carrier_rates.base."""
    if _spoken.get() == "en":
        return name
    from api.words.sentences import driver_said

    return driver_said(_writer(), name)


def hint(finding: Finding) -> str:
    """Say what to do about a finding."""
    if _spoken.get() == "en":
        return finding.hint
    from api.words.finding_words import finding_said

    return finding_said(_writer(), finding.document())


def options_first(arguments: Sequence[str]) -> list[str]:
    """Move options of the whole to the front, so that they may stand behind a command, too."""
    first: list[str] = []
    rest: list[str] = []
    given = iter(arguments)
    for argument in given:
        if argument == "--":
            rest += [argument, *given]
        elif argument == "--debug" or argument.startswith("--lang="):
            first.append(argument)
        elif argument == "--lang":
            first += [argument, *([value] if (value := next(given, None)) is not None else [])]
        else:
            rest.append(argument)
    return [*first, *rest]


@cache
def _writer() -> Language:
    from api.words.language import Language

    return Language("zh")


@cache
def _headings() -> dict[str, str]:
    """Return the Chinese of headings and of names of rows."""
    found: dict[str, str] = json.loads(HEADINGS.read_text("utf-8"))
    return found
