"""The packaged mappings on files as the systems write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import pytest

from scenarios import InputError
from scenarios.importers.mapping import import_files, load_mapping, ready_names
from scenarios.importers.mapping.run import Mapped

TAOBAO_ORDERS = (
    "订单编号,买家会员名,买家支付宝账号,买家应付货款,买家应付邮费,总金额,订单状态,收货人姓名,"
    "收货地址 ,联系电话 ,联系手机,订单创建时间,订单付款时间 ,宝贝标题 ,宝贝总数量,退款金额\n"
    '="2001",张三,x@y.z,20,0,20,"买家已付款，等待卖家发货",张三,'
    "吉林省 通化市 柳河县 柳河镇(135300),,'13800000000,2016/5/23 22:02,2016/5/23 22:03,茶,3,0\t\n"
    '="2002",李四,x@y.z,10,0,10,交易成功,李四,广东省 深圳市 南山区 科技园,,'
    "'13800000001,2016/5/22 08:00,2016/5/22 08:01,茶,1,0\n"
    '="2003",王五,x@y.z,10,0,10,交易关闭,王五,广东省 深圳市 南山区 科技园,,'
    "'13800000002,2016/5/22 09:00,,茶,1,10\n"
    '="2004",赵六,x@y.z,10,0,10,"买家已付款，等待卖家发货",赵六,不知道哪里,,'
    "'13800000003,2016/5/23 10:00,2016/5/23 10:00,茶,1,0\n"
)
TAOBAO_ITEMS = (
    "订单编号,标题,价格,购买数量,外部系统编号,商品属性,套餐信息,备注,订单状态,商家编码\n"
    '="2001",绿茶 100克,10.00,2,A-1,,,,"买家已付款，等待卖家发货",A-1 \n'
    '="2001",红茶,0,1,A-2,,,,"买家已付款，等待卖家发货",A-2\n'
    '="2002",绿茶 100克,12.00,1,A-1,,,,交易成功,A-1\n'
    '="2003",绿茶 100克,10.00,1,A-1,,,,交易关闭,A-1\n'
    '="2004",绿茶 100克,10.00,1,A-1,,,,"买家已付款，等待卖家发货",A-1\n'
    '="2999",绿茶 100克,10.00,1,A-1,,,,交易成功,A-1\n'
)
JD = (
    "订单号,商品ID,商品名称,订购数量,支付方式,下单时间,京东价,订单金额,结算金额,余额支付,应付金额,订单状态,"
    "订单类型,下单帐号,客户姓名,客户地址,联系电话,付款确认时间,货号\n"
    "501\t,1001,银饰,1,在线支付,2015-12-31 23:19:56,758.00,1097.00,932.45,0.00,932.45,"
    "(删除)等待出库,销售订单,u1,王,江西南昌市青山湖区昌东工业区,137,2015-12-31 23:20:10,N-1\n"
    "502\t,1001,银饰,2,在线支付,2015-12-30 10:00:00,758.00,1516.00,1516.00,0.00,1516.00,完成,"
    "销售订单,u2,李,北京朝阳区四环到五环之间,138,2015-12-30 10:00:10,N-1\n"
    "503\t,1001,银饰,1,在线支付,2015-12-31 10:00:00,758.00,1516.00,1516.00,0.00,1516.00,等待出库,"
    "销售订单,u2,李,北京朝阳区四环到五环之间,138,2015-12-31 10:00:10,N-1\n"
    "503\t,1002,珍珠,1,在线支付,2015-12-31 10:00:00,758.00,1516.00,1516.00,0.00,1516.00,等待出库,"
    "销售订单,u2,李,北京朝阳区四环到五环之间,138,2015-12-31 10:00:10,N-2\n"
    "504\t,1001,银饰,1,在线支付,2015-12-31 10:00:00,758.00,1516.00,1516.00,0.00,1516.00,等待付款,"
    "销售订单,u3,周,上海浦东新区张江,138,,N-1\n"
)


def write(folder: Path, name: str, text: str, encoding: str = "utf-8-sig") -> Path:
    """Write a file as the system does."""
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def counts(made: Mapped) -> dict[str, tuple[int, int, int, int]]:
    """Return rows read, made, folded and left out by table."""
    return {
        report.table: (report.read, report.mapped, report.folded, sum(report.excluded.values()))
        for report in made.reports
    }


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16"])
def test_taobao_reports_become_orders_lines_and_history(tmp_path: Path, encoding: str) -> None:
    """Formula ids, trailing blanks and tabs, refunds, unpaid and unknown addresses."""
    orders = write(tmp_path, "ExportOrderList1.csv", TAOBAO_ORDERS, encoding)
    items = write(tmp_path, "ExportOrderDetailList1.csv", TAOBAO_ITEMS, encoding)
    made = import_files(load_mapping("taobao"), [orders, items])
    scenario = made.scenario
    assert scenario.table("orders")["order_id"].tolist() == ["2001"]
    assert scenario.table("orders")["zone_id"].tolist() == ["吉林-通化"]
    lines = scenario.table("order_lines")
    assert lines[["order_id", "line_id", "product_id", "qty"]].to_numpy().tolist() == [
        ["2001", "1", "A-1", 2.0],
        ["2001", "2", "A-2", 1.0],
    ]
    history = scenario.table("demand_history").set_index(["location_id", "product_id"])
    assert history["qty"].to_dict() == {
        ("吉林-通化", "A-1"): 2.0,
        ("吉林-通化", "A-2"): 1.0,
        ("广东-深圳", "A-1"): 1.0,
    }
    assert scenario.settings.start_date.isoformat() == "2016-05-24"
    assert scenario.table("zones")["lat"].notna().all()
    by_table = {report.table: report for report in made.reports}
    assert by_table["orders"].excluded == {
        "closed or refunded": 1,
        "shipped already": 1,
        "address not recognised": 1,
    }
    assert by_table["order_lines"].excluded == {
        "its order is not in the order report": 1,
        "its order is not waiting to ship": 2,
        "not in orders.order_id": 1,
    }
    assert counts(made)["demand_history"] == (6, 3, 0, 3)


def test_no_person_is_taken_over(tmp_path: Path) -> None:
    """Names, accounts, telephones and streets are in no table."""
    paths = [write(tmp_path, "o.csv", TAOBAO_ORDERS), write(tmp_path, "i.csv", TAOBAO_ITEMS)]
    scenario = import_files(load_mapping("taobao"), paths).scenario
    for frame in scenario.tables.values():
        text = frame.astype(str).to_csv()
        assert not any(
            word in text for word in ("张三", "x@y.z", "13800000000", "柳河镇", "科技园")
        )


def test_unknown_addresses_are_told_with_their_row(tmp_path: Path) -> None:
    """The row of the file, the column of ours, the text, and what to do."""
    paths = [write(tmp_path, "o.csv", TAOBAO_ORDERS), write(tmp_path, "i.csv", TAOBAO_ITEMS)]
    made = import_files(load_mapping("taobao"), paths)
    found = {
        (f.table, f.row, f.column, f.value) for f in made.findings if f.code == "unknown_address"
    }
    assert ("orders", 5, "zone_id", "不知道哪里") in found


def test_jd_export_becomes_orders_and_history(tmp_path: Path) -> None:
    """Deleted and unpaid orders are left out; addresses without blanks are taken apart."""
    made = import_files(load_mapping("jd"), [write(tmp_path, "jd.csv", JD, "gb18030")])
    scenario = made.scenario
    assert scenario.table("orders")[["order_id", "zone_id"]].to_numpy().tolist() == [
        ["503", "北京"]
    ]
    assert scenario.table("order_lines")["line_id"].tolist() == ["1", "2"]
    assert scenario.table("demand_history")["qty"].sum() == 4.0
    by_table = {report.table: report for report in made.reports}
    assert by_table["orders"].excluded == {
        "closed or refunded": 1,
        "not paid": 1,
        "shipped already": 1,
    }
    assert by_table["orders"].folded == 1


def test_an_unknown_status_is_an_error_with_the_known_ones(tmp_path: Path) -> None:
    """A new status is not guessed at: nothing is made, and the finding names row and remedy."""
    path = write(tmp_path, "jd.csv", JD.replace("等待出库,\n", "").replace(",完成,", ",飞走了,"))
    with pytest.raises(InputError) as caught:
        import_files(load_mapping("jd"), [path])
    (finding,) = [f for f in caught.value.findings if f.code == "unmapped_value"]
    assert (finding.table, finding.row, finding.column) == ("orders", 3, "status")
    assert "等待出库" in finding.hint


def sheet(folder: Path, name: str, rows: list[list[Any]]) -> Path:
    """Write a workbook with one sheet."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(folder / name)
    return folder / name


