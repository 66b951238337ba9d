"""What one decision of the planner's would change: cost, service, CO2e, and what else moves."""

from __future__ import annotations

from optimizer.what_if.ask import what_if
from optimizer.what_if.decision import Decision, read_decision

__all__ = ["Decision", "read_decision", "what_if"]
