"""Cities with their postcodes, street names, and the shop's own places, of the four countries.

Belongs here: lists and the rules that make an address plausible (a postcode fits its city).
Does not belong here: who lives where (`people`), how an address is written down (`records`).
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from cdp_pipeline.synthetic.names import COUNTRIES

# "City:people in thousands:first postcode-last postcode", biggest first.
CITIES: dict[str, str] = {
    "SE": "Stockholm:980:11120-12973 Göteborg:600:41101-41879 Malmö:350:21111-21843 "
    "Uppsala:235:75220-75757 Västerås:155:72211-72598 Örebro:158:70210-70594 "
    "Linköping:165:58213-58758 Helsingborg:150:25220-25669 Jönköping:144:55302-55629 "
    "Norrköping:144:60210-60597 Lund:125:22220-22761 Umeå:130:90320-90751 Gävle:103:80250-80650 "
    "Borås:113:50330-50770 Södertälje:100:15130-15260 Eskilstuna:107:63180-63520 "
    "Halmstad:103:30230-30595 Växjö:95:35230-35596 Karlstad:95:65220-65635 "
    "Sundsvall:99:85230-85760 Östersund:64:83130-83296 Trollhättan:59:46130-46198 "
    "Luleå:78:97231-97755 Borlänge:52:78431-78477 Kalmar:70:39230-39599 Falun:59:79130-79177 "
    "Kristianstad:86:29131-29195 Karlskrona:67:37130-37198 Skövde:57:54130-54194 "
    "Uddevalla:57:45130-45199 Skellefteå:73:93130-93197 Nyköping:57:61130-61199 "
    "Varberg:66:43230-43299 Visby:60:62141-62199 Motala:44:59130-59198 Piteå:42:94131-94199 "
    "Ystad:31:27130-27199 Kiruna:23:98130-98199 Mora:21:79230-79299 Arvika:26:67130-67199 "
    "Hudiksvall:38:82430-82499 Ängelholm:43:26230-26299 Oskarshamn:27:57230-57299 "
    "Sala:22:73330-73399 Åre:12:83010-83013",
    "NO": "Oslo:700:1050-1295 Bergen:285:5003-5268 Trondheim:205:7010-7099 Stavanger:144:4005-4099 "
    "Drammen:102:3011-3060 Fredrikstad:84:1601-1679 Kristiansand:112:4608-4699 Tromsø:77:9006-9100 "
    "Sandnes:80:4306-4329 Sarpsborg:58:1701-1747 Skien:55:3710-3749 Bodø:53:8003-8093 "
    "Ålesund:58:6002-6057 Arendal:45:4836-4863 Tønsberg:57:3110-3179 Haugesund:38:5500-5538 "
    "Moss:50:1501-1539 Hamar:32:2304-2326 Lillehammer:28:2609-2629 Gjøvik:30:2802-2843 "
    "Halden:31:1750-1799 Molde:32:6401-6436 Harstad:25:9402-9414 Kongsberg:28:3601-3619 "
    "Steinkjer:24:7709-7736 Alta:21:9509-9518 Voss:16:5700-5713 Røros:6:7374-7375",
    "DK": "København:660:1050-2450 Aarhus:290:8000-8270 Odense:180:5000-5270 Aalborg:120:9000-9220 "
    "Esbjerg:72:6700-6715 Randers:63:8900-8960 Kolding:62:6000-6000 Horsens:62:8700-8700 "
    "Vejle:61:7100-7120 Roskilde:53:4000-4000 Herning:51:7400-7400 Silkeborg:50:8600-8600 "
    "Hørsholm:47:2970-2970 Helsingør:48:3000-3000 Næstved:44:4700-4700 Viborg:42:8800-8800 "
    "Fredericia:41:7000-7000 Køge:38:4600-4600 Holstebro:37:7500-7500 Hillerød:35:3400-3400 "
    "Slagelse:35:4200-4200 Holbæk:30:4300-4300 Svendborg:27:5700-5700 Sønderborg:28:6400-6400 "
    "Hjørring:25:9800-9800 Frederikshavn:23:9900-9900 Rønne:14:3700-3700 Skagen:8:9990-9990",
    "FI": "Helsinki:660:00100-00990 Espoo:300:02100-02980 Tampere:245:33100-33900 "
    "Vantaa:240:01200-01730 Oulu:210:90100-90850 Turku:195:20100-20960 Jyväskylä:145:40100-40950 "
    "Lahti:120:15100-15950 Kuopio:120:70100-70900 Pori:83:28100-28900 Kouvola:80:45100-45910 "
    "Joensuu:77:80100-80910 Lappeenranta:73:53100-53920 Hämeenlinna:68:13100-13900 "
    "Vaasa:68:65100-65970 Seinäjoki:65:60100-60800 Rovaniemi:64:96100-96960 Mikkeli:52:50100-50970 "
    "Kotka:51:48100-48910 Salo:51:24100-24910 Porvoo:51:06100-06900 Kokkola:48:67100-67900 "
    "Rauma:39:26100-26910 Kajaani:36:87100-87900 Savonlinna:32:57100-57810 "
    "Maarianhamina:12:22100-22150",
}

STREETS: dict[str, tuple[str, str]] = {
    # (whole names, first parts that take the country's endings)
    "SE": (
        "Storgatan Kungsgatan Drottninggatan Skolgatan Järnvägsgatan Kyrkogatan Nygatan "
        "Strandvägen Skogsvägen Björkvägen Ringvägen Parkvägen Bäckvägen Åsgatan Stationsgatan "
        "Odengatan Sveavägen Hornsgatan Götgatan Vasagatan Linnégatan Östra_Hamngatan Västra_Vägen "
        "Norra_Allégatan Södra_Promenaden S:t_Olofsgatan Stora_Torget Lilla_Bommen Kapellvägen",
        "Alm Ask Asp Back Berg Björn Blåbärs Brunns Bygel Dal Domherre Duv Ek Eng Fabriks Fjäll "
        "Fält Furu Gran Gustavs Hantverkar Hassel Hjort Humle Hällby Kant Karl Klock Kvarn Köpmans "
        "Lejon Lillå Lind Ljung Lotsar Lund Lärk Lönn Mejeri Mosse Norr Nät Olof Oxel Pil "
        "Prästgårds Riddar Ros Rönn Sadelmakar Sjö Slöjd Smed Sommar Sten Stjärn Svan Sälg Söder "
        "Tall Tegel Torg Träd Trädgårds Tull Vall Vattu Verkstads Viol Väst Åker Ängs Öster",
    ),
    "NO": (
        "Storgata Kirkegata Kongens_gate Dronningens_gate Karl_Johans_gate Strandgata Skolegata "
        "Jernbanegata Torggata Bjørnsons_gate Nedre_Strandgate Øvre_Torggate Markveien Ringveien",
        "Bakke Bekke Berg Birke Bjerke Blåbær Eike Elve Enge Fjell Fjord Furu Gran Grensen Hage "
        "Haug Havn Industri Kirke Kløver Lerke Linde Lyng Løkke Mølle Myr Nord Ole Olav Orre Park "
        "Rogne Rose Sjø Skog Sol Stasjons Stein Tårn Vest Ås Øst",
    ),
    "DK": (
        "Hovedgaden Algade Vestergade Østergade Nørregade Søndergade Jernbanegade Skolegade "
        "Kirkevej Strandvejen Bredgade Torvet Gammel_Kongevej Frederiksborgvej Sct._Knuds_Gade "
        "Store_Kongensgade Lille_Strandstræde",
        "Ahorn Anemone Birke Bøge Dal Egon Elme Enghave Fasan Fyrre Granly Grønne Have Hasse Hybel "
        "Hyld Høje Industri Kastanie Kilde Klinte Lille Lærke Løve Markus Mølle Nørre Park Pilé "
        "Rosen Skov Solsikke Spurve Stations Søager Tjørne Ugle Vinkel Viol Violstræde Ærte Ø",
    ),
    "FI": (
        "Mannerheimintie Hämeenkatu Aleksanterinkatu Kauppakatu Kirkkokatu Koulukatu Asematie "
        "Rantatie Keskuskatu Satakunnankatu Hallituskatu Bulevardi Kuninkaantie Museokatu "
        "Storalånggatan Rådhusgatan",
        "Ahven Haapa Harju Hauki Honka Ilves Joki Järven Kallion Kangas Karhun Kataja Kielon Kivi "
        "Koivu Kuusi Lepo Linna Männyn Mylly Mäki Niitty Nurmi Ojan Orava Pelto Pihlaja Puisto "
        "Rauhan Ruusu Saari Salmen Sepän Sorsa Suvi Tammi Teollisuus Toukolan Vaahtera Vesi Virta",
    ),
}

STREET_ENDINGS = {
    "SE": "gatan vägen gränd stigen backen",
    "NO": "veien gata vegen stien bakken",
    "DK": "vej gade vænget allé parken",
    "FI": "katu tie kuja polku ranta",
}

LANGUAGES = {"SE": "sv", "NO": "nb", "DK": "da", "FI": "fi"}
CURRENCIES = {"SE": "SEK", "NO": "NOK", "DK": "DKK", "FI": "EUR"}


@dataclass(frozen=True)
class Atlas:
    """Cities of all countries in one list, and the streets of each country."""

    city_names: tuple[str, ...]
    city_country: npt.NDArray[np.int8]
    postcode_low: npt.NDArray[np.int32]
    postcode_high: npt.NDArray[np.int32]
    city_cumulative: dict[int, npt.NDArray[np.float64]]
    city_first: dict[int, int]
    street_names: tuple[str, ...]
    street_first: npt.NDArray[np.int32]
    street_count: npt.NDArray[np.int32]

    def draw_cities(
        self, country: npt.NDArray[np.int8], uniform: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.int16]:
        """Give each row a city of its country, the bigger the likelier."""
        cities = np.zeros(len(country), dtype=np.int16)
        for number in range(len(COUNTRIES)):
            rows = country == number
            place = np.searchsorted(self.city_cumulative[number], uniform[rows], side="right")
            place = np.minimum(place, len(self.city_cumulative[number]) - 1)
            cities[rows] = self.city_first[number] + place
        return cities


@cache
def atlas() -> Atlas:
    """Make the list of places, the same one every time."""
    names: list[str] = []
    countries: list[int] = []
    lows: list[int] = []
    highs: list[int] = []
    cumulative: dict[int, npt.NDArray[np.float64]] = {}
    first: dict[int, int] = {}
    streets: list[str] = []
    street_first: list[int] = []
    street_count: list[int] = []
    for number, country in enumerate(COUNTRIES):
        first[number] = len(names)
        sizes = []
        for entry in CITIES[country].split():
            city, size, codes = entry.split(":")
            low, high = codes.split("-")
            names.append(city)
            countries.append(number)
            lows.append(int(low))
            highs.append(int(high))
            sizes.append(float(size))
        # A shop's customers are less concentrated than the population: soften the sizes.
        weights = np.array(sizes) ** 0.8
        cumulative[number] = np.cumsum(weights) / weights.sum()
        of_country = _streets(country)
        street_first.append(len(streets))
        street_count.append(len(of_country))
        streets.extend(of_country)
    return Atlas(
        city_names=tuple(names),
        city_country=np.array(countries, dtype=np.int8),
        postcode_low=np.array(lows, dtype=np.int32),
        postcode_high=np.array(highs, dtype=np.int32),
        city_cumulative=cumulative,
        city_first=first,
        street_names=tuple(streets),
        street_first=np.array(street_first, dtype=np.int32),
        street_count=np.array(street_count, dtype=np.int32),
    )


def _streets(country: str) -> list[str]:
    whole, parts = STREETS[country]
    names = [name.replace("_", " ") for name in whole.split()]
    names += [part + ending for part in parts.split() for ending in STREET_ENDINGS[country].split()]
    return list(dict.fromkeys(names))
