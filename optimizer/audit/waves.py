"""Referee of waves: hours are not overfull, parcels leave as they are said to, money adds up."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.audit.report import MONEY, REL_EXACT, AuditReport, Rules
from scenarios import Scenario
from scenarios.semantics.defaults import unserved_penalty
from scenarios.semantics.work_hours import DAY_S, WorkHours, clock_s, work_hours

Floats = NDArray[np.float64]

STAGE = "waves"
WORK = 1e-3  # units or parcels; work of a stretch of hours must fit to it
HOUR = pd.Timedelta(hours=1)
QUARTER_S = 900
SEVEN = 7  # days after which a parcel is called not leaving
PLACES = ("shipment_id", "wave_id", "pick_from", "picked_by", "load_from", "loaded_by")
MISSES = ("shipment_id", "cutoff_at", "leaves_at", "days_late", "cost", "code", "proof")
WAVES = ("wave_id", "site_id", "carrier_id", "release_at", "cutoff_at", "parcels", "units")


def check(scenario: Scenario, tables: Mapping[str, pd.DataFrame]) -> AuditReport:
    """Hold waves, the times of parcels and the missed cut-offs against the scenario."""
    rules = Rules(STAGE)
    shipments = tables["shipments"]
    shipments = shipments[shipments["site_id"].isin(set(scenario.table("sites")["site_id"]))]
    parcels = _facts(scenario, shipments, tables["shipment_lines"])
    placed = _table(tables, "wave_parcels", PLACES)
    missed = _table(tables, "missed_cutoffs", MISSES)
    waves = _table(tables, "waves", WAVES)
    for name, table, key in (
        ("wave_parcels", placed, "shipment_id"),
        ("missed_cutoffs", missed, "shipment_id"),
        ("waves", waves, "wave_id"),
    ):
        rules.add(name, "stated_twice", table[key].duplicated(), table[key])
        known = table[key] if key == "wave_id" else parcels.index
        strange = ~table[key].isin(set(known))
        rules.add(name, "no_such_parcel", strange, table[key])
    rows = placed.drop_duplicates("shipment_id").merge(
        waves.drop_duplicates("wave_id"), on="wave_id", how="left", suffixes=("", "_wave")
    )
    rules.add("wave_parcels", "no_such_wave", rows["cutoff_at"].isna(), rows["shipment_id"])
    rows = rows[rows["cutoff_at"].notna() & rows["shipment_id"].isin(parcels.index)]
    rows = rows.merge(parcels, left_on="shipment_id", right_index=True, suffixes=("_wave", ""))
    _check_waves(rules, waves, rows)
    _check_times(rules, rows)
    start = pd.Timestamp(scenario.settings.start_date)
    days = int((parcels["due"].max() - start).days) + SEVEN + 2
    hours = {
        str(site): work_hours(scenario, str(site), start, days)
        for site in parcels["site_id"].unique()
    }
    for site, part in rows.groupby("site_id"):
        for limit, begin, end, load in (
            ("pick_units", "pick_from", "picked_by", part["units_parcel"]),
            ("dock_parcels", "load_from", "loaded_by", pd.Series(1.0, part.index)),
        ):
            _check_hours(rules, hours[str(site)], str(site), limit, part, begin, end, load, start)
    late = _check_departures(rules, hours, parcels, rows, missed, start)
    _check_proofs(rules, hours, parcels, missed, start)
    return AuditReport(STAGE, late, {"late": late}, tuple(rules.found))


def _table(tables: Mapping[str, pd.DataFrame], name: str, columns: tuple[str, ...]) -> pd.DataFrame:
    table = tables.get(name, pd.DataFrame())
    return table if len(table) else pd.DataFrame(columns=list(columns))


def _facts(scenario: Scenario, parcels: pd.DataFrame, packed: pd.DataFrame) -> pd.DataFrame:
    """Return per parcel: site, carrier, units, release, cut-off and its day, money a day late."""
    start = pd.Timestamp(scenario.settings.start_date)
    orders = scenario.filled("orders").set_index("order_id")
    of_order = orders.reindex(parcels["order_id"]).reset_index()
    worth = packed["qty"].astype(float) * unserved_penalty(scenario).reindex(
        packed["product_id"]
    ).to_numpy(np.float64)
    content = pd.DataFrame({"units": packed["qty"].astype(float), "worth": worth})
    content = content.groupby(packed["shipment_id"]).sum().reindex(parcels["shipment_id"])
    day_money = 24.0 * of_order["late_cost_per_h"].to_numpy(np.float64)
    usual = content["worth"].to_numpy() * 5.0 / of_order["priority"].to_numpy(np.float64)
    released = np.fmax(
        of_order["placed_at"].fillna(start), of_order["release_at"].fillna(start)
    ).clip(lower=start)
    clock = _clocks(scenario, parcels, of_order["zone_id"])
    shift = _shifts(scenario, parcels)
    ship_on = pd.to_datetime(parcels["ship_on"]).reset_index(drop=True)
    promised = pd.to_datetime(parcels["promised_on"]).reset_index(drop=True)
    by_van = np.isnan(clock) & ~np.isnan(shift)
    day = promised.where(by_van, ship_on)
    second = np.where(by_van, shift, np.where(np.isnan(clock), float(DAY_S), clock))
    return pd.DataFrame(
        {
            "site_id": parcels["site_id"].astype("str").to_numpy(object),
            "carrier_id": parcels["carrier_id"].astype("str").to_numpy(object),
            "units_parcel": content["units"].to_numpy(),
            "released": released.to_numpy(),
            "day": day.to_numpy(),
            "due": (day + pd.to_timedelta(second, unit="s")).to_numpy(),
            "a_day": np.where(np.isnan(day_money), usual, day_money),
        },
        index=pd.Index(parcels["shipment_id"].to_numpy(object)),
    )


def _clocks(scenario: Scenario, parcels: pd.DataFrame, zone: pd.Series) -> Floats:
    """Return the cut-off of the rate that prices each parcel, seconds of the day; NaN for none."""
    rates: dict[tuple[str, str, str, str], list[tuple[float, float]]] = {}
    for row in scenario.table("carrier_rates").itertuples():
        second = float(clock_s(row.cutoff_time, -1))
        rates.setdefault((row.carrier_id, row.service, row.origin, row.destination), []).append(
            (float(row.max_weight_kg), np.nan if second < 0.0 else second)
        )
    result = np.full(len(parcels), np.nan)
    for at, row in enumerate(zip(
        parcels["carrier_id"], parcels["service"], parcels["site_id"], zone, parcels["weight_kg"],
        strict=True,
    )):  # fmt: skip
        fits = [rate for rate in rates.get(row[:4], ()) if row[4] <= rate[0] + 1e-9]
        if fits:
            result[at] = min(fits, key=lambda rate: rate[0])[1]
    return result


def _shifts(scenario: Scenario, parcels: pd.DataFrame) -> Floats:
    """Return when the first van of the parcel's carrier starts at its site; NaN for none."""
    vans, carriers = scenario.table("vehicles"), scenario.table("carriers")
    own = set(carriers.loc[carriers["kind"] == "own", "carrier_id"])
    start = vans["shift_start"].map(lambda cell: float(clock_s(cell, 0)))
    result = np.full(len(parcels), np.nan)
    for pair, members in (
        parcels.reset_index(drop=True).groupby(["site_id", "carrier_id"]).indices.items()
    ):
        site, carrier = pair
        theirs = vans["carrier_id"] == carrier
        if carrier in own:
            theirs |= vans["carrier_id"].isna()
        found = start[theirs & (vans["depot_id"] == site)]
        if len(found):
            result[members] = found.min()
    return result


