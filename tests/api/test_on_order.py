"""What published plans have ordered is on order the next night, once, until the import has it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import api.nightly.night as night_module
from api.cli.app import invoke
from api.cli.console import Exit
from api.nightly.cron_night import Wishes, run_due
from api.nightly.home import NightHome
from api.nightly.html import report_page
from api.nightly.on_order import OnOrder, Published, Word, read_findings, with_orders
from optimizer.gates import usual_gates
from optimizer.plan import Plan, conform, read_table
from scenarios import Scenario, Severity
from scenarios.library import demo_scenario

SHOP = demo_scenario("corner-shop")
START = SHOP.settings.start_date
DAY = dt.timedelta(days=1)
NOW = dt.datetime(2026, 10, 12, 3, 0, tzinfo=dt.UTC)


def shop(day: int, **tables: pd.DataFrame) -> Scenario:
    """The corner shop some days later, with other tables."""
    settings = SHOP.settings.model_copy(update={"start_date": START + day * DAY})
    return Scenario(settings, {**{n: SHOP.table(n) for n in SHOP.tables}, **tables})


def line(order: str = "PO-1", number: int = 1, day: int = 0, **more: Any) -> dict[str, Any]:
    """A planned line: 10 MUG from MARKET for W1 at 2 each, due five days after its day."""
    plain = {
        "order_id": order, "line": number, "supplier_id": "MARKET", "product_id": "MUG",
        "site_id": "W1", "order_on": pd.Timestamp(START + day * DAY),
        "due_on": pd.Timestamp(START + (day + 5) * DAY), "qty": 10.0, "unit_cost": 2.0,
        "cost": 20.0, "status": "proposed",
    }  # fmt: skip
    return {**plain, **more}


def published(*lines: dict[str, Any], start: int = 0, name: str = "n1") -> Published:
    """A plan with lines."""
    return Published(name, START + start * DAY, conform("purchase_orders", pd.DataFrame(lines)))


def imported(order: str, qty: float, day: int = 1, number: str = "1") -> pd.DataFrame:
    """The shop's open orders with one more: MUG from MARKET for W1, ordered some days later."""
    row = {
        "order_id": order, "line": number, "kind": "purchase", "source_id": "MARKET",
        "site_id": "W1", "product_id": "MUG", "qty": qty,
        "ordered_on": pd.Timestamp(START + day * DAY),
        "due_on": pd.Timestamp(START + 5 * DAY),
    }  # fmt: skip
    return pd.concat([SHOP.table("open_orders"), pd.DataFrame([row])], ignore_index=True)


def added(found: OnOrder) -> dict[str, float]:
    """Return the added lines with their units."""
    rows = found.document["first"]
    return {f"{row['order_id']}/{row['line']}": row["qty"] for row in rows}


def test_a_placed_line_becomes_an_open_order() -> None:
    """One row with all it needs, told with its value (10 x 2 = 20)."""
    found = with_orders(shop(1), [published(line())])
    rows = found.scenario.table("open_orders")
    new = rows[rows["order_id"] == "PO-1"].iloc[0]
    assert (new["line"], new["kind"], new["source_id"], new["qty"]) == ("1", "purchase",
                                                                        "MARKET", 10.0)  # fmt: skip
    assert (found.document["lines"], found.document["orders"], found.document["value"]) == (
        1,
        1,
        20,
    )
    assert {f.code for f in found.findings} == {"ordered_not_in_import"}
    assert len(rows) == len(SHOP.table("open_orders")) + 1


def test_lines_of_days_to_come_are_planned_anew() -> None:
    """Tonight's and later days' lines are no orders yet."""
    assert not added(with_orders(shop(1), [published(line(day=1), line("PO-2", day=2))]))


def test_a_day_belongs_to_the_plan_in_force_on_it() -> None:
    """Of two plans for the second day the later counts; the first day stays the first plan's."""
    first = published(line("PO-1"), line("PO-2", day=1), name="n1")
    second = published(line("PO-2", day=1, qty=3.0), start=1, name="n2")
    assert added(with_orders(shop(2), [first, second])) == {"PO-1/1": 10.0, "PO-2/1": 3.0}


@pytest.mark.parametrize("reference", ["PO-1", "holdfast_PO_2d_1", "PO-1 W1"])
def test_an_order_that_the_import_has_is_the_imports_business(reference: str) -> None:
    """By each reference that exports write; its lines that are not listed are not added either."""
    coming = imported(reference, 4.0)
    found = with_orders(shop(1, open_orders=coming), [published(line(), line(number=2))])
    assert not added(found)
    assert found.known == {"PO-1/1", "PO-1/2"}
    assert found.document["in_import"] == 2
    assert found.scenario.content_hash == shop(1, open_orders=coming).content_hash


