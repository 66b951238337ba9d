"""What needs a look tonight, by money at risk."""

from optimizer.replenishment.alerting.alerts import alerts, by_money
from optimizer.replenishment.alerting.rows import Night

__all__ = ["Night", "alerts", "by_money"]
