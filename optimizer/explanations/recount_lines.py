"""Purchase lines worked out again: index factors, and the steps from the forecast to the units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from optimizer.audit.offers import PAIR
from optimizer.audit.tonight import Tonight, demand_over, read_tonight, site_forecast
from optimizer.explanations.levels import SMALLEST_SD, best_level
from optimizer.moved import with_transfers
from optimizer.plan import Plan
from scenarios import Scenario

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Known = dict[tuple[str, str], float]

OPTION = ["supplier_id", "site_id", "product_id"]


def names_of(lines: pd.DataFrame) -> pd.Series:
    """Return the decision_id of lines of purchase_orders."""
    return "purchase_orders:" + lines["order_id"] + "/" + lines["line"].astype(int).astype(str)


def recount_index(scenario: Scenario, plan: Plan) -> Known:
    """Return what indices have done to prices, and the units of each price step."""
    known: Known = {}
    lines = plan.table("purchase_orders")
    if not len(lines):
        return known
    terms = scenario.filled("supplier_products")
    start = pd.Timestamp(scenario.settings.start_date)
    length = scenario.settings.bucket_days
    bucket = (lines["order_on"] - start).dt.days // length * length
    first = start + pd.to_timedelta(bucket, unit="D")
    own = lines["order_id"].str.startswith("BP-")
    rows = lines.assign(day=first.where(~own, lines["order_on"]), number=np.arange(len(lines)))
    both = rows.merge(terms, on=["supplier_id", "product_id"], suffixes=("", "_term"))
    good = both["site_id_term"].isna() | (both["site_id_term"] == both["site_id"])
    good &= ~(both["valid_from"] > both["day"]) & ~(both["valid_to"] < both["day"])
    both = both[good].assign(named=both["site_id_term"].notna())
    both = both.sort_values(
        ["named", "valid_from"], ascending=False, na_position="last", kind="stable"
    ).drop_duplicates("number")
    moved = [
        _factor(scenario, row.index_id, float(row.index_share_pct), row.valid_from, start)
        for row in both[["index_id", "index_share_pct", "valid_from"]].itertuples(index=False)
    ]
    for name, factor in zip(names_of(both), moved, strict=True):
        known[name, "index_factor"] = factor
    return known | _steps_of_price(scenario, lines)


def _steps_of_price(scenario: Scenario, lines: pd.DataFrame) -> Known:
    """Return the units that each line buys in each step of incremental price breaks."""
    known: Known = {}
    breaks = scenario.table("price_breaks")
    if not len(breaks):
        return known
    key = ["supplier_id", "product_id"]
    asked = lines.assign(name=names_of(lines))[["name", *key, "qty"]]
    both = asked.merge(breaks, on=key)
    both = both[(both["min_qty"] <= both["qty"]) & (both["kind"] != "all_units")]
    both = both.sort_values(["name", "min_qty"], kind="stable")
    ends = both.groupby("name")["min_qty"].shift(-1).fillna(both["qty"])
    for name, begin, end in zip(both["name"], both["min_qty"], ends, strict=True):
        known[name, f"units_in_step {begin:g}"] = float(end - begin)
    first = both.groupby("name")["min_qty"].min()
    return known | {(str(name), "units_in_step 0"): float(q) for name, q in first.items()}


def _factor(
    scenario: Scenario, index_id: object, share: float, begun: pd.Timestamp, today: pd.Timestamp
) -> float:
    if not isinstance(index_id, str):
        return 1.0
    values = scenario.table("indices")
    values = values[values["index_id"] == index_id].set_index("date")["value"].sort_index()
    now = values[:today]
    if not len(now):
        return 1.0
    early = now[:begun] if pd.notna(begun) else now[:0]
    base = early.iloc[-1] if len(early) else values.iloc[0]
    return float(1.0 + share / 100.0 * (now.iloc[-1] / base - 1.0))


def recount_quantities(scenario: Scenario, plan: Plan) -> Known:
    """Return the steps of tonight's lines by (decision_id, step).

    Demand, position and costs are those of the referee (`audit.tonight`), not the engine's.
    """
    known: Known = {}
    lines = plan.table("purchase_orders")
    start = pd.Timestamp(scenario.settings.start_date)
    lines = lines[(lines["order_on"] == start) & ~lines["order_id"].str.startswith("BP-")]
    if not len(lines) or "replenishment" not in set(plan.table("certificates")["stage"]):
        return known
    moves = plan.table("transfers")
    tonight = with_transfers(scenario, moves[moves["transfer_id"].str.startswith("TP-")])
    tables = {name: plan.table(name) for name in ("forecast", "calibration") if name in plan.tables}
    facts = read_tonight(tonight, tables)
    rows = lines.merge(facts.options, on=OPTION, suffixes=("_line", ""))
    rows = rows.merge(facts.pairs, on=PAIR, suffixes=("", "_pair"))
    steps, lots = _steps(tonight, plan, facts, rows)
    for name, values in steps.items():
        for decision, value in zip(names_of(rows), values.tolist(), strict=True):
            known[decision, name] = value
    touched = without_price(tonight, facts, rows)
    for name, values in lots.items():
        for decision, value in zip(names_of(rows)[touched], values[touched].tolist(), strict=True):
            known[decision, name] = value
    return known


def _steps(
    scenario: Scenario, plan: Plan, facts: Tonight, rows: pd.DataFrame
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Return units by step, and what is known of lots (`unpriced`), (n_lines,) each."""

    def column(name: str) -> Floats:
        found: Floats = rows[name].to_numpy(np.float64)
        return found

    qty = column("qty")
    usable = column("fill_rate") * (1.0 - column("defect_rate"))
    multiple = column("order_multiple")
    mean, sd = column("mean"), np.maximum(column("sd"), SMALLEST_SD)
    back, replayed = column("expected_returns"), column("replayed")
    correction = mean + back - column("interval_mean")
    held, short = column("holding"), column("shortage")
    coming = _on_order(scenario, facts)
    on_order = coming.reindex(pd.MultiIndex.from_frame(rows[PAIR])).fillna(0.0).to_numpy()
    position = column("position")
    brought = pd.Series(qty * usable).groupby([rows["site_id"], rows["product_id"]])
    elsewhere = brought.transform("sum").to_numpy(np.float64) - qty * usable
    premium = column("landed") - column("least")

    def level(price: Floats) -> Floats:
        return best_level(mean, sd, held, short, price)

    scarce = _scarcity(scenario, plan, rows)
    wish = level(premium / usable)
    net = wish - position - elsewhere
    free = np.maximum(net, 0.0)
    priced = np.maximum(level((premium + scarce) / usable) - position - elsewhere, 0.0)
    wished = priced / usable
    lots = _lots(scenario, plan, facts, rows, wished)

    def cost(units: Floats) -> Floats:
        z = (position + elsewhere + usable * units - mean) / sd
        missed = sd * (norm.pdf(z) - z * norm.sf(z))
        found: Floats = held * (z * sd + missed) + short * missed + (premium + scarce) * units
        return found

    below = np.floor(lots.most / multiple + 1e-9) * multiple
    above = np.minimum(below + multiple, lots.high)
    rounded = np.where(cost(above) < cost(below), above, below)
    at_least = np.maximum(rounded, lots.low)
    rest = qty - at_least
    known = {
        "unpriced": free / usable,
        "made_at_most": lots.made_most,
        "sold_at_most": lots.sold_most,
        "lot": multiple,
        "least_lots": lots.low,
        "most_lots": lots.high,
        "breaks": lots.breaks.astype(np.float64),
        "quantity": qty,
    }
    return {
        "forecast": column("interval_mean"),
        "lost_before_arrival": correction - replayed,
        "replayed_fractile": replayed,
        "safety_stock": wish - mean,
        "on_hand": -(position - on_order),
        "on_order": -on_order,
        "expected_returns": -back,
        "ordered_elsewhere": -elsewhere,
        "never_below_zero": free - net,
        "losses_on_the_way": free / usable - free,
        "price_of_limits": (priced - free) / usable,
        "supplier_capacity": lots.made - wished,
        "shelf_life": lots.most - lots.made,
        "order_multiple": rounded - lots.most,
        "moq": at_least - rounded,
        "price_break": np.where(lots.breaks, rest, 0.0),
        "order_value_and_limits": np.where(lots.breaks, 0.0, rest),
    }, known


