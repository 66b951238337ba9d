"""What needs a look tonight, by money at risk."""

from optimizer.replenishment.alerting.alerts import alerts
from optimizer.replenishment.alerting.rows import Night

__all__ = ["Night", "alerts"]
