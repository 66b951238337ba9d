"""What a network design has room for, period by period: balance, stock, docks, shelves, supply."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.audit.network_flows import REL
from optimizer.audit.report import MONEY, Rules
from scenarios import Scenario
from scenarios.semantics.defaults import DAYS_PER_YEAR, available_stock
from scenarios.semantics.network import network_offers
from scenarios.semantics.periods import Periods

Floats = npt.NDArray[np.float64]


def check_stock(
    rules: Rules,
    scenario: Scenario,
    sites: pd.DataFrame,
    flows: pd.DataFrame,
    demand: pd.DataFrame,
    periods: Periods,
) -> pd.DataFrame:
    """Follow the stock of one future: nothing leaves that did not come, nothing stays for good.

    Sites that make a product or have it anyway hold no stock of it. Only warehouses and stores
    keep stock from period to period, and no longer than it may be sold, the oldest leaving first.

    Returns
    -------
    frame : site_id, product_id, period, qty (at its end), slack (what rounding may make of it)
    """
    is_site = set(sites.index)
    out = _by_period(flows[flows["origin_id"].isin(is_site)], "origin_id", len(periods))
    comes = flows[flows["destination_id"].isin(is_site) & ~flows["own"]]
    came = _by_period(comes, "destination_id", len(periods))
    index = out.index.union(came.index)
    left = out.reindex(index).fillna(0.0).to_numpy(np.float64)
    came_in = came.reindex(index).fillna(0.0).to_numpy(np.float64)
    free = _has_anyway(scenario, sites, index, demand, periods)
    stock = np.where(free[:, None], 0.0, np.cumsum(came_in - left, axis=1))
    slack = REL * np.maximum(np.cumsum(left, axis=1), 1.0)
    names = [str(key) for key in index]
    off = (stock < -slack).any(axis=1) | (np.abs(stock[:, -1:]) > slack[:, -1:]).any(axis=1)
    rules.add("flows", "does_not_balance", off, names)
    keeps = sites["kind"].isin(["warehouse", "store"]).reindex(index.get_level_values(0))
    waits = (stock[:, :-1] > slack[:, :-1]).any(axis=1)
    rules.add("flows", "stock_where_none_may_wait", waits & ~keeps.to_numpy(bool), names)
    life = scenario.table("products").set_index("product_id")["shelf_life_days"]
    days = life.reindex(index.get_level_values(1)).fillna(np.inf).to_numpy(np.float64)
    ends = np.cumsum(periods.days)
    for period in range(len(periods) - 1):
        in_time = ends - ends[period] + periods.days[period] <= days[:, None]
        in_time[:, : period + 1] = False
        leaves = np.where(in_time, left, 0.0).sum(axis=1)
        too_old = stock[:, period] > leaves + slack[:, -1]
        rules.add("flows", "stock_too_old", too_old, names)
    row, number = np.indices(stock.shape)
    return pd.DataFrame(
        {
            "site_id": index.get_level_values(0)[row.ravel()],
            "product_id": index.get_level_values(1)[row.ravel()],
            "period": number.ravel(),
            "qty": np.maximum(stock, 0.0).ravel(),
            "slack": slack.ravel(),
        }
    )


def _by_period(flows: pd.DataFrame, end: str, many: int) -> pd.DataFrame:
    total = flows.groupby([end, "product_id", "period"])["qty"].sum().unstack("period")
    return total.reindex(columns=range(many))


def _has_anyway(
    scenario: Scenario,
    sites: pd.DataFrame,
    index: pd.MultiIndex,
    demand: pd.DataFrame,
    periods: Periods,
) -> npt.NDArray[np.bool_]:
    """Say which sites have a product without supply."""
    offers = network_offers(scenario, periods)
    offered = set(zip(offers["site_id"], offers["product_id"], strict=True))
    anywhere = set(offers["product_id"])
    fed = set(scenario.table("lanes")["destination_id"])
    asked = set(demand["product_id"])
    return np.array(
        [
            (site, product) not in offered
            and product in asked
            and (sites.at[site, "kind"] == "plant" or (site not in fed and product not in anywhere))
            for site, product in index
        ],
        bool,
    )


def check_stated_stock(
    rules: Rules, stated: pd.DataFrame | None, stock: pd.DataFrame, unit: Floats, periods: Periods
) -> None:
    """Hold `network_stock` against the stock that follows from the flows.

    Parameters
    ----------
    stock : site_id, product_id, case, period, qty, slack
    unit : (n_rows,) money per unit of each row of `stock`
    """
    keys = ["site_id", "product_id", "case", "period"]
    derived = stock.assign(unit=unit).set_index(keys)[["qty", "slack", "unit"]]
    if stated is None or not len(stated):
        missing = derived["qty"] > derived["slack"]
        rules.add("network_stock", "stock_differs", missing, [str(key) for key in derived.index])
        return
    shown = stated.assign(
        case=stated["demand_case"].fillna(""), period=number_of(stated["bucket"], periods)
    )
    rules.add("network_stock", "unknown_period", shown["period"] < 0, shown["site_id"])
    rules.add("network_stock", "stated_twice", shown.duplicated(keys), shown["site_id"])
    shown = shown.drop_duplicates(keys).set_index(keys)[["qty", "cost"]]
    index = derived.index.union(shown.index)
    derived, shown = derived.reindex(index), shown.reindex(index).fillna(0.0)
    names = [str(key) for key in index]
    off = np.abs(derived["qty"].fillna(0.0) - shown["qty"])
    rules.add("network_stock", "stock_differs", off > derived["slack"].fillna(REL), names)
    off = np.abs(shown["cost"] - shown["qty"] * derived["unit"].fillna(0.0))
    rules.add("network_stock", "cost_differs", off > MONEY + 1e-6 * shown["cost"].abs(), names)


def number_of(buckets: pd.Series, periods: Periods) -> npt.NDArray[np.int64]:
    """Return the number of the period that begins on each day; -1: none does."""
    first = pd.Index(pd.to_datetime(periods.first))
    number: npt.NDArray[np.int64] = first.get_indexer(pd.to_datetime(buckets)).astype(np.int64)
    return number


def check_room(
    rules: Rules,
    scenario: Scenario,
    sites: pd.DataFrame,
    flows: pd.DataFrame,
    stock: pd.DataFrame,
    cover: float,
    periods: Periods,
) -> None:
    """Docks, shelves, suppliers and lanes hold in each period, the limit on CO2e over all."""
    products = scenario.table("products").set_index("product_id")["volume_m3"]
    waits = stock["qty"] * products.reindex(stock["product_id"]).fillna(0.0).to_numpy(np.float64)
    for number, days in enumerate(periods.days.tolist()):
        now = flows[flows["period"] == number]
        out = now.groupby("origin_id")[["qty", "m3"]].sum().reindex(sites.index).fillna(0.0)
        comes = now[~now["own"]].groupby("destination_id")["qty"].sum()
        comes = comes.reindex(sites.index).fillna(0.0)
        at_end = waits[stock["period"] == number].groupby(stock["site_id"]).sum()
        stored = out["m3"] * (cover / days) + at_end.reindex(sites.index).fillna(0.0)
        most_out = sites["outbound_units_per_day"] * days
        rules.add("flows", "above_outbound", _above(out["qty"], most_out), sites.index)
        most_in = sites["inbound_units_per_day"] * days
        rules.add("flows", "above_inbound", _above(comes, most_in), sites.index)
        rules.add("flows", "above_storage", _above(stored, sites["storage_m3"]), sites.index)
        for key, load, most, code in (
            ("row", "qty", "capacity", "above_supplier_capacity"),
            ("lane", "kg", "lane_kg", "above_lane_capacity"),
        ):
            used = now[now[key].notna()].groupby(key).agg({load: "sum", most: "first"})
            rules.add("flows", code, _above(used[load], used[most]), used.index)
    limits = scenario.table("limits")
    caps = limits[
        (limits["kind"] == "co2")
        & (limits["sense"] == "<=")
        & limits["scope"].isin(("all", "stage:network"))
        & limits["hard"].astype(bool)
    ]
    grams = float(flows["grams"].sum())
    rules.add("flows", "above_co2", grams > caps["value"] * (1.0 + REL), caps["limit_id"])


def _above(load: pd.Series, most: pd.Series) -> npt.NDArray[np.bool_]:
    room = most.fillna(np.inf).to_numpy(np.float64)
    values = load.to_numpy(np.float64)
    result: npt.NDArray[np.bool_] = values > room + REL * np.maximum(np.minimum(room, values), 1.0)
    return result


def waiting_cost(scenario: Scenario, stock: pd.DataFrame, periods: Periods) -> Floats:
    """Return money per unit of each row of `stock`, held from mid period to mid period."""
    cost = scenario.table("products").set_index("product_id")["unit_cost"]
    rate = scenario.settings.holding_rate_pct_per_year / 100.0 / DAYS_PER_YEAR
    middle = np.append((periods.days[:-1] + periods.days[1:]) / 2.0, 0.0)
    unit: Floats = cost.reindex(stock["product_id"]).to_numpy(np.float64) * rate
    held: Floats = unit * middle[stock["period"].to_numpy(np.int64)]
    return held


def todays_stock(
    scenario: Scenario, sites: pd.DataFrame, demand: pd.DataFrame, weight: pd.Series
) -> tuple[float, int, float]:
    """Return the cost of holding today's stock, where it lies, and its days of demand."""
    if not len(scenario.table("inventory")):
        return 0.0, 0, 0.0
    stock = available_stock(scenario)
    opened = set(sites.index[sites["status"] == "open"])
    stock = stock[stock["site_id"].isin(opened) & (stock["qty"] > 0.0)]
    cost = scenario.table("products").set_index("product_id")["unit_cost"]
    value = float((stock["qty"].to_numpy() * cost.reindex(stock["product_id"]).to_numpy()).sum())
    days = scenario.settings.horizon_days
    expected = float((demand["qty"] * demand["demand_case"].map(weight)).sum())
    cover = float(stock["qty"].sum()) * days / expected if expected > 0.0 else 0.0
    share = scenario.settings.holding_rate_pct_per_year / 100.0 * days / DAYS_PER_YEAR
    return value * share, int(stock["site_id"].nunique()), cover
