"""What each kind of gate measures; nervousness has a module of its own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from math import isnan
from typing import Final

import pandas as pd

from optimizer.gates.evidence import Evidence
from optimizer.gates.measured import Measured, missing
from optimizer.gates.nervousness import measure
from optimizer.gates.spec import Gate

BOOKS: Final = {"supplier_id": "supplier_scores", "site_id": "policies"}  # they list them all


def measured(gate: Gate, evidence: Evidence) -> Measured:
    """Return what a gate measures of a plan; without a value where it cannot be."""
    found = _MEASURES[gate.kind](gate, evidence)
    if found.value is not None and isnan(found.value):
        return missing(f"{found.en}: the value is not a number", f"{found.zh}：数值无效")
    return found


def _kpi(gate: Gate, evidence: Evidence) -> Measured:
    kpi = str(gate.asks["kpi"])
    variant, scope = str(gate.asks.get("variant", "")), str(gate.asks.get("scope", "all"))
    rows = evidence.today.plan.table("kpis")
    own = rows[rows["kpi"] == kpi]
    found = own[(own["variant"].fillna("") == variant) & (own["scope"] == scope)]
    said = " ".join(part for part in (kpi, variant, "" if scope == "all" else scope) if part)
    if len(found):
        unit = str(found["unit"].iloc[0])
        return Measured(float(found["value"].iloc[0]), unit, said, said)
    if len(own):
        there = sorted({f"{r.variant if pd.notna(r.variant) else ''} {r.scope}".strip()
                        for r in own.itertuples()})[:5]  # fmt: skip
        hint = f"it is there for {', '.join(there)}"
    else:
        near = get_close_matches(kpi, sorted(set(rows["kpi"])), n=3) or sorted(set(rows["kpi"]))[:3]
        hint = f"near to it are {', '.join(near)}" if near else "it has no key figures"
    return missing(f"the plan has no KPI {said}; {hint}", f"计划没有指标 {said}")


def _rows(gate: Gate, evidence: Evidence) -> Measured:
    name, where = str(gate.asks["table"]), gate.asks.get("where", {})
    if name not in evidence.today.plan.tables:
        return missing(f"the plan has no table {name}", f"计划没有表 {name}")
    rows = evidence.today.plan.table(name)
    for column, value in where.items():
        cells = rows[column]
        if pd.api.types.is_datetime64_any_dtype(cells):
            rows = rows[cells == pd.Timestamp(value)]
        else:
            rows = rows[cells.astype(object) == value]
    told = ", ".join(f"{column} = {value}" for column, value in where.items())
    said = f"{name} where {told}" if told else name
    zh = f"{name}（{told}）" if told else name
    column = gate.asks.get("sum")
    if column is None:
        return Measured(float(len(rows)), "rows", f"rows of {said}", f"{zh} 的行数")
    cells = pd.to_numeric(rows[column])
    if cells.isna().any():
        blank = int(cells.isna().sum())
        return missing(f"{column} of {said} is blank in {blank:,} rows", f"{zh} 的 {column} 有空值")
    return Measured(float(cells.sum()), "", f"sum of {column} of {said}", f"{zh} 的 {column} 合计")


def _budget(gate: Gate, evidence: Evidence) -> Measured:
    today = evidence.today
    if "purchase_orders" not in today.plan.tables:
        return missing("the plan has no purchase orders", "计划没有采购订单")
    lines = today.plan.table("purchase_orders")
    said, zh = "purchases", "采购金额"
    for key, listed in BOOKS.items():
        if key in gate.asks:
            name = gate.asks[key]
            known = set(lines[key]) | set(today.plan.table(listed)[key])
            if name not in known:
                return missing(f"the plan knows no {key} {name}", f"计划没有 {key} {name}")
            lines = lines[lines[key] == name]
            said, zh = f"{said} of {key} {name}", f"{key} {name} 的{zh}"
    if "days" in gate.asks:
        last = today.start + dt.timedelta(days=int(gate.asks["days"]))
        lines = lines[pd.to_datetime(lines["order_on"]) < pd.Timestamp(last)]
        said, zh = f"{said} ordered before {last}", f"{last} 之前的{zh}"
    blank = int(lines["cost"].isna().sum())
    if blank:
        return missing(f"{blank:,} purchase lines have no cost", f"{blank:,} 行采购没有金额")
    return Measured(float(lines["cost"].sum()), "money", said, zh)


def _nervousness(gate: Gate, evidence: Evidence) -> Measured:
    days = gate.asks.get("days")
    return measure(str(gate.asks["measure"]), evidence.today, evidence.yesterday, days)


def _stress(gate: Gate, evidence: Evidence) -> Measured:
    """Return the worst of all cases that a gate is about."""
    rows = evidence.today.plan.table("stress_results")
    for key in ("suite", "case"):
        if key in gate.asks:
            rows = rows[rows[key] == gate.asks[key]]
    said = " ".join(f"{key} {gate.asks[key]}" for key in ("suite", "case") if key in gate.asks)
    named = {"suite": "测试集", "case": "情景"}
    zh = "、".join(f"{word} {gate.asks[key]} " for key, word in named.items() if key in gate.asks)
    zh = zh or "压力测试"
    said = said or "the stress test"
    if not len(rows):
        return missing(f"the plan has no results of {said}", f"计划没有{zh}的结果")
    if "kpi" not in gate.asks:
        return _own_gates(rows, said, zh)
    kpi, scope = str(gate.asks["kpi"]), str(gate.asks.get("scope", "all"))
    rows = rows[(rows["kpi"] == kpi) & (rows["scope"] == scope)]
    if not len(rows):
        return missing(f"{said} measured no {kpi} of {scope}", f"{zh}没有 {kpi}（{scope}）")
    sure = gate.asks.get("by") == "sure"
    worst: tuple[float, str, float] | None = None
    for row in rows.itertuples(index=False):
        excesses = []
        if gate.low is not None:
            end = float(row.low if sure else row.disrupted)
            excesses.append((gate.low - end, str(row.case), end))
        if gate.high is not None:
            end = float(row.high if sure else row.disrupted)
            excesses.append((end - gate.high, str(row.case), end))
        if any(isnan(end) for _, _, end in excesses):
            return missing(
                f"{kpi} of {said} has no {'interval' if sure else 'value'} in case {row.case}",
                f"{zh}情景 {row.case} 的 {kpi} 没有{'置信区间' if sure else '数值'}",
            )
        worst = max(excesses if worst is None else [worst, *excesses])
    assert worst is not None
    _, case, value = worst
    by = ", worse end of the interval" if sure else ""
    return Measured(
        value,
        "",
        f"{kpi} of {said}, worst in case {case}{by}",
        f"{zh}的 {kpi}，最差情景 {case}{'，置信区间较差一端' if sure else ''}",
    )


def _own_gates(rows: pd.DataFrame, said: str, zh: str) -> Measured:
    judged = rows[rows["passed"].notna()]
    if not len(judged):
        return missing(f"{said} has no gates of its own", f"{zh}没有自己的门槛")
    broken = judged[~judged["passed"].astype(bool)]
    named = ", ".join(f"{r.case}: {r.kpi} {r.gate}" for r in broken.head(3).itertuples())
    return Measured(
        float(len(broken)),
        "gates",
        f"gates of {said} that fail, of {len(judged):,}" + (f" ({named})" if named else ""),
        f"{zh}共 {len(judged):,} 个门槛，未通过数" + (f"（{named}）" if named else ""),
    )


def _audit(_gate: Gate, evidence: Evidence) -> Measured:
    certificates = evidence.today.plan.table("certificates")
    if not len(certificates):
        return missing("the plan has no certificates", "计划没有证书")
    found = [
        f"stage {row.stage}: {row.status}"
        for row in certificates.itertuples(index=False)
        if row.status not in ("optimal", "feasible")
    ]
    found += [
        f"stage {row.stage} was not audited"
        for row in certificates.itertuples(index=False)
        if not bool(row.audited) and row.status in ("optimal", "feasible")
    ]
    found += evidence.violations or ()
    named = "; ".join(found[:3])
    return Measured(
        float(len(found)),
        "violations",
        "violations found by the referee" + (f" ({named})" if named else ""),
        "审计发现的问题" + (f"（{named}）" if named else ""),
    )


def _findings(gate: Gate, evidence: Evidence) -> Measured:
    if evidence.findings is None:
        return missing("the data were not validated", "数据未经校验")
    wanted = [gate.asks.get(key) for key in ("code", "table", "severity")]
    count = sum(
        number
        for key, number in evidence.findings.items()
        if all(want in (None, has) for want, has in zip(wanted, key, strict=True))
    )
    said = " ".join(str(want) for want in wanted if want is not None)
    return Measured(
        float(count), "findings", f"findings {said}".strip(), f"数据问题 {said}".strip()
    )


def _gap(gate: Gate, evidence: Evidence) -> Measured:
    """Return the widest gap of the stages that a gate is about."""
    rows = evidence.today.plan.table("certificates")
    if "stage" in gate.asks:
        rows = rows[rows["stage"] == gate.asks["stage"]]
        if not len(rows):
            stage = gate.asks["stage"]
            return missing(f"stage {stage} did not run", f"阶段 {stage} 未运行")
    if not len(rows):
        return missing("the plan has no certificates", "计划没有证书")
    no_objective = rows["objective"].isna() & rows["status"].isin(["optimal", "feasible"])
    rows = rows[~no_objective] if "stage" not in gate.asks else rows
    unknown = rows[rows["gap_pct"].isna()]
    if len(unknown) or not len(rows):
        named = ", ".join(unknown["stage"]) or "any stage"
        return missing(f"no gap is known of {named}", f"{named} 没有已知差距")
    worst = rows.loc[rows["gap_pct"].idxmax()]
    stage = worst["stage"]
    return Measured(
        float(worst["gap_pct"]),
        "%",
        f"gap to the bound of stage {stage}",
        f"阶段 {stage} 与下界的差距",
    )


_MEASURES: Final[Mapping[str, Callable[[Gate, Evidence], Measured]]] = {
    "kpi": _kpi,
    "rows": _rows,
    "budget": _budget,
    "nervousness": _nervousness,
    "stress": _stress,
    "audit": _audit,
    "findings": _findings,
    "gap": _gap,
}