@dataclass(frozen=True, slots=True)
class Lots:
    """What lots allow, (n_lines,) units: made by the supplier, sold in time, whole lots.

    Attributes
    ----------
    made_most, sold_most : what the supplier can make, and what sells before it expires
    made, most : wished units, at most the one; and at most the other
    low, high : least and most whole lots
    breaks : whether the line reaches a price break beyond its least lot
    """

    made_most: Floats
    sold_most: Floats
    made: Floats
    most: Floats
    low: Floats
    high: Floats
    breaks: NDArray[np.bool_]


def _lots(
    scenario: Scenario, plan: Plan, facts: Tonight, rows: pd.DataFrame, wished: Floats
) -> Lots:
    multiple = rows["order_multiple"].to_numpy(np.float64)
    low = np.ceil(np.maximum(rows["moq"], multiple) / multiple - 1e-9) * multiple
    low = low.to_numpy(np.float64)
    review = rows["review_days"].to_numpy(np.float64)
    weekly = rows["capacity_per_week"].fillna(np.inf).to_numpy(np.float64)
    capacity = np.floor(weekly * review / 7.0 / multiple + 1e-9) * multiple
    sold = _sellable(scenario, plan, facts, rows)
    made_most, sold_most = np.maximum(capacity, low), np.maximum(sold, low)
    made = np.minimum(wished, made_most)
    most = np.minimum(made, sold_most)
    breaks = scenario.table("price_breaks")
    reached = np.zeros(len(rows), bool)
    both = rows[["supplier_id", "product_id"]].assign(at=np.arange(len(rows)), qty=rows["qty"])
    both = both.merge(breaks, on=["supplier_id", "product_id"])
    at = both["at"].to_numpy(np.int64)
    begin = np.ceil(both["min_qty"].to_numpy(np.float64) / multiple[at] - 1e-9) * multiple[at]
    reached[at[(begin > low[at]) & (begin <= both["qty"].to_numpy(np.float64))]] = True
    return Lots(
        made_most, sold_most, made, most, low, np.maximum(np.minimum(capacity, sold), low), reached
    )


