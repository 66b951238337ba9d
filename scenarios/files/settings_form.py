"""The settings in files: read key by key under contracts of their own, written as TOML."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
from pydantic import ValidationError

from scenarios.findings import Findings, Severity
from scenarios.normalise.cells import cells_of_objects, read_cells
from scenarios.normalise.headings import Names, names_of
from scenarios.normalise.table import reader_of
from scenarios.normalise.verdict import Notes
from scenarios.settings import SETTING_DEFAULTS, Settings
from scenarios.tables import Column, Kind
from scenarios.tables.column import choice, date, integer, number, share, text

TABLE = "settings"
TARGETS = "service_targets"

SETTING_COLUMNS: tuple[Column, ...] = (
    text("name", "名称", "What the scenario is called.", required=True),
    text("currency", "币种", "ISO 4217 code of all money, as in CNY.", required=True),
    text("timezone", "时区", "IANA name, as in Asia/Shanghai; all times are local.", required=True),
    date("start_date", "开始日期", "First day of the plan, as in 2026-11-01.", required=True),
    choice("bucket", "时段", "Length of a planning bucket.", "day", "week", required=True),
    integer("horizon_buckets", "计划时段数", "Number of buckets to plan.", required=True),
    number(
        "holding_rate_pct_per_year", "年持有成本率（%）", "Holding cost, % of unit cost a year."
    ),
    choice("shortage_rule", "缺货规则", "What becomes of demand not met.", "lost", "backorder"),
    number(
        "unserved_penalty_per_unit",
        "单位未满足罚金",
        "Money per unit not shipped; blank: its price.",
    ),
    number("co2_price_per_tonne", "碳价（每吨）", "Money per tonne of CO2e."),
    number("amortisation_years", "摊销年数", "Years over which opening a site is paid off."),
    choice(
        "coordinate_system",
        "坐标系",
        "Of lat and lon as handed in; converted to WGS84.",
        "WGS84",
        "GCJ02",
        "BD09",
    ),
    integer("seed", "随机种子", "Start of all random numbers."),
)
TARGET_COLUMN = share(TARGETS, "服务水平目标", "Cycle service level of a class, as in 0.95.")
CURRENCY_WORDS = {
    "人民币": "CNY", "元": "CNY", "RMB": "CNY", "¥": "CNY", "￥": "CNY",
    "港币": "HKD", "港元": "HKD", "美元": "USD", "欧元": "EUR",
    "€": "EUR", "英镑": "GBP", "£": "GBP", "日元": "JPY",
}  # fmt: skip
ZONE_WORDS = {
    "北京时间": "Asia/Shanghai", "北京": "Asia/Shanghai", "上海": "Asia/Shanghai",
    "中国": "Asia/Shanghai", "香港": "Asia/Hong_Kong", "台北": "Asia/Taipei",
}  # fmt: skip
_BY_NAME = {column.name: column for column in SETTING_COLUMNS}
_NAMES: Names = names_of([(c.name, (c.name, c.zh)) for c in (*SETTING_COLUMNS, TARGET_COLUMN)])


@dataclass(frozen=True, slots=True)
class RawSetting:
    """A setting as a file holds it, and its row where it stands in one."""

    value: Any
    row: int | None = None


def raw_settings(document: Mapping[str, Any]) -> dict[str, RawSetting]:
    """Return the settings of a TOML or JSON document, targets by class as `service_targets.A`."""
    given: dict[str, RawSetting] = {}
    for key, value in document.items():
        if isinstance(value, Mapping) and _NAMES.find(str(key)) == TARGETS:
            for name, target in value.items():
                given[f"{TARGETS}.{name}"] = RawSetting(target)
        else:
            given[str(key)] = RawSetting(value)
    return given


def find_setting(given: str) -> str | None:
    """Return the key that is meant: `service_targets.A` for a target; None if unknown."""
    head, dot, tail = given.strip().partition(".")
    name = _NAMES.find(head)
    if name == TARGETS:
        return f"{TARGETS}.{tail.strip()}" if dot and tail.strip() else None
    return name if not dot else None


def read_settings(given: Mapping[str, RawSetting], findings: Findings) -> Settings | None:
    """Read all settings; None when any is wrong or a required one is missing (findings say)."""
    before = findings.total(Severity.ERROR)
    values: dict[str, Any] = {}
    targets: dict[str, float] = {}
    rows: dict[str, int | None] = {}
    refused: set[str] = set()
    for key, raw in given.items():
        name = find_setting(key)
        if name is None:
            hint = f"{_NAMES.near(key.partition('.')[0])}there is no such setting"
            findings.add(
                "unknown_setting", Severity.ERROR, hint, table=TABLE, row=raw.row, value=key
            )
            continue
        if name in rows:
            hint = "the setting is given twice; keep one"
            findings.add(
                "duplicate_setting", Severity.ERROR, hint, table=TABLE, column=name, row=raw.row
            )
            continue
        rows[name] = raw.row
        errors = findings.total(Severity.ERROR)
        value = _read_value(name, raw, findings)
        if findings.total(Severity.ERROR) > errors:
            refused.add(name)
        elif value is not None and name.startswith(f"{TARGETS}."):
            targets[name.partition(".")[2]] = value
        elif value is not None:
            values[name] = value
    if targets:
        values[TARGETS] = targets
    settings = _checked(values, rows, refused, findings)
    if settings is None or findings.total(Severity.ERROR) > before:
        return None
    for name, default in SETTING_DEFAULTS.items():
        if name not in values:
            hint = f"not given; {default} is used"
            findings.add("default_used", Severity.INFO, hint, table=TABLE, column=name)
    return settings


def _read_value(name: str, raw: RawSetting, findings: Findings) -> Any:
    """Read one value under its contract."""
    column = TARGET_COLUMN if name.startswith(TARGETS) else _BY_NAME[name]
    row = -1 if raw.row is None else raw.row
    own = Findings()
    notes = Notes(own, TABLE, name, np.array([row], dtype=np.int64))
    value = read_cells(
        cells_of_objects([raw.value]), reader_of(column, ZoneInfo("UTC")), notes
    ).to_pylist()[0]
    for finding in own:
        findings.add(
            finding.code,
            finding.severity,
            finding.hint,
            table=TABLE,
            column=name,
            row=raw.row,
            value=finding.value,
        )
    if value is None:
        return None
    if name == "seed" and isinstance(raw.value, (int, str)) and str(raw.value).strip().isdigit():
        return int(raw.value)  # more digits than a float holds
    if column.kind == Kind.INTEGER:
        return int(value)
    if isinstance(value, dt.datetime):
        return value.date()
    if name in {"currency", "timezone"}:
        return _recased(name, value, raw, findings)
    return value


def _recased(name: str, value: str, raw: RawSetting, findings: Findings) -> str:
    """Return a currency or time zone in its proper case; one in everyday words by its code."""
    if name == "currency":
        usual = value.upper() if len(value) == 3 else value
        proper = CURRENCY_WORDS.get(usual, usual)
    else:
        proper = ZONE_WORDS.get(value) or _time_zone(value)
    if proper != value:
        hint = f"read as {proper}"
        findings.add(
            "choice_recognised",
            Severity.INFO,
            hint,
            table=TABLE,
            column=name,
            row=raw.row,
            value=value,
        )
    return proper


def _time_zone(value: str) -> str:
    """Return the IANA name that is meant, whatever its case; the text itself if there is none."""
    try:
        ZoneInfo(value)
    except (ValueError, OSError, KeyError):
        found = (name for name in sorted(available_timezones()) if name.lower() == value.lower())
        return next(found, value)
    return value


def _checked(
    values: Mapping[str, Any],
    rows: Mapping[str, int | None],
    refused: set[str],
    findings: Findings,
) -> Settings | None:
    """Hand the values to the model, and its complaints to the findings."""
    try:
        return Settings(**values)
    except ValidationError as error:
        for trouble in error.errors():
            name = ".".join(str(part) for part in trouble["loc"])
            if name in refused:
                continue
            missing = trouble["type"] == "missing"
            column = _BY_NAME.get(name)
            if missing and column is not None:
                hint = f"the required setting {name} ({column.zh}) is missing: {column.help}"
            else:
                about = column.help if column else TARGET_COLUMN.help
                unclear = trouble["type"] == "string_pattern_mismatch"
                hint = f"not allowed: {about}" if unclear else f"{trouble['msg']}: {about}"
            findings.add(
                "missing_setting" if missing else "bad_setting",
                Severity.ERROR,
                hint,
                table=TABLE,
                column=name,
                row=rows.get(name),
                value="" if missing else trouble["input"],
            )
        return None


def inexact_setting(settings: Settings) -> str:
    """Return the key of a setting that would read back as something else, or ""."""
    reader = reader_of(_BY_NAME["name"], ZoneInfo("UTC"))
    for key, value in settings_rows(settings).items():
        for text_cell in (key, value):
            if isinstance(text_cell, str) and reader.read(text_cell)[0] != text_cell:
                return str(key)
    return ""


def settings_document(settings: Settings) -> dict[str, Any]:
    """Return the settings as a JSON object without blanks."""
    return settings.model_dump(mode="json", exclude_none=True)


def settings_rows(settings: Settings) -> dict[str, Any]:
    """Return the settings as rows of a sheet: targets by class as `service_targets.A`."""
    document = settings.model_dump(exclude_none=True)
    targets = document.pop(TARGETS)
    return document | {f"{TARGETS}.{name}": value for name, value in targets.items()}


def settings_toml(settings: Settings) -> str:
    """Return the settings as a TOML document."""
    document = settings.model_dump(exclude_none=True)
    targets = document.pop(TARGETS)
    lines = [f"{key} = {_toml(value)}" for key, value in document.items()]
    lines += ["", f"[{TARGETS}]"]
    lines += [f"{_toml(name)} = {_toml(value)}" for name, value in targets.items()]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
