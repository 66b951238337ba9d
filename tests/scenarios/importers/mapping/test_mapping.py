"""Mappings: every row accounted for, every trouble told, round trips exact."""

from __future__ import annotations

import datetime as dt
import io
import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.cli.app import invoke
from scenarios import InputError, Scenario, Severity
from scenarios.gazetteer import split_address
from scenarios.importers.mapping import import_files, read_mapping
from scenarios.importers.mapping.run import Mapped
from scenarios.importers.mapping.units import factor
from scenarios.library import demo_scenario
from scenarios.tables import TABLES

SETTINGS = """
[settings]
name = "Own"
currency = "CNY"
timezone = "Asia/Shanghai"
bucket = "day"
horizon_buckets = 7
start_date = 2026-03-02
"""
PRODUCTS = (
    SETTINGS
    + """
[files.list]
headings = [["SKU", "编码"]]

[[tables]]
table = "products"
from = "list"
exclude = [{ column = "state", in = ["gone"], reason = "gone", optional = true }]
[tables.columns]
product_id = { from = ["SKU", "编码"] }
name = { from = "title", default = "unnamed" }
unit_cost = { from = "cost", strip = ["元"] }
unit_price = { from = "price" }
weight_kg = { from = "weight", unit = "g" }
volume_m3 = { value = 0.001 }
"""
)


def made_of(mapping: str, *files: str, folder: Path, base: Scenario | None = None) -> Mapped:
    """Apply a mapping in text to CSV files in text."""
    paths = []
    for number, text in enumerate(files):
        path = folder / f"f{number}.csv"
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return import_files(read_mapping("name = 'm'\n" + mapping, "m.toml"), paths, base)


def test_units_texts_and_defaults(tmp_path: Path) -> None:
    """Grams become kilograms, 元 is taken away, blanks get the default that is told."""
    made = made_of(
        PRODUCTS,
        'SKU,title,cost,price,weight\nA,Tea,12.5元,"1,020",250\nB,,3,4,1.5\n',
        folder=tmp_path,
    )
    products = made.scenario.table("products")
    assert products["weight_kg"].tolist() == [0.25, 0.0015]
    assert products["unit_cost"].tolist() == [12.5, 3.0]
    assert products["unit_price"].tolist() == [1020.0, 4.0]
    assert products["name"].tolist() == ["Tea", "unnamed"]
    assert "default_used" in {finding.code for finding in made.findings}


def test_a_number_beyond_all_sizes_is_told_at_its_cell(tmp_path: Path) -> None:
    """It cannot be scaled from grams: an error of its column, in its row."""
    with pytest.raises(InputError) as told:
        made_of(PRODUCTS, "SKU,title,cost,price,weight\nA,Tea,3,4,1e999999\n", folder=tmp_path)
    wrong = [f for f in told.value.findings if f.severity == Severity.ERROR]
    assert [(f.column, f.row) for f in wrong] == [("weight_kg", 2)]


def test_a_number_of_many_digits_keeps_them(tmp_path: Path) -> None:
    """Thirty digits cannot be rounded to nine behind the point, and need not be."""
    text = "SKU,title,cost,price,weight\nA,Tea,123456789012345678901234567890,4,5\n"
    products = made_of(PRODUCTS, text, folder=tmp_path).scenario.table("products")
    assert products["unit_cost"].tolist() == [123456789012345678901234567890.0]


def test_all_errors_are_told_at_once_with_their_rows(tmp_path: Path) -> None:
    """Two bad cells and a missing column: three findings, nothing made."""
    with pytest.raises(InputError) as caught:
        made_of(
            PRODUCTS, "SKU,title,cost,weight\nA,Tea,cheap,250\n\nB,X,3,heavy\n", folder=tmp_path
        )
    told = {(f.table, f.column, f.row, f.value) for f in caught.value.findings
            if f.severity == "error"}  # fmt: skip
    assert ("products", "unit_cost", 2, "cheap") in told
    assert ("products", "weight_kg", 4, "heavy") in told
    assert ("products", "unit_price", None, "price") in told


