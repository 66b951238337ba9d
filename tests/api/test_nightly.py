"""A night that cron starts: planned, judged, published or held - once, one at a time."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import api.nightly.home as home_module
import api.nightly.night as night_module
from api.cli.app import invoke
from api.cli.console import Exit
from api.nightly import cron_night
from api.nightly.cron_night import Wishes, name_of, publish_held, run_due
from api.nightly.home import Busy, NightHome
from api.nightly.html import report_page
from api.nightly.report import kpi_rows
from api.nightly.shelf import FolderShelf, Kept
from optimizer.gates import Override, audited_again, load_gates, read_gates, usual_gates
from optimizer.gates.spec import KINDS
from optimizer.pipeline import plan
from optimizer.plan import Plan
from scenarios import Conflict, InputError, Scenario
from scenarios.library import demo_scenario

SHOP = demo_scenario("corner-shop")
STAGES = ("forecasting", "replenishment")
FIRST = dt.datetime(2026, 3, 2, 3, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


@pytest.fixture(scope="module")
def parts() -> list[Plan]:
    """The plan of the corner shop as it was after each stage; the last is the whole."""
    held: list[Plan] = []
    whole = plan(SHOP, STAGES, work=0.5, staged=held.append)
    return [*held, whole]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corner shop as a folder."""
    return SHOP.save(tmp_path_factory.mktemp("shop") / "scenario", "parquet")


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch, parts: list[Plan]) -> list[int]:
    """Nights get the ready plan, unaudited; the list says how often one was asked for."""
    asked: list[int] = []

    def ready(*_: Any, **__: Any) -> Plan:
        asked.append(1)
        return parts[-1]

    monkeypatch.setattr(night_module, "plan", ready)
    monkeypatch.setattr(night_module, "audited_again", lambda *_: ())
    return asked


def wishes(shop: Path, gates: dict[str, Any] | None = None, **more: Any) -> Wishes:
    """A night without a stress test."""
    own = usual_gates() if gates is None else read_gates(gates)
    return Wishes(shop, own, cron="30 2 * * *", stresses=False, **more)


def at(moment: dt.datetime) -> Callable[[], dt.datetime]:
    """A clock that stands still."""
    return lambda: moment


def test_a_sound_night_is_published_with_its_report(
    tmp_path: Path, shop: Path, planned: list[int]
) -> None:
    """The plan, the report in both languages and the pointer to the published plan are there."""
    home = NightHome(tmp_path)
    report = run_due(home, wishes(shop), at(FIRST))
    assert report is not None
    assert (report["night"], report["outcome"]) == ("2026-03-02", "published")
    told = home.published()
    assert told is not None
    assert told["plan"] == "nights/2026-03-02/plan"
    assert Plan.load(tmp_path / told["plan"]).table("purchase_orders")["qty"].sum() > 0
    for language in ("en", "zh"):
        assert (home.place("2026-03-02") / f"report.{language}.html").exists()
    assert len(planned) == 1


