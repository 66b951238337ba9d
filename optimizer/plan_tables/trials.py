"""What the simulator measured."""

from __future__ import annotations

from optimizer.plan_tables.shared import GROUP
from scenarios.tables.column import Table, flag, integer, number, share, text

TABLES = (
    Table("exposure", "风险暴露", GROUP, "What the loss of each node would do.", (
        text("node", "节点", "As kind:id.", required=True, key=True),
        text("kind", "类型", "Supplier, lane, site.", required=True),
        number("recovery_days", "恢复天数", "How long it is lost."),
        number("tts_days", "可撑天数", "Longest outage, in whole days, of which no customer notices; blank: not searched, or none is noticed."),
        number("impact", "影响", "Money lost: margin, goods destroyed and costs beyond undisturbed.", required=True, low=None),
        number("index", "暴露指数", "Impact over the largest impact.", low=None),
        number("low", "下限", "Lower end of the interval of impact.", low=None),
        number("high", "上限", "Upper end.", low=None),
        number("noticed_days", "察觉天数", "Days until customers notice a loss that does not end; blank: not within the horizon."),
        number("service_recovery_days", "服务恢复天数", "Days from the loss until service is back for three days; blank: not within the horizon."),
        number("short_units", "缺货件数", "Units short beyond undisturbed of what depends on it.", low=None),
    )),
    Table("stress_results", "压力测试", GROUP, "What the simulator measured, case by case.", (
        text("suite", "测试集", "Suite.", required=True, key=True),
        text("case", "情景", "Case.", required=True, key=True),
        text("kpi", "指标", "KPI.", required=True, key=True),
        text("scope", "范围", "`all`, or kind:id.", required=True, key=True),
        number("baseline", "基准", "Undisturbed mean.", low=None),
        number("disrupted", "受扰", "Disturbed mean.", required=True, low=None),
        number("low", "下限", "Lower end of the interval of the disturbed mean.", low=None),
        number("high", "上限", "Upper end.", low=None),
        text("gate", "门槛", "As in >= 0.95; blank: none."),
        flag("passed", "通过", "Whether the gate holds; blank: no gate."),
    )),
    Table("drills", "演练", GROUP, "What playbooks saved in a disruption.", (
        text("case", "情景", "Case.", required=True, key=True),
        text("playbooks", "预案", "Playbooks at hand.", required=True, key=True),
        text("kpi", "指标", "KPI.", required=True, key=True),
        number("without", "无预案", "Mean without them.", required=True, low=None),
        number("with", "有预案", "Mean with them.", required=True, low=None),
        number("saved", "节省", "Mean of the paired difference; above 0 is better.", required=True, low=None),
        number("low", "下限", "Lower end of its interval.", low=None),
        number("high", "上限", "Upper end.", low=None),
        share("acted", "启动比例", "Share of replications in which a step took effect.", required=True),
        text("scope", "范围", "Of which customers: all, or channel:id as in channel:WEB.", required=True, key=True),
    )),
    Table("service_curve", "服务曲线", GROUP, "Service per day.", (
        text("case", "情景", "Case.", required=True, key=True),
        integer("day", "天", "Day from start_date, from 0.", required=True, key=True),
        share("mean", "均值", "Mean share of demand served.", required=True),
        share("p5", "P5", "5 % quantile over replications.", required=True),
        share("p95", "P95", "95 % quantile.", required=True),
        share("baseline", "基准", "Undisturbed mean.", required=True),
    )),
    Table("day_ledger", "日账", GROUP, "What each simulated day cost, emitted and moved in cash.", (
        text("case", "情景", "Case.", required=True, key=True),
        integer("day", "天", "Day from start_date, from 0.", required=True, key=True),
        text("item", "项目", "purchase, transport, ordering, handling, holding, shortage, destroyed, recovered, cash_out, cash_in (money), or co2_kg.", required=True, key=True),
        number("mean", "均值", "Mean over replications.", required=True, low=None),
        number("p5", "P5", "5 % quantile over replications.", required=True, low=None),
        number("p95", "P95", "95 % quantile.", required=True, low=None),
    )),
)
