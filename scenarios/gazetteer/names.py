"""One spelling for every way in which a place's name is written."""

from __future__ import annotations

import unicodedata
from functools import cache
from importlib import resources

# longest first; "市" and the like may be left out or added
ENDINGS = (
    "特别行政区", "维吾尔自治区", "壮族自治区", "回族自治区", "自治区", "自治州", "地区", "新区",
    "市", "省", "县", "区", "州",
)  # fmt: skip
LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ß": "ss", "ı": "i"}
)


@cache
def _simplified() -> dict[int, str]:
    """Return the simplified character for each traditional one that occurs in cities' names."""
    text = resources.files(__package__).joinpath("variants.txt").read_text(encoding="utf-8")
    return {ord(line[0]): line[1] for line in text.splitlines()}


def spelling(name: str) -> str:
    """Return a name as it is looked up: no accents, no case, simplified, no dots or spaces.

    >>> spelling("São Paulo"), spelling(" XI'AN "), spelling("廣州市")
    ('saopaulo', 'xian', '广州市')
    """
    folded = name
    for _ in range(2):  # taking a letter apart may leave a capital
        folded = unicodedata.normalize("NFKD", folded.casefold().translate(LETTERS))
    kept = "".join(character for character in folded if character.isalnum())
    return kept.translate(_simplified())


def bare(spelt: str) -> str:
    """Return a Chinese spelling without its ending, where at least two characters are left.

    >>> bare("广州市"), bare("沙市"), bare("广西壮族自治区"), bare("london")
    ('广州', '沙市', '广西', 'london')
    """
    for ending in ENDINGS:
        if spelt.endswith(ending) and len(spelt) - len(ending) >= 2:
            return spelt[: -len(ending)]
    return spelt
