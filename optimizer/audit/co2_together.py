"""What all stages emit together under a limit that each of them keeps by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from optimizer.stage import Kpi
from scenarios import Scenario

ROUNDING = 1e-6  # relative; sums of grams that should be equal
ANEW = ("rolling", "buyer")  # every bucket that they plan is held to a limit anew

Emission = tuple[pd.Series, pd.Series]  # days and grams


def together(
    scenario: Scenario, tables: Mapping[str, pd.DataFrame], stages: Sequence[str]
) -> tuple[tuple[Kpi, ...], tuple[str, ...]]:
    """Return, of every hard limit of scope `all`, what it allows and what all stages emit.

    A limit with a bucket counts what is done in it, one without all that the stages plan. What a
    stage counts is what its limit counts; a parcel that a van drives, or that a carrier takes over
    from the vans, counts in routing alone.

    Parameters
    ----------
    tables : of the whole plan
    stages : that have planned

    Returns
    -------
    kpis : co2_limit and co2_all_stages [g CO2e], the limit's id as variant; none where fewer than
        two stages emit under it
    notes : one of each limit that they pass together
    """
    limits = scenario.table("limits")
    limits = limits[(limits["kind"] == "co2") & (limits["sense"] == "<=")]
    limits = limits[limits["hard"].fillna(True).astype(bool) & (limits["scope"] == "all")]
    if not len(limits):
        return (), ()
    start = pd.Timestamp(scenario.settings.start_date)
    length = pd.Timedelta(days=scenario.settings.bucket_days)
    emitted = {
        stage: EMISSIONS[stage](scenario, tables, start) for stage in EMISSIONS if stage in stages
    }
    kpis, notes = [], []
    for limit in limits.sort_values("limit_id").itertuples():
        used = {}
        for stage, (days, grams) in emitted.items():
            counts = pd.Series(True, index=days.index)
            if pd.notna(limit.bucket):
                counts = (days >= limit.bucket) & (days < limit.bucket + length)
            used[stage] = float(grams[counts].sum())
        used = {stage: grams for stage, grams in used.items() if grams > 0.0}
        if len(used) < 2:
            continue
        name, most, total = str(limit.limit_id), float(limit.value), sum(used.values())
        kpis += [
            Kpi("co2_limit", most, "g CO2e", name),
            Kpi("co2_all_stages", total, "g CO2e", name),
        ]
        if total > most * (1.0 + ROUNDING) + ROUNDING:
            parts = ", ".join(f"{stage} {grams:,.0f}" for stage, grams in used.items())
            notes.append(
                f"Limit {name} on CO2e allows {most:,.0f} g to each stage by itself; all stages"
                f" together emit {total:,.0f} g: {parts}."
            )
            if pd.isna(limit.bucket) and set(used) & set(ANEW):
                notes.append(
                    f"Limit {name} on CO2e holds anew in every bucket that rolling or the buyer"
                    " plans; the sum is over all of them."
                )
    return tuple(kpis), tuple(notes)


def _rows(tables: Mapping[str, pd.DataFrame], name: str) -> pd.DataFrame:
    frame = tables.get(name)
    return pd.DataFrame() if frame is None else frame


def _of(frame: pd.DataFrame, day: str) -> Emission:
    """Return days and grams of rows; unknown grams count nothing."""
    if not len(frame):
        return pd.Series(dtype="datetime64[ns]"), pd.Series(dtype=float)
    return pd.to_datetime(frame[day]), frame["g_co2e"].astype(float).fillna(0.0)


def _network(_: Scenario, tables: Mapping[str, pd.DataFrame], __: pd.Timestamp) -> Emission:
    """Return the design's grams over the horizon; they belong to no bucket."""
    kpis = _rows(tables, "kpis")
    if len(kpis):
        kpis = kpis[(kpis["kpi"] == "CO2e") & (kpis["variant"] == "redesign")]
    grams = float(kpis["value"].sum()) if len(kpis) else 0.0
    return pd.Series([pd.NaT]), pd.Series([grams])


def _positioning(_: Scenario, tables: Mapping[str, pd.DataFrame], __: pd.Timestamp) -> Emission:
    moves = _rows(tables, "transfers")
    if len(moves):
        moves = moves[moves["transfer_id"].str.startswith("TP-")]
    return _of(moves, "ship_on")


def _orders(tonight: bool, own: bool) -> Callable[..., Emission]:
    """Return what reads purchases: of tonight or of later nights, or the buyer's own."""

    def read(_: Scenario, tables: Mapping[str, pd.DataFrame], start: pd.Timestamp) -> Emission:
        lines = _rows(tables, "purchase_orders")
        if len(lines):
            of_buyer = lines["order_id"].str.startswith("BP-")
            night = (lines["order_on"] == start) == tonight
            lines = lines[of_buyer if own else ~of_buyer & night]
        return _of(lines, "order_on")

    return read


def _sourcing(
    scenario: Scenario, tables: Mapping[str, pd.DataFrame], start: pd.Timestamp
) -> Emission:
    """Return parcels by the day on which they are ready, but those that routing counts."""
    parcels = _rows(tables, "shipments")
    if not len(parcels):
        return _of(parcels, "ready")
    for name in ("stops", "handed_over"):
        driven = _rows(tables, name)
        if len(driven):
            parcels = parcels[~parcels["shipment_id"].isin(set(driven["shipment_id"].dropna()))]
    released = scenario.table("orders").set_index("order_id")["release_at"]
    ready = released.reindex(parcels["order_id"]).dt.normalize().fillna(start).clip(lower=start)
    return _of(parcels.assign(ready=ready.to_numpy()), "ready")


def _routing(_: Scenario, tables: Mapping[str, pd.DataFrame], __: pd.Timestamp) -> Emission:
    """Return routes by the day on which they start, and what carriers take over."""
    parts = [_of(_rows(tables, "routes"), "start"), _of(_rows(tables, "handed_over"), "ship_on")]
    days, grams = (pd.concat([part[at] for part in parts], ignore_index=True) for at in (0, 1))
    return days, grams


EMISSIONS: Mapping[str, Callable[..., Emission]] = {
    "network": _network,
    "positioning": _positioning,
    "replenishment": _orders(tonight=True, own=False),
    "rolling": _orders(tonight=False, own=False),
    "buyer": _orders(tonight=False, own=True),
    "sourcing": _sourcing,
    "routing": _routing,
}