def test_a_file_of_nothing_known_is_told_with_what_it_lacks(tmp_path: Path) -> None:
    """Its headings, and those that would make it a file of the mapping."""
    with pytest.raises(InputError) as caught:
        made_of(PRODUCTS, "colour,size\nred,1\n", folder=tmp_path)
    codes = {finding.code: finding for finding in caught.value.findings}
    assert "SKU or 编码" in codes["unknown_file"].hint
    assert codes["unknown_file"].value == "colour, size"
    assert "missing_file" in codes


@pytest.mark.parametrize(
    ("change", "place", "told"),
    [
        (("product_id =", "product_ident ="), "product_ident", "has product_id"),
        (('"g"', '"parsec"'), "unit", "weight_kg takes kg"),
        (('from = "list"', 'from = "lst"'), "from", "no such source"),
        (('table = "products"', 'table = "product"'), "tables.0", "no such table"),
        (("strip =", "srip ="), "srip", "Extra inputs"),
        (('in = ["gone"], ', ""), "exclude", "write one of"),
        (("volume_m3 = { value = 0.001 }", 'volume_m3 = { from = "v", value = 1 }'), "volume_m3",
         "write one of"),
    ],
)  # fmt: skip
def test_a_wrong_mapping_names_the_place(change: tuple[str, str], place: str, told: str) -> None:
    """Each mistake is a finding with its place in the mapping and a remedy."""
    text = "name = 'm'\n" + PRODUCTS.replace(*change)
    assert text != "name = 'm'\n" + PRODUCTS
    with pytest.raises(InputError) as caught:
        read_mapping(text, "m.toml")
    assert any(place in f.column and told in f.hint for f in caught.value.findings)


def test_a_pattern_that_is_none_is_refused() -> None:
    """A broken regular expression is told when the mapping is read."""
    text = PRODUCTS.replace('in = ["gone"]', 'matches = "("')
    with pytest.raises(InputError, match="no regular expression"):
        read_mapping("name = 'm'\n" + text, "m.toml")


def test_a_base_keeps_what_the_mapping_does_not_make(tmp_path: Path, corner_shop: Scenario) -> None:
    """`upsert` changes rows by key and leaves the others and all other tables."""
    first = corner_shop.table("products")["product_id"].iloc[0]
    mapping = PRODUCTS.replace('from = "list"\n', 'from = "list"\nmerge = "upsert"\n')
    made = made_of(
        mapping, f"SKU,title,cost,price,weight\n{first},New,1,2,3\nZZ,More,1,2,3\n",
        folder=tmp_path, base=corner_shop,
    )  # fmt: skip
    products = made.scenario.table("products").set_index("product_id")
    assert products.loc[first, "name"] == "New"
    assert len(products) == len(corner_shop.table("products")) + 1
    assert made.scenario.settings == corner_shop.settings
    pd.testing.assert_frame_equal(made.scenario.table("inventory"), corner_shop.table("inventory"))


HISTORY = (
    SETTINGS
    + """
[files.sales]
headings = [["day"], ["sku"], ["state"]]

[[tables]]
table = "demand_history"
from = "sales"
add_up = ["qty"]
mean = ["price"]
exclude = [
  { column = "state", in = ["refunded"], reason = "refunded" },
  { column = "qty", below = 1, reason = "nothing sold" },
  { column = "sku", blank = true, reason = "no product" },
]
[tables.columns]
date = { from = "day", format = ["%d/%m/%Y", "%Y-%m-%d"] }
product_id = { from = "sku" }
location_id = { value = "DC1" }
qty = { from = "qty" }
price = { from = "amount", divide_by = "qty" }
"""
)
ROWS = st.lists(
    st.tuples(
        st.dates(dt.date(2025, 1, 1), dt.date(2025, 1, 3)),
        st.sampled_from(["A", "B", " 商品,一 ", ""]),
        st.sampled_from(["ok", "refunded"]),
        st.integers(0, 4),
        st.integers(1, 50),
    ),
    max_size=25,
)


