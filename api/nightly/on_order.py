"""What published plans have ordered counts as on order until the import shows it.

A plan's line is placed on its order day, if the plan was in force on that day: on or after its own
first day, before the first day of any plan that was published later. Until the import has it, a
placed line is added to tonight's `open_orders`, so that no night orders again what an earlier one
did. The import has an order

- by reference: a row of `open_orders` or `receipts` has the order's id, as exports for ERPNext and
  CSV write it, its external id, or its id and site, as exports for Odoo do. Then all lines of the
  order are the import's business, those that it does not list as well: they came or were cancelled;
- by content, for systems with numbers of their own: a purchase row from the same supplier of the
  same product to the same site, of exactly as many units, ordered on the order day or later. A row
  stands for one line at most.

What the import has shown once is never added again. A line that no import shows counts for some
days after its order day, but not beyond its due day; then it is told as a finding.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from optimizer.plan import records
from optimizer.purchase_forms import external_id
from scenarios import Findings, Scenario, Severity

USUAL_DAYS: Final = 14  # that a line counts after its order day while no import shows it
TOLD_DAYS: Final = 7  # that it is told for after it has ceased to count
MOST_LISTED: Final = 50
TABLE: Final = "open_orders"
_LINE: Final = ("order_id", "line", "supplier_id", "product_id", "site_id", "ordered_on", "due_on",
                "qty", "value", "plan")  # fmt: skip
_PLACES: Final = (("supplier_id", "suppliers"), ("product_id", "products"), ("site_id", "sites"))


@dataclass(frozen=True, slots=True)
class Published:
    """A plan that was published.

    Attributes
    ----------
    name : night or id of the plan
    start : its first day
    lines : rows of `purchase_orders` that are to be ordered
    """

    name: str
    start: dt.date
    lines: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Word:
    """A supplier's word about a line that a planner has applied.

    Attributes
    ----------
    ordered_qty, ordered_due_on : how the line stood when it was given
    """

    order_id: str
    line: str
    qty: float
    due_on: dt.date
    ordered_qty: float | None = None
    ordered_due_on: dt.date | None = None


@dataclass(frozen=True, slots=True)
class OnOrder:
    """Tonight's facts with what is on order.

    Attributes
    ----------
    scenario : as given where nothing is added or changed
    known : keys `order_id/line` of placed lines that some import has shown
    document : what the report tells, as plain values
    deltas : what makes `scenario` of the one given
    findings : about lines that count, that have ceased to, and that fit nothing
    """

    scenario: Scenario
    known: frozenset[str]
    document: dict[str, Any]
    deltas: list[dict[str, Any]]
    findings: Findings


def with_orders(
    scenario: Scenario,
    published: Sequence[Published],
    *,
    days: int = USUAL_DAYS,
    known: Collection[str] = (),
    words: Sequence[Word] = (),
) -> OnOrder:
    """Add to tonight's open orders what published plans have placed and no import has shown.

    Parameters
    ----------
    published : plans in the order in which they were published
    days : that a line counts after its order day; 0: nothing is added
    known : lines that imports of earlier nights have shown
    words : applied confirmations, oldest first; the last about a line holds, as long as the import
        has the line as it stood when the word was given, or not at all
    """
    today = pd.Timestamp(scenario.settings.start_date)
    lines = placed(published, scenario.settings.start_date, days)
    keys = _keys(lines)
    have = scenario.table(TABLE)
    seen = set(known) | shown(lines, have, scenario.table("receipts"), words)
    last = {(word.order_id, word.line): word for word in words}
    lines = _as_said(lines, last)
    there = set(zip(have["order_id"], have["line"], strict=True))
    is_known = keys.isin(seen)
    is_there = pd.Series([pair in there for pair in _pairs(lines)], index=lines.index, dtype=bool)
    open_ = ~is_known & ~is_there & (lines["qty"] > 0.0)
    past = (lines["ordered_on"] < today - pd.Timedelta(days=days)) | (lines["due_on"] < today)
    fits = pd.Series(True, index=lines.index)
    for column, table in _PLACES:
        fits &= lines[column].isin(scenario.table(table)[column])
    counted = lines[open_ & ~past & fits]
    have, changed, gone = _confirmed(have, last)
    findings = Findings()
    aged, strange = lines[open_ & past], lines[open_ & ~past & ~fits]
    _tell(findings, counted, aged, strange, days, scenario.settings.currency)
    document = {
        "days": days,
        "lines": len(counted),
        "orders": int(counted["order_id"].nunique()),
        "value": float(counted["value"].sum()),
        "in_import": int((is_known | is_there).sum()),
        "aged_out": len(aged),
        "unknown": len(strange),
        "confirmed": len(changed) + len(gone),
        "first": records(counted.head(MOST_LISTED)),
    }
    made, deltas, more = scenario, _deltas(pd.concat([changed, _rows(counted)]), gone), len(counted)
    if deltas:
        rows = pd.concat([have, _rows(counted)], ignore_index=True) if more else have
        tables = {name: scenario.table(name) for name in scenario.tables}
        made = Scenario(scenario.settings, {**tables, TABLE: rows}, scenario.findings)
    return OnOrder(made, frozenset(keys[is_known]), document, deltas, findings)


def read_findings(told: Mapping[str, Any]) -> Findings:
    """Return findings that were kept as plain values, each with its `count`."""
    findings = Findings()
    for row in told["findings"]:
        findings.add(
            row["code"],
            Severity(row["severity"]),
            row["hint"],
            table=row["table"],
            column=row["column"],
            value=row["value"],
            count=row["count"],
        )
    return findings


def placed(published: Sequence[Published], today: dt.date, days: int) -> pd.DataFrame:
    """Return the lines whose order day came while their plan was in force, oldest first.

    Lines that have ceased to be told of are left out.

    Returns
    -------
    lines : columns order_id, line (text), supplier_id, product_id, site_id, ordered_on, due_on,
        qty, value (money), plan
    """
    parts = []
    first = pd.Timestamp(today) - pd.Timedelta(days=days + TOLD_DAYS)
    for place, plan in enumerate(published):
        until = min([today, *(later.start for later in published[place + 1 :])])
        lines = plan.lines
        day = lines["order_on"]
        from_ = max(pd.Timestamp(plan.start), first)
        held = lines[(day >= from_) & (day < pd.Timestamp(until)) & (lines["qty"] > 0.0)]
        parts.append(held.assign(plan=plan.name))
    parts = [part for part in parts if len(part)] if days > 0 else []
    if not parts:
        empty = dict.fromkeys(_LINE, pd.Series(dtype=object))
        moments = {name: pd.Series(dtype="datetime64[ms]") for name in ("ordered_on", "due_on")}
        figures = {name: pd.Series(dtype=np.float64) for name in ("qty", "value")}
        return pd.DataFrame({**empty, **moments, **figures})
    whole = pd.concat(parts, ignore_index=True)
    whole = whole.assign(line=whole["line"].astype("int64").astype(str))
    whole = whole.rename(columns={"order_on": "ordered_on", "cost": "value"})[list(_LINE)]
    whole = whole.drop_duplicates(["order_id", "line"], keep="last")
    return whole.sort_values("ordered_on", kind="stable", ignore_index=True)


def shown(
    lines: pd.DataFrame, open_orders: pd.DataFrame, receipts: pd.DataFrame, words: Iterable[Word]
) -> set[str]:
    """Return the keys of placed lines that an import has, by reference or by content.

    Rows that an applied confirmation wrote are ours and show nothing.

    Parameters
    ----------
    lines : as `placed` returns them
    open_orders, receipts : tables of the import
    """
    if lines.empty:
        return set()
    ours = {(w.order_id, w.line, w.qty, w.due_on) for w in words}
    bought = open_orders[open_orders["kind"] == "purchase"]
    told = zip(
        bought["order_id"], bought["line"], bought["qty"], bought["due_on"].dt.date, strict=True
    )
    bought = bought[[row not in ours for row in told]]
    keys = _keys(lines)
    references = set(bought["order_id"]) | set(receipts["order_id"])
    by_reference = (
        lines["order_id"].isin(references)
        | lines["order_id"].map(external_id).isin(references)
        | (lines["order_id"] + " " + lines["site_id"]).isin(references)
    )
    left = lines[~by_reference]
    own = _references(lines)
    return set(keys[by_reference]) | _by_content(left, bought[~bought["order_id"].isin(own)])


def _by_content(lines: pd.DataFrame, bought: pd.DataFrame) -> set[str]:
    """Give each line the first row of its content that nothing before it has taken."""
    names = ["source_id", "product_id", "site_id", "qty"]
    days: dict[tuple[Any, ...], list[pd.Timestamp]] = {}
    for row in bought.sort_values("ordered_on", kind="stable")[[*names, "ordered_on"]].itertuples(
        index=False, name=None
    ):
        days.setdefault(row[:-1], []).append(row[-1])
    found = set()
    columns = ["supplier_id", "product_id", "site_id", "qty", "ordered_on"]
    told = zip(_keys(lines), lines[columns].itertuples(index=False, name=None), strict=True)
    for key, row in told:
        free = days.get(row[:-1], [])
        place = next((at for at, day in enumerate(free) if day >= row[-1]), None)
        if place is not None:
            free.pop(place)
            found.add(key)
    return found


def _references(lines: pd.DataFrame) -> set[str]:
    ids = lines["order_id"]
    return {*ids, *ids.map(external_id), *(ids + " " + lines["site_id"])}


def _keys(lines: pd.DataFrame) -> pd.Series:
    return lines["order_id"] + "/" + lines["line"]


def _pairs(lines: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(lines["order_id"], lines["line"], strict=True))


def _as_said(lines: pd.DataFrame, last: dict[tuple[str, str], Word]) -> pd.DataFrame:
    """Return placed lines with confirmed quantities and days."""
    found = [last.get(pair) for pair in _pairs(lines)]
    if not any(found):
        return lines
    qty = np.array([q if w is None else w.qty for q, w in zip(lines["qty"], found, strict=True)])
    due = [d if w is None else pd.Timestamp(w.due_on)
           for d, w in zip(lines["due_on"], found, strict=True)]  # fmt: skip
    share = qty / lines["qty"].to_numpy(np.float64)
    return lines.assign(qty=qty, due_on=due, value=lines["value"] * share)


def _confirmed(
    have: pd.DataFrame, last: dict[tuple[str, str], Word]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return open orders with words that the import has not caught up with.

    Returns
    -------
    rows : of `open_orders`, as they are confirmed
    changed, gone : rows that are otherwise now, and rows of which nothing comes
    """
    qty, due = have["qty"].tolist(), have["due_on"].tolist()
    is_changed = np.zeros(len(have), dtype=bool)
    for at, pair in enumerate(_pairs(have)):
        word = last.get(pair)
        if word is None or word.ordered_due_on is None:
            continue
        as_it_stood = (qty[at], due[at].date()) == (word.ordered_qty, word.ordered_due_on)
        if as_it_stood and (word.qty, word.due_on) != (word.ordered_qty, word.ordered_due_on):
            qty[at], due[at] = word.qty, pd.Timestamp(word.due_on)
            is_changed[at] = True
    if not is_changed.any():
        return have, have[is_changed], have[is_changed]
    made = have.assign(qty=qty, due_on=pd.Series(due, index=have.index, dtype="datetime64[ms]"))
    comes = made["qty"] > 0.0
    return made[comes | ~is_changed], made[is_changed & comes], made[is_changed & ~comes]


