"""`holdfast confirmations`: what suppliers and carriers said, and what is made of it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.console import Exit, print_json, print_line, print_table
from api.cli.opened import opened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from api.services.confirmations import ConfirmationService
    from api.store.rows import ConfirmationRow

Home = Annotated[Path | None, typer.Option(help="Folder of the service; or HOLDFAST_HOME.")]
Tenant = Annotated[str, typer.Option(help="Name of the tenant.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Scenario = Annotated[str, typer.Argument(metavar="SCENARIO", help="As in scn_3f0c...")]
Ids = Annotated[
    list[str] | None, typer.Option("--id", help="Only this one; may be repeated. Default: all.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="See and apply what partners confirmed.", no_args_is_help=True)
    group.command("list")(listed)
    group.command("apply")(apply)
    group.command("reject")(reject)
    app.add_typer(group, name="confirmations")


def listed(
    scenario: Scenario,
    state: Annotated[
        str, typer.Option(help="pending, applied, rejected, superseded, noted; blank: all.")
    ] = "pending",
    tenant: Tenant = "local",
    home: Home = None,
    as_json: AsJson = False,
) -> int:
    """List confirmations of a scenario's orders, newest first."""
    with _service(home, tenant) as service:
        rows = service.listed(scenario, state or None)
    _tell(rows, as_json)
    return Exit.FINE


def apply(
    scenario: Scenario, ids: Ids = None, tenant: Tenant = "local", home: Home = None,
    as_json: AsJson = False,
) -> int:  # fmt: skip
    """Make a revision in which open orders are as confirmed; with nothing pending do nothing."""
    from api.services.confirmations import PENDING

    with _service(home, tenant) as service:
        if not ids and not service.listed(scenario, PENDING, 1):
            _tell([], as_json)
            return Exit.FINE
        revision, rows = service.apply(scenario, ids)
    _tell(rows, as_json, revision.content_hash)
    return Exit.FINE


def reject(
    scenario: Scenario, ids: Ids = None, tenant: Tenant = "local", home: Home = None,
    as_json: AsJson = False,
) -> int:  # fmt: skip
    """Put confirmations aside; the orders stay as they are."""
    with _service(home, tenant) as service:
        rows = service.reject(scenario, ids)
    _tell(rows, as_json)
    return Exit.FINE


@contextlib.contextmanager
def _service(home: Path | None, tenant: str) -> Iterator[ConfirmationService]:
    """Give the service's list of confirmations, and close the database afterwards."""
    from api.security.keys import Keys
    from api.services.confirmations import ConfirmationService
    from api.services.scenarios import ScenarioService

    with opened(home) as (whole, blobs):
        database = whole.of(Keys(whole).tenant(tenant), "holdfast confirmations")
        yield ConfirmationService(database, ScenarioService(database, blobs))


def _tell(rows: Sequence[ConfirmationRow], as_json: bool, revision: str = "") -> None:
    from api.services.confirmations import confirmation_model

    if as_json:
        listed = [confirmation_model(row).model_dump(mode="json") for row in rows]
        print_json({"revision": revision or None, "confirmations": listed})
        return
    headings = ("id", "partner", "order", "ordered", "due", "confirmed", "comes", "state", "note")
    print_table(
        "Confirmations",
        headings,
        [
            [
                row.id, row.partner_id, f"{row.order_id}/{row.line}".rstrip("/"), row.ordered_qty,
                str(row.ordered_due_on or ""), row.qty, str(row.due_on), row.state, row.note,
            ]
            for row in rows
        ],
    )  # fmt: skip
    if revision:
        print_line(f"The scenario's newest revision is {revision[:12]}.")
