"""A scenario as a folder of files, or a zip of it."""

from __future__ import annotations

import tomllib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from scenarios.files.csv_table import read_csv
from scenarios.files.encoding import to_utf8
from scenarios.files.guards import (
    Guards,
    check_archive,
    check_size,
    is_clutter,
    member_bytes,
    member_name,
    refuse,
)
from scenarios.files.json_document import parse_json
from scenarios.files.parquet_table import read_parquet
from scenarios.files.raw import RawScenario
from scenarios.files.settings_form import RawSetting, raw_settings
from scenarios.findings import Findings, Severity
from scenarios.normalise import RawTable, table_names

CSV_ENDINGS = frozenset({".csv", ".tsv", ".txt"})
PARQUET_ENDINGS = frozenset({".parquet", ".pq"})
SETTINGS_NAMES = frozenset({"settings", "设置"})
SETTINGS_ENDINGS = (".toml", ".json", ".csv")


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a folder or zip.

    Attributes
    ----------
    name : without folders
    read : returns its bytes
    """

    name: str
    size: int
    read: Callable[[], bytes]

    @property
    def stem(self) -> str:
        """Name without its ending."""
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        """Ending in lower case."""
        return PurePosixPath(self.name).suffix.lower()


def members_of_folder(folder: Path, guards: Guards, findings: Findings) -> list[Member]:
    """Return the files of a folder by name; folders in it are passed over with a finding.

    Raises
    ------
    InputError
        `too_many_members` or `too_large_unpacked`.
    """
    members = []
    for path in sorted(folder.iterdir()):
        if is_clutter(path.name):
            continue
        if path.is_dir():
            _passed_over(path.name, findings)
            continue
        members.append(Member(path.name, path.stat().st_size, path.read_bytes))
        if len(members) > guards.max_members:
            hint = f"the folder holds more than {guards.max_members:,} files"
            refuse(findings, "too_many_members", hint)
    return members


def members_of_zip(archive: zipfile.ZipFile, guards: Guards, findings: Findings) -> list[Member]:
    """Return the files of a zip by name; one folder around them all is taken off.

    Raises
    ------
    InputError
        The archive is not safe; see :func:`scenarios.files.guards.check_archive`.
    """
    check_archive(archive, guards, findings, nested=False)
    infos = [
        (PurePosixPath(member_name(info).replace("\\", "/")), info)
        for info in archive.infolist()
        if not info.is_dir() and not is_clutter(info.filename)
    ]
    tops = {path.parts[0] if len(path.parts) > 1 else "" for path, _ in infos}
    depth = 2 if len(tops) == 1 and "" not in tops else 1
    members = []
    for path, info in sorted(infos, key=lambda pair: str(pair[0])):
        if len(path.parts) != depth:
            _passed_over(str(path), findings)
            continue
        members.append(Member(path.name, info.file_size, _opener(archive, info, findings)))
    return members


def _opener(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, findings: Findings
) -> Callable[[], bytes]:
    return lambda: member_bytes(archive, info, findings)


def _passed_over(name: str, findings: Findings) -> None:
    hint = "not part of a scenario; it is not read"
    findings.add("ignored_file", Severity.INFO, hint, value=name)


def raw_of_members(members: Sequence[Member], guards: Guards, findings: Findings) -> RawScenario:
    """Return the settings and tables of a folder or zip."""
    settings = sorted(
        (m for m in members if m.stem.lower() in SETTINGS_NAMES and m.suffix in SETTINGS_ENDINGS),
        key=lambda member: SETTINGS_ENDINGS.index(member.suffix),
    )
    tables = [member for member in members if member not in settings]
    if len(settings) > 1:
        names = " and ".join(member.name for member in settings)
        hint = f"settings stand in {names}; keep one of them"
        findings.add("two_files", Severity.ERROR, hint, table="settings")
    if not settings and any(member.name == "plan.json" for member in members):
        refuse(findings, "not_a_scenario", "this is the folder of a plan; give the scenario's")
    given = _settings(settings[0], guards, findings) if settings else None
    return RawScenario(given, _tables(tables, guards, findings))


def _settings(member: Member, guards: Guards, findings: Findings) -> dict[str, RawSetting] | None:
    """Read a settings file; what cannot be read is an error finding and an empty mapping."""
    check_size(member.size, member.name, guards, findings)
    data = member.read()
    if member.suffix == ".json":
        document = parse_json(data, member.name, guards, findings)
        if isinstance(document, dict):
            return raw_settings(document)
        hint = f"{member.name} must hold one JSON object"
        findings.add("wrong_shape", Severity.ERROR, hint, table="settings")
        return {}
    text = to_utf8(data, member.name, findings)
    if text is None:
        return {}
    if member.suffix == ".csv":
        return _settings_of_csv(text)
    try:
        return raw_settings(tomllib.loads(text.decode("utf-8")))
    except tomllib.TOMLDecodeError as error:
        hint = f'{member.name} is not valid TOML: {error}; a line is written as name = "My shop"'
        findings.add("broken_toml", Severity.ERROR, hint, table="settings")
        return {}


def _settings_of_csv(text: bytes) -> dict[str, RawSetting]:
    """Return the settings of lines `key,value,...`."""
    import csv
    import io

    given: dict[str, RawSetting] = {}
    reader = csv.reader(io.StringIO(text.decode("utf-8"), newline=""))
    line = 0
    for record in reader:
        key = record[0].strip() if record else ""
        if key and not key.startswith("#") and key.lower() not in {"key", "设置", "键"}:
            given[key] = RawSetting(record[1] if len(record) > 1 else None, line + 1)
        line = reader.line_num
    return given


def _tables(members: Sequence[Member], guards: Guards, findings: Findings) -> Iterator[RawTable]:
    """Yield the tables; two files for one table, and files that are none, are findings."""
    chosen: dict[str, Member] = {}
    for member in members:
        if member.suffix not in CSV_ENDINGS | PARQUET_ENDINGS:
            _passed_over(member.name, findings)
            continue
        name = table_names().find(member.stem)
        if name is None:
            if member.suffix == ".txt":
                _passed_over(member.name, findings)
                continue
            hint = f"{table_names().near(member.stem)}the file is not read"
            findings.add("unknown_table", Severity.WARNING, hint, value=member.name)
        elif name in chosen:
            hint = f"the table stands in {chosen[name].name} and {member.name}; keep one of them"
            findings.add("two_files", Severity.ERROR, hint, table=name, value=member.name)
        else:
            chosen[name] = member
    for name, member in chosen.items():
        if member.size == 0:
            hint = f"{member.name} is empty; it is read as a table without rows"
            findings.add("empty_file", Severity.WARNING, hint, table=name, value=member.name)
            continue
        check_size(member.size, member.name, guards, findings)
        reader = read_csv if member.suffix in CSV_ENDINGS else read_parquet
        raw = reader(member.read(), name, member.name, guards, findings)
        if raw is not None:
            yield raw
