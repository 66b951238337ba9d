"""`holdfast keys`: who may ask the service for what."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.console import Exit, print_json, print_line, print_table
from api.cli.opened import opened

if TYPE_CHECKING:
    from api.security.keys import Keys
    from api.store.database import TenantDatabase

Home = Annotated[Path | None, typer.Option(help="Folder of the service; or HOLDFAST_HOME.")]
Tenant = Annotated[str, typer.Option(help="Name of the tenant.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)
    group.command("make")(make)
    group.command("add")(add)
    group.command("list")(listed)
    group.command("revoke")(revoke)
    app.add_typer(group, name="keys")


def make(
    name: Annotated[str, typer.Argument(help="What it is for, as in nightly-import.")],
    scope: Annotated[
        list[str] | None, typer.Option(help="read, plan, approve, admin; may be repeated.")
    ] = None,
    tenant: Tenant = "local",
    new_tenant: Annotated[bool, typer.Option(help="Make the tenant, too.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> int:
    """Make a key and print its secret, which nobody can read again."""
    from api.security.keys import Scope
    from scenarios import InputError

    wanted = scope or ["read", "plan"]
    unknown = sorted(set(wanted) - set(Scope))
    if unknown:
        raise InputError(f"unknown scope {', '.join(unknown)}; there are {', '.join(Scope)}")
    with _keys(home, tenant, new=new_tenant) as (keys, database):
        key = keys.make(database, name, [Scope(word) for word in dict.fromkeys(wanted)])
        if as_json:
            print_json({"id": key.id, "secret": key.secret, "tenant": tenant, "scopes": wanted})
        else:
            print_line(f"Key {key.id} of tenant {tenant}, good for {', '.join(wanted)}:\n")
            print_line(f"  {key.secret}\n\nIt is not kept and cannot be shown again.")
        return Exit.FINE


def add(
    scenario: Annotated[str, typer.Option(help="Id of the scenario, as in scn_3f0c...")],
    supplier: Annotated[str, typer.Option(help="supplier_id of the one who gets the key.")] = "",
    carrier: Annotated[str, typer.Option(help="carrier_id of the one who gets the key.")] = "",
    name: Annotated[str, typer.Option(help="What it is for; default: the partner's id.")] = "",
    tenant: Tenant = "local",
    home: Home = None,
    as_json: AsJson = False,
) -> int:
    """Make a key for a supplier or carrier, who sees and confirms what is its own, nothing else."""
    from api.cli.serve import settings_with
    from api.security.keys import Partner
    from api.services.scenarios import ScenarioService
    from api.store.blobs import FolderBlobs
    from scenarios import InputError, NotFound

    if bool(supplier) == bool(carrier):
        raise InputError("name one of --supplier and --carrier")
    with _keys(home, tenant) as (keys, database):
        service = ScenarioService(database, FolderBlobs(settings_with(home=home).home / "blobs"))
        content = service.load(service.revision(scenario))
        table = "suppliers" if supplier else "carriers"
        known = set(content.table(table)[f"{table[:-1]}_id"])
        wanted = supplier or carrier
        if wanted not in known:
            shown = ", ".join(sorted(known)[:20]) or "none"
            raise NotFound(f"the scenario has no {table[:-1]} {wanted!r}; it has {shown}")
        partner = Partner("supplier" if supplier else "carrier", wanted, scenario)
        key = keys.make_partner(database, name or wanted, partner)
    if as_json:
        told = {"id": key.id, "secret": key.secret, "tenant": tenant, "scenario": scenario}
        print_json({**told, partner.kind: wanted})
    else:
        print_line(f"Key {key.id} for {partner.kind} {wanted} of {scenario}:\n")
        print_line(f"  {key.secret}\n\nIt is not kept and cannot be shown again.")
    return Exit.FINE


def listed(tenant: Tenant = "local", home: Home = None, as_json: AsJson = False) -> int:
    """List a tenant's keys."""
    with _keys(home, tenant) as (keys, database):
        rows: list[dict[str, Any]] = [
            {
                "id": row.id,
                "name": row.name,
                "scopes": ", ".join(row.scopes) or f"{row.partner_kind} {row.partner_id}",
                "made": f"{row.created_at:%Y-%m-%d %H:%M}",
                "revoked": "" if row.revoked_at is None else f"{row.revoked_at:%Y-%m-%d %H:%M}",
            }
            for row in keys.listed(database)
        ]
        if as_json:
            print_json({"tenant": tenant, "keys": rows})
        else:
            headings = ("id", "name", "scopes", "made", "revoked")
            print_table(f"Keys of {tenant}", headings, [list(row.values()) for row in rows])
        return Exit.FINE


def revoke(
    key_id: Annotated[str, typer.Argument(help="As in key_3f0c...")],
    tenant: Tenant = "local",
    home: Home = None,
    as_json: AsJson = False,
) -> int:
    """Take a key back at once."""
    with _keys(home, tenant) as (keys, database):
        keys.revoke(database, key_id)
        if as_json:
            print_json({"tenant": tenant, "revoked": key_id})
        else:
            print_line(f"Key {key_id} is good for nothing any more.")
        return Exit.FINE


@contextmanager
def _keys(
    home: Path | None, tenant: str, *, new: bool = False
) -> Iterator[tuple[Keys, TenantDatabase]]:
    from api.security.keys import Keys

    with opened(home) as (database, _):
        keys = Keys(database)
        tenant_id = keys.new_tenant(tenant) if new else keys.tenant(tenant)
        yield keys, database.of(tenant_id, "holdfast keys")
