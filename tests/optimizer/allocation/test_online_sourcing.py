"""Online sourcing: one order, exact at given prices, out of what is left."""

from __future__ import annotations

import datetime as dt
import itertools
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optimizer.allocation.sourcing.desk import Desk
from optimizer.allocation.sourcing.online import decide
from optimizer.allocation.sourcing.online_orders import (
    Decision,
    OnlineLine,
    OnlineOrder,
    order_of,
)
from optimizer.audit.sourcing import check
from optimizer.plan import conform
from optimizer.stage import StageResult
from scenarios import Conflict, Scenario
from scenarios.library import demo_scenario

from .conftest import START

Build = Callable[..., Scenario]
Rows = Callable[[], dict[str, list[dict[str, Any]]]]


def ask(*lines: tuple[str, float], **facts: Any) -> OnlineOrder:
    """An order placed on the first morning, due in two days."""
    given = {"placed_at": START.to_pydatetime(), "due_to": START + pd.Timedelta("2D")} | facts
    wanted = tuple(OnlineLine(str(n), p, q) for n, (p, q) in enumerate(lines, 1))
    return OnlineOrder("N", "Z", lines=wanted, **given)


def prices(*rows: tuple[str, str, str | None, float]) -> dict[str, pd.DataFrame]:
    """Rows of marginal_prices: kind, entity, product, price."""
    return {
        "marginal_prices": pd.DataFrame(
            [("sourcing", kind, entity, product, START, price)
             for kind, entity, product, price in rows],
            columns=["stage", "kind", "entity", "product_id", "bucket", "price"],
        )
    }  # fmt: skip


def take(desk: Desk, decision: Decision, channel: str = "") -> None:
    for p in decision.parcels:
        desk.take(p.site_id, p.carrier_id, START.date(), p.lines, channel)


def test_the_cheapest_site_is_promised(tables: Rows, scenario: Build) -> None:
    """A costs 5, B 8: A, arriving the next day; B would cost 3 more."""
    decision = decide(Desk(scenario(tables()), {}), ask(("P", 1.0)))
    (parcel,) = decision.parcels
    assert (parcel.site_id, parcel.cost) == ("A", 5.0)
    assert decision.promised_on == (START + pd.Timedelta("1D")).date()
    assert (decision.alternative, decision.extra_cost) == ("from B", 3.0)


def test_a_price_sends_the_order_elsewhere_and_says_so(tables: Rows, scenario: Build) -> None:
    """P at A is worth 4 to others: 5 + 4 > 8, so B; the binding price is named."""
    desk = Desk(scenario(tables()), prices(("stock", "A", "P", 4.0)))
    decision = decide(desk, ask(("P", 1.0)))
    assert decision.parcels[0].site_id == "B"
    assert decision.cost == 8.0
    assert decision.extra_cost == -3.0
    assert decision.binding == {"rule": "price of stock", "parameter": "A/P", "value": 4.0}


def test_what_all_sites_ask_alike_refuses_nobody(tables: Rows, scenario: Build) -> None:
    """P is worth 40 everywhere, above its penalty of 30: who comes first is served, from A."""
    desk = Desk(scenario(tables()), prices(("stock", "A", "P", 40.0), ("stock", "B", "P", 40.0)))
    decision = decide(desk, ask(("P", 1.0)))
    assert [parcel.site_id for parcel in decision.parcels] == ["A"]


def test_dock_prices_count_by_units(tables: Rows, scenario: Build) -> None:
    """Two units at A's dock price of 2 add 4 to 5: B's 8 is less."""
    decision = decide(Desk(scenario(tables()), prices(("dock", "A", None, 2.0))), ask(("P", 2.0)))
    assert decision.parcels[0].site_id == "B"


def test_past_the_cutoff_a_parcel_waits_a_day(tables: Rows, scenario: Build) -> None:
    """Placed at 17:00 with a cut-off at 16:00 from A: it ships, and arrives, a day later."""
    rows = tables()
    rows["carrier_rates"][0]["cutoff_time"] = "16:00"
    placed = dt.datetime.combine(START.date(), dt.time(17))
    parcel = decide(Desk(scenario(rows), {}), ask(("P", 1.0), placed_at=placed)).parcels[0]
    assert (parcel.site_id, parcel.ship_on) == ("A", (START + pd.Timedelta("1D")).date())
    assert parcel.promised_on == (START + pd.Timedelta("2D")).date()


def test_stock_of_the_plan_and_of_promises_is_gone(
    tables: Rows, scenario: Build, source: Callable[..., StageResult]
) -> None:
    """A has 10 P, the plan ships one: after a promise of 9 the next comes from B."""
    facts = scenario(tables())
    desk = Desk(facts, source(facts).tables)
    first = decide(desk, ask(("P", 9.0)))
    assert first.parcels[0].site_id == "A"
    take(desk, first)
    assert decide(desk, ask(("P", 1.0))).parcels[0].site_id == "B"


