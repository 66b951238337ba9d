"""Who may have which stock: all, one channel until its release, or one channel at its own site."""

from __future__ import annotations

import numpy as np
import pandas as pd

from scenarios import Scenario
from scenarios.semantics.movable import release_days

KEY = ["site_id", "product_id"]
WHOLE = 1e-9  # units that rounding down forgives


def site_owners(scenario: Scenario) -> dict[str, str]:
    """Return the channel of each site that serves one channel alone."""
    sites = scenario.table("sites")
    sites = sites[sites["channel_id"].notna()]
    return dict(zip(sites["site_id"], sites["channel_id"], strict=True))


def channel_stock(scenario: Scenario) -> pd.DataFrame:
    """Return free units at every site by who may have them.

    Free: on hand less reserved and quarantined, not expired. Of rows without a channel, less
    `keep_units`, each channel keeps its `stock_share_pct` in whole units rounded down (shares above
    100 % in sum are cut down to that in proportion); the rest is for all, and so is what is
    released by the start. A site with a channel of its own keeps all it has for it; rows of other
    channels serve nobody there.

    Returns
    -------
    frame : site_id, product_id, channel_id ("" for all), free; each triple once, sorted
    """
    stock = scenario.filled("inventory")
    stock = stock[~(stock["expires_on"] <= pd.Timestamp(scenario.settings.start_date))]
    free = stock["on_hand"] - stock["reserved"] - stock["quarantined"]
    channel = stock["channel_id"].fillna("").to_numpy(object)
    rows = stock[KEY].assign(channel_id=channel, free=free.to_numpy(np.float64))
    rows = rows.groupby([*KEY, "channel_id"], as_index=False)["free"].sum()
    rows = _less_what_stays(scenario, rows.assign(free=rows["free"].clip(lower=0.0)))
    owners = site_owners(scenario)
    rows = _keep_shares(scenario, rows, owners)
    if owners:
        owner = rows["site_id"].map(owners).astype("str").fillna("")
        mine = (owner == "") | (rows["channel_id"] == "") | (rows["channel_id"] == owner)
        rows = rows.assign(channel_id=rows["channel_id"].where(owner == "", owner))[mine]
    return rows.groupby([*KEY, "channel_id"], as_index=False)["free"].sum()


def _less_what_stays(scenario: Scenario, rows: pd.DataFrame) -> pd.DataFrame:
    """Take `keep_units` off what is there without a channel."""
    keep = scenario.filled("inventory_policies").set_index(KEY)["keep_units"]
    keep = keep[keep > 0.0]
    if not len(keep):
        return rows
    stays = keep.reindex(pd.MultiIndex.from_frame(rows[KEY])).fillna(0.0).to_numpy(np.float64)
    stays = np.where((rows["channel_id"] == "").to_numpy(), stays, 0.0)
    return rows.assign(free=np.maximum(0.0, rows["free"].to_numpy(np.float64) - stays))


def _keep_shares(scenario: Scenario, rows: pd.DataFrame, owners: dict[str, str]) -> pd.DataFrame:
    """Set channels' shares apart, and give to all what is released by the start."""
    released = release_days(scenario)
    open_to_all = {name for name, day in released.items() if day <= 0.0}
    channels = scenario.table("channels")
    kept = channels[channels["stock_share_pct"] > 0.0]
    kept = kept[~kept["channel_id"].isin(open_to_all)]
    scale = max(100.0, float(kept["stock_share_pct"].sum()))
    of_all = (rows["channel_id"] == "") & ~rows["site_id"].isin(owners)
    units = rows.loc[of_all, "free"].to_numpy(np.float64)
    parts, left = [rows[~of_all]], units.copy()
    for channel, share in zip(kept["channel_id"], kept["stock_share_pct"], strict=True):
        part = np.floor(units * float(share) / scale + WHOLE)
        left -= part
        parts.append(rows[of_all].assign(channel_id=channel, free=part)[part > 0.0])
    frame = pd.concat([*parts, rows[of_all].assign(free=np.maximum(0.0, left))], ignore_index=True)
    everyone = frame["channel_id"].isin(open_to_all) & ~frame["site_id"].isin(owners)
    return frame.assign(channel_id=frame["channel_id"].where(~everyone, ""))
