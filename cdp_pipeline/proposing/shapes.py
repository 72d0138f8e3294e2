"""What values look like, without regard to language: shares of values of a known shape.

Belongs here: patterns, checksums and closed lists. Each detector says for one value whether it has
the shape; what a column is concluded to be stands in ``columns``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from cdp_pipeline.proposing.words import vocabulary

Counted = Sequence[tuple[str, int]]
"""Distinct values with how often each occurs."""

_EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;.]{2,}")
_PHONE = re.compile(r"\+?[(]?[0-9][0-9 ()./\-\u00a0]{4,22}[0-9](\s?(x|ext\.?)\s?[0-9]+)?", re.I)
_URL = re.compile(r"(https?://|www\.)\S+|[\w-]+(\.[\w-]+)*\.[a-z]{2,6}(/\S*)?", re.I)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)
_HASH = re.compile(r"[0-9a-f]{32,128}|[0-9A-Za-z+/]{22,86}={0,2}", re.I)
_IP = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}|[0-9a-f]{0,4}(:[0-9a-f]{0,4}){3,7}", re.I)
_POSTCODES = (
    r"[0-9]{3} ?[0-9]{2}",  # SE, GR, CZ, SK
    r"[0-9]{4}",  # NO, DK, AT, CH, BE, AU
    r"[0-9]{5}(-[0-9]{4})?",  # FI, DE, FR, US
    r"[a-z]{1,2}-? ?[0-9]{3,5}( ?[0-9]{2})?",  # S-123 45, FI-00100
    r"[a-z]{1,2}[0-9][a-z0-9]? ?[0-9][a-z]{2}",  # GB
    r"[a-z][0-9][a-z] ?[0-9][a-z][0-9]",  # CA
    r"[0-9]{4} ?[a-z]{2}",  # NL
)
_POSTCODE = re.compile("|".join(f"(?:{pattern})" for pattern in _POSTCODES), re.I)
_STREET_WORDS = re.compile(
    r"(gata|gatan|gate|gaten|gade|vägen|väg|veien|vegen|vej|vejen|allé|torg|torget|plats|stigen|"
    r"gränd|katu|tie|kuja|polku|tori|straße|strasse|str\.|weg|platz|street|st\.?|avenue|ave\.?|"
    r"road|rd\.?|lane|drive|court|place|plaza|boulevard|way|crescent|close|box|rue|laan|straat)\b",
    re.I,
)
_NAME_WORD = r"[^\W\d_]+(?:['’\-.][^\W\d_]*)*\.?"
_NAME = re.compile(rf"{_NAME_WORD}(?:,? {_NAME_WORD}){{0,4}}")
_PART = r"[^\W\d_a-zà-öø-ÿ][^\W\d_]*(?:['’-][^\W\d_]+)*"
_FULL_NAME = re.compile(rf"{_PART}(?: {_PART}\.?)? {_PART}")
_LETTERS_ONLY = re.compile(r"[^\W\d_][^\d@]*")
_IDENTIFIER = re.compile(r"[\w\-./:#|+]{1,64}")
_NUMBER = re.compile(r"[+-]?[0-9][0-9 .,'\u00a0]*([eE][+-]?[0-9]+)?")
_LANGUAGE = re.compile(r"[a-z]{2}([-_][a-z]{2})?", re.I)
_CURRENCY = re.compile(r"[A-Z]{3}", re.I)
_CURRENCIES = frozenset(
    [
        "SEK",
        "NOK",
        "DKK",
        "ISK",
        "EUR",
        "USD",
        "GBP",
        "CHF",
        "PLN",
        "CZK",
        "HUF",
        "RON",
        "BGN",
        "AUD",
        "CAD",
        "NZD",
        "JPY",
        "CNY",
        "INR",
        "TRY",
        "BRL",
        "MXN",
        "ZAR",
        "KRW",
        "SGD",
        "HKD",
        "THB",
        "ILS",
        "AED",
        "UAH",
        "RUB",
    ]
)
_LANGUAGES = frozenset(
    [
        "sv",
        "nb",
        "nn",
        "no",
        "da",
        "fi",
        "en",
        "de",
        "is",
        "fr",
        "es",
        "it",
        "nl",
        "pl",
        "pt",
        "et",
        "lv",
        "lt",
        "ru",
        "uk",
        "ar",
        "fa",
        "so",
        "ku",
        "tr",
        "zh",
        "ja",
        "ko",
        "cs",
        "hu",
        "ro",
        "bg",
        "hr",
        "sr",
        "bs",
        "sl",
        "sk",
        "el",
        "he",
        "vi",
        "th",
        "se",
        "sma",
        "smj",
    ]
)
_FEWEST_WORDS = 4


def _has_words(value: str) -> bool:
    return len(value.split()) >= _FEWEST_WORDS


def _is_phone(value: str) -> bool:
    digits = sum(letter.isdigit() for letter in value)
    return 6 <= digits <= 20 and _PHONE.fullmatch(value) is not None


def _is_street(value: str) -> bool:
    has_number = any(letter.isdigit() for letter in value)
    has_letters = sum(letter.isalpha() for letter in value) >= 3
    return has_letters and (has_number or _STREET_WORDS.search(value) is not None)


def _is_country(value: str) -> bool:
    said = value.casefold().strip()
    named = any(said in country.names for country in vocabulary().countries.values())
    return named or re.fullmatch(r"[A-Za-z]{2,3}", value) is not None


def _is_gender(value: str) -> bool:
    return value.casefold().strip() in vocabulary().genders


def _is_language(value: str) -> bool:
    return bool(_LANGUAGE.fullmatch(value)) and value[:2].lower() in _LANGUAGES


def _is_flag(value: str) -> bool:
    said = value.casefold()
    return any(said in pair for pair in vocabulary().booleans) or bool(
        re.fullmatch(r"(un|not |ej )?(subscribed|granted|given|opt.?in|opt.?out|active)", said)
    )


def _full(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda value: pattern.fullmatch(value) is not None


def luhn(digits: str) -> bool:
    """Return whether ten digits pass the check of Swedish numbers.

    Examples
    --------
    >>> luhn("8112189876"), luhn("8112189875")
    (True, False)
    """
    total = 0
    for place, digit in enumerate(digits):
        product = int(digit) * (2 if place % 2 == 0 else 1)
        total += product - 9 if product > 9 else product
    return total % 10 == 0


def _weighted(digits: str, weights: Sequence[int]) -> bool:
    return sum(int(d) * w for d, w in zip(digits, weights, strict=True)) % 11 == 0


_FINNISH = "0123456789ABCDEFHJKLMNPRSTUVWXY"


def is_national_id(value: str) -> bool:
    """Return whether a checksum and a date say that this is a Nordic personal number."""
    plain = value.strip().upper()
    finnish = re.fullmatch(r"(\d{6})[-+A-FU-Y](\d{3})([0-9A-Y])", plain)
    if finnish and _FINNISH[int(finnish[1] + finnish[2]) % 31] == finnish[3]:
        return True
    if not re.fullmatch(r"\d{6}(\d{2})?[-+ ]?\d{4,5}", plain):
        return False
    digits = re.sub(r"\D", "", plain)
    if len(digits) == 12 and digits[:2] in ("18", "19", "20"):
        digits = digits[2:]
    if len(digits) == 10:
        month, day = int(digits[2:4]), int(digits[4:6])
        if 1 <= month <= 12 and (1 <= day <= 31 or 61 <= day <= 91):
            return luhn(digits)
        return False
    return (
        len(digits) == 11
        and _weighted(digits, (3, 7, 6, 1, 8, 9, 4, 5, 2, 1, 0))
        and _weighted(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1))
    )


def is_organisation_number(value: str) -> bool:
    """Return whether a checksum says that this is a Nordic organisation number."""
    plain = re.sub(r"^(SE|NO|DK|FI)", "", value.strip().upper())
    plain = re.sub(r"MVA$", "", plain).strip()
    digits = re.sub(r"[\s-]", "", plain)
    if not digits.isdigit():
        return False
    if len(digits) == 12 and digits.endswith("01"):
        digits = digits[:10]
    if len(digits) == 10:
        return int(digits[2]) >= 2 and luhn(digits)
    if len(digits) == 9:
        return _weighted(digits, (3, 2, 7, 6, 5, 4, 3, 2, 1))
    if len(digits) == 8:
        return _weighted(digits, (2, 7, 6, 5, 4, 3, 2, 1)) or _weighted(
            digits, (7, 9, 10, 5, 8, 4, 2, 1)
        )
    return False


DETECTORS: Mapping[str, Callable[[str], bool]] = {
    "email": _full(_EMAIL),
    "phone": _is_phone,
    "url": _full(_URL),
    "uuid": _full(_UUID),
    "hash": _full(_HASH),
    "ip": _full(_IP),
    "postcode": _full(_POSTCODE),
    "street": _is_street,
    "name": _full(_NAME),
    "full_name": _full(_FULL_NAME),
    "label": lambda value: len(value) <= 120,
    "place": _full(_LETTERS_ONLY),
    "identifier": _full(_IDENTIFIER),
    "number": _full(_NUMBER),
    "country": _is_country,
    "currency": lambda value: value.upper() in _CURRENCIES and bool(_CURRENCY.fullmatch(value)),
    "language": _is_language,
    "gender": _is_gender,
    "flag": _is_flag,
    "verdict": lambda value: value.casefold() in vocabulary().granted | vocabulary().refused,
    "words": _has_words,
    "national_id": is_national_id,
    "organisation_number": is_organisation_number,
}


def share(values: Counted, shape: str) -> float:
    """Return the share of values, each as often as it occurs, that have a shape."""
    detector = DETECTORS[shape]
    total = sum(count for _, count in values)
    return sum(count for value, count in values if detector(value)) / total if total else 0.0


def masked(value: str) -> str:
    """Return an example that shows the form of a value and nothing of its content.

    Examples
    --------
    >>> masked("kerstin.berg@example.se"), masked("070-123 45 67"), masked("Ek")
    ('x******@e******.se', '999-999 99 99', 'X*')
    """
    if _EMAIL.fullmatch(value):
        end = value.rsplit(".", 1)[1]
        return f"x******@e******.{end if len(end) <= 3 else '***'}"
    kept = [
        "9"
        if letter.isdigit()
        else letter
        if not letter.isalnum()
        else ("X" if letter.isupper() else "x")
        for letter in value[:24]
    ]
    text = "".join(kept)
    text = re.sub(r"(?<=[Xx])[Xx]+", lambda m: "*" * min(len(m[0]), 6), text)
    return text + ("…" if len(value) > 24 else "")
