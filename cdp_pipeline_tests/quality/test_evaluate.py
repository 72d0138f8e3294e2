from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp_pipeline.quality import RuleResult, evaluate
from cdp_pipeline.sqlmodels import Rule, Table


def table(key: tuple[str, ...] = ("order_id",), *rules: Rule) -> Table:
    return Table(
        name="profiles.orders",
        layer="profiles",
        made_by="sql",
        sql="",
        file=Path("orders.sql"),
        line=1,
        description="One row per order.",
        owner="profiles",
        key=key,
        reads=(),
        columns=(),
        rules=rules,
    )


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("create schema profiles")
        connection.execute(
            "create table profiles.orders as select * from (values"
            " ('o1', 'web', 10.00, 1, 'c1'),"
            " ('o2', 'till', -5.00, 3, 'c9'),"
            " ('o3', null, null, 6, null)"
            ") as v (order_id, channel, amount, score, customer_id)"
        )
        connection.execute("create table profiles.people as select 'c1' as customer_id")
        yield connection


def result_of(con: duckdb.DuckDBPyConnection, rule: Rule) -> RuleResult:
    return evaluate(con, table(("order_id",), rule), "profiles.orders")[-1]


@pytest.mark.parametrize(
    ("rule", "failing"),
    [
        (Rule("not_null", columns=("order_id",)), 0),
        (Rule("not_null", columns=("channel",)), 1),
        (Rule("accepted_values", columns=("channel",), values=("web", "till")), 0),
        (Rule("accepted_values", columns=("channel",), values=("web",)), 1),
        (Rule("accepted_values", columns=("score",), values=(1, 3, 6)), 0),
        (Rule("between", columns=("score",), minimum=1, maximum=5), 1),
        (Rule("between", columns=("score",), minimum=1), 0),
        (Rule("between", columns=("amount",), maximum=0), 1),
        (Rule("matches", columns=("order_id",), expression="o[12]"), 1),
        (Rule("matches", columns=("order_id",), expression="o"), 3),
        (Rule("matches", columns=("channel",), expression="[a-z']+"), 0),
        (Rule("expression", expression="amount >= 0 or channel = 'x'"), 1),
        (Rule("row_count", minimum=3), 0),
        (Rule("row_count", minimum=5), 2),
        (
            Rule(
                "refers_to", columns=("customer_id",), table="profiles.people", to=("customer_id",)
            ),
            1,
        ),
    ],
)
def test_a_rule_counts_the_rows_that_break_it_and_lets_nulls_pass(
    con: duckdb.DuckDBPyConnection, rule: Rule, failing: int
) -> None:
    result = result_of(con, rule)
    assert (result.failing_count, result.passed) == (failing, failing == 0)
    assert (result.total_count, result.rule) == (3, rule.text)


def test_results_come_in_declared_order_after_those_of_the_key(
    con: duckdb.DuckDBPyConnection,
) -> None:
    rules = (
        Rule("refers_to", columns=("customer_id",), table="profiles.people", to=("customer_id",)),
        Rule("row_count", severity="warn", why="a day without orders", minimum=9),
        Rule("not_null", columns=("channel",)),
    )
    results = evaluate(con, table(("order_id", "score"), *rules), "profiles.orders")
    assert [result.rule for result in results] == [
        "order_id, score is unique",
        "order_id is never null",
        "score is never null",
        "customer_id refers to profiles.people (customer_id)",
        "there are at least 9 rows",
        "channel is never null",
    ]
    assert results[4] == RuleResult(
        "there are at least 9 rows", "warn", False, 6, 3, "a day without orders"
    )
    assert results[4].as_dict()["failing_count"] == 6


def test_a_table_without_rows_keeps_its_key_and_every_rule_about_rows(
    con: duckdb.DuckDBPyConnection,
) -> None:
    rules = (Rule("not_null", columns=("channel",)), Rule("row_count", minimum=1))
    relation = "(select * from profiles.orders where false)"
    results = evaluate(con, table(("order_id",), *rules), relation)
    assert [result.passed for result in results] == [True, True, True, False]


def test_a_column_name_with_a_quote_is_still_a_column(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("""create table profiles.odd as select 1 as "a""b" """)
    rule = Rule("not_null", columns=('a"b',))
    assert all(result.passed for result in evaluate(con, table(('a"b',), rule), "profiles.odd"))


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.one_of(st.none(), st.sampled_from(["a", "B", "å", ""])), st.integers(0, 3)),
        max_size=12,
    ),
    is_sorted=st.booleans(),
)
def test_the_key_check_counts_rows_that_share_their_key(
    rows: list[tuple[str | None, int]], is_sorted: bool
) -> None:
    with duckdb.connect() as con:
        con.execute("create table t (source varchar, place integer)")
        for row in rows:
            con.execute("insert into t values ($1, $2)", list(row))
        order = "order by source, place" if is_sorted else ""
        unique, *_ = evaluate(con, table(("source", "place")), f"(select * from t {order})")
    expected = sum(count for count in Counter(rows).values() if count > 1)
    assert unique.failing_count == expected
    assert unique.passed == (expected == 0)
