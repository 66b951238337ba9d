"""What the referee of positioning knows of regions: what each asks for while its site waits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.audit.returns import coming_back
from optimizer.audit.tonight import demand_over, site_forecast
from scenarios import Scenario
from scenarios.semantics.movable import Stock, read_stock
from scenarios.semantics.waiting import Waits, read_waits, stocked_products

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts by (product, site), and where ids stand."""

    products: pd.Index
    sites: pd.Index
    waits: Waits
    mean: Floats
    sd: Floats
    day_mean: Floats
    returned: Floats
    stock: Stock


def read_facts(
    scenario: Scenario,
    tables: Mapping[str, pd.DataFrame],
    sites: pd.DataFrame,
    until: dt.date | None,
) -> Facts:
    """Work out what every region asks for while its site waits."""
    products = stocked_products(scenario)["product_id"]
    waits = read_waits(scenario, sites, until)
    shape = waits.days.shape
    forecast = site_forecast(scenario, tables.get("forecast"))
    pairs = pd.DataFrame(
        {
            "site_id": np.tile(sites["site_id"].to_numpy(object), shape[0]),
            "product_id": np.repeat(products.to_numpy(object), shape[1]),
        }
    ).astype("str")

    def over(days: Floats) -> tuple[Floats, Floats]:
        mean, variance = demand_over(scenario, forecast, pairs, days.ravel())
        return mean.reshape(shape), variance.reshape(shape)

    def back(days: Floats) -> tuple[Floats, Floats]:
        mean, variance = coming_back(
            scenario, pairs, days.ravel(), lambda some, d: demand_over(scenario, forecast, some, d)
        )
        return mean.reshape(shape), variance.reshape(shape)

    returned, returned_variance = back(waits.days)
    mean, variance = over(waits.days)
    variance = variance + (mean / np.maximum(waits.days, 1e-12)) ** 2 * waits.variance
    is_fed = waits.root != np.arange(shape[1])
    if is_fed.any():
        root_days = np.take_along_axis(waits.days, waits.root, axis=1)
        now, now_variance = over(waits.days)
        then, then_variance = over(np.maximum(root_days, waits.days))
        come, come_variance = back(waits.days)
        late, late_variance = back(np.maximum(root_days, waits.days))
        for site in range(shape[1]):
            fed = is_fed & (waits.root == site)
            mean[:, site] += np.where(fed, then - now, 0.0).sum(axis=1)
            variance[:, site] += np.where(fed, then_variance - now_variance, 0.0).sum(axis=1)
            returned[:, site] += np.where(fed, late - come, 0.0).sum(axis=1)
            more = np.where(fed, late_variance - come_variance, 0.0).sum(axis=1)
            returned_variance[:, site] += more
    day_mean, _ = over(np.ones(shape))
    stock = read_stock(scenario, sites, waits.days, mean)
    sd = np.sqrt(np.maximum(variance, 0.0) + np.maximum(returned_variance, 0.0))
    names = pd.Index(products), pd.Index(sites["site_id"])
    return Facts(*names, waits, mean, sd, day_mean, returned, stock)
