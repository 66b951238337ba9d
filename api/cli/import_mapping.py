"""`holdfast import mapping`: exports of other systems, by a mapping of their columns to ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.console import Exit, print_findings, print_json, print_line, print_table

if TYPE_CHECKING:
    from scenarios.importers.mapping import ImportMapping, Mapped
    from scenarios.importers.mapping.spec import ColumnRule, Condition


def mapping(
    files: Annotated[list[Path] | None, typer.Argument(help="CSV files and workbooks.")] = None,
    by: Annotated[
        str, typer.Option("--mapping", help="taobao, jd, odoo, erpnext, or a mapping.toml.")
    ] = "",
    to: Annotated[
        Path | None, typer.Option("--out", help="Folder to write, or a workbook (.xlsx).")
    ] = None,
    base: Annotated[
        Path | None, typer.Option(help="A scenario that has what the files lack.")
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="products.weight_kg=0.3 or settings.start_date=2026-03-02; repeatable."
        ),
    ] = None,
    form: Annotated[
        str, typer.Option("--format", help="parquet, csv or xlsx: how tables are written.")
    ] = "csv",
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what the mapping does; read no file.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Make a scenario of exports of other systems: Taobao / Tmall, JD, Odoo, ERPNext, or yours.

    Every row is accounted for: made, added to another, or left out for a reason. All troubles
    are told at once with table, row, column and remedy, and then nothing is written.
    """
    from scenarios import InputError, Scenario
    from scenarios.importers.mapping import import_files, load_mapping, ready_names

    if not by:
        raise InputError(f"--mapping: name a mapping.toml, or one of {', '.join(ready_names())}")
    rule = load_mapping(by)
    if explain:
        _explain(rule, as_json=as_json)
        return Exit.FINE
    if not files or to is None:
        raise InputError("name the files to read, and --out for what is made of them")
    if form not in ("parquet", "csv", "xlsx"):
        raise InputError(f"--format {form}: write parquet, csv or xlsx")
    settings, columns = given_values(values or [])
    rule = rule.with_values(columns)
    scenario = None if base is None else Scenario.load(base)
    made = import_files(rule, files, scenario, settings)
    written = made.scenario.save(_target(to, form), form)
    if as_json:
        print_json(_document(made, written))
    else:
        _print(made, written)
    return Exit.FINE


def given_values(values: list[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return settings and columns that --set names."""
    from scenarios import InputError

    settings: dict[str, Any] = {}
    columns: dict[str, str] = {}
    for given in values:
        place, equals, value = given.partition("=")
        table, dot, name = place.strip().partition(".")
        if not (equals and dot and name):
            raise InputError(f"--set {given}: write table.column=value or settings.name=value")
        if table == "settings":
            settings[name] = value.strip()
        else:
            columns[f"{table}.{name}"] = value.strip()
    return settings, columns


def _target(to: Path, form: str) -> Path:
    if form != "xlsx" or to.suffix.lower() == ".xlsx":
        return to
    to.mkdir(parents=True, exist_ok=True)
    return to / "scenario.xlsx"


def _document(made: Mapped, written: Path) -> dict[str, Any]:
    from scenarios.importers.mapping.run import findings_of

    scenario = made.scenario
    return {
        "path": str(written),
        "scenario_hash": scenario.content_hash,
        "name": scenario.settings.name,
        "start_date": scenario.settings.start_date.isoformat(),
        "tables": {name: len(frame) for name, frame in scenario.tables.items()},
        "report": made.document(),
        "findings": [finding.document() for finding in findings_of(made)],
    }


def _print(made: Mapped, written: Path) -> None:
    print_table("Files", ["file", "rows"], [[name, rows] for name, rows in made.files.items()])
    print_table(
        "What became of the rows",
        ["table", "from", "read", "made", "added to others", "left out", "why"],
        [
            [
                report.table,
                report.source,
                report.read,
                report.mapped,
                report.folded,
                sum(report.excluded.values()),
                "; ".join(f"{reason}: {n:,}" for reason, n in report.excluded.items()),
            ]
            for report in made.reports
        ],
    )
    print_findings(made.findings)
    scenario = made.scenario
    missing = [name for name in ("products", "sites", "inventory") if not scenario.has(name)]
    needs = f"To plan it still needs {', '.join(missing)}: give --base.\n" if missing else ""
    print_line(
        f"{scenario.settings.name}: {len(scenario.tables)} tables written to {written}\n"
        f"scenario {scenario.content_hash[:12]}, plan starts {scenario.settings.start_date}\n"
        f"{needs}Next: holdfast validate {written}"
    )


def _explain(rule: ImportMapping, *, as_json: bool) -> None:
    """Say what a mapping does, in words."""
    if as_json:
        print_json(rule.model_dump(mode="json", by_alias=True, exclude_defaults=True))
        return
    print_line(f"{rule.name}: {rule.help}\n")
    print_table(
        "Files, known by their headings",
        ["file", "headings", "needed", "what it is"],
        [
            [
                name,
                "\n".join(" or ".join(ways) for ways in file.headings),
                not file.optional,
                file.help,
            ]
            for name, file in rule.files.items()
        ],
    )
    for name, join in rule.joins.items():
        by = ", ".join(f"{pair.left[0]} = {pair.right[0]}" for pair in join.on)
        print_line(f"{name}: rows of {join.left} with those of {join.right} by {by}")
    for table in rule.tables:
        rows = [[name, *_said(column)] for name, column in table.columns.items()]
        rows += [["(left out)", " or ".join(c.column), f"{_test(c)}: {c.reason}"]
                 for c in table.exclude]  # fmt: skip
        rows += [["(written)", "", ", ".join(f"{k} = {v}" for k, v in row.items())]
                 for row in table.rows]  # fmt: skip
        source = table.source or "the mapping itself"
        print_table(f"{table.table} from {source}", ["ours", "theirs", "how"], rows)


def _said(rule: ColumnRule) -> tuple[str, str]:
    """Return where a column comes from and what is done to it."""
    steps = []
    if rule.number_within:
        return " or ".join(rule.number_within), "rows numbered within it"
    if rule.value is not None:
        return "", f"always {rule.value}{' (assumed)' if rule.assumed else ''}"
    for word, value in (
        ("with", [ways[0] for ways in rule.concat]), ("extract", rule.extract),
        ("without", rule.strip), ("map", rule.map), ("blank:", rule.default),
        ("minus", rule.minus), ("divided by", rule.divide_by), ("times", rule.times),
        ("in", rule.unit), ("unit of", rule.unit_from), ("as", rule.format),
        ("by", rule.bucket), ("zone of its", rule.place),
    ):  # fmt: skip
        if value not in (None, (), {}, []):
            steps.append(f"{word} {_words(value)}")
    if rule.assumed:
        steps.append("(assumed)")
    return " or ".join(rule.from_ or ()), ", ".join(steps)


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} -> {text}" for key, text in value.items())
    return " or ".join(value) if isinstance(value, tuple | list) else str(value)


def _test(condition: Condition) -> str:
    if condition.in_ is not None:
        return f"is {' or '.join(condition.in_)}"
    if condition.not_in is not None:
        return f"is none of {', '.join(condition.not_in)}"
    if condition.matches is not None:
        return f"matches {condition.matches}"
    return "is blank" if condition.blank else f"is below {condition.below:g}"
