"""Folders and zips of CSV as planners send them: encodings, delimiters, rows, names."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from scenarios import NotFound, Severity
from scenarios.files import Guards, Reading, examine_bytes, examine_path, read_scenario

SETTINGS = """\
name = "shop"
currency = "CNY"
timezone = "Asia/Shanghai"
start_date = 2026-11-01
bucket = "week"
horizon_buckets = 8
"""
PRODUCTS = """\
product_id,name,unit_cost,unit_price,weight_kg,volume_m3
00123,绿茶,10.5,20,0.1,0.001
A-2,"Tea, black",1,2,3,4
"""


def folder(path: Path, **files: str | bytes) -> Path:
    """Write a folder with settings and the given CSV files."""
    (path / "settings.toml").write_text(SETTINGS, encoding="utf-8")
    for stem, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (path / f"{stem}.csv").write_bytes(data)
    return path


def told(reading: Reading, *severities: Severity) -> list[tuple[str, str, int | None, str]]:
    wanted = severities or (Severity.WARNING, Severity.ERROR)
    return [(f.code, f.column, f.row, f.value) for f in reading.findings if f.severity in wanted]


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", b"\xef\xbb\xbf"),
        ("utf-16-le", b"\xff\xfe"),
        ("utf-16-be", b"\xfe\xff"),
        ("utf-16-le", b""),
        ("gb18030", b""),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(tmp_path: Path, encoding: str, mark: bytes, end: str) -> None:
    """The same table comes out of UTF-8, UTF-16 and GB18030, with any line ends."""
    text = PRODUCTS.replace("\n", end)
    reading = examine_path(folder(tmp_path, products=mark + text.encode(encoding)))
    assert told(reading) == []
    assert reading.scenario is not None
    frame = reading.scenario.table("products")
    assert frame["product_id"].tolist() == ["00123", "A-2"]
    assert frame["name"].tolist() == ["绿茶", "Tea, black"]
    assert reading.scenario.rows["products"].tolist() == [2, 3]
    codes = {f.code for f in reading.findings}
    assert ("encoding" in codes) == (encoding != "utf-8")


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_delimiters_are_recognised(tmp_path: Path, delimiter: str) -> None:
    """Semicolons, tabs and bars separate cells as commas do."""
    frame = pd.read_csv(io.StringIO(PRODUCTS), dtype=str)
    text = frame.to_csv(index=False, sep=delimiter)
    reading = examine_path(folder(tmp_path, products=text))
    assert told(reading) == []
    assert reading.scenario is not None
    assert reading.scenario.table("products")["name"].tolist() == ["绿茶", "Tea, black"]


def test_decimal_commas_of_semicolon_files(tmp_path: Path) -> None:
    """A column that can only mean decimal commas is read so, with a warning; a doubtful one not."""
    text = (
        "product_id;name;unit_cost;unit_price;weight_kg;volume_m3\n"
        "A;a;10,5;1,234;1;1\nB;b;1.234,75;5,678;1;1\n"
    )
    reading = examine_path(folder(tmp_path, products=text))
    assert reading.scenario is not None
    assert reading.scenario.table("products")["unit_cost"].tolist() == [10.5, 1234.75]
    codes = {(f.code, f.column, f.severity) for f in reading.findings}
    assert ("decimal_comma", "unit_cost", Severity.WARNING) in codes
    assert ("ambiguous_number", "unit_price", Severity.ERROR) in codes


def test_rows_are_lines_of_the_file(tmp_path: Path) -> None:
    """Blank lines and line ends inside quotes do not shift the line of a bad cell."""
    text = (
        "product_id,name,unit_cost,unit_price,weight_kg,volume_m3\n"  # 1
        "A,a,1,1,1,1\n"  # 2
        "\n"  # 3
        'B,"two\n\nlines",1,1,1,1\n'  # 4 to 6
        "C,c,bad,1,1,1\n"  # 7
        ",,,,,\n"  # 8
        "D,d,1,worse,1,1\n"  # 9
    )
    reading = examine_path(folder(tmp_path, products=text))
    assert told(reading) == [
        ("not_a_number", "unit_cost", 7, "bad"),
        ("not_a_number", "unit_price", 9, "worse"),
    ]
    assert reading.scenario is not None
    assert reading.scenario.rows["products"].tolist() == [2, 4, 7, 9]
    assert reading.scenario.table("products")["name"].tolist()[1] == "two\n\nlines"
    assert "blank_rows" in {f.code for f in reading.findings}


def test_blank_lines_alone_do_not_shift_rows(tmp_path: Path) -> None:
    """Without quotes the fast reader counts lines the same way."""
    lines = PRODUCTS.replace('"Tea, black"', "tea").splitlines()
    text = "\r\n\r\n".join(lines) + "\r\n\r\n\r\n"
    reading = examine_path(folder(tmp_path, products=text))
    assert told(reading) == []
    assert reading.scenario is not None
    assert reading.scenario.rows["products"].tolist() == [3, 5]


def test_remarks_above_the_headings_are_passed_over(tmp_path: Path) -> None:
    """Lines with # and blank lines may stand above the headings, never below them."""
    text = "# my products\n\n" + PRODUCTS.replace("A-2", "#2")
    reading = examine_path(folder(tmp_path, products=text))
    assert told(reading) == []
    assert reading.scenario is not None
    assert reading.scenario.table("products")["product_id"].tolist() == ["00123", "#2"]
    assert reading.scenario.rows["products"].tolist() == [4, 5]


