from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from cdp_pipeline.quality.profiles import FEWEST, SAMPLE, Profile, profile, shape
from cdp_pipeline.sqlmodels import Table
from cdp_pipeline.sqlmodels.tables import Column


def table(**columns: tuple[str, str]) -> Table:
    """Return a table of columns, each with its type and its class of personal data."""
    return Table(
        name="sources.people",
        layer="sources",
        made_by="source",
        sql="",
        file=Path("people.yml"),
        line=1,
        description="One row per person.",
        owner="crm",
        key=(next(iter(columns)),),
        reads=(),
        columns=tuple(
            Column(name, kind, "What it is.", frozenset({personal} - {"none"}))
            for name, (kind, personal) in columns.items()
        ),
    )


def profiled(con: duckdb.DuckDBPyConnection, of: Table, relation: str) -> dict[str, Profile]:
    return {row["column_name"]: row for row in profile(con, of, relation)}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("AB-123 45", "AA-999 99"),
        ("åsa.öberg@example.com", "aaa.aaa@aaa.aaa"),
        ("Ærø", "Aaa"),
        ("Żółć 王 Ω", "Aaaa a A"),
        ("tab\there €5", "aaa?aaa ?9"),
        ("1" * 30, "9" * 12),
        ("a1" * 40, "a9" * 12 + "…"),
        ("", ""),
    ],
)
def test_a_shape_tells_what_kinds_of_signs_a_text_is_made_of(text: str, told: str) -> None:
    assert shape(text) == told


def test_filled_distinct_and_ranges_are_counted() -> None:
    of = table(id=("varchar", "pseudonym"), amount=("decimal(18,2)", "none"), day=("date", "none"))
    with duckdb.connect() as con:
        con.execute(
            "create table t as select * from (values ('a', 1.50, date '2026-01-02'),"
            " ('b', -2.00, null), ('c', 1.50, null)) as v (id, amount, day)"
        )
        told = profiled(con, of, "t")
    assert [told[name]["filled_count"] for name in ("id", "amount", "day")] == [3, 3, 1]
    assert [told[name]["distinct_count"] for name in ("id", "amount", "day")] == [3, 2, 1]
    assert (told["amount"]["min_value"], told["amount"]["max_value"]) == ("-2.00", "1.50")
    assert told["day"]["min_value"] == told["day"]["max_value"] == "2026-01-02"
    assert all(row["row_count"] == 3 and row["is_distinct_exact"] for row in told.values())


def test_no_range_of_a_personal_column_and_no_rare_shape_is_told() -> None:
    of = table(
        id=("bigint", "pseudonym"),
        born=("date", "birth_date"),
        income=("integer", "attribute"),
        phone=("varchar", "phone"),
    )
    with duckdb.connect() as con:
        con.execute(
            "create table t as select i as id, date '1980-01-01' + i::integer as born,"
            f" 1000 + i as income, case when i < {FEWEST} then '070-' || (1000000 + i)"
            " else repeat('x', i::integer) || '4711' end as phone"
            f" from range({FEWEST + 3}) as r (i)"
        )
        told = profiled(con, of, "t")
    assert all(row["min_value"] is row["max_value"] is None for row in told.values())
    # The three long ones have a shape of their own, cut alike; fewer than ten share it.
    assert json.loads(told["phone"]["top_patterns"]) == [
        {"pattern": "999-9999999", "ratio": round(FEWEST / (FEWEST + 3), 4)}
    ]
    assert "4711" not in json.dumps(told, default=str)


def test_a_table_without_rows_has_a_profile() -> None:
    with duckdb.connect() as con:
        con.execute("create table t (id varchar, n integer)")
        told = profiled(con, table(id=("varchar", "none"), n=("integer", "none")), "t")
    assert [(r["row_count"], r["distinct_count"], r["min_value"]) for r in told.values()] == [
        (0, 0, None),
        (0, 0, None),
    ]


def test_the_profile_is_the_same_whatever_the_order_of_rows_and_the_threads() -> None:
    of = table(id=("varchar", "none"), n=("integer", "none"), name=("varchar", "name"))
    told = []
    for order, threads in (("i", 1), ("hash(i)", 2), ("-i", 2)):
        with duckdb.connect(config={"threads": threads}) as con:
            con.execute(
                "create table t as select 'k' || i as id, (i * 7919 % 12345)::integer as n,"
                " repeat('ab', (i % 4)::integer) || i as name"
                f" from range(60000) as r (i) order by {order}"
            )
            told.append(profiled(con, of, "t"))
    assert told[0] == told[1] == told[2]
    assert not told[0]["n"]["is_distinct_exact"]
    assert told[0]["n"]["distinct_count"] == pytest.approx(12345, rel=0.05)
    assert told[0]["id"]["distinct_count"] <= 60000


def test_shapes_of_a_large_table_are_those_of_a_sample() -> None:
    with duckdb.connect() as con:
        con.execute(
            "create table t as select i as id, case when i % 4 = 0 then 'A' || i % 10 else 'bb' end"
            " as code from range(100000) as r (i)"
        )
        told = profiled(con, table(id=("bigint", "none"), code=("varchar", "none")), "t")
    shapes = json.loads(told["code"]["top_patterns"])
    assert [found["pattern"] for found in shapes] == ["aa", "A9"]
    assert shapes[0]["ratio"] == pytest.approx(0.75, abs=4 / SAMPLE**0.5)
