"""What happened, measured: logistics, suppliers, forecasts, stock, cash, and drift.

Nothing that is not recorded is guessed: a figure without its data is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.forecasting.problem import sales_at_sites
from optimizer.plan import Plan
from scenarios import Scenario

Floats = NDArray[np.float64]

HOUR = 3600.0
ALLOWANCE, DECISION = 0.5, 5.0  # of the CUSUM: k and h, in standard deviations
LEAST_POINTS = 12  # of a series: half learn its usual, half are watched


@dataclass(frozen=True, slots=True)
class Row:
    """One figure; `n` is how many records it rests on."""

    measure: str
    scope: str
    value: float
    unit: str
    n: int


@dataclass(frozen=True, slots=True)
class Drift:
    """A series that left its usual: since when, and how far, in standard deviations."""

    series: str
    direction: str
    since: pd.Timestamp
    statistic: float


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures and alarms."""

    rows: tuple[Row, ...]
    alarms: tuple[Drift, ...]

    def table(self) -> pd.DataFrame:
        """Return measure, scope, value, unit, n."""
        return pd.DataFrame(
            [[r.measure, r.scope, r.value, r.unit, r.n] for r in self.rows],
            columns=["measure", "scope", "value", "unit", "n"],
        )


def measure(scenario: Scenario, plan: Plan | None = None) -> Measured:
    """Measure what the scenario records, against a plan where there is one.

    Parameters
    ----------
    scenario : with receipts, deliveries, demand_history, returns, stock_counts, as far as there are
    plan : what was planned before: forecasts, shipments, purchase orders
    """
    rows = [
        *_deliveries(scenario),
        *_suppliers(scenario),
        *_stock(scenario),
        *_returns(scenario),
    ]
    if plan is not None:
        rows += [
            *_forecasts(scenario, plan),
            *_promises(scenario, plan),
            *_to_serve(scenario, plan),
        ]
    return Measured(tuple(rows), tuple(_drifts(scenario)))


def cusum(values: Floats) -> tuple[int, str, float] | None:
    """Return where a two-sided CUSUM first signals, its direction and statistic; None: it does not.

    The first half of the series gives mean and standard deviation, the second is watched, with
    allowance 0.5 and decision interval 5 standard deviations; the average run without drift until
    a false alarm is about 930 points for independent normal values.

    Source: Page (1954), Continuous inspection schemes; Montgomery, Statistical Quality Control.
    """
    half = len(values) // 2
    if len(values) < LEAST_POINTS:
        return None
    mean, sd = float(values[:half].mean()), float(values[:half].std(ddof=1))
    if not sd > 0.0:
        return None
    up = down = 0.0
    for place, value in enumerate(((values[half:] - mean) / sd).tolist(), start=half):
        up, down = max(0.0, up + value - ALLOWANCE), max(0.0, down - value - ALLOWANCE)
        if max(up, down) > DECISION:
            return place, "up" if up > down else "down", max(up, down)
    return None


# ---- inside ---------------------------------------------------------------------------------


def _past(scenario: Scenario) -> pd.DataFrame:
    """Return deliveries with on_time [1, 0 or NaN], hours and faults."""
    past = scenario.filled("deliveries")
    promised = past["promised_at"]
    midnight = promised == promised.dt.normalize()
    deadline = promised + pd.to_timedelta(midnight.astype(np.int64), unit="D")
    told = promised.notna() & past["delivered_at"].notna()
    handling = (past["resolved_at"] - past["exception_at"]).dt.total_seconds() / HOUR
    return past.assign(
        on_time=(past["delivered_at"] <= deadline).astype(float).where(told),
        processing=(past["handed_over_at"] - past["placed_at"]).dt.total_seconds() / HOUR,
        faulty=past["exception"].notna().astype(float),
        broken=past["damaged"].astype(float),
        handling=handling,
    )


