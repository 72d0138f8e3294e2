"""What the shop sells, where, and at what price in each currency.

Belongs here: categories, products, stores, price lists and exchange rates.
Does not belong here: who buys what (`baskets`).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cdp_pipeline.synthetic.columns import Ints, Rows
from cdp_pipeline.synthetic.people import END_DAY, START_DAY
from cdp_pipeline.synthetic.places import atlas
from cdp_pipeline.synthetic.random_streams import Dice

# category: (share of sales, consumable, return ratio, price level SEK, subcategory: nouns)
CATEGORIES: dict[str, tuple[float, bool, float, float, dict[str, str]]] = {
    "Kaffe & te": (1.3, True, 0.003, 62, {
        "Kaffe": "Bryggkaffe Espressobönor Snabbkaffe Kokkaffe",
        "Te": "Svart_te Grönt_te Örtte Kapselkaffe"}),
    "Skafferi": (1.2, True, 0.002, 38, {
        "Torrvaror": "Havregryn Pasta Ris Linser Müsli",
        "Godis & snacks": "Choklad Lakrits Nötter Chips Knäckebröd"}),
    "Städ & tvätt": (1.3, True, 0.004, 55, {
        "Tvätt": "Tvättmedel Sköljmedel Fläckborttagning",
        "Städ": "Diskmedel Allrengöring Maskindisk Disksvamp Moppset"}),
    "Hygien": (1.2, True, 0.01, 49, {
        "Kropp": "Tvål Duschkräm Schampo Balsam Deodorant",
        "Papper": "Toalettpapper Hushållspapper Tandkräm Bomull"}),
    "Husdjur": (0.8, True, 0.01, 129, {
        "Hund": "Hundfoder Hundgodis Koppel Hundbädd",
        "Katt": "Kattfoder Kattsand Klösträd Leksaksmus"}),
    "Batterier & el": (0.6, True, 0.02, 79, {
        "Batterier": "AA-batteri AAA-batteri Knappcell Laddare",
        "El": "LED-lampa Grenuttag Förlängningssladd Timer"}),
    "Kök": (1.2, False, 0.05, 249, {
        "Matlagning": "Stekpanna Kastrull Gryta Ugnsform Kniv Skärbräda",
        "Servering": "Tallrik Mugg Skål Glas Karaff Bestick"}),
    "Bad": (0.7, False, 0.06, 149, {
        "Textil": "Handduk Badlakan Badrumsmatta Duschdraperi",
        "Förvaring bad": "Tvättkorg Tvålpump Hyllställ"}),
    "Sovrum": (0.8, False, 0.09, 399, {
        "Sängkläder": "Påslakan Örngott Täcke Kudde Överkast",
        "Möbler sovrum": "Sängbord Pläd Sänggavel"}),
    "Inredning": (1.1, False, 0.11, 299, {
        "Textil hem": "Gardin Kuddfodral Matta Filt",
        "Dekor": "Vas Ljusstake Spegel Tavla Klocka Kruka"}),
    "Belysning": (0.7, False, 0.08, 449, {
        "Lampor": "Bordslampa Golvlampa Taklampa Vägglampa",
        "Stämning": "Ljusslinga Lykta Adventsstjärna"}),
    "Trädgård": (0.8, False, 0.04, 219, {
        "Odling": "Krukjord Frön Lökar Gödsel Planteringslåda",
        "Uteliv": "Trädgårdsstol Grill Vattenkanna Sekatör Solparasoll"}),
    "Verktyg & bygg": (0.7, False, 0.05, 189, {
        "Verktyg": "Skruvdragare Hammare Tång Skruvmejselset Vattenpass",
        "Måla": "Väggfärg Pensel Roller Maskeringstejp"}),
    "Barn": (0.7, False, 0.07, 169, {
        "Leka": "Byggklossar Pussel Gosedjur Pyssellåda",
        "Barnrum": "Nattlampa Förvaringsbox Barnstol"}),
    "Kontor & papper": (0.6, True, 0.02, 69, {
        "Papper": "Kopieringspapper Anteckningsbok Kuvert",
        "Skriva": "Pennor Märkpenna Häftapparat Toner Pärmar"}),
    "Jul & högtid": (0.5, False, 0.03, 99, {
        "Jul": "Julgranskulor Julduk Paketband Adventsljusstake",
        "Kalas": "Ballonger Servetter Stearinljus Presentpåse"}),
}  # fmt: skip
VARIANTS = (
    "Klassisk", "Stor", "Liten", "Naturell", "Premium", "Eko", "Vit", "Svart", "Blå", "Grön",
)  # fmt: skip
BRANDS = (
    "Nordhem", "Fjällro", "Havsbris", "Björkö", "Lykke", "Kotikulta", "Sølvlind", "Granli",
    "Enkelt", "Hemvist", "Aurora Home", "Skärgård",
)  # fmt: skip

# 1 unit of currency in SEK at the start of the history, and how much a day moves it.
RATES = {"NOK": (0.985, 0.0021), "DKK": (1.552, 0.0017), "EUR": (11.57, 0.0017)}
PRICE_FACTORS = np.array([1.0, 1.06, 0.70, 0.098])  # price level by country, in its own currency
YEARLY_RISE = np.array([1.0, 1.03, 1.055, 1.08])  # by year since the start
STYLES = 3  # budget, middle, premium

# How much more a category sells in each month, by category group.
MONTHS_GARDEN = (0.3, 0.4, 1.0, 2.0, 2.8, 2.2, 1.4, 1.0, 0.7, 0.5, 0.3, 0.2)
MONTHS_HOLIDAY = (0.3, 0.5, 0.8, 0.8, 0.6, 0.6, 0.4, 0.6, 0.5, 1.0, 3.5, 5.0)
MONTHS_LIGHT = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.5, 0.9, 1.4, 1.7, 1.8, 1.6)


@dataclass(frozen=True)
class Assortment:
    """Products in one list; every column has one position per product."""

    product_id: Ints
    names: tuple[str, ...]
    category_names: tuple[str, ...]
    category: npt.NDArray[np.int16]
    subcategory: tuple[str, ...]
    brand: tuple[str, ...]
    list_price: Ints  # hundredths of SEK, in the last year
    unit_cost: Ints  # hundredths of SEK
    launched_on: npt.NDArray[np.int32]
    is_discontinued: npt.NDArray[np.bool_]
    is_loose: npt.NDArray[np.bool_]  # sold by weight or length
    prices: Ints  # [product, country, year]: hundredths of the country's currency
    return_ratio: npt.NDArray[np.float64]
    is_consumable: npt.NDArray[np.bool_]
    popularity: npt.NDArray[np.float64]  # [style, product] cumulative within category, + category
    season: npt.NDArray[np.float64]  # [month, category] cumulative

    def draw(
        self, category: Rows, style: Rows, uniform: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.int32]:
        """Give a product of each row's category, by what people of that style like."""
        products = np.zeros(len(category), dtype=np.int32)
        for number in range(STYLES):
            rows = style == number
            wanted = category[rows] + uniform[rows]
            place = np.searchsorted(self.popularity[number], wanted, side="right")
            products[rows] = np.minimum(place, len(self.category) - 1)
        return products


