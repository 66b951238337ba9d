"""Product groups read out of the description, and how heavy and bulky their goods are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

OTHER = "Home decoration"


@dataclass(frozen=True, slots=True)
class Category:
    """A product group; the first group of which a word stands in the description takes it.

    Attributes
    ----------
    words : whole words of the description, upper case, separated by blanks
    kg_at_2_pounds : median weight of an article sold at 2 pounds
    kg_per_m3 : density as stored
    origins : share of its products from each origin of `suppliers.ORIGINS`
    """

    name: str
    words: str
    kg_at_2_pounds: float
    kg_per_m3: float
    origins: tuple[float, float, float, float]  # East Asia, South Asia, Europe, United Kingdom


CATEGORIES = (
    Category(
        "Christmas",
        (
            "CHRISTMAS XMAS ADVENT SANTA REINDEER SNOWMAN SNOWFLAKE BAUBLE BAUBLES WREATH NOEL"
            " ANGEL ANGELS SLEIGH STOCKING"
        ),
        0.14,
        110.0,
        (0.65, 0.15, 0.10, 0.10),
    ),
    Category(
        "Easter",
        "EASTER BUNNY CHICK CHICKS",
        0.12,
        110.0,
        (0.65, 0.10, 0.15, 0.10),
    ),
    Category(
        "Jewellery",
        (
            "NECKLACE NECKLACES BRACELET EARRINGS EARRING RING RINGS CHARM PENDANT BANGLE BROOCH"
            " HAIR DIAMANTE BEAD BEADS BEADED PEARL CRYSTAL KEYRING KEYRINGS AMETHYST"
        ),
        0.04,
        300.0,
        (0.35, 0.50, 0.05, 0.10),
    ),
    Category(
        "Bags",
        (
            "BAG BAGS HANDBAG PURSE SHOPPER LUGGAGE WALLET BACKPACK RUCKSACK UMBRELLA HOLDALL"
            " SATCHEL"
        ),
        0.13,
        180.0,
        (0.45, 0.35, 0.10, 0.10),
    ),
    Category(
        "Candles and lights",
        (
            "CANDLE CANDLES CANDLESTICK CANDLEHOLDER T-LIGHT T-LIGHTS TLIGHT LIGHT LIGHTS LANTERN"
            " LAMP LAMPSHADE INCENSE CHANDELIER NIGHTLIGHT"
        ),
        0.24,
        260.0,
        (0.50, 0.25, 0.15, 0.10),
    ),
    Category(
        "Stationery",
        (
            "CARD CARDS WRAP PAPER NOTEBOOK NOTEBOOKS PEN PENS PENCIL PENCILS STICKER STICKERS"
            " RIBBON RIBBONS TAPE ENVELOPE ENVELOPES TAG TAGS JOURNAL SKETCHBOOK BOOK BOOKS RULER"
            " ERASER ERASERS STATIONERY CALENDAR POSTCARD TISSUE TISSUES ALBUM CHALK"
        ),
        0.16,
        420.0,
        (0.40, 0.05, 0.20, 0.35),
    ),
    Category(
        "Party",
        (
            "PARTY BUNTING BALLOON BALLOONS GARLAND GARLANDS NAPKIN NAPKINS DOILY DOILIES STRAW"
            " STRAWS CONE CONES BIRTHDAY CASES PAPERCHAIN"
        ),
        0.10,
        160.0,
        (0.55, 0.10, 0.15, 0.20),
    ),
    Category(
        "Kitchen and dining",
        (
            "MUG MUGS CUP CUPS PLATE PLATES BOWL BOWLS TEA TEAPOT CAKE CAKESTAND KITCHEN CUTLERY"
            " TRAY JAR JARS JUG LUNCH BAKING BREAKFAST COFFEE APRON TOASTRACK GLASS GLASSES"
            " BOTTLE BOTTLES DISH PAN SPOON SPOONS FORK SAUCER TUMBLER BISCUIT BREAD OVEN PANTRY"
            " POPCORN SNACK MOULD MOULDS COASTER COASTERS PLACEMATS BEAKER PITCHER"
        ),
        0.30,
        280.0,
        (0.50, 0.10, 0.20, 0.20),
    ),
    Category(
        "Toys and children",
        (
            "CHILDRENS CHILDS CHILDREN KIDS DOLL DOLLS TOY TOYS GAME GAMES SKIPPING GIRL GIRLS BOY"
            " BOYS JIGSAW DINOSAUR PUPPET BABY PLAYHOUSE GLIDERS PUZZLE DOMINOES MARBLES CIRCUS"
            " SPACEBOY CRAYONS PLASTERS TEDDY"
        ),
        0.20,
        170.0,
        (0.70, 0.05, 0.15, 0.10),
    ),
    Category(
        "Garden",
        (
            "GARDEN PARASOL PICNIC WATERING PLANT PLANTER BIRD BIRDS SEED SEEDS HERB GARDENING"
            " FEEDER WINDMILL DECKCHAIR BUCKET"
        ),
        0.33,
        200.0,
        (0.50, 0.10, 0.20, 0.20),
    ),
    Category(
        "Textiles",
        (
            "CUSHION CUSHIONS CURTAIN QUILT THROW DOORMAT BLANKET TOWEL TOWELS SLIPPERS FABRIC"
            " FLANNEL PILLOW RUG WARMER FELTCRAFT KNITTED DOORSTOP COSY"
        ),
        0.25,
        140.0,
        (0.35, 0.40, 0.15, 0.10),
    ),
    Category(
        "Storage",
        (
            "CABINET STOOL CHAIR TABLE DRAWER DRAWERS STORAGE BOX BOXES BASKET RACK HOOK HOOKS"
            " KNOB HANGER CRATE SHELF TIN TINS TIDY ORGANISER CHEST TRINKET"
        ),
        0.32,
        150.0,
        (0.50, 0.25, 0.15, 0.10),
    ),
    Category(OTHER, "", 0.26, 170.0, (0.55, 0.20, 0.15, 0.10)),
)


def categories_of(names: pd.Series) -> pd.Series:
    """Return the category of each description; Home decoration where no word tells."""
    rank = {
        word: place
        for place, category in reversed(list(enumerate(CATEGORIES)))
        for word in category.words.split()
    }
    last = len(CATEGORIES) - 1
    found = [
        CATEGORIES[min((rank[word] for word in words if word in rank), default=last)].name
        for words in names.fillna("").str.upper().str.findall(r"[A-Z][A-Z-]*")
    ]
    return pd.Series(found, index=names.index, dtype="str")


def figure_of(categories: pd.Series, figure: Callable[[Category], float]) -> NDArray[np.float64]:
    """Return a figure of each category, (n,) float64."""
    by_name = {category.name: figure(category) for category in CATEGORIES}
    return np.array([by_name[name] for name in categories], np.float64)
