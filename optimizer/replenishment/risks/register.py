"""The register: every indicator as a row, the raised ones first by expected loss."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from optimizer.replenishment.alerting.rows import Night, percent
from optimizer.replenishment.facts import Facts
from optimizer.replenishment.risks.carriers import carrier_indicators
from optimizer.replenishment.risks.demand import demand_indicators
from optimizer.replenishment.risks.money import Stakes
from optimizer.replenishment.risks.playbooks import playbook_of
from optimizer.replenishment.risks.prices import price_indicators
from optimizer.replenishment.risks.row import QUIET, RAISED, UNKNOWN, Items, Risk
from optimizer.replenishment.risks.sources import capacities, single_sources
from optimizer.replenishment.risks.stockouts import stockouts
from optimizer.replenishment.risks.suppliers import supplier_indicators

MOST_PER_KIND = 500
CRITICAL_SHARE = 0.8  # of the expected loss stands in the critical warnings
KIND_OF_ALERT = {
    "stockout_risk": "stockout",
    "supplier_risk": "supplier_lateness",
    "late_order": "supplier_lateness",
}
ORDER = {RAISED: 0, UNKNOWN: 1, QUIET: 2}
MOVES = ["supplier_id", "site_id", "product_id", "qty", "due_on"]


def risks(
    facts: Facts, night: Night, transfers: pd.DataFrame, origins: pd.DataFrame
) -> pd.DataFrame:
    """Return the table `risks`.

    Parameters
    ----------
    night : purchases, usable units, level, lateness
    transfers : of the plan
    origins : `forecast_origins`; empty: no past forecasts are known
    """
    stakes = Stakes.of(facts, night.level)
    coming = _coming(facts, night, transfers)
    found = [
        *supplier_indicators(stakes, coming),
        *carrier_indicators(facts),
        *demand_indicators(stakes, origins),
        *price_indicators(stakes),
        *single_sources(stakes),
        *capacities(stakes),
        *stockouts(facts, coming, night.lateness),
    ]
    playbooks = facts.scenario.table("playbooks")
    currency = facts.scenario.settings.currency
    rows = [_row(risk, playbook_of(risk, playbooks), currency) for risk in _kept(found)]
    return pd.DataFrame(rows)


def warnings(table: pd.DataFrame) -> pd.DataFrame:
    """Return alerts of the raised leading indicators; stockouts have alerts of their own.

    `value` is the expected loss; 0 where no price is known, as the message says.
    """
    if not len(table):
        return pd.DataFrame()
    rows = table[(table["state"] == RAISED) & (table["kind"] != "stockout")]
    if not len(rows):
        return pd.DataFrame()
    value = rows["expected_loss"].fillna(0.0).to_numpy(np.float64)
    before = np.cumsum(value) - value
    critical = (before < CRITICAL_SHARE * value.sum()) & (value > 0.0)
    return pd.DataFrame(
        {
            "severity": np.where(critical, "critical", "warning"),
            "code": "early_warning",
            "entity": rows["entity"].to_numpy(object),
            "bucket": pd.NaT,
            "probability": rows["probability"].to_numpy(np.float64),
            "value": value,
            "playbook_id": rows["playbook_id"].to_numpy(object),
            "message": rows["message"].to_numpy(object),
            "message_zh": rows["message_zh"].to_numpy(object),
            "risk_id": rows["risk_id"].to_numpy(object),
        }
    )


def linked(facts: Facts, alerts: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Return alerts with `risk_id` and `playbook_id` where the register knows what they are about.

    A stockout is that of its product-location; late orders and unreliable suppliers are their
    supplier's lateness.
    """
    if not len(alerts) or not len(table):
        return alerts
    orders = facts.scenario.table("open_orders")
    source = pd.Series(
        ("supplier:" + orders["source_id"].astype("str")).to_numpy(object),
        index=("open_order:" + orders["order_id"] + "/" + orders["line"]).to_numpy(object),
        dtype=object,
    )
    source = source[~source.index.duplicated()]
    names = alerts["entity"].astype(object)
    entity = names.map(source).astype(object)
    entity = entity.where(entity.notna(), names)
    wanted = alerts["code"].map(KIND_OF_ALERT).astype(object) + ":" + entity
    wanted = wanted.where(wanted.isin(table.loc[table["simulation"].notna(), "risk_id"]))
    own = alerts.get("risk_id", pd.Series(np.nan, index=alerts.index)).astype(object)
    risk = own.where(own.notna(), wanted)
    playbook = table.set_index("risk_id")["playbook_id"].reindex(risk)
    return alerts.assign(risk_id=risk, playbook_id=playbook.to_numpy(object))


