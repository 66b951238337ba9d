"""Stored tables: filtered, sorted, by pages, and whole in every form."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.services.filters import read_filter, read_sort
from api.services.table_rows import TableRows, records
from api.services.tables import csv_pieces, download, neutral, page
from api.store.blobs import FolderBlobs, put_frame
from api.store.held_tables import HeldTables
from optimizer.plan import conform
from optimizer.plan_tables import PLAN_TABLES
from scenarios import InputError

ORDERS = PLAN_TABLES["purchase_orders"]


def orders(rows: int, seed: int = 0) -> pd.DataFrame:
    """Return purchase orders with blanks and many ties."""
    random = np.random.default_rng(seed)
    day = pd.Timestamp("2026-03-02")
    frame = pd.DataFrame(
        {
            "order_id": [f"PO-{number // 3:04d}" for number in range(rows)],
            "line": [float(number % 3 + 1) for number in range(rows)],
            "supplier_id": random.choice(["S1", "S2", "供应商 3"], rows),
            "product_id": random.choice(["=P1", "P2", "P 3"], rows),
            "site_id": "DC1",
            "order_on": day,
            "latest_safe_on": [
                pd.NaT if skip else day + pd.Timedelta(days=int(more))
                for skip, more in zip(
                    random.random(rows) < 0.4, random.integers(0, 3, rows), strict=True
                )
            ],
            "due_on": day + pd.to_timedelta(random.integers(0, 5, rows), unit="D"),
            "qty": random.integers(1, 6, rows).astype(float),
            "unit_cost": 1.5,
            "cost": random.integers(1, 6, rows) * 1.5,
            "status": "proposed",
        }
    )
    return conform("purchase_orders", frame)


def stored(frame: pd.DataFrame, folder: Path, table: str = "purchase_orders") -> TableRows:
    """Return a table as the service keeps it."""
    blobs = FolderBlobs(folder)
    path = blobs.path(put_frame(blobs, frame))
    return TableRows(PLAN_TABLES[table], path, HeldTables(1 << 20))


def walk(rows: TableRows, size: int, text: str | None, sort: str | None) -> list[dict[str, Any]]:
    """Return all rows by following the pages."""
    where, sorts = read_filter(text, rows.contract), read_sort(sort, rows.contract)
    found: list[dict[str, Any]] = []
    token = None
    while True:
        one = page(rows, size, token, where, sorts)
        found += one.rows
        token = one.next_page_token
        if token is None:
            assert one.matching_rows == len(found)
            return found


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> TableRows:
    return stored(orders(200), tmp_path_factory.mktemp("blobs"))


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        ("supplier_id = S1", lambda f: f["supplier_id"] == "S1"),
        ("supplier_id != '供应商 3'", lambda f: f["supplier_id"] != "供应商 3"),
        ("product_id in ('P 3', P2)", lambda f: f["product_id"].isin(["P 3", "P2"])),
        ("product_id contains P AND qty >= 3", lambda f: f["qty"] >= 3),
        ("order_id starts with PO-001", lambda f: f["order_id"].str.startswith("PO-001")),
        ("due_on < 2026-03-04", lambda f: f["due_on"] < "2026-03-04"),
        ("latest_safe_on is blank", lambda f: f["latest_safe_on"].isna()),
        ("latest_safe_on is not blank", lambda f: f["latest_safe_on"].notna()),
        (
            "latest_safe_on != 2026-03-02",
            lambda f: f["latest_safe_on"].notna() & (f["latest_safe_on"] != "2026-03-02"),
        ),
        ("line in (1,2) and cost>3", lambda f: f["line"].isin([1, 2]) & (f["cost"] > 3)),
    ],
)
def test_a_filter_takes_the_rows_that_pandas_takes(rows: TableRows, text: str, mask: Any) -> None:
    """Each operator, on texts, numbers and dates; nothing but `is blank` holds on a blank."""
    frame = orders(200)
    wanted = frame[mask(frame)]
    got = walk(rows, 37, text, None)
    assert 0 < len(got) < 200
    assert [(row["order_id"], row["line"]) for row in got] == [
        (order, int(line)) for order, line in zip(wanted["order_id"], wanted["line"], strict=True)
    ]


@pytest.mark.parametrize(
    ("text", "column", "told"),
    [
        ("colour = red", "colour", "it has order_id"),
        ("qty contains 3", "qty", "allows =, !=, <, <=, >, >=, in"),
        ("supplier_id > S1", "supplier_id", "allows =, !=, in, contains, starts with"),
        ("qty = many", "qty", "holds a number"),
        ("due_on = tomorrow", "due_on", "holds a date as in 2025-11-11"),
        ("qty = nan", "qty", "holds a number"),
        ("qty in ()", "qty", "write `qty in (a, b)`"),
        ("qty in (1 2)", "qty", "write `qty in (a, b)`"),
        ("qty", "qty", "write `qty operator value`"),
        ("qty = 1 2", "qty", "takes one value"),
        ("due_on is blank 3", "due_on", "takes no value"),
        ("supplier_id = 'S1", "", "a quote is not closed"),
        ("qty = 1 and", "", "`and`"),
        ("__class__ = 1", "__class__", "it has order_id"),
    ],
)
def test_a_wrong_filter_names_the_column_and_what_it_allows(
    text: str, column: str, told: str
) -> None:
    """A refusal says which column, and which operators or values it takes."""
    with pytest.raises(InputError) as caught:
        read_filter(text, ORDERS)
    (finding,) = caught.value.findings
    assert (finding.table, finding.column) == ("purchase_orders", column)
    assert told in finding.hint


def test_all_wrong_terms_are_told_at_once() -> None:
    """Two wrong terms are two findings."""
    with pytest.raises(InputError) as caught:
        read_filter("colour = red and qty = 1 and cost contains 1", ORDERS)
    assert [finding.column for finding in caught.value.findings] == ["colour", "cost"]


@given(st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_filter_or_refused(text: str) -> None:
    """Whatever is sent, nothing but a refusal comes of it."""
    with contextlib.suppress(InputError):
        found = read_filter(text, ORDERS)
        assert (found is None) == (not text.strip())


@given(
    size=st.integers(1, 70),
    sort=st.lists(
        st.sampled_from(["supplier_id", "-qty", "due_on", "-latest_safe_on", "cost", "-line"]),
        min_size=1, max_size=3, unique_by=lambda name: name.lstrip("-"),
    ),
    text=st.sampled_from([None, "qty > 2", "supplier_id = S1", "qty > 9"]),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_sorted_pages_join_to_a_stable_sort(
    rows: TableRows, size: int, sort: list[str], text: str | None
) -> None:
    """Pages of any size give every row once, in the order of a stable sort with blanks last."""
    frame = orders(200)
    if text == "qty > 2":
        frame = frame[frame["qty"] > 2]
    elif text == "supplier_id = S1":
        frame = frame[frame["supplier_id"] == "S1"]
    elif text == "qty > 9":
        frame = frame.iloc[:0]
    for word in reversed(sort):
        frame = frame.sort_values(
            word.lstrip("-"), ascending=not word.startswith("-"), kind="stable", na_position="last"
        )
    got = walk(rows, size, text, ",".join(sort))
    assert [(row["order_id"], row["line"]) for row in got] == list(
        zip(frame["order_id"], frame["line"].astype(int), strict=True)
    )


@pytest.mark.parametrize("sort", ["colour", "qty,-qty", "qty,cost,line,due_on,order_id"])
def test_a_wrong_sort_is_refused(sort: str) -> None:
    """An unknown column, one that stands twice, too many."""
    with pytest.raises(InputError, match="sort"):
        read_sort(sort, ORDERS)


def read_back(form: str, content: bytes) -> pd.DataFrame:
    """Return a downloaded file as a table."""
    if form == "csv":
        return pd.read_csv(io.BytesIO(content), encoding="utf-8-sig")
    if form == "parquet":
        return pd.read_parquet(io.BytesIO(content))
    if form == "ndjson":
        return pd.DataFrame([json.loads(line) for line in content.decode().splitlines()])
    return pd.read_excel(io.BytesIO(content), engine="calamine")


async def content_of(answer: Any) -> bytes:
    """Return what a streamed answer sends."""
    return b"".join([piece async for piece in answer.body_iterator])


@pytest.mark.parametrize("form", ["csv", "parquet", "ndjson", "xlsx"])
def test_every_form_holds_the_filtered_rows_in_order(rows: TableRows, form: str) -> None:
    """Ids, numbers and dates are the same in each."""
    import asyncio

    where, sorts = read_filter("qty > 2", ORDERS), read_sort("-cost", ORDERS)
    answer = download(rows, form, where, sorts, exact=True)
    got = read_back(form, asyncio.run(content_of(answer)))
    frame = orders(200)
    wanted = frame[frame["qty"] > 2].sort_values("cost", ascending=False, kind="stable")
    assert got["order_id"].tolist() == wanted["order_id"].tolist()
    assert got["cost"].tolist() == wanted["cost"].tolist()
    due = pd.to_datetime(got["due_on"])
    assert due.dt.date.tolist() == wanted["due_on"].dt.date.tolist()
    assert got["product_id"].tolist() == wanted["product_id"].tolist()


def test_whole_numbers_have_no_point_and_formulas_are_neutral() -> None:
    """`line` is 1 and not 1.0; a text that a spreadsheet would run gets an apostrophe."""
    columns = [ORDERS.by_name[name] for name in ("product_id", "line", "qty", "due_on")]
    frame = orders(3)
    frame["product_id"] = pd.Series(["=1+1", "plain", "-x"], dtype=frame["product_id"].dtype)
    frame["qty"] = [-1.0, 2.5, 3.0]
    frame["due_on"] = pd.Timestamp("2026-03-04")
    shown = neutral(frame, columns)
    text = b"".join(csv_pieces(columns, [shown])).decode("utf-8-sig")
    assert text.splitlines() == [
        "product_id,line,qty,due_on",
        "'=1+1,1,-1,2026-03-04",
        "plain,2,2.5,2026-03-04",
        "'-x,3,3,2026-03-04",
    ]


def test_json_rows_hold_plain_values(tmp_path: Path) -> None:
    """Whole numbers are whole, dates are dates, blanks are null."""
    rows = stored(orders(1), tmp_path)
    (row,) = records(rows.page(0, 1), ORDERS)
    assert (row["line"], type(row["line"])) == (1, int)
    assert row["order_on"] == "2026-03-02"
    assert row["latest_safe_on"] is None or dt.date.fromisoformat(row["latest_safe_on"])


def test_columns_that_are_newer_than_the_file_are_blank(tmp_path: Path) -> None:
    """A table that was stored without a column has it, blank, in pages, filters and downloads."""
    rows = stored(orders(9).drop(columns="status"), tmp_path)
    assert all(row["status"] is None for row in walk(rows, 4, "status is blank", "-status,qty"))
    assert walk(rows, 4, "status = proposed", None) == []
    assert next(iter(rows.frames()))["status"].isna().all()


def test_a_table_without_rows_has_an_empty_page() -> None:
    """No file, no rows, but all columns."""
    rows = TableRows(ORDERS, None, HeldTables(1))
    where, sorts = read_filter("qty > 1", ORDERS), read_sort("qty", ORDERS)
    one = page(rows, 10, None, where, sorts)
    assert (one.rows, one.total_rows, one.matching_rows) == ([], 0, 0)
    assert one.columns == list(ORDERS.names)


def test_a_plain_page_reads_its_row_groups_only(tmp_path: Path) -> None:
    """Across the edge of two groups rows follow each other, and nothing is kept in memory."""
    frame = pd.concat([orders(300)] * 60, ignore_index=True)  # 18,000 rows, groups of 16,384
    frame["qty"] = np.arange(len(frame), dtype=float)
    rows = stored(frame, tmp_path)
    assert pq.ParquetFile(rows.path).num_row_groups == 2
    got = rows.page(16_380, 10)["qty"].to_pylist()
    assert got == [16_380.0 + at for at in range(10)]
    assert rows.held.get(rows.path).nbytes == 0
    assert rows.page(17_995, 10).num_rows == 5
    assert rows.page(18_000, 10).num_rows == 0


def test_tables_that_were_not_used_for_longest_make_room(tmp_path: Path) -> None:
    """With room for one table, the older one is forgotten when a third is asked for."""
    held = HeldTables(1)
    paths = []
    for seed in range(3):
        path = tmp_path / f"{seed}.parquet"
        orders(50, seed).to_parquet(path, index=False)
        paths.append(path)
    first = held.get(paths[0])
    assert first.table.num_rows == 50
    assert held.get(paths[0]) is first
    assert held.get(paths[1]).table.num_rows == 50
    assert held.get(paths[0]) is not first


@pytest.mark.parametrize("form", ["csv", "ndjson", "xlsx"])
@pytest.mark.slow
def test_a_whole_table_goes_out_in_pieces(tmp_path: Path, form: str) -> None:
    """Parts of the file follow each other, and the table is never kept whole."""
    import asyncio

    rows = stored(pd.concat([orders(300)] * 200, ignore_index=True), tmp_path)

    async def sizes() -> list[int]:
        answer: Any = download(rows, form, exact=False)
        return [len(piece) async for piece in answer.body_iterator]

    pieces = asyncio.run(sizes())
    assert len(pieces) >= 3
    assert max(pieces) < 0.7 * sum(pieces)
    assert rows.held.get(rows.path).nbytes == 0


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=b"])
def test_an_upload_is_refused_while_it_arrives(kind: str) -> None:
    """Of an endless body no more is read than is allowed, whatever its length is said to be."""
    import asyncio

    from fastapi import Request

    from api.errors import TooLarge
    from api.services.uploads import received

    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.xlsx"\r\n\r\n'
    taken = 0

    async def receive() -> dict[str, Any]:
        nonlocal taken
        chunk = head if not taken and "multipart" in kind else b"0" * 65_536
        taken += len(chunk)
        return {"type": "http.request", "body": chunk, "more_body": True}

    async def send() -> None:
        scope = {"type": "http", "method": "POST", "headers": [(b"content-type", kind.encode())]}
        async with received(Request(scope, receive), 1_000_000):
            raise AssertionError("it was taken")

    with pytest.raises(TooLarge):
        asyncio.run(send())
    assert taken < 1_100_000
