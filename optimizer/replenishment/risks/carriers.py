"""Late parcels by carrier and day."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from optimizer.replenishment.alerting.rows import counted, percent
from optimizer.replenishment.facts import Facts
from optimizer.replenishment.risks.drift import LEAST_POINTS, watch
from optimizer.replenishment.risks.row import QUIET, RAISED, UNKNOWN, Risk, chance
from optimizer.replenishment.risks.seeds import stream

LATELY_DAYS = 10  # of deliveries


def carrier_indicators(facts: Facts) -> Iterator[Risk]:
    """Return how late the parcels of each carrier are; no table prices a late parcel: no money."""
    horizon = float(facts.scenario.settings.horizon_days)
    past = facts.scenario.filled("deliveries")
    past = past[past["promised_at"].notna() & past["delivered_at"].notna()]
    promised = past["promised_at"]
    midnight = promised == promised.dt.normalize()
    deadline = promised + pd.to_timedelta(midnight.astype(np.int64), unit="D")
    late = (past["delivered_at"] > deadline).astype(np.float64)
    day = past["delivered_at"].dt.normalize()
    by = late.groupby([past["carrier_id"].astype("str"), day]).agg(["mean", "sum", "size"])
    for name in facts.scenario.table("carriers")["carrier_id"].astype("str"):
        entity = f"carrier:{name}"
        known = name in by.index.get_level_values(0)
        mine = by.loc[name].sort_index() if known else by.iloc[:0]
        found = watch(mine["mean"].to_numpy(np.float64), stream(facts, entity)) if known else None
        event = f"the next parcel of {name} is late", f"{name} 的下一个包裹迟到"
        evidence = (
            f"deliveries: {counted(mine['size'].sum(), 'parcel')} of {entity}"
            f" on {counted(len(mine), 'day')}"
        )
        if found is None:
            yield Risk(
                "carrier_delay", entity, UNKNOWN, "share of late parcels by day", *event,
                f"There is a record of {counted(len(mine), 'day')}; {LEAST_POINTS} are needed.",
                f"记录仅 {len(mine)} 天的派送，至少需要 {LEAST_POINTS} 天。", evidence, horizon,
            )  # fmt: skip
            continue
        lately = mine.tail(LATELY_DAYS)
        hits, of = float(lately["sum"].sum()), float(lately["size"].sum())
        probability = chance(hits, of)
        yield Risk(
            "carrier_delay", entity, RAISED if found.raised else QUIET,
            "CUSUM of share of late parcels by day", *event,
            f"{hits:.0f} of {of:.0f} parcels on its last {len(lately)} days were late"
            f" (by day {percent(found.usual)} before, {percent(found.lately)} lately). No table"
            " prices a late parcel.",
            f"最近 {len(lately)} 天 {of:.0f} 个包裹中 {hits:.0f} 个迟到（日均以前"
            f" {percent(found.usual)}，近来 {percent(found.lately)}）。没有表给出迟到包裹的价格。",
            evidence, horizon, found.statistic, found.threshold, found.lately - found.usual,
            "share", mine.index[found.since].date() if found.raised else None, None, probability,
            None, {}, (entity,),
        )  # fmt: skip
