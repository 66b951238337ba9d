"""Representative products: a sample by class and supplier that stands for a large assortment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from optimizer.plan import Plan
from scenarios import Scenario
from simulation.arrays import Floats
from simulation.world import World

MOST_PRODUCTS = 1000


@dataclass(frozen=True, slots=True)
class Sample:
    """Products that stand for all.

    Attributes
    ----------
    weights : by product_id; money of a product counts so often
    strata : class and supplier, their products and how many of them were taken
    """

    weights: Mapping[str, float]
    strata: pd.DataFrame

    @property
    def note(self) -> str:
        """One sentence for the planner."""
        taken, of = int(self.strata["taken"].sum()), int(self.strata["products"].sum())
        if taken == of:
            return f"All {of:,} products were scanned."
        heaviest = max(self.weights.values())
        return (
            f"{taken:,} of {of:,} products were scanned, from {len(self.strata)} strata of class"
            f" and supplier; each counts by its stratum's sales, at most {heaviest:.1f} times."
        )


def choose_products(scenario: Scenario, plan: Plan, most: int = MOST_PRODUCTS) -> Sample:
    """Return at most `most` products (at least one per stratum), with weights.

    Strata are class and first supplier. A stratum gets its share of `most` by the square root
    of its sales at cost times its products; its largest seller is always taken, the others are
    every n-th by sales. A weight is the sales of the stratum over those of its sample.
    """
    forecast = plan.table("forecast")
    if not len(forecast):
        forecast = scenario.table("forecasts")
    means = forecast[forecast["quantile"].isna()]
    units = means.groupby("product_id")["qty"].sum()
    products = scenario.table("products")[["product_id", "abc_class", "unit_cost"]].copy()
    products = products[products["product_id"].isin(units.index)]
    offers = scenario.filled("supplier_products").sort_values(
        ["product_id", "priority", "supplier_id"], kind="stable"
    )
    first = offers.drop_duplicates("product_id").set_index("product_id")["supplier_id"]
    products["supplier_id"] = first.reindex(products["product_id"]).fillna("").to_numpy()
    products["abc_class"] = products["abc_class"].fillna("")
    cost = products["unit_cost"].fillna(0.0).clip(lower=1e-9)
    products["sales"] = units.reindex(products["product_id"]).to_numpy() * cost.to_numpy()
    products = products.sort_values(["sales", "product_id"], ascending=[False, True])
    groups = list(products.groupby(["abc_class", "supplier_id"], sort=True))
    size = np.array([np.sqrt(part["sales"].sum() * len(part)) for _, part in groups])
    quota = _quotas(size, np.array([len(part) for _, part in groups]), most)
    weights: dict[str, float] = {}
    rows = []
    for ((label, supplier), part), count in zip(groups, quota, strict=True):
        at = np.unique(np.floor(np.arange(count) * len(part) / count).astype(np.int64))
        taken = part.iloc[at]
        weight = float(part["sales"].sum() / max(taken["sales"].sum(), 1e-12))
        weights |= dict.fromkeys(taken["product_id"], weight)
        rows.append((label, supplier, len(part), len(taken), weight))
    columns = ["abc_class", "supplier_id", "products", "taken", "weight"]
    return Sample(weights, pd.DataFrame(rows, columns=columns))


def _quotas(size: Floats, available: np.ndarray, most: int) -> list[int]:
    """Return how many each stratum gives: by size, at least one, at most all."""
    if int(available.sum()) <= most:
        return [int(each) for each in available]
    share = size / max(float(size.sum()), 1e-12) * most
    return [
        int(np.clip(np.floor(each), 1, limit)) for each, limit in zip(share, available, strict=True)
    ]


def only_products(scenario: Scenario, sample: Sample) -> Scenario:
    """Return the scenario with the products of a sample alone."""
    kept = set(sample.weights)
    tables = {}
    for name, frame in scenario.tables.items():
        part = frame
        for column in ("product_id", "bundle_id", "component_id"):
            if column in part.columns:
                part = part[part[column].isna() | part[column].isin(kept)]
        if "like_product_id" in part.columns:
            like = part["like_product_id"]
            part = part.assign(like_product_id=like.where(like.isin(kept)))
        tables[name] = part.reset_index(drop=True)
    return Scenario(scenario.settings, tables)


def only_planned(plan: Plan, sample: Sample) -> Plan:
    """Return the plan with the products of a sample alone."""
    kept = set(sample.weights)
    tables = {
        name: frame[frame["product_id"].isna() | frame["product_id"].isin(kept)].reset_index(
            drop=True
        )
        if "product_id" in frame.columns
        else frame
        for name, frame in plan.tables.items()
    }
    return Plan(plan.provenance, tables, plan.notes)


def weigh_world(world: World, sample: Sample) -> World:
    """Return the world in which money, weight and volume of a product count by its weight."""
    factor = np.array([sample.weights.get(product, 1.0) for product in world.product_ids])
    if (factor == 1.0).all():
        return world
    sites = tuple(
        replace(
            site,
            value=site.value * factor[site.product],
            holding=site.holding * factor[site.product],
            shortage=site.shortage * factor[site.product],
        )
        for site in world.sites
    )
    lanes = []
    for lane in world.lanes:
        own = factor[world.sites[lane.destination].product[lane.into]]
        changes = {
            name: getattr(lane, name) * own
            for name in ("price", "kg", "m3")
            if getattr(lane, name) is not None
        }
        lanes.append(replace(lane, **changes))
    return replace(world, sites=sites, lanes=tuple(lanes))
