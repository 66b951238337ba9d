"""Each planted defect is handled, and reported with its count."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from scenarios.importers.online_retail import Imported, import_file
from scenarios.importers.online_retail.cancellations import match_cancellations

ORDINARY_DAYS = 35  # of 42 days 6 are Saturdays and 1 is closed
ORDINARY_LINES = ORDINARY_DAYS * 2 * 3


@pytest.fixture(scope="module")
def imported(extract_file: Path) -> Imported:
    return import_file(extract_file)


def history(imported: Imported, zone: str, product: str, week: str) -> float:
    table = imported.scenario.table("demand_history")
    rows = table[
        (table["location_id"] == zone)
        & (table["product_id"] == product)
        & (table["date"] == pd.Timestamp(week))
    ]
    return float(rows["qty"].sum())


def test_every_defect_is_counted(imported: Imported):
    """The report names each defect with the lines that show it and the lines it cost."""
    found = {d.code: (d.seen, d.removed) for d in imported.report.defects}
    assert found == {
        "exact_duplicates": (2, 2),
        "bad_debt": (1, 1),
        "not_goods": (9, 8),  # the bad debt's code is none either
        "stock_adjustments": (2, 2),
        "price_not_positive": (3, 1),  # the adjustments have no price either
        "cancellations": (7, 5),  # a discount and a fee stand on C invoices too
        "cancelled_sales": (2, 1),  # one wholly, one in part
        "extreme_pairs": (2, 0),
        "mixed_case_codes": (3, 0),  # 84001a, m and gift_0001_10
        "missing_customer": (12, 0),
        "missing_name": (2, 0),
        "no_country": (1, 0),
        "closed_days": (0, 0),
        "unfinished_last_week": (18, 0),
        "unfinished_first_week": (18, 0),  # Thursday, Friday, Sunday
    }


def test_removed_lines_add_up(imported: Imported):
    """Lines of the file less what the rules removed are the lines kept."""
    report = imported.report
    assert report.read.lines == ORDINARY_LINES + 27
    removed = sum(defect.removed for defect in report.defects)
    assert report.read.lines - removed == report.kept.lines
    assert report.history.lines + report.to_source.lines == report.kept.lines


def test_differences_from_the_usual_cleaning_add_up(imported: Imported):
    """The usual cleaning plus the stated differences is what is kept, in lines and in units."""
    report = imported.report
    assert sum(d.lines for d in report.differences) == report.kept.lines - report.plain.lines
    assert sum(d.units for d in report.differences) == report.kept.units - report.plain.units
    by_reason = {d.reason.split()[0]: (d.lines, d.units) for d in report.differences}
    assert by_reason == {"carriage,": (-1, -1), "goods": (1, 3), "cancelled": (-1, -81000)}


def test_every_defect_is_a_finding(imported: Imported):
    """What was changed on the way in stands in the scenario's findings, with the same counts."""
    counted = {
        code: count
        for (code, table, _, _), count in imported.scenario.findings.counts.items()
        if table == "online-retail"
    }
    for defect in imported.report.defects:
        assert counted[defect.code] == max(defect.seen, 1)
    assert not imported.scenario.findings.errors


def test_extreme_pair_leaves_no_trace(imported: Imported):
    """An order of 80,995 that is cancelled within minutes is neither demand, order nor return."""
    lines = imported.scenario.table("order_lines")
    assert lines["qty"].max() == 12
    assert "600030" not in set(imported.scenario.table("orders")["order_id"])
    returns = imported.scenario.table("return_rates").set_index("product_id")
    assert returns.loc["84001A", "rate"] == pytest.approx(3 / (35 * 4 + 2), abs=5e-5)


def test_cancellation_within_the_day_lowers_demand(imported: Imported):
    """Of 12 units ordered on 18 January 5 were taken back two hours later: 7 remain."""
    total = sum(history(imported, zone, "22111", "2011-01-17") for zone in ("GB", "GB-LON"))
    assert total == 6 * 6 + 7


def test_later_cancellation_is_a_return(imported: Imported):
    """Four units that came back after ten days leave demand alone and give rate and delay."""
    total = sum(history(imported, zone, "22112", "2011-01-10") for zone in ("GB", "GB-LON"))
    assert total == 5 * 12 + 10
    returns = imported.scenario.table("return_rates").set_index("product_id")
    sold = 35 * 24 + 10 + 24 + 24
    assert returns.loc["22112", "rate"] == pytest.approx(4 / sold, abs=5e-5)
    assert returns.loc["22112", "delay_days"] == 10.0


def test_cancellation_of_an_older_purchase_teaches_nothing(imported: Imported):
    """9,360 units bought before the file begins are no return of what it sells."""
    assert "22111" not in set(imported.scenario.table("return_rates")["product_id"])


def test_mixed_case_codes_are_one_product(imported: Imported):
    """84001a and 84001A are sold as one product."""
    products = set(imported.scenario.table("products")["product_id"])
    assert products == {"22111", "22112", "84001A", "DCGS0003"}


def test_missing_customers_stay_in_their_country(imported: Imported):
    """A sale without a customer counts where it was sold."""
    assert history(imported, "JP", "22112", "2011-01-24") == 24


def test_goods_without_a_name_take_the_commonest(imported: Imported):
    """Each product bears its commonest description, never the remark on an adjustment."""
    names = imported.scenario.table("products").set_index("product_id")["name"]
    assert names["22111"] == "HOT WATER BOTTLE"
    assert names["22112"] == "CHRISTMAS CARD £1"


def test_cancellation_takes_the_latest_sale_first():
    """8 units back from sales of 5 (hours ago) and 10 (9 days ago): 5 undone, 3 returned."""
    sale = pd.DataFrame(
        {
            "customer": ["1", "1", "2"],
            "code": ["22111"] * 3,
            "country": ["France"] * 3,
            "at": pd.to_datetime(["2011-03-01 12:00", "2011-03-10 09:00", "2011-03-10 10:00"]),
            "units": [10, 5, 50],
        }
    )
    back = pd.DataFrame(
        {
            "customer": ["1"],
            "code": ["22111"],
            "country": ["France"],
            "at": pd.to_datetime(["2011-03-10 12:00"]),
            "units": [-8],
        }
    )
    matched = match_cancellations(sale, back)
    assert matched.undone.tolist() == [0, 5, 0]
    assert matched.returns["units"].tolist() == [3]
    assert matched.returns["delay_days"].tolist() == [9.0]
    assert matched.before_file == (0, 0)