def test_room_of_the_day_is_gone_with_what_is_promised(tables: Rows, scenario: Build) -> None:
    """A ships 3 units a day: after 2 are promised, an order of 2 comes from B."""
    rows = tables()
    rows["sites"][0]["outbound_units_per_day"] = 3.0
    desk = Desk(scenario(rows), {})
    take(desk, decide(desk, ask(("P", 2.0))))
    assert decide(desk, ask(("P", 2.0))).parcels[0].site_id == "B"


def test_the_last_parcel_of_a_carrier_is_promised_once(tables: Rows, scenario: Build) -> None:
    """C takes one parcel a day; a second order finds no carrier."""
    rows = tables()
    rows["carriers"][0]["capacity_per_day"] = 1.0
    desk = Desk(scenario(rows), {})
    take(desk, decide(desk, ask(("P", 1.0))))
    late = decide(desk, ask(("P", 1.0)))
    assert [line.code for line in late.unserved] == ["no_capacity"]


def test_ring_fenced_stock_serves_its_channel_only(tables: Rows, scenario: Build) -> None:
    """All P of A is kept for WEB: others get B's; WEB gets A's."""
    rows = tables()
    rows["inventory"][0]["channel_id"] = "WEB"
    desk = Desk(scenario(rows), {})
    assert decide(desk, ask(("P", 1.0))).parcels[0].site_id == "B"
    assert decide(desk, ask(("P", 1.0), channel_id="WEB")).parcels[0].site_id == "A"


def test_bundles_take_their_components(tables: Rows, scenario: Build) -> None:
    """A bundle of 6 P: A's 10 make one bundle, not two; two come from both sites or one stays."""
    rows = tables()
    rows["products"].append({**rows["products"][0], "product_id": "SET", "name": "SET"})
    rows["product_components"] = [{"bundle_id": "SET", "component_id": "P", "qty": 6.0}]
    desk = Desk(scenario(rows), {})
    take(desk, decide(desk, ask(("SET", 1.0))))
    assert decide(desk, ask(("SET", 1.0))).parcels[0].site_id == "B"


def test_a_crowd_parcel_pays_for_the_chance_of_refusal(tables: Rows, scenario: Build) -> None:
    """D takes 3 of 4 parcels from A for 1; else C takes it for 5: 1 + 0.25 x 4 = 2."""
    rows = tables()
    rows["carriers"].append({"carrier_id": "D", "kind": "crowd", "acceptance_probability": 0.75})
    rows["carrier_rates"].append({**rows["carrier_rates"][0], "carrier_id": "D", "base": 1.0})
    decision = decide(Desk(scenario(rows), {}), ask(("P", 1.0)))
    assert (decision.terms["parcel"], decision.terms["risk"], decision.cost) == (1.0, 1.0, 2.0)


def test_penalties_count_by_priority(tables: Rows, scenario: Build) -> None:
    """At priority 50 a penalty of 30 counts 3: less than a parcel of 5, so nothing is sent."""
    decision = decide(Desk(scenario(tables()), {}), ask(("P", 1.0), priority=50))
    assert [line.code for line in decision.unserved] == ["not_worth_it"]
    assert decision.cost == 3.0


def test_two_lines_of_one_product_share_its_stock(tables: Rows, scenario: Build) -> None:
    """Six and six of P with 10 at each site: one line from each, never 12 from A."""
    decision = decide(Desk(scenario(tables()), {}), ask(("P", 6.0), ("P", 6.0)))
    assert sorted(parcel.site_id for parcel in decision.parcels) == ["A", "B"]


@pytest.mark.parametrize(
    ("code", "facts", "lines"),
    [
        ("no_stock", {}, (("P", 11.0),)),
        ("too_heavy", {}, (("P", 40.0),)),
        ("too_late", {"due_to": START.to_pydatetime()}, (("P", 1.0),)),
    ],
)
def test_what_cannot_be_promised_says_why(
    tables: Rows, scenario: Build, code: str, facts: dict[str, Any], lines: Any
) -> None:
    """Eleven of ten in stock, 40 kg on rates of 30, or due today where rates take a day."""
    decision = decide(Desk(scenario(tables()), {}), ask(*lines, **facts))
    assert [line.code for line in decision.unserved] == [code]
    assert decision.promised_on is None


def test_an_order_kept_together_is_promised_whole_or_not(tables: Rows, scenario: Build) -> None:
    """P lies at A only, Q at B only: without splitting, nothing is promised."""
    rows = tables()
    rows["inventory"] = [rows["inventory"][0], rows["inventory"][3]]
    desk = Desk(scenario(rows), {})
    assert len(decide(desk, ask(("P", 1.0), ("Q", 1.0))).parcels) == 2
    assert not decide(desk, ask(("P", 1.0), ("Q", 1.0), allow_split=False)).parcels


def test_taking_what_is_not_there_is_refused(tables: Rows, scenario: Build) -> None:
    """A decision made before another took the goods cannot be reserved."""
    desk = Desk(scenario(tables()), {})
    first = decide(desk, ask(("P", 8.0)))
    take(desk, first)
    with pytest.raises(Conflict):
        take(desk, first)


