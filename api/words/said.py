"""Sentences that stages, checks and runs write in English, said in Chinese.

The catalogue holds each sentence as code has it, {1} for its first value; a sentence is found by
its fixed words, and its values are said likewise. What the catalogue does not have stays English.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Final

from api.words.language import Language, catalogue
from scenarios.tables import TABLES

CATALOGUE: Final = Path(__file__).parent / "said_zh.json"
# longer texts are shown as they are: looking for their words would take too long
LONGEST: Final = 2000
DEEPEST: Final = 4  # sentences within sentences
PLACE: Final = re.compile(r"\{(\d+)\}")
# between parts that are said one by one, and what Chinese writes there
JOINTS: Final = (
    (re.compile(r"(?<=\.) (?=[A-Z])"), ""),
    ("; ", "；"),
    (", ", "，"),
    (" and ", "和"),
)
ENGLISH: Final = re.compile(r"\b(?!kg\b|km\b)[a-z]{2,}")
FEW: Final = 5  # letters of fixed words that say little
ENDING: Final = 3  # letters of an ending, as of "s"
MOST_PARTS: Final = 60


@cache
def sentences() -> dict[str, str]:
    """Return the Chinese of every sentence: {1} and so on stand for its values."""
    found: dict[str, str] = json.loads(CATALOGUE.read_text("utf-8"))
    return found


def said(language: Language, text: object) -> str:
    """Say a sentence of code in a language; nothing for a blank.

    Parameters
    ----------
    text : a sentence, or a blank cell of a column of sentences
    """
    if not isinstance(text, str):
        return ""
    if language.code == "en" or not text or len(text) > LONGEST:
        return text
    return _said(text)


@lru_cache(maxsize=20_000)
def _said(text: str) -> str:
    found = _sentence(text, 0)
    return text if found is None else found.replace(" %", "%")


@lru_cache(maxsize=20_000)
def _sentence(text: str, depth: int) -> str | None:
    """Return the Chinese of a text or of some of its parts; None where there is none.

    Of several ways to read a text, the one that leaves fewest English words.
    """
    plain = text.strip()
    if not re.search(r"[A-Za-z]", plain):
        return None
    found = _whole().get(plain) or catalogue().get(plain) or _table(plain)
    if found is not None or depth > DEEPEST:
        return found
    ways = [
        PLACE.sub(partial(_filled, values, depth), chinese)
        for pattern, chinese in _patterns()
        if (values := pattern.values(plain)) is not None
    ]
    ways += [way for joint, written in JOINTS if (way := _parts(plain, joint, written, depth))]
    return min(ways, key=lambda way: len(ENGLISH.findall(way)), default=None)


def _table(name: str) -> str | None:
    """Return the Chinese name of a table of two words or more; short ones may be ids."""
    return TABLES[name].zh if "_" in name and name in TABLES else None


def _parts(text: str, joint: str | re.Pattern[str], written: str, depth: int) -> str | None:
    """Say the parts of a text one by one; parts that belong together in the catalogue as one."""
    if isinstance(joint, re.Pattern):
        parts = joint.split(text)
    else:
        parts = _together(text.split(joint, MOST_PARTS), joint)
    several = 1 < len(parts) <= MOST_PARTS
    told = [_sentence(part, depth + 1) for part in parts] if several else []
    if not any(told):
        return None
    pairs = zip(parts, told, strict=True)
    return written.join(part if one is None else one for part, one in pairs)


def _together(parts: list[str], joint: str) -> list[str]:
    """Join again what the catalogue has with the joint in it."""
    found, at = [], 0
    while at < len(parts):
        last = next(
            (j for j in range(len(parts), at + 1, -1) if joint.join(parts[at:j]) in _whole()),
            at + 1,
        )
        found.append(joint.join(parts[at:last]))
        at = last
    return found


def _filled(values: dict[str, str], depth: int, place: re.Match[str]) -> str:
    value = values[place.group(1)]
    return _sentence(value, depth + 1) or value


@cache
def _whole() -> dict[str, str]:
    """Return sentences without values; of those that go on after another one, the words alone."""
    return {_bare(english): _bare(chinese) for english, chinese in sentences().items()}


@cache
def _patterns() -> list[tuple[_Pattern, str]]:
    """Return patterns of the sentences with values, those with most fixed words first."""
    listed = sorted(
        ((_bare(english), _bare(chinese)) for english, chinese in sentences().items()),
        key=lambda pair: (-len(PLACE.sub("", pair[0])), pair[0]),
    )
    return [(_Pattern.of(*pair), pair[1]) for pair in listed if PLACE.search(pair[0])]


def _bare(text: str) -> str:
    return text.strip().strip(";,；，").strip()


@dataclass(frozen=True, slots=True)
class _Pattern:
    """Fixed words of a sentence, and the names of the values between them.

    A value that Chinese leaves out is an ending, as an s; beside few fixed words one is one word.
    """

    words: tuple[str, ...]
    names: tuple[str, ...]
    dropped: frozenset[str]
    one_word: bool

    @classmethod
    def of(cls, english: str, chinese: str) -> _Pattern:
        parts = PLACE.split(english)
        words, names = parts[::2], parts[1::2]
        letters = len(re.findall("[A-Za-z]", "".join(words)))
        dropped = frozenset(names) - set(PLACE.findall(chinese))
        return cls(tuple(words), tuple(names), dropped, letters < FEW)

    def values(self, text: str) -> dict[str, str] | None:
        """Return the values of a text by name, each as short as may be; None if it is another."""
        first, *between, last = self.words
        at, end = len(first), len(text) - len(last)
        if not text.startswith(first) or not text.endswith(last) or end < at:
            return None
        found = []
        for word in between:
            place = text.find(word, at, end)
            if place < 0:
                return None
            found.append(text[at:place])
            at = place + len(word)
        values = dict(zip(self.names, [*found, text[at:end]], strict=True))
        fits = all(
            len(value) <= ENDING if name in self.dropped else not (self.one_word and " " in value)
            for name, value in values.items()
        )
        return values if fits else None
