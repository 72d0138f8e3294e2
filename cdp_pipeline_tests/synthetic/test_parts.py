"""Check digits, names and slips of the hand, each by itself."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from cdp_pipeline.synthetic.assortment import make_assortment, make_stores
from cdp_pipeline.synthetic.checksums import luhn_digit, organisation_numbers, personal_numbers
from cdp_pipeline.synthetic.columns import misspell, money, number_repeats
from cdp_pipeline.synthetic.companies import TRADES
from cdp_pipeline.synthetic.names import COUNTRIES, name_book
from cdp_pipeline.synthetic.places import atlas
from cdp_pipeline.synthetic.random_streams import Dice
from cdp_pipeline.synthetic.records import PHONE_FORM_SHARES, PHONE_FORMS, format_phones
from cdp_pipeline.synthetic.supply import draw_stock

SERIALS = np.arange(400) * 7_919


def luhn_holds(number: str) -> bool:
    total = 0
    for place, figure in enumerate(reversed(number)):
        double = int(figure) * (2 if place % 2 else 1)
        total += double // 10 + double % 10
    return total % 10 == 0


def weighted(number: str, weights: str) -> int:
    figures = zip(number, weights.split(","), strict=True)
    return sum(int(figure) * int(weight) for figure, weight in figures) % 11


def numbers_of(country: str) -> list[str]:
    rows = np.full(len(SERIALS), COUNTRIES.index(country))
    return organisation_numbers(rows, SERIALS).to_pylist()


def test_the_check_digit_is_the_one_printed_on_invoices() -> None:
    # Two numbers in public use.
    assert luhn_digit(np.array([556_036_079, 556_012_579]), 9).tolist() == [3, 0]
    assert luhn_holds("5560360793")


def test_swedish_organisation_numbers_pass_the_modulus_10_check() -> None:
    for number in numbers_of("SE"):
        assert luhn_holds(number.replace("-", ""))
        assert len(number) == 11
        assert int(number[2]) >= 2


def test_norwegian_organisation_numbers_pass_the_modulus_11_check() -> None:
    for number in numbers_of("NO"):
        assert len(number) == 9
        assert weighted(number, "3,2,7,6,5,4,3,2,1") == 0


def test_danish_organisation_numbers_pass_the_modulus_11_check() -> None:
    for number in numbers_of("DK"):
        assert len(number) == 8
        assert weighted(number, "2,7,6,5,4,3,2,1") == 0


def test_finnish_business_ids_pass_the_modulus_11_check() -> None:
    for number in numbers_of("FI"):
        assert len(number) == 9
        assert weighted(number.replace("-", ""), "7,9,10,5,8,4,2,1") == 0


def personal(country: str, born: str) -> str:
    day = np.array([np.datetime64(born, "D").astype(int)])
    rows = np.array([COUNTRIES.index(country)])
    return personal_numbers(rows, day, np.array([True]), np.array([5])).to_pylist()[0]


def test_a_swedish_personal_number_is_valid_and_nobodys() -> None:
    number = personal("SE", "1984-03-09")
    assert number.startswith("19840309-99")
    assert luhn_holds(number.replace("-", "")[2:])


def test_a_norwegian_personal_number_is_valid_and_nobodys() -> None:
    number = personal("NO", "1984-03-09")
    assert number.startswith("098384")
    assert weighted(number[:10], "3,7,6,1,8,9,4,5,2,1") == 0
    assert weighted(number, "5,4,3,2,7,6,5,4,3,2,1") == 0


def test_a_danish_personal_number_is_nobodys() -> None:
    assert personal("DK", "1984-03-09").startswith("690384-")


def test_a_finnish_personal_number_is_valid_and_nobodys() -> None:
    number = personal("FI", "2004-03-09")
    assert number.startswith("090304A9")
    signs = "0123456789ABCDEFHJKLMNPRSTUVWXY"
    assert signs[int(number[:6] + number[7:10]) % 31] == number[10]


def test_every_country_has_several_hundred_given_names_and_surnames() -> None:
    book = name_book()
    for country in COUNTRIES:
        given_names = {
            int(number)
            for gender in ("f", "m")
            for cohort in range(3)
            for number in book.given_pools[country, gender, cohort].ids
        }
        assert len(given_names) > 250
        assert len(book.surname_pools[country].ids) > 1_000


def test_every_country_has_as_many_trades() -> None:
    assert {len(trades.split()) for trades in TRADES.values()} == {16}


def test_every_postcode_range_has_an_order() -> None:
    places = atlas()
    assert (places.postcode_low <= places.postcode_high).all()


def test_every_country_has_as_many_phone_notations_as_shares() -> None:
    assert {len(forms) for forms in PHONE_FORMS} == {len(PHONE_FORM_SHARES)}


def test_a_phone_keeps_its_figures_in_every_notation() -> None:
    for country, number in enumerate((701234567, 41234567, 20123456, 401234567)):
        for form in range(len(PHONE_FORM_SHARES)):
            (written,) = format_phones(
                np.array([number]), np.array([country]), np.array([form])
            ).to_pylist()
            figures = "".join(sign for sign in written.replace("(0)", "") if sign.isdigit())
            assert figures.endswith(str(number)), written


@given(st.text("abcdefghåäö", min_size=4, max_size=12), st.integers(0, 10_000))
def test_a_slip_of_the_hand_changes_one_letter_and_never_the_first(word: str, seed: int) -> None:
    dice = np.random.default_rng(seed)
    (slipped,) = misspell(pa.array([word]), np.array([True]), dice).to_pylist()
    assert slipped[0] == word[0]
    assert abs(len(slipped) - len(word)) <= 1


def test_words_that_are_not_marked_are_not_misspelt() -> None:
    words = pa.array(["Andersson", None, "Bo"])
    mask = np.array([False, True, True])
    assert misspell(words, mask, np.random.default_rng(1)).to_pylist() == ["Andersson", None, "Bo"]


def test_a_repeated_value_gets_a_number_and_the_first_stays_as_it_is() -> None:
    numbered = number_repeats(pa.array(["a", "b", "a"]), np.random.default_rng(1)).to_pylist()
    assert numbered[:2] == ["a", "b"]
    assert numbered[2].startswith("a")
    assert numbered[2] != "a"


@given(st.lists(st.integers(-(10**15), 10**15), min_size=1, max_size=20))
def test_money_is_exact_to_the_hundredth(cents: list[int]) -> None:
    amounts = money(np.array(cents)).to_pylist()
    assert [int(amount * 100) for amount in amounts] == cents


def test_the_warehouses_of_a_larger_company_hold_more_and_those_of_a_smaller_no_less() -> None:
    dice = Dice(1)
    stores, assortment = make_stores(dice), make_assortment(dice)
    places = len(stores.store_id)

    def pieces(demand: float) -> tuple[int, int]:
        stock = draw_stock(stores, assortment, dice, demand=demand)
        in_store = stock.place < places
        return int(stock.quantity[in_store].sum()), int(stock.quantity[~in_store].sum())

    on_shelves, in_warehouses = pieces(1.0)
    assert pieces(0.2) == (on_shelves, in_warehouses)
    shelves_of_many, warehouses_of_many = pieces(90.0)
    assert 80 < warehouses_of_many / in_warehouses < 100
    assert 0.95 < shelves_of_many / on_shelves < 1.05
