"""What the plan says of itself: figures, proofs, reasons."""

from __future__ import annotations

from optimizer.plan_tables.shared import GROUP
from scenarios.tables.column import Table, choice, flag, ident, number, text

TABLES = (
    Table("kpis", "指标", GROUP, "Key figures; cost rows add up to the totals.", (
        text("kpi", "指标", "Name.", required=True, key=True),
        text("variant", "口径", "Which definition of it.", key=True),
        text("scope", "范围", "`all`, or kind:id.", required=True, key=True),
        number("value", "数值", "Value.", required=True, low=None),
        text("unit", "单位", "Unit.", required=True),
    )),
    Table("certificates", "证书", GROUP, "What each stage proved of its answer.", (
        text("stage", "阶段", "Stage.", required=True, key=True),
        text("engine", "引擎", "Engine.", required=True),
        choice("status", "状态", "What came out.", "optimal", "feasible", "infeasible", "no_solution_found", required=True),
        choice("termination", "终止原因", "Why it stopped.", "converged", "time_limit", "work_limit", "cancelled", "error", required=True),
        number("objective", "目标值", "What the stage minimises, as its README states.", low=None),
        number("bound", "下界", "No plan can be cheaper.", low=None),
        number("gap_pct", "差距（%）", "100 x (objective - bound) / |objective|.", low=None),
        number("wall_seconds", "耗时（秒）", "Time of solving.", required=True),
        flag("audited", "已审计", "The referee recomputed it.", required=True),
    )),
    Table("explanations", "解释", GROUP, "Why each decision is as it is.", (
        ident("decision_id", "决策编号", "table:key of the row that it explains.", required=True, key=True),
        text("table", "表", "Table of the decision.", required=True),
        text("terms", "算式", "The arithmetic, itemised, as JSON.", required=True),
        text("binding", "约束", "Rule, parameter and value that decided, as JSON."),
        text("alternative", "次优方案", "Next-best choice."),
        number("extra_cost", "额外成本", "What the alternative would cost more.", low=None),
        text("alternative_terms", "次优算式", "What adds up to extra_cost, as JSON."),
    )),
)
