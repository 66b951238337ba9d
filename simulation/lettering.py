"""What pictures can write: an installed font with Chinese characters, or labels without them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LATIN = "DejaVu Sans"  # comes with matplotlib
CHINESE = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN",
    "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Noto Sans CJK JP", "Noto Sans CJK TC",
    "Microsoft YaHei", "SimHei", "PingFang SC", "Hiragino Sans GB", "Heiti SC", "STHeiti",
    "Droid Sans Fallback", "Arial Unicode MS", "Noto Serif CJK SC", "SimSun", "AR PL UMing CN",
    "Unifont",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lettering:
    """Fonts, in the order in which they are asked, and the characters that they have."""

    fonts: tuple[str, ...]
    characters: frozenset[int]

    def can(self, text: str) -> bool:
        """Whether every character of a text can be drawn."""
        return all(ord(letter) in self.characters for letter in text)

    def label(self, *texts: str) -> str:
        """Return the first text that can be drawn; of the last, what can be."""
        for text in texts:
            if text and self.can(text):
                return text
        return "".join(letter for letter in texts[-1] if ord(letter) in self.characters)


def find_lettering(texts: Iterable[str]) -> Lettering:
    """Return fonts for the texts: the one that comes along and, where it lacks, an installed one.

    Of the known Chinese fonts that are installed the first that has all characters is taken, else
    the one that has most of them.
    """
    from matplotlib import font_manager

    here = _characters(font_manager.fontManager.findfont(LATIN))
    wanted = {ord(letter) for text in texts for letter in text} - here
    if not wanted:
        return Lettering((LATIN,), here)
    paths = {font.name: font.fname for font in font_manager.fontManager.ttflist}
    best: tuple[int, str, frozenset[int]] = (0, "", frozenset())
    for name in (name for name in CHINESE if name in paths):
        own = _characters(paths[name])
        if len(wanted & own) > best[0]:
            best = (len(wanted & own), name, own)
        if wanted <= own:
            break
    fonts: Sequence[str] = (LATIN, best[1]) if best[1] else (LATIN,)
    return Lettering(tuple(fonts), here | best[2])


def _characters(path: str) -> frozenset[int]:
    from matplotlib import font_manager

    return frozenset(font_manager.get_font(path).get_charmap())
