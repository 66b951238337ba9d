"""No edit, removal or change of order of audit records goes unseen, wherever it is made."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from api.security.trail import FIRST, breaks, chained
from api.store.rows import TrailRow

TEXT = st.text(max_size=8)
DETAIL = st.dictionaries(TEXT, st.none() | st.booleans() | st.integers() | TEXT, max_size=3)
TOLD = st.fixed_dictionaries(
    {"at": TEXT, "actor": TEXT, "action": TEXT, "target": TEXT, "detail": DETAIL}
)
TOLDS = st.lists(TOLD, min_size=2, max_size=8)
HASH = st.text("0123456789abcdef", min_size=64, max_size=64)


def chain(tolds: list[dict[str, Any]]) -> list[TrailRow]:
    """Return records as the service writes them."""
    rows: list[TrailRow] = []
    for told in tolds:
        rows.append(chained(TrailRow(tenant_id="t", **told), rows[-1] if rows else None))
    return rows


def renumbered(rows: list[TrailRow]) -> list[TrailRow]:
    """Number records from 1 again, as somebody would who hides a change."""
    for number, row in enumerate(rows, start=1):
        row.number = number
    return rows


@given(TOLDS)
def test_a_whole_chain_has_no_break(tolds: list[dict[str, Any]]) -> None:
    """Nothing is reported where nothing was done."""
    assert list(breaks(chain(tolds))) == []


@given(TOLDS, st.data())
def test_any_edit_is_seen(tolds: list[dict[str, Any]], data: st.DataObject) -> None:
    """Any column of any record, the hashes, number and tenant too, gets any other value."""
    rows = chain(tolds)
    row = data.draw(st.sampled_from(rows))
    values = {
        "at": TEXT,
        "actor": TEXT,
        "action": TEXT,
        "target": TEXT,
        "detail": DETAIL,
        "tenant_id": TEXT,
        "number": st.integers(),
        "hash": HASH,
        "hash_before": HASH,
    }
    column = data.draw(st.sampled_from(sorted(values)))
    before = getattr(row, column)
    other = values[column].filter(lambda value: value != before or type(value) is not type(before))
    setattr(row, column, data.draw(other))
    assert list(breaks(rows)) != []


@given(TOLDS, st.data(), st.booleans())
def test_any_removal_before_the_end_is_seen(
    tolds: list[dict[str, Any]], data: st.DataObject, hides: bool
) -> None:
    """One or more records are gone, the last is there; those left are numbered anew, or not."""
    rows = chain(tolds)
    gone = data.draw(st.sets(st.integers(0, len(rows) - 2), min_size=1))
    left = [row for place, row in enumerate(rows) if place not in gone]
    assert list(breaks(renumbered(left) if hides else left)) != []


@given(TOLDS, st.data(), st.booleans())
def test_any_other_order_is_seen(
    tolds: list[dict[str, Any]], data: st.DataObject, hides: bool
) -> None:
    """Records that have changed places, with their numbers or without them."""
    rows = chain(tolds)
    places = list(range(len(rows)))
    order = data.draw(st.permutations(places).filter(lambda order: list(order) != places))
    moved = [rows[place] for place in order]
    assert list(breaks(renumbered(moved) if hides else moved)) != []


def test_the_first_record_follows_nothing() -> None:
    """Its hash before is 64 zeros, so that a chain with another beginning is seen."""
    assert (
        chain([{"at": "", "actor": "", "action": "", "target": "", "detail": {}}])[0].hash_before
        == FIRST
    )
