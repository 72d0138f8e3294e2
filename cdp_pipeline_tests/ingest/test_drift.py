"""Each kind of schema drift: what is loaded, what is refused, and what the user reads."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cdp_pipeline.ingest import (
    Delivery,
    Drift,
    deliveries_table,
    drift_table,
    published_columns,
)
from cdp_pipeline.project import load_home_project
from cdp_pipeline.settings import find_home
from cdp_pipeline.warehouse.exports import read_exports
from cdp_pipeline.warehouse.previous import Release, view_sql
from cdp_pipeline_tests.homes import ROOT
from cdp_pipeline_tests.ingest.conftest import HEADER, READER, Shop, ShopMaker

ROW = "o1,Ada,1,2.50,2024-01-01,,no"


def _messages(delivery: Delivery) -> list[tuple[str, bool, str]]:
    return [(d.kind, d.is_breaking, d.message) for d in delivery.drift]


def test_a_file_that_keeps_its_contract_has_no_drift(shop: Shop) -> None:
    shop.land_rows("orders.csv", ROW)
    assert shop.load_one().drift == ()


def test_a_new_column_is_left_out_and_reported(shop: Shop) -> None:
    shop.land_rows("orders.csv", f"{ROW},red", header=f"{HEADER},colour")
    delivery = shop.load_one()
    assert _messages(delivery) == [("new_column", False, "column 'colour' is new; it is left out")]
    assert delivery.drift[0].hint.startswith("Add it to columns at shop.yml:")
    assert delivery.rows_loaded == 1


def test_a_missing_optional_column_is_null(shop: Shop) -> None:
    shop.land_rows("orders.csv", "o1,1,2.50,2024-01-01,,no", header=HEADER.replace("customer,", ""))
    assert _messages(shop.load_one()) == [
        ("missing_optional", False, "column 'customer' is missing")
    ]
    assert shop.rows("order_id, customer") == [("o1", None)]


def test_a_missing_required_column_refuses_the_file(shop: Shop) -> None:
    shop.land_rows("orders.csv", "o1,Ada,1,2024-01-01,,no", header=HEADER.replace("amount,", ""))
    delivery = shop.load_one()
    assert (delivery.status, delivery.reason) == ("refused", "column 'amount' is missing")
    assert delivery.hint.startswith("Ask the owner, sales, or change the column at shop.yml:")


def test_a_renamed_required_column_is_suggested_by_its_name(shop: Shop) -> None:
    shop.land_rows("orders.csv", ROW, header=HEADER.replace("amount", "amounts"))
    delivery = shop.load_one()
    assert delivery.reason == (
        "column 'amount' is missing; the file's new column 'amounts' looks like it"
    )
    assert "set name_in_file: 'amounts' at shop.yml" in delivery.hint


def test_a_renamed_column_is_suggested_by_its_content(shop: Shop) -> None:
    days = [f"2024-01-{n + 1:02d}" for n in range(20)]
    rows = [f"o{n},Ada,1,{n}.99,{day},,no" for n, day in enumerate(days)]
    shop.land_rows("orders_1.csv", *rows)
    shop.load()
    shop.land_rows("orders_2.csv", *rows, header=HEADER.replace("amount", "belopp"))
    delivery = shop.load_one()
    assert delivery.reason == (
        "column 'amount' is missing; the file's new column 'belopp' looks like it"
    )


def test_reordered_columns_are_matched_by_name(shop: Shop) -> None:
    names = HEADER.split(",")
    values = ROW.split(",")
    shop.land_rows("orders.csv", ",".join(values[::-1]), header=",".join(names[::-1]))
    delivery = shop.load_one()
    assert [d.kind for d in delivery.drift] == ["reordered"]
    assert shop.rows("order_id, customer, pieces") == [("o1", "Ada", 1)]


def test_another_spelling_of_a_header_is_the_same_column(shop: Shop) -> None:
    shop.land_rows("orders.csv", ROW, header=HEADER.replace("customer", " Customer "))
    delivery = shop.load_one()
    assert [d.kind for d in delivery.drift] == ["respelled"]
    assert shop.rows("customer") == [("Ada",)]


def test_a_duplicate_header_refuses_the_file_only_if_the_contract_means_it(shop: Shop) -> None:
    shop.land_rows("orders_1.csv", f"{ROW},3.00", header=f"{HEADER},amount")
    assert "2 columns called 'amount'" in shop.load_one().reason
    shop.land_rows("orders_2.csv", f"{ROW},a,b", header=f"{HEADER},note,note")
    assert shop.load_one().status == "loaded"


def test_a_first_line_that_is_no_header_is_not_shown(shop: Shop) -> None:
    shop.land("orders.csv", f"{ROW}\n{ROW}\n")
    delivery = shop.load_one()
    assert delivery.reason == (
        "its first line names 0 of the contract's 7 columns (is the header missing?)"
    )
    assert "Ada" not in repr(delivery)


def test_a_changed_parquet_type_refuses_the_file(make_shop: ShopMaker) -> None:
    shop = make_shop("format: parquet")
    columns = {name: ["x"] for name in HEADER.split(",")} | {"amount": [["1.00"]]}
    pq.write_table(pa.table(columns), shop.landing / "orders.parquet")
    delivery = shop.load_one()
    assert _messages(delivery) == [
        (
            "type_change",
            True,
            "column 'amount' is varchar[] in the file, but the contract says type: decimal",
        )
    ]
    assert delivery.reason == delivery.drift[0].message


def test_a_changed_csv_type_refuses_the_file_by_its_bad_rows(shop: Shop) -> None:
    shop.land_rows("orders.csv", *(f"o{n},Ada,one,2.50,,," for n in range(9)))
    delivery = shop.load_one()
    assert "pieces: not a whole number (9 records)" in delivery.reason
    assert _messages(delivery) == [
        (
            "type_change",
            True,
            "column 'pieces' has other values than type: integer says: not a whole number"
            " (9 of 9 records)",
        )
    ]


def test_values_in_another_form_are_a_change_of_type_that_says_the_form(shop: Shop) -> None:
    shop.land_rows("orders.csv", *(f'o{n},Ada,1,"2,5{n}",,,' for n in range(9)))
    (drift,) = shop.load_one().drift
    assert (drift.kind, drift.column) == ("type_change", "amount")
    assert "most have ',' as decimal sign (9 of 9 records)" in drift.message


def test_a_few_bad_values_are_no_change_of_type(shop: Shop) -> None:
    shop.land_rows("orders.csv", *(f"o{n},Ada,{'one' if n < 3 else n},2.50,,," for n in range(9)))
    delivery = shop.load_one()
    assert (delivery.status, delivery.drift) == ("refused", ())


@pytest.mark.parametrize("kind", ["missing", "type", "header twice", "cut off", "too many bad"])
def test_a_refused_delivery_leaves_the_table_byte_for_byte(shop: Shop, kind: str) -> None:
    rows = [f"o{n},Ada,{n},2.50,2024-01-01,,no" for n in range(30)]
    shop.land_rows("orders_1.csv", *rows)
    shop.load()
    before = {path: path.read_bytes() for path in shop.store.rglob("*.parquet")}
    current = shop.rows()
    broken = {
        "missing": "\n".join([HEADER.replace("amount", "x"), *rows]) + "\n",
        "type": "\n".join([HEADER, *(row.replace("2.50", "2,50 kr") for row in rows)]) + "\n",
        "header twice": "\n".join([f"{HEADER},amount", *(f"{row},1" for row in rows)]) + "\n",
        "cut off": "\n".join([HEADER, *rows])[:-20],
        "too many bad": "\n".join([HEADER, *(row.replace("2024-01", "2024-13") for row in rows)]),
    }
    shop.land("orders_2.csv", broken[kind])
    assert shop.load_one().status == "refused"
    after = {p: p.read_bytes() for p in shop.store.rglob("*.parquet") if p in before}
    assert after == before
    assert shop.rows() == current


def test_a_column_that_drifted_names_the_published_columns_it_goes_into() -> None:
    home = find_home(ROOT)
    project = load_home_project(home)
    published = {export.table: export.name for export in read_exports(home, project)}
    touched = published_columns(project, published)("sources.crm_contacts", "email")
    assert touched[0] == "golden_profiles.email"
    assert len(touched) > 3
    drift = Drift("missing_optional", False, "email", "column 'E-post' is missing", "Ask.")
    assert drift.told(touched) == (
        f"column 'E-post' is missing (it goes into {', '.join(touched[:3])}"
        f" and {len(touched) - 3} more)"
    )
    assert published_columns(project, published)("sources.crm_contacts", "no_such") == ()


def test_drift_is_a_table_with_what_it_touches(shop: Shop) -> None:
    header = HEADER.replace("customer", "kund") + ",colour"
    shop.land_rows("orders.csv", f"{ROW},red", header=header)
    delivery = shop.load_one()

    def touched(table: str, column: str) -> list[str]:
        return (
            ["golden_profiles.name"] if (table, column) == (shop.contract.name, "customer") else []
        )

    ledger = {shop.contract.name: [delivery]}
    table = drift_table([shop.contract], ledger, touched=touched).sql
    assert READER.execute(
        f"select kind, column_name, is_breaking, is_current, touched_count, touches from ({table})"
    ).fetchall() == [
        ("missing_optional", "customer", False, True, 1, "golden_profiles.name"),
        ("new_column", "colour", False, True, 0, None),
        ("new_column", "kund", False, True, 0, None),
    ]
    entries = deliveries_table([shop.contract], ledger, touched=touched).sql
    assert READER.execute(f"select drift from ({entries})").fetchall() == [
        (
            "column 'customer' is missing (it goes into golden_profiles.name);"
            " column 'kund' is new; it is left out;"
            " column 'colour' is new; it is left out",
        )
    ]
    assert READER.execute(drift_table([], {}).sql).fetchall() == []


def test_a_renamed_source_keeps_its_records_in_the_last_release(tmp_path: Path) -> None:
    pq.write_table(pa.table({"source": ["shop", "crm"], "record_id": ["1", "2"]}), tmp_path / "m")
    columns = [{"name": "source"}, {"name": "record_id"}]
    manifest = {"tables": {"identity_map": {"file": "m", "columns": columns}}}
    release = Release("r", tmp_path, manifest)
    wanted = {"source": "varchar", "record_id": "varchar"}
    sql = view_sql(release, "identity_map", wanted, {"shop": "webshop"})
    assert READER.execute(f"from ({sql}) order by all").fetchall() == [
        ("crm", "2"),
        ("webshop", "1"),
    ]