def _check_waves(rules: Rules, waves: pd.DataFrame, rows: pd.DataFrame) -> None:
    """A wave is of one site, carrier, departure and moment, and counts what is in it."""
    names = rows["shipment_id"]
    other = (rows["site_id_wave"] != rows["site_id"]) | (
        rows["carrier_id_wave"] != rows["carrier_id"]
    )
    rules.add("wave_parcels", "wave_of_another_site_or_carrier", other, names)
    rules.add("wave_parcels", "not_with_its_wave", rows["pick_from"] != rows["release_at"], names)
    inside = rows.groupby("wave_id")["units_parcel"].agg(["size", "sum"]).reindex(waves["wave_id"])
    differs = (inside["size"].fillna(0).to_numpy() != waves["parcels"].to_numpy(np.float64)) | ~(
        np.abs(inside["sum"].fillna(0.0).to_numpy() - waves["units"].to_numpy(np.float64)) <= WORK
    )
    rules.add("waves", "counts_differ", differs, waves["wave_id"])


def _check_times(rules: Rules, rows: pd.DataFrame) -> None:
    """A parcel is released, picked, loaded, and only then leaves."""
    names = rows["shipment_id"]
    rules.add("wave_parcels", "picked_before_release", rows["pick_from"] < rows["released"], names)
    backwards = (rows["pick_from"] >= rows["picked_by"]) | (rows["load_from"] >= rows["loaded_by"])
    rules.add("wave_parcels", "ends_before_it_begins", backwards, names)
    early = (rows["loaded_by"] < rows["picked_by"]) | (rows["load_from"] < rows["picked_by"] - HOUR)
    rules.add("wave_parcels", "loaded_before_it_is_picked", early, names)
    late = rows["loaded_by"] > rows["cutoff_at"]
    rules.add("wave_parcels", "loaded_after_its_departure", late, names)


