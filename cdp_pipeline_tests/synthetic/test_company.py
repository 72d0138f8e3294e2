"""The company as a whole: the same every time, consistent, and with its truth beside it."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cdp_pipeline.ingest import load_contracts, load_source
from cdp_pipeline.synthetic import write_company
from cdp_pipeline_tests.synthetic.conftest import Company

SOURCES = Path(__file__).parents[2] / "dbt_like_sql" / "sources"
BAD_CELL = "try_cast({} as {}) is not null"
RECORDS = """
    select 'crm' as source, "KontaktID" as record_id, lower("E-post") as email
    from read_csv('{landing}/crm/contacts.csv', delim = ';', all_varchar = true, header = true)
    union
    select 'webshop', user_id, lower(email)
    from read_csv('{landing}/webshop/users.csv', all_varchar = true, header = true)
    union
    select 'pos', "MEDLEMSNR", lower("EPOST")
    from read_csv(
        '{landing}/pos/members.csv',
        delim = ';', all_varchar = true, header = true, encoding = 'latin-1'
    )
"""
ORDERS = """
    select order_id::bigint as order_id, currency, total::decimal(18, 2) as total, status
    from (
        select distinct *
        from read_csv('{landing}/webshop/orders.csv', all_varchar = true, header = true)
    )
    where try_cast(total as decimal(18, 2)) is not null
        and try_cast(ordered_at as timestamp) is not null
