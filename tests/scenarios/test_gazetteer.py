"""Cities are found by name, in English and Chinese, and fill blank coordinates."""

from __future__ import annotations

import datetime as dt
import doctest
import hashlib
import re
from importlib import resources
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scenarios.findings import Severity
from scenarios.gazetteer import candidates, fill_coordinates, names, regions, resolve
from scenarios.scenario import Scenario
from scenarios.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "data" / "gazetteer.md"


@pytest.mark.parametrize(
    ("written", "name", "country"),
    [
        ("上海", "Shanghai", "CN"),
        ("广州市", "Guangzhou", "CN"),
        ("廣州", "Guangzhou", "CN"),
        ("Guangzhou", "Guangzhou", "CN"),
        (" guang zhou ", "Guangzhou", "CN"),
        ("广东省广州市", "Guangzhou", "CN"),
        ("广西壮族自治区南宁市", "Nanning", "CN"),
        ("烏魯木齊", "Ürümqi", "CN"),
        ("Urumqi", "Ürümqi", "CN"),
        ("Xi'an", "Xi’an", "CN"),
        ("臺北", "Taipei", "TW"),
        ("香港", "Hong Kong", "HK"),
        ("纽约", "New York City", "US"),
        ("New York", "New York City", "US"),
        ("Sao Paulo", "São Paulo", "BR"),
        ("München", "Munich", "DE"),
        ("Bombay", "Mumbai", "IN"),
        ("London", "London", "GB"),
    ],
)
def test_names_in_every_spelling(written: str, name: str, country: str) -> None:
    """A city is found by English, simplified and traditional names, endings or not."""
    found = resolve(written)
    assert found is not None
    assert (found.name, found.country) == (name, country)


@pytest.mark.parametrize(
    ("city", "where", "country", "region"),
    [
        ("London", "GB", "GB", "ENG"),
        ("London", "CA", "CA", "08"),
        ("London", "英国", "GB", "ENG"),
        ("London", "Ontario", "CA", "08"),
        ("London, Ontario", None, "CA", "08"),
        ("Los Angeles", "CA", "US", "CA"),
        ("Cambridge", "MA", "US", "MA"),
        ("Cambridge", "United Kingdom", "GB", "ENG"),
        ("Suzhou", "安徽", "CN", "01"),
        ("Suzhou", "江苏省", "CN", "04"),
        ("海口", "海南", "CN", "31"),
    ],
)
def test_region_or_country_narrows(city: str, where: str | None, country: str, region: str) -> None:
    """A country or region by name or code decides between cities of one name."""
    found = resolve(city, where)
    assert found is not None
    assert (found.country, found.region) == (country, region)


def test_unknown_city_is_none() -> None:
    """A name that no city has is None, and so is a city outside the stated country."""
    assert resolve("Nowhereton") is None
    assert resolve("") is None
    assert resolve("上海", "GB") is None


def test_unknown_region_is_passed_over() -> None:
    """A planner's own region, which is no province, does not hide the city."""
    found = resolve("上海", "华东大区")
    assert found is not None
    assert found.country == "CN"


def test_candidates_come_largest_first() -> None:
    """Of several cities the one with most people comes first."""
    people = [place.population for place in candidates("长沙")]
    assert len(people) > 1
    assert people == sorted(people, reverse=True)


def test_coordinates_are_where_the_city_is() -> None:
    """Guangzhou lies within a tenth of a degree of 23.13 N, 113.26 E."""
    found = resolve("广州")
    assert found is not None
    assert found.lat == pytest.approx(23.13, abs=0.1)
    assert found.lon == pytest.approx(113.26, abs=0.1)


def test_packaged_files_match_their_checksums() -> None:
    """SOURCES.md states size and SHA-256 of every packaged file, and credits GeoNames."""
    folder = resources.files("scenarios.gazetteer")
    sources = folder.joinpath("SOURCES.md").read_text(encoding="utf-8")
    assert "CC BY" in sources or "Creative Commons Attribution 4.0" in sources
    listed = re.findall(r"^\| (\S+) \| ([\d,]+) \| `([0-9a-f]{64})` \|$", sources, re.MULTILINE)
    assert {name for name, _, _ in listed} == {"cities.tsv.xz", "countries.tsv", "variants.txt"}
    for name, size, digest in listed:
        content = folder.joinpath(name).read_bytes()
        assert len(content) == int(size.replace(",", ""))
        assert hashlib.sha256(content).hexdigest() == digest
    assert sum(int(size.replace(",", "")) for _, size, _ in listed) < 700_000


