"""`holdfast plan --stages sourcing` holds what cannot ship as it is, and says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.cli.app import invoke
from optimizer.plan import Plan

SETTINGS = """name = "intake"
currency = "CNY"
timezone = "Asia/Shanghai"
start_date = "2026-03-02"
bucket = "day"
horizon_buckets = 7
unserved_penalty_per_unit = 30.0
"""
TABLES = {
    "products": "product_id,name,unit_cost,unit_price,weight_kg,volume_m3\nP,P,10,16,0.1,0.01\n",
    "sites": "site_id,kind,name,status\nA,warehouse,A,open\n",
    "zones": "zone_id,name\nZ,Z\n",
    "inventory": "site_id,product_id,on_hand\nA,P,10\n",
    "carriers": "carrier_id,kind\nC,third_party\n",
    "carrier_rates": "carrier_id,service,origin,destination,max_weight_kg,base,promise_days\n"
    "C,std,A,Z,30,5,1\n",
    "orders": "order_id,zone_id,lat,lon,placed_at,due_to\n"
    "GOOD,Z,30,120,2026-03-02 08:00,2026-03-04\n"
    "TWICE,Z,30,120,2026-03-02 08:00,2026-03-04\n"
    "MUCH,Z,31,120,2026-03-02 08:00,2026-03-04\n"
    "NOWHERE,,32,120,2026-03-02 08:00,2026-03-04\n"
    "LATE,Z,33,120,2026-03-02 08:00,2026-03-02\n",
    "order_lines": "order_id,line_id,product_id,qty\n"
    "GOOD,1,P,1\nTWICE,1,P,1\nMUCH,1,P,11\nNOWHERE,1,P,1\nLATE,1,P,1\n",
}


def write(folder: Path, **changes: str) -> Path:
    """Write the scenario, some tables changed."""
    folder.mkdir()
    (folder / "settings.toml").write_text(SETTINGS, encoding="utf-8")
    for name, text in (TABLES | changes).items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def test_four_orders_are_held_and_the_good_one_ships(tmp_path: Path) -> None:
    """A repeat, more than all stock, no zone and a promise of yesterday stand in held_orders."""
    case = write(tmp_path / "case")
    arguments = ["plan", str(case), "--stages", "sourcing", "--out", str(tmp_path / "plan")]
    assert invoke([*arguments, "--work", "1"]) == 0
    tables = Plan.load(tmp_path / "plan").tables
    held = tables["held_orders"].set_index("order_id")
    assert held["code"].to_dict() == {
        "TWICE": "duplicate", "MUCH": "no_stock", "NOWHERE": "no_zone", "LATE": "too_late",
    }  # fmt: skip
    assert held.loc["MUCH", "what_helps"] == "2 more of P at A (ships for 5.00)"
    assert list(tables["shipments"]["order_id"]) == ["GOOD"]


@pytest.mark.parametrize("qty", ["0", "-1", "many"])
def test_an_impossible_quantity_is_a_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], qty: str
) -> None:
    """Nothing is planned from a quantity that is no quantity: exit code 2, the row is named."""
    lines = TABLES["order_lines"].replace("MUCH,1,P,11", f"MUCH,1,P,{qty}")
    case = write(tmp_path / "case", order_lines=lines)
    arguments = ["plan", str(case), "--stages", "sourcing", "--out", str(tmp_path / "plan")]
    assert invoke(arguments) == 2
    assert "order_lines" in capsys.readouterr().err


def test_an_order_id_stated_twice_is_a_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two rows of one order_id cannot both be meant: exit code 2."""
    orders = TABLES["orders"] + "GOOD,Z,30,120,2026-03-02 09:00,2026-03-04\n"
    case = write(tmp_path / "case", orders=orders)
    arguments = ["plan", str(case), "--stages", "sourcing", "--out", str(tmp_path / "plan")]
    assert invoke(arguments) == 2
    assert "GOOD" in capsys.readouterr().err
