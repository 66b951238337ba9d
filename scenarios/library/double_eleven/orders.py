"""Yesterday evening's orders, to be shipped on the first day, and the carriers' past."""

from __future__ import annotations

import numpy as np
import pandas as pd

from scenarios.library.double_eleven.catalogue import Catalogue
from scenarios.library.double_eleven.demand import Demand
from scenarios.library.double_eleven.festivals import START
from scenarios.library.double_eleven.network import CROWD, OWN, THIRD_PARTY, zones
from scenarios.library.double_eleven.places import CITIES
from scenarios.library.double_eleven.streams import bell, between, gamma_days, pick, stream
from scenarios.library.double_eleven.wares import CATEGORIES

N_ORDERS = 1200
TODAY = np.datetime64(START)
VAN_CITIES = ("Z01", "Z02")
WINDOWS = ((9, 13), (12, 16), (15, 19), (17, 20))


def build_orders(
    seed: int, catalogue: Catalogue, demand: Demand
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return orders, their lines, and second windows for some of those that vans bring."""
    rng = stream(seed, "orders")
    weight = np.array([c.millions * (2.2 if c.code in VAN_CITIES else 1.0) for c in CITIES])
    city_at = pick(rng, weight, N_ORDERS)
    promise = zones()["promise_days"].to_numpy()
    placed = np.datetime64("2026-10-11T07:00") + np.sort(rng.integers(0, 1000, N_ORDERS)).astype(
        "timedelta64[m]"
    )
    rows = []
    for number in range(N_ORDERS):
        city = CITIES[int(city_at[number])]
        windowed = city.code in VAN_CITIES and rng.random() < 0.72
        row: dict[str, object] = {
            "order_id": f"DD{number + 1:05d}",
            "kind": "delivery",
            "status": "held" if rng.random() < 0.01 else "accepted",
            "zone_id": city.code,
            "placed_at": placed[number],
            "channel_id": ("ZY", "TM", "DY")[int(pick(rng, np.array([0.25, 0.5, 0.25]), 1)[0])],
            "priority": 3.0 if windowed else 5.0,
            "allow_split": bool(rng.random() < 0.8),
            "due_to": TODAY + np.timedelta64(int(promise[city_at[number]]), "D"),
        }
        if rng.random() < 0.03:  # asked for earlier than the standard promise
            row["due_to"] = TODAY + np.timedelta64(1, "D")
        if windowed:
            row |= _doorstep(rng, city.lat, city.lon)
        rows.append(row)
    orders = pd.DataFrame(rows)
    for column in ("placed_at", "due_from", "due_to"):
        orders[column] = orders[column].astype("datetime64[ms]")
    lines = _lines(seed, orders, catalogue, demand)
    return orders, lines, _windows(rng, orders)


def _doorstep(rng: np.random.Generator, lat: float, lon: float) -> dict[str, object]:
    """Return a place around the centre of the city, and the window that the customer chose."""
    north, east = bell(rng, (2,))
    first, last = WINDOWS[int(rng.integers(0, len(WINDOWS)))]
    return {
        "lat": round(lat + 0.055 * float(north), 5),
        "lon": round(lon + 0.065 * float(east), 5),
        "due_from": TODAY + np.timedelta64(first, "h"),
        "due_to": TODAY + np.timedelta64(last, "h"),
        "service_s": float(60 * rng.integers(2, 6)),
        "skills": "冷链" if rng.random() < 0.06 else None,
    }


def _lines(seed: int, orders: pd.DataFrame, catalogue: Catalogue, demand: Demand) -> pd.DataFrame:
    """Return one to four products an order; same-day orders choose from the city's assortment."""
    rng = stream(seed, "order_lines")
    facts = catalogue.products
    ids = facts["product_id"].to_numpy()
    on_sale = ~(
        (facts["introduced_on"] > pd.Timestamp(START))
        | (facts["discontinued_on"] <= pd.Timestamp(START))
    ).to_numpy()
    months = np.array([category.months[9] for category in CATEGORIES])
    pull = np.where(on_sale, catalogue.weekly * months[catalogue.category_at], 0.0)
    near = np.where(demand.in_city, pull, 0.0)
    light = facts["unit_price"].to_numpy() < 60
    rows = []
    for order_id, same_day in zip(orders["order_id"], orders["due_from"].notna(), strict=True):
        wanted = 1 + int(pick(rng, np.array([0.55, 0.27, 0.13, 0.05]), 1)[0])
        weight = near if same_day and rng.random() < 0.97 else pull
        chosen = list(dict.fromkeys(int(place) for place in pick(rng, weight, wanted)))
        for line, at in enumerate(chosen, start=1):
            qty = 1 + int(pick(rng, np.array([0.72, 0.18, 0.06, 0.03, 0.01]), 1)[0])
            if rng.random() < 0.004:
                qty = 20 + int(rng.integers(0, 30))  # a company orders
            elif not light[at]:
                qty = min(qty, 2)
            rows.append((order_id, str(line), ids[at], float(qty)))
    return pd.DataFrame(rows, columns=["order_id", "line_id", "product_id", "qty"])


def _windows(rng: np.random.Generator, orders: pd.DataFrame) -> pd.DataFrame:
    """Return the chosen window and a later one for every eighth order with a window."""
    chosen = orders[orders["due_from"].notna()]
    chosen = chosen[(rng.random(len(chosen)) < 0.125) & (chosen["due_to"].dt.hour < 17)]
    late = pd.Timestamp(START)
    rows = []
    for row in chosen.itertuples():
        rows.append((row.order_id, row.due_from, row.due_to))
        rows.append((row.order_id, late + pd.Timedelta(hours=17), late + pd.Timedelta(hours=20)))
    return pd.DataFrame(rows, columns=["order_id", "from", "to"])


def deliveries(seed: int, count: int = 1500) -> pd.DataFrame:
    """Return two months of parcels: by carrier, on time or late, a few lost or broken."""
    rng = stream(seed, "deliveries")
    carrier = np.array([OWN, THIRD_PARTY, CROWD])[pick(rng, np.array([0.2, 0.7, 0.1]), count)]
    minutes = np.sort(rng.integers(0, 56 * 24 * 60, count))
    placed = np.datetime64("2026-08-10T00:00") + minutes.astype("timedelta64[m]")
    handed = placed + rng.integers(60, 1200, count).astype("timedelta64[m]")
    hours = np.where(carrier == THIRD_PARTY, 60.0, 10.0)
    promised = handed + np.round(hours * 1.35).astype("timedelta64[h]")
    taken = np.maximum(gamma_days(rng, hours, np.full(count, 0.25)), 1.0)
    arrived = handed + taken.astype("timedelta64[h]")
    luck = rng.random(count)
    wrong = np.array(["地址有误", "客户不在", "天气延误", "丢件"])[rng.integers(0, 4, count)]
    lost = (luck < 0.03) & (wrong == "丢件")
    frame = pd.DataFrame(
        {
            "shipment_id": [f"YD{number + 1:06d}" for number in range(count)],
            "order_id": [f"LS{number + 1:06d}" for number in range(count)],
            "carrier_id": carrier,
            "placed_at": placed.astype("datetime64[ms]"),
            "handed_over_at": handed.astype("datetime64[ms]"),
            "promised_at": promised.astype("datetime64[ms]"),
            "delivered_at": np.where(lost, np.datetime64("NaT"), arrived).astype("datetime64[ms]"),
            "exception": pd.Series(wrong).where(luck < 0.03),
            "damaged": between(rng, 0.0, 1.0, count) < 0.006,
        }
    )
    return frame[frame["promised_at"] < pd.Timestamp(START)].reset_index(drop=True)
