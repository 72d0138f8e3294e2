from __future__ import annotations

from collections.abc import Callable

import pytest

from cdp_pipeline_tests.sqlmodels.conftest import Folder

HEAD = "-- One row per order.\n"
PLAIN = "select\n    order_id, -- The order.\n"

BREACHES = [
    ("one_row_per", 1, "-- All orders.\nselect order_id, -- The order.\nfrom sources.shop_orders"),
    ("docs", 3, "select\n    order_id,\nfrom sources.shop_orders"),
    (
        "columns",
        4,
        PLAIN + "    count(*), -- How many.\nfrom sources.shop_orders group by order_id",
    ),
    (
        "columns",
        4,
        PLAIN + "    email as order_id, -- Twice.\nfrom sources.shop_orders",
    ),
    ("columns", 4, PLAIN + "    city as City, -- Where.\nfrom sources.shop_orders"),
    ("qualified", 4, PLAIN + "from shop_orders"),
    ("unknown", 4, PLAIN + "from sources.shop_order"),
    ("last_star", 3, "select\n    *\nfrom sources.shop_orders"),
    (
        "last_star",
        6,
        PLAIN + "from sources.shop_orders\nunion all\nselect * from sources.shop_users",
    ),
    ("last_order", 5, PLAIN + "from sources.shop_orders\norder by order_id"),
    (
        "lineage",
        3,
        "select\n    order_id, -- The order.\n    email, -- Mail.\nfrom sources.shop_orders\n"
        "union all by name\nselect email, user_id as order_id from sources.shop_users",
    ),
    (
        "lineage",
        3,
        "with p as (\n    select columns('order_id') from sources.shop_orders\n)\n"
        + PLAIN
        + "from p",
    ),
    (
        "lineage",
        3,
        "with p as (\n    select order_id, delivery.* from sources.shop_orders\n)\n"
        + PLAIN
        + "from p",
    ),
    (
        "lineage",
        3,
        "with p as (\n    pivot sources.shop_orders on city using count(*) group by order_id\n)\n"
        + PLAIN
        + "from p",
    ),
    ("files", 4, PLAIN + "from read_csv('orders.csv')"),
    ("files", 4, PLAIN + "from read_parquet('orders.parquet')"),
    ("clock", 4, PLAIN + "    now() as read_at, -- When.\nfrom sources.shop_orders"),
    ("clock", 4, PLAIN + "    current_date as read_on, -- When.\nfrom sources.shop_orders"),
    ("clock", 4, PLAIN + "    current_timestamp as read_at, -- When.\nfrom sources.shop_orders"),
    ("clock", 4, PLAIN + "    today() as read_on, -- When.\nfrom sources.shop_orders"),
    ("clock", 5, PLAIN + "from sources.shop_orders\nwhere age(ordered_at) > interval 1 day"),
    ("random", 5, PLAIN + "from sources.shop_orders\nwhere random() < 0.5"),
    ("random", 4, PLAIN + "    uuid() as row_id, -- New.\nfrom sources.shop_orders"),
    ("random", 4, PLAIN + "from sources.shop_orders tablesample 10%"),
    (
        "double_sum",
        4,
        PLAIN + "    sum(ratio) as total, -- Sum.\nfrom sources.shop_orders group by 1",
    ),
    (
        "double_sum",
        4,
        PLAIN + "    avg(ratio) as mean, -- Mean.\nfrom sources.shop_orders group by 1",
    ),
    (
        "double_sum",
        4,
        PLAIN + "    stddev(amount) as spread, -- Spread.\nfrom sources.shop_orders group by 1",
    ),
    (
        "double_sum",
        3,
        "with r as (\n    select order_id, sum(amount / 3) as third from sources.shop_orders\n"
        "    group by 1\n)\n" + PLAIN + "    third, -- A third.\nfrom r",
    ),
    (
        "ties",
        4,
        PLAIN + "    any_value(city) as city, -- City.\nfrom sources.shop_orders group by 1",
    ),
    ("ties", 4, PLAIN + "    first(city) as city, -- City.\nfrom sources.shop_orders group by 1"),
    (
        "ties",
        4,
        PLAIN + "    arg_max(city, amount) as city, -- City.\nfrom sources.shop_orders group by 1",
    ),
    (
        "ties",
        4,
        PLAIN + "    min_by(city, amount) as city, -- City.\nfrom sources.shop_orders group by 1",
    ),
    ("ties", 4, PLAIN + "    mode(city) as city, -- City.\nfrom sources.shop_orders group by 1"),
    (
        "unordered",
        4,
        PLAIN
        + "    row_number() over (partition by city) as place, -- Place.\nfrom sources.shop_orders",
    ),
    (
        "unordered",
        4,
        PLAIN + "    list(city) as cities, -- Cities.\nfrom sources.shop_orders group by 1",
    ),
    ("unordered", 3, PLAIN + "from sources.shop_orders\nlimit 10"),
    (
        "unordered",
        3,
        "with p as (\n    select distinct on (city) order_id from sources.shop_orders\n)\n"
        + PLAIN
        + "from p",
    ),
    ("one", 1, ""),
    ("one", 5, PLAIN + "from sources.shop_orders;\nselect order_id from sources.shop_orders"),
    ("one", 1, "create table t as select 1 as one"),
    ("parse", 4, PLAIN + "from sources.shop_orders where ("),
    ("engine", 4, PLAIN + "    emial, -- Mail.\nfrom sources.shop_orders"),
    ("engine", 5, PLAIN + "from sources.shop_orders\nwhere order_id > date '2020-01-01' + 'x'"),
    ("types", 4, PLAIN + "    null as nothing, -- Nothing.\nfrom sources.shop_orders"),
    (
        "drops",
        3,
        "select\n    order_id, -- The order. {drops mail: counted}\nfrom sources.shop_orders",
    ),
    (
        "allow",
        2,
        "-- house: allow ties\n" + PLAIN + "from sources.shop_orders",
    ),
]


