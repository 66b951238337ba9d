"""A million rows load in seconds."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scenarios import Scenario
from scenarios.files import read_scenario, write_scenario

ROWS = 1_000_000
MOST_SECONDS = 5.0


@pytest.fixture(scope="module")
def large(corner_shop: Scenario) -> Scenario:
    """A million rows of demand: 1,500 products in 40 zones, dates, prices and flags."""
    random = np.random.default_rng(1)
    row = np.arange(ROWS)
    frame = pd.DataFrame(
        {
            "date": pd.Timestamp("2024-01-01") + pd.to_timedelta(row % 700, unit="D"),
            "product_id": [f"SKU{number:05d}" for number in row // 700 % 1500],
            "location_id": [f"Z{number}" for number in random.integers(0, 40, ROWS)],
            "channel_id": "tmall",
            "qty": random.poisson(5, ROWS).astype(float),
            "price": np.round(random.random(ROWS) * 100, 2),
            "stockout": pd.array(random.random(ROWS) < 0.1, dtype="boolean"),
        }
    )
    return Scenario(corner_shop.settings, {"demand_history": frame})


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_million_rows_load_in_seconds(large: Scenario, tmp_path: Path, form: str) -> None:
    """Reading a million rows takes less than five seconds of one core, and loses nothing."""
    path = write_scenario(large, tmp_path / "large", form)
    before = time.process_time()
    scenario = read_scenario(path)
    assert time.process_time() - before < MOST_SECONDS
    assert scenario.content_hash == large.content_hash
