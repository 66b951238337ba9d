"""Orders promised one by one are held to hard limits on CO2e, and told what is used of them."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from optimizer.allocation.sourcing.desk import Desk
from optimizer.allocation.sourcing.online import decide
from optimizer.plan import conform

from .conftest import START
from .test_online_sourcing import ask, prices
from .test_sourcing_co2_caps import capped

DIRTY, CLEAN = 2000.0, 500.0  # grams of a parcel from A, for 5, and from B, for 8


def promise(desk, order):
    """Decide and reserve."""
    decision = decide(desk, order)
    ready = order.ready_on(desk.start)
    for p in decision.parcels:
        desk.take(p.site_id, p.carrier_id, ready, p.lines, "", order.placed_at, p.g_co2e)
    return decision


def sites(desk, *orders):
    """Return the site of each order's parcel, "-" where it stays, and the last answer."""
    made = [promise(desk, order) for order in orders]
    return "".join(d.parcels[0].site_id if d.parcels else "-" for d in made), made[-1]


def test_promises_take_what_is_left_of_a_limit_and_then_the_cleaner_way(tables, scenario):
    """4600 g: two from A, then one from B with 100 g left; the fourth stays, code co2."""
    desk = Desk(scenario(capped(tables(), 4600.0, DIRTY, CLEAN)), {})
    way, last = sites(desk, *[ask(("P", 1.0))] * 4)
    assert way == "AAB-"
    (left,) = last.unserved
    assert left.code == "co2"
    assert left.detail == "limit CAP on CO2e has 100 g left; a parcel emits at least 500 g"
    (state,) = last.caps
    assert (state.limit_id, state.scope, state.bucket) == ("CAP", "all", None)
    assert (state.grams, state.used) == (4600.0, 4500.0)


def test_an_answer_counts_its_own_parcels(tables, scenario):
    """2000 of 4600 g are used once the first is promised."""
    desk = Desk(scenario(capped(tables(), 4600.0, DIRTY, CLEAN)), {})
    decision = decide(desk, ask(("P", 1.0)))
    assert decision.parcels[0].g_co2e == DIRTY
    assert decision.caps[0].used == DIRTY
    assert desk.caps.caps[0].used == 0.0  # nothing is reserved yet


def test_what_the_batch_emits_is_used(tables, scenario, source):
    """The batch ships its order from A, 2000 of 3000 g: the next one comes from B."""
    facts = scenario(capped(tables(), 3000.0, DIRTY, CLEAN))
    made = source(capped(tables(), 3000.0, DIRTY, CLEAN))
    batch = {name: conform(name, table) for name, table in made.tables.items()}
    batch.pop("marginal_prices", None)
    assert batch["shipments"]["g_co2e"].tolist() == [DIRTY]
    assert sites(Desk(facts, batch), ask(("P", 1.0)))[0] == "B"


def test_a_limit_on_a_site_counts_its_parcels_alone(tables, scenario):
    """A may emit 3000 g: one parcel, then B serves."""
    desk = Desk(scenario(capped(tables(), 3000.0, DIRTY, CLEAN, scope="site:A")), {})
    way, last = sites(desk, *[ask(("P", 1.0))] * 3)
    assert way == "ABB"
    assert (last.caps[0].scope, last.caps[0].used) == ("site:A", DIRTY)


def test_a_limit_of_a_day_counts_what_is_ready_on_it(tables, scenario):
    """Nothing may be emitted on the second day: the order of the first goes, the other stays."""
    later = START + pd.Timedelta("1D")
    desk = Desk(scenario(capped(tables(), 0.0, DIRTY, CLEAN, bucket=later)), {})
    second = ask(("P", 1.0), placed_at=later.to_pydatetime(), due_to=later + pd.Timedelta("2D"))
    assert sites(desk, ask(("P", 1.0)))[1].caps == ()
    way, last = sites(desk, second)
    assert way == "-"
    assert last.caps[0].bucket == later.date()


def test_two_parcels_of_one_order_keep_a_limit_together(tables, scenario):
    """P is left at A alone, Q at B alone: 2500 g for both, 2400 allowed. The dearer line goes."""
    rows = capped(tables(), 2400.0, DIRTY, CLEAN)
    made = rows["products"][0]
    rows["products"] = [made | {"product_id": "P"}, made | {"product_id": "Q"}]
    rows["inventory"] = [
        {"site_id": "A", "product_id": "P", "on_hand": 9.0},
        {"site_id": "B", "product_id": "Q", "on_hand": 9.0},
    ]
    decision = decide(Desk(scenario(rows), {}), ask(("P", 3.0), ("Q", 1.0)))
    assert [p.site_id for p in decision.parcels] == ["A"]
    assert not decision.exact
    (left,) = decision.unserved
    assert (left.line_id, left.code) == ("2", "co2")
    assert left.detail == "limit CAP on CO2e has 400 g left; a parcel emits at least 500 g"


def test_the_price_of_a_limit_is_named_where_it_decides(tables, scenario):
    """A gram is worth 0.003: 5 + 6 from A against 8 + 1.5 from B, so B, and the limit is told."""
    facts = scenario(capped(tables(), 9000.0, DIRTY, CLEAN))
    decision = decide(Desk(facts, prices(("co2", "CAP", None, 0.003))), ask(("P", 1.0)))
    assert decision.parcels[0].site_id == "B"
    assert decision.parcels[0].priced == pytest.approx(1.5)
    assert decision.binding == {"rule": "price of CO2e", "parameter": "CAP", "value": 6.0}


def test_what_is_not_held_is_told(tables, scenario):
    """A soft limit holds nobody, and a rate that states no grams counts nothing."""
    soft = capped(tables(), 0.0, DIRTY, CLEAN, hard=False)
    told = decide(Desk(scenario(soft), {}), ask(("P", 1.0)))
    assert told.caps == ()
    assert told.notes == ("Limit CAP on CO2e is soft: sourcing is not held to it.",)
    silent = capped(tables(), 100.0, None, CLEAN)
    decision = decide(Desk(scenario(silent), {}), ask(("P", 1.0)))
    assert decision.parcels[0].site_id == "A"
    (note,) = decision.notes
    assert note.startswith("1 of 2 carrier rates state no g_co2e_per_parcel")
    assert note.endswith("limits on CO2e (CAP) do not count it.")


def test_without_limits_nothing_is_told(tables, scenario):
    """No limit, no note, the same promise."""
    decision = decide(Desk(scenario(tables()), {}), ask(("P", 1.0)))
    assert (decision.caps, decision.notes) == ((), ())
    assert decision.promised_on == (START + dt.timedelta(days=1)).date()
