"""Each rule says its piece about a scenario that was spoiled in one place."""

# ruff: noqa: E501 - one case a line reads best
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scenarios import Scenario, Severity
from scenarios.validation import CATALOGUE, GROUPS, validate
from scenarios.validation.facts import Facts

START = pd.Timestamp("2025-06-02")
Rows = dict[str, list[dict[str, Any]]]
Edit = Callable[[Rows], None]
Case = tuple[str, list[Edit], tuple[str, str, int | None], str]


def day(offset: float) -> pd.Timestamp:
    return START + pd.Timedelta(days=offset)


def put(table: str, row: int, **cells: Any) -> Edit:
    """Change cells of the row that the planner sees as number `row`."""
    return lambda rows: rows[table][row - 2].update(cells)


def put_all(table: str, **cells: Any) -> Edit:
    """Change cells of all rows of a table."""

    def edit(rows: Rows) -> None:
        for row in rows[table]:
            row.update(cells)

    return edit


def add(table: str, like: int = 0, **cells: Any) -> Edit:
    """Append a row; it takes what is not said from row `like`."""
    return lambda rows: rows[table].append((dict(rows[table][like - 2]) if like else {}) | cells)


def drop(table: str) -> Edit:
    """Take a table out."""
    return lambda rows: rows.pop(table, None) and None


def drop_column(table: str, column: str) -> Edit:
    """Take a column out."""

    def edit(rows: Rows) -> None:
        for row in rows[table]:
            row.pop(column, None)

    return edit


def van_only(rows: Rows) -> None:
    """Leave vans as the only way to deliver, to Z1 alone."""
    rows["carriers"][0]["capacity_per_day"] = None


MANY = [
    add(
        "products",
        like=2,
        product_id=f"X{n}",
        weight_kg=0.4,
        volume_m3=0.001,
        lead=None,
    )
    for n in range(10)
]

