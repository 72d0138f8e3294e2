"""What a user reads when a file's values have another form than the contract says."""

from __future__ import annotations

import pytest

from cdp_pipeline_tests.ingest.conftest import ShopMaker

CASES = [
    ("amount", '"2,50"', "have ',' as decimal sign", 'Set decimal: "," at shop.yml:'),
    ("amount", "1 234.50", "have ' ' between thousands", 'Set thousands: " " at shop.yml:'),
    (
        "amount",
        '"1.234,50"',
        "have ',' as decimal sign and have '.' between thousands",
        'Set decimal: "," at shop.yml:5 and thousands: "." at shop.yml:5.',
    ),
    ("amount", "2.505", "have more than 2 decimals, or more digits", "rounding: half_up"),
    ("amount", "1e3", "have an exponent", "Set numbers: [exponent]"),
    ("amount", "5.25-", "have their minus sign behind", "Set numbers: [trailing_minus]"),
    ("amount", "(5.25)", "are negative by parentheses", "Set numbers: [parentheses]"),
    ("amount", "12.50 kr", "have the sign kr", 'Set unit: "kr" at shop.yml:'),
    ("pieces", "1.5", "are no whole numbers", "Make it type"),
    ("pieces", "1 234", "have ' ' between thousands", "Set thousands"),
    ("ordered_on", "31.12.2024", "are of form %d.%m.%Y", 'Set format: "%d.%m.%Y" at shop.yml:'),
    ("ordered_on", "31/3-2024", "are of form %d/%m-%Y", "Set format"),
    ("ordered_on", "20240331", "are of form %Y%m%d", "Set format"),
    ("ordered_on", "45382", "look like day numbers of Excel", "Set format: excel"),
    ("ordered_on", "2024-03-31 00:00:00", "are of form %Y-%m-%d %H:%M:%S", "Set format"),
    ("paid_at", "31.12.2024 14.30", "are of form %d.%m.%Y %H.%M", "Set format"),
    ("paid_at", "1711886400", "look like seconds since 1970", "Set format: unix at"),
    ("paid_at", "1711886400000", "look like ms since 1970", "Set format: unix_ms at"),
    ("is_gift", "Ja", "are ja or nej", 'Set true_values: ["ja"] and false_values: ["nej"]'),
]


@pytest.mark.parametrize(("column", "value", "found", "change"), CASES)
def test_a_form_that_most_values_have_is_named_with_the_line_to_change(
    make_shop: ShopMaker, column: str, value: str, found: str, change: str
) -> None:
    shop = make_shop()
    names = ["order_id", "customer", "pieces", "amount", "ordered_on", "paid_at", "is_gift"]
    good = ["Ada", "1", "2.50", "2024-01-01", "", "no"]
    rows = []
    for number in range(5):
        row = [f"o{number}", *good]
        row[names.index(column)] = value
        rows.append(",".join(row))
    shop.land_rows("orders.csv", *rows)
    delivery = shop.load_one()
    assert delivery.status == "refused"
    assert f"; most of the values {found} (5 records)" in delivery.reason
    assert change in delivery.hint
    assert {hint for (hint,) in shop.rejected("repair_hint")} == {
        f"Most such values {found}. {delivery.hint}"
    }


def test_a_form_of_no_list_is_not_shown(make_shop: ShopMaker) -> None:
    shop = make_shop()
    shop.land_rows("orders.csv", *(f"o{n},Ada,1,12 Canaryson,,," for n in range(5)))
    delivery = shop.load_one()
    assert "most of the values" not in delivery.reason
    assert "Canaryson" not in repr(delivery)


def test_a_few_odd_values_do_not_put_the_contract_in_doubt(make_shop: ShopMaker) -> None:
    shop = make_shop()
    good = (f"o{n},Ada,1,2.50,,," for n in range(30))
    shop.land_rows("orders.csv", *good, 'x1,Ada,1,"2,50",,,', 'x2,Ada,1,"2,50",,,')
    assert shop.load_one().rows_rejected == 2
    assert all(hint.startswith("Mend the value") for (hint,) in shop.rejected("repair_hint"))