@dataclass(frozen=True)
class Stores:
    """The shop's stores, and the one nearest to each city."""

    store_id: tuple[str, ...]
    names: tuple[str, ...]
    city: npt.NDArray[np.int16]
    country: npt.NDArray[np.int8]
    postcode: npt.NDArray[np.int32]
    opened_on: npt.NDArray[np.int32]
    nearest: npt.NDArray[np.int16]  # by city


def make_assortment(dice: Dice) -> Assortment:
    """Make the products: every noun of a category in a few variants."""
    chance = dice.stream("assortment")
    names: list[str] = []
    category: list[int] = []
    subcategory: list[str] = []
    brand: list[str] = []
    for number, (_, _, _, _, groups) in enumerate(CATEGORIES.values()):
        for group, nouns in groups.items():
            for noun in nouns.split():
                for variant in chance.permutation(len(VARIANTS))[: int(chance.integers(4, 8))]:
                    maker = BRANDS[int(len(BRANDS) * chance.random() ** 1.5)]
                    names.append(f"{maker} {noun.replace('_', ' ')} {VARIANTS[variant]}")
                    category.append(number)
                    subcategory.append(group)
                    brand.append(maker)
    kinds = np.array(category, dtype=np.int16)
    traits = list(CATEGORIES.values())
    level = np.array([trait[3] for trait in traits])[kinds]
    count = len(names)
    quality = chance.normal(0, 0.5, count)
    prices, list_price = _price_lists(level * np.exp(quality), chance)
    late = chance.random(count) < 0.14
    return Assortment(
        product_id=100_001 + np.arange(count, dtype=np.int64) * 7,
        names=tuple(names),
        category_names=tuple(CATEGORIES),
        category=kinds,
        subcategory=tuple(subcategory),
        brand=tuple(brand),
        list_price=list_price,
        unit_cost=(list_price * chance.uniform(0.38, 0.68, count)).astype(np.int64),
        launched_on=np.where(
            late,
            chance.integers(START_DAY + 60, END_DAY - 60, count),
            chance.integers(START_DAY - 3000, START_DAY, count),
        ).astype(np.int32),
        is_discontinued=chance.random(count) < 0.05,
        is_loose=np.isin(np.array(subcategory), ("Odling", "Textil hem"))
        & (chance.random(count) < 0.4),
        prices=prices,
        return_ratio=np.array([trait[2] for trait in traits])[kinds],
        is_consumable=np.array([trait[1] for trait in traits])[kinds],
        popularity=_popularity(kinds, quality, chance),
        season=_season(),
    )


