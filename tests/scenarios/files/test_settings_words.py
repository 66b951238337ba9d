"""Settings in everyday words."""

from __future__ import annotations

import pytest

from scenarios.files.settings_form import RawSetting, read_settings
from scenarios.findings import Findings

GIVEN = {"name": "店", "bucket": "周", "start_date": "2026-03-02", "horizon_buckets": 8}


@pytest.mark.parametrize(
    ("currency", "zone", "expected"),
    [
        ("人民币", "北京时间", ("CNY", "Asia/Shanghai")),
        ("RMB", "asia/shanghai", ("CNY", "Asia/Shanghai")),
        ("€", "Europe/Berlin", ("EUR", "Europe/Berlin")),
    ],
)
def test_currencies_and_clocks_in_everyday_words(
    currency: str, zone: str, expected: tuple[str, str]
) -> None:
    """What people write is read as the code that it stands for, and that is told."""
    findings = Findings()
    given = GIVEN | {"currency": currency, "timezone": zone}
    settings = read_settings({key: RawSetting(value) for key, value in given.items()}, findings)
    assert settings is not None
    assert (settings.currency, settings.timezone) == expected
    assert "choice_recognised" in {finding.code for finding in findings}