def _deliveries(scenario: Scenario) -> Iterator[Row]:
    past = _past(scenario)
    scopes = [("all", past)]
    scopes += [(f"carrier:{name}", part) for name, part in past.groupby("carrier_id")]
    for scope, part in scopes:
        for name, column, unit in (
            ("on_time_rate", "on_time", "share"),
            ("order_processing_h", "processing", "h"),
            ("exception_rate", "faulty", "share"),
            ("exception_handling_h", "handling", "h"),
            ("damage_rate", "broken", "share"),
            ("cost_per_parcel", "cost", "money"),
        ):
            known = part[column].dropna().astype(np.float64)
            if len(known):
                yield Row(name, scope, float(known.mean()), unit, len(known))
        told = part[part["on_time"].notna()]
        if len(told):  # by order: every parcel on time, whole, without an exception
            good = (told["on_time"] == 1.0) & (told["faulty"] == 0.0) & (told["broken"] == 0.0)
            orders = good.groupby(told["order_id"]).min()
            yield Row("perfect_order_rate", scope, float(orders.mean()), "share", len(orders))


def _suppliers(scenario: Scenario) -> Iterator[Row]:
    rows = scenario.filled("receipts")
    late = (rows["received_on"] - rows["promised_on"]).dt.days.astype(np.float64)
    lead = (rows["received_on"] - rows["ordered_on"]).dt.days.astype(np.float64)
    full = (rows["qty_received"] >= rows["qty_ordered"] * (1.0 - 1e-9)).astype(float)
    rows = rows.assign(late=late, lead=lead, full=full, on_time=(late <= 0.0).astype(float))
    for name, part in rows.groupby("supplier_id"):
        scope, n = f"supplier:{name}", len(part)
        yield Row("supplier_on_time_rate", scope, float(part["on_time"].mean()), "share", n)
        yield Row("supplier_in_full_rate", scope, float(part["full"].mean()), "share", n)
        yield Row("supplier_days_late", scope, float(part["late"].clip(lower=0).mean()), "days", n)
        yield Row("supplier_lead_time", scope, float(part["lead"].mean()), "days", n)


def _stock(scenario: Scenario) -> Iterator[Row]:
    """Stock value over what is sold a day at cost; with terms of payment, cash to cash."""
    cost = scenario.table("products").set_index("product_id")["unit_cost"]
    counts = scenario.table("stock_counts")
    history = scenario.table("demand_history")
    if not len(history):
        return
    pair = ["product_id", "site_id"]
    counted = counts.groupby(pair)["qty"].mean()  # not every pair is counted on every day
    held = scenario.filled("inventory").groupby(pair)["on_hand"].sum()
    units = pd.concat([counted, held[~held.index.isin(counted.index)]])
    worth = cost.reindex(units.index.get_level_values("product_id")).to_numpy(np.float64)
    stock = float(np.nansum(units.to_numpy(np.float64) * worth))
    n = len(counts) + len(units) - len(counted)
    if len(counts):
        since = counts["counted_on"].min()
    else:
        since = history["date"].max() - pd.Timedelta(days=28)
    length = _period_days(history)
    sold = history[history["date"] > since - pd.Timedelta(days=length)]
    periods = sold["date"].nunique()
    if not periods or not n:
        return
    money = sold["qty"] * cost.reindex(sold["product_id"]).to_numpy(np.float64)
    a_day = float(money.sum()) / (periods * length)
    if not a_day > 0.0:
        return
    days = stock / a_day
    yield Row("turnover_days", "all", days, "days", n)
    paid = scenario.filled("suppliers")["payment_days"].astype(np.float64)
    settled = scenario.filled("channels")["settlement_days"].astype(np.float64)
    if len(paid):
        collect = float(settled.mean()) if len(settled) else 0.0
        cash = days + collect - float(paid.mean())
        yield Row("cash_to_cash_days", "all", cash, "days", n)


def _period_days(history: pd.DataFrame) -> float:
    """Return the days between dates of the history: 7 for weeks, 1 for days."""
    dates = np.sort(history["date"].unique())
    steps = np.diff(dates.astype("datetime64[D]")).astype(np.float64)
    return float(np.median(steps)) if len(steps) else 1.0