def _sellable(scenario: Scenario, plan: Plan, facts: Tonight, rows: pd.DataFrame) -> Floats:
    """Return the most whole lots that mean demand sells within lead time and shelf life."""
    life = scenario.table("products").set_index("product_id")["shelf_life_days"]
    own_life = life.reindex(rows["product_id"]).to_numpy(np.float64)
    units = np.full(len(rows), np.inf)
    if np.isnan(own_life).all():
        return units
    forecast = site_forecast(scenario, plan.tables.get("forecast"))
    root = facts.own[PAIR].iloc[facts.own["root"].to_numpy()].reset_index(drop=True)
    members = facts.own[PAIR].assign(bought_at=root["site_id"])
    asked = members.merge(
        pd.DataFrame(
            {
                "bought_at": rows["site_id"],
                "product_id": rows["product_id"],
                "at": np.arange(len(rows)),
                "days": rows["lead_days"].to_numpy(np.float64) + own_life,
            }
        ).dropna(subset="days"),
        on=["bought_at", "product_id"],
    )
    total = np.zeros(len(rows))
    for _, part in asked.groupby(asked.groupby(PAIR).cumcount()):
        mean, _ = demand_over(scenario, forecast, part[PAIR], part["days"].to_numpy(np.float64))
        np.add.at(total, part["at"].to_numpy(np.int64), mean)
    usable = (rows["fill_rate"] * (1.0 - rows["defect_rate"])).to_numpy(np.float64)
    left = np.maximum(total - rows["position"].to_numpy(np.float64), 0.0) / usable
    multiple = rows["order_multiple"].to_numpy(np.float64)
    keeps = np.isnan(own_life)
    found: Floats = np.where(keeps, np.inf, np.floor(left / multiple + 1e-9) * multiple)
    return found