"""


def files(folder: Path) -> dict[str, bytes]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_the_same_seed_gives_the_same_bytes(company: Company, tmp_path: Path) -> None:
    write_company(tmp_path / "landing", tmp_path / "truth", people=1_000, seed=3)
    assert files(tmp_path / "landing") == files(company.landing)
    assert files(tmp_path / "truth") == files(company.truth)


def test_another_seed_gives_other_people(company: Company, tmp_path: Path) -> None:
    write_company(tmp_path / "landing", tmp_path / "truth", people=1_000, seed=4)
    other, same = files(tmp_path / "landing"), files(company.landing)
    assert other.keys() == same.keys()
    assert all(
        other[name] != same[name] for name in same if name.split("/")[0] in ("crm", "webshop")
    )


@pytest.mark.parametrize("people", [30, 200])
def test_even_a_handful_of_people_make_a_company(people: int, tmp_path: Path) -> None:
    summary = write_company(tmp_path / "landing", tmp_path / "truth", people=people, seed=1)
    assert set(summary.rows) == {
        str(path.relative_to(tmp_path / "landing")) for path in (tmp_path / "landing").rglob("*.*")
    }


def test_lines_per_record_decides_how_much_is_bought(tmp_path: Path) -> None:
    few = write_company(tmp_path / "l", tmp_path / "t", people=1_000, seed=3, lines_per_record=3.0)
    records = sum(few.rows[name] for name in ("crm/contacts.csv", "webshop/users.csv"))
    records += few.rows["pos/members.csv"]
    lines = few.rows["webshop/order_lines.parquet"] + few.rows["pos/receipt_lines.parquet"]
    assert 2.4 < lines / records < 3.6


def test_web_order_totals_are_the_sum_of_their_lines(company: Company) -> None:
    wrong = company.rows(
        f"""
        with orders as ({ORDERS}),
        lines as (
            select order_id, sum(amount) as amount
            from '{{landing}}/webshop/order_lines.parquet' group by order_id
        )
        select count(*) from orders full join lines using (order_id)
        where total is distinct from amount
        """
    )
    assert wrong == [(0,)]


def test_receipt_totals_are_the_sum_of_their_lines(company: Company) -> None:
    wrong = company.rows(
        """
        with lines as (
            select receipt_id, sum(amount) as amount
            from '{landing}/pos/receipt_lines.parquet' group by receipt_id
        )
        select count(*)
        from (select * from '{landing}/pos/receipts.parquet' where receipt_id is not null)
        full join (select * from lines where receipt_id is not null) using (receipt_id)
        where total is distinct from amount
        """
    )
    assert wrong == [(0,)]


@pytest.mark.parametrize(
    ("file", "number"),
    [("webshop/order_lines.parquet", "order_id"), ("pos/receipt_lines.parquet", "receipt_id")],
)
def test_a_return_takes_back_exactly_a_line_that_was_sold(
    company: Company, file: str, number: str
) -> None:
    returned, matching = company.rows(
        f"""
        select count(*), count(sold.amount)
        from '{{landing}}/{file}' as back
        left join '{{landing}}/{file}' as sold
            on sold.{number} = back.returned_{number}
            and sold.line_number = back.returned_line_number
            and sold.amount = -back.amount and sold.product_id = back.product_id
        where back.returned_{number} is not null
        """
    )[0]
    assert returned == matching > 0


def test_no_line_is_paid_below_zero_except_returns(company: Company) -> None:
    assert company.rows(
        """
        select count(*) from '{landing}/webshop/order_lines.parquet'
        where (amount < 0) <> (returned_order_id is not null)
        """
    ) == [(0,)]


def test_truth_covers_every_record_exactly_once(company: Company) -> None:
    unknown, twice = company.rows(
        f"""
        with records as ({RECORDS}), truth as (select * from '{{truth}}/records.parquet')
        select
            count(*) filter (where truth.person_id is null and broken.record_id is null),
            (select count(*) - count(distinct (source, record_id)) from truth)
        from (select distinct source, record_id from records where record_id is not null) as r
        full join truth using (source, record_id)
        left join (
            values ('crm', 'K9999901'), ('webshop', '999999901'), ('pos', '79999999')
        ) as broken (source, record_id) using (source, record_id)
        """
    )[0]
    assert (unknown, twice) == (0, 0)


def test_every_person_of_the_truth_has_a_record_or_a_line_of_its_own(company: Company) -> None:
    people, records = company.rows(
        """
        select
            (select count(*) from '{truth}/people.parquet' where kind = 'person'),
            (select count(distinct person_id) from '{truth}/records.parquet' where kind = 'person')
        """
    )[0]
    assert people == records == 1_000


def test_what_was_broken_on_purpose_is_what_loading_rejects(
    company: Company, tmp_path: Path
) -> None:
    broken = dict(
        company.rows("select file, sum(rows)::int from '{truth}/bad_rows.parquet' group by file")
    )
    (tmp_path / "spill").mkdir()
    rejected = {}
    for contract in load_contracts(SOURCES):
        report = load_source(
            contract, company.landing, tmp_path / "store", spill=tmp_path / "spill"
        )
        (delivery,) = report.deliveries
        assert delivery.status == "loaded"
        assert delivery.drift == ()
        assert delivery.rows_delivered == company.summary.rows[delivery.file]
        if delivery.rows_rejected:
            rejected[delivery.file] = delivery.rows_rejected
    assert rejected == broken


def test_orphans_are_counted(company: Company) -> None:
    found = company.rows(
        f"""
        select count(*) from (
            select distinct order_id, user_id
            from read_csv('{{landing}}/webshop/orders.csv', all_varchar = true, header = true)
        )
        where user_id not in (
            select record_id from ({RECORDS}) where source = 'webshop' and record_id is not null
        )
        """
    )
    assert found == [(company.summary.orphans["webshop/orders.csv"],)]


def test_the_committed_copy_is_what_the_generator_writes_today(demo: Path, tmp_path: Path) -> None:
    facts = json.loads((demo / "truth" / "summary.json").read_text(encoding="utf-8"))
    write_company(
        tmp_path / "landing",
        tmp_path / "truth",
        people=facts["people"],
        seed=facts["seed"],
        lines_per_record=facts["lines_per_record"],
    )
    for part in ("landing", "truth"):
        committed, today = files(demo / part), files(tmp_path / part)
        assert committed.keys() == today.keys()
        for name in committed:
            if name.endswith(".parquet"):
                # Another version of the Parquet writer may write other bytes for the same rows.
                assert pq.read_table(demo / part / name).equals(
                    pq.read_table(tmp_path / part / name)
                ), name
            else:
                assert committed[name] == today[name], name


def test_the_committed_copy_is_big_enough_and_small_enough(demo: Path) -> None:
    facts = json.loads((demo / "truth" / "summary.json").read_text(encoding="utf-8"))
    lines = ("webshop/order_lines.parquet", "pos/receipt_lines.parquet")
    assert facts["people"] >= 5_000
    assert sum(facts["rows"][name] for name in lines) >= 60_000
    assert sum(path.stat().st_size for path in demo.rglob("*") if path.is_file()) < 10_000_000