CASES: list[Case] = [
    # cells
    ("missing_column", [drop_column("products", "weight_kg")], ("products", "weight_kg", None), "单位重量"),
    ("blank_required", [put("products", 3, name=None)], ("products", "name", 3), "fill in name"),
    ("not_finite", [put("products", 3, unit_price=np.inf)], ("products", "unit_price", 3), "leave it blank"),
    ("out_of_range", [put("inventory", 4, on_hand=-1.0)], ("inventory", "on_hand", 4), "at least 0"),
    ("out_of_range", [put("supplier_products", 2, fill_rate=0.0)], ("supplier_products", "fill_rate", 2), "above 0, at most 1"),
    ("negative_sales", [put("demand_history", 5, qty=-2.0)], ("demand_history", "qty", 5), "return_rates"),
    ("not_whole", [put("vehicles", 2, count=1.5)], ("vehicles", "count", 2), "as in 2"),
    ("unknown_choice", [put("sites", 3, kind="castle")], ("sites", "kind", 3), "warehouse, store"),
    ("bad_clock", [put("vehicles", 2, shift_start="8 am")], ("vehicles", "shift_start", 2), "HH:MM"),
    ("not_a_day", [put("events", 2, start=day(3.5))], ("events", "start", 2), "2025-06-05"),
    ("units_out_of_scale", [put("products", 2, weight_kg=3000.0, volume_m3=1.0)], ("products", "weight_kg", 2), "from 0 to 1,500"),
    ("out_of_scale_with_column", [*MANY, put("products", 2, weight_kg=400.0, volume_m3=1.0)], ("products", "weight_kg", 2), "1,000 times"),
    ("density_out_of_scale", [put("products", 2, weight_kg=200.0, volume_m3=0.001)], ("products", "weight_kg", 2), "200,000 kg per m3"),
    ("date_out_of_scale", [put("products", 2, introduced_on=pd.Timestamp("1900-01-01"))], ("products", "introduced_on", 2), "starts 2025-06-02"),
    # keys
    ("duplicate_key", [add("products", like=3)], ("products", "product_id", 6), "row 3 has the same"),
    ("duplicate_key", [add("zone_sites", like=2)], ("zone_sites", "zone_id", 5), "zone_id + site_id + channel_id"),
    ("lookalike_key", [add("suppliers", like=2, supplier_id="v1")], ("suppliers", "supplier_id", 4), "V1 in row 2"),
    # references
    ("missing_table", [drop("sites")], ("sites", "", None), "add the table sites"),
    ("no_demand", [drop("demand_history"), drop("forecasts"), drop("orders")], ("", "", None), "demand_history, forecasts or orders"),
    ("no_inventory", [drop("inventory")], ("inventory", "", None), "on_hand 0"),
    ("planned_without", [drop("vehicles")], ("vehicles", "", None), "no routes"),
    ("unknown_reference", [put("inventory", 2, product_id="a")], ("inventory", "product_id", 2), "did you mean A?"),
    ("reference_without_table", [drop("suppliers")], ("supplier_products", "supplier_id", None), "3 rows name 2 values"),
    ("described_nowhere", [drop("channels")], ("demand_history", "channel_id", None), "56 rows name 1 values"),
    ("unknown_member", [put("groups", 2, member_id="Q")], ("groups", "member_id", 2), "no product Q"),
    ("unknown_member", [put("groups", 3, member_id="V2>W1")], ("groups", "member_id", 3), "no lane V2>W1"),
    ("unknown_place", [put("distances", 2, origin_id="Moon")], ("distances", "origin_id", 2), "not used"),
    ("unknown_category", [put("promotions", 3, category="ware")], ("promotions", "category", 3), "did you mean Ware?"),
    ("order_without_lines", [add("orders", like=2, order_id="S9")], ("orders", "order_id", 5), "order_lines"),
    # places
    ("lat_lon_swapped", [put("zones", 2, lat=121.5, lon=31.2)], ("zones", "lat", 2), "121.5"),
    ("lat_lon_out_of_range", [put("zones", 2, lon=200.0)], ("zones", "lon", 2), "-180 to 180"),
    ("lat_lon_look_swapped", [put("zones", 2, lat=-0.15, lon=51.4)], ("zones", "lat", 2), "lat and lon swapped"),
    ("lat_lon_look_swapped", [put("zones", 2, lat=-0.15, lon=51.5, city="London")], ("zones", "lat", 2), "from London"),
    ("far_from_its_city", [put("zones", 2, city="Paris")], ("zones", "lat", 2), "km from Paris"),
    ("at_zero_zero", [put("suppliers", 3, lat=0.0, lon=0.0)], ("suppliers", "lat", 3), "real lat and lon"),
    ("half_a_place", [put("sites", 2, lon=None)], ("sites", "lon", 2), "fill in both"),
    ("place_unknown", [put("zones", 2, lat=None, lon=None, city="Nowhereville")], ("zones", "lat", 2), "Nowhereville"),
    ("order_without_place", [put("orders", 2, zone_id=None)], ("orders", "zone_id", 2), "cannot be sent"),
    ("lane_to_itself", [put("lanes", 3, destination_id="W1")], ("lanes", "destination_id", 3), "destination_id"),
    ("shorter_than_straight", [put("lanes", 2, distance_km=10.0)], ("lanes", "distance_km", 2), "straight line is"),
    ("shorter_than_straight", [put("distances", 2, distance_m=20.0)], ("distances", "distance_m", 2), "11.6 km"),
    # time
    ("ends_before_it_begins", [put("events", 2, end=day(1))], ("events", "end", 2), "before start 2025-06-05"),
    ("ends_before_it_begins", [put("orders", 2, due_to=day(1.1))], ("orders", "due_to", 2), "before due_from"),
    ("ends_before_it_begins", [put("promotions", 2, end=day(0))], ("promotions", "end", 2), "before start"),
    ("shift_over_midnight", [put("vehicles", 2, shift_end="06:00")], ("vehicles", "shift_end", 2), "24:00"),
    ("not_yet_happened", [put("demand_history", 2, date=day(0))], ("demand_history", "date", 2), "starts 2025-06-02"),
    ("outside_horizon", [put("limits", 2, bucket=day(14))], ("limits", "bucket", 2), "2025-06-02 to 2025-06-15"),
    ("lead_time_zero", [put_all("supplier_products", lead_time_mean_days=0.0), drop("lanes")], ("supplier_products", "lead_time_mean_days", 2), "keeps no stock for the wait"),
    ("bucket_misaligned", [put("limits", 2, bucket=day(3))], ("limits", "bucket", 2), "nearest is 2025-06-02"),
    ("horizon_not_covered", [lambda rows: rows.update(forecasts=[r for r in rows["forecasts"] if r["bucket"] < day(10)])], ("forecasts", "bucket", None), "4 buckets repeat"),
    ("history_is_old", [drop("forecasts"), lambda rows: [r.update(date=r["date"] - pd.Timedelta(days=100)) for r in rows["demand_history"]] and None], ("demand_history", "date", None), "101 days before"),
    ("lead_time_beyond_horizon", [put("supplier_products", 2, lead_time_mean_days=150.0)], ("supplier_products", "lead_time_mean_days", 2), "the simulator refuses"),
    ("lead_time_beyond_horizon", [put("lanes", 2, transit_mean_days=100.0)], ("lanes", "transit_mean_days", 2), "lengthen the horizon"),
    ("due_in_the_past", [put("open_orders", 2, due_on=day(-2))], ("open_orders", "due_on", 2), "days: 2"),
    ("due_in_the_past", [put("orders", 2, due_from=day(-2), due_to=day(-1))], ("orders", "due_to", 2), "days: 1"),
    ("released_too_late", [put("orders", 3, release_at=day(3.5))], ("orders", "release_at", 3), "2025-06-05 12:00"),
    ("past_promotions", [put("promotions", 2, start=day(-9), end=day(-8))], ("promotions", "end", None), "1 promotions ended"),
    ("never_works", [lambda rows: rows.update(calendars=[{"calendar_id": "CAL", "date": day(n), "is_working": False} for n in range(14)])], ("calendars", "calendar_id", 2), "all 14 days"),
    ("calendar_unused", [add("calendars", like=2, calendar_id="IDLE")], ("calendars", "calendar_id", 4), "calendar_id of the sites"),
    ("calendar_ended", [put("calendars", 2, date=day(-9)), put("calendars", 3, date=day(-8))], ("calendars", "calendar_id", 2), "2025-05-25"),
    # demand
    ("quantiles_cross", [put("forecasts", 4, qty=2.0)], ("forecasts", "qty", 4), "0.5 quantile is 3"),
    ("mean_missing", [put("forecasts", 2, quantile=0.1)], ("forecasts", "quantile", 2), "blank quantile"),
    ("case_probabilities", [put("demand_cases", 2, probability=0.5)], ("demand_cases", "probability", None), "add up to 1.25"),
    ("cases_ignored", [put("forecasts", 2, demand_case="low")], ("forecasts", "demand_case", None), "1 rows of demand cases"),
    ("zone_shares", [put("zone_sites", 2, share_pct=30.0)], ("zone_sites", "share_pct", 2), "Z1 add up to 70 %"),
    ("nothing_left", [add("sites", like=2, site_id="W3"), add("inventory", like=2, site_id="W3"), add("zone_sites", zone_id="Z2", site_id="W3")], ("zone_sites", "share_pct", 5), "Z2 add up to 100 %"),
    ("source_shares", [put("item_sources", 3, share_pct=80.0)], ("item_sources", "share_pct", 3), "80 %"),
    ("channel_shares", [put("channels", 2, stock_share_pct=60.0)], ("channels", "stock_share_pct", None), "110 %"),
    ("closed_site_serves", [put("sites", 3, status="closed")], ("zone_sites", "site_id", 3), "W2 is closed"),
    ("promotions_overlap", [put("promotions", 4, start=day(3))], ("promotions", "start", 4), "promotion P1 (row 2) runs until 2025-06-05"),
    ("promotions_overlap", [put("promotions", 4, product_id="C")], ("promotions", "start", 4), "promotion P2"),
    ("promotion_without_goods", [put("promotions", 2, product_id=None)], ("promotions", "product_id", 2), "product_id or category"),
    # stock
    ("expired_stock", [put("inventory", 2, expires_on=day(0))], ("inventory", "expires_on", 2), "40 units expired"),
    ("stock_at_closed_site", [put("sites", 3, status="closed")], ("inventory", "site_id", 5), "its 40 units"),
    ("coming_to_closed_site", [put("sites", 3, status="candidate")], ("open_orders", "site_id", 3), "W2 is candidate"),
    ("more_held_than_there", [put("inventory", 2, quarantined=40.0)], ("inventory", "on_hand", 2), "41 units"),
    ("rejected_above_received", [put("receipts", 2, qty_rejected=11.0)], ("receipts", "qty_rejected", 2), "10 units were received"),
    ("wrong_kind_of_source", [put("open_orders", 2, source_id="W2")], ("open_orders", "source_id", 2), "comes from a supplier"),
    ("from_itself", [put("item_sources", 2, source_id="W1")], ("item_sources", "source_id", 2), "another site or a supplier"),
    ("levels_reversed", [put("inventory_policies", 2, s=50.0)], ("inventory_policies", "S", 2), "s is 50"),
    ("parameters_missing", [put("inventory_policies", 2, S=None)], ("inventory_policies", "S", 2), "s_S needs both s and S"),
    ("returns_above_sales", [put("return_rates", 2, rate=0.9)], ("return_rates", "rate", 2), "1.1"),
    # terms
    ("multiple_above_capacity", [put("supplier_products", 3, order_multiple=701.0)], ("supplier_products", "order_multiple", 3), "701 units, the capacity 700"),
    ("moq_above_capacity", [put("supplier_products", 3, moq=800.0)], ("supplier_products", "moq", 3), "800 units, the capacity 700"),
    ("least_order_above_review", [put("supplier_products", 3, moq=102.0)], ("supplier_products", "capacity_per_week", 3), "is 105 units, and 700 a week leave 100 for a review every 1 days"),
    ("price_break_rises", [put("price_breaks", 3, unit_cost=3.8)], ("price_breaks", "unit_cost", 3), "more than the 3.5"),
    ("price_break_rises", [put("price_breaks", 2, unit_cost=4.5)], ("price_breaks", "unit_cost", 2), "more than the 4 below"),
    ("price_breaks_mixed", [put("price_breaks", 3, kind="incremental")], ("price_breaks", "kind", 2), "V1 and A"),
    ("price_break_unused", [put("price_breaks", 3, product_id="C")], ("price_breaks", "product_id", 3), "V1 and C"),
    ("bad_weekdays", [put("supplier_products", 2, order_weekdays="0,8")], ("supplier_products", "order_weekdays", 2), "1,3,5"),
    ("terms_overlap", [put("supplier_products", 2, valid_to=day(9)), add("supplier_products", like=2, valid_from=day(5), valid_to=None)], ("supplier_products", "valid_from", 5), "row 2 holds until 2025-06-11"),
    ("terms_over", [add("supplier_products", like=2, valid_from=day(-90), valid_to=day(-60))], ("supplier_products", "valid_to", None), "1 rows ended"),
    ("sold_below_cost", [put("products", 2, unit_price=3.0)], ("products", "unit_cost", 2), "sells for 3"),
    ("cost_out_of_line", [put("supplier_products", 4, unit_cost=48.0)], ("supplier_products", "unit_cost", 4), "per case"),
    # supply paths
    ("no_supply_path", [drop("open_orders"), drop("item_sources"), add("products", like=2, product_id="N"), add("demand_history", like=2, product_id="N")], ("demand_history", "product_id", 58), "at W1"),
    ("ordered_without_supply", [add("products", like=2, product_id="N"), add("order_lines", order_id="S1", line_id="2", product_id="N", qty=1.0)], ("order_lines", "product_id", 5), "supplier of N"),
    ("demand_without_site", [drop("forecasts"), drop("zone_sites"), put_all("sites", status="candidate")], ("demand_history", "location_id", 2), "in zone Z1"),
    ("source_cycle", [add("item_sources", site_id="W1", source_id="W2")], ("item_sources", "source_id", 4), "W1 < W2 < W1 feed each other"),
    ("source_without_terms", [put("item_sources", 2, source_id="V2", product_id="A")], ("item_sources", "source_id", 2), "V2 that reaches W1"),
    ("bundle_cycle", [add("product_components", bundle_id="A", component_id="K", qty=1.0)], ("product_components", "component_id", 4), "A > K > A"),
    ("supplier_without_products", [add("suppliers", like=3, supplier_id="V3")], ("suppliers", "supplier_id", 4), "supplier_products"),
    ("like_itself", [put("products", 2, like_product_id="B"), put("products", 3, like_product_id="A")], ("products", "like_product_id", 2), "A > B > A"),
    # capacity
    ("demand_above_outbound", [put("sites", 2, outbound_units_per_day=4.0)], ("sites", "outbound_units_per_day", 2), "6 units a day, 2 (50 %) more"),
    ("demand_above_inbound", [put("sites", 2, inbound_units_per_day=5.0)], ("sites", "inbound_units_per_day", 2), "1 (20 %) more than it receives"),
    ("demand_above_storage", [put("sites", 2, storage_m3=0.05)], ("sites", "storage_m3", 2), "takes 0.06 m3, 0.01 (20 %)"),
    ("stock_above_storage", [put("sites", 2, storage_m3=1.0)], ("sites", "storage_m3", 2), "1.2 m3, 0.2 (20 %)"),
    ("arrivals_above_storage", [put("sites", 2, storage_m3=1.25)], ("sites", "storage_m3", 2), "take 1.3 m3, 0.05 (4 %)"),
    ("demand_above_supply", [put("supplier_products", 2, capacity_per_week=20.0)], ("supplier_products", "capacity_per_week", 2), "21 units a week, 1 (5 %) more"),
    ("orders_above_outbound", [put_all("sites", outbound_units_per_day=3.0), put("order_lines", 2, qty=9.0, product_id="A"), put("order_lines", 3, qty=30.0)], ("orders", "due_to", None), "by 2025-06-04 39 units are due, 21 (117 %)"),
    ("orders_above_carriers", [put("carriers", 2, capacity_per_day=0.5)], ("orders", "due_to", None), "by 2025-06-04 at least 2 parcels are due, 0.5 (33 %)"),
    ("orders_above_vans", [put("order_lines", 3, qty=3500.0)], ("orders", "due_to", None), "kg are due"),
    # delivery
    ("stop_heavier_than_any_van", [put("order_lines", 2, qty=501.0), put_all("vehicles", capacity_m3=None)], ("orders", "order_id", 2), "501 kg ordered, the largest van takes 500"),
    ("line_heavier_than_any_parcel", [put("order_lines", 2, qty=31.0)], ("order_lines", "qty", 2), "31 kg to zone Z1"),
    ("zone_without_rate", [lambda rows: rows["carrier_rates"].pop()], ("orders", "zone_id", 3), "zone Z2"),
    ("emission_not_stated", [put("carrier_rates", 2, g_co2e_per_parcel=None)], ("carrier_rates", "g_co2e_per_parcel", 2), "write it, 0 for none"),
    ("depot_without_vans", [put("vehicles", 2, count=0.0)], ("vehicles", "count", 2), "none of any"),
    ("depot_without_vans", [put("carrier_rates", 2, origin="W2")], ("carrier_rates", "origin", 2), "W2 sends parcels"),
    ("van_at_closed_site", [put("sites", 3, status="closed"), put("vehicles", 2, end_depot_id="W2")], ("vehicles", "end_depot_id", 2), "W2 is closed"),
    ("window_meets_no_shift", [put("orders", 2, due_from=day(1) + pd.Timedelta(hours=19), due_to=day(1) + pd.Timedelta(hours=21))], ("orders", "due_from", 2), "2025-06-03 19:00 to 06-03 21:00, vans drive 08:00 to 18:00"),
    ("stop_beyond_reach", [put("orders", 4, lat=57.1)], ("orders", "order_id", 4), "there and back"),
    ("no_van_with_skills", [put("orders", 2, skills="crane")], ("orders", "skills", 2), "crane"),
    ("half_a_break", [put("vehicles", 2, break_min=None)], ("vehicles", "break_min", 2), "or neither"),
    # limits and scopes
    ("bad_scope", [put("limits", 2, scope="everything")], ("limits", "scope", 2), "kind:id"),
    ("bad_scope", [put("disruptions", 2, target="lane:V1-W1")], ("disruptions", "target", 2), "lane:V01>W1"),
    ("unknown_scope", [put("limits", 3, scope="supplier:V9")], ("limits", "scope", 3), "no supplier V9"),
    ("unknown_scope", [put("disruptions", 3, target="lane:V2>W1")], ("disruptions", "target", 3), "no lane V2>W1"),
    ("scope_does_not_fit", [put("limits", 3, scope="site:W1")], ("limits", "scope", 3), "supplier_share_pct works on supplier"),
    ("scope_does_not_fit", [put("disruptions", 2, target="site:W1")], ("disruptions", "target", 2), "supplier_outage works on supplier"),
    ("soft_without_penalty", [put("limits", 3, penalty=None)], ("limits", "penalty", 3), "make it hard"),
    ("scope_does_not_fit", [put("limits", 2, kind="co2", scope="zone:Z1")], ("limits", "scope", 2), "co2 works on stage, site, supplier"),
    ("unknown_scope", [put("limits", 2, kind="co2", scope="stage:picking")], ("limits", "scope", 2), "no stage picking"),
    ("co2_limit_at_least", [put("limits", 2, kind="co2", sense=">=")], ("limits", "sense", 2), "changes nothing"),
    ("co2_limit_soft", [put("limits", 2, kind="co2", hard=False, penalty=1.0)], ("limits", "hard", 2), "make it hard"),
    ("share_above_100", [put("limits", 3, value=120.0)], ("limits", "value", 3), "0 to 100"),
    ("limits_clash", [add("limits", like=2, limit_id="L3", sense=">=", value=20000.0)], ("limits", "value", 4), "at most 10,000 in row 2"),
    # risk
    ("no_onset", [put("disruptions", 2, start=None)], ("disruptions", "start", 2), "start_distribution"),
    ("no_duration", [put("disruptions", 3, duration=None)], ("disruptions", "duration", 3), "duration_distribution"),
    ("bad_distribution", [put("disruptions", 3, start_distribution="poisson(3)")], ("disruptions", "start_distribution", 3), "exponential(mean=120)"),
    ("severity", [put("disruptions", 2, severity=2.0)], ("disruptions", "severity", 2), "a share lost"),
    ("severity", [put("disruptions", 2, kind="demand_surge", target="all", severity=0.5)], ("disruptions", "severity", 2), "a factor"),
    ("disruption_cycle", [put("disruptions", 2, after="D2")], ("disruptions", "after", 2), "D1 > D2"),
    ("unknown_target", [put("playbooks", 2, target="nothing")], ("playbooks", "target", 2), "nothing is done"),
    ("unknown_action", [put("playbooks", 2, action="panic")], ("playbooks", "action", 2), "switch_supplier"),
    ("unknown_kpi", [put("playbooks", 2, kpi="mood")], ("playbooks", "kpi", 2), "fill_rate"),
]  # fmt: skip
WEEKLY = {"bucket_misaligned"}
PRICED = {"emission_not_stated"}
RISK = {"disruptions", "playbooks"}