def _check_hours(
    rules: Rules,
    hours: WorkHours,
    site: str,
    limit: str,
    rows: pd.DataFrame,
    begin: str,
    end: str,
    load: pd.Series,
    start: pd.Timestamp,
) -> None:
    """What must happen within a stretch of hours fits into it, whatever the stretch.

    That is enough for it to be done (Hall 1935): work may be interrupted.
    """
    first, last = (
        ((rows[name] - start) / pd.Timedelta(seconds=1)).to_numpy(np.float64)
        for name in (begin, end)
    )
    begins, at = np.unique(first, return_inverse=True)
    ends, to = np.unique(last, return_inverse=True)
    cells = np.zeros((len(begins), len(ends)))
    np.add.at(cells, (at, to), load.to_numpy(np.float64))
    inside = np.cumsum(np.cumsum(cells[::-1], axis=0)[::-1], axis=1)
    there = _held(hours, limit, ends)[None, :] - _held(hours, limit, begins)[:, None]
    endless = _held(hours, limit, ends, True)[None, :] > _held(hours, limit, begins, True)[:, None]
    over = (inside > there + WORK) & (inside > WORK) & ~endless
    names = [f"{site} from {start + pd.Timedelta(seconds=float(s))}" for s in begins]
    rules.add("wave_parcels", f"above_{limit}", over.any(axis=1), names)


def _held(hours: WorkHours, limit: str, moments: Floats, endless: bool = False) -> Floats:
    """Return what the hours before given seconds hold; or how long those without limit last."""
    capacity: Floats = getattr(hours, limit)
    span = (hours.end_s - hours.begin_s).astype(np.float64)
    amount = (
        np.where(np.isinf(capacity), span, 0.0)
        if endless
        else np.where(np.isinf(capacity), 0.0, capacity)
    )
    if not len(span):
        return np.zeros(len(moments))
    edges = np.column_stack([hours.begin_s, hours.end_s]).ravel().astype(np.float64)
    after = np.cumsum(amount)
    levels = np.column_stack([after - amount, after]).ravel()
    result: Floats = np.interp(moments, edges, levels)
    return result


