"""Organisation numbers and personal identity numbers with the right checksums.

Belongs here: the four countries' formats and check digits, vectorised.
Does not belong here: who has which number. Personal numbers are taken from ranges that no living
person has (Swedish serials 980-999, Norwegian months + 80, Danish days + 60, Finnish 900-999).
"""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cdp_pipeline.synthetic.columns import Ints, Mask, Rows, Text, by_variant, digits, join, one

NORWEGIAN_WEIGHTS = (3, 2, 7, 6, 5, 4, 3, 2)
DANISH_WEIGHTS = (2, 7, 6, 5, 4, 3, 2)
FINNISH_WEIGHTS = (7, 9, 10, 5, 8, 4, 2)
FINNISH_CHECK_SIGNS = "0123456789ABCDEFHJKLMNPRSTUVWXY"


def figures(numbers: Rows, width: int) -> Ints:
    """Split whole numbers into their figures, most significant first."""
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    return (np.asarray(numbers, dtype=np.int64)[:, None] // powers) % 10


def luhn_digit(numbers: Rows, width: int) -> Ints:
    """Compute the modulus-10 check digit of numbers of the given width.

    Examples
    --------
    >>> luhn_digit(np.array([556036079]), 9)  # 556036-0793
    array([3])
    """
    split = figures(numbers, width)
    doubled = split * np.where(np.arange(width)[::-1] % 2 == 0, 2, 1)
    total = (doubled // 10 + doubled % 10).sum(axis=1)
    return np.asarray((10 - total % 10) % 10)


def modulus_11(numbers: Rows, weights: tuple[int, ...]) -> Ints:
    """Compute the weighted remainder that Norwegian, Danish and Finnish numbers use."""
    total = (figures(numbers, len(weights)) * np.array(weights)).sum(axis=1)
    return np.asarray(total % 11)


def _step_past(numbers: Ints, is_impossible: Callable[[Ints], Mask], highest: int) -> Ints:
    """Move on to the next number where no check digit exists (one in eleven)."""
    numbers = numbers.copy()
    bad = is_impossible(numbers)
    while bad.any():
        numbers[bad] = np.where(numbers[bad] >= highest, numbers[bad] - 997, numbers[bad] + 1)
        bad = is_impossible(numbers)
    return numbers


def _slice(text: Text, start: int, stop: int) -> Text:
    return pc.utf8_slice_codeunits(text, start, stop)


def swedish_organisation(serial: Rows) -> Text:
    """Write the numbers of Swedish limited companies, like 556123-4564."""
    body = 556_000_000 + np.asarray(serial, dtype=np.int64) % 3_999_999
    text = digits(body * 10 + luhn_digit(body, 9), 10)
    return join(_slice(text, 0, 6), "-", _slice(text, 6, 10))


def norwegian_organisation(serial: Rows) -> Text:
    """Write Norwegian organisation numbers, nine figures."""
    body = 91_000_000 + np.asarray(serial, dtype=np.int64) % 8_999_000
    body = _step_past(body, lambda n: modulus_11(n, NORWEGIAN_WEIGHTS) == 1, 99_999_998)
    check = (11 - modulus_11(body, NORWEGIAN_WEIGHTS)) % 11
    return digits(body * 10 + check, 9)


def danish_organisation(serial: Rows) -> Text:
    """Write Danish CVR numbers, eight figures."""
    body = 2_000_000 + np.asarray(serial, dtype=np.int64) % 2_499_000
    body = _step_past(body, lambda n: modulus_11(n, DANISH_WEIGHTS) == 1, 4_499_998)
    check = (11 - modulus_11(body, DANISH_WEIGHTS)) % 11
    return digits(body * 10 + check, 8)


def finnish_organisation(serial: Rows) -> Text:
    """Write Finnish business ids, like 1234567-1."""
    body = 1_000_000 + np.asarray(serial, dtype=np.int64) % 2_299_000
    body = _step_past(body, lambda n: modulus_11(n, FINNISH_WEIGHTS) == 1, 3_299_998)
    check = (11 - modulus_11(body, FINNISH_WEIGHTS)) % 11
    return join(digits(body, 7), "-", digits(check))


def organisation_numbers(country: Rows, serial: Rows) -> Text:
    """Write organisation numbers as the country of each row does.

    Parameters
    ----------
    country
        Position in `names.COUNTRIES`.
    serial
        Any whole numbers; different ones give different organisations (nearly always).
    """
    makers = (
        swedish_organisation,
        norwegian_organisation,
        danish_organisation,
        finnish_organisation,
    )

    def of(make: Callable[[Rows], Text]) -> Callable[[Rows], Text]:
        return lambda rows: make(serial[rows])

    return by_variant(np.asarray(country), [of(make) for make in makers])


def _swedish_personal(year: Ints, month: Ints, day: Ints, female: Mask, draw: Ints) -> Text:
    serial = 980 + 2 * (draw % 10) + np.where(female, 0, 1)
    body = ((year % 100) * 10_000 + month * 100 + day) * 1_000 + serial
    date = digits(year * 10_000 + month * 100 + day, 8)
    return join(date, "-", digits(serial * 10 + luhn_digit(body, 9), 4))


def _norwegian_personal(year: Ints, month: Ints, day: Ints, female: Mask, draw: Ints) -> Text:
    first = (3, 7, 6, 1, 8, 9, 4, 5, 2)
    second = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
    date = (day * 100 + month + 80) * 100 + year % 100
    base = np.where(year >= 2000, 500, 0)
    serial = 2 * (draw % 240) + np.where(female, 0, 1)

    def checks(serials: Ints) -> tuple[Ints, Ints]:
        body = date * 1_000 + base + serials
        one_check = (11 - modulus_11(body, first)) % 11
        two_check = (11 - modulus_11(body * 10 + one_check % 10, second)) % 11
        return one_check, two_check

    one_check, two_check = checks(serial)
    while ((one_check == 10) | (two_check == 10)).any():
        serial = np.where((one_check == 10) | (two_check == 10), (serial + 2) % 490, serial)
        one_check, two_check = checks(serial)
    return digits((date * 1_000 + base + serial) * 100 + one_check * 10 + two_check, 11)


def _danish_personal(year: Ints, month: Ints, day: Ints, female: Mask, draw: Ints) -> Text:
    date = ((day + 60) * 100 + month) * 100 + year % 100
    # The seventh figure tells the century: 0-3 for the 1900s, 4-9 for 2000-2036.
    serial = np.where(year >= 2000, 4_000, 0) + 2 * (draw % 1_900) + np.where(female, 0, 1)
    return join(digits(date, 6), "-", digits(serial, 4))


def _finnish_personal(year: Ints, month: Ints, day: Ints, female: Mask, draw: Ints) -> Text:
    date = (day * 100 + month) * 100 + year % 100
    serial = 900 + 2 * (draw % 50) + np.where(female, 0, 1)
    signs = np.array(list(FINNISH_CHECK_SIGNS))
    check = pa.array(signs[(date * 1_000 + serial) % 31].tolist(), pa.string())
    century = pa.array(np.where(year >= 2000, "A", "-").tolist(), pa.string())
    return join(digits(date, 6), century, digits(serial, 3), check)


def personal_numbers(country: Rows, born: Rows, female: Mask, draw: Rows) -> Text:
    """Write personal identity numbers in the form of each row's country.

    Parameters
    ----------
    country
        Position in `names.COUNTRIES`.
    born
        Days since 1970.
    female
        The serial's parity tells the sex in all four countries.
    draw
        Whole numbers from zero that tell people of one birth day apart.
    """
    dates = np.asarray(born).astype("datetime64[D]")
    year = dates.astype("datetime64[Y]").astype(np.int64) + 1970
    month = dates.astype("datetime64[M]").astype(np.int64) % 12 + 1
    day = (dates - dates.astype("datetime64[M]")).astype(np.int64) + 1
    draw = np.asarray(draw, dtype=np.int64)
    makers = (_swedish_personal, _norwegian_personal, _danish_personal, _finnish_personal)

    def of(make: Callable[[Ints, Ints, Ints, Mask, Ints], Text]) -> Callable[[Rows], Text]:
        return lambda rows: make(year[rows], month[rows], day[rows], female[rows], draw[rows])

    return one(by_variant(np.asarray(country), [of(make) for make in makers]))
