"""What limits the plan, what may go wrong before the festival, and what to do then."""

# ruff: noqa: E501 - rows of facts, Chinese characters count double
from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from scenarios.library.double_eleven.catalogue import Catalogue
from scenarios.library.double_eleven.festivals import HORIZON_WEEKS, START
from scenarios.library.double_eleven.places import WAREHOUSES

# money for each week against tonight's
BUDGET_SHARES = (1.0, 0.8, 0.6, 0.4, 0.2, 0.15, 0.25, 0.3)


def limits(money: float) -> pd.DataFrame:
    """Return a budget for each week from tonight's money, and limits on single suppliers."""
    rows: list[tuple[object, ...]] = []
    for week in range(HORIZON_WEEKS):
        value = float(np.ceil(money * BUDGET_SHARES[week] / 10_000.0)) * 10_000.0
        monday = START + dt.timedelta(weeks=week)
        rows.append((f"预算-{week + 1}", "budget", "all", monday, "<=", value, True, np.nan))
    cap = float(np.ceil(money * 0.35 / 10_000.0)) * 10_000.0
    rows.append(("采购额-锦织", "supplier_spend", "supplier:S10", None, "<=", cap, True, np.nan))
    rows.append(("份额-深通", "supplier_share_pct", "supplier:S11", None, "<=", 40.0, False, 500.0))
    rows.append(("碳排", "co2", "all", None, "<=", 60_000_000.0, False, 0.0001))
    frame = pd.DataFrame(
        rows,
        columns=["limit_id", "kind", "scope", "bucket", "sense", "value", "hard", "penalty"],
    )
    frame["bucket"] = pd.to_datetime(frame["bucket"]).astype("datetime64[ms]")
    return frame


def disruptions() -> pd.DataFrame:
    """Return what may hit the retailer between now and the festival."""
    day = {name: pd.Timestamp(2026, month, date) for name, month, date in (
        ("outage", 10, 19), ("typhoon", 10, 24), ("fog", 10, 22), ("surge", 11, 9),
        ("power", 11, 1), ("parcels", 11, 11), ("copper", 10, 20), ("strike", 11, 12),
    )}  # fmt: skip
    none = pd.NaT
    rows = [
        ("锦织停产", "supplier_outage", "supplier:S10", day["outage"], "", 21.0, "", 1.0, 0.15, "", ""),
        ("粤创限电", "supplier_capacity_loss", "supplier:S08", day["power"], "", 14.0, "", 0.5, 0.25, "", ""),
        ("进口清关延误", "lead_time_blowup", "supplier:S12", none, "exponential(mean=150)", np.nan, "lognormal(mean=12, sd=8)", 2.5, None, "", ""),
        ("大连港封港", "port_closure", "lane:S12>R1", day["fog"], "", np.nan, "uniform(low=6, high=20)", 1.0, 0.2, "", ""),
        ("台风关仓", "warehouse_closure", "site:R2", day["typhoon"], "", 4.0, "", 1.0, 0.2, "台风", ""),
        ("台风断路", "lane_closure", "lane:R2>C3", day["typhoon"], "", 5.0, "", 1.0, 0.2, "台风", ""),
        ("台风后复工慢", "labour_shortage", "site:R2", none, "", 7.0, "", 0.4, None, "", "台风关仓"),
        ("双11爆单", "demand_surge", "all", day["surge"], "", 5.0, "", 2.0, 0.25, "", ""),
        ("双11遇冷", "demand_collapse", "category:服饰", day["surge"], "", 14.0, "", 0.4, 0.15, "", ""),
        ("快递爆仓", "carrier_capacity_loss", "carrier:SDKD", day["parcels"], "", 6.0, "", 0.5, 0.4, "", ""),
        ("运价上涨", "freight_price_jump", "all", day["parcels"], "", 10.0, "", 1.4, 0.3, "", ""),
        ("铜价上涨", "price_shock", "supplier:S08", day["copper"], "", 60.0, "", 1.12, 0.3, "", ""),
        ("蜂蜜抽检不合格", "quality_recall", "supplier:S03", none, "exponential(mean=300)", 20.0, "", 0.6, None, "", ""),
        ("系统宕机", "order_processing_outage", "all", none, "exponential(mean=365)", np.nan, "lognormal(mean=1.5, sd=1)", 1.0, None, "", ""),
        ("上海仓火灾", "warehouse_fire", "site:C1", none, "exponential(mean=3650)", 30.0, "", 1.0, None, "", ""),
        ("干线延误", "lane_delay", "lane:R1>C2", day["strike"], "", 6.0, "", 2.0, 0.3, "", ""),
    ]  # fmt: skip
    columns = [
        "disruption_id", "kind", "target", "start", "start_distribution", "duration",
        "duration_distribution", "severity", "probability", "group", "after",
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=columns)
    for column in ("start_distribution", "duration_distribution", "group", "after"):
        frame[column] = frame[column].where(frame[column] != "", None)
    frame["start"] = frame["start"].astype("datetime64[ms]")
    frame["probability"] = frame["probability"].astype("float64")
    return frame


def playbooks() -> pd.DataFrame:
    """Return what the team does when an indicator crosses its threshold."""
    rows = [
        (
            "断供",
            1.0,
            "fill_rate",
            "<",
            0.92,
            "switch_supplier",
            "category:小家电",
            np.nan,
            2.0,
            5000.0,
        ),
        ("断供", 2.0, "fill_rate", "<", 0.85, "expedite", "supplier:S10", 0.5, 1.0, 20000.0),
        ("爆单", 1.0, "backlog", ">", 2000.0, "lift_capacity", "site:R1", 1.3, 1.0, 30000.0),
        ("爆单", 2.0, "backlog", ">", 6000.0, "pause_promotion", "channel:DY", np.nan, 0.0, 0.0),
        ("封路", 1.0, "lead_time_days", ">", 5.0, "reroute", "lane:R1>C3", np.nan, 0.0, 8000.0),
        ("缺货", 1.0, "p_stockout", ">", 0.1, "ration", "channel:TM", 0.8, 0.0, 0.0),
    ]
    columns = [
        "playbook_id", "step", "kpi", "op", "threshold", "action", "target", "value",
        "delay_days", "cost",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def groups(catalogue: Catalogue) -> pd.DataFrame:
    """Return the festival's heroes, and sites and suppliers that a typhoon would hit."""
    heroes = catalogue.products["product_id"].to_numpy()[catalogue.hero]
    rows = [("爆款", "product", product) for product in heroes]
    rows += [("城市仓", "site", site.code) for site in WAREHOUSES if site.parent]
    rows += [("珠三角", "supplier", code) for code in ("S05", "S08", "S11")]
    rows += [("江浙沪", "zone", code) for code in ("Z01", "Z09", "Z10", "Z11", "Z17")]
    return pd.DataFrame(rows, columns=["group_id", "kind", "member_id"])
