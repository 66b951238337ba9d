"""Writing is whole or not at all, and overwrites nothing that is no scenario."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from scenarios import Conflict, InputError, NotFound, Scenario
from scenarios.files import read_scenario, table_bytes, write_scenario
from scenarios.files import writing as writing_module


def test_a_folder_that_is_no_scenario_is_left_alone(corner_shop: Scenario, tmp_path: Path) -> None:
    """A folder with other files in it is refused, and its files stay."""
    (tmp_path / "thesis.doc").write_text("years of work")
    with pytest.raises(Conflict, match="holds no scenario"):
        write_scenario(corner_shop, tmp_path, "csv")
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.doc"]


def test_an_old_scenario_is_replaced_and_other_files_stay(
    corner_shop: Scenario, tmp_path: Path
) -> None:
    """Tables that are gone do not linger, in either form; notes beside them are kept."""
    place = write_scenario(corner_shop, tmp_path / "shop", "csv")
    (place / "notes.md").write_text("mine")
    part = Scenario(corner_shop.settings, {"products": corner_shop.tables["products"]})
    write_scenario(part, place, "parquet")
    names = sorted(entry.name for entry in place.iterdir())
    assert names == ["notes.md", "products.parquet", "settings.toml"]
    assert read_scenario(place).content_hash == part.content_hash
    assert [entry.name for entry in tmp_path.iterdir()] == ["shop"]


@pytest.mark.parametrize("name", ["shop.json", "shop.zip", "shop.xlsx"])
def test_a_failed_write_leaves_the_old_file(
    corner_shop: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """When the disk fails, the file that was there stays as it was, and nothing lies beside it."""
    path = write_scenario(corner_shop, tmp_path / name)
    before = path.read_bytes()

    def full(_handle: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(writing_module.os, "fsync", full)
    part = Scenario(corner_shop.settings, {})
    with pytest.raises(OSError, match="no space"):
        write_scenario(part, path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_the_form_follows_the_ending(corner_shop: Scenario, tmp_path: Path) -> None:
    """Without a form the ending decides, and a path without one is a folder of CSV."""
    part = Scenario(corner_shop.settings, {"products": corner_shop.tables["products"]})
    assert write_scenario(part, tmp_path / "a.zip").read_bytes()[:2] == b"PK"
    assert write_scenario(part, tmp_path / "a.json").read_bytes()[:1] == b"{"
    assert (write_scenario(part, tmp_path / "a") / "products.csv").exists()


def test_forms_and_places_must_fit(corner_shop: Scenario, tmp_path: Path) -> None:
    """Unknown forms, files in place of folders and folders in place of files are refused."""
    with pytest.raises(NotFound, match="no such form"):
        write_scenario(corner_shop, tmp_path / "a", "docx")
    (tmp_path / "file").write_text("x")
    with pytest.raises(Conflict, match="is a file"):
        write_scenario(corner_shop, tmp_path / "file", "csv")
    with pytest.raises(Conflict, match="is a folder"):
        write_scenario(corner_shop, tmp_path, "json")


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("products", "product_id", " A"),
        ("products", "name", ""),
        ("products", "name", "a\r\nb"),
        ("products", "name", "a\x00b"),
        ("products", "unit_cost", float("inf")),
        ("vehicles", "count", 1.5),
        ("calendars", "date", pd.Timestamp(2026, 1, 1, 8)),
    ],
)
def test_what_would_read_back_otherwise_is_refused(
    corner_shop: Scenario, tmp_path: Path, table: str, column: str, value: object
) -> None:
    """A scenario built in code is written exactly, or not at all."""
    frame = corner_shop.table(table).head(1).copy()
    frame[column] = pd.Series([value])
    with pytest.raises(InputError, match=f"{table}.{column}"):
        write_scenario(Scenario(corner_shop.settings, {table: frame}), tmp_path / "a", "csv")
    assert list(tmp_path.iterdir()) == []


def test_one_table_can_be_had_alone(corner_shop: Scenario) -> None:
    """A table is handed out as CSV with a byte-order mark where Excel needs one, or as JSON."""
    frame = corner_shop.tables["products"]
    assert table_bytes(frame, "products", "json").startswith(b'[{"product_id"')
    assert b"product_id,name" in table_bytes(frame, "products", "csv")[:20]
    with pytest.raises(NotFound):
        table_bytes(frame, "products", "xml")