@pytest.mark.parametrize(("rule", "line", "sql"), BREACHES)
def test_a_breach_is_named_with_its_file_and_line(
    model: Callable[..., Folder], rule: str, line: int, sql: str
) -> None:
    folder = model((sql if rule == "one_row_per" else HEAD + sql) + "\n")
    found = [p for p in folder.problems() if p.rule == rule]
    assert [(p.file.name, p.line) for p in found][:1] == [("measures.sql", line)], folder.problems()
    assert found[0].hint


@pytest.mark.parametrize(
    "expression",
    [
        "round(sum(ratio), 6)",
        "round(avg(ratio) filter (where amount > 0), 6)",
        "sum(cast(ratio as decimal(18, 6)))",
        "sum(amount)",
        "avg(amount)",
        "first(city order by amount, order_id)",
        "arg_max(city, (amount, order_id))",
        "list(city order by city)",
        "list_sort(list(city))",
        "string_agg(city, ', ' order by city)",
        "age(max(ordered_at), min(ordered_at))",
        "round(stddev(amount), 6)",
        "sum(round(amount * 1.25, 2))",
        "sum(case when ratio > 1 then amount else 0 end) filter (where ratio < 5)",
        "max(ordered_at)",
    ],
)
def test_what_is_the_same_every_time_is_allowed(
    model: Callable[..., Folder], expression: str
) -> None:
    folder = model(
        f"{HEAD}{PLAIN}    {expression} as figure, -- Figure.\nfrom sources.shop_orders\n"
        "group by order_id\n"
    )
    assert folder.problems() == []


def test_a_column_called_today_or_now_is_no_clock(model: Callable[..., Folder]) -> None:
    folder = model(
        HEAD
        + "with a as (select order_id, ordered_at as today from sources.shop_orders)\n"
        + PLAIN
        + "    a.today as now, -- Day.\nfrom a\n"
    )
    assert folder.problems() == []


def test_an_exception_with_a_reason_lifts_one_rule_on_one_line(
    model: Callable[..., Folder],
) -> None:
    folder = model(
        HEAD
        + PLAIN
        + "    -- house: allow ties because an order has one city\n"
        + "    any_value(city) as city, -- City.\n"
        + "    any_value(email) as email, -- Mail. house: allow ties because one order, one mail\n"
        + "    any_value(ratio) as ratio, -- Ratio.\n"
        + "from sources.shop_orders\ngroup by order_id\n"
    )
    assert [(p.rule, p.line) for p in folder.problems()] == [("ties", 7)]


def test_an_exception_that_allows_nothing_is_refused(model: Callable[..., Folder]) -> None:
    folder = model(
        HEAD
        + "-- house: allow ties because\n-- house: allow clock because it was once read\n"
        + PLAIN
        + "from sources.shop_orders\n"
    )
    assert [(p.rule, p.line) for p in folder.problems()] == [
        ("allow", 2),
        ("allow", 2),
        ("allow", 3),
    ]


def test_all_problems_of_a_project_are_reported_together(folder: Folder) -> None:
    folder.write(
        {
            "insight/first.sql": HEAD + "select order_id from sources.shop_orders",
            "insight/second.sql": HEAD + PLAIN + "from sources.nothing",
            "insight/_tables.yml": """
                first: {owner: insight, key: [order_id]}
                second: {owner: insight, key: [order_id]}
                third: {owner: insight, key: [order_id]}
            """,
        }
    )
    assert [(p.file.name, p.line, p.rule) for p in folder.problems()] == [
        ("_tables.yml", 3, "declaration"),
        ("first.sql", 2, "docs"),
        ("second.sql", 4, "unknown"),
    ]
