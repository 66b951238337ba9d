"""What lies in the warehouses, what is under way, and how each product is replenished."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from scenarios.library.double_eleven.catalogue import Catalogue
from scenarios.library.double_eleven.demand import Demand
from scenarios.library.double_eleven.festivals import START
from scenarios.library.double_eleven.places import WAREHOUSES
from scenarios.library.double_eleven.purchasing import regional_need
from scenarios.library.double_eleven.streams import between, stream
from scenarios.library.double_eleven.wares import CATEGORIES

TODAY = np.datetime64(START)


class Stock(NamedTuple):
    """Tables of stock, and what they add up to.

    Attributes
    ----------
    position : units on hand and under way by product (position in the catalogue) and site code
    """

    inventory: pd.DataFrame
    open_orders: pd.DataFrame
    position: dict[tuple[int, str], float]


def build_stock(seed: int, catalogue: Catalogue, demand: Demand, offers: pd.DataFrame) -> Stock:
    """Return stock around what lead times call for, some of it too much, some run out."""
    rng = stream(seed, "inventory")
    facts = catalogue.products
    first = offers[offers["priority"] == 1.0].set_index(["product_id", "site_id"])
    boxed = set(catalogue.components["bundle_id"])
    need = regional_need(catalogue, demand)
    rows: list[dict[str, object]] = []
    lines: list[tuple[int, int, float]] = []
    position: dict[tuple[int, str], float] = {}
    for at, site_at, rate in zip(demand.product_at, demand.site_at, demand.rate, strict=True):
        product, site = facts.iloc[at], WAREHOUSES[site_at]
        if product["product_id"] in boxed or product["introduced_on"] > pd.Timestamp(START):
            continue
        if site.parent:
            level = float(rate) * 1.6
            held = np.round(level * round(0.15 + 1.1 * rng.random(), 2))
        else:
            days = float(first.loc[(product["product_id"], site.code), "lead_time_mean_days"])
            weekly = float(rate) + 0.5 * (need[int(at)][site.code] - float(rate))
            level = weekly * (days + 14.0) / 7.0
            held = np.round(level * round(0.1 + 1.2 * rng.random(), 2))
        draw = rng.random()
        held = 0.0 if draw < 0.05 else held
        retired = bool(product["discontinued_on"] <= pd.Timestamp(START))
        coming = _coming(rng, site.parent, level - held, draw, float(product["case_qty"]), retired)
        lines.append((int(at), int(site_at), coming))
        rows += _lots(rng, product, site.code, float(held))
        position[int(at), site.code] = float(held) + coming
    inventory = _with_channels(pd.DataFrame(rows), catalogue)
    return Stock(inventory, _open_orders(seed, catalogue, first, lines), position)


def _coming(
    rng: np.random.Generator, parent: str, lack: float, draw: float, case: float, retired: bool
) -> float:
    """Return units under way: whole cases, for two fifths of the pairs that lack some."""
    share = round(rng.random(), 2)
    if retired or lack <= case or draw > (0.25 if parent else 0.4):
        return 0.0
    return float(np.ceil(lack * (0.3 + 0.6 * share) / case) * case)


def _lots(
    rng: np.random.Generator, product: pd.Series, site: str, held: float
) -> list[dict[str, object]]:
    """Return stock in lots: two with dates for what spoils, one without for the rest."""
    base: dict[str, object] = {"site_id": site, "product_id": product["product_id"]}
    age = int(rng.integers(5, 90))
    quarantined = float(np.ceil(held * 0.04)) if rng.random() < 0.02 else 0.0
    reserved = float(np.floor(held * 0.05)) if rng.random() < 0.05 else 0.0
    life = product["shelf_life_days"]
    if np.isnan(life):
        received = TODAY - np.timedelta64(age, "D")
        return [base | {"on_hand": held, "reserved": reserved, "quarantined": quarantined,
                        "received_on": received}]  # fmt: skip
    old = float(np.floor(held * round(0.2 + 0.3 * rng.random(), 2)))
    made = int(rng.integers(0, 40))
    ages = [age + int(life * (0.55 if rng.random() < 0.92 else 0.97)) - 60, age // 3]
    rows = []
    for number, (qty, days) in enumerate(zip((old, held - old), ages, strict=True), start=1):
        received = TODAY - np.timedelta64(max(days, 1), "D")
        rows.append(
            base
            | {
                "lot_id": f"{product['product_id']}-{number}",
                "on_hand": qty,
                "reserved": reserved if number == 2 and qty > reserved + quarantined else 0.0,
                "quarantined": quarantined if number == 2 and qty > reserved + quarantined else 0.0,
                "received_on": received,
                "expires_on": received + np.timedelta64(int(life) - made, "D"),
            }
        )
    return rows


def _with_channels(inventory: pd.DataFrame, catalogue: Catalogue) -> pd.DataFrame:
    """Set a fifth of the heroes' stock at the regional warehouses apart for live commerce."""
    heroes = set(catalogue.products["product_id"].to_numpy()[catalogue.hero])
    at = inventory["product_id"].isin(heroes) & inventory["site_id"].isin(["R1", "R2"])
    kept = np.floor(inventory["on_hand"].where(at, 0.0) * 0.2)
    inventory = inventory.assign(on_hand=inventory["on_hand"] - kept)
    apart = inventory[kept > 0].assign(
        on_hand=kept[kept > 0], reserved=0.0, quarantined=0.0, channel_id="DY"
    )
    frame = pd.concat([inventory, apart], ignore_index=True)
    for column in ("received_on", "expires_on"):
        frame[column] = frame[column].astype("datetime64[ms]")
    for column in ("reserved", "quarantined"):
        frame[column] = np.minimum(frame[column].fillna(0.0), frame["on_hand"])
    return frame