def test_odoo_exports_become_a_scenario(tmp_path: Path) -> None:
    """Lines below their order, codes in brackets, received quantities, stock by warehouse."""
    paths = [
        sheet(tmp_path, "products.xlsx", [
            ["Internal Reference", "Name", "Cost", "Sales Price", "Weight", "Volume", "Barcode"],
            ["FURN_7777", "Office Chair", 40, 70, 9.5, 0.12, "5901234123457"],
        ]),
        sheet(tmp_path, "sales.xlsx", [
            ["Order Reference", "Order Date", "Status", "Delivery Address/City",
             "Order Lines/Product", "Order Lines/Quantity"],
            ["S00003", "2025-12-01 10:37:22", "Sales Order", "Brussels",
             "[FURN_7777] Office Chair", 2],
            ["", "", "", "", "[FURN_7777] Office Chair", 1],
            ["S00004", "2025-12-02 10:37:22", "Quotation", "Ghent",
             "[FURN_7777] Office Chair", 9],
        ]),
        sheet(tmp_path, "quants.xlsx", [
            ["Product", "Location", "Quantity", "Reserved Quantity"],
            ["[FURN_7777] Office Chair", "WH/Stock", 10, 2],
            ["[FURN_7777] Office Chair", "WH/Stock/Shelf 1", 5, 0],
            ["[FURN_7777] Office Chair", "Virtual Locations/Scrap", 3, 0],
        ]),
        sheet(tmp_path, "purchases.xlsx", [
            ["Order Reference", "Vendor", "Order Deadline", "Status", "Order Lines/Product",
             "Order Lines/Quantity", "Order Lines/Received Qty", "Order Lines/Expected Arrival",
             "Deliver To"],
            ["P00001", "Azure", "2025-11-20 08:00:00", "Purchase Order",
             "[FURN_7777] Office Chair", 10, 4, "2025-12-08", "WH: Receipts"],
            ["", "", "", "", "[FURN_7777] Office Chair", 5, 5, "2025-12-08", ""],
        ]),
    ]  # fmt: skip
    scenario = import_files(load_mapping("odoo"), paths).scenario
    assert scenario.table("inventory")[["site_id", "on_hand", "reserved"]].to_numpy().tolist() == [
        ["WH", 15.0, 2.0]
    ]
    history = scenario.table("demand_history")
    assert history[["product_id", "location_id", "qty"]].to_numpy().tolist() == [
        ["FURN_7777", "BE-Brussels", 3.0]
    ]
    due = scenario.table("open_orders")
    assert due[["order_id", "line", "source_id", "site_id", "qty"]].to_numpy().tolist() == [
        ["P00001", "1", "Azure", "WH", 6.0]
    ]
    assert scenario.table("products")["weight_kg"].tolist() == [9.5]