@given(rows=ROWS, cut=st.integers(0, 25), dialect=st.sampled_from([",", ";", "\t"]))
@settings(max_examples=60, deadline=None)
def test_every_row_is_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[dt.date, str, str, int, int]],
    cut: int, dialect: str,
) -> None:  # fmt: skip
    """Read = made + folded + left out, in one file or two, and the sums are those of the rows."""
    folder = tmp_path_factory.mktemp("rows")
    texts = []
    for part in (rows[:cut], rows[cut:]):
        frame = pd.DataFrame(
            [[f"{day:%d/%m/%Y}", sku, state, qty, amount] for day, sku, state, qty, amount in part],
            columns=["day", "sku", "state", "qty", "amount"],
        )
        texts.append(frame.to_csv(index=False, sep=dialect))
    made = made_of(HISTORY, *texts, folder=folder)
    (report,) = made.reports
    assert report.read == len(rows)
    assert report.read == report.mapped + report.folded + sum(report.excluded.values())
    good = [row for row in rows if row[2] == "ok" and row[3] >= 1 and row[1]]
    assert report.excluded.get("refunded", 0) == sum(row[2] == "refunded" for row in rows)
    history = made.scenario.table("demand_history")
    wanted: dict[tuple[dt.date, str], list[int]] = {}
    for day, sku, _, qty, amount in good:
        sums = wanted.setdefault((day, sku.strip()), [0, 0])
        sums[0] += qty
        sums[1] += amount
    got = {(row.date.date(), row.product_id): (row.qty, row.price) for row in history.itertuples()}
    assert {key: sums[0] for key, sums in wanted.items()} == {k: v[0] for k, v in got.items()}
    for key, (qty, amount) in wanted.items():
        assert got[key][1] == pytest.approx(amount / qty, rel=1e-6)


def test_a_date_of_another_format_is_an_error(tmp_path: Path) -> None:
    """The formats that are known stand in the finding."""
    with pytest.raises(InputError) as caught:
        made_of(HISTORY, "day,sku,state,qty,amount\n3 March,A,ok,1,2\n", folder=tmp_path)
    (finding,) = [f for f in caught.value.findings if f.code == "date_format"]
    assert (finding.row, finding.value) == (2, "3 March")
    assert "%d/%m/%Y" in finding.hint


def identity(scenario: Scenario) -> str:
    """Return a mapping under which every column is called otherwise."""
    lines = ["[settings]"]
    for name, value in scenario.settings.model_dump(mode="json").items():
        if name == "service_targets":
            lines += [f"service_targets.{key} = {target}" for key, target in value.items()]
        elif value is not None:
            lines.append(f"{name} = {json.dumps(value)}")
    for name, frame in scenario.tables.items():
        heading = f"{name}/{frame.columns[0]}"
        lines += [f"[files.{name}]", f'headings = [["{heading}"]]']
    for name, frame in scenario.tables.items():
        lines += ["[[tables]]", f'table = "{name}"', f'from = "{name}"', "[tables.columns]"]
        lines += [f'{column} = {{ from = "{name}/{column}" }}' for column in frame.columns]
    return "\n".join(lines)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_scenario_goes_out_and_comes_back_through_a_mapping(
    tmp_path: Path, encoding: str
) -> None:
    """All tables under foreign headings come back with the same content hash."""
    scenario = demo_scenario("corner-shop")
    folder = scenario.save(tmp_path / "csv", "csv")
    paths = []
    for name in scenario.tables:
        text = (folder / f"{name}.csv").read_text(encoding="utf-8-sig")
        head, rest = text.split("\n", 1)
        heads = ",".join(f"{name}/{column}" for column in head.split(","))
        path = tmp_path / f"{name}.csv"
        path.write_bytes(f"{heads}\n{rest}".encode(encoding))
        paths.append(path)
    made = import_files(read_mapping("name = 'i'\n" + identity(scenario), "i.toml"), paths)
    assert made.scenario.content_hash == scenario.content_hash


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("吉林省 通化市 柳河县 柳河镇紫御府(135300)", ("吉林", "通化", "柳河县")),
        ("江西南昌市青山湖区昌东工业区", ("江西", "南昌", "青山湖区")),
        ("北京北京市朝阳区四环", ("北京", "北京", "朝阳区")),
        ("上海 上海市 浦东新区 张江", ("上海", "上海", "浦东新区")),
        ("广东深圳南山区科技园", ("广东", "深圳", "南山区")),
        ("吉林市丰满区", ("吉林", "吉林", "丰满区")),
        ("广东省 东莞市 长安镇 上沙社区", ("广东", "东莞", "")),
        ("云南省 大理白族自治州 大理市", ("云南", "大理", "大理市")),
        ("新疆维吾尔自治区 自治区直辖县级行政区划 石河子市", ("新疆", "石河子", "")),
    ],
)
def test_addresses_are_taken_apart(address: str, parts: tuple[str, str, str]) -> None:
    """With and without blanks, endings, repeated cities."""
    found = split_address(address)
    assert found is not None
    assert (found.province, found.city, found.district) == parts


