"""Countries and first-level regions by the names that planners write."""

# ruff: noqa: E501 - Chinese characters count double
from __future__ import annotations

from functools import cache
from importlib import resources
from typing import NamedTuple

from scenarios.gazetteer.names import bare, spelling


class Area(NamedTuple):
    """A country, or a first-level region of one.

    Attributes
    ----------
    country : two letters, ISO 3166-1
    admin1 : GeoNames code of the region; "" for the whole country
    """

    country: str
    admin1: str


CHINA = (
    "01 Anhui 安徽|02 Zhejiang 浙江|03 Jiangxi 江西|04 Jiangsu 江苏|05 Jilin 吉林|06 Qinghai 青海|"
    "07 Fujian 福建|08 Heilongjiang 黑龙江|09 Henan 河南|10 Hebei 河北|11 Hunan 湖南|12 Hubei 湖北|"
    "13 Xinjiang 新疆|14 Tibet 西藏|15 Gansu 甘肃|16 Guangxi 广西|18 Guizhou 贵州|19 Liaoning 辽宁|"
    "20 Inner_Mongolia 内蒙古|21 Ningxia 宁夏|22 Beijing 北京|23 Shanghai 上海|24 Shanxi 山西|"
    "25 Shandong 山东|26 Shaanxi 陕西|28 Tianjin 天津|29 Yunnan 云南|30 Guangdong 广东|"
    "31 Hainan 海南|32 Sichuan 四川|33 Chongqing 重庆"
)
BRITAIN = "ENG England 英格兰|SCT Scotland 苏格兰|WLS Wales 威尔士|NIR Northern_Ireland 北爱尔兰"
CANADA = (
    "01 Alberta AB|02 British_Columbia BC|03 Manitoba MB|04 New_Brunswick NB|05 Newfoundland NL|"
    "07 Nova_Scotia NS|08 Ontario ON|09 Prince_Edward_Island PE|10 Quebec QC|11 Saskatchewan SK"
)
AUSTRALIA = (
    "01 Australian_Capital_Territory ACT|02 New_South_Wales NSW|03 Northern_Territory NT|"
    "04 Queensland QLD|05 South_Australia SA|06 Tasmania TAS|07 Victoria VIC|"
    "08 Western_Australia WA"
)
STATES = (
    "AL Alabama|AK Alaska|AZ Arizona|AR Arkansas|CA California|CO Colorado|CT Connecticut|"
    "DE Delaware|DC District_of_Columbia|FL Florida|GA Georgia|HI Hawaii|ID Idaho|IL Illinois|"
    "IN Indiana|IA Iowa|KS Kansas|KY Kentucky|LA Louisiana|ME Maine|MD Maryland|MA Massachusetts|"
    "MI Michigan|MN Minnesota|MS Mississippi|MO Missouri|MT Montana|NE Nebraska|NV Nevada|"
    "NH New_Hampshire|NJ New_Jersey|NM New_Mexico|NY New_York|NC North_Carolina|ND North_Dakota|"
    "OH Ohio|OK Oklahoma|OR Oregon|PA Pennsylvania|RI Rhode_Island|SC South_Carolina|"
    "SD South_Dakota|TN Tennessee|TX Texas|UT Utah|VT Vermont|VA Virginia|WA Washington|"
    "WV West_Virginia|WI Wisconsin|WY Wyoming"
)
COUNTRIES_ALSO = (
    "CN 中国 中国大陆 China PRC|HK 香港|MO 澳门|TW 台湾|JP 日本|KR 韩国 South_Korea Korea|KP 朝鲜|"
    "SG 新加坡|MY 马来西亚|TH 泰国|VN 越南 Vietnam|ID 印度尼西亚 印尼|PH 菲律宾|IN 印度|"
    "PK 巴基斯坦|BD 孟加拉国|LK 斯里兰卡|KH 柬埔寨|LA 老挝|MM 缅甸|MN 蒙古|KZ 哈萨克斯坦|"
    "RU 俄罗斯 Russia|US 美国 USA United_States America|CA 加拿大|MX 墨西哥|BR 巴西|AR 阿根廷|CL 智利|"
    "CO 哥伦比亚|PE 秘鲁|GB 英国 UK Great_Britain Britain|IE 爱尔兰 Eire|FR 法国|DE 德国|"
    "NL 荷兰 Holland|BE 比利时|LU 卢森堡|CH 瑞士|AT 奥地利|IT 意大利|ES 西班牙|PT 葡萄牙|SE 瑞典|NO 挪威|"
    "DK 丹麦|FI 芬兰|IS 冰岛|PL 波兰|CZ 捷克 Czech_Republic|SK 斯洛伐克|HU 匈牙利|RO 罗马尼亚|BG 保加利亚|"
    "GR 希腊|TR 土耳其 Turkey|UA 乌克兰|IL 以色列|SA 沙特阿拉伯 沙特|AE 阿联酋 UAE|QA 卡塔尔|EG 埃及|"
    "ZA 南非|NG 尼日利亚|KE 肯尼亚|ET 埃塞俄比亚|MA 摩洛哥|AU 澳大利亚 澳洲|NZ 新西兰"
)


@cache
def _areas() -> dict[str, tuple[Area, ...]]:
    """Return areas by spelling, countries before regions."""
    found: dict[str, list[Area]] = {}

    def note(name: str, area: Area) -> None:
        held = found.setdefault(bare(spelling(name.replace("_", " "))), [])
        if area not in held:
            held.append(area)

    text = resources.files(__package__).joinpath("countries.tsv").read_text(encoding="utf-8")
    for line in text.splitlines():
        iso, iso3, english = line.split("\t")
        for name in (iso, iso3, english):
            note(name, Area(iso, ""))
    for row in COUNTRIES_ALSO.split("|"):
        iso, *names = row.split()
        for name in names:
            note(name, Area(iso, ""))
    for country, rows in (
        ("CN", CHINA), ("GB", BRITAIN), ("CA", CANADA), ("AU", AUSTRALIA), ("US", STATES)
    ):  # fmt: skip
        for row in rows.split("|"):
            code, *names = row.split()
            for name in [*names, *([code] if country in ("US", "GB") else [])]:
                note(name, Area(country, code))
    return {name: tuple(areas) for name, areas in found.items()}


def areas_named(name: str) -> tuple[Area, ...]:
    """Return the areas that a name may mean, countries first; none for an unknown name.

    >>> areas_named("CA")
    (Area(country='CA', admin1=''), Area(country='US', admin1='CA'))
    >>> areas_named("广东省")
    (Area(country='CN', admin1='30'),)
    """
    return _areas().get(bare(spelling(name)), ())


@cache
def chinese_provinces() -> tuple[str, ...]:
    """Return the Chinese names of China's provinces, longest first."""
    names = [row.split()[2] for row in CHINA.split("|")]
    return tuple(sorted(names, key=lambda name: (-len(name), name)))
