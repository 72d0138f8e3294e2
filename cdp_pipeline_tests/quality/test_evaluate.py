from __future__ import annotations

import logging
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp_pipeline.errors import StepError
from cdp_pipeline.quality import RuleResult, evaluate, with_trend
from cdp_pipeline.quality.conditions import holds
from cdp_pipeline.sqlmodels import Rule, Table
from cdp_pipeline.sqlmodels.tables import Column


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
            " ('o1', 'web', 10.00, 1, 'c1', date '2026-01-05', true),"
            " ('o2', 'till', -5.00, 3, 'c9', date '2026-03-01', false),"
            " ('o3', null, null, 6, null, null, null)"
            ") as v (order_id, channel, amount, score, customer_id, ordered_on, is_paid)"
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
        (Rule("between", columns=("ordered_on",), minimum="2026-02-01"), 1),
        (Rule("between", columns=("ordered_on",), minimum="2026-01-01", maximum="2026-12-31"), 0),
        (Rule("accepted_values", columns=("is_paid",), values=(True,)), 1),
        (Rule("not_null", columns=("is_paid",)), 1),
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


@settings(max_examples=30, deadline=None)
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


_COUNTED = (
    Rule("not_null", columns=("a",)),
    Rule("accepted_values", columns=("a",), values=("x", "y")),
    Rule("between", columns=("b",), minimum=2, maximum=4),
    Rule("between", columns=("d",), minimum=0.1, maximum=0.3),
    Rule("matches", columns=("a",), expression="[xyz]"),
    Rule("expression", expression="b > 1 or a = 'x' -- why not"),
    Rule("expression", expression="a like '%:y' or b::varchar <> '3'"),
)


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.one_of(st.none(), st.sampled_from(["x", "y", "z", "xx", "a:y", "%", "ö"])),
            st.one_of(st.none(), st.integers(0, 6)),
            st.one_of(st.none(), st.sampled_from(["0.05", "0.10", "0.20", "0.30", "0.31"])),
        ),
        max_size=10,
    )
)
def test_great_expectations_counts_what_plain_sql_counts(
    rows: list[tuple[str | None, int | None, str | None]],
) -> None:
    rules = [replace(rule, expression=rule.expression.split(" --")[0]) for rule in _COUNTED]
    with duckdb.connect() as con:
        con.execute("create table t (a varchar, b integer, d decimal(9, 2))")
        for row in rows:
            con.execute("insert into t values ($1, $2, $3)", list(row))
        results = evaluate(con, table((), *rules), "t")
        for rule, result in zip(rules, results, strict=True):
            query = f"select count(*) from t where not ({holds(rule)})"
            assert result.failing_count == con.sql(query).fetchall()[0][0], rule.text
            assert result.total_count == len(rows)