def test_an_order_with_the_importers_number_is_known_by_its_content() -> None:
    """The same units of the same product: one row stands for one line, not for two."""
    coming = imported("P00012", 10.0)
    two = [published(line("PO-1")), published(line("PO-2", day=1), start=1, name="n2")]
    assert added(with_orders(shop(2, open_orders=coming), two)) == {"PO-2/1": 10.0}


def test_an_order_from_before_is_another_order() -> None:
    """A row of the same content that was ordered the day before the line."""
    coming = imported("P00012", 10.0, day=-1)
    assert added(with_orders(shop(1, open_orders=coming), [published(line())])) == {"PO-1/1": 10.0}


def test_what_was_received_is_not_on_order() -> None:
    """The import has the order among its receipts only."""
    row = {
        "order_id": "PO-1", "line": "1", "supplier_id": "MARKET", "product_id": "MUG",
        "site_id": "W1", "qty_ordered": 10.0, "qty_received": 10.0,
        "ordered_on": pd.Timestamp(START), "promised_on": pd.Timestamp(START + 5 * DAY),
        "received_on": pd.Timestamp(START + DAY),
    }  # fmt: skip
    receipts = pd.concat([SHOP.table("receipts"), pd.DataFrame([row])], ignore_index=True)
    assert not added(with_orders(shop(2, receipts=receipts), [published(line())]))


def test_what_an_import_has_shown_once_is_never_added_again() -> None:
    """It is gone from the import: it came or was cancelled."""
    found = with_orders(shop(2), [published(line())], known={"PO-1/1"})
    assert not added(found)
    assert found.known == {"PO-1/1"}


@pytest.mark.parametrize(("day", "due"), [(6, 5), (15, 30)])
def test_a_line_that_no_import_shows_ceases_to_count_with_a_warning(day: int, due: int) -> None:
    """The day after it was due, or fifteen days after it was ordered."""
    told = line(due_on=pd.Timestamp(START + due * DAY))
    counts = with_orders(shop(day - 1), [published(told)])
    assert added(counts) == {"PO-1/1": 10.0}
    found = with_orders(shop(day), [published(told)])
    assert not added(found)
    assert found.document["aged_out"] == 1
    [finding] = found.findings
    assert (finding.code, finding.severity, finding.value) == (
        "ordered_never_shown", Severity.WARNING, "PO-1/1",
    )  # fmt: skip


def test_a_line_of_what_is_no_more_in_the_data_is_told() -> None:
    """A product that the import has dropped breaks no night."""
    found = with_orders(shop(1), [published(line(product_id="GONE"))])
    assert not added(found)
    assert [f.code for f in found.findings] == ["ordered_of_unknown"]


def test_a_confirmed_line_counts_as_confirmed() -> None:
    """Seven of ten: 14 of 20, and on the day that was said; nothing of the other line."""
    later = START + 8 * DAY
    words = [Word("PO-1", "1", 7.0, later, 10.0, START + 5 * DAY),
             Word("PO-1", "2", 0.0, START + 5 * DAY, 10.0, START + 5 * DAY)]  # fmt: skip
    found = with_orders(shop(1), [published(line(), line(number=2))], words=words)
    assert added(found) == {"PO-1/1": 7.0}
    assert found.document["value"] == pytest.approx(14.0)
    rows = found.scenario.table("open_orders").set_index("order_id")
    assert rows.loc["PO-1", "due_on"] == pd.Timestamp(later)


def test_a_confirmation_that_was_applied_hides_no_other_line() -> None:
    """Its row is in the data by our own hand; the second line of the order is still to come."""
    coming = imported("PO-1", 7.0)
    words = [Word("PO-1", "1", 7.0, START + 5 * DAY, 10.0, START + 5 * DAY)]
    found = with_orders(
        shop(1, open_orders=coming), [published(line(), line(number=2))], words=words
    )
    assert added(found) == {"PO-1/2": 10.0}


def test_a_confirmation_holds_while_the_import_is_as_it_was() -> None:
    """Ten due on day 5, of which six were confirmed for day 8; the import's eight hold again."""
    words = [Word("A-1", "1", 6.0, START + 8 * DAY, 10.0, START + 5 * DAY)]
    same = with_orders(shop(1, open_orders=imported("A-1", 10.0)), [], words=words)
    row = same.scenario.table("open_orders").set_index("order_id").loc["A-1"]
    assert (row["qty"], row["due_on"]) == (6.0, pd.Timestamp(START + 8 * DAY))
    assert same.document["confirmed"] == 1
    newer = with_orders(shop(1, open_orders=imported("A-1", 8.0)), [], words=words)
    row = newer.scenario.table("open_orders").set_index("order_id").loc["A-1"]
    assert row["qty"] == 8.0