@pytest.mark.parametrize("case", CASES, ids=[f"{n:03d}-{c[0]}" for n, c in enumerate(CASES)])
def test_rule_names_place_and_remedy(case: Case, rows: Rows, made: Callable[..., Scenario]) -> None:
    """A spoiled cell is found at its table, column and row, with a hint that gives numbers."""
    code, edits, (table, column, row), fragment = case
    for edit in edits:
        edit(rows)
    settings: dict[str, Any] = {"co2_price_per_tonne": 80.0} if code in PRICED else {}
    settings |= {"bucket": "week", "horizon_buckets": 2} if code in WEEKLY else {}
    facts = Facts(made(rows, **settings))
    for group in GROUPS:
        if CATALOGUE[code] in group.notices or (
            table in RISK and group.protects.startswith("risk")
        ):
            for rule in group.rules:
                rule(facts)
    found = [finding for finding in facts.findings if finding.code == code]
    places = [(finding.table, finding.column, finding.row) for finding in found]
    assert (table, column, row) in places, places
    finding = found[places.index((table, column, row))]
    assert fragment in finding.hint, finding.hint
    assert finding.severity == CATALOGUE[code].severity
    assert CATALOGUE[code].hint.format(**dict(finding.parameters)) == finding.hint


def test_every_notice_is_shown_by_a_case() -> None:
    """No notice of the catalogue goes untested, and no case names one that is not there."""
    assert {case[0] for case in CASES} == set(CATALOGUE)


