"""Check explanations: every decision has one, every cell, term and sum is worked out again.

Nothing here calls what makes explanations but their list: cells are looked up by code of its own,
factors that stand in no cell are worked out from the tables (`recount`, `recount_lines`), and what
decisions add to an objective is held against the plan's key figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from optimizer.explanations.explain import EXPLAINERS, Explainer
from optimizer.explanations.record import Explanation, Factor, Sum
from optimizer.explanations.recount import CONSTANTS, recount, recounted_terms
from optimizer.explanations.recount_alternatives import left_out
from optimizer.explanations.unpriced import steps_behind_price
from optimizer.plan import Plan
from optimizer.plan_tables import PLAN_TABLES
from scenarios import Scenario
from scenarios.gazetteer import fill_coordinates

CLOSE = 1e-6  # relative, and money or units; steps of quantities are written with six decimals
STEPS = 1e-5  # units; a sum of such steps
DECISIONS: Mapping[str, tuple[str, ...]] = {
    "purchase_orders": ("order_id", "/", "line"),
    "transfers": ("transfer_id",),
    "positions": ("product_id", "@", "site_id"),
    "cross_serving": ("product_id", "@", "site_id", ">", "region_site_id"),
    "network": ("site_id",),
    "flows": ("origin_id", ">", "destination_id", "/", "mode", "/", "product_id", "/",
              "demand_case", "/", "bucket"),
    "shipments": ("shipment_id",),
    "unserved": ("kind", "/", "id"),
    "routes": ("route_id",),
    "stops": ("route_id", "/", "seq"),
    "handed_over": ("shipment_id",),
}  # fmt: skip
# term of an objective -> table, sum, its terms
# table -> term of a next-best choice that is what the decision costs, and is no longer paid
PAID: Mapping[str, str] = {
    "shipments": "parcel_saved",
    "unserved": "penalty",
    "routes": "route",
    "handed_over": "carrier",
    "cross_serving": "across",
}
NETWORK_CODES = ("no_lane", "too_far", "too_late", "no_supply", "capacity", "not_worth_it")
TIES: Mapping[tuple[str, str], tuple[tuple[str, str, tuple[str, ...]], ...]] = {
    ("sourcing", "parcel"): (("shipments", "objective", ("parcel",)),),
    ("sourcing", "handling"): (("shipments", "objective", ("handling",)),),
    ("sourcing", "late"): (("shipments", "objective", ("late",)),),
    ("sourcing", "co2"): (("shipments", "objective", ("co2",)),),
    ("sourcing", "risk"): (("shipments", "objective", ("risk",)),),
    ("sourcing", "stock_value"): (("shipments", "objective", ("stock_value",)),),
    ("sourcing", "unserved"): (("unserved.order_line", "objective", ("unserved",)),),
    ("routing", "fixed"): (("routes", "cost", ("fixed",)),),
    ("routing", "distance"): (("routes", "cost", ("distance",)),),
    ("routing", "time"): (("routes", "cost", ("time",)),),
    ("routing", "tariff"): (("handed_over", "objective", ("tariff",)),),
    ("routing", "risk"): (("handed_over", "objective", ("risk",)),),
    ("routing", "co2"): (
        ("routes", "cost", ("co2", "co2_of_load")), ("handed_over", "objective", ("co2",)),
    ),
    ("routing", "late"): (
        ("routes", "cost", ("late",)), ("handed_over", "objective", ("late",)),
    ),
    ("routing", "unserved"): (("unserved.stop", "objective", ("unserved", "prize")),),
    ("replenishment", "co2"): (("purchase_orders.tonight", "emission", ("co2",)),),
    ("rolling", "co2"): (("purchase_orders.later", "emission", ("co2",)),),
    ("buyer", "co2"): (("purchase_orders.buyer", "emission", ("co2",)),),
    ("positioning", "transport"): (("transfers.positioning", "cost", ()),),
    ("network", "fixed"): (("network", "cost", ("fixed",)),),
    ("network", "opening"): (("network", "change", ("opening",)),),
    ("network", "closing"): (("network", "change", ("closing",)),),
    ("network", "transport"): (("flows", "objective", ("transport",)),),
    ("network", "purchase"): (("flows", "objective", ("goods", "duty")),),
    ("network", "handling"): (("flows", "objective", ("handling",)),),
    ("network", "co2"): (("flows", "objective", ("co2",)),),
    ("network", "unserved"): (("unserved.network", "objective", ("unserved",)),),
}  # fmt: skip


def check_explanations(scenario: Scenario, plan: Plan) -> tuple[int, list[str]]:
    """Work out every explanation of a plan again.

    Returns
    -------
    decisions, differences : how many decisions the plan has, and what does not agree
    """
    return check_told(scenario, plan, list(Explainer(scenario, plan).every()))


def check_told(scenario: Scenario, plan: Plan, told: list[Explanation]) -> tuple[int, list[str]]:
    """Hold explanations that were made earlier against scenario and plan."""
    placed, _ = fill_coordinates(scenario)
    cells = Cells(placed, plan)
    known = recount(placed, plan)
    terms = recounted_terms(placed, plan)
    stated = left_out(placed, plan)
    wanted = [name for table in EXPLAINERS for name in decision_ids(table, plan.table(table))]
    faults = _coverage(wanted, [explanation.decision_id for explanation in told])
    for explanation in told:
        faults += [
            f"{explanation.decision_id}: {fault}"
            for fault in _faults(explanation, cells, known, terms, stated)
        ]
    faults += _ties(plan, told, str(scenario.settings.start_date))
    faults += _routes(told)
    return len(wanted), faults


def decision_ids(table: str, frame: pd.DataFrame) -> list[str]:
    """Return the ids of the decisions of a table."""
    if not len(frame):
        return []
    if table == "handed_over":
        return [f"{table}:{name}" for name in frame["shipment_id"].fillna(frame["order_id"])]
    names = pd.Series([f"{table}:"] * len(frame), dtype=object)
    for part in DECISIONS[table]:
        names = names + (_texts(frame[part]) if part in frame.columns else part)
    return [name.rstrip("/") for name in names]


def _texts(cells: pd.Series) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(cells):
        return cells.dt.strftime("%Y-%m-%d").astype(object).where(cells.notna(), "")
    if pd.api.types.is_float_dtype(cells):
        return cells.astype(int).astype(str).astype(object)
    return cells.astype(object).where(cells.notna(), "")


def _coverage(wanted: list[str], got: list[str]) -> list[str]:
    """Return decisions that are not explained, or not once, or are none."""
    once, left = set(wanted), set(wanted) - set(got)
    faults = [f"{name}: is not explained" for name in sorted(left)]
    seen: set[str] = set()
    for name in got:
        if name in seen:
            faults.append(f"{name}: is explained twice")
        if name not in once:
            faults.append(f"{name}: is no decision of the plan")
        seen.add(name)
    return faults


class Cells:
    """Looks cells of the scenario and the plan up by key."""

    def __init__(self, scenario: Scenario, plan: Plan) -> None:
        self.scenario = scenario
        self.plan = plan
        self._places: dict[tuple[str, ...], dict[tuple[Any, ...], int]] = {}
        self._columns: dict[tuple[str, str], Any] = {}
        self._frames: dict[str, pd.DataFrame] = {}
        stated = plan.table("marginal_prices")[["stage", "kind", "entity", "price"]]
        self.prices = set(stated.itertuples(index=False, name=None))

    def value(self, factor: Factor) -> float | None:
        """Return the number in the cell that a factor names; None without such a cell."""
        if factor.table == "settings":
            return float(getattr(self.scenario.settings, factor.column))
        frame = self._frame(factor.table)
        columns = tuple(name for name, _ in factor.key)
        if factor.column not in frame.columns or not set(columns) <= set(frame.columns):
            return None
        row = self._place(factor.table, columns).get(tuple(value for _, value in factor.key))
        if row is None:
            return None
        return float(self._column(factor.table, factor.column)[row])

    def _frame(self, table: str) -> pd.DataFrame:
        if table not in self._frames:
            known = table in PLAN_TABLES
            self._frames[table] = self.plan.table(table) if known else self.scenario.filled(table)
        return self._frames[table]

    def _column(self, table: str, column: str) -> Any:
        if (table, column) not in self._columns:
            self._columns[table, column] = self._frame(table)[column].to_numpy(np.float64)
        return self._columns[table, column]

    def _place(self, table: str, columns: tuple[str, ...]) -> dict[tuple[Any, ...], int]:
        at = (table, *columns)
        if at not in self._places:
            frame = self._frame(table)
            keys = zip(*(_key_cells(frame[column]) for column in columns), strict=True)
            found: dict[tuple[Any, ...], int] = {}
            for row, key in enumerate(keys):
                found.setdefault(key, row)
            self._places[at] = found
        return self._places[at]


def _key_cells(cells: pd.Series) -> list[Any]:
    """Return cells of a key: texts, numbers, ISO dates; blanks are ""."""
    if pd.api.types.is_datetime64_any_dtype(cells):
        return ["" if pd.isna(cell) else cell.isoformat() for cell in cells]
    if pd.api.types.is_numeric_dtype(cells):
        return ["" if pd.isna(cell) else float(cell) for cell in cells]
    return ["" if pd.isna(cell) else str(cell) for cell in cells]


def _faults(
    explanation: Explanation,
    cells: Cells,
    known: Mapping[tuple[str, str], float],
    terms: Mapping[tuple[str, str], float],
    stated: Mapping[tuple[str, str], float],
) -> Iterable[str]:
    """Yield what does not agree in an explanation."""
    name = explanation.decision_id
    for part in explanation.sums:
        yield from _of_sum(name, part, cells, known, terms)
    yield from _of_alternative(explanation, cells, known, stated)
    for price in explanation.prices:
        known_price = (price.stage, price.kind, price.entity, price.price) in cells.prices
        if not known_price and explanation.table != "positions":
            yield f"the price of {price.kind} {price.entity} is not in marginal_prices"


def _of_alternative(
    explanation: Explanation,
    cells: Cells,
    known: Mapping[tuple[str, str], float],
    stated: Mapping[tuple[str, str], float],
) -> Iterable[str]:
    """Yield what does not add up in the next-best choice."""
    choice, name = explanation.alternative, explanation.decision_id
    if choice is None or not choice.terms:
        return
    for term in choice.terms:
        truth = stated.get((name, term.name))
        if term.name == PAID.get(explanation.table) and choice.code != "served_lines":
            truth = -explanation.sums[-1].total
        elif term.factors:
            truth = 1.0
            for factor in term.factors:
                cell = _truth(name, factor, explanation.sums[-1], cells, known)
                if cell is None or _differ(cell, factor.value):
                    yield f"alternative: {term.name}: {factor.name} is {cell!r}"
                truth = truth / factor.value if factor.divides else truth * factor.value
        if truth is not None and _differ(truth, term.value):
            yield f"alternative: {term.name} is {truth!r}, not {term.value!r}"
    added = sum(term.value for term in choice.terms)
    if _differ(added, choice.extra_cost):
        yield f"alternative: adds up to {added!r}, not {choice.extra_cost!r}"


def _of_sum(
    name: str,
    part: Sum,
    cells: Cells,
    known: Mapping[tuple[str, str], float],
    terms: Mapping[tuple[str, str], float],
) -> Iterable[str]:
    added = 0.0
    if (name, "unpriced") in terms and part.name == "quantity":
        terms = {**terms, **steps_behind_price(name, part, terms)}
    for term in part.terms:
        value = 1.0
        for factor in term.factors:
            truth = _truth(name, factor, part, cells, known)
            if truth is None:
                yield f"{part.name}: {term.name}: nothing says {factor.name}"
            elif _differ(truth, factor.value):
                yield f"{part.name}: {term.name}: {factor.name} is {truth!r}, not {factor.value!r}"
            value = value / factor.value if factor.divides else value * factor.value
        if not term.factors:
            at = terms.get((name, term.name))
            if at is None:
                yield f"{part.name}: nothing says {term.name}"
                continue
            value = at
        if _differ(value, term.value, STEPS if part.name == "quantity" else CLOSE):
            yield f"{part.name}: {term.name} is {value!r}, not {term.value!r}"
        added += term.value
    if _differ(added, part.total):
        yield f"{part.name} adds up to {added!r}, not {part.total!r}"
    if part.stated is not None:
        truth = cells.value(part.stated)
        if truth is None or _differ(truth, added, STEPS):
            yield f"{part.name} adds up to {added!r}; the plan states {truth!r}"


def _truth(
    name: str,
    factor: Factor,
    part: Sum,
    cells: Cells,
    known: Mapping[tuple[str, str], float],
) -> float | None:
    """Return what a factor must be."""
    if factor.table:
        return cells.value(factor)
    if factor.name in CONSTANTS:
        return CONSTANTS[factor.name]
    if factor.name == "goods":  # what duty is paid on
        return sum(term.value for term in part.terms if term.name == "goods")
    if factor.name in ("hours_late", "units_in_step") and (name, factor.name) not in known:
        several = [
            v for (one, what), v in known.items() if one == name and what.startswith(factor.name)
        ]
        return min(several, key=lambda value: abs(value - factor.value), default=None)
    return known.get((name, factor.name))


def _differ(a: float, b: float, slack: float = CLOSE) -> bool:
    return not abs(a - b) <= slack * max(1.0, abs(a), abs(b))


def _kind(explanation: Explanation, start: str) -> Iterable[str]:
    """Yield the names under which ties know an explanation."""
    yield explanation.table
    if explanation.table == "unserved":
        yield f"unserved.{explanation.subject['kind']}"
        if explanation.subject["code"] in NETWORK_CODES:
            yield "unserved.network" if explanation.subject["kind"] == "demand" else ""
    if explanation.table == "purchase_orders":
        later = not str(explanation.subject["order_on"]).startswith(start)
        own = str(explanation.subject["order_id"]).startswith("BP-")
        kind = "buyer" if own else "later" if later else "tonight"
        yield f"purchase_orders.{kind}"
    if explanation.table == "transfers":
        name = str(explanation.subject["transfer_id"])
        yield "transfers.positioning" if name.startswith("TP-") else "transfers.replenishment"


def _ties(plan: Plan, told: list[Explanation], start: str) -> list[str]:
    """Return terms of objectives that the decisions do not add up to."""
    added: dict[tuple[str, str, str], float] = {}
    for explanation in told:
        for kind in _kind(explanation, start):
            for part in explanation.sums:
                for each in part.terms:
                    for name in (each.name, ""):
                        at = (kind, part.name, name)
                        added[at] = added.get(at, 0.0) + each.value
    kpis = plan.table("kpis")
    stages = set(plan.table("certificates")["stage"])
    several = plan.table("flows")["demand_case"].notna().any()
    faults = []
    for (stage, term), places in TIES.items():
        row = kpis[(kpis["variant"] == f"{stage} objective") & (kpis["kpi"] == term)]
        if stage not in stages or not len(row) or (stage == "network" and several):
            continue
        got = sum(
            added.get((kind, part, name), 0.0)
            for kind, part, names in places
            for name in (names or ("",))
        )
        stated = float(row["value"].iloc[0])
        if _differ(got, stated):
            faults.append(
                f"{stage}: decisions add up to {term} {got!r}; its objective has {stated!r}"
            )
    return faults


def _routes(told: list[Explanation]) -> list[str]:
    """Return routes whose stops do not add up to their cost less what is fixed."""
    by_route: dict[str, float] = {}
    for explanation in told:
        if explanation.table == "stops":
            route = str(explanation.subject["route_id"])
            by_route[route] = by_route.get(route, 0.0) + explanation.sums[0].total
    faults = []
    for explanation in told:
        if explanation.table != "routes":
            continue
        cost = explanation.sums[0]
        moving = cost.total - sum(term.value for term in cost.terms if term.name == "fixed")
        got = by_route.get(str(explanation.subject["route_id"]), 0.0)
        if _differ(got, moving):
            faults.append(f"{explanation.decision_id}: its stops add up to {got!r}, not {moving!r}")
    return faults
