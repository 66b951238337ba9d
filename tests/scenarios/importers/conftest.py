"""A small extract in the form of the Online Retail file, with each of its defects planted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

COLUMNS = [
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
]
HOME, GERMANY = "United Kingdom", "Germany"
NAMES = {
    "22111": "HOT WATER BOTTLE",
    "22112": "CHRISTMAS CARD £1",
    "84001A": "GLASS MUG",
    "DCGS0003": "BOXED GLASS ASHTRAY",
}
LONDONER = "12360"  # whom seed 0 places in London, with receiving hours
CLOSED = pd.Timestamp("2011-01-12")  # a Wednesday
Line = tuple[str, str, str | None, int, pd.Timestamp, float, str | None, str]


def ordinary_lines() -> Iterator[Line]:
    """Two customers buy three products on every open day: Sunday to Friday, not on CLOSED.

    Thursday 30 December 2010 to Wednesday 9 February 2011: five whole weeks and the ends.
    """
    number = 536365
    for day in pd.date_range("2010-12-30", "2011-02-09"):
        if day.isoweekday() == 6 or day == CLOSED:
            continue
        for hour, customer, country in ((9, LONDONER, HOME), (15, "12350", GERMANY)):
            at = day + pd.Timedelta(hours=hour, minutes=26)
            for code, units, price in (("22111", 6, 2.5), ("22112", 12, 0.42), ("84001A", 2, 4.95)):
                yield (str(number), code, NAMES[code], units, at, price, customer, country)
            number += 1


def at(text: str) -> pd.Timestamp:
    return pd.Timestamp(text)


PLANTED: dict[str, list[Line]] = {
    "exact_duplicates": [
        ("536365", "22111", NAMES["22111"], 6, at("2010-12-30 09:26"), 2.5, LONDONER, HOME),
        ("536365", "22111", NAMES["22111"], 6, at("2010-12-30 09:26"), 2.5, LONDONER, HOME),
    ],
    "bad_debt": [
        ("A563185", "B", "Adjust bad debt", 1, at("2011-01-20 14:50"), 11062.06, None, HOME),
    ],
    "not_goods": [
        ("600001", "POST", "POSTAGE", 1, at("2011-01-05 10:00"), 18.0, "12350", GERMANY),
        ("600001", "DOT", "DOTCOM POSTAGE", 1, at("2011-01-05 10:00"), 184.94, None, HOME),
        ("600002", "m", "Manual", 1, at("2011-01-05 10:10"), 2.55, None, HOME),
        ("C600003", "D", "Discount", -1, at("2011-01-05 10:20"), 27.5, LONDONER, HOME),
        ("600004", "BANK CHARGES", "Bank Charges", 1, at("2011-01-05 10:30"), 15.0, None, HOME),
        ("C600005", "AMAZONFEE", "AMAZON FEE", -1, at("2011-01-05 10:40"), 5909.87, None, HOME),
        ("600006", "gift_0001_10", "Gift Voucher", 1, at("2011-01-05 10:50"), 8.33, None, HOME),
        ("600007", "23444", "Next Day Carriage", 1, at("2011-01-05 11:00"), 15.0, LONDONER, HOME),
    ],
    "stock_adjustments": [
        ("600010", "22111", "damaged", -5, at("2011-01-06 10:00"), 0.0, None, HOME),
        ("600011", "22112", None, -30, at("2011-01-06 10:10"), 0.0, None, HOME),
    ],
    "price_not_positive": [
        ("600020", "22111", "found", 40, at("2011-01-07 10:00"), 0.0, None, HOME),
    ],
    "extreme_pair": [
        ("600030", "84001A", NAMES["84001A"], 80995, at("2011-02-09 09:15"), 2.08, "16446", HOME),
        ("C600031", "84001A", NAMES["84001A"], -80995, at("2011-02-09 09:27"), 2.08, "16446", HOME),
    ],
    "cancelled_in_part": [
        ("600040", "22111", NAMES["22111"], 12, at("2011-01-18 09:00"), 2.5, "13000", HOME),
        ("C600041", "22111", NAMES["22111"], -5, at("2011-01-18 11:00"), 2.5, "13000", HOME),
    ],
    "returned_later": [
        ("600050", "22112", NAMES["22112"], 10, at("2011-01-10 09:00"), 0.42, "13001", HOME),
        ("C600051", "22112", NAMES["22112"], -4, at("2011-01-20 09:00"), 0.42, "13001", HOME),
    ],
    "bought_before": [
        ("C600060", "22111", NAMES["22111"], -9360, at("2011-01-02 14:23"), 0.03, "15838", HOME),
    ],
    "returned_by_nobody_known": [
        ("C600070", "84001A", NAMES["84001A"], -3, at("2011-01-25 10:00"), 4.95, None, HOME),
    ],
    "mixed_case_codes": [
        ("600080", "84001a", NAMES["84001A"], 2, at("2011-01-26 10:00"), 4.95, "13002", HOME),
    ],
    "missing_customer": [
        ("600090", "22112", NAMES["22112"], 24, at("2011-01-27 10:00"), 0.42, None, "Japan"),
    ],
    "missing_name": [
        ("600100", "22112", None, 24, at("2011-01-27 11:00"), 0.42, "13003", HOME),
    ],
    "no_country": [
        ("600110", "22111", NAMES["22111"], 6, at("2011-01-28 10:00"), 2.5, "13004", "Unspecified"),
    ],
    "web_shop": [
        ("600120", "DCGS0003", NAMES["DCGS0003"], 3, at("2011-01-28 11:00"), 2.46, None, HOME),
    ],
}  # fmt: skip


@pytest.fixture(scope="session")
def extract() -> pd.DataFrame:
    """The extract as the published workbook holds it."""
    rows = [*ordinary_lines(), *(line for lines in PLANTED.values() for line in lines)]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    return frame.astype({"InvoiceDate": "datetime64[ms]", "CustomerID": "str"})


@pytest.fixture(scope="session")
def planted() -> dict[str, list[Line]]:
    """What was planted, by defect."""
    return PLANTED


@pytest.fixture(scope="session")
def extract_file(extract: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The extract as Parquet."""
    path = tmp_path_factory.mktemp("online_retail") / "extract.parquet"
    extract.to_parquet(path)
    return path


@pytest.fixture
def write_csv(tmp_path: Path) -> Callable[[pd.DataFrame], Path]:
    """Write any lines as CSV."""

    def write(frame: pd.DataFrame) -> Path:
        path = tmp_path / "lines.csv"
        frame.to_csv(path, index=False)
        return path

    return write


@pytest.fixture(scope="session")
def published_file() -> Path:
    """The real file, found through HOLDFAST_DATA."""
    root = os.environ.get("HOLDFAST_DATA")
    if not root:
        pytest.skip("HOLDFAST_DATA is not set: the published file is not at hand")
    path = Path(root) / "data" / "online_retail" / "online_retail.parquet"
    if not path.is_file():
        pytest.skip(f"HOLDFAST_DATA has no {path.relative_to(root)}")
    return path
