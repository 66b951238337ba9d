"""What can be changed to make a plan more resilient: levers, each a ladder of scenario deltas.

A lever's price is what its deltas cost over the horizon beyond what the simulator books itself
(holding, ordering, freight): dearer goods of a second source, and capacity that is kept ready.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from optimizer.plan import Plan
from scenarios import Scenario
from scenarios.deltas.delta import Delta
from scenarios.deltas.where import Where
from simulation.levels import DEFAULT_TARGET
from simulation.sources import PAIR, choose_sources
from simulation.world import World

SECOND_SHARES_PCT = (25.0, 50.0)  # of what a first source delivers
MORE_CAPACITY = (1.25, 1.5, 2.0)
RESERVED_UNIT_SHARE = 0.02  # of its price that a reserved unit of a supplier's week costs
RESERVE_SHARE = 0.1  # of the freight rate per kg that a reserved kg costs, used or not
KINDS = (
    "second_source", "buffer", "site_capacity", "supplier_capacity", "lane_capacity",
    "order_frequency",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rung:
    """One setting of a lever.

    Attributes
    ----------
    title : for people
    deltas : to the scenario
    price : money over the horizon that the simulator does not book
    """

    title: str
    deltas: tuple[Delta, ...]
    price: float = 0.0


@dataclass(frozen=True, slots=True)
class Lever:
    """Something that can be changed, from its mildest setting to its strongest."""

    kind: str
    name: str
    rungs: tuple[Rung, ...]


def find_levers(
    scenario: Scenario,
    plan: Plan,
    world: World,
    exposure: Mapping[str, float],
    *,
    kinds: tuple[str, ...] = KINDS,
    struck: Sequence[str] = (),
    most_suppliers: int = 4,
) -> list[Lever]:
    """Return the levers that a scenario has.

    Parameters
    ----------
    exposure : money by supplier:id; second sources are sought for the most exposed ones
    struck : suppliers that the suite strikes, as in supplier:V01; they come first
    most_suppliers : for how many of them
    """
    found: list[Lever] = []
    ranked = sorted(exposure, key=lambda node: (node not in struck, -exposure[node], node))
    if "second_source" in kinds:
        for node in [node for node in ranked if exposure[node] > 0.0][:most_suppliers]:
            found += _second_source(scenario, world, node.partition(":")[2])
    if "supplier_capacity" in kinds:
        found += _supplier_capacity(scenario)
    if "buffer" in kinds:
        found += _buffers(scenario, plan)
    if "site_capacity" in kinds:
        found += _site_capacity(scenario)
    if "lane_capacity" in kinds:
        found += _lane_capacity(scenario)
    if "order_frequency" in kinds:
        found += _order_frequency(scenario, plan)
    return found


def _second_source(scenario: Scenario, world: World, supplier: str) -> list[Lever]:
    """Share what a supplier delivers with the next one that offers it at the same site."""
    pairs = pd.DataFrame(
        [(site.site_id, world.product_ids[p]) for site in world.sites for p in site.product],
        columns=PAIR,
    )
    sources = choose_sources(scenario, pairs)
    options = sources.options
    own = sources.pairs[(sources.pairs["source_id"] == supplier) & ~sources.pairs["from_site"]]
    others = options.merge(own[[*PAIR, "landed"]], on=PAIR, suffixes=("", "_first"))
    others = others[others["supplier_id"] != supplier].drop_duplicates(PAIR)
    if not len(others):
        return []
    rungs = []
    for second in SECOND_SHARES_PCT:
        shares = ((supplier, 100.0 - second), ("", second))
        rows = [
            {"site_id": row.site_id, "product_id": row.product_id,
             "source_id": source or row.supplier_id, "priority": float(rank), "share_pct": share}
            for row in others.itertuples(index=False)
            for rank, (source, share) in enumerate(shares, start=1)
        ]  # fmt: skip
        price = second / 100.0 * _dearer(world, supplier, others)
        title = (
            f"{second:g} % of {len(others)} product-location{'s' * (len(others) != 1)}"
            f" of {supplier} from {', '.join(sorted(set(others['supplier_id'])))}"
        )
        delta = Delta.model_validate({"table": "item_sources", "op": "upsert", "value": rows})
        rungs.append(Rung(title, (delta,), price))
    return [Lever("second_source", f"second source beside {supplier}", tuple(rungs))]


def _dearer(world: World, supplier: str, others: pd.DataFrame) -> float:
    """Return what the second source's price adds over the horizon if all normal flow is its."""
    extra = {
        (row.site_id, row.product_id): float(row.landed - row.landed_first)
        for row in others.itertuples(index=False)
    }
    total = 0.0
    for lane in world.lanes:
        if lane.supplier < 0 or lane.origin_id != supplier:
            continue
        site = world.sites[lane.destination]
        for column, sku in enumerate(lane.into):
            key = (site.site_id, world.product_ids[site.product[sku]])
            units = float(lane.normal_flow[column]) / 256.0 * world.n_ticks
            total += units * extra.get(key, 0.0)
    return total


def _classes(scenario: Scenario) -> dict[str, list[str]]:
    """Return the products of each class; those without one as ""."""
    products = scenario.table("products")
    labels = products["abc_class"].fillna("")
    return {
        str(label): list(part) for label, part in products["product_id"].groupby(labels, sort=True)
    }


