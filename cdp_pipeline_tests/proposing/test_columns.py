"""What is told of a single column, and what is left in doubt."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdp_pipeline.proposing.formats import Numbers, number_signs, written
from cdp_pipeline.proposing.shapes import is_national_id, is_organisation_number, masked
from cdp_pipeline.proposing.words import named_columns, vocabulary
from cdp_pipeline_tests.proposing.support import column_of, proposed


@pytest.mark.parametrize(
    ("title", "meaning"),
    [
        ("Kundnummer", "customer_id"),
        ("KUNDNR", "customer_id"),
        ("Asiakasnumero", "customer_id"),
        ("kundenNummer", "customer_id"),
        ("Fødselsdato", "birth_on"),
        ("Geburtsdatum", "birth_on"),
        ("syntymäaika", "birth_on"),
        ("E-post", "email"),
        ("Sähköposti", "email"),
        ("Postnummer", "postcode"),
        ("PLZ", "postcode"),
        ("Efternamn", "family_name"),
        ("Etternavn", "family_name"),
        ("Orgnr", "organisation_number"),
        ("Bestelldatum", "ordered_at"),
        ("Varegruppe", "category"),
        ("À-pris", "unit_price"),
        ("c/o", "care_of"),
    ],
)
def test_a_header_is_understood_in_six_languages(title: str, meaning: str) -> None:
    assert named_columns(title)[0] == (meaning, 1.0)


def test_a_word_means_one_thing_in_all_languages() -> None:
    import yaml

    from cdp_pipeline.proposing import words

    raw = yaml.load(words._FILE.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    listed = [
        word
        for languages in raw["words"].values()
        for word in {word for listed in languages.values() for word in listed}
    ]
    assert len(listed) == len(set(listed))
    known = set(raw["words"])
    assert not {w for c in raw["columns"].values() for n in c["names"] for w in n.split()} - known
    assert set(vocabulary().entities) <= set(raw["entities"])


def test_leading_zeros_keep_a_number_text() -> None:
    assert written([("00123", 1), ("4711", 1)], Numbers()).kind == "text"
    assert written([("123", 1), ("4711", 1)], Numbers()).kind == "integer"


def test_a_day_above_twelve_decides_between_day_and_month() -> None:
    assert written([("03/04/2026", 1), ("25/04/2026", 1)], Numbers()).format == ("%d/%m/%Y",)
    assert written([("03/04/2026", 1), ("04/25/2026", 1)], Numbers()).format == ("%m/%d/%Y",)
    open_case = written([("03/04/2026", 1)], Numbers())
    assert open_case.format == ("%d/%m/%Y",)
    assert "day or month" in open_case.doubt


@pytest.mark.parametrize(
    ("values", "signs"),
    [
        (["1.234,50", "12,00"], Numbers(",", ".")),
        (["1 234,50", "12,00"], Numbers(",", " ")),
        (["1,234.50", "12.00"], Numbers(".", ",")),
        (["0,000", "24,000"], Numbers(",", "")),
        (["12", "13"], Numbers(".", "")),
    ],
)
def test_signs_of_decimals_and_thousands_are_told_from_the_numbers(
    values: list[str], signs: Numbers
) -> None:
    assert number_signs([values]) == signs


def test_a_checksum_tells_a_personal_number_from_any_ten_digits() -> None:
    assert is_national_id("19811218-9876")
    assert is_national_id("811218-9876")
    assert not is_national_id("811218-9875")
    assert not is_national_id("070-1234567")
    assert is_organisation_number("556036-0793")
    assert not is_organisation_number("556036-0794")


def test_an_example_shows_no_letter_but_the_ending_and_no_digit() -> None:
    assert masked("Kerstin Bergström") == "X****** X******"
    assert masked("1985-03-02") == "9999-99-99"
    assert masked("k.b@firma.se") == "x******@e******.se"


def test_a_doubt_never_makes_a_value_less_protected(tmp_path: Path) -> None:
    # Neither column looks like what it is called: the meaning is dropped, the class stays.
    file = tmp_path / "kunder.csv"
    lines = [f"{n};not mailed {n};ask {n}" for n in range(30)]
    file.write_text("\n".join(["Kundnr;E-post;Personnummer", *lines]), encoding="utf-8")
    proposal = proposed(file)
    assert column_of(proposal, "E-post").meaning is None
    assert column_of(proposal, "E-post").personal == "email"
    assert column_of(proposal, "Personnummer").personal == "national_id"


def test_a_column_without_a_telling_name_is_classed_by_its_values(tmp_path: Path) -> None:
    file = tmp_path / "export.csv"
    lines = [f"{n},u{n}@example.se,+46 70 123 4{n:03d}" for n in range(40)]
    file.write_text("\n".join(["id,fld7,fld8", *lines]), encoding="utf-8")
    proposal = proposed(file)
    assert column_of(proposal, "fld7").personal == "email"
    assert column_of(proposal, "fld8").personal == "phone"
    assert any("name says nothing" in said for said in column_of(proposal, "fld7").unsure)


def test_dates_that_do_not_all_exist_stay_text_and_are_typed_in_staging(tmp_path: Path) -> None:
    file = tmp_path / "customers.csv"
    days = ["1970-02-31" if n % 10 == 0 else f"19{50 + n}-05-{n % 28 + 1:02d}" for n in range(40)]
    lines = [f"C{n:03d},Ann,{day}" for n, day in enumerate(days)]
    file.write_text("\n".join(["customer_id,first_name,birth_date", *lines]), encoding="utf-8")
    proposal = proposed(file)
    assert column_of(proposal, "birth_date").kind == "text"
    sql = next(text for name, text in proposal.files.items() if "customer_records" in name)
    assert "try_strptime(t.birth_date, '%Y-%m-%d') as date) as birth_on" in sql
