"""What demand is expected, and how good that is."""

from __future__ import annotations

from optimizer.plan_tables.shared import GROUP, PRODUCT
from scenarios.tables.column import Table, choice, date, ident, integer, number, share, text

TABLES = (
    Table("forecast", "预测", GROUP, "Demand to come, as quantiles.", (
        PRODUCT,
        ident("location_id", "地点编码", "Where: a site.", required=True),
        date("bucket", "时段", "First day of the bucket.", required=True),
        integer("span_buckets", "跨度", "1, or the buckets of a protection interval.", required=True, low=1.0),
        share("quantile", "分位数", "Quantile; blank: the mean."),
        number("qty", "数量", "Units in the span.", required=True),
        text("method", "方法", "Method that made it.", required=True),
    )),
    Table("forecast_origins", "历史预测", GROUP, "What the chosen method would have said in the past, to replay stock through; a sample where there are many series.", (
        ident("product_id", "商品编码", "What.", required=True, key=True, references=("products.product_id",)),
        ident("location_id", "地点编码", "Where: a site.", required=True, key=True),
        date("origin", "预测时点", "First day that was not known.", required=True, key=True),
        integer("span_buckets", "跨度", "Buckets from the origin on, added up.", required=True, key=True, low=1.0),
        number("mean", "均值", "Mean of the total, units.", required=True),
        number("high", "高分位", "Its 0.9 quantile, units.", required=True),
        number("came", "实际销量", "What was sold; blank: not known yet, or stock ran out."),
    )),
    Table("backtest", "回测", GROUP, "How good the forecast was on weeks it had not seen.", (
        text("segment", "分组", "Segment (ABC/XYZ) of series.", required=True),
        text("method", "方法", "Method.", required=True),
        number("wape", "WAPE", "Sum of absolute errors over sum of demand."),
        number("bias", "偏差", "Sum of (forecast - demand) over sum of demand.", low=None),
        number("pinball", "分位损失", "Mean pinball loss over the quantiles, units."),
        share("coverage", "覆盖率", "Share of held-back buckets at or under the 0.9 quantile."),
        integer("weeks", "周数", "Held-back buckets.", required=True),
        integer("span_buckets", "跨度", "Buckets that were added up before errors were taken.", default=1.0, low=1.0),
    )),
    Table("calibration", "分位校准", GROUP, "Fractiles of order-up-to levels, by replaying the past.", (
        choice("segment", "分组", "Volume class: expected units in the protection interval up to 3, up to 12, more.", "slow", "medium", "fast", required=True, key=True),
        integer("series", "序列数", "Product-locations replayed.", required=True),
        integer("steps", "步数", "Buckets of demand counted, over all of them.", required=True),
        share("fractile_theory", "理论分位", "Mean of shortage / (shortage + holding)."),
        share("fractile_replayed", "校准分位", "Mean fractile that would have cost least."),
        number("shift", "偏移", "Standard deviations that the decision adds to the level.", required=True, low=None),
        number("cost_theory", "理论成本", "Holding and shortage in the replay at the theoretical fractile.", required=True),
        number("cost_replayed", "校准成本", "The same at the replayed fractile.", required=True),
    )),
)
