"""What the retailer sells: 288 products in eight categories, and 12 gift boxes made of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from scenarios.library.double_eleven.streams import Floats, between, stream
from scenarios.library.double_eleven.wares import BUNDLES, CATEGORIES

N_NEW, N_COMING, N_RETIRED = 14, 4, 7


class Catalogue(NamedTuple):
    """Products with what the other tables are drawn from.

    Attributes
    ----------
    products : table `products`, 288 products and then 12 bundles
    components : table `product_components`
    weekly : (300,) float64, units a week in an average week of 2025, all sites together
    hero : (300,) bool, pushed at festivals
    category_at : (300,) int64, position in CATEGORIES (a bundle's first component's)
    """

    products: pd.DataFrame
    components: pd.DataFrame
    weekly: Floats
    hero: np.ndarray
    category_at: np.ndarray


def build_catalogue(seed: int, weekly_units: float) -> Catalogue:
    """Return the catalogue with its demand spread over products by a steep rank curve."""
    rng = stream(seed, "products")
    rows, category_at, pull = [], [], []
    for place, category in enumerate(CATEGORIES):
        for number, item in enumerate(category.items, start=1):
            for size, (label, cost_factor, bulk) in enumerate(category.sizes, start=1):
                cost = round(item.cost * cost_factor, 2)
                rows.append(
                    {
                        "product_id": f"{category.code}{number:02d}{size}",
                        "name": f"{item.name} {label}",
                        "category": category.name,
                        "unit_cost": cost,
                        "unit_price": round(cost * category.markup) + 0.9,
                        "weight_kg": round(item.kg * bulk, 3),
                        "volume_m3": max(round(item.litres * bulk / 1000.0, 5), 0.0001),
                        "case_qty": category.case_qty,
                        "pallet_qty": category.case_qty * 40.0,
                        "shelf_life_days": category.shelf_life_days or np.nan,
                    }
                )
                category_at.append(place)
                pull.append(category.popularity * (1.0 if cost < 100 else 0.6))
    products = pd.DataFrame(rows)
    count = len(products)
    rank = rng.permutation(count) + 16.0
    weight = np.array(pull) / (rank * rank)
    weekly = np.round(weekly_units * weight / weight.sum(), 2)
    order = np.argsort(-weekly * products["unit_price"].to_numpy(), kind="stable")
    place_of = np.empty(count, dtype=np.int64)
    place_of[order] = np.arange(count)
    products["abc_class"] = np.where(place_of < 58, "A", np.where(place_of < 144, "B", "C"))
    hero = np.zeros(count, dtype=bool)
    hero[order[:40][rng.random(40) < 0.6]] = True
    _life(products, rng, weekly)

    boxes, parts = _bundles(products)
    products = pd.concat([products, boxes], ignore_index=True)
    products["gtin"] = [_gtin(number) for number in range(1, len(products) + 1)]
    at = dict(zip(products["product_id"], category_at, strict=False))
    category_at += [at[members[0]] for _, _, members in BUNDLES]
    box_weekly = between(rng, 4.0, 24.0, len(BUNDLES))
    return Catalogue(
        products,
        parts,
        np.concatenate([weekly, box_weekly]),
        np.concatenate([hero, np.zeros(len(BUNDLES), dtype=bool)]),
        np.array(category_at),
    )


def _life(products: pd.DataFrame, rng: np.random.Generator, weekly: Floats) -> None:
    """Mark new, coming and retired products among those that sell in the middle."""
    count = len(products)
    introduced = np.full(count, np.datetime64("2023-09-01"), dtype="datetime64[D]")
    discontinued = np.full(count, np.datetime64("NaT"), dtype="datetime64[D]")
    like = np.full(count, None, dtype=object)
    parts = {member for _, _, members in BUNDLES for member in members}
    middle = np.argsort(-weekly, kind="stable")[60:220]
    free = [int(row) for row in middle if products["product_id"].iloc[row] not in parts]
    chosen = [free[int(place)] for place in rng.permutation(len(free))]
    ids = products["product_id"].tolist()
    new = _apart(chosen, N_NEW + N_COMING)
    for number, row in enumerate(new):
        fresh = number < N_NEW
        week = int(rng.integers(0, 26))
        start = np.datetime64("2026-03-02") + np.timedelta64(7 * week, "D")
        introduced[row] = start if fresh else np.datetime64("2026-10-26")
        like[row] = ids[_alike(row, [at for at in free if at not in new], products, weekly)]
    taken = {row // 3 for row in new}
    retired = [row for row in chosen if row // 3 not in taken][:N_RETIRED]
    for number, row in enumerate(retired):
        discontinued[row] = np.datetime64("2026-09-28" if number < 4 else "2026-11-16")
    products["introduced_on"] = introduced.astype("datetime64[ms]")
    products["discontinued_on"] = discontinued.astype("datetime64[ms]")
    products["like_product_id"] = like


def _alike(row: int, others: list[int], products: pd.DataFrame, weekly: Floats) -> int:
    """Return the product of the same category that sells most nearly as much."""
    category = products["category"].iloc[row]
    same = [at for at in others if products["category"].iloc[at] == category]
    return min(same, key=lambda at: (abs(float(weekly[at] - weekly[row])), at))


def _apart(rows: list[int], count: int) -> list[int]:
    """Return the first rows of which no two are sizes of one product."""
    kept: list[int] = []
    for row in rows:
        if all(row // 3 != other // 3 for other in kept):
            kept.append(row)
    return kept[:count]


def _bundles(products: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    facts = products.set_index("product_id")
    rows, parts = [], []
    for bundle_id, name, members in BUNDLES:
        chosen = facts.loc[list(members)]
        rows.append(
            {
                "product_id": bundle_id,
                "name": name,
                "category": "礼盒",
                "unit_cost": round(float(chosen["unit_cost"].sum()), 2),
                "unit_price": float(np.floor(chosen["unit_price"].sum() * 0.92)) + 0.9,
                "weight_kg": round(float(chosen["weight_kg"].sum()), 3),
                "volume_m3": round(float(chosen["volume_m3"].sum()), 5),
                "abc_class": "B",
                "introduced_on": pd.Timestamp("2024-01-01"),
            }
        )
        parts += [(bundle_id, member, 1.0) for member in members]
    return pd.DataFrame(rows), pd.DataFrame(parts, columns=["bundle_id", "component_id", "qty"])


def _gtin(number: int) -> str:
    """Return a 13-digit bar code with a valid check digit, in the range for use in-house."""
    digits = f"2{number:011d}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return digits + str(-total % 10)
