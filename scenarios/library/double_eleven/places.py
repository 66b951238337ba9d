"""Where things are: cities, warehouses, suppliers, and how far they lie apart."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scenarios.distance import DETOUR, great_circle_m
from scenarios.library.double_eleven.streams import Floats


class City(NamedTuple):
    """A city that orders; population in millions, rounded from the 2020 census."""

    code: str
    name: str
    region: str
    lat: float
    lon: float
    millions: float


class Warehouse(NamedTuple):
    """A warehouse: regional ones buy, city ones are fed by the regional one named."""

    code: str
    name: str
    city: str
    region: str
    lat: float
    lon: float
    parent: str  # "" for a regional warehouse


class Maker(NamedTuple):
    """A supplier: what it makes, and how long and how reliably it takes."""

    code: str
    name: str
    city: str
    region: str
    lat: float
    lon: float
    categories: tuple[str, ...]
    lead_days: float
    variation: float
    order_cost: float
    min_order_value: float
    weekdays: str
    payment_days: float
    credit: float
    recovery_days: float


CITIES = (
    City("Z01", "上海", "华东", 31.2304, 121.4737, 24.87),
    City("Z02", "北京", "华北", 39.9042, 116.4074, 21.89),
    City("Z03", "广州", "华南", 23.1291, 113.2644, 18.68),
    City("Z04", "深圳", "华南", 22.5431, 114.0579, 17.49),
    City("Z05", "成都", "西南", 30.5728, 104.0668, 20.94),
    City("Z06", "重庆", "西南", 29.5630, 106.5516, 16.34),
    City("Z07", "武汉", "华中", 30.5928, 114.3055, 12.33),
    City("Z08", "西安", "西北", 34.3416, 108.9398, 12.95),
    City("Z09", "杭州", "华东", 30.2741, 120.1551, 11.94),
    City("Z10", "南京", "华东", 32.0603, 118.7969, 9.31),
    City("Z11", "苏州", "华东", 31.2990, 120.5853, 12.75),
    City("Z12", "天津", "华北", 39.0842, 117.2009, 13.87),
    City("Z13", "郑州", "华中", 34.7466, 113.6254, 12.60),
    City("Z14", "长沙", "华中", 28.2282, 112.9388, 10.05),
    City("Z15", "东莞", "华南", 23.0207, 113.7518, 10.47),
    City("Z16", "佛山", "华南", 23.0218, 113.1219, 9.50),
    City("Z17", "宁波", "华东", 29.8683, 121.5440, 9.40),
    City("Z18", "青岛", "华东", 36.0671, 120.3826, 10.07),
    City("Z19", "济南", "华东", 36.6512, 117.1201, 9.20),
    City("Z20", "合肥", "华东", 31.8206, 117.2272, 9.37),
    City("Z21", "福州", "华东", 26.0745, 119.2965, 8.29),
    City("Z22", "厦门", "华东", 24.4798, 118.0894, 5.16),
    City("Z23", "昆明", "西南", 24.8801, 102.8329, 8.46),
    City("Z24", "贵阳", "西南", 26.6470, 106.6302, 5.99),
    City("Z25", "南宁", "华南", 22.8170, 108.3665, 8.74),
    City("Z26", "沈阳", "东北", 41.8057, 123.4315, 9.07),
    City("Z27", "哈尔滨", "东北", 45.8038, 126.5349, 10.01),
    City("Z28", "石家庄", "华北", 38.0428, 114.5149, 11.24),
    City("Z29", "兰州", "西北", 36.0611, 103.8343, 4.36),
    City("Z30", "乌鲁木齐", "西北", 43.8256, 87.6168, 4.05),
)

WAREHOUSES = (
    Warehouse("R1", "华东区域仓", "昆山", "华东", 31.3848, 120.9810, ""),
    Warehouse("R2", "华南区域仓", "广州", "华南", 23.1720, 113.4820, ""),
    Warehouse("C1", "上海城市仓", "上海", "华东", 31.1530, 121.3520, "R1"),
    Warehouse("C2", "北京城市仓", "北京", "华北", 39.7700, 116.5100, "R1"),
    Warehouse("C3", "成都城市仓", "成都", "西南", 30.8240, 104.1590, "R2"),
    Warehouse("C4", "武汉城市仓", "武汉", "华中", 30.6580, 114.1120, "R2"),
    Warehouse("C5", "西安城市仓", "西安", "西北", 34.3830, 109.0460, "R1"),
)

MAKERS = (
    Maker(
        "S01",
        "郑州禾丰食品有限公司",
        "郑州",
        "华中",
        34.7466,
        113.6254,
        ("食品",),
        5,
        0.3,
        120,
        4000,
        "",
        30,
        82,
        14,
    ),
    Maker(
        "S02",
        "泉州闽茗茶业有限公司",
        "泉州",
        "华东",
        24.8741,
        118.6757,
        ("茶饮",),
        7,
        0.35,
        100,
        5000,
        "1,3,5",
        30,
        78,
        21,
    ),
    Maker(
        "S03",
        "昆明云岭农产合作社",
        "昆明",
        "西南",
        24.8801,
        102.8329,
        ("食品", "茶饮"),
        10,
        0.5,
        150,
        3000,
        "",
        15,
        65,
        28,
    ),
    Maker(
        "S04",
        "杭州童悦婴童用品有限公司",
        "杭州",
        "华东",
        30.2741,
        120.1551,
        ("母婴",),
        8,
        0.3,
        160,
        6000,
        "",
        45,
        85,
        21,
    ),
    Maker(
        "S05",
        "广州素颜日化有限公司",
        "广州",
        "华南",
        23.1291,
        113.2644,
        ("美妆个护", "家清"),
        6,
        0.3,
        140,
        6000,
        "",
        45,
        88,
        14,
    ),
    Maker(
        "S06",
        "上海沪妍妆品有限公司",
        "上海",
        "华东",
        31.2304,
        121.4737,
        ("美妆个护",),
        9,
        0.45,
        200,
        8000,
        "1,2,3,4,5",
        60,
        80,
        30,
    ),
    Maker(
        "S07",
        "义乌洁安家居有限公司",
        "金华",
        "华东",
        29.0790,
        119.6474,
        ("家清", "数码"),
        4,
        0.25,
        80,
        3000,
        "",
        30,
        75,
        10,
    ),
    Maker(
        "S08",
        "佛山粤创电器有限公司",
        "佛山",
        "华南",
        23.0218,
        113.1219,
        ("小家电",),
        12,
        0.4,
        300,
        12000,
        "",
        60,
        90,
        35,
    ),
    Maker(
        "S09",
        "宁波甬海小家电有限公司",
        "宁波",
        "华东",
        29.8683,
        121.5440,
        ("小家电", "母婴"),
        14,
        0.55,
        260,
        10000,
        "1,4",
        60,
        70,
        42,
    ),
    Maker(
        "S10",
        "绍兴锦织服饰有限公司",
        "绍兴",
        "华东",
        30.0303,
        120.5802,
        ("服饰",),
        15,
        0.6,
        220,
        8000,
        "",
        45,
        72,
        28,
    ),
    Maker(
        "S11",
        "深圳深通数码有限公司",
        "深圳",
        "华南",
        22.5431,
        114.0579,
        ("数码", "小家电"),
        6,
        0.35,
        150,
        6000,
        "",
        45,
        84,
        20,
    ),
    Maker(
        "S12",
        "大连远洋进口贸易有限公司",
        "大连",
        "东北",
        38.9140,
        121.6147,
        ("食品", "茶饮", "母婴", "美妆个护", "服饰"),
        20,
        0.8,
        500,
        15000,
        "",
        0,
        76,
        60,
    ),
)


def road_km(origin: tuple[float, float], destination: tuple[float, float]) -> float:
    """Return kilometres by road between two (lat, lon), rounded to whole ones, at least 1."""
    start: Floats = np.array([origin[1], origin[0]])
    end: Floats = np.array([destination[1], destination[0]])
    return max(1.0, float(np.round(DETOUR * great_circle_m(start, end) / 1000.0)))


def serving_site(city: City) -> str:
    """Return the warehouse that serves a city: the nearest one."""
    return min(
        WAREHOUSES,
        key=lambda site: (road_km((city.lat, city.lon), (site.lat, site.lon)), site.code),
    ).code