@given(st.text(max_size=40))
@settings(max_examples=200, deadline=None)
def test_any_text_is_an_address_or_none(text: str) -> None:
    """Whatever stands there, an address lies on the earth or is not found."""
    found = split_address(text)
    assert found is None or (-90 <= found.place.lat <= 90 and found.city)


def test_units_that_do_not_fit_are_none() -> None:
    """A weight is not a volume; a price has no grams."""
    products = TABLES["products"].by_name
    assert factor("g", products["volume_m3"]) is None
    assert factor("g", products["unit_cost"]) is None
    assert str(factor("分", products["unit_cost"])) == "0.01"


def test_the_command_writes_a_scenario_and_tells_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`import mapping` writes what it made, counts every row, and --explain reads no file."""
    mapping = tmp_path / "m.toml"
    mapping.write_text("name = 'm'\n" + PRODUCTS, encoding="utf-8")
    (tmp_path / "p.csv").write_text(
        "SKU,title,cost,price,weight,state\nA,T,1,2,3,\nB,T,1,2,3,gone\n"
    )
    call = ["import", "mapping", str(tmp_path / "p.csv"), "--mapping", str(mapping),
            "--out", str(tmp_path / "out"), "--set", "products.category=Tea", "--json"]  # fmt: skip
    assert invoke(call) == 0
    told = json.loads(capsys.readouterr().out)
    (report,) = told["report"]["tables"]
    assert (report["read"], report["mapped"], report["excluded"]) == (2, 1, {"gone": 1})
    assert Scenario.load(tmp_path / "out").table("products")["category"].tolist() == ["Tea"]
    assert invoke(["import", "mapping", "--mapping", str(mapping), "--explain"]) == 0
    assert "SKU or 编码" in capsys.readouterr().out
    assert invoke(["import", "mapping", "--mapping", "nothing", "--json"]) == 2


def test_a_workbook_with_numbers_too_long_is_refused(tmp_path: Path) -> None:
    """Order numbers that Excel has rounded are not taken for ids."""
    book = io.BytesIO()
    pd.DataFrame({"SKU": [1930679858170647001], "title": ["T"], "cost": [1], "price": [1],
                  "weight": [1]}).to_excel(book, index=False)  # fmt: skip
    path = tmp_path / "b.xlsx"
    path.write_bytes(book.getvalue())
    with pytest.raises(InputError) as caught:
        import_files(read_mapping("name = 'm'\n" + PRODUCTS, "m.toml"), [path])
    assert "digits_lost" in {finding.code for finding in caught.value.findings}
