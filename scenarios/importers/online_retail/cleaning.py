"""Handles every known defect of the file, one rule after the other, and counts what each does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scenarios.importers.online_retail.cancellations import (
    BEFORE_DISPATCH_DAYS,
    EXTREME_UNITS,
    match_cancellations,
)
from scenarios.importers.online_retail.countries import COUNTRIES
from scenarios.importers.online_retail.report import Defect, Difference, Size

Mask = NDArray[np.bool_]

GOODS = r"^(?:\d{5}[A-Z]*|DCGS\w+)$"  # stock codes; DCGS: goods of the firm's own web shop
SERVICES = r"GIFT VOUCHER|NEXT DAY CARRIAGE|HIGH RESOLUTION IMAGE"  # under five-digit codes
AS_READ = ["invoice", "code", "name", "units", "at", "price", "customer", "country"]


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The lines that are sales, and what came back.

    Attributes
    ----------
    sales : invoice, code (upper case), units (above 0, less what was cancelled before dispatch),
        at, price, customer, country; in the order of the file
    returns : code, country, units, delay_days
    names : commonest description by code
    read, plain, kept, differences, defects : see ImportReport
    """

    sales: pd.DataFrame
    returns: pd.DataFrame
    names: pd.Series
    read: Size
    plain: Size
    kept: Size
    differences: tuple[Difference, ...]
    defects: tuple[Defect, ...]


def clean(lines: pd.DataFrame) -> Cleaned:
    """Clean the lines of the file.

    Parameters
    ----------
    lines : as `source.read_lines` returns them
    """
    read = size_of(lines)
    cancels = lines["invoice"].str.match(r"[Cc]\d").to_numpy(bool)
    bad_debt = lines["invoice"].str.match(r"[Aa]\d").to_numpy(bool)
    repeated = lines.duplicated(AS_READ).to_numpy()
    own_code = lines["code"]
    lines = lines.assign(
        code=own_code.str.upper(),
        country=lines["country"].fillna("Unspecified"),
        name=_one_blank(lines["name"]),
    )
    names = commonest_names(lines)
    services = set(names.index[names.str.contains(SERVICES, case=False)])
    goods = lines["code"].str.match(GOODS).to_numpy(bool) & ~lines["code"].isin(services).to_numpy()
    units = lines["units"].to_numpy()
    free = ~(lines["price"].to_numpy() > 0)
    adjusted = (units <= 0) & ~cancels & ~bad_debt

    steps: list[tuple[str, Mask, str]] = [
        ("exact_duplicates", repeated, "the first of equal lines stays"),
        ("bad_debt", bad_debt, "invoices that begin with A are bookkeeping; dropped"),
        (
            "not_goods",
            ~goods,
            "postage, fees, discounts, samples, vouchers and the like; dropped",
        ),
        ("stock_adjustments", adjusted, "negative quantities without a C invoice; dropped"),
        ("price_not_positive", free, "given away, found, written off; dropped"),
    ]
    left = np.ones(len(lines), bool)
    defects = []
    for code, shown, handling in steps:
        gone = left & shown
        defects.append(Defect(code, int(shown.sum()), int(gone.sum()), handling))
        left &= ~shown

    is_sale = left & ~cancels
    sales = lines[is_sale].reset_index(drop=True)
    matched = match_cancellations(sales, lines[left & cancels].reset_index(drop=True))
    remaining = sales["units"].to_numpy() - matched.undone
    kept = sales.assign(units=remaining)[remaining > 0].reset_index(drop=True)
    kept = kept[["invoice", "code", "units", "at", "price", "customer", "country"]]
    late, before = matched.returns, matched.before_file
    defects += [
        Defect(
            "cancellations",
            int(cancels.sum()),
            int((left & cancels).sum()),
            f"{matched.undone_lines:,} took back {int(matched.undone.sum()):,} units within"
            f" {BEFORE_DISPATCH_DAYS:g} day of the order: no demand; {int(late['units'].sum()):,}"
            f" units came back later: returns; {before[0]:,} ({before[1]:,} units) are of sales"
            " before the file begins: dropped",
        ),
        Defect(
            "cancelled_sales",
            int((matched.undone > 0).sum()),
            int((remaining == 0).sum()),
            "sales taken back before dispatch lose those units; sales of which nothing is left go",
        ),
        Defect(
            "extreme_pairs",
            matched.extreme_lines,
            0,
            f"orders of {EXTREME_UNITS:,} units and more, cancelled within the day"
            f" ({matched.extreme_units:,} units); gone as pairs by the two rules above",
        ),
        *_harmless(lines, own_code, kept),
    ]
    plain = is_plain(lines, cancels | bad_debt | repeated)
    differences = (
        _difference(
            "carriage, vouchers and pictures under five-digit codes", lines[plain & ~goods]
        ),
        _difference("goods of the web shop, codes DCGS", lines[is_sale & ~plain], sign=1),
        Difference(
            "cancelled within a day of the order",
            -int((remaining == 0).sum()),
            -int(matched.undone.sum()),
            round(-float((matched.undone * sales["price"].to_numpy()).sum()), 2),
        ),
    )
    return Cleaned(
        kept,
        matched.returns,
        names,
        read,
        size_of(lines[plain]),
        size_of(kept),
        differences,
        tuple(defects),
    )


