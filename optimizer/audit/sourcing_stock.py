"""Referee of order sourcing: who may have the stock of a site, and whether it is enough."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optimizer.audit.report import Rules
from scenarios import Scenario
from scenarios.semantics.drop_ship import drop_ship_offers
from scenarios.semantics.zones import explode_bundles

UNITS = 1e-6  # units; quantities must agree to it


def check_stock(
    rules: Rules, scenario: Scenario, orders: pd.DataFrame, content: pd.DataFrame
) -> None:
    """No more leaves a site than lies there free; ring-fenced stock serves its channel only.

    Lines of a channel may take its own stock and the shared stock, so every set of channels
    must fit into what they may use together: each channel's excess over its own stock, added
    up, fits into the shared stock.
    """
    key = ["site_id", "product_id"]
    stock = scenario.filled("inventory")
    stock = stock[~(stock["expires_on"] <= pd.Timestamp(scenario.settings.start_date))]
    free = stock["on_hand"] - stock["reserved"] - stock["quarantined"]
    stock = stock[key].assign(channel=stock["channel_id"].fillna(""), qty=free.astype(float))
    held = stock.groupby([*key, "channel"], sort=False)["qty"].sum().clip(lower=0.0)
    channel = orders.set_index("order_id")["channel_id"]
    held = _for_channels(scenario, _less_what_stays(scenario, held))
    offers = drop_ship_offers(scenario)
    index = pd.MultiIndex.from_frame(
        offers[["supplier_id", "product_id"]].assign(channel="").set_axis(held.index.names, axis=1)
    )
    offered = pd.Series(offers["units"].to_numpy(np.float64), index=index)
    held = pd.concat([held, offered]) if len(offered) else held
    taken = content[["order_id", *key, "qty"]]
    taken = taken.assign(channel=channel.reindex(taken["order_id"]).fillna("").to_numpy(object))
    taken = explode_bundles(scenario, taken[[*key, "channel", "qty"]])
    used = taken.groupby([*key, "channel"], sort=False)["qty"].sum()
    both = pd.concat([used.rename("used"), held.rename("held")], axis=1).fillna(0.0)
    own = both.index.get_level_values("channel") != ""
    excess = (both["used"] - both["held"].where(own, 0.0)).clip(lower=0.0)
    shared = both["held"].where(~own, 0.0)
    sites_products = [both.index.get_level_values(level) for level in key]
    need = excess.groupby(sites_products, sort=False).sum()
    room = shared.groupby(sites_products, sort=False).sum()
    names = ["/".join(map(str, pair)) for pair in need.index]
    rules.add("shipment_lines", "above_stock", need > room + UNITS, names)


def _less_what_stays(scenario: Scenario, held: pd.Series) -> pd.Series:
    """Take keep_units of each site and product off its shared stock."""
    keep = scenario.table("inventory_policies").set_index(["site_id", "product_id"])["keep_units"]
    keep = keep[keep > 0.0].astype(float)
    keep.index = pd.MultiIndex.from_frame(keep.index.to_frame(index=False).assign(channel=""))
    stays = keep.reindex(held.index).fillna(0.0)
    result: pd.Series = (held - stays).clip(lower=0.0)
    return result


def _for_channels(scenario: Scenario, held: pd.Series) -> pd.Series:
    """Say who may have what is held: index site_id, product_id, channel ("" for all).

    At a site with a channel its rows and those without a channel are that channel's, others
    nobody's. Elsewhere each channel that is not released by the start keeps its share of the rows
    without a channel, in whole units; rows of released channels are for all.
    """
    home = scenario.table("sites").set_index("site_id")["channel_id"].dropna()
    channels = scenario.table("channels").set_index("channel_id")
    hours = channels["release_hours_before"].astype(float)
    opened = set(channels.index[hours >= 24.0 * scenario.settings.bucket_days])
    pct = channels["stock_share_pct"].astype(float).fillna(0.0)
    pct = pct[~pct.index.isin(opened)]
    pct = pct * min(1.0, 100.0 / max(float(pct.sum()), 1.0))
    if not len(home) and not opened and not pct.any():
        return held
    pieces: dict[tuple[str, str, str], float] = {}

    def put(site: str, product: str, channel: str, units: float) -> None:
        key = (site, product, channel)
        pieces[key] = pieces.get(key, 0.0) + units

    for (site, product, channel), units in held.items():
        if site in home.index:
            if channel in ("", home[site]):
                put(site, product, str(home[site]), units)
        elif channel:
            put(site, product, "" if channel in opened else channel, units)
        else:
            kept = 0.0
            for name, share in pct.items():
                part = float(np.floor(share * units / 100.0 + 1e-9))
                put(site, product, str(name), part)
                kept += part
            put(site, product, "", units - kept)
    result = pd.Series(pieces, dtype=float)
    result.index = result.index.set_names(held.index.names)
    return result