def test_nothing_counts_where_nobody_wants_it() -> None:
    """0 days."""
    found = with_orders(shop(1), [published(line())], days=0)
    assert not added(found)
    assert found.scenario.content_hash == shop(1).content_hash


def test_findings_are_kept_with_their_counts() -> None:
    """Two lines that count are one finding, counted twice."""
    found = with_orders(shop(1), [published(line(), line(number=2))])
    [told] = found.findings
    again = read_findings({"findings": [{**told.document(), "count": 2}]})
    assert again.total(Severity.INFO) == 2


class Nights:
    """Nights from cron in a folder, each with an import of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = NightHome(folder / "home")

    def run(self, facts: Scenario, again: bool = False, **more: Any) -> dict[str, Any]:
        """Run the night of the import's day."""
        day = facts.settings.start_date.isoformat()
        source = facts.save(self.folder / f"import {day}", "parquet")
        wishes = Wishes(source, usual_gates(), night=day, stages=("forecasting", "replenishment"),
                        work=0.5, stresses=False, again=again, **more)  # fmt: skip
        report = run_due(self.home, wishes, lambda: NOW)
        assert report is not None
        assert report["outcome"] == "published"
        return report

    def orders(self, day: int) -> pd.DataFrame:
        """Return what a night orders."""
        place = self.home.place((START + day * DAY).isoformat()) / "plan"
        return read_table(place, "purchase_orders")


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Nights, dict[str, Any]]:
    """Two nights in a row, of which the second's import has not caught up; its report."""
    made = Nights(tmp_path_factory.mktemp("nights"))
    made.run(shop(0))
    return made, made.run(shop(1))


def test_the_second_night_orders_nothing_twice(nights: tuple[Nights, dict[str, Any]]) -> None:
    """The first night's lines count, and what they cover is not ordered again."""
    made, report = nights
    first = made.orders(0)
    tonight = first[first["order_on"] == pd.Timestamp(START)]
    assert len(tonight)
    assert report["on_order"]["lines"] == len(tonight)
    assert report["on_order"]["value"] == pytest.approx(tonight["cost"].sum())
    pair = ["product_id", "site_id"]
    again = made.orders(1).merge(tonight[pair].drop_duplicates(), on=pair)
    assert again.empty


def test_the_report_tells_what_counts_as_on_order(nights: tuple[Nights, dict[str, Any]]) -> None:
    """Count, money and lines, in both languages; a report from before has no such part."""
    report = nights[1]
    lines, value = report["on_order"]["lines"], f"{report['on_order']['value']:,.2f}"
    for language, words in (("en", "not in the import yet"), ("zh", "尚未出现")):
        page = report_page(report, language)  # type: ignore[arg-type]
        assert words in page
        assert f"<li>{lines}" in page
        assert value in page
    old = {name: part for name, part in report.items() if name != "on_order"}
    assert "not in the import yet</h2>" not in report_page(old)
    assert report["findings"]["counts"]["info"] >= lines


def test_a_night_with_orders_on_their_way_can_be_planned_again(
    nights: tuple[Nights, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Its facts lie beside it: the plan comes out again, bit for bit."""
    home = nights[0].home
    place = home.place((START + DAY).isoformat()) / "plan"
    assert invoke(["rerun", str(place)]) == Exit.FINE, capsys.readouterr().out


def test_an_import_that_has_caught_up_is_not_counted_twice(
    nights: tuple[Nights, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the first night's orders in the third day's import, nothing is added to it."""
    made, second = nights
    ready = Plan.load(made.home.place((START + DAY).isoformat()) / "plan")
    monkeypatch.setattr(night_module, "plan", lambda *_, **__: ready)
    monkeypatch.setattr(night_module, "audited_again", lambda *_: ())
    lines = made.orders(0)
    rows = pd.DataFrame(
        {
            "order_id": lines["order_id"], "line": lines["line"].astype("int64").astype(str),
            "kind": "purchase", "source_id": lines["supplier_id"], "site_id": lines["site_id"],
            "product_id": lines["product_id"], "qty": lines["qty"],
            "ordered_on": lines["order_on"], "due_on": lines["due_on"],
        }
    )[lines["order_on"] == pd.Timestamp(START)]  # fmt: skip
    caught_up = pd.concat([SHOP.table("open_orders"), rows], ignore_index=True)
    report = made.run(shop(2, open_orders=caught_up))
    assert report["on_order"]["in_import"] == second["on_order"]["lines"]
    second_day = made.orders(1)["order_on"] == pd.Timestamp(START + DAY)
    assert report["on_order"]["lines"] == int(second_day.sum())
    known = made.home.shown_before("2026-10-15")
    assert known == set(rows["order_id"] + "/" + rows["line"])