def _coming(facts: Facts, night: Night, transfers: pd.DataFrame) -> pd.DataFrame:
    """Return what is on its way or ordered tonight: MOVES, supplier "" for transfers."""
    open_orders = facts.scenario.table("open_orders")
    parts = [
        open_orders.assign(
            supplier_id=open_orders["source_id"].where(open_orders["kind"] != "transfer", "")
        )[MOVES]
    ]
    if len(night.purchases):
        parts.append(night.purchases[MOVES])
    if len(transfers):
        parts.append(transfers.assign(supplier_id="", site_id=transfers["destination_id"])[MOVES])
    filled = [part.astype({"qty": "float64", "due_on": "datetime64[ns]"}) for part in parts]
    return pd.concat([part for part in filled if len(part)] or filled[:1], ignore_index=True)


def _kept(found: Iterable[Risk]) -> Iterator[Risk]:
    """Return risks in order: raised, not known, quiet; of each kind at most MOST_PER_KIND."""

    def place(risk: Risk) -> tuple[int, float, float, str]:
        expected, money = risk.expected, risk.money
        return (
            ORDER[risk.state],
            0.0 if math.isnan(expected) else -expected,
            0.0 if math.isnan(money) else -money,
            risk.risk_id,
        )

    seen: dict[str, int] = {}
    for risk in sorted(found, key=place):
        seen[risk.kind] = seen.get(risk.kind, 0) + 1
        if seen[risk.kind] <= MOST_PER_KIND:
            yield risk


def _row(risk: Risk, playbook: str, currency: str) -> dict[str, object]:
    loss = risk.loss or Items()
    return {
        "risk_id": risk.risk_id,
        "kind": risk.kind,
        "state": risk.state,
        "entity": risk.entity,
        "indicator": risk.indicator,
        "value": risk.value,
        "threshold": risk.threshold if math.isfinite(risk.threshold) else math.nan,
        "trend": risk.trend,
        "unit": risk.unit or None,
        "since": pd.NaT if risk.since is None else pd.Timestamp(risk.since),
        "horizon_days": risk.horizon_days,
        "expected_on": pd.NaT if risk.expected_on is None else pd.Timestamp(risk.expected_on),
        "probability": risk.probability,
        "loss": risk.money,
        "expected_loss": risk.expected,
        "terms": loss.document() if risk.loss is not None else None,
        "evidence": risk.evidence,
        "playbook_id": playbook or None,
        "simulation": json.dumps(risk.disruption, ensure_ascii=False) if risk.disruption else None,
        "message": _sentence(risk, currency),
        "message_zh": _sentence_zh(risk, currency),
    }


def _sentence(risk: Risk, currency: str) -> str:
    event = f"{risk.event_en[:1].upper()}{risk.event_en[1:]}"
    if risk.state == UNKNOWN:
        return f"{event}: not known. {risk.reason_en}"
    money = "at a loss that is not known" if risk.loss is None else (
        f"losing {risk.money:,.2f} {currency} if so, {risk.expected:,.2f} expected"
    )  # fmt: skip
    return f"{event}: {percent(risk.probability)} likely, {money}. {risk.reason_en}"


def _sentence_zh(risk: Risk, currency: str) -> str:
    if risk.state == UNKNOWN:
        return f"{risk.event_zh}：未知。{risk.reason_zh}"
    chance = percent(risk.probability).replace("over ", "超过 ").replace("under ", "不足 ")
    money = "损失未知" if risk.loss is None else (
        f"一旦发生损失 {risk.money:,.2f} {currency}，期望损失 {risk.expected:,.2f}"
    )  # fmt: skip
    return f"{risk.event_zh}：概率 {chance}，{money}。{risk.reason_zh}"
