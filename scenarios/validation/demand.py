"""Rules on demand: quantiles, futures, promotions, channels."""

from __future__ import annotations

import numpy as np
import pandas as pd

from scenarios.validation.facts import Facts
from scenarios.validation.notice import error, warning

SUM_TOLERANCE = 1e-6
PERCENT_TOLERANCE = 0.01
QTY_TOLERANCE = 1e-9
SERIES = ("product_id", "location_id", "bucket", "channel_id", "demand_case")

QUANTILES_CROSS = error(
    "quantiles_cross",
    "A higher quantile of a forecast is below a lower one.",
    "the {below} quantile is {qty}, which is more: a higher quantile is never below a lower one",
)
MEAN_MISSING = warning(
    "mean_missing",
    "A forecast has quantiles and no mean.",
    "add a row with a blank quantile for the mean",
)
CASE_PROBABILITIES = error(
    "case_probabilities",
    "The probabilities of the demand cases do not add up to 1.",
    "they add up to {total}: change them by {difference} in all",
)
CASES_IGNORED = warning(
    "cases_ignored",
    "Forecasts with and without a demand case stand side by side.",
    "{count} rows of demand cases are not used, because {plain} rows have none: give every row a"
    " case, or none",
)
ZONE_SHARES = warning(
    "zone_shares",
    "The shares of a zone's sites do not add up to 100 %.",
    "the shares of zone {zone} add up to {total} %: they are scaled to 100 %",
)
NOTHING_LEFT = warning(
    "nothing_left",
    "The named shares leave nothing for blank ones.",
    "the named shares of {owner} add up to {total} %, so this row gets nothing: write its share",
)
SOURCE_SHARES = warning(
    "source_shares",
    "The shares of a site's sources do not add up to 100 %.",
    "the shares of {owner} add up to {total} %: correct them",
)
CHANNEL_SHARES = warning(
    "channel_shares",
    "Channels are promised more stock than there is.",
    "the stock shares of all channels add up to {total} %: lower them to 100 % or less",
)
CLOSED_SITE_SERVES = warning(
    "closed_site_serves",
    "A zone is served by a site that is not open.",
    "site {site} is {status}: name an open site",
)
PROMOTIONS_OVERLAP = warning(
    "promotions_overlap",
    "Two promotions of the same goods hold on the same days.",
    "promotion {other} (row {row}) runs until {until}: end one before the other begins",
)
PROMOTION_WITHOUT_GOODS = error(
    "promotion_without_goods",
    "A promotion names neither product nor category.",
    "write product_id or category",
)


def check_quantiles(facts: Facts) -> None:
    """Quantiles of a forecast rise with their probability, and a mean stands beside them."""
    rows = facts.table("forecasts")
    if not facts.given("forecasts", "quantile"):
        return
    quantile = rows["quantile"].to_numpy(np.float64)
    qty = rows["qty"].to_numpy(np.float64)
    series = facts.key_codes("forecasts", SERIES)
    at = np.flatnonzero(~np.isnan(quantile) & ~np.isnan(qty))
    at = at[np.lexsort((quantile[at], series[at]))]
    same = series[at][1:] == series[at][:-1]
    crossing = np.flatnonzero(same & (qty[at][1:] < qty[at][:-1] - QTY_TOLERANCE))
    if len(crossing):
        order = np.argsort(at[crossing + 1], kind="stable")
        high, low = at[crossing + 1][order], at[crossing][order]
        terms = {"below": quantile[low], "qty": qty[low]}
        facts.note(QUANTILES_CROSS, "forecasts", "qty", high, **terms)
    has_mean = np.isin(series, series[np.isnan(quantile)])
    bare = ~has_mean & ~pd.Series(series).duplicated().to_numpy()
    if bare.any():
        facts.note(MEAN_MISSING, "forecasts", "quantile", bare)


def check_cases(facts: Facts) -> None:
    """Demand cases are the whole of the future: their probabilities add up to 1."""
    cases = facts.table("demand_cases")
    total = float(cases["probability"].sum())
    if len(cases) and abs(total - 1.0) > SUM_TOLERANCE:
        difference = 1.0 - total
        facts.note(
            CASE_PROBABILITIES, "demand_cases", "probability", total=total, difference=difference
        )
    if facts.given("forecasts", "demand_case"):
        named = facts.table("forecasts")["demand_case"].notna()
        if not named.all():
            terms = {"count": int(named.sum()), "plain": int((~named).sum())}
            facts.note(CASES_IGNORED, "forecasts", "demand_case", **terms)