@pytest.mark.parametrize(
    "name", ["corner-shop", pytest.param("double-eleven", marks=pytest.mark.slow)]
)
def test_the_referee_accepts_what_is_promised_one_by_one(name: str) -> None:
    """All orders of a built-in scenario, promised in turn, keep every rule and add up."""
    facts = demo_scenario(name)
    desk = Desk(facts, {})
    orders = facts.filled("orders")
    orders = orders[(orders["kind"] == "delivery") & (orders["status"] == "accepted")]
    lines = dict(iter(facts.table("order_lines").groupby("order_id")))
    tables: dict[str, list[dict[str, Any]]] = {
        "shipments": [], "shipment_lines": [], "unserved": []
    }  # fmt: skip
    terms: dict[str, float] = {}
    for row in orders.to_dict("records"):
        order = order_of(row, lines[row["order_id"]])
        decision = decide(desk, order)
        for number, p in enumerate(decision.parcels, 1):
            desk.take(
                p.site_id, p.carrier_id, order.ready_on(desk.start), p.lines, order.channel_id
            )
            parcel = {"shipment_id": f"{order.order_id}.{number}", "order_id": order.order_id}
            tables["shipments"].append(
                parcel
                | {"site_id": p.site_id, "carrier_id": p.carrier_id, "service": p.service,
                   "ship_on": pd.Timestamp(p.ship_on), "promised_on": pd.Timestamp(p.promised_on),
                   "weight_kg": p.weight_kg, "cost": p.cost}
            )  # fmt: skip
            tables["shipment_lines"] += [
                parcel | {"line_id": line.line_id, "product_id": line.product_id, "qty": line.qty}
                for line in p.lines
            ]
        tables["unserved"] += [
            {"kind": "order_line", "id": f"{order.order_id}/{line.line_id}", "qty": line.qty,
             "code": line.code, "proof": "heuristic"}
            for line in decision.unserved
        ]  # fmt: skip
        for term, money in decision.terms.items():
            terms[term] = terms.get(term, 0.0) + money
    made = {table: conform(table, pd.DataFrame(part)) for table, part in tables.items()}
    report = check(facts, made)
    assert not report.violations, [str(violation) for violation in report.violations]
    assert terms == pytest.approx(dict(report.terms))


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 100_000), st.integers(1, 4))
def test_no_other_way_is_better(tables: Rows, scenario: Build, seed: int, n: int) -> None:
    """All ways to give up to four lines a site or none, parcels by site, are no cheaper."""
    rng = np.random.default_rng(seed)
    rows = tables()
    products = [f"P{k}" for k in range(n)]
    rows["products"] = [
        {**rows["products"][0], "product_id": p, "name": p, "weight_kg": float(rng.integers(1, 9))}
        for p in products
    ]
    rows["inventory"] = [
        {"site_id": site, "product_id": p, "on_hand": float(rng.integers(0, 4))}
        for site in "AB"
        for p in products
    ]
    rows["order_lines"] = []
    for rate in rows["carrier_rates"]:
        rate["per_kg"] = float(rng.integers(0, 3))
    known = [("stock", s, p, float(rng.integers(0, 9))) for s in "AB" for p in products]
    desk = Desk(scenario(rows), prices(*known))
    lines = [(p, float(rng.integers(1, 4))) for p in products]
    order = ask(*lines)
    decision = decide(desk, order)
    kg = {row["product_id"]: row["weight_kg"] for row in rows["products"]}
    held = {(r["site_id"], r["product_id"]): r["on_hand"] for r in rows["inventory"]}
    price = {(s, p): value for _, s, p, value in known}
    rate = {r["origin"]: r for r in rows["carrier_rates"]}
    best = np.inf
    for way in itertools.product("AB-", repeat=n):
        total, fits = 0.0, True
        for (p, qty), site in zip(lines, way, strict=True):
            if site == "-":
                total += 30.0 * qty
                continue
            has = [s for s in "AB" if held[s, p] >= qty]
            fits &= site in has
            total += (price[site, p] - min((price[s, p] for s in has), default=0.0)) * qty
        for site in "AB":
            load = sum(kg[p] * q for (p, q), s in zip(lines, way, strict=True) if s == site)
            fits &= load <= 30.0
            total += rate[site]["base"] + rate[site]["per_kg"] * load if load else 0.0
        best = min(best, total) if fits else best
    if decision.exact:
        assert decision.cost + decision.priced <= best + 1e-9
    take(desk, decision)


def test_deciding_loads_no_solver() -> None:
    """Processes that promise orders import neither OR-Tools nor HiGHS nor SciPy's optimisers."""
    code = (
        "import sys, optimizer.allocation.sourcing.online;"
        "bad = {'ortools', 'highspy', 'pulp', 'pyvrp', 'lightgbm', 'scipy.optimize'};"
        "sys.exit(', '.join(bad & set(sys.modules)) or 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