def test_nothing_is_wrong_with_a_sound_scenario(rows: Rows, made: Callable[..., Scenario]) -> None:
    """A sound scenario has no findings at all."""
    assert [str(finding) for finding in validate(made(rows))] == []


def test_all_findings_come_at_once(rows: Rows, made: Callable[..., Scenario]) -> None:
    """Faults in several tables are all found in one go."""
    put("products", 3, name=None)(rows)
    put("inventory", 4, on_hand=-1.0)(rows)
    add("zones", like=2)(rows)
    put("orders", 2, zone_id="Z9")(rows)
    findings = validate(made(rows))
    codes = {finding.code for finding in findings.errors}
    assert codes == {"blank_required", "out_of_range", "duplicate_key", "unknown_reference"}
    assert findings.total(Severity.ERROR) == 4


def test_only_impossible_things_are_errors() -> None:
    """What merely cannot be served is a warning: supply paths, capacity, windows."""
    for code in ("no_supply_path", "demand_above_outbound", "window_meets_no_shift"):
        assert CATALOGUE[code].severity == Severity.WARNING
    for code in ("duplicate_key", "unknown_reference", "out_of_range", "quantiles_cross"):
        assert CATALOGUE[code].severity == Severity.ERROR


def test_rows_are_those_of_the_file(rows: Rows, made: Callable[..., Scenario]) -> None:
    """A finding gives the row number that the reader recorded."""
    put("inventory", 4, on_hand=-1.0)(rows)
    plain = made(rows)
    numbers = {"inventory": np.array([2, 3, 9, 10, 11, 12])}
    read = Scenario(plain.settings, plain.tables, rows=numbers)
    assert [finding.row for finding in validate(read).errors] == [9]


