"""What the retailer sells: 288 products in eight categories, and 12 gift boxes made of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from scenarios.library.double_eleven.streams import Floats, between, bell, stream


class Item(NamedTuple):
    """A kind of product in its standard size: cost in CNY, kg, litres."""

    name: str
    cost: float
    kg: float
    litres: float


class Category(NamedTuple):
    """A category: its products, sizes, seasons and how it takes to a festival.

    Attributes
    ----------
    sizes : name, factor on cost, factor on weight and volume
    months : seasonal index, January to December, about 1 on average
    uplift : extra demand at the height of Double 11, in multiples of a normal week
    """

    code: str
    name: str
    sizes: tuple[tuple[str, float, float], ...]
    markup: float
    shelf_life_days: float
    case_qty: float
    popularity: float
    uplift: float
    return_rate: float
    months: tuple[float, ...]
    items: tuple[Item, ...]


CATEGORIES = (
    Category(
        "FD", "食品", (("尝鲜装", 0.6, 0.5), ("标准装", 1.0, 1.0), ("家庭装", 2.1, 2.2)),
        1.45, 270, 12, 1.3, 1.2, 0.01,
        (1.45, 1.2, 0.85, 0.85, 0.9, 0.95, 0.85, 0.85, 1.0, 1.0, 1.0, 1.15),
        (
            Item("每日坚果", 28, 0.75, 2.4), Item("风干牛肉", 42, 0.5, 1.5), Item("芒果干", 12, 0.4, 1.2),
            Item("桃酥饼", 9, 0.6, 2.5), Item("海苔脆", 11, 0.2, 1.8), Item("蛋黄酥", 18, 0.5, 2.0),
            Item("肉松小贝", 16, 0.5, 3.0), Item("过桥米线", 14, 1.0, 3.2), Item("五常大米", 32, 5.0, 6.0),
            Item("压榨菜籽油", 46, 5.0, 6.2), Item("洋槐蜂蜜", 30, 1.0, 1.1), Item("牛油火锅底料", 13, 0.5, 0.8),
        ),
    ),
    Category(
        "TE", "茶饮", (("小罐", 0.4, 0.35), ("标准装", 1.0, 1.0), ("礼盒", 1.9, 2.2)),
        1.7, 540, 12, 0.8, 1.3, 0.01,
        (1.25, 1.0, 0.95, 1.1, 1.1, 1.05, 0.9, 0.85, 1.05, 0.9, 0.9, 0.95),
        (
            Item("明前龙井", 95, 0.25, 1.6), Item("安溪铁观音", 62, 0.5, 2.2), Item("勐海普洱", 70, 0.4, 1.0),
            Item("武夷大红袍", 80, 0.3, 1.8), Item("横县茉莉花茶", 34, 0.5, 2.4), Item("福鼎白茶", 75, 0.35, 1.2),
            Item("云南挂耳咖啡", 29, 0.3, 1.6), Item("冻干咖啡", 45, 0.2, 1.4), Item("燕麦奶", 38, 6.0, 7.2),
            Item("白桃气泡水", 36, 7.5, 9.0), Item("黑豆奶", 32, 4.2, 5.5), Item("桂圆红枣茶", 19, 0.4, 1.0),
        ),
    ),
    Category(
        "BB", "母婴", (("体验装", 0.45, 0.4), ("标准装", 1.0, 1.0), ("囤货装", 2.8, 3.0)),
        1.35, 900, 6, 0.9, 1.5, 0.05,
        (0.95, 0.9, 1.0, 1.0, 1.05, 1.1, 0.95, 0.95, 1.0, 1.0, 1.1, 1.0),
        (
            Item("纸尿裤", 62, 2.2, 14.0), Item("拉拉裤", 66, 2.3, 14.5), Item("手口湿巾", 18, 1.6, 3.2),
            Item("棉柔巾", 26, 1.2, 8.0), Item("宽口奶瓶", 38, 0.3, 1.2), Item("吸管学饮杯", 29, 0.3, 1.1),
            Item("果蔬辅食泥", 24, 0.6, 0.9), Item("高铁米粉", 35, 0.5, 1.4), Item("折叠爬行垫", 88, 4.0, 32.0),
            Item("纯棉连体衣", 33, 0.25, 1.5), Item("婴儿洗衣液", 28, 2.1, 2.6), Item("安抚布书", 21, 0.2, 1.6),
        ),
    ),
    Category(
        "BC", "美妆个护", (("旅行装", 0.4, 0.3), ("正装", 1.0, 1.0), ("套装", 2.2, 2.4)),
        2.1, 1080, 12, 1.1, 2.1, 0.06,
        (0.85, 0.9, 1.15, 1.0, 1.05, 1.15, 1.0, 0.95, 0.95, 0.95, 1.05, 1.0),
        (
            Item("玻尿酸面膜", 36, 0.4, 0.9), Item("氨基酸洁面乳", 24, 0.2, 0.4), Item("保湿爽肤水", 39, 0.4, 0.6),
            Item("烟酰胺精华", 68, 0.15, 0.3), Item("修护面霜", 72, 0.2, 0.4), Item("清爽防晒霜", 41, 0.15, 0.3),
            Item("丝绒口红", 46, 0.05, 0.1), Item("持妆粉底液", 58, 0.12, 0.2), Item("温和卸妆油", 37, 0.3, 0.5),
            Item("烟花香沐浴露", 22, 0.9, 1.2), Item("控油洗发水", 26, 0.9, 1.2), Item("滋润护手霜", 14, 0.15, 0.3),
        ),
    ),
    Category(
        "HC", "家清", (("单件", 0.5, 0.4), ("组合装", 1.0, 1.0), ("囤货箱", 2.4, 2.6)),
        1.4, 1440, 8, 1.4, 1.3, 0.02,
        (1.1, 0.9, 0.95, 0.95, 1.0, 1.1, 0.95, 0.95, 0.95, 1.0, 1.1, 1.05),
        (
            Item("竹浆抽纸", 24, 2.4, 16.0), Item("四层卷纸", 22, 2.6, 15.0), Item("柠檬洗洁精", 14, 2.2, 2.6),
            Item("洗衣凝珠", 29, 1.0, 1.8), Item("加厚垃圾袋", 12, 0.9, 1.5), Item("平板拖把", 34, 1.8, 12.0),
            Item("折叠收纳箱", 27, 1.9, 18.0), Item("食品保鲜膜", 10, 0.7, 1.2), Item("新疆棉毛巾", 19, 0.5, 2.4),
            Item("无火香薰", 26, 0.5, 0.9), Item("衣柜除湿袋", 16, 2.4, 3.0), Item("洁厕灵", 15, 2.1, 2.4),
        ),
    ),
    Category(
        "AP", "小家电", (("入门款", 0.65, 0.85), ("标准款", 1.0, 1.0), ("旗舰款", 1.8, 1.2)),
        1.5, 0, 2, 0.35, 2.3, 0.05,
        (0.95, 0.8, 0.9, 0.9, 1.0, 1.25, 0.95, 0.9, 0.95, 1.0, 1.3, 1.1),
        (
            Item("电热水壶", 62, 1.2, 7.0), Item("空气炸锅", 168, 4.6, 32.0), Item("静音破壁机", 235, 5.5, 30.0),
            Item("智能电饭煲", 188, 4.2, 28.0), Item("负离子吹风机", 79, 0.8, 4.5), Item("无雾加湿器", 96, 2.0, 13.0),
            Item("扫地机器人", 620, 5.0, 28.0), Item("声波电动牙刷", 66, 0.4, 1.5), Item("养生壶", 84, 1.8, 9.0),
            Item("手持挂烫机", 92, 1.1, 6.0), Item("筋膜枪", 128, 1.2, 5.0), Item("护眼台灯", 75, 1.3, 8.0),
        ),
    ),
    Category(
        "FA", "服饰", (("童款", 0.7, 0.6), ("女款", 1.0, 0.9), ("男款", 1.05, 1.1)),
        1.95, 0, 4, 0.9, 1.9, 0.2,
        (1.0, 0.75, 0.9, 0.95, 0.95, 0.95, 0.8, 0.8, 1.05, 1.3, 1.35, 1.2),
        (
            Item("轻薄羽绒服", 145, 0.6, 6.5), Item("连帽卫衣", 52, 0.6, 3.5), Item("直筒牛仔裤", 58, 0.7, 2.8),
            Item("德绒打底衫", 31, 0.3, 1.4), Item("羊毛针织衫", 98, 0.5, 2.8), Item("缓震跑鞋", 118, 0.9, 7.5),
            Item("居家棉拖", 18, 0.4, 4.5), Item("精梳棉袜", 16, 0.25, 0.9), Item("羊绒围巾", 86, 0.3, 1.8),
            Item("发热保暖内衣", 64, 0.6, 2.6), Item("经典风衣", 132, 0.9, 5.0), Item("珊瑚绒家居服", 59, 0.9, 5.5),
        ),
    ),
    Category(
        "DG", "数码", (("基础款", 0.6, 0.9), ("升级款", 1.0, 1.0), ("旗舰款", 1.9, 1.2)),
        1.6, 0, 10, 0.8, 1.7, 0.07,
        (1.0, 0.85, 1.0, 0.95, 1.0, 1.15, 0.95, 1.0, 1.05, 0.95, 1.1, 1.0),
        (
            Item("移动电源", 58, 0.4, 0.8), Item("编织数据线", 9, 0.08, 0.2), Item("氮化镓快充头", 39, 0.15, 0.3),
            Item("降噪蓝牙耳机", 135, 0.2, 0.8), Item("防摔手机壳", 11, 0.08, 0.3), Item("钢化膜", 6, 0.06, 0.2),
            Item("智能手环", 112, 0.15, 0.5), Item("机械键盘", 148, 1.1, 4.5), Item("无线鼠标", 42, 0.2, 0.8),
            Item("固态U盘", 66, 0.06, 0.2), Item("桌面支架", 23, 0.4, 1.4), Item("高清摄像头", 89, 0.4, 1.8),
        ),
    ),
)  # fmt: skip

BUNDLES = (
    ("GB01", "坚果龙井品鉴礼盒", ("FD012", "TE011")),
    ("GB02", "下午茶礼盒", ("FD042", "FD062", "TE081")),
    ("GB03", "火锅聚会箱", ("FD082", "FD122", "TE112")),
    ("GB04", "新生儿见面礼盒", ("BB042", "BB052", "BB122")),
    ("GB05", "宝宝外出包", ("BB031", "BB062", "BB072")),
    ("GB06", "面膜精华补水礼盒", ("BC012", "BC042")),
    ("GB07", "洁面卸妆组合", ("BC022", "BC092", "BC121")),
    ("GB08", "厨房清洁组合", ("HC032", "HC052", "HC082")),
    ("GB09", "浴室焕新组合", ("HC092", "HC121", "BC102")),
    ("GB10", "秋冬保暖套组", ("FA082", "FA092", "FA102")),
    ("GB11", "桌面办公套组", ("DG081", "DG092", "DG112")),
    ("GB12", "快充出行套组", ("DG012", "DG022", "DG032")),
)

N_NEW, N_COMING, N_RETIRED = 14, 4, 7


class Catalogue(NamedTuple):
    """Products with what the other tables are drawn from.

    Attributes
    ----------
    products : table `products`, 288 products and then 12 bundles
    components : table `product_components`
    weekly : (300,) float64, units a week in an average week of 2025, all sites together
    hero : (300,) bool, pushed at festivals
    category_at : (300,) int64, position in CATEGORIES (a bundle's first component's)
    """

    products: pd.DataFrame
    components: pd.DataFrame
    weekly: Floats
    hero: np.ndarray
    category_at: np.ndarray


def build_catalogue(seed: int, weekly_units: float) -> Catalogue:
    """Return the catalogue with its demand spread over products by a steep rank curve."""
    rng = stream(seed, "products")
    rows, category_at, pull = [], [], []
    for place, category in enumerate(CATEGORIES):
        for number, item in enumerate(category.items, start=1):
            for size, (label, cost_factor, bulk) in enumerate(category.sizes, start=1):
                cost = round(item.cost * cost_factor, 2)
                rows.append(
                    {
                        "product_id": f"{category.code}{number:02d}{size}",
                        "name": f"{item.name} {label}",
                        "category": category.name,
                        "unit_cost": cost,
                        "unit_price": round(cost * category.markup) + 0.9,
                        "weight_kg": round(item.kg * bulk, 3),
                        "volume_m3": max(round(item.litres * bulk / 1000.0, 5), 0.0001),
                        "case_qty": category.case_qty,
                        "pallet_qty": category.case_qty * 40.0,
                        "shelf_life_days": category.shelf_life_days or np.nan,
                    }
                )
                category_at.append(place)
                pull.append(category.popularity * (1.0 if cost < 100 else 0.6))
    products = pd.DataFrame(rows)
    count = len(products)
    rank = rng.permutation(count) + 7.0
    weight = np.array(pull) / (rank * np.sqrt(rank))
    weekly = np.round(weekly_units * weight / weight.sum(), 2)
    order = np.argsort(-weekly * products["unit_price"].to_numpy(), kind="stable")
    place_of = np.empty(count, dtype=np.int64)
    place_of[order] = np.arange(count)
    products["abc_class"] = np.where(place_of < 58, "A", np.where(place_of < 144, "B", "C"))
    hero = np.zeros(count, dtype=bool)
    hero[order[:40][rng.random(40) < 0.6]] = True
    _life(products, rng, weekly)

    boxes, parts = _bundles(products)
    products = pd.concat([products, boxes], ignore_index=True)
    products["gtin"] = [_gtin(number) for number in range(1, len(products) + 1)]
    at = dict(zip(products["product_id"], category_at, strict=False))
    category_at += [at[members[0]] for _, _, members in BUNDLES]
    box_weekly = between(rng, 4.0, 24.0, len(BUNDLES))
    return Catalogue(
        products,
        parts,
        np.concatenate([weekly, box_weekly]),
        np.concatenate([hero, np.zeros(len(BUNDLES), dtype=bool)]),
        np.array(category_at),
    )


def _life(products: pd.DataFrame, rng: np.random.Generator, weekly: Floats) -> None:
    """Mark new, coming and retired products among those that sell in the middle."""
    count = len(products)
    introduced = np.full(count, np.datetime64("2023-09-01"), dtype="datetime64[D]")
    discontinued = np.full(count, np.datetime64("NaT"), dtype="datetime64[D]")
    like = np.full(count, None, dtype=object)
    parts = {member for _, _, members in BUNDLES for member in members}
    middle = np.argsort(-weekly, kind="stable")[60:220]
    free = [int(row) for row in middle if products["product_id"].iloc[row] not in parts]
    chosen = [free[int(place)] for place in rng.permutation(len(free))]
    ids = products["product_id"].tolist()
    for row in chosen[: N_NEW + N_COMING]:
        fresh = chosen.index(row) < N_NEW
        week = int(rng.integers(0, 26))
        start = np.datetime64("2026-03-02") + np.timedelta64(7 * week, "D")
        introduced[row] = start if fresh else np.datetime64("2026-10-26")
        sibling = row + 1 if ids[row].endswith(("1", "2")) else row - 1
        like[row] = ids[sibling]
    for number, row in enumerate(chosen[N_NEW + N_COMING :][:N_RETIRED]):
        discontinued[row] = np.datetime64("2026-09-28" if number < 4 else "2026-11-16")
    products["introduced_on"] = introduced.astype("datetime64[ms]")
    products["discontinued_on"] = discontinued.astype("datetime64[ms]")
    products["like_product_id"] = like


def _bundles(products: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    facts = products.set_index("product_id")
    rows, parts = [], []
    for bundle_id, name, members in BUNDLES:
        chosen = facts.loc[list(members)]
        rows.append(
            {
                "product_id": bundle_id,
                "name": name,
                "category": "礼盒",
                "unit_cost": round(float(chosen["unit_cost"].sum()), 2),
                "unit_price": float(np.floor(chosen["unit_price"].sum() * 0.92)) + 0.9,
                "weight_kg": round(float(chosen["weight_kg"].sum()), 3),
                "volume_m3": round(float(chosen["volume_m3"].sum()), 5),
                "abc_class": "B",
                "introduced_on": pd.Timestamp("2024-01-01"),
            }
        )
        parts += [(bundle_id, member, 1.0) for member in members]
    return pd.DataFrame(rows), pd.DataFrame(parts, columns=["bundle_id", "component_id", "qty"])


def _gtin(number: int) -> str:
    """Return a 13-digit bar code with a valid check digit, in the range for use in-house."""
    digits = f"2{number:011d}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return digits + str(-total % 10)


__all__ = ["BUNDLES", "CATEGORIES", "Catalogue", "Category", "bell", "build_catalogue"]