class Counting:
    """A connection that counts the statements it is given."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con
        self.statements: list[str] = []

    def execute(self, statement: str, parameters: Any = None) -> Any:
        self.statements.append(statement)
        return self._con.execute(statement, parameters or [])


def test_rules_about_rows_take_two_scans_however_many_there_are(
    con: duckdb.DuckDBPyConnection,
) -> None:
    spies = []
    for count in (2, 9):
        rules = [Rule("expression", expression=f"score < {10 + n}") for n in range(count)]
        rules += [
            Rule("between", columns=("score",), minimum=0, maximum=10 + n) for n in range(count)
        ]
        spy = Counting(con)
        evaluate(spy, table((), *rules), "profiles.orders")  # type: ignore[arg-type]
        spies.append(spy)
    few, many = spies
    assert len(few.statements) == len(many.statements)
    scans = [text for text in many.statements if "filter" in text.lower() or "sum(" in text.lower()]
    assert len(scans) == 2  # the library's own metrics, and those of conditions


def test_no_query_asks_for_a_value(con: duckdb.DuckDBPyConnection) -> None:
    rules = (
        Rule("accepted_values", columns=("channel",), values=("nowhere",)),
        Rule("matches", columns=("channel",), expression="z"),
        Rule("expression", expression="amount > 100"),
        Rule("refers_to", columns=("customer_id",), table="profiles.people", to=("customer_id",)),
    )
    spy = Counting(con)
    evaluate(spy, table(("channel",), *rules), "profiles.orders")  # type: ignore[arg-type]
    for text in spy.statements:
        head = " ".join(text.lower().split()).split(" from ")[0]
        assert head.startswith(("create or replace temp view", "drop view", "describe")) or (
            "count(" in head or "sum(" in head
        ), text


def test_a_rule_that_cannot_be_evaluated_is_named_with_table_and_line_and_no_value(
    con: duckdb.DuckDBPyConnection, capfd: pytest.CaptureFixture[str]
) -> None:
    con.execute("insert into profiles.orders values ('canary-4711', null, 1, 1, null, null, null)")
    rules = (
        Rule("not_null", columns=("order_id",), line=7),
        Rule("expression", expression="order_id::integer > 0", line=12),
    )
    with pytest.raises(StepError) as caught:
        evaluate(con, table((), *rules), "profiles.orders")
    said = str(caught.value)
    assert "profiles.orders" in said
    assert "order_id::integer > 0 (profiles/_tables.yml, line 12)" in said
    assert "line 7" not in said
    assert "a value does not fit the type it is cast to" in said
    out, err = capfd.readouterr()
    assert "canary" not in said + out + err
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_column_that_is_not_there_is_named(con: duckdb.DuckDBPyConnection) -> None:
    rule = Rule("between", columns=("colour",), minimum=1, line=5)
    with pytest.raises(StepError, match=r"colour is between 1 and any .*line 5"):
        evaluate(con, table((), rule), "profiles.orders")


CANARY = "Kanariefågel Kvitter"


def test_no_value_gets_into_results_logs_or_output(
    con: duckdb.DuckDBPyConnection,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    for _ in range(2):
        con.execute("insert into profiles.orders values ($1, $1, 1, 9, $1, null, null)", [CANARY])
    rules = (
        Rule("accepted_values", columns=("channel",), values=("web",)),
        Rule("matches", columns=("order_id",), expression="o[0-9]"),
        Rule("between", columns=("channel",), minimum="a", maximum="b"),
        Rule("expression", expression="channel = 'web'"),
        Rule("refers_to", columns=("customer_id",), table="profiles.people", to=("customer_id",)),
    )
    with caplog.at_level(logging.DEBUG):
        results = evaluate(con, table(("order_id", "channel"), *rules), "profiles.orders")
    assert [result.passed for result in results] == [False, True, False, *[False] * 5]
    out, err = capfd.readouterr()
    told = repr(results) + repr(with_trend(results, ())) + out + err + caplog.text
    assert CANARY not in told
    assert "Kvitter" not in told


def test_a_source_is_checked_against_the_types_of_its_contract(
    con: duckdb.DuckDBPyConnection,
) -> None:
    columns = tuple(
        Column(name, kind, "What it is.")
        for name, kind in (("order_id", "varchar"), ("score", "bigint"))
    )
    source = replace(table(("order_id",)), made_by="source", columns=columns)
    failing = {r.rule: r.failing_count for r in evaluate(con, source, "profiles.orders")}
    assert failing["columns have the types of the contract"] == 1  # score is an integer
    con.execute("create view wider as select order_id, score::bigint as score from profiles.orders")
    assert all(result.passed for result in evaluate(con, source, "wider"))


def test_the_trend_is_what_failed_the_last_time() -> None:
    before = [{"rule": "a", "failing_count": 4}]
    results = [RuleResult("a", "warn", False, 6, 9), RuleResult("b", "warn", True, 0, 9)]
    told = with_trend(results, before)
    assert [(check["rule"], check["failing_before"]) for check in told] == [("a", 4), ("b", None)]


def test_loading_the_definitions_does_not_import_great_expectations() -> None:
    code = (
        "import sys, cdp_pipeline.definitions, cdp_pipeline.cli.running, cdp_pipeline.quality\n"
        "sys.exit('great_expectations' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
