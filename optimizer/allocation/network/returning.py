"""What customers send back over the horizon of a design: a load on lanes and docks, beside it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from optimizer.stage import Kpi
from scenarios import Scenario
from scenarios.semantics.network import lane_rates, way_cost
from scenarios.semantics.periods import Periods
from scenarios.semantics.returns import return_shares, returns_centres

LANE = ["origin_id", "destination_id", "mode"]
KEYS = ["product_id", *LANE, "demand_case", "bucket"]
MOST_NAMED = 3  # docks or lanes in a note
OVER = 1.0 + 1e-9


def return_flows(scenario: Scenario, flows: pd.DataFrame, periods: Periods) -> pd.DataFrame:
    """Return one row per product, way back, period and future; empty where nothing comes back.

    What a flow brings to customers comes back in the share of `return_rates`, in the period in
    which it was sold, by the cheapest lane back or, without one, the way that it came.

    Parameters
    ----------
    flows : of :func:`flows_table`
    """
    share = return_shares(scenario)
    zones = set(scenario.table("zones")["zone_id"])
    sold = flows["destination_id"].isin(zones) | (flows["mode"] == "own")
    rows = flows[sold & flows["product_id"].isin(set(share.index))].reset_index(drop=True)
    if not len(rows):
        return pd.DataFrame()
    place, site = rows["destination_id"], rows["origin_id"]
    centre = returns_centres(scenario).astype(object).reindex(place).reset_index(drop=True)
    back = rows.assign(
        origin_id=place,
        destination_id=centre.fillna(site).astype("str"),
        out_id=site,
        qty=rows["qty"] * share.reindex(rows["product_id"]).to_numpy(np.float64),
        bucket=rows["bucket"] if "bucket" in rows.columns else pd.NaT,
    )
    back = _priced(scenario, back)
    total = back.groupby(KEYS, dropna=False, sort=True)
    summed = total[["qty", "kg", "g_co2e"]].sum()
    summed["cost"] = total["cost"].sum(min_count=1)
    summed["kg_per_day"] = total["kg_per_day"].first()
    found = summed.reset_index()
    days = _days(found["bucket"], periods)
    dock = scenario.table("sites").set_index("site_id")["inbound_units_per_day"]
    room = dock.reindex(found["destination_id"]).to_numpy(np.float64) * days
    return found.drop(columns=["kg", "kg_per_day"]).assign(
        lane_share=_part(found["kg"].to_numpy(np.float64), found["kg_per_day"] * days),
        dock_share=_part(found["qty"].to_numpy(np.float64), room),
    )


def _priced(scenario: Scenario, back: pd.DataFrame) -> pd.DataFrame:
    """Add mode, kg, cost, g_co2e and kg_per_day of the way that each row takes."""
    rates = lane_rates(scenario)
    made = scenario.table("products").set_index("product_id").reindex(back["product_id"])
    back = back.assign(
        row=np.arange(len(back)),
        kg_each=made["weight_kg"].fillna(0.0).to_numpy(np.float64),
        m3_each=made["volume_m3"].fillna(0.0).to_numpy(np.float64),
    )
    by_lane = back.drop(columns="mode").merge(rates, on=LANE[:2])
    each = way_cost(by_lane, by_lane["kg_each"].to_numpy(), by_lane["m3_each"].to_numpy())
    by_lane = by_lane.assign(each=each).sort_values(["row", "each", "mode"], kind="stable")
    lane = by_lane.drop_duplicates("row").set_index("row").reindex(back["row"])
    out = back[["out_id", "origin_id", "mode"]].set_axis(LANE, axis=1)
    came = out.merge(rates, on=LANE, how="left")["g_per_kg"].fillna(0.0).to_numpy(np.float64)
    has, own = lane["mode"].notna().to_numpy(), (back["mode"] == "own").to_numpy()
    stays = own & (back["origin_id"] == back["destination_id"]).to_numpy(bool)
    qty = back["qty"].to_numpy(np.float64)
    kg = qty * back["kg_each"].to_numpy(np.float64)
    g_per_kg = np.where(has, lane["g_per_kg"].to_numpy(np.float64), np.where(stays, 0.0, came))
    cost = np.where(stays, 0.0, qty * lane["each"].to_numpy(np.float64))
    limit = lane["kg_per_day"].replace(np.inf, np.nan).to_numpy(np.float64)
    mode = lane["mode"].astype(object).reset_index(drop=True).fillna(back["mode"]).astype("str")
    return back.assign(mode=mode, kg=kg, cost=cost, g_co2e=kg * g_per_kg, kg_per_day=limit)


def _days(bucket: pd.Series, periods: Periods) -> np.ndarray:
    """Return the days in which each row moves."""
    length = pd.Series(periods.days, index=pd.DatetimeIndex(periods.first))
    found = length.reindex(pd.DatetimeIndex(bucket)).to_numpy(np.float64)
    days: np.ndarray = np.where(np.isnan(found), float(periods.days.sum()), found)
    return days


def _part(used: np.ndarray, room: np.ndarray | pd.Series) -> np.ndarray:
    """Return used / room, NaN without a limit."""
    limit = np.asarray(room, np.float64)
    known = limit > 0.0
    part: np.ndarray = np.where(known, used / np.where(known, limit, 1.0), np.nan)
    return part


def return_kpis(table: pd.DataFrame, weight: Mapping[str, float]) -> list[Kpi]:
    """Return units, money and grams of what comes back, weighed over futures."""
    each = table["demand_case"].astype(object).fillna("").map(dict(weight)).to_numpy(np.float64)
    return [
        Kpi("returned", float((each * table["qty"]).sum()), "units", "returns"),
        Kpi(
            "return transport", float((each * table["cost"].fillna(0.0)).sum()), "money", "returns"
        ),
        Kpi("CO2e", float((each * table["g_co2e"]).sum()), "g", "returns"),
    ]


def return_notes(
    scenario: Scenario, table: pd.DataFrame, flows: pd.DataFrame, periods: Periods
) -> list[str]:
    """Say which ways back cost nobody knows what, and which lanes and docks are overloaded."""
    notes = []
    unpriced = table["cost"].isna()
    if unpriced.any():
        units = float(table.loc[unpriced, "qty"].sum())
        notes.append(
            f"{units:,.6g} units come back where no lane leads back: what that costs is not known,"
            " and their emission is that of the way out."
        )
    together = ["origin_id", "destination_id", "mode", "demand_case", "bucket"]
    by_lane = table.groupby(together, dropna=False, sort=True)["lane_share"].sum().reset_index()
    full = by_lane[by_lane["lane_share"] > OVER]
    names = (full["origin_id"] + " > " + full["destination_id"]).drop_duplicates().tolist()
    if names:
        notes.append(
            f"Returns alone are more than {len(names)} lanes can carry:"
            f" {', '.join(names[:MOST_NAMED])}{'' if len(names) <= MOST_NAMED else ', ..'}."
        )
    docks = overloaded_docks(scenario, table, flows, periods)
    if docks:
        notes.append(
            f"With what comes back {len(docks)} docks get more than inbound_units_per_day:"
            f" {', '.join(docks[:MOST_NAMED])}{'' if len(docks) <= MOST_NAMED else ', ..'}."
        )
    return notes


def overloaded_docks(
    scenario: Scenario, table: pd.DataFrame, flows: pd.DataFrame, periods: Periods
) -> list[str]:
    """Return the sites that get more than they take in, returns and all other goods together."""
    limit = scenario.table("sites").set_index("site_id")["inbound_units_per_day"].dropna()
    keys = ["destination_id", "demand_case", "bucket"]
    if "bucket" not in flows.columns:
        flows = flows.assign(bucket=pd.NaT)
    both = pd.concat([flows.loc[flows["mode"] != "own", [*keys, "qty"]], table[[*keys, "qty"]]])
    both = both[both["destination_id"].isin(set(limit.index))]
    both["demand_case"] = both["demand_case"].astype(object).fillna("")
    units = both.groupby(keys, dropna=False, sort=True)["qty"].sum().reset_index()
    room = limit.reindex(units["destination_id"]).to_numpy(np.float64)
    room = room * _days(units["bucket"], periods)
    over = units["qty"].to_numpy(np.float64) > room * OVER
    back = set(table["destination_id"])
    return [name for name in units["destination_id"][over].unique().tolist() if name in back]