def without_price(scenario: Scenario, facts: Tonight, rows: pd.DataFrame) -> Flags:
    """Say which lines something touches whose price no table states, (n_lines,).

    Caps on a supplier's units, weekly capacities that several sites draw on, and what the planner
    has decided of tonight.
    """
    touched = np.zeros(len(rows), bool)
    category = _categories(scenario, rows)
    for limit in _in_force(scenario).itertuples():
        if limit.kind == "supplier_units":
            touched |= _inside(rows, category, str(limit.scope))
    anywhere = scenario.table("supplier_products")["site_id"].isna().to_numpy(bool)
    several = facts.options["row"].value_counts()
    shared = (rows["row"].map(several) > 1).to_numpy(bool)
    limited = rows["capacity_per_week"].notna().to_numpy(bool)
    touched |= limited & shared & anywhere[rows["row"].to_numpy(np.int64)]
    decided = scenario.table("decisions")
    for decision in decided[decided["kind"] == "purchase"].to_dict("records"):
        mine = np.ones(len(rows), bool)
        for key in OPTION:
            if isinstance(decision[key], str):
                mine &= (rows[key] == decision[key]).to_numpy(bool)
        touched |= mine
    return touched


def _in_force(scenario: Scenario) -> pd.DataFrame:
    """Return the hard limits of every night, and those of the bucket in which tonight falls."""
    limits = scenario.table("limits")
    start = pd.Timestamp(scenario.settings.start_date)
    ends = limits["bucket"] + pd.Timedelta(days=scenario.settings.bucket_days)
    now = limits["bucket"].isna() | ((limits["bucket"] <= start) & (start < ends))
    return limits[now & limits["hard"].fillna(True).astype(bool)]


def _categories(scenario: Scenario, rows: pd.DataFrame) -> NDArray[np.object_]:
    made = scenario.table("products").set_index("product_id")["category"]
    found: NDArray[np.object_] = made.reindex(rows["product_id"]).to_numpy(object)
    return found


def _inside(rows: pd.DataFrame, category: NDArray[np.object_], scope: str) -> Flags:
    """Say which lines a scope means, (n_lines,)."""
    name, _, value = scope.partition(":")
    if name == "category":
        found: Flags = category == value
    elif name in ("supplier", "site", "product"):
        found = (rows[f"{name}_id"] == value).to_numpy(bool)
    else:
        found = np.ones(len(rows), bool)
    return found


def _on_order(scenario: Scenario, facts: Tonight) -> pd.Series:
    """Return units on order by the pair at which they are counted."""
    own = facts.own
    root = own[PAIR].iloc[own["root"].to_numpy()].reset_index(drop=True)
    coming = scenario.table("open_orders").groupby(PAIR)["qty"].sum()
    units = coming.reindex(pd.MultiIndex.from_frame(own[PAIR])).fillna(0.0).to_numpy(np.float64)
    total: pd.Series = pd.Series(units).groupby([root["site_id"], root["product_id"]]).sum()
    return total


def _scarcity(scenario: Scenario, plan: Plan, rows: pd.DataFrame) -> Floats:
    """Return what a unit of each line costs at the stated prices of what is scarce, money."""
    prices = plan.table("marginal_prices")
    prices = prices[(prices["stage"] == "replenishment") & (prices["price"] > 0.0)]
    made = scenario.table("products").set_index("product_id").reindex(rows["product_id"])
    m3, landed = made["volume_m3"].to_numpy(np.float64), rows["landed"].to_numpy(np.float64)
    category = _categories(scenario, rows)
    limits = scenario.table("limits").set_index("limit_id")
    money = np.zeros(len(rows))
    for kind, entity, price in prices[["kind", "entity", "price"]].itertuples(index=False):
        name, _, supplier = str(entity).rpartition(" supplier:")
        if kind == "storage" and str(entity).startswith("site:") and entity not in limits.index:
            money += price * m3 * _inside(rows, category, str(entity))
        elif entity in limits.index:
            limit = limits.loc[entity]
            sign = 1.0 if limit["sense"] == "<=" else -1.0
            each = {"storage": m3, "co2": (rows["g_co2e"] / rows["qty"]).fillna(0.0)}
            weight = np.asarray(each.get(str(kind), landed), np.float64)
            money += sign * price * weight * _inside(rows, category, str(limit["scope"]))
        elif name in limits.index:  # what the supplier's share is above what it may be
            limit = limits.loc[name]
            sign, scope = (1.0 if limit["sense"] == "<=" else -1.0), str(limit["scope"])
            inside = _inside(rows, category, scope)
            own = inside & (rows["supplier_id"] == supplier).to_numpy(bool)
            whole = np.ones(len(rows)) if scope.startswith("supplier:") else inside
            money += sign * price * landed * (own - float(limit["value"]) / 100.0 * whole)
    return money
