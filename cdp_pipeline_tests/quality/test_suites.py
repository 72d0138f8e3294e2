from __future__ import annotations

from pathlib import Path

from cdp_pipeline.sqlmodels import Rule, Table

ORDERS = Table(
    name="profiles.orders",
    layer="profiles",
    made_by="sql",
    sql="",
    file=Path("orders.sql"),
    line=1,
    description="One row per order.",
    owner="profiles",
    key=("source", "order_id"),
    reads=(),
    columns=(),
    rules=(
        Rule("accepted_values", columns=("status",), values=("completed", "cancelled")),
        Rule("between", columns=("share",), minimum=0, maximum=1, severity="warn", why="a share"),
        Rule("between", columns=("day",), minimum="2026-01-01"),
        Rule("matches", columns=("currency",), expression="[A-Z]{3}"),
        Rule("refers_to", columns=("customer_id",), table="identity.map", to=("customer_id",)),
        Rule("row_count", minimum=5),
        Rule("expression", expression="amount >= 0 or is_return"),
    ),
)


def test_the_suite_of_a_table_is_its_key_and_its_rules_in_the_library_s_words() -> None:
    from cdp_pipeline.quality.suites import suite

    told = [
        (e["type"], e["kwargs"], e["severity"], e.get("notes"))
        for e in suite(ORDERS).to_json_dict()["expectations"]
    ]
    column = "expect_column_values"
    assert told == [
        ("expect_key_to_be_unique", {"columns": ["source", "order_id"]}, "critical", None),
        (f"{column}_to_not_be_null", {"column": "source"}, "critical", None),
        (f"{column}_to_not_be_null", {"column": "order_id"}, "critical", None),
        (
            f"{column}_to_be_in_set",
            {"column": "status", "value_set": ["completed", "cancelled"]},
            "critical",
            None,
        ),
        (
            f"{column}_to_be_between",
            {"column": "share", "min_value": 0.0, "max_value": 1.0},
            "warning",
            "a share",
        ),
        (
            "expect_rows_to_keep_condition",
            {"condition": "\"day\" >= '2026-01-01'"},
            "critical",
            None,
        ),
        (
            f"{column}_to_match_wholly",
            {"column": "currency", "regex": "[A-Z]{3}"},
            "critical",
            None,
        ),
        (
            "expect_columns_to_refer_to_table",
            {
                "columns": ["customer_id"],
                "other_table": "identity.map",
                "other_columns": ["customer_id"],
            },
            "critical",
            None,
        ),
        ("expect_table_row_count_to_be_between", {"min_value": 5}, "critical", None),
        (
            "expect_rows_to_keep_condition",
            {"condition": "(amount >= 0 or is_return)"},
            "critical",
            None,
        ),
    ]


def test_each_expectation_is_described_by_the_rule_s_own_sentence() -> None:
    from cdp_pipeline.quality.suites import checks

    assert [check.expectation.description for check in checks(ORDERS)] == [
        "source, order_id is unique",
        "source is never null",
        "order_id is never null",
        *(rule.text for rule in ORDERS.rules),
    ]
