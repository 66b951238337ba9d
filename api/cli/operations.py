"""`holdfast backup`, `restore`, `tenants`: what whoever runs the service needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.console import Exit, print_json, print_line, print_table
from api.cli.opened import opened

Home = Annotated[Path | None, typer.Option(help="Folder of the service; or HOLDFAST_HOME.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("backup")(backup)
    app.command("restore")(restore)
    group = typer.Typer(help="List, tidy and delete tenants.", no_args_is_help=True)
    group.command("list")(tenants)
    group.command("limit")(limit)
    group.command("tidy")(tidy)
    group.command("delete")(delete)
    app.add_typer(group, name="tenants")


def backup(
    to: Annotated[Path, typer.Argument(metavar="FILE", help="File to write, as in night.zip.")],
    home: Home = None,
    as_json: AsJson = False,
) -> int:
    """Copy a service, running or not, into one file; FILE must not exist."""
    from api.operations.backup import make_backup

    with opened(home) as (database, blobs):
        contents = make_backup(database, blobs, to)
        _tell(f"Copied into {to}", contents, as_json)
        return Exit.FINE


def restore(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="What `backup` wrote.")],
    home: Home = None,
    check: Annotated[bool, typer.Option(help="Read it through only; change nothing.")] = False,
    as_json: AsJson = False,
) -> int:
    """Bring a copy back into an empty service, of whichever database."""
    from api.operations.backup import check_backup, restore_backup

    if check:
        _tell(f"{source} is whole", check_backup(source), as_json)
        return Exit.FINE
    with opened(home) as (database, blobs):
        _tell(f"Restored from {source}", restore_backup(source, database, blobs), as_json)
        return Exit.FINE


def tenants(home: Home = None, as_json: AsJson = False) -> int:
    """List tenants with what they have."""
    from sqlalchemy import func, select

    from api.store.rows import PlanRow, RunRow, ScenarioRow, TenantRow

    with opened(home) as (database, _):
        rows = []
        with database.session() as session:
            for tenant in session.scalars(select(TenantRow).order_by(TenantRow.name)):
                counts = [
                    session.scalar(
                        select(func.count()).select_from(row).where(row.tenant_id == tenant.id)
                    )
                    for row in (ScenarioRow, RunRow, PlanRow)
                ]
                rows.append([tenant.name, *counts])
        headings = ("tenant", "scenarios", "runs", "plans")
        if as_json:
            print_json({"tenants": [dict(zip(headings, row, strict=True)) for row in rows]})
        else:
            print_table("Tenants", headings, rows)
        return Exit.FINE


def limit(
    tenant: Annotated[str, typer.Argument(help="Name of the tenant.")],
    queued: Annotated[int | None, typer.Option(min=1, help="Most runs that may wait.")] = None,
    running: Annotated[int | None, typer.Option(min=1, help="Most runs at the same time.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> int:
    """Limit a tenant's runs; what is left out is as the settings of the service say."""
    from api.security.keys import Keys
    from api.security.trail import record
    from api.store.rows import TenantRow

    with opened(home) as (database, _):
        own = database.of(Keys(database).tenant(tenant), "holdfast tenants limit")
        with own.begin() as session:
            row = session.get(TenantRow, own.tenant_id)
            assert row is not None, "its name was found"
            row.max_queued, row.max_running = queued, running
            record(session, "tenant.limited", row.id, {"queued": queued, "running": running})
        if as_json:
            print_json({"tenant": tenant, "queued": queued, "running": running})
        else:
            print_line(f"{tenant}: {_most(queued)} runs may wait, {_most(running)} run at a time.")
        return Exit.FINE


def _most(count: int | None) -> str:
    return "as many as usual" if count is None else str(count)


def tidy(
    tenant: Annotated[str, typer.Argument(help="Name of the tenant.")],
    days: Annotated[int, typer.Option(min=1, help="Runs that ended before so many days go.")],
    home: Home = None,
    as_json: AsJson = False,
) -> int:
    """Delete a tenant's old runs with their plans, and blobs that nothing names."""
    from api.operations.blobs import sweep
    from api.operations.retention import forget_old_runs
    from api.security.keys import Keys

    with opened(home) as (database, blobs):
        own = database.of(Keys(database).tenant(tenant), "holdfast tenants tidy")
        runs = forget_old_runs(own, days)
        swept = sweep(database, blobs)
        if as_json:
            print_json({"tenant": tenant, "runs": runs, "blobs": swept})
        else:
            print_line(f"{runs} runs of {tenant} and {swept} blobs are gone.")
        return Exit.FINE


def delete(
    tenant: Annotated[str, typer.Argument(help="Name of the tenant.")],
    confirm: Annotated[str, typer.Option(help="The name again: nothing brings it back.")],
    home: Home = None,
    as_json: AsJson = False,
) -> int:
    """Delete a tenant: keys, scenarios, runs, plans and its audit trail."""
    from api.operations.blobs import sweep
    from api.operations.retention import delete_tenant
    from api.security.keys import Keys
    from scenarios import InputError

    if confirm != tenant:
        raise InputError(f"--confirm {confirm} is not {tenant}; nothing was deleted")
    with opened(home) as (database, blobs):
        delete_tenant(database, Keys(database).tenant(tenant))
        swept = sweep(database, blobs)
        if as_json:
            print_json({"tenant": tenant, "blobs": swept})
        else:
            print_line(f"Tenant {tenant} is gone, and with it {swept} blobs.")
        return Exit.FINE


def _tell(title: str, contents: object, as_json: bool) -> None:
    from dataclasses import asdict

    from api.operations.backup import Contents

    assert isinstance(contents, Contents)
    if as_json:
        print_json(asdict(contents))
        return
    total = sum(contents.rows.values())
    print_line(
        f"{title}: {total:,} rows, {contents.blobs:,} blobs, tables at step {contents.step}."
    )