def test_ragged_rows(tmp_path: Path) -> None:
    """A short row is filled up and told, a long one is an error with its line."""
    text = PRODUCTS + "C,c,1,1,1\nD,d,1,1,1,1,7\nE,e,1,1,1,1,,\n"
    reading = examine_path(folder(tmp_path, products=text))
    assert [(code, row) for code, _, row, _ in told(reading)] == [("too_many_cells_in_row", 5)]
    assert ("short_rows", "", 4, "") in told(reading, Severity.INFO)


def test_an_open_quote_is_an_error_with_its_line(tmp_path: Path) -> None:
    """A quote that is never closed does not swallow the rest of the file unseen."""
    text = PRODUCTS + 'C,"c,1,1,1,1\nD,d,1,1,1,1\n'
    reading = examine_path(folder(tmp_path, products=text))
    assert [(code, row) for code, _, row, _ in told(reading)] == [("broken_csv", 4)]


def test_inches_are_no_quotes(tmp_path: Path) -> None:
    """A quotation mark inside a plain cell is part of the text."""
    reading = examine_path(folder(tmp_path, products=PRODUCTS.replace("绿茶", '5" pipe')))
    assert told(reading) == []
    assert reading.scenario is not None
    assert reading.scenario.table("products")["name"].tolist()[0] == '5" pipe'


def test_chinese_files_and_headings(tmp_path: Path) -> None:
    """商品.csv with Chinese headings is the table products."""
    text = "商品编码,商品名称,单位成本,单位售价,单位重量（千克）,单位体积（立方米）\nA,茶,1,2,3,4\n"
    reading = examine_path(folder(tmp_path, 商品=text))
    assert told(reading) == []
    assert reading.scenario is not None
    assert reading.scenario.table("products")["unit_price"].tolist() == [2.0]


def test_both_forms_of_a_table_are_an_error(tmp_path: Path) -> None:
    """A table in CSV and in Parquet is refused: nobody can say which one holds."""
    folder(tmp_path, products=PRODUCTS)
    pd.read_csv(io.StringIO(PRODUCTS)).to_parquet(tmp_path / "products.parquet")
    assert [code for code, *_ in told(examine_path(tmp_path))] == ["two_files"]


def test_forms_may_be_mixed_from_table_to_table(tmp_path: Path) -> None:
    """One table may be CSV and the next one Parquet, with whatever types it has."""
    folder(tmp_path, products=PRODUCTS)
    frame = pd.DataFrame(
        {"site_id": pd.Categorical(["W1"]), "product_id": ["00123"], "on_hand": [5], "lot_id": [7]}
    )
    frame.to_parquet(tmp_path / "inventory.parquet")
    scenario = read_scenario(tmp_path)
    stock = scenario.table("inventory")
    assert stock[["site_id", "lot_id", "on_hand"]].iloc[0].tolist() == ["W1", "7", 5.0]


