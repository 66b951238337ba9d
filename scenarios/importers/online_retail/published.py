"""The import report of the file as published; a test holds the import against it."""
# ruff: noqa: E501 - texts as the import words them

from __future__ import annotations

from scenarios.importers.online_retail.report import Defect, Difference, ImportReport, Size

PUBLISHED = ImportReport(
    read=Size(lines=541909, orders=25900, products=4070, units=5176450, value=9747747.93),
    plain=Size(lines=522504, orders=19773, products=3791, units=5561280, value=10246820.87),
    kept=Size(lines=521810, orders=19699, products=3794, units=5378457, value=9909965.18),
    differences=(
        Difference(
            reason="carriage, vouchers and pictures under five-digit codes",
            lines=-83,
            units=-84,
            value=-1310.33,
        ),
        Difference(reason="goods of the web shop, codes DCGS", lines=33, units=104, value=398.45),
        Difference(
            reason="cancelled within a day of the order",
            lines=-644,
            units=-182843,
            value=-335943.81,
        ),
    ),
    history=Size(lines=504599, orders=19193, products=3793, units=5214945, value=9595151.75),
    to_source=Size(lines=17211, orders=506, products=2284, units=163512, value=314813.43),
    defects=(
        Defect(
            code="exact_duplicates",
            seen=5268,
            removed=5268,
            handling="the first of equal lines stays",
        ),
        Defect(
            code="bad_debt",
            seen=3,
            removed=3,
            handling="invoices that begin with A are bookkeeping; dropped",
        ),
        Defect(
            code="not_goods",
            seen=3036,
            removed=3027,
            handling="postage, fees, discounts, samples, vouchers and the like; dropped",
        ),
        Defect(
            code="stock_adjustments",
            seen=1336,
            removed=1336,
            handling="negative quantities without a C invoice; dropped",
        ),
        Defect(
            code="price_not_positive",
            seen=2517,
            removed=1154,
            handling="given away, found, written off; dropped",
        ),
        Defect(
            code="cancellations",
            seen=9288,
            removed=8667,
            handling="826 took back 182,843 units within 1 day of the order: no demand; 68,426 units came back later: returns; 1,108 (18,747 units) are of sales before the file begins: dropped",
        ),
        Defect(
            code="cancelled_sales",
            seen=827,
            removed=644,
            handling="sales taken back before dispatch lose those units; sales of which nothing is left go",
        ),
        Defect(
            code="extreme_pairs",
            seen=4,
            removed=0,
            handling="orders of 10,000 units and more, cancelled within the day (155,210 units); gone as pairs by the two rules above",
        ),
        Defect(
            code="mixed_case_codes",
            seen=1977,
            removed=0,
            handling="4,070 codes become 3,958 in upper case",
        ),
        Defect(
            code="missing_customer",
            seen=135080,
            removed=0,
            handling="kept with their country (131,386 of the lines kept)",
        ),
        Defect(
            code="missing_name",
            seen=1454,
            removed=0,
            handling="the commonest description of the code stands",
        ),
        Defect(
            code="no_country",
            seen=507,
            removed=0,
            handling="'Unspecified' and 'European Community' stay zones of their own, placed in the United Kingdom and in Brussels",
        ),
        Defect(
            code="closed_days",
            seen=0,
            removed=0,
            handling="69 days without a sale, 53 of them Saturdays, and those at Christmas: closed in the calendar, before and after the start",
        ),
        Defect(
            code="unfinished_last_week",
            seen=17211,
            removed=0,
            handling="from 2011-12-05 on: not history but the orders to ship",
        ),
        Defect(
            code="unfinished_first_week",
            seen=9746,
            removed=0,
            handling="before 2010-12-06: left out of the history by week",
        ),
    ),
    first_day="2010-12-01",
    last_day="2011-12-09",
    start_date="2011-12-05",
)