def _deltas(rows: pd.DataFrame, gone: pd.DataFrame) -> list[dict[str, Any]]:
    deltas: list[dict[str, Any]] = []
    if len(rows):
        told = rows.assign(
            ordered_on=rows["ordered_on"].dt.strftime("%Y-%m-%d"),
            due_on=rows["due_on"].dt.strftime("%Y-%m-%d"),
        )
        deltas.append({"table": TABLE, "op": "upsert", "value": records(told)})
    if len(gone):
        keys = records(gone[["order_id", "line"]])
        deltas.append({"table": TABLE, "op": "delete", "value": keys})
    return deltas


def _rows(lines: pd.DataFrame) -> pd.DataFrame:
    """Return lines as rows of `open_orders`."""
    return pd.DataFrame(
        {
            "order_id": lines["order_id"],
            "line": lines["line"],
            "kind": "purchase",
            "source_id": lines["supplier_id"],
            "site_id": lines["site_id"],
            "product_id": lines["product_id"],
            "qty": lines["qty"].astype(np.float64),
            "ordered_on": lines["ordered_on"],
            "due_on": lines["due_on"],
        }
    )


def _tell(
    findings: Findings, counted: pd.DataFrame, aged: pd.DataFrame, strange: pd.DataFrame,
    days: int, currency: str,
) -> None:  # fmt: skip
    if len(counted):
        orders, value = counted["order_id"].nunique(), counted["value"].sum()
        findings.add(
            "ordered_not_in_import",
            Severity.INFO,
            f"{len(counted)} lines of {orders} orders of published plans, worth {value:,.2f}"
            f" {currency}, are not in the import yet and count as on order",
            table=TABLE,
            count=len(counted),
        )
    for line in aged.itertuples():
        findings.add(
            "ordered_never_shown",
            Severity.WARNING,
            f"plan {line.plan} ordered {line.qty:g} of {line.product_id} from {line.supplier_id}"
            f" for {line.site_id} on {line.ordered_on:%Y-%m-%d}, due {line.due_on:%Y-%m-%d}; no"
            f" import has shown it within {days} days or by its due day, and it does not count as"
            " on order any more: see whether it was placed or has come",
            table=TABLE,
            column="order_id",
            value=f"{line.order_id}/{line.line}",
        )
    for key in _keys(strange):
        findings.add(
            "ordered_of_unknown",
            Severity.WARNING,
            "its supplier, product or site is not in tonight's data; it does not count as on order",
            table=TABLE,
            column="order_id",
            value=key,
        )
