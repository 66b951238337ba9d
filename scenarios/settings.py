"""The settings of a scenario: what holds for all of its tables."""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator

SETTING_DEFAULTS = {
    "holding_rate_pct_per_year": 25.0,
    "shortage_rule": "lost",
    "co2_price_per_tonne": 0.0,
    "amortisation_years": 5.0,
    "coordinate_system": "WGS84",
    "seed": 0,
}
DEFAULT_SERVICE_TARGETS = {"A": 0.98, "B": 0.95, "C": 0.90}


@cache
def _timezones() -> frozenset[str]:
    """Return all time zones; finding them reads the disk."""
    return frozenset(available_timezones())


class Settings(BaseModel):
    """What the planner set for the whole scenario.

    Money is in `currency`, major units; times are local to `timezone`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    name: Annotated[str, Field(min_length=1, max_length=200)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217 code")]
    timezone: Annotated[str, Field(description="IANA name, as in Asia/Shanghai")]
    start_date: Annotated[dt.date, Field(description="first day of the plan")]
    bucket: Annotated[Literal["day", "week"], Field(description="length of a planning bucket")]
    horizon_buckets: Annotated[int, Field(ge=1, le=3660, description="buckets to plan")]
    holding_rate_pct_per_year: Annotated[float, Field(ge=0, le=1000)] = 25.0
    shortage_rule: Literal["lost", "backorder"] = "lost"
    unserved_penalty_per_unit: Annotated[
        float | None, Field(ge=0, description="blank: the product's unit_price")
    ] = None
    co2_price_per_tonne: Annotated[float, Field(ge=0)] = 0.0
    amortisation_years: Annotated[float, Field(gt=0, le=100)] = 5.0
    coordinate_system: Annotated[
        Literal["WGS84", "GCJ02", "BD09"], Field(description="of lat and lon as handed in")
    ] = "WGS84"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    service_targets: Annotated[
        dict[str, Annotated[float, Field(gt=0, lt=1)]],
        Field(description="cycle service level by abc_class"),
    ] = Field(default_factory=lambda: dict(DEFAULT_SERVICE_TARGETS))

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        if value not in _timezones():
            raise ValueError("not an IANA time zone; write it as in Asia/Shanghai or Europe/London")
        return value

    @property
    def bucket_days(self) -> int:
        """Days in a bucket."""
        return 7 if self.bucket == "week" else 1

    @property
    def horizon_days(self) -> int:
        """Days in the horizon."""
        return self.horizon_buckets * self.bucket_days

    @property
    def zone(self) -> ZoneInfo:
        """Time zone of all local times."""
        return ZoneInfo(self.timezone)