def test_findings_are_capped_and_counted(rows: Rows, made: Callable[..., Scenario]) -> None:
    """Of very many findings of one rule the first hundred are kept, and all are counted."""
    base = rows["demand_history"][0]
    rows["demand_history"] = [
        base | {"date": base["date"] - pd.Timedelta(days=n), "qty": -1.0} for n in range(250)
    ]
    findings = validate(made(rows))
    kept = [finding for finding in findings if finding.code == "negative_sales"]
    assert len(kept) == 100
    assert findings.counts[("negative_sales", "demand_history", "qty", Severity.ERROR)] == 250


def test_validation_leaves_the_scenario_alone(rows: Rows, made: Callable[..., Scenario]) -> None:
    """Validating does not change the content."""
    scenario = made(rows)
    before = scenario.content_hash
    validate(scenario)
    again = Scenario(scenario.settings, scenario.tables)
    assert again.content_hash == before


def test_stock_at_the_source_is_a_supply_path(rows: Rows, made: Callable[..., Scenario]) -> None:
    """A site is supplied through two steps of item_sources from a site that has the product."""
    add("sites", like=2, site_id="W3")(rows)
    add("item_sources", site_id="W3", source_id="W2")(rows)
    add("products", like=2, product_id="N")(rows)
    add("forecasts", product_id="N", location_id="W3", bucket=day(0), qty=1.0)(rows)
    assert "no_supply_path" in {finding.code for finding in validate(made(rows))}
    add("inventory", site_id="W1", product_id="N", on_hand=1.0)(rows)
    assert "no_supply_path" not in {finding.code for finding in validate(made(rows))}