def test_foreign_files_are_told(tmp_path: Path) -> None:
    """Files that are no table are passed over: notes with an info, tables by wrong name warned."""
    folder(tmp_path, products=PRODUCTS, product=PRODUCTS)
    (tmp_path / "README.md").write_text("notes")
    (tmp_path / ".DS_Store").write_bytes(b"x")
    reading = examine_path(tmp_path)
    assert told(reading) == [("unknown_table", "", None, "product.csv")]
    assert ("ignored_file", "", None, "README.md") in told(reading, Severity.INFO)


def test_a_zip_may_hold_one_folder_with_chinese_names() -> None:
    """A folder packed on Windows, names in GBK and one folder around, reads like the folder."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("shop/settings.toml", SETTINGS)
        archive.writestr("shop/AAAA.csv", PRODUCTS)
        archive.writestr("__MACOSX/shop/._settings.toml", b"x")
    packed = stream.getvalue().replace(b"AAAA", "商品".encode("gbk"))
    reading = examine_bytes("shop.zip", packed)
    assert told(reading) == []
    assert reading.scenario is not None
    assert reading.scenario.table("products")["product_id"].tolist() == ["00123", "A-2"]


def test_two_settings_files_are_an_error(tmp_path: Path) -> None:
    """Settings stand in one file only."""
    folder(tmp_path, products=PRODUCTS)
    (tmp_path / "settings.json").write_text("{}")
    assert [code for code, *_ in told(examine_path(tmp_path))] == ["two_files"]


def test_settings_may_be_chinese_and_loosely_written(tmp_path: Path) -> None:
    """Settings in Chinese, dates and cases as people write them, are read and told."""
    (tmp_path / "settings.csv").write_text(
        "键,值\n名称,店\n币种,cny\n时区,asia/shanghai\n开始日期,2026年11月1日\n"
        "时段,Week\n计划时段数,8.0\n坐标系,gcj02\n服务水平目标.A,97%\n",
        encoding="utf-8",
    )
    (tmp_path / "sites.csv").write_text(
        "site_id,kind,name,status,lat,lon\nW,warehouse,w,open,39.91640428,116.41024450\n"
    )
    reading = examine_path(tmp_path)
    assert told(reading) == []
    assert reading.scenario is not None
    held = reading.scenario.settings
    assert (held.currency, held.timezone, held.bucket) == ("CNY", "Asia/Shanghai", "week")
    assert (held.horizon_buckets, held.service_targets) == (8, {"A": 0.97})
    assert held.coordinate_system == "WGS84"
    site = reading.scenario.table("sites").iloc[0]
    assert (round(site["lat"], 5), round(site["lon"], 5)) == (39.915, 116.404)
    assert "coordinates_converted" in {f.code for f in reading.findings}


def test_defaults_of_settings_are_told(tmp_path: Path) -> None:
    """Every setting that was not given is named with the value that stands in."""
    reading = examine_path(folder(tmp_path, products=PRODUCTS))
    defaults = {f.column for f in reading.findings if f.code == "default_used"}
    assert {"holding_rate_pct_per_year", "seed", "shortage_rule"} <= defaults


def test_a_folder_of_a_plan_is_named_as_such(tmp_path: Path) -> None:
    """Who gives the plan's folder instead of the scenario's is told so."""
    (tmp_path / "plan.json").write_text("{}")
    assert [code for code, *_ in told(examine_path(tmp_path))] == ["not_a_scenario"]


def test_nothing_there(tmp_path: Path) -> None:
    """A path that does not exist is not found."""
    with pytest.raises(NotFound, match="no file or folder"):
        read_scenario(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("guards", "code"),
    [
        (Guards(max_rows=0), "too_many_rows"),
        (Guards(max_cells=5), "too_many_cells"),
        (Guards(max_bytes=10), "too_large"),
        (Guards(max_members=1), "too_many_members"),
    ],
)
def test_limits_hold_for_folders_too(tmp_path: Path, guards: Guards, code: str) -> None:
    """Each guard refuses with its own finding."""
    reading = examine_path(folder(tmp_path, products=PRODUCTS), guards)
    assert [each for each, *_ in told(reading)] == [code]