@pytest.mark.parametrize("place", ["publish", "report"])
def test_a_night_that_ends_while_it_is_written_is_published_by_the_next_call(
    shop: Path,
    planned: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    """Before it is published or before its report: the report never says more than is true."""
    home = NightHome(tmp_path)

    def broken(*_: Any, **__: Any) -> Any:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        if place == "publish":
            patch.setattr(NightHome, "publish", broken)
        else:
            patch.setattr(home_module, "report_page", broken)
        with pytest.raises(OSError, match="no space left"):
            run_due(home, wishes(shop), at(FIRST))
    assert home.report("2026-03-02") is None
    report = run_due(home, wishes(shop), at(FIRST))
    assert report is not None
    assert report["outcome"] == "published"
    published = home.published()
    assert published is not None
    assert published["night"] == "2026-03-02"
    assert len(planned) == 1  # its steps were there


def test_a_night_is_done_once(tmp_path: Path, shop: Path, planned: list[int]) -> None:
    """Called again within the same night, nothing is done; nor when the clock is set back."""
    home = NightHome(tmp_path)
    run_due(home, wishes(shop), at(FIRST))
    assert run_due(home, wishes(shop), at(FIRST + 9 * DAY / 24)) is None
    assert run_due(home, wishes(shop), at(FIRST - DAY / 96)) is None
    assert len(planned) == 1


@pytest.mark.slow
def test_missed_nights_are_caught_up_once(tmp_path: Path, shop: Path, planned: list[int]) -> None:
    """After three days in which nothing ran, one night is run: the last."""
    home = NightHome(tmp_path)
    run_due(home, wishes(shop), at(FIRST))
    report = run_due(home, wishes(shop), at(FIRST + 3 * DAY))
    assert report is not None
    assert report["night"] == "2026-03-05"
    assert report["previous"] == "2026-03-02"
    assert run_due(home, wishes(shop), at(FIRST + 3 * DAY)) is None
    assert len(planned) == 2


@pytest.mark.slow
def test_a_held_night_leaves_yesterdays_plan_in_force(
    tmp_path: Path, shop: Path, planned: list[int]
) -> None:
    """A budget of 1 holds the plan; a person's word publishes it, and the report says so."""
    home = NightHome(tmp_path)
    run_due(home, wishes(shop), at(FIRST))
    strict = {"budget": [{"name": "budget", "max": 1.0}]}
    report = run_due(home, wishes(shop, strict), at(FIRST + DAY))
    assert report is not None
    assert (report["outcome"], report["reason"]) == ("held", "gates: budget")
    assert home.published()["night"] == "2026-03-02"
    name = ["--home", str(tmp_path), "--night", "2026-03-03", "--by", "Li Wei"]
    assert invoke(["publish", *name, "--override", "budget="]) == Exit.BAD_INPUT
    assert invoke(["publish", *name, "--override", "budget=festival"]) == Exit.FINE
    assert home.published()["overrides"][0]["by"] == "Li Wei"
    page = (home.place("2026-03-03") / "report.en.html").read_text(encoding="utf-8")
    assert "Li Wei" in page
    assert "festival" in page
    assert invoke(["publish", *name, "--override", "budget=festival"]) == Exit.FINE


def test_a_plan_that_was_edited_after_its_gates_is_not_published(
    tmp_path: Path, shop: Path, planned: list[int]
) -> None:
    """A word is given for the plan that was judged: one with other orders is refused."""
    home = NightHome(tmp_path)
    run_due(home, wishes(shop, {"budget": [{"name": "budget", "max": 1.0}]}), at(FIRST))
    word = [Override("budget", "Li Wei", "festival")]
    place = home.place("2026-03-02") / "plan" / "purchase_orders.parquet"
    judged = place.read_bytes()
    lines = pd.read_parquet(place)
    lines.assign(qty=10.0 * lines["qty"]).to_parquet(place, index=False)
    with pytest.raises(Conflict, match="changed after its gates"):
        publish_held(home, "2026-03-02", word, FIRST)
    assert home.published() is None
    place.write_bytes(judged)
    published = publish_held(home, "2026-03-02", word, FIRST)
    assert home.published()["plan_hash"] == published["plan_hash"]


def test_a_published_night_that_is_run_again_and_held_keeps_its_plan_in_force(
    tmp_path: Path,
    shop: Path,
    planned: list[int],
    parts: list[Plan],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The held plan does not take the place of the one that its night published."""
    home = NightHome(tmp_path)
    run_due(home, wishes(shop), at(FIRST))
    units = parts[-1].table("purchase_orders")["qty"].sum()
    lines = parts[-1].table("purchase_orders")
    more = {**parts[-1].tables, "purchase_orders": lines.assign(qty=2.0 * lines["qty"])}
    monkeypatch.setattr(night_module, "plan", lambda *_, **__: Plan(parts[-1].provenance, more))
    strict = {"budget": [{"name": "budget", "max": 1.0}]}
    report = run_due(home, wishes(shop, strict, again=True), at(FIRST))
    assert report is not None
    assert report["outcome"] == "held"
    holds = home.published_plan()
    assert holds is not None
    assert holds.plan.table("purchase_orders")["qty"].sum() == units
    day = dt.date(2026, 10, 13)
    earlier = home.published_before("2026-03-03", day, 14)
    assert [float(each.lines["qty"].sum()) for each in earlier] == [units]
    publish_held(home, "2026-03-02", [Override("budget", "Li Wei", "festival")], FIRST)
    holds = home.published_plan()
    assert holds is not None
    assert holds.plan.table("purchase_orders")["qty"].sum() == 2.0 * units


def test_a_superseded_night_that_is_run_again_still_has_its_lines_on_order(
    tmp_path: Path, shop: Path, planned: list[int]
) -> None:
    """It cannot be published any more, and what its published plan ordered counts as before."""
    home = NightHome(tmp_path)
    run_due(home, wishes(shop), at(FIRST))
    run_due(home, wishes(shop), at(FIRST + DAY))
    day = dt.date(2026, 10, 13)
    before = home.published_before("2026-03-04", day, 14)
    for gates in (None, {"budget": [{"name": "budget", "max": 1.0}]}):
        report = run_due(home, wishes(shop, gates, again=True, night="2026-03-02"), at(FIRST))
        assert report is not None
        assert report["outcome"] == "held"
        after = home.published_before("2026-03-04", day, 14)
        assert [each.name for each in after] == ["2026-03-02", "2026-03-03"]
        for one, other in zip(before, after, strict=True):
            pd.testing.assert_frame_equal(one.lines, other.lines)
    assert invoke(["audit", "verify", "--nights", str(tmp_path)]) == Exit.FINE


def test_the_record_of_publications_shows_what_was_changed_afterwards(
    tmp_path: Path, shop: Path, planned: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    """An edited plan, an edited entry, a removed one, and another plan put into force."""
    home = NightHome(tmp_path)
    for day in (FIRST, FIRST + DAY):
        run_due(home, wishes(shop), at(day))
    call = ["audit", "verify", "--nights", str(tmp_path)]
    assert invoke(call) == Exit.FINE
    record, holds = tmp_path / "publications.jsonl", tmp_path / "published.json"
    orders = home.place("2026-03-02") / "plan" / "purchase_orders.parquet"
    first, second = record.read_bytes().splitlines(keepends=True)
    for path, content, told in (
        (orders, orders.read_bytes() + b"0", "entry 1: the plan of night 2026-03-02 was changed"),
        (record, first.replace(b'"days": 28', b'"days": 29') + second, "entry 1 was changed"),
        (record, second, "entry 1 does not follow the entry before it"),
        (holds, first, "published.json is not the newest entry"),
        (record, b"{}\n", "is no entry of what was published"),
    ):
        sound = path.read_bytes()
        assert content != sound
        path.write_bytes(content)
        capsys.readouterr()
        assert invoke(call) == Exit.GATE_FAILED
        assert told in " ".join(capsys.readouterr().out.split())
        path.write_bytes(sound)
    assert invoke(call) == Exit.FINE


@pytest.mark.slow
def test_yesterdays_plan_is_what_nervousness_is_measured_against(
    tmp_path: Path, shop: Path, monkeypatch: pytest.MonkeyPatch, parts: list[Plan]
) -> None:
    """Half of every order more than yesterday is 50 % changed, and held at 30 %."""
    home = NightHome(tmp_path)
    gates = {"nervousness": [{"name": "calm", "measure": "purchase_qty", "max": 30.0}]}
    whole = parts[-1]
    lines = whole.table("purchase_orders")
    more = lines.assign(qty=1.5 * lines["qty"], cost=1.5 * lines["cost"])
    bigger = Plan(whole.provenance, {**whole.tables, "purchase_orders": more}, whole.notes)
    monkeypatch.setattr(night_module, "plan", lambda *_, **__: whole)
    first = run_due(home, wishes(shop, gates), at(FIRST))
    monkeypatch.setattr(night_module, "plan", lambda *_, **__: bigger)
    second = run_due(home, wishes(shop, gates), at(FIRST + DAY))
    assert first is not None
    assert second is not None
    assert first["gates"]["results"][0]["outcome"] == "unjudged"
    assert second["gates"]["results"][0]["value"] == pytest.approx(50.0)
    assert second["outcome"] == "held"


def test_two_nights_do_not_overlap(tmp_path: Path, shop: Path) -> None:
    """While one holds the lock, another is refused with an exit code of its own."""
    home = NightHome(tmp_path)
    with home.locked():
        with pytest.raises(Busy):
            run_due(NightHome(tmp_path), wishes(shop), at(FIRST))
        assert invoke(["nightly", str(shop), "--home", str(tmp_path), "--json"]) == Exit.BUSY
    assert not list((tmp_path / "nights").iterdir())


@pytest.mark.slow
def test_data_with_errors_are_told_in_a_report_and_tried_again(
    tmp_path: Path, planned: list[int]
) -> None:
    """A duplicate key stops the night; the mended file is planned on the next call."""
    tables = {name: SHOP.table(name) for name in SHOP.tables}
    twice = pd.concat([tables["products"], tables["products"].head(1)], ignore_index=True)
    bad = Scenario(SHOP.settings, {**tables, "products": twice}).save(tmp_path / "bad", "parquet")
    home = NightHome(tmp_path / "home")
    with pytest.raises(InputError):
        run_due(home, wishes(bad), at(FIRST))
    report = home.report("2026-03-02")
    assert report is not None
    assert report["outcome"] == "failed"
    assert report["findings"]["counts"]["error"] >= 1
    assert not planned
    good = SHOP.save(tmp_path / "good", "parquet")
    after = run_due(home, wishes(good), at(FIRST))
    assert after is not None
    assert after["outcome"] == "published"


@pytest.mark.slow
def test_steps_that_had_ended_are_not_done_again(
    tmp_path: Path, shop: Path, monkeypatch: pytest.MonkeyPatch, parts: list[Plan]
) -> None:
    """A night that dies behind its first stage goes on with the second, from what was kept."""
    home = NightHome(tmp_path)
    seen: list[Plan | None] = []

    def dies(*_: Any, staged: Callable[[Plan], None], begun: Plan | None, **__: Any) -> Plan:
        seen.append(begun)
        if begun is None:
            staged(parts[0])
            raise MemoryError("killed")
        return parts[-1]

    monkeypatch.setattr(night_module, "plan", dies)
    with pytest.raises(MemoryError):
        run_due(home, wishes(shop), at(FIRST))
    report = run_due(home, wishes(shop), at(FIRST))
    assert seen[0] is None
    assert seen[1] is not None
    assert set(seen[1].table("certificates")["stage"]) == {"forecasting"}
    assert report is not None
    resumed = {step["name"]: step["resumed"] for step in report["steps"]}
    assert (resumed["validate"], resumed["plan"]) == (True, False)


@pytest.mark.slow
def test_a_plan_that_is_gone_on_with_is_the_same_plan(parts: list[Plan]) -> None:
    """Taken up behind its first stage, a run comes to the same tables, row by row."""
    again = plan(SHOP, STAGES, work=0.5, begun=parts[0])
    for name, frame in parts[-1].tables.items():
        timed = [column for column in frame if column == "wall_seconds"]
        pd.testing.assert_frame_equal(
            frame.drop(columns=timed), again.table(name).drop(columns=timed)
        )
    assert again.provenance.work == parts[-1].provenance.work


@pytest.mark.slow
def test_the_plan_of_another_call_is_not_gone_on_with(parts: list[Plan]) -> None:
    """With another seed the first stage is run again: its work is that of this call."""
    done: list[str] = []
    plan(SHOP, STAGES, work=0.5, seed=8, begun=parts[0],
         progress=lambda stage, share, _: done.append(stage) if share == 1.0 else None)  # fmt: skip
    assert "forecasting" in done


def test_an_edited_plan_does_not_pass_the_referee_again(parts: list[Plan]) -> None:
    """A purchase line made dearer in the table is found, whatever its certificate says."""
    whole = parts[-1]
    assert audited_again(SHOP, whole) == ()
    lines = whole.table("purchase_orders")
    dearer = lines.assign(cost=lines["cost"] + 1.0)
    edited = Plan(whole.provenance, {**whole.tables, "purchase_orders": dearer}, whole.notes)
    assert audited_again(SHOP, edited)


def test_kpis_that_yesterday_lacked_are_blank(parts: list[Plan]) -> None:
    """Against itself a plan changes by nothing; against no plan there is no change at all."""
    whole = parts[-1]
    assert {row["change"] for row in kpi_rows(whole, whole)} <= {0.0, None}
    assert {row["change"] for row in kpi_rows(whole, None)} == {None}
    assert any(row["change"] == 0.0 for row in kpi_rows(whole, whole))


@pytest.mark.slow
def test_the_page_needs_nothing_from_outside_and_runs_nothing(
    tmp_path: Path, shop: Path, planned: list[int]
) -> None:
    """No script, no link, no image; what a planner wrote is shown, not run."""
    home = NightHome(tmp_path)
    gates = {"budget": [{"name": "<script>alert(1)</script>", "max": 1.0}]}
    document = run_due(home, wishes(shop, gates), at(FIRST))
    assert document is not None
    for language, word in (("en", "Gates"), ("zh", "发布门槛")):
        page = report_page(json.loads(json.dumps(document)), language)  # type: ignore[arg-type]
        assert word in page
        for outside in ("<script", "http:", "https:", "src=", "@import", "url("):
            assert outside not in page, outside


def test_a_step_is_there_whole_or_not_at_all(tmp_path: Path, parts: list[Plan]) -> None:
    """What a shelf gives back is what was put there last; of an older one nothing is left."""
    shelf = FolderShelf(tmp_path)
    assert shelf.load("plan") is None
    shelf.keep("plan", Kept("a", {"n": 1}, parts[0]))
    shelf.keep("plan", Kept("b", {"n": 2}, parts[-1]))
    kept = shelf.load("plan")
    assert kept is not None
    assert kept.plan is not None
    assert (kept.key, kept.document["n"]) == ("b", 2)
    assert set(kept.plan.tables) == set(parts[-1].tables)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("cron", "zone", "expected"),
    [
        ("30 2 * * *", "Asia/Shanghai", "2026-03-02"),  # 11:00 there: this morning's 02:30
        ("30 22 * * *", "UTC", "2026-03-01"),  # not yet due today
        ("0 */6 * * *", "UTC", "2026-03-02T0000"),  # four times a day: the hour is told
    ],
)
def test_a_night_is_named_by_its_due_time(cron: str, zone: str, expected: str) -> None:
    """Its day by the clock of the place."""
    asked = Wishes(Path("x"), usual_gates(), cron=cron, timezone=zone)
    assert name_of(asked, FIRST) == expected


MAPPING = """
name = "stock"
[files.stock]
headings = [["Item"], ["Where"], ["Count"]]
[[tables]]
table = "inventory"
from = "stock"
[tables.columns]
site_id = { from = "Where" }
product_id = { from = "Item" }
on_hand = { from = "Count" }
"""


def test_a_night_reads_exports_of_other_systems(tmp_path: Path, shop: Path) -> None:
    """Tonight's stock comes from the folder of exports, the rest from the base; it starts today."""
    (tmp_path / "stock.toml").write_text(MAPPING, encoding="utf-8")
    exports = tmp_path / "exports"
    exports.mkdir()
    row = SHOP.table("inventory").iloc[0]
    (exports / "stock.csv").write_text(f"Item,Where,Count\n{row.product_id},{row.site_id},77\n")
    asked = Wishes(
        exports, usual_gates(), timezone="Asia/Shanghai", mapping=str(tmp_path / "stock.toml"),
        base=shop, settings={"start_date": "today"},
    )  # fmt: skip
    late = dt.datetime(2026, 3, 2, 17, 0, tzinfo=dt.UTC)  # the 3rd in Shanghai
    made = cron_night._task(NightHome(tmp_path / "home"), asked, "2026-03-03", late).scenario
    assert made.table("inventory")["on_hand"].tolist() == [77.0]
    assert made.settings.start_date == dt.date(2026, 3, 3)
    assert len(made.table("products")) == len(SHOP.table("products"))


def test_the_documents_gates_can_be_read(tmp_path: Path) -> None:
    """The example of docs/nightly.md states gates of every kind, and no mistake."""
    text = (Path(__file__).parents[2] / "docs" / "nightly.md").read_text(encoding="utf-8")
    example = text.split("```toml\n")[1].split("```")[0]
    (tmp_path / "gates.toml").write_text(example, encoding="utf-8")
    (tmp_path / "storms.toml").write_text("replications = 2\n", encoding="utf-8")
    gates = load_gates(tmp_path / "gates.toml")
    assert {gate.kind for gate in gates.gates} == set(KINDS)
    assert [suite["name"] for suite in gates.suites] == ["storms"]


def test_the_chinese_page_says_alerts_in_chinese(
    tmp_path: Path, shop: Path, planned: list[int]
) -> None:
    """The shop's alert of a stockout is told in each page's own language."""
    document = run_due(NightHome(tmp_path), wishes(shop), at(FIRST))
    assert document is not None
    english = next(row["message"] for row in document["alerts"]["first"]
                   if row["code"] == "stockout_risk")  # fmt: skip
    assert english in report_page(document, "en").replace("&#39;", "'")
    assert english not in report_page(document, "zh").replace("&#39;", "'")
