"""What reads uploads, what is fed to it, and what it may do: raise our errors, and touch nothing.

Run as a programme it works through inputs by number, and tells each before it begins, so that
whoever watches knows which one ended it.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import resource
import signal
import sys
import traceback
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from optimizer.gates.reading import load_gates
from scenarios import HoldfastError, InputError, Scenario
from scenarios.deltas import apply, read_deltas
from scenarios.files import read_bytes, scenario_bytes
from scenarios.importers.mapping import import_files, load_mapping
from scenarios.importers.mapping.spec import READY
from scenarios.library import demo_scenario
from scenarios.validation import validate
from tests.fuzz.mutations import (
    NASTY_VALUES,
    broken_bytes,
    broken_document,
    broken_json,
    broken_text,
    broken_xml,
    broken_zip,
)

CPU_SECONDS: Final = 10.0  # an input that takes more hangs
MEMORY: Final = 4 << 30
CHECKED: Final = 4  # of so many scenarios that come out, one is looked at for what is wrong with it
CANARY: Final = "canary.txt"
REACHING: Final = ("os.mkdir", "os.rename", "os.remove", "os.symlink", "os.link", "os.system",
                   "os.exec", "subprocess.Popen", "socket.connect",
                   "pickle.find_class")  # fmt: skip
TABLES = ("products", "sites", "inventory", "orders", "order_lines", "zones")
GATES = b"""name = "night"
[[kpi]]
kpi = "total_cost"
max = 1000.0
[[rows]]
table = "purchase_orders"
where = { supplier_id = "S1" }
sum = "qty"
max = 10
[[nervousness]]
measure = "qty_share"
days = 7
max = 0.2
[[findings]]
severity = "error"
max = 0
[[gap]]
stage = "network"
max = 0.05
[[suite]]
name = "storm"
[[suite.case]]
name = "port"
"""
DELTAS = [
    {"table": "settings", "op": "set", "column": "seed", "value": 2},
    {"table": "products", "op": "scale", "column": "unit_cost", "value": 1.1},
    {"table": "inventory", "op": "add", "column": "on_hand", "value": 5,
     "where": {"column": "site_id", "is": "S1"}},
    {"table": "orders", "op": "add", "column": "placed_at", "value": 1},
    {"table": "products", "op": "upsert", "value": [{"product_id": "X", "name": "x"}]},
    {"table": "zones", "op": "delete", "value": [{"zone_id": "Z1"}]},
]  # fmt: skip


@cache
def shop() -> Scenario:
    """Return a small scenario: some rows of some tables of the corner shop."""
    whole = demo_scenario("corner-shop")
    tables = {name: whole.tables[name].head(4) for name in TABLES if name in whole.tables}
    return Scenario(whole.settings, tables)


@cache
def sound(form: str) -> bytes:
    """Return a sound file of a form."""
    if form == "parquet":
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for name, frame in shop().tables.items():
                archive.writestr(f"{name}.parquet", frame.to_parquet(index=False))
            archive.writestr("settings.toml", _settings_text())
        return stream.getvalue()
    return scenario_bytes(shop(), form)


def odd_parquet(rng: random.Random) -> bytes:
    """Return a Parquet file of columns whose types no table has."""
    types: list[tuple[pa.DataType, list[Any]]] = [
        (pa.list_(pa.int8()), [[1], None]),
        (pa.struct([("a", pa.string())]), [{"a": "x"}, None]),
        (pa.decimal128(38, 9), [None, 1]),
        (pa.timestamp("ns", "Asia/Shanghai"), [0, 2**62]),
        (pa.timestamp("s"), [-(2**40), 2**40]),
        (pa.date64(), [0, None]),
        (pa.time64("us"), [1, None]),
        (pa.duration("s"), [1, None]),
        (pa.binary(), [b"\xff\xfe", None]),
        (pa.null(), [None, None]),
        (pa.bool_(), [True, None]),
        (pa.float16(), [None, None]),
        (pa.uint64(), [2**64 - 1, None]),
        (pa.dictionary(pa.int8(), pa.string()), ["S1", None]),
        (pa.large_string(), ["x" * 70_000, "\x00"]),
    ]
    name = rng.choice(sorted(shop().tables))
    columns = list(shop().tables[name].columns)
    rng.shuffle(columns)
    arrays, names = [], []
    for column in columns[: rng.randint(1, 8)]:
        kind, values = rng.choice(types)
        arrays.append(pa.array(values, kind))
        names.append(column)
    if rng.random() < 0.2:
        names[-1] = names[0]
    stream = io.BytesIO()
    pq.write_table(pa.table(arrays, names=names), stream)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("settings.toml", _settings_text())
        archive.writestr(f"{name}.parquet", stream.getvalue())
    return packed.getvalue()


def _member(name: str, data: bytes, rng: random.Random) -> bytes:
    if name.endswith(".parquet"):
        return broken_bytes(data, rng)
    if name.endswith((".xml", ".rels", ".vml")):
        return broken_xml(data, rng, str(Path(CANARY).resolve()))
    return broken_text(data, rng) if rng.random() < 0.8 else broken_bytes(data, rng)


def read_upload(name: str, data: bytes) -> Scenario:
    """Read an upload as the service does."""
    return read_bytes(name, data)


def _gates(data: bytes) -> None:
    place = Path("gates.toml")
    place.write_bytes(data)
    load_gates(place)


def _settings(data: bytes) -> Scenario:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("settings.toml", data)
        archive.writestr("products.csv", shop().tables["products"].to_csv(index=False))
    return read_upload("x.zip", stream.getvalue())


def _deltas(data: bytes) -> Scenario | None:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError("no JSON") from error
    return apply(shop(), read_deltas(document)) if isinstance(document, list) else None


def _broken_deltas(rng: random.Random) -> bytes:
    chosen = rng.sample(DELTAS, rng.randint(1, 3))
    document = broken_document(chosen, rng) if rng.random() < 0.9 else rng.choice(NASTY_VALUES)
    return json.dumps(document).encode()


JD_ORDERS = (
    "订单号,商品ID,商品名称,订购数量,支付方式,下单时间,京东价,订单金额,结算金额,余额支付,应付金额,"
    "订单状态,订单类型,下单帐号,客户姓名,客户地址,联系电话,付款确认时间,货号\n"
    "501\t,1001,银饰,1,在线支付,2015-12-31 23:19:56,758.00,1097.00,932.45,0.00,932.45,"
    "等待出库,销售订单,u1,王,江西南昌市青山湖区昌东工业区,137,2015-12-31 23:20:10,N-1\n"
    "502\t,1001,银饰,2,在线支付,2015-12-30 10:00:00,758.00,1516.00,1516.00,0.00,1516.00,完成,"
    "销售订单,u2,李,北京朝阳区四环到五环之间,138,2015-12-30 10:00:10,N-1\n"
).encode()


def _export(data: bytes) -> Scenario:
    place = Path("orders.csv")
    place.write_bytes(data)
    return import_files(load_mapping("jd"), [place]).scenario


def _mapping(data: bytes) -> Scenario:
    place = Path("mapping.toml")
    place.write_bytes(data)
    orders = Path("orders.csv")
    orders.write_bytes(JD_ORDERS)
    return import_files(load_mapping(place), [orders]).scenario


@cache
def _ready(name: str) -> bytes:
    return (
        resources.files("scenarios.importers.mapping").joinpath(f"ready/{name}.toml").read_bytes()
    )


Case = tuple[Callable[[random.Random], bytes], Callable[[bytes], Scenario | None]]
READERS: dict[str, Case] = {
    "xlsx": (lambda rng: broken_zip(sound("xlsx"), rng, _member),
             lambda data: read_upload("x.xlsx", data)),
    "zip of csv": (lambda rng: broken_zip(sound("zip"), rng, _member),
                   lambda data: read_upload("x.zip", data)),
    "zip of parquet": (lambda rng: broken_zip(sound("parquet"), rng, _member),
                       lambda data: read_upload("x.zip", data)),
    "odd parquet": (odd_parquet, lambda data: read_upload("x.zip", data)),
    "json": (lambda rng: broken_json(sound("json"), rng),
             lambda data: read_upload("x.json", data)),
    "settings.toml": (lambda rng: broken_text(_settings_text(), rng), _settings),
    "gates.toml": (lambda rng: broken_text(GATES, rng), _gates),
    "mapping.toml": (lambda rng: broken_text(_ready(rng.choice(READY)), rng), _mapping),
    "export of orders": (lambda rng: broken_text(JD_ORDERS, rng), _export),
    "deltas": (_broken_deltas, _deltas),
}  # fmt: skip


@cache
def _settings_text() -> bytes:
    with zipfile.ZipFile(io.BytesIO(sound("zip"))) as archive:
        name = next(name for name in archive.namelist() if name.startswith("settings"))
        return archive.read(name)


def take(number: int, form: str, data: bytes) -> None:
    """Read an input; what comes out has a hash, and of some it is looked at what is wrong."""
    made = READERS[form][1](data)
    if made is None:
        return
    _ = made.content_hash
    if number // len(READERS) % CHECKED == 0:
        validate(made)


def input_of(seed: int, number: int) -> tuple[str, bytes]:
    """Return which reader gets the input of a number, and the input."""
    names = sorted(READERS)
    form = names[number % len(names)]
    return form, READERS[form][0](random.Random(f"{seed}/{number}"))


@contextlib.contextmanager
def guarded(home: Path) -> Iterator[list[str]]:
    """Note whatever reaches out of a folder: files written or read there, programmes, sockets."""
    seen: list[str] = []
    on = [True]

    def hook(event: str, told: tuple[Any, ...]) -> None:
        if not on[0]:
            return
        if event == "open" and isinstance(told[0], str | bytes):
            path = Path(os.fsdecode(told[0]).replace("\x00", "")).absolute()
            writes = bool((told[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
            if path.name == CANARY or (writes and home not in path.parents):
                seen.append(f"{event} {path}")
        elif event in REACHING:
            seen.append(f"{event} {told}")

    sys.addaudithook(hook)
    try:
        yield seen
    finally:
        on[0] = False


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Read inputs from a number up to another; print a line for each that goes wrong."""
    seed, first, last = (int(argument) for argument in arguments)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    Path(CANARY).write_text("secret")
    validate(_export(JD_ORDERS))
    for form in ("xlsx", "zip", "parquet", "json"):
        read_upload(f"x.{form.replace('parquet', 'zip')}", sound(form))
    with guarded(Path.cwd()) as reached:
        for number in range(first, last):
            form, data = input_of(seed, number)
            _tell(f"at {number} {form}")
            signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
            try:
                take(number, form, data)
            except HoldfastError:
                pass
            except BaseException as error:  # noqa: BLE001 - that is what is looked for
                where = traceback.extract_tb(error.__traceback__)[-1]
                told = f"{type(error).__name__}: {str(error)[:200]!r} in {where.filename}"
                _tell(f"bad {number} {form}: {told}:{where.lineno}")
            signal.setitimer(signal.ITIMER_PROF, 0.0)
            if reached:
                _tell(f"bad {number} {form}: reached out: {reached}")
                reached.clear()
    _tell("end")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
