"""What one plan does otherwise than another: purchases, parcels, sites."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from optimizer.plan import conform
from optimizer.what_if.answer import Measure, Move
from scenarios import Scenario

Tables = Mapping[str, pd.DataFrame]
GOODS_OF_POSITIONING = "TP-"  # how its transfers are named


def purchase_moves(before: Tables, after: Tables, start: pd.Timestamp) -> list[Move]:
    """Return tonight's purchase lines whose units differ, the largest change of money first."""
    keys = ["product_id", "supplier_id", "site_id"]
    sides = []
    for tables in (before, after):
        rows = conform("purchase_orders", tables.get("purchase_orders", pd.DataFrame()))
        rows = rows[rows["order_on"] == start]
        sides.append(rows.groupby(keys)[["qty", "cost"]].sum().astype(np.float64))
    both = sides[0].add_suffix("_before").join(sides[1].add_suffix("_after"), how="outer")
    both = both.fillna(0.0)
    both = both[both["qty_before"] != both["qty_after"]]
    order = (
        (both["cost_after"] - both["cost_before"]).abs().sort_values(ascending=False, kind="stable")
    )
    return [
        Move(
            "purchase_orders",
            " ".join(map(str, key)),
            _units(row.qty_before),
            _units(row.qty_after),
        )
        for key, row in zip(order.index, both.loc[order.index].itertuples(), strict=True)
    ]


def transfer_moves(before: Tables, after: Tables) -> list[Move]:
    """Return tonight's transfers of positioning that differ, the largest change of units first."""
    keys = ["product_id", "origin_id", "destination_id", "mode"]
    sides = []
    for tables in (before, after):
        rows = conform("transfers", tables.get("transfers", pd.DataFrame()))
        rows = rows[rows["transfer_id"].str.startswith(GOODS_OF_POSITIONING).fillna(False)]
        sides.append(rows.groupby(keys)["qty"].sum().astype(np.float64))
    both = pd.concat(sides, axis=1, keys=["before", "after"]).fillna(0.0)
    both = both[both["before"] != both["after"]]
    change = (both["after"] - both["before"]).abs().sort_values(ascending=False, kind="stable")
    return [
        Move("transfers", " ".join(map(str, key)), _units(row.before), _units(row.after))
        for key, row in zip(change.index, both.loc[change.index].itertuples(), strict=True)
    ]


def parcel_moves(before: Tables, after: Tables) -> list[Move]:
    """Return order lines that ship from elsewhere, otherwise, or not any more."""
    sides = [_line_ways(tables) for tables in (before, after)]
    names = sorted(set(sides[0]) | set(sides[1]))
    return [
        Move("shipments", name, sides[0].get(name, ""), sides[1].get(name, ""))
        for name in names
        if sides[0].get(name, "") != sides[1].get(name, "")
    ]


def site_moves(before: Tables, after: Tables) -> list[Move]:
    """Return sites whose status in stage network differs."""
    sides = [
        dict(zip(rows["site_id"], rows["status"], strict=True))
        for rows in (
            conform("network", side.get("network", pd.DataFrame())) for side in (before, after)
        )
    ]
    names = sorted(set(sides[0]) | set(sides[1]))
    return [
        Move("network", name, str(sides[0].get(name, "")), str(sides[1].get(name, "")))
        for name in names
        if sides[0].get(name) != sides[1].get(name)
    ]


def inbound_g_co2e(scenario: Scenario, tables: Tables) -> float | None:
    """Return grams that tonight's purchases emit on their way; None where one is not known."""
    rows = conform("purchase_orders", tables.get("purchase_orders", pd.DataFrame()))
    grams = rows.loc[rows["order_on"] == pd.Timestamp(scenario.settings.start_date), "g_co2e"]
    return None if grams.isna().any() else float(grams.sum())


def parcel_g_co2e(tables: Tables) -> float | None:
    """Return grams that parcels emit; None where a rate does not say."""
    grams = conform("shipments", tables.get("shipments", pd.DataFrame()))["g_co2e"]
    return None if grams.isna().any() else float(grams.sum())


def sourcing_service(before: Tables, after: Tables) -> list[Measure]:
    """Return order lines and units that do not ship."""
    found = []
    sides = []
    for tables in (before, after):
        rows = conform("unserved", tables.get("unserved", pd.DataFrame()))
        sides.append(rows[rows["kind"] == "order_line"])
    found.append(Measure("order lines unserved", "lines", *(float(len(side)) for side in sides)))
    units = (float(side["qty"].sum()) for side in sides)
    found.append(Measure("units unserved", "units", *units))
    return found


def _line_ways(tables: Tables) -> dict[str, str]:
    """Return by order line from where, by whom and for when it ships."""
    parcels = conform("shipments", tables.get("shipments", pd.DataFrame()))
    lines = conform("shipment_lines", tables.get("shipment_lines", pd.DataFrame()))
    columns = ["shipment_id", "site_id", "carrier_id", "service", "promised_on"]
    rows = lines.merge(parcels[columns], on="shipment_id", how="inner")
    name = rows["order_id"] + "/" + rows["line_id"]
    day = rows["promised_on"].dt.strftime("%Y-%m-%d")
    way = rows["site_id"] + " " + rows["carrier_id"] + " " + rows["service"].fillna("") + " " + day
    found: dict[str, str] = {}
    for line, told in sorted(zip(name, way, strict=True)):
        found[line] = f"{found[line]}; {told}" if line in found else told
    return found


def _units(qty: float) -> str:
    return f"{qty:g}" if qty else ""