def _difference(reason: str, lines: pd.DataFrame, sign: int = -1) -> Difference:
    size = size_of(lines)
    return Difference(reason, sign * size.lines, sign * size.units, sign * size.value)


def _harmless(lines: pd.DataFrame, own_code: pd.Series, kept: pd.DataFrame) -> list[Defect]:
    """Return the defects that cost no line."""
    nobody = lines["customer"].isna().to_numpy()
    nowhere = lines["country"].isin(["Unspecified", "European Community"]).to_numpy()
    strange = ~lines["country"].isin(list(COUNTRIES)).to_numpy()
    found = [
        Defect(
            "mixed_case_codes",
            int((own_code != lines["code"]).sum()),
            0,
            f"{own_code.nunique():,} codes become {lines['code'].nunique():,} in upper case",
        ),
        Defect(
            "missing_customer",
            int(nobody.sum()),
            0,
            f"kept with their country ({int(kept['customer'].isna().sum()):,} of the lines kept)",
        ),
        Defect(
            "missing_name",
            int(lines["name"].isna().sum()),
            0,
            "the commonest description of the code stands",
        ),
        Defect(
            "no_country",
            int(nowhere.sum()),
            0,
            "'Unspecified' and 'European Community' stay zones of their own, placed in the"
            " United Kingdom and in Brussels",
        ),
    ]
    if strange.any():
        names = ", ".join(sorted(set(lines["country"][strange])))
        found.append(
            Defect(
                "unknown_country", int(strange.sum()), 0, f"zones without a place on earth: {names}"
            )
        )
    return found


def is_plain(lines: pd.DataFrame, gone: Mask) -> Mask:
    """Say which lines the usual cleaning keeps (see ImportReport.plain)."""
    result: Mask = (
        ~gone
        & lines["code"].str.match(r"^\d{5}").to_numpy(bool)
        & (lines["units"] > 0).to_numpy()
        & (lines["price"] > 0).to_numpy()
    )
    return result


def _one_blank(names: pd.Series) -> pd.Series:
    """Return descriptions with one blank between words."""
    return names.map({name: " ".join(name.split()) for name in names.dropna().unique()})


def commonest_names(lines: pd.DataFrame) -> pd.Series:
    """Return the commonest description of each code among priced sales; the first of equals."""
    told = lines[lines["name"].notna() & (lines["price"] > 0) & (lines["units"] > 0)]
    counts = told.groupby(["code", "name"], sort=True).size().reset_index(name="lines")
    counts = counts.sort_values(["code", "lines", "name"], ascending=[True, False, True])
    return counts.drop_duplicates("code").set_index("code")["name"]


def size_of(lines: pd.DataFrame) -> Size:
    """Measure a set of lines."""
    return Size(
        len(lines),
        int(lines["invoice"].nunique()),
        int(lines["code"].nunique()),
        int(lines["units"].sum()),
        round(float((lines["units"] * lines["price"]).sum()), 2),
    )
