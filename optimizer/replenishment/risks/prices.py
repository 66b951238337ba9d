"""Moves of exchange rates and raw-material prices against what the horizon's demand costs.

The logarithm of an index is a random walk without drift in its mean (a martingale): over t days
X = exp(v Z - v^2 / 2), v = sigma sqrt(t), sigma from its past changes by the square root of their
days; where the changes have drifted, from those since, if these are larger. With threshold c the
chance is P(X > c) = Phi(d2) and the mean loss E[(X - 1) 1{X > c}] = Phi(d1) - Phi(d2), per unit of
money exposed, d1 = (v^2 / 2 - ln c) / v, d2 = d1 - v.

Source: Black (1976), The pricing of commodity contracts, equations 15 and 16, at a strike of 1.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator

import numpy as np
import pandas as pd
from scipy.special import ndtr

from optimizer.replenishment.alerting.rows import percent
from optimizer.replenishment.risks.drift import LEAST_POINTS, watch
from optimizer.replenishment.risks.money import Stakes
from optimizer.replenishment.risks.row import QUIET, RAISED, UNKNOWN, Items, Risk
from optimizer.replenishment.risks.seeds import stream

MOVE = 0.02  # dearer by so much counts as the event
LIKELY = 0.25  # chance from which it is raised without a drift
CODES = re.compile(r"([A-Z]{3})[/_-]?([A-Z]{3})?")
TRADED = (  # those that the BIS survey of 2022 lists, and the dong
    "USD EUR JPY GBP CNY CNH AUD CAD CHF HKD SGD SEK KRW NOK NZD INR MXN TWD ZAR BRL DKK PLN THB"
    " ILS IDR CZK AED TRY HUF CLP SAR PHP MYR COP RUB RON PEN BHD BGN ARS VND"
)


def price_indicators(stakes: Stakes) -> Iterator[Risk]:
    """Return every index that moves an offer we buy by, and currencies without an index."""
    facts = stakes.facts
    scenario = facts.scenario
    horizon = float(scenario.settings.horizon_days)
    start = pd.Timestamp(scenario.settings.start_date)
    offers = facts.offers[facts.offers["primary"]]
    at = offers["pair"].to_numpy(np.int64)
    counted = facts.counted[at]
    offers, at = offers[counted], at[counted]
    spend = _horizon_units(stakes, at) * offers["landed"].to_numpy(np.float64)
    offers = offers.assign(exposed=spend * offers["index_share_pct"].fillna(0.0) / 100.0)
    indices = scenario.table("indices").sort_values(["index_id", "date"], kind="stable")
    indices = indices[indices["date"] <= start]
    for name, mine in offers[offers["index_id"].notna()].groupby("index_id", sort=True):
        series = indices[indices["index_id"] == name]
        yield _index(stakes, str(name), series, mine, horizon)
    currency = scenario.table("suppliers").set_index("supplier_id")["currency"]
    of_offer = currency.reindex(offers["supplier_id"]).to_numpy(object)
    foreign = pd.Series(of_offer).notna().to_numpy() & (of_offer != scenario.settings.currency)
    bare = foreign & offers["index_id"].isna().to_numpy()
    for name in sorted({str(each) for each in of_offer[bare]}):
        money = float(spend[bare & (of_offer == name)].sum())
        yield Risk(
            "currency_move", f"currency:{name}", UNKNOWN, "rate", f"{name} becomes dearer",
            f"{name} 升值",
            f"Purchases of {money:,.2f} {scenario.settings.currency} within the horizon are priced"
            f" in {name} by offers that name no index.",
            f"期内 {money:,.2f} {scenario.settings.currency} 的采购以 {name} 计价，报价没有指数。",
            f"supplier_products: {int((bare & (of_offer == name)).sum())} offers without index_id",
            horizon,
        )  # fmt: skip


def is_currency(name: str, stated: Collection[str] = ()) -> bool:
    """Say whether an index is an exchange rate: USD, USD/CNY or USDCNY, but not TIN or COPPER.

    Parameters
    ----------
    stated : currencies beyond those that are traded most
    """
    found = CODES.fullmatch(name)
    codes = [code for code in found.groups() if code] if found else []
    return bool(codes) and all(code in TRADED.split() or code in stated for code in codes)


def move_chance(volatility: float, move: float) -> tuple[float, float]:
    """Return P(X > 1 + move) and E[(X - 1) 1{X > 1 + move}], ln X ~ N(-v^2 / 2, v^2)."""
    if volatility <= 0.0:
        return 0.0, 0.0
    first = (0.5 * volatility**2 - math.log1p(move)) / volatility
    high, low = float(ndtr(first)), float(ndtr(first - volatility))
    return low, high - low


def daily_volatility(dates: pd.Series, values: pd.Series) -> float:
    """Return sigma of the logarithm per square root of a day."""
    steps = np.diff(np.log(values.to_numpy(np.float64)))
    days = np.diff(dates.to_numpy("datetime64[D]")).astype(np.float64)
    return float(np.sqrt((steps**2).sum() / days.sum()))


def _horizon_units(stakes: Stakes, rows: np.ndarray) -> np.ndarray:
    """Return mean units asked for within the horizon, fed pairs included, (n,)."""
    facts = stakes.facts
    days = np.full(len(facts.pairs), float(facts.scenario.settings.horizon_days))
    own, _ = facts.forecast.over(facts.pairs["forecast_row"].to_numpy(np.int64), days)
    total = np.bincount(facts.pairs["root"].to_numpy(np.int64), own, minlength=len(facts.pairs))
    units: np.ndarray = total[rows]
    return units


def _index(
    stakes: Stakes, name: str, series: pd.DataFrame, offers: pd.DataFrame, horizon: float
) -> Risk:
    scenario = stakes.facts.scenario
    stated = {scenario.settings.currency, *scenario.table("suppliers")["currency"].dropna()}
    kind = "currency_move" if is_currency(name, stated) else "price_move"
    entity = f"index:{name}"
    event = (
        f"{name} rises by over {percent(MOVE)} within {horizon:.0f} days",
        f"{horizon:.0f} 天内 {name} 上涨超过 {percent(MOVE)}",
    )
    evidence = f"indices: {len(series)} values of {name}; {len(offers)} offers that it moves"
    changes = np.diff(np.log(series["value"].to_numpy(np.float64)))
    if len(changes) < LEAST_POINTS:
        return Risk(
            kind, entity, UNKNOWN, "changes of the index", *event,
            f"Only {len(series)} values are on record, {LEAST_POINTS + 1} are needed.",
            f"记录仅 {len(series)} 个数值，至少需要 {LEAST_POINTS + 1} 个。", evidence, horizon,
        )  # fmt: skip
    found = watch(changes, stream(stakes.facts, entity))
    assert found is not None
    a_day = daily_volatility(series["date"], series["value"])
    if found.raised:
        lately = series.iloc[found.since :]
        a_day = max(a_day, daily_volatility(lately["date"], lately["value"]))
    volatility = a_day * math.sqrt(horizon)
    probability, mean = move_chance(volatility, MOVE)
    rise = mean / probability if probability > 0.0 else 0.0
    exposed = offers["exposed"].groupby(offers["supplier_id"].astype("str")).sum()
    names = [f"supplier:{each}" for each in exposed.index]
    loss = Items.of(names, exposed.to_numpy(np.float64), np.full(len(exposed), rise))
    raised = found.raised or probability >= LIKELY
    worst = max(exposed.index, key=lambda each: (exposed[each], each)) if len(exposed) else ""
    share = float((offers["index_share_pct"].fillna(0.0) / 100.0).mean())
    currency = stakes.facts.scenario.settings.currency
    return Risk(
        kind, entity, RAISED if raised else QUIET, "CUSUM of changes of its logarithm", *event,
        f"Its value moved {percent(volatility)} (one standard deviation) per {horizon:.0f} days;"
        f" {exposed.sum():,.2f} {currency} of the horizon's purchases move with it;"
        f" {'its changes have drifted' if found.raised else 'no drift beyond chance'}.",
        f"其 {horizon:.0f} 天标准差为 {percent(volatility)}；期内采购中 {exposed.sum():,.2f}"
        f" {currency} 随其变动；{'变动已漂移' if found.raised else '没有超出偶然的漂移'}。",
        evidence, horizon, found.statistic, found.threshold, found.lately - found.usual,
        "change of the logarithm", series["date"].iloc[found.since + 1].date()
        if found.raised else None, None, probability, loss,
        {"kind": "price_shock", "target": f"supplier:{worst}", "start": 0, "duration": horizon,
         "severity": 1.0 + max(rise, MOVE) * max(share, 0.01)} if worst else {},
        tuple(names),
    )  # fmt: skip
