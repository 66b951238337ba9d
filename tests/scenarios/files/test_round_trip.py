"""Every form of a scenario reads back to the same content hash."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from scenarios import Scenario, Settings
from scenarios.files import (
    FORMS,
    read_bytes,
    read_document,
    read_scenario,
    scenario_bytes,
    scenario_document,
    write_scenario,
)
from scenarios.findings import Findings
from scenarios.normalise import normalise_frame

SHANGHAI = ZoneInfo("Asia/Shanghai")
PLACES = {"csv": "folder", "parquet": "columns", "zip": "s.zip", "xlsx": "s.xlsx", "json": "s.json"}

pieces = st.one_of(
    st.characters(exclude_categories=["Cs"]),
    st.sampled_from('=+-@",;\t\n\r 0茶仓\u3000\u00a0_x#\'"'),
    st.sampled_from(["_x0041_", "\u2028", "\ufeff", "\r\n"]),
)
texts = st.lists(pieces, max_size=12).map("".join)
ids = st.one_of(
    st.sampled_from(
        ["00123", "1.0", "1e5", "茶 1", "TRUE", "2026-11-01", "#N/A", "=A1", "'x", "NaN"]
    ),
    texts.map(lambda text: f"k{text}"),
)
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 10**6).map(float)
days = st.dates(dt.date(1, 1, 1), dt.date(9999, 12, 31))
moments = st.datetimes(pd.Timestamp(1900, 1, 1), pd.Timestamp(2200, 1, 1)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
clocks = st.times().map(lambda time: time.strftime("%H:%M"))


def or_blank(values: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.none() | values


def table(**columns: st.SearchStrategy[object]) -> st.SearchStrategy[pd.DataFrame]:
    rows = st.lists(st.fixed_dictionaries(columns), max_size=4)
    return rows.map(lambda held: pd.DataFrame(held, columns=list(columns), dtype=object))


raw_tables = st.fixed_dictionaries(
    {
        "products": table(
            product_id=ids,
            name=texts,
            gtin=or_blank(ids),
            unit_cost=numbers,
            unit_price=or_blank(numbers),
            weight_kg=numbers,
            volume_m3=numbers,
            abc_class=or_blank(st.sampled_from("ABC")),
            introduced_on=or_blank(days),
        ),
        "orders": table(
            order_id=ids,
            placed_at=moments,
            due_to=or_blank(moments),
            allow_split=or_blank(st.booleans()),
            priority=or_blank(st.integers(1, 10**12)),
            skills=or_blank(texts),
        ),
        "calendars": table(
            calendar_id=ids, date=days, is_working=st.booleans(), open_time=or_blank(clocks)
        ),
        "inventory_policies": table(
            site_id=ids,
            product_id=ids,
            policy=st.sampled_from(["s_S", "r_Q"]),
            s=or_blank(numbers),
            S=or_blank(numbers),
        ),
    }
)


def exact_text(given: str) -> str:
    """Return a text as a reader takes it in."""
    frame = pd.DataFrame({"channel_id": ["c"], "name": [f"n{given}"]}, dtype=object)
    typed = normalise_frame("channels", frame, SHANGHAI, Findings())
    return str(typed.frame["name"].iloc[0])


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    held = Settings(
        name=exact_text(draw(texts)),
        currency="CNY",
        timezone="Asia/Shanghai",
        start_date=draw(days),
        bucket="week",
        horizon_buckets=draw(st.integers(1, 3660)),
        seed=draw(st.integers(0, 2**63 - 1)),
        holding_rate_pct_per_year=draw(st.floats(0, 1000)),
        service_targets=draw(
            st.dictionaries(
                st.sampled_from(["A", "B", "丙", "x.y"]), st.floats(0.01, 0.99), min_size=1
            )
        ),
    )
    frames = {
        name: normalise_frame(name, frame, SHANGHAI, Findings()).frame
        for name, frame in draw(raw_tables).items()
    }
    return Scenario(held, frames)


def assert_same(again: Scenario, scenario: Scenario, form: str) -> None:
    assert again.settings == scenario.settings, form
    for name in scenario.tables:
        pd.testing.assert_frame_equal(again.tables[name], scenario.tables[name], obj=form)
    assert again.content_hash == scenario.content_hash, form


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.slow
def test_the_shop_with_every_table_keeps_its_hash(
    corner_shop: Scenario, tmp_path: Path, form: str
) -> None:
    """Write, read, write and read again: the content hash stays, and nothing is amiss."""
    path = write_scenario(corner_shop, tmp_path / PLACES[form], form)
    once = read_scenario(path)
    assert_same(once, corner_shop, form)
    assert {finding.code for finding in once.findings} <= {"default_used"}
    write_scenario(once, path, form)
    assert_same(read_scenario(path), corner_shop, form)


def test_a_parsed_document_is_the_scenario(corner_shop: Scenario) -> None:
    """What the service hands out as JSON objects is what it takes in."""
    assert_same(read_document(scenario_document(corner_shop)), corner_shop, "document")


@pytest.mark.parametrize("form", ["zip", "parquet", "xlsx", "json"])
@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # shrinking a workbook takes minutes
    suppress_health_check=[HealthCheck.too_slow],
)
@given(scenario=scenarios())
def test_any_scenario_keeps_its_hash(form: str, scenario: Scenario) -> None:
    """Chinese text, leading zeros, blanks, dates and every float come back bit by bit."""
    data = scenario_bytes(scenario, form)
    assert_same(read_bytes(f"upload.{form}", data), scenario, form)


@settings(max_examples=10, deadline=None, derandomize=True, phases=[Phase.generate])
@given(scenario=scenarios())
def test_any_scenario_keeps_its_hash_in_a_folder(
    tmp_path_factory: pytest.TempPathFactory, scenario: Scenario
) -> None:
    """A folder of CSV reads back as it was written."""
    path = write_scenario(scenario, tmp_path_factory.mktemp("scenario") / "folder", "csv")
    assert_same(read_scenario(path), scenario, "csv")


@settings(max_examples=50, deadline=None, derandomize=True)
@given(values=st.lists(numbers, min_size=1, max_size=5))
def test_floats_are_written_with_all_their_digits(values: list[float]) -> None:
    """The text of a float in CSV is the shortest that reads back to the same bits."""
    frame = pd.DataFrame({"index_id": "i", "date": pd.Timestamp("2026-11-01"), "value": values})
    held = Settings(
        name="n",
        currency="CNY",
        timezone="UTC",
        start_date=dt.date(2026, 11, 1),
        bucket="day",
        horizon_buckets=1,
    )
    again = read_bytes("s.zip", scenario_bytes(Scenario(held, {"indices": frame}), "zip"))
    got = again.tables["indices"]["value"].to_numpy(np.float64)
    assert (got == np.array(values)).all()


@pytest.mark.parametrize("form", ["zip", "parquet", "xlsx", "json"])
@pytest.mark.slow
def test_the_same_scenario_gives_the_same_bytes(corner_shop: Scenario, form: str) -> None:
    """Files carry no clock: the same content gives the same bytes."""
    assert scenario_bytes(corner_shop, form) == scenario_bytes(corner_shop, form)