def _check_departures(
    rules: Rules,
    hours: dict[str, WorkHours],
    parcels: pd.DataFrame,
    rows: pd.DataFrame,
    missed: pd.DataFrame,
    start: pd.Timestamp,
) -> float:
    """A parcel leaves at its own cut-off or is told to miss it; return the money of lateness."""
    later = (rows["cutoff_at"] - rows["due"]) / pd.Timedelta(days=1)
    day = (rows["day"] - start).dt.days + np.ceil(later).fillna(0).astype(int)
    open_then = [
        0 <= at < len(hours[site].open_days) and bool(hours[site].open_days[at])
        for site, at in zip(rows["site_id"], day, strict=True)
    ]
    wrong = (later < 0) | (later != np.round(later)) | ~np.array(open_then, bool)
    rules.add("wave_parcels", "no_such_departure", wrong, rows["shipment_id"])
    days = pd.Series(float(SEVEN), parcels.index)
    days.loc[rows["shipment_id"]] = later.to_numpy(np.float64)
    told = pd.Index(missed["shipment_id"])
    late = days > 0.0
    rules.add("missed_cutoffs", "not_told", late & ~parcels.index.isin(told), parcels.index)
    missed = missed[missed["shipment_id"].isin(parcels.index)].drop_duplicates("shipment_id")
    facts = parcels.loc[missed["shipment_id"]]
    of_missed = days.loc[missed["shipment_id"]].to_numpy()
    names = missed["shipment_id"]
    rules.add("missed_cutoffs", "is_in_time", of_missed <= 0.0, names)
    rules.add(
        "missed_cutoffs",
        "cutoff_differs",
        missed["cutoff_at"].to_numpy() != facts["due"].to_numpy(),
        names,
    )
    wrong_days = ~(np.abs(missed["days_late"].to_numpy(np.float64) - of_missed) <= 1e-9)
    rules.add("missed_cutoffs", "days_differ", wrong_days, names)
    leaves = missed[["shipment_id"]].merge(rows[["shipment_id", "cutoff_at"]], how="left")[
        "cutoff_at"
    ]
    stated = pd.to_datetime(missed["leaves_at"]).reset_index(drop=True)
    moves = (leaves != stated) & ~(leaves.isna() & stated.isna())
    rules.add("missed_cutoffs", "leaves_differs", moves, names)
    money = of_missed * facts["a_day"].to_numpy(np.float64)
    stated_money = missed["cost"].to_numpy(np.float64)
    wrong_money = ~(np.abs(stated_money - money) <= MONEY + REL_EXACT * np.abs(money))
    rules.add("missed_cutoffs", "cost_differs", wrong_money, names)
    return float((days.clip(lower=0.0) * parcels["a_day"]).sum())


def _check_proofs(
    rules: Rules,
    hours: dict[str, WorkHours],
    parcels: pd.DataFrame,
    missed: pd.DataFrame,
    start: pd.Timestamp,
) -> None:
    """A parcel called proven could not be picked and then loaded in time if it were alone."""
    proven = missed[(missed["proof"] == "proven") & missed["shipment_id"].isin(parcels.index)]
    could = []
    for name in proven["shipment_id"]:
        fact = parcels.loc[name]
        site = hours[fact["site_id"]]
        day = (fact["day"] - start).days
        released = (fact["released"] - start).total_seconds()
        released = np.ceil(released / QUARTER_S) * QUARTER_S
        due = (fact["due"] - start).total_seconds()
        could.append(
            bool(site.open_days[day])
            and _alone(site, float(released), float(due), float(fact["units_parcel"]))
        )
    rules.add("missed_cutoffs", "proven_but_could_make_it", could, proven["shipment_id"])


def _alone(hours: WorkHours, released: float, due: float, units: float) -> bool:
    """Say whether one parcel is picked and then loaded between two seconds, hour by hour."""
    left = [units, 1.0]
    stage, now = 0, released
    for begin, end, pick, dock in zip(
        hours.begin_s, hours.end_s, hours.pick_units, hours.dock_parcels, strict=True
    ):
        now = max(now, float(begin))
        while stage < 2 and now < min(float(end), due):
            speed = (pick, dock)[stage] / float(end - begin)
            if speed <= 0.0:
                break
            takes = left[stage] / speed
            if now + takes <= min(float(end), due):
                now, stage = now + takes, stage + 1
            else:
                left[stage] -= (min(float(end), due) - now) * speed
                now = min(float(end), due)
        if stage == 2:
            return True
        if float(end) >= due:
            return False
        now = max(now, float(end))
    return False
