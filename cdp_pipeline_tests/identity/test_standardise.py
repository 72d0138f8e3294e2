from __future__ import annotations

import pytest

from cdp_pipeline.identity import standardise
from cdp_pipeline_tests.identity.worlds import Row, keep, load_identity_columns, standardised, world


def one(row: Row) -> Row:
    return standardised([row])[0]


@pytest.mark.parametrize(
    ("written", "country", "expected"),
    [
        ("070-123 45 67", "SE", "+46701234567"),
        ("0046 70 123 45 67", None, "+46701234567"),
        ("+46(0)70-1234567", "SE", "+46701234567"),
        ("08-123 456", "SE", "+468123456"),
        ("412 34 567", "NO", "+4741234567"),
        ("(+45) 20 12 34 56", "SE", "+4520123456"),
        ("040 123 4567", "FI", "+358401234567"),
        ("(415) 555-2671", "US", "+14155552671"),
        ("saknas", "SE", None),
        ("12", "SE", None),
    ],
)
def test_a_phone_number_has_one_form(
    written: str, country: str | None, expected: str | None
) -> None:
    assert one({"phone": written, "country": country})["phone"] == expected


@pytest.mark.parametrize(
    ("written", "email", "base"),
    [
        (" Anna.Berg@Mejl.SE ", "anna.berg@mejl.se", "anna.berg@mejl.se"),
        ("anna+shop@mejl.se", "anna+shop@mejl.se", "anna@mejl.se"),
        ("a.n.na+x@googlemail.com", "a.n.na+x@googlemail.com", "anna@gmail.com"),
        ("mailto:anna@mejl.se", "anna@mejl.se", "anna@mejl.se"),
        ("anna.mejl.se", None, None),
        ("anna@mejl", None, None),
    ],
)
def test_an_email_is_lower_case_and_its_mailbox_known(
    written: str, email: str | None, base: str | None
) -> None:
    row = one({"email": written})
    assert (row["email"], row["email_base"]) == (email, base)


@pytest.mark.parametrize(
    ("one_way", "other_way"),
    [
        ("Søren", "Soeren"),
        ("Kjær", "Kjaer"),
        ("Håkan", "HAAKAN"),
        ("Müller", "Mueller"),
        ("José", "jose"),
        ("O'Brien", "OBrien"),
        ("Åkesson", "akesson"),
    ],
)
def test_spelling_habits_of_one_name_fall_together(one_way: str, other_way: str) -> None:
    first, second = standardised([{"family_name": one_way}, {"family_name": other_way}])
    assert first["family_name"] == second["family_name"]


def test_a_comma_puts_the_family_name_first() -> None:
    row = one({"full_name": "Moss, Abbie"})
    assert (row["given_name"], row["family_name"]) == ("abbie", "moss")


def test_names_that_stand_the_other_way_everywhere_else_are_turned_round() -> None:
    usual = [{"given_name": "Abbie", "family_name": "Moss"} for _ in range(20)]
    turned = standardised([*usual, {"given_name": "Moss", "family_name": "Abbie", "source": "web"}])
    row = turned[-1]
    assert (row["given_name"], row["family_name"]) == ("abbie", "moss")
    assert row["is_name_turned_round"]


def test_a_rare_name_is_not_turned_round_without_evidence() -> None:
    row = one({"given_name": "Moss", "family_name": "Abbie"})
    assert (row["given_name"], row["family_name"]) == ("moss", "abbie")


def test_middle_names_are_the_words_that_are_neither_given_nor_family_name() -> None:
    row = one({"given_name": "Walter", "family_name": "Bryant", "full_name": "Walter John Bryant"})
    assert row["middle_names"] == "john"


def test_titles_are_no_names() -> None:
    assert one({"full_name": "Dr. Anna Berg"})["given_name"] == "anna"