def test_expired_terms_are_no_supply_path(rows: Rows, made: Callable[..., Scenario]) -> None:
    """A supplier whose terms ended before the start supplies nothing."""
    add("products", like=2, product_id="N")(rows)
    add("forecasts", product_id="N", location_id="W1", bucket=day(0), qty=1.0)(rows)
    add("supplier_products", like=2, product_id="N", valid_to=day(-1))(rows)
    assert "no_supply_path" in {finding.code for finding in validate(made(rows))}
    put("supplier_products", 5, valid_to=day(3))(rows)
    assert "no_supply_path" not in {finding.code for finding in validate(made(rows))}


def test_a_bundle_needs_its_components(rows: Rows, made: Callable[..., Scenario]) -> None:
    """Demand for a bundle asks for a supply path of each component, not of the bundle."""
    rows["inventory"] = [row for row in rows["inventory"] if row["product_id"] != "B"]
    rows["supplier_products"] = [r for r in rows["supplier_products"] if r["product_id"] != "B"]
    add("forecasts", product_id="K", location_id="W2", bucket=day(0), qty=1.0)(rows)
    found = [finding for finding in validate(made(rows)) if finding.code == "no_supply_path"]
    assert {finding.value for finding in found} == {"B"}


def test_promotions_in_other_channels_do_not_overlap(
    rows: Rows, made: Callable[..., Scenario]
) -> None:
    """Promotions of one product overlap only where they share place and channel."""
    put("promotions", 2, channel_id="WEB")(rows)
    put("promotions", 4, channel_id="SHOP", start=day(1))(rows)
    assert "promotions_overlap" not in {finding.code for finding in validate(made(rows))}
    put("promotions", 4, channel_id=None)(rows)
    assert "promotions_overlap" in {finding.code for finding in validate(made(rows))}


def test_midnight_ends_the_day(rows: Rows, made: Callable[..., Scenario]) -> None:
    """A window to midnight of its own day ends with that day, and is no reversed one."""
    put("orders", 2, due_from=day(1) + pd.Timedelta(hours=9), due_to=day(1))(rows)
    assert [str(finding) for finding in validate(made(rows))] == []


def test_a_scenario_of_nothing_is_judged(made: Callable[..., Scenario]) -> None:
    """A scenario without tables says what is missing."""
    codes = {finding.code for finding in validate(made({})).errors}
    assert codes == {"missing_table", "no_demand"}
