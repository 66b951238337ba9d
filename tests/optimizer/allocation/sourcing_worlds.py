"""Tiny random sourcing cases with every rule switched on now and then, and all their plans."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

START = pd.Timestamp("2026-03-02")
SITES, PRODUCTS, CHANNELS = ("A", "B"), ("P", "Q"), ("", "K")


def draw_case(seed):
    """Draw rows of a case with up to three orders, every rule switched on now and then."""
    rng = np.random.default_rng(seed)
    products = [
        {"product_id": p, "name": p, "unit_cost": 1.0, "unit_price": 2.0, "volume_m3": 0.01,
         "weight_kg": float(rng.integers(1, 4)), "unserved_penalty": float(rng.integers(3, 15))}
        for p in PRODUCTS
    ]  # fmt: skip
    rows = {
        "products": products,
        "zones": [{"zone_id": "Z", "name": "Z"}, {"zone_id": "Y", "name": "Y"}],
        "channels": [{"channel_id": "K", "name": "K"}],
        "sites": [
            {"site_id": s, "kind": "store", "name": s, "status": "open",
             "handling_cost_per_unit": float(rng.choice([0.0, 0.5])),
             "outbound_units_per_day": float(rng.choice([2.0, 4.0, 99.0]))}
            for s in SITES
        ],
        "inventory": [
            {"site_id": s, "product_id": p, "on_hand": float(rng.integers(0, 4)),
             "channel_id": channel or None}
            for s in SITES for p in PRODUCTS for channel in CHANNELS
            if channel == "" or rng.random() < 0.5
        ],
        "carriers": [
            {"carrier_id": "C", "kind": "own", "capacity_per_day": float(rng.integers(1, 4))},
            {"carrier_id": "D", "kind": "crowd"},
        ],
        "carrier_rates": [
            {"carrier_id": carrier, "service": "s", "origin": s, "destination": z,
             "max_weight_kg": most, "base": float(rng.integers(1, 9)), "per_kg": per_kg,
             "included_kg": 1.0, "step_kg": float(rng.choice([1.0, 2.0])),
             "promise_days": float(rng.integers(1, 4))}
            for carrier in ("C", "D") for s in SITES for z in ("Z", "Y")
            for most, per_kg in ((3.0, 1.0), (8.0, 0.5)) if rng.random() < 0.8
        ],
        "orders": [], "order_lines": [],
    }  # fmt: skip
    for number in range(int(rng.integers(1, 4))):
        name = f"O{number}"
        rows["orders"].append(
            {"order_id": name, "zone_id": str(rng.choice(["Z", "Y"])), "placed_at": START,
             "allow_split": bool(rng.random() < 0.7),
             "channel_id": "K" if rng.random() < 0.4 else None,
             "due_to": START + pd.Timedelta(days=int(rng.integers(1, 4))),
             "late_cost_per_h": 0.1 if rng.random() < 0.4 else None}
        )  # fmt: skip
        for line in range(int(rng.integers(1, 3))):
            rows["order_lines"].append(
                {"order_id": name, "line_id": str(line), "product_id": str(rng.choice(PRODUCTS)),
                 "qty": float(rng.integers(1, 4))}
            )  # fmt: skip
    return rows


class Enumeration:
    """Tries every plan, straight from the rows.

    Parameters
    ----------
    co2_price : money per gram of CO2e
    stock_value : stock that ships counts at the product's unit cost
    caps : grams at most, by site, or by "" for all
    """

    def __init__(self, rows, co2_price=0.0, *, stock_value=False, caps=None):
        self.caps = caps or {}
        self.rows = rows
        self.co2_price = co2_price
        self.worth = {
            p["product_id"]: p["unit_cost"] if stock_value else 0.0 for p in rows["products"]
        }
        self.weight = {p["product_id"]: p["weight_kg"] for p in rows["products"]}
        self.penalty = {p["product_id"]: p["unserved_penalty"] for p in rows["products"]}
        self.site = {s["site_id"]: s for s in rows["sites"]}
        self.limit = {c["carrier_id"]: c.get("capacity_per_day", 1e9) for c in rows["carriers"]}
        self.stock = {
            (i["site_id"], i["product_id"], i["channel_id"] or ""): i["on_hand"]
            for i in rows["inventory"]
        }
        self.lines = {o["order_id"]: [] for o in rows["orders"]}
        for line in rows["order_lines"]:
            self.lines[line["order_id"]].append(line)

    def best(self):
        """Return the least money over all plans."""
        options = [list(self.options(order)) for order in self.rows["orders"]]
        return min(
            sum(cost for cost, _ in plan)
            for plan in itertools.product(*options)
            if self.feasible([parcel for _, parcels in plan for parcel in parcels])
        )

    def options(self, order):
        """Yield (money, parcels) of every way to send one order."""
        lines = self.lines[order["order_id"]]
        for groups in partitions(list(range(len(lines)))):
            if not order["allow_split"] and len(groups) > 1:
                continue
            ways = [list(self.parcels(order, [lines[k] for k in group])) for group in groups]
            for way in itertools.product(*ways):
                yield (
                    sum(cost for cost, _ in way),
                    [parcel for _, parcel in way if parcel is not None],
                )

    def parcels(self, order, lines):
        """Yield (money, parcel) of one set of lines; parcel None: they stay."""
        yield sum(line["qty"] * self.penalty[line["product_id"]] for line in lines), None
        kg = sum(line["qty"] * self.weight[line["product_id"]] for line in lines)
        units = sum(line["qty"] for line in lines)
        goods = sum(line["qty"] * self.worth[line["product_id"]] for line in lines)
        offers = {}
        for rate in sorted(self.rows["carrier_rates"], key=lambda row: row["max_weight_kg"]):
            if rate["destination"] == order["zone_id"] and kg <= rate["max_weight_kg"]:
                offers.setdefault((rate["carrier_id"], rate["origin"]), rate)
        for (carrier, site), rate in offers.items():
            late = rate["promise_days"] - (order["due_to"] - START).days
            if late > 0 and order["late_cost_per_h"] is None:
                continue
            steps = -(-max(kg - rate["included_kg"], 0.0) // rate["step_kg"]) * rate["step_kg"]
            cost = rate["base"] + rate["per_kg"] * steps
            cost += max(late, 0.0) * 24.0 * (order["late_cost_per_h"] or 0.0)
            cost += self.site[site]["handling_cost_per_unit"] * units
            cost += goods + self.co2_price * rate.get("g_co2e_per_parcel", 0.0)
            grams = rate.get("g_co2e_per_parcel", 0.0)
            yield cost, (site, carrier, order["channel_id"] or "", lines, grams)

    def feasible(self, parcels):
        """Say whether parcels fit stock, docks, carriers and limits on CO2e together."""
        for scope, most in self.caps.items():
            if sum(parcel[4] for parcel in parcels if scope in ("", parcel[0])) > most + 1e-6:
                return False
        for site, facts in self.site.items():
            here = [parcel for parcel in parcels if parcel[0] == site]
            units = sum(line["qty"] for parcel in here for line in parcel[3])
            if units > facts["outbound_units_per_day"]:
                return False
            for product in PRODUCTS:
                over = 0.0
                for channel in CHANNELS:
                    used = sum(
                        line["qty"] for parcel in here if parcel[2] == channel
                        for line in parcel[3] if line["product_id"] == product
                    )  # fmt: skip
                    own = self.stock.get((site, product, channel), 0.0) if channel else 0.0
                    over += max(0.0, used - own)
                if over > self.stock.get((site, product, ""), 0.0):
                    return False
        return all(
            sum(parcel[1] == carrier for parcel in parcels) <= limit
            for carrier, limit in self.limit.items()
        )


def partitions(items):
    """Yield every way to part a list into groups."""
    if not items:
        yield []
        return
    first, rest = items[0], items[1:]
    for part in partitions(rest):
        yield [[first], *part]
        for k in range(len(part)):
            yield [*part[:k], [first, *part[k]], *part[k + 1 :]]