@pytest.mark.parametrize(
    ("pet_form", "full_name"),
    [
        ("Kalle", "karl"),
        ("Micke", "mikal"),
        ("Mickey", "mikal"),
        ("Manolo", "manul"),
        ("Maija", "maria"),
        ("Frede", "frederik"),
        ("Hannes", "johannes"),
        ("Kees", "cornelis"),
        ("Gosia", "malgorzata"),
        ("Paco", "francisco"),
        ("Beppe", "giuseppe"),
    ],
)
def test_a_pet_form_knows_its_full_names(pet_form: str, full_name: str) -> None:
    assert full_name in one({"given_name": pet_form})["given_name_forms"]
    assert one({"given_name": full_name.title()})["given_name"] == full_name


@pytest.mark.parametrize("born", ["1900-01-01", "2031-01-01"])
def test_an_impossible_birth_date_is_null_and_listed(born: str) -> None:
    con = world([{"birth_on": born}])
    keep(con, standardise(con, load_identity_columns()))
    assert con.sql("select birth_on from identity.standardised_records").fetchall() == [(None,)]
    rejected = con.sql("select identity_column from identity.rejected_identifiers").fetchall()
    assert rejected == [("birth_on",)]


@pytest.mark.parametrize(
    ("line", "street", "number"),
    [
        ("Storgatan 12 B, lgh 1101", "storgatan", "12b"),
        ("Storgatan 12b", "storgatan", "12b"),
        ("129 Miller Plaza", "miller plaza", "129"),
        ("Box", "box", None),
    ],
)
def test_a_street_line_is_taken_apart(line: str, street: str, number: str | None) -> None:
    row = one({"street": line})
    assert (row["street"], row["house_number"]) == (street, number)


@pytest.mark.parametrize(
    ("written", "country", "expected"),
    [
        ("556036-0793", "SE", "5560360793"),
        ("SE556036079301", "SE", "5560360793"),
        ("165560360793", "SE", "5560360793"),
        ("556036-0794", "SE", None),
        ("923 609 016", "NO", "923609016"),
        ("NO923609016MVA", "NO", "923609016"),
        ("923609017", "NO", None),
        ("DK13585628", "DK", "13585628"),
        ("13585629", "DK", None),
        ("0112038-9", "FI", "01120389"),
        ("112038-9", "FI", "01120389"),
        ("0112038-8", "FI", None),
    ],
)
def test_an_organisation_number_passes_its_checksum_or_is_null(
    written: str, country: str, expected: str | None
) -> None:
    row = one({"organisation_number": written, "country": country, "kind": "company"})
    assert row["organisation_number"] == expected


@pytest.mark.parametrize(
    ("written", "country", "valid"),
    [
        ("19811228-9874", "SE", True),
        ("811228-9874", "SE", True),
        ("811228-9873", "SE", False),
        ("131052-308T", "FI", True),
        ("131052-308U", "FI", False),
    ],
)
def test_a_personal_number_passes_its_checksum_or_is_null(
    written: str, country: str, valid: bool
) -> None:
    assert (one({"national_id": written, "country": country})["national_id"] is not None) == valid


def test_a_legal_form_is_not_part_of_a_company_name() -> None:
    names = standardised(
        [
            {"company_name": n, "kind": "company"}
            for n in ("Nordhem AB", "Nordhem A/S", "NORDHEM Oy")
        ]
    )
    assert {row["company_name"] for row in names} == {"nordhem"}


def test_record_numbers_follow_the_key_not_the_row_order() -> None:
    rows = [{"record_id": r} for r in ("b", "a", "c")]
    assert [r["record_id"] for r in standardised(rows)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("given", "family", "expected"),
    [
        ("Rev. John", "Moss", ("john", "moss")),
        ("Lady Violet", "Greville", ("violet", "greville")),
        ("Frau Dr. Anna", "Schäfer", ("anna", "schafer")),
        ("Major", "Taylor", ("major", "taylor")),
        ("Agnieszka", "D?browska", ("agnieszka", "dbrowska")),
        ("Jo\ufffdo", "Silva", ("joo", "silva")),
    ],
)
def test_ranks_and_lost_letters_do_not_become_names(
    given: str, family: str, expected: tuple[str, str]
) -> None:
    (row,) = standardised([{"given_name": given, "family_name": family}])
    assert (row["given_name"], row["family_name"]) == expected