def _open_orders(
    seed: int,
    catalogue: Catalogue,
    first: pd.DataFrame,
    lines: list[tuple[int, int, float]],
) -> pd.DataFrame:
    """Return purchase and transfer lines under way, a few of them overdue."""
    rng = stream(seed, "open_orders")
    ids = catalogue.products["product_id"].to_numpy()
    rows = []
    for kind in ("purchase", "transfer"):
        for at, site_at, qty in lines:
            site = WAREHOUSES[site_at]
            if qty <= 0 or (kind == "transfer") != bool(site.parent):
                continue
            if kind == "purchase":
                terms = first.loc[(ids[at], site.code)]
                source, lead = terms["supplier_id"], int(terms["lead_time_mean_days"])
            else:
                source, lead = site.parent, 2
            since = int(rng.integers(1, max(lead, 2)))
            late = int(rng.integers(1, 6)) if rng.random() < 0.05 else 0
            ordered = TODAY - np.timedelta64(since + late, "D")
            due = TODAY - np.timedelta64(late, "D") if late else ordered + np.timedelta64(lead, "D")
            rows.append((kind, source, site.code, ids[at], qty, ordered, max(due, ordered)))
    columns = ["kind", "source_id", "site_id", "product_id", "qty", "ordered_on", "due_on"]
    frame = pd.DataFrame(rows, columns=columns)
    prefix = frame["kind"].map({"purchase": "PO26", "transfer": "TO26"})
    frame.insert(0, "order_id", prefix + [f"{number:05d}" for number in range(len(frame))])
    frame.insert(1, "line", "1")
    for column in ("ordered_on", "due_on"):
        frame[column] = frame[column].astype("datetime64[ms]")
    return frame.assign(frozen=frame["due_on"] <= pd.Timestamp(START) + pd.Timedelta(days=2))


def inventory_policies(catalogue: Catalogue, demand: Demand) -> pd.DataFrame:
    """Return base stock for every pair that is still bought, reviewed weekly or twice a week."""
    facts = catalogue.products
    boxed = set(catalogue.components["bundle_id"])
    goal = {"A": 0.98, "B": 0.95, "C": 0.90}
    rows = []
    for at, site_at in zip(demand.product_at, demand.site_at, strict=True):
        product, site = facts.iloc[at], WAREHOUSES[site_at]
        if product["product_id"] in boxed or product["discontinued_on"] <= pd.Timestamp(START):
            continue
        rows.append(
            {
                "site_id": site.code,
                "product_id": product["product_id"],
                "policy": "base_stock",
                "review_days": 3.0 if site.parent else 7.0,
                "target_cycle_service": goal[product["abc_class"]],
                "max_cover_days": np.nan if np.isnan(product["shelf_life_days"])
                else float(np.round(product["shelf_life_days"] / 3.0)),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def return_rates(seed: int, catalogue: Catalogue) -> pd.DataFrame:
    """Return what comes back, by the category's habits."""
    rng = stream(seed, "return_rates")
    rows = []
    scatter = between(rng, 0.6, 1.4, len(catalogue.products))
    for at, product in enumerate(catalogue.products.to_dict("records")):
        rate = CATEGORIES[catalogue.category_at[at]].return_rate * scatter[at]
        value = round(float(product["unit_cost"]) * 0.9, 2)
        if rate > 0.03:
            liked = round(rate * 0.75, 4)
            rows.append((product["product_id"], "七天无理由", liked, 6.0, "resell", value))
            rows.append(
                (product["product_id"], "质量问题", round(rate * 0.25, 4), 12.0, "scrap", 0.0)
            )
        else:
            rows.append((product["product_id"], "破损", round(rate, 4), 4.0, "exchange", 0.0))
    columns = ["product_id", "reason", "rate", "delay_days", "disposition", "recovery_value"]
    return pd.DataFrame(rows, columns=columns)