def check_shares(facts: Facts) -> None:
    """Shares of zones' sites, sites' sources and channels' stock add up."""
    for table, owner, notice in (
        ("zone_sites", ["zone_id", "channel_id"], ZONE_SHARES),
        ("item_sources", ["site_id", "product_id"], SOURCE_SHARES),
    ):
        if not facts.given(table, "share_pct"):
            continue
        rows = facts.table(table)
        groups = rows["share_pct"].groupby([rows[name].fillna("") for name in owner])
        total = groups.transform("sum")
        whole = groups.transform("count") == groups.transform("size")
        first = ~rows.duplicated(owner)
        wrong = whole & first & ((total - 100.0).abs() > PERCENT_TOLERANCE)
        inner = rows[owner[1]].to_numpy(dtype=object)
        told = rows[owner[0]] + [f" and {name}" if isinstance(name, str) else "" for name in inner]
        for kind, mask in (
            (notice, wrong),
            (NOTHING_LEFT, rows["share_pct"].isna() & (total >= 100.0 - PERCENT_TOLERANCE)),
        ):
            if mask.any():
                terms = {"owner": told.array[mask], "zone": told.array[mask]}
                facts.note(
                    kind, table, "share_pct", mask.to_numpy(), total=total[mask].array, **terms
                )
    total = float(facts.table("channels")["stock_share_pct"].sum())
    if total > 100.0 + PERCENT_TOLERANCE:
        facts.note(CHANNEL_SHARES, "channels", "stock_share_pct", total=total)


def check_serving_sites(facts: Facts) -> None:
    """Sites that serve zones are open."""
    rows = facts.table("zone_sites")
    status = facts.attribute("sites", "site_id", "status").reindex(rows["site_id"])
    closed = (status.notna() & (status != "open")).to_numpy()
    if closed.any():
        terms = {"site": rows["site_id"].array[closed], "status": status.array[closed]}
        facts.note(CLOSED_SITE_SERVES, "zone_sites", "site_id", closed, **terms)


def check_promotions(facts: Facts) -> None:
    """Promotions name their goods, and no two of the same goods hold on the same days."""
    rows = facts.table("promotions")
    if not len(rows):
        return
    aimless = (rows["product_id"].isna() & rows["category"].isna()).to_numpy()
    if aimless.any():
        facts.note(PROMOTION_WITHOUT_GOODS, "promotions", "product_id", aimless)
    usable = ~aimless & (rows["start"] <= rows["end"]).to_numpy()
    category = facts.attribute("products", "product_id", "category").reindex(rows["product_id"])
    rows = rows.assign(of=category.array, at=np.arange(len(rows)))[usable]
    rows = rows.sort_values(["start", "at"], kind="stable")
    found = _overlaps(rows)
    if found:
        found.sort()
        other = np.array([pair[1] for pair in found])
        frame = facts.table("promotions")
        facts.note(
            PROMOTIONS_OVERLAP,
            "promotions",
            "start",
            np.array([pair[0] for pair in found]),
            other=frame["promotion_id"].array[other],
            row=facts.rows("promotions", other),
            until=frame["end"].array[other],
        )


def _overlaps(rows: pd.DataFrame) -> list[tuple[int, int]]:
    """Return (later, earlier) positions of promotions that meet, one pair for each later one.

    Of all earlier promotions of some goods, place and channel only the one that ends last is
    kept, under every way in which a later one may ask for it; "*" asks for any.
    """
    latest: dict[tuple[str, str, str, str], tuple[pd.Timestamp, int]] = {}
    pairs = []
    text = rows[["product_id", "category", "of", "location_id", "channel_id"]].astype("object")
    cells = text.where(text.notna(), "").to_numpy()
    for cell, begin, end, at in zip(
        cells, rows["start"], rows["end"], rows["at"].to_numpy(), strict=True
    ):
        product, category, of, location, channel = cell
        goods = (
            [("product", product), ("category", of)]
            if product
            else [("category", category), ("within", category)]
        )
        asked = [
            (*good, place, way)
            for good in goods
            for place in ([location, ""] if location else ["*"])
            for way in ([channel, ""] if channel else ["*"])
        ]
        met = [latest[key] for key in asked if key in latest and latest[key][0] >= begin]
        if met:
            pairs.append((int(at), max(met)[1]))
        told = [("product", product), ("within", of)] if product else [("category", category)]
        for good in told:
            for place in (location, "*"):
                for way in (channel, "*"):
                    key = (*good, place, way)
                    if key not in latest or latest[key][0] < end:
                        latest[key] = (end, int(at))
    return pairs


RULES = (check_quantiles, check_cases, check_shares, check_serving_sites, check_promotions)