def test_erpnext_exports_become_a_scenario(tmp_path: Path) -> None:
    """Weights in their own unit, warehouses as sites, what is still to be received."""
    paths = [
        write(tmp_path, "item.csv",
              "Item Code,Item Name,Item Group,Valuation Rate,Standard Selling Rate,"
              "Weight Per Unit,Weight UOM\nW-1,Widget,Parts,4,10,250,Gram\nW-2,Wadget,Parts,1,2,"
              "1.5,Kg\n"),
        write(tmp_path, "bin.csv",
              "Item Code,Warehouse,Actual Quantity,Reserved Quantity\nW-1,Stores - AMG,30,5\n"),
        write(tmp_path, "so.csv",
              "ID,Customer,Date,Status,Item Code (Items),Quantity (Items),Rate (Items),"
              "Delivery Warehouse (Items)\nSO-1,ACME,2025-01-15,To Deliver,W-1,10,15,Stores - AMG\n"
              ",,,,W-2,5,2,Stores - AMG\nSO-2,ACME,2025-01-16,Cancelled,W-1,10,15,Stores - AMG\n"),
        write(tmp_path, "po.csv",
              "ID,Supplier,Date,Status,Item Code (Items),Quantity (Items),Received Qty (Items),"
              "Required By (Items),Warehouse (Items)\n"
              "PO-1,Acme,2025-01-10,To Receive and Bill,W-1,10,4,2025-01-30,Stores - AMG\n"),
    ]  # fmt: skip
    made = import_files(load_mapping("erpnext"), paths)
    products = made.scenario.table("products").set_index("product_id")
    assert products["weight_kg"].to_dict() == {"W-1": 0.25, "W-2": 1.5}
    assert made.scenario.table("open_orders")["qty"].tolist() == [6.0]
    assert made.scenario.table("demand_history")["qty"].tolist() == [10.0, 5.0]
    assumed = [f for f in made.findings if f.code == "assumed"]
    assert [(f.column, f.table) for f in assumed] == [("volume_m3", "products")]


@pytest.mark.parametrize("name", ready_names())
def test_a_ready_mapping_is_sound(name: str) -> None:
    """It loads, and says where its headings come from."""
    mapping = load_mapping(name)
    assert mapping.sources
    assert mapping.tables