def _buffers(scenario: Scenario, plan: Plan) -> list[Lever]:
    """Halve and quarter what a class's service target leaves unserved."""
    stated = scenario.table("inventory_policies")
    found = []
    for label, products in _classes(scenario).items():
        if not label:
            continue
        now = scenario.settings.service_targets.get(label, DEFAULT_TARGET)
        rungs = []
        for part in (2.0, 4.0):
            target = round(1.0 - (1.0 - now) / part, 4)
            deltas = [
                Delta.model_validate(
                    {"table": "settings", "op": "set", "column": f"service_targets.{label}",
                     "value": target}
                )
            ]  # fmt: skip
            for column in ("target_cycle_service", "target_fill_rate"):
                own = stated[stated["product_id"].isin(products) & (stated[column] < target)]
                if len(own):
                    rows = [
                        {"site_id": row.site_id, "product_id": row.product_id, column: target}
                        for row in own.itertuples(index=False)
                    ]
                    deltas.append(
                        Delta.model_validate(
                            {"table": "inventory_policies", "op": "upsert", "value": rows}
                        )
                    )
            rungs.append(Rung(f"service target of class {label} {target:g} (now {now:g})",
                              tuple(deltas)))  # fmt: skip
        found.append(Lever("buffer", f"buffer of class {label}", tuple(rungs)))
    return found


def _scale(table: str, column: str, factor: float, key: str, name: str) -> Delta:
    where = Where(column=key, comparison="eq", value=name)
    return Delta(table=table, op="scale", where=where, column=column, value=factor)


def _site_capacity(scenario: Scenario) -> list[Lever]:
    """Widen the docks of a site at the same share of its fixed cost."""
    settings = scenario.settings
    sites = scenario.table("sites")
    work = set(scenario.table("work_capacity")["site_id"])
    found = []
    for row in sites[sites["status"] == "open"].itertuples(index=False):
        columns = [
            name
            for name in ("inbound_units_per_day", "outbound_units_per_day")
            if not np.isnan(getattr(row, name))
        ]
        if not columns and row.site_id not in work:
            continue
        rungs = []
        for factor in MORE_CAPACITY:
            deltas = [_scale("sites", name, factor, "site_id", row.site_id) for name in columns]
            if row.site_id in work:
                deltas += [
                    _scale("work_capacity", name, factor, "site_id", row.site_id)
                    for name in ("pick_units", "dock_parcels")
                ]
            fixed = 0.0 if np.isnan(row.fixed_cost_per_day) else float(row.fixed_cost_per_day)
            price = (factor - 1.0) * fixed * settings.horizon_days
            title = f"docks of {row.site_id} x {factor:g}"
            rungs.append(Rung(title, tuple(deltas), price))
        found.append(Lever("site_capacity", f"docks of {row.site_id}", tuple(rungs)))
    return found


def _supplier_capacity(scenario: Scenario) -> list[Lever]:
    """Reserve more of the weeks of suppliers that state one, for a part of the goods' price."""
    offers = scenario.table("supplier_products")
    offers = offers[offers["capacity_per_week"].notna()]
    weeks = scenario.settings.horizon_days / 7.0
    found = []
    for supplier, own in offers.groupby("supplier_id", sort=True):
        value = float((own["capacity_per_week"] * own["unit_cost"]).sum())
        rungs = []
        for factor in MORE_CAPACITY:
            delta = _scale(
                "supplier_products", "capacity_per_week", factor, "supplier_id", str(supplier)
            )
            price = (factor - 1.0) * value * weeks * RESERVED_UNIT_SHARE
            rungs.append(Rung(f"weeks of {supplier} x {factor:g}", (delta,), price))
        found.append(Lever("supplier_capacity", f"weeks of {supplier}", tuple(rungs)))
    return found


def _lane_capacity(scenario: Scenario) -> list[Lever]:
    """Reserve more weight a day on lanes that state a limit, for a part of their rate per kg."""
    lanes = scenario.table("lanes")
    zones = set(scenario.table("zones")["zone_id"])
    rows = lanes[lanes["capacity_kg_per_day"].notna() & ~lanes["destination_id"].isin(zones)]
    if not len(rows):
        return []
    rungs = []
    for factor in MORE_CAPACITY:
        reserved = (factor - 1.0) * rows["capacity_kg_per_day"]
        rate = rows["cost_per_kg"].fillna(0.0)
        price = float((reserved * rate).sum()) * RESERVE_SHARE * scenario.settings.horizon_days
        where = Where(column="capacity_kg_per_day", comparison="is_blank", value=False)
        delta = Delta(
            table="lanes", op="scale", where=where, column="capacity_kg_per_day", value=factor
        )
        title = f"weight a day of {len(rows)} lanes x {factor:g}"
        rungs.append(Rung(title, (delta,), price))
    return [Lever("lane_capacity", "weight of lanes", tuple(rungs))]


def _order_frequency(scenario: Scenario, plan: Plan) -> list[Lever]:
    """Review a class twice as often."""
    policies = plan.table("policies")
    policies = policies[policies["review_days"] > 1.0]
    found = []
    for label, products in _classes(scenario).items():
        own = policies[policies["product_id"].isin(products)]
        if not label or not len(own):
            continue
        rows = [
            {"site_id": row.site_id, "product_id": row.product_id, "policy": row.policy,
             "review_days": float(np.ceil(row.review_days / 2.0))}
            for row in own.itertuples(index=False)
        ]  # fmt: skip
        delta = Delta.model_validate({"table": "inventory_policies", "op": "upsert", "value": rows})
        title = f"{len(own)} product-locations of class {label} reviewed twice as often"
        found.append(
            Lever("order_frequency", f"order frequency of class {label}", (Rung(title, (delta,)),))
        )
    return found