def _returns(scenario: Scenario) -> Iterator[Row]:
    rows = scenario.table("returns")
    history = scenario.table("demand_history")
    if not len(rows) or not len(history):
        return
    since = rows["returned_on"].min() - pd.Timedelta(days=_period_days(history))
    sold = history[history["date"] > since]["qty"].sum()
    if sold > 0.0:
        rate = float(rows["qty"].sum() / sold)
        yield Row("return_rate", "all", rate, "share of units sold since the first", len(rows))


def _forecasts(scenario: Scenario, plan: Plan) -> Iterator[Row]:
    """How much nearer to what was sold forecasts came than the same pair's last period did.

    Sales are those of sites, as forecasts are. A period is a bucket, or a week where sales are by
    week and buckets are days; those that forecast and sales cover in whole count. A pair that has
    sold before and has no row in such a period sold nothing then.
    """
    told = plan.table("forecast")
    told = told[(told["span_buckets"] == 1) & told["quantile"].isna()]
    sales = sales_at_sites(scenario)
    if not len(told) or not len(sales):
        return
    keys = ["product_id", "location_id"]
    start, bucket = told["bucket"].min(), float(scenario.settings.bucket_days)
    step = _period_days(sales)
    span = pd.Timedelta(days=max(bucket, step))
    anchor = start if bucket >= step else sales["date"].min()

    def period(dates: pd.Series) -> pd.Series:
        return anchor + ((dates - anchor) // span) * span

    sales = sales.assign(period=period(sales["date"]))
    came = sales.groupby([*keys, "period"])["qty"].sum()
    until = sales["date"].max() + pd.Timedelta(days=step)
    covered = [each for each in sales["period"].unique() if each + span <= until]
    earlier = [each for each in covered if each + span <= start]
    if not earlier:
        return
    said = told.assign(period=period(told["bucket"])).groupby([*keys, "period"])["qty"]
    both = pd.DataFrame({"said": said.sum(), "parts": said.size()}).reset_index()
    known = sales.loc[sales["period"] <= max(earlier), keys].drop_duplicates()
    both = both[(both["parts"] * bucket >= span.days) & both["period"].isin(covered)]
    both = both.merge(known, on=keys)
    for name, at in (("came", both["period"]), ("naive", max(earlier))):
        places = pd.MultiIndex.from_frame(both[keys].assign(period=at))
        both[name] = came.reindex(places).fillna(0.0).to_numpy(np.float64)
    total = float(both["came"].sum())
    if not total > 0.0:
        return
    wape = float((both["said"] - both["came"]).abs().sum()) / total
    plain = float((both["naive"] - both["came"]).abs().sum()) / total
    bias = float((both["said"] - both["came"]).sum()) / total
    yield Row("forecast_wape", "all", wape, "share", len(both))
    yield Row("forecast_bias", "all", bias, "share", len(both))
    yield Row("forecast_value_added", "all", plain - wape, "share, naive less ours", len(both))


def _promises(scenario: Scenario, plan: Plan) -> Iterator[Row]:
    """What the plan promised against what happened, parcels and purchases, by cause."""
    parcels = plan.table("shipments")
    past = _past(scenario).set_index("order_id")
    if len(parcels) and len(past):
        known = parcels[parcels["order_id"].isin(set(past.index))]
        last = past.groupby(level=0)[["handed_over_at", "delivered_at"]].max()
        facts = last.reindex(known["order_id"]).reset_index(drop=True)
        fault = past["faulty"].groupby(level=0).max().reindex(known["order_id"]).to_numpy()
        day = pd.Timedelta(days=1)
        late = (
            facts["delivered_at"] >= known["promised_on"].reset_index(drop=True) + day
        ).to_numpy()
        left = (facts["handed_over_at"] >= known["ship_on"].reset_index(drop=True) + day).to_numpy()
        open_yet = facts["delivered_at"].isna().to_numpy()
        n = len(known)
        causes = {
            "kept": ~late & ~open_yet,
            "late: left the site late": late & left,
            "late: exception under way": late & ~left & (fault > 0.0),
            "late: carrier": late & ~left & ~(fault > 0.0),
            "not delivered yet": open_yet,
        }
        for cause, is_so in causes.items() if n else ():
            yield Row("parcels_promised", cause, float(is_so.sum()), "parcels", n)
    orders, receipts = plan.table("purchase_orders"), scenario.table("receipts")
    if len(orders) and len(receipts):
        names = ["order_id", "line"]
        mine = orders.assign(line=orders["line"].astype(np.int64).astype(str))
        both = mine[[*names, "qty", "due_on"]].merge(
            receipts[[*names, "qty_received", "received_on"]], on=names, how="inner"
        )
        late = both["received_on"] > both["due_on"]
        short = both["qty_received"] < both["qty"] * (1.0 - 1e-9)
        for cause, here in () if not len(both) else (
            ("kept", ~late & ~short), ("late", late & ~short), ("short", ~late & short),
            ("late and short", late & short),
        ):  # fmt: skip
            yield Row("purchases_promised", cause, float(here.sum()), "lines", len(both))


def _to_serve(scenario: Scenario, plan: Plan) -> Iterator[Row]:
    """What a unit costs to serve, parcel and handling: by zone, channel and product.

    A parcel costs what was paid for its order's parcels where that is recorded, else what the plan
    says; it is shared among its lines by weight, or by units where nothing weighs.
    """
    lines = plan.table("shipment_lines")
    if not len(lines):
        return
    parcels = plan.table("shipments").set_index("shipment_id")
    paid = scenario.table("deliveries").dropna(subset=["cost"]).set_index("shipment_id")["cost"]
    cost = parcels["cost"].astype(np.float64)
    cost = paid.reindex(cost.index).fillna(cost)
    rows = lines.join(parcels[["site_id"]], on="shipment_id")
    kg = scenario.table("products").set_index("product_id")["weight_kg"]
    weight = rows["qty"] * kg.reindex(rows["product_id"]).fillna(0.0).to_numpy(np.float64)
    total = weight.groupby(rows["shipment_id"]).transform("sum")
    units = rows["qty"].groupby(rows["shipment_id"]).transform("sum")
    share = (weight / total.where(total > 0.0)).fillna(rows["qty"] / units)
    handling = scenario.filled("sites").set_index("site_id")["handling_cost_per_unit"]
    per_unit = handling.reindex(rows["site_id"]).fillna(0.0).to_numpy(np.float64)
    money = share * cost.reindex(rows["shipment_id"]).to_numpy(np.float64) + per_unit * rows["qty"]
    facts = scenario.table("orders").set_index("order_id")[["zone_id", "channel_id"]]
    rows = rows.assign(money=money).join(facts, on="order_id")
    for word, column in (("zone", "zone_id"), ("channel", "channel_id"), ("product", "product_id")):
        for name, part in rows.groupby(column):
            value = float(part["money"].sum() / part["qty"].sum())
            yield Row("cost_to_serve_per_unit", f"{word}:{name}", value, "money", len(part))


def _drifts(scenario: Scenario) -> Iterator[Drift]:
    """Watch demand by product, lateness by supplier and by carrier."""
    history = scenario.table("demand_history")
    for name, part in history.groupby("product_id"):
        yield from _watched(f"demand of {name}", part.groupby("date")["qty"].sum())
    receipts = scenario.table("receipts")
    late = (receipts["received_on"] - receipts["promised_on"]).dt.days.astype(np.float64)
    by_day = receipts.assign(late=late).groupby(["supplier_id", "received_on"])["late"].mean()
    for name in by_day.index.get_level_values(0).unique():
        yield from _watched(f"lateness of supplier {name}", by_day.loc[name])
    past = _past(scenario).dropna(subset=["on_time", "delivered_at"])
    day = past["delivered_at"].dt.normalize()
    missed = (1.0 - past["on_time"]).groupby([past["carrier_id"], day]).mean()
    for name in missed.index.get_level_values(0).unique():
        yield from _watched(f"late parcels of carrier {name}", missed.loc[name])


def _watched(series: str, values: pd.Series) -> Iterator[Drift]:
    found = cusum(values.sort_index().to_numpy(np.float64))
    if found is not None:
        place, direction, statistic = found
        yield Drift(series, direction, values.sort_index().index[place], statistic)