def _price_lists(sek: npt.NDArray[np.float64], chance: np.random.Generator) -> tuple[Ints, Ints]:
    """Round each country's price of each year to what a price tag looks like."""
    tags = sek[:, None, None] * PRICE_FACTORS[None, :, None] * YEARLY_RISE[None, None, :]
    tags = tags * chance.normal(1, 0.03, (len(sek), 4, 1))
    step = np.array([1.0, 1.0, 1.0, 0.1])[None, :, None]
    ending = np.array([0.10, 0.10, 0.05, 0.01])[None, :, None]
    rounded = np.maximum(step, np.ceil(tags / step) * step) - ending
    cents = np.rint(rounded * 100).astype(np.int64)
    return cents, cents[:, 0, 3].copy()


def _popularity(
    category: Rows, quality: npt.NDArray[np.float64], chance: np.random.Generator
) -> npt.NDArray[np.float64]:
    rows = np.zeros((STYLES, len(category)))
    for style in range(STYLES):
        # Each style likes its own price level, over a popularity that all share.
        wish = (style - 1) * 0.9
        liking = np.exp(-1.1 * (quality - wish) ** 2) * chance.pareto(1.3, len(category))
        for number in range(len(CATEGORIES)):
            members = np.flatnonzero(category == number)
            share = (liking[members] + 1e-3) / (liking[members] + 1e-3).sum()
            rows[style, members] = number + np.cumsum(share)
    return rows


def _season() -> npt.NDArray[np.float64]:
    weights = np.tile(np.array([trait[0] for trait in CATEGORIES.values()]), (12, 1))
    for number, name in enumerate(CATEGORIES):
        months = {
            "Trädgård": MONTHS_GARDEN,
            "Jul & högtid": MONTHS_HOLIDAY,
            "Belysning": MONTHS_LIGHT,
        }.get(name)
        if months:
            weights[:, number] *= np.array(months)
    return np.asarray(np.cumsum(weights, axis=1) / weights.sum(axis=1, keepdims=True))


def make_stores(dice: Dice) -> Stores:
    """Make a store in every bigger city; smaller ones go to one elsewhere in the country."""
    places = atlas()
    chance = dice.stream("stores")
    wanted = (18, 8, 8, 7)
    cities: list[int] = []
    for place, number in enumerate(wanted):
        cities += range(places.city_first[place], places.city_first[place] + number)
    city = np.array(cities, dtype=np.int16)
    country = places.city_country[city]
    nearest = np.zeros(len(places.city_names), dtype=np.int16)
    for number in range(len(places.city_names)):
        same = np.flatnonzero(city == number)
        abroad = np.flatnonzero(country == places.city_country[number])
        nearest[number] = same[0] if len(same) else chance.choice(abroad)
    return Stores(
        store_id=tuple(f"B{101 + place}" for place in range(len(city))),
        names=tuple(f"Nordhem {places.city_names[place]}" for place in cities),
        city=city,
        country=country,
        postcode=places.postcode_low[city],
        opened_on=chance.integers(START_DAY - 6000, START_DAY - 200, len(city)).astype(np.int32),
        nearest=nearest,
    )


def exchange_rates(dice: Dice) -> pa.Table:
    """Give the daily rates of the other currencies in SEK, four decimals, weekends too."""
    chance = dice.stream("exchange rates")
    days = np.arange(START_DAY - 1, END_DAY + 1)
    columns: dict[str, list[npt.NDArray[np.int64]]] = {"day": [], "rate": []}
    currencies: list[str] = []
    for currency, (start, spread) in RATES.items():
        steps = chance.normal(0, spread, len(days))
        # A pull back to the start keeps three years of drift within what was seen.
        level = np.zeros(len(days))
        for place in range(1, len(days)):
            level[place] = 0.985 * level[place - 1] + steps[place]
        columns["day"].append(days.astype(np.int64))
        columns["rate"].append(np.rint(start * np.exp(level) * 10_000).astype(np.int64))
        currencies += [currency] * len(days)
    return pa.table(
        {
            "day": np.concatenate(columns["day"]),
            "currency": currencies,
            "rate": np.concatenate(columns["rate"]),
        }
    )