def test_examples_in_the_docs_hold() -> None:
    """The examples on the page and in the docstrings print what they say."""
    assert doctest.testfile(str(PAGE), module_relative=False).failed == 0
    assert doctest.testmod(names).failed == 0
    assert doctest.testmod(regions).failed == 0


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=12))
@example("\U0001d6a8")  # a mathematical capital, which is taken apart into a Greek one
def test_any_text_is_answered(text: str) -> None:
    """No text raises, and its spelling is the same when spelt again."""
    resolve(text)
    assert names.spelling(names.spelling(text)) == names.spelling(text)


def _scenario(currency: str, rows: list[tuple[str, str | None, float | None]]) -> Scenario:
    frame = pd.DataFrame(
        [
            {
                "zone_id": f"Z{number}",
                "name": city or "?",
                "city": city,
                "region": region,
                "lat": lat,
                "lon": lat,
            }
            for number, (city, region, lat) in enumerate(rows)
        ]
    )
    facts = Settings(
        name="test",
        currency=currency,
        timezone="UTC",
        start_date=dt.date(2026, 1, 5),
        bucket="week",
        horizon_buckets=1,
    )
    return Scenario(facts, {"zones": frame})


def test_filling_places_blank_rows_only() -> None:
    """A blank place is filled from its city; a stated one stays; both are as before otherwise."""
    before = _scenario("CNY", [("杭州市", "华东", None), ("上海", None, 12.5)])
    after, findings = fill_coordinates(before)
    zones = after.table("zones")
    assert zones["lat"].round(1).tolist() == [30.3, 12.5]
    assert zones["lon"].round(1).tolist() == [120.2, 12.5]
    assert zones.drop(columns=["lat", "lon"]).equals(
        before.table("zones").drop(columns=["lat", "lon"])
    )
    assert [(f.code, f.row) for f in findings] == [("city_resolved", 2)]
    assert before.table("zones")["lat"].isna().iloc[0]


def test_filling_reports_what_it_cannot_place() -> None:
    """An unknown city stays blank and is warned about."""
    after, findings = fill_coordinates(_scenario("CNY", [("Nowhereton", None, None)]))
    assert after.table("zones")["lat"].isna().all()
    assert [f.code for f in findings] == ["unknown_city"]
    assert findings.total(Severity.WARNING) == 1


def test_filling_reports_close_rivals() -> None:
    """Two cities of one name and similar size are a warning that names both."""
    _, findings = fill_coordinates(_scenario("EUR", [("Cambridge", None, None)]))
    (finding,) = findings
    assert finding.code == "ambiguous_city"
    assert "(GB" in finding.hint
    assert finding.severity == Severity.WARNING


@pytest.mark.parametrize(
    ("currency", "city", "region", "lon"),
    [
        ("USD", "Cambridge", None, -71.1),  # at home, and large enough
        ("GBP", "Cambridge", None, 0.1),
        ("CAD", "London", None, -0.1),  # at home, but far smaller
        ("CAD", "London", "Canada", -81.2),
    ],
)
def test_filling_prefers_home(currency: str, city: str, region: str | None, lon: float) -> None:
    """A city at home is taken unless it is far smaller; a stated country decides."""
    after, _ = fill_coordinates(_scenario(currency, [(city, region, None)]))
    assert after.table("zones")["lon"].iloc[0] == pytest.approx(lon, abs=0.05)


def test_nothing_to_fill_returns_the_scenario_itself() -> None:
    """Without blank places nothing is copied or reported."""
    before = _scenario("CNY", [("上海", None, 1.0)])
    after, findings = fill_coordinates(before)
    assert after is before
    assert len(findings) == 0
