"""What each shape of SQL says about where values come from."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cdp_pipeline.sqlmodels import LineageNode
from cdp_pipeline_tests.sqlmodels.conftest import Folder

HEAD = "-- One row per order.\n"
ORDERS, USERS = "sources.shop_orders", "sources.shop_users"

SHAPES = {
    "a CTE of a star": (
        "with o as (select * from sources.shop_orders)\n"
        "select\n    o.order_id, -- Id.\n    o.city as figure, -- City.\nfrom o",
        {(ORDERS, "city")},
    ),
    "a join": (
        "select\n    o.order_id, -- Id.\n    coalesce(u.email, o.email) as figure, -- Mail.\n"
        "from sources.shop_orders as o\n"
        "left join sources.shop_users as u on o.order_id = u.user_id",
        {(ORDERS, "email"), (USERS, "email")},
    ),
    "using": (
        "select\n    order_id, -- Id.\n    points as figure, -- Points.\n"
        "from sources.shop_orders\ninner join sources.shop_users using (email)",
        {(USERS, "points")},
    ),
    "a union, by position": (
        "select\n    order_id, -- Id.\n    city as figure, -- City.\nfrom sources.shop_orders\n"
        "union all\nselect email, user_id from sources.shop_users",
        {(ORDERS, "city"), (USERS, "user_id")},
    ),
    "a window": (
        "select\n    order_id, -- Id.\n"
        "    lag(amount) over (partition by city order by ordered_at, order_id) as figure, --Lag.\n"
        "from sources.shop_orders",
        {(ORDERS, column) for column in ("amount", "city", "ordered_at", "order_id")},
    ),
    "a case": (
        "select\n    order_id, -- Id.\n    case\n        when ratio > 1 then city\n"
        "        else 'none'\n    end as figure, -- Place.\nfrom sources.shop_orders",
        {(ORDERS, "ratio"), (ORDERS, "city")},
    ),
    "a subquery in the select": (
        "select\n    order_id, -- Id.\n"
        "    (select max(u.points) from sources.shop_users as u where u.email = o.email)"
        " as figure, -- Most.\nfrom sources.shop_orders as o",
        {(USERS, "points")},
    ),
    "a derived table": (
        "select\n    s.order_id, -- Id.\n    s.mail as figure, -- Mail.\n"
        "from (select order_id, lower(email) as mail from sources.shop_orders) as s",
        {(ORDERS, "email")},
    ),
    "a lateral unnest": (
        "select\n    o.order_id, -- Id.\n    t.tag as figure, -- Tag.\n"
        "from sources.shop_orders as o\ncross join unnest(o.tags) as t (tag)",
        {(ORDERS, "tags")},
    ),
    "a lateral subquery": (
        "select\n    o.order_id, -- Id.\n    l.figure, -- Points and amount.\n"
        "from sources.shop_orders as o\ncross join lateral (\n"
        "    select max(u.points) + o.amount as figure\n"
        "    from sources.shop_users as u\n    where u.email = o.email\n) as l",
        {(ORDERS, "amount"), (USERS, "points")},
    ),
    "an unnest in the select": (
        "select\n    order_id, -- Id.\n    unnest(tags) as figure, -- Tag.\n"
        "from sources.shop_orders",
        {(ORDERS, "tags")},
    ),
    "a filtered aggregate": (
        "select\n    order_id, -- Id.\n    sum(amount) filter (where ratio > 1) as figure, --Sum.\n"
        "from sources.shop_orders\ngroup by order_id",
        {(ORDERS, "amount"), (ORDERS, "ratio")},
    ),
    "a field of a struct": (
        "select\n    order_id, -- Id.\n    delivery.street as figure, -- Street.\n"
        "from sources.shop_orders",
        {(ORDERS, "delivery")},
    ),
    "counting rows": (
        "select\n    order_id, -- Id.\n    count(*) as figure, -- Rows.\nfrom sources.shop_orders\n"
        "where city is not null\ngroup by order_id",
        set(),
    ),
    "a recursive CTE": (
        "with recursive r as (\n    select order_id, 1 as step, city from sources.shop_orders\n"
        "    union all\n    select order_id, step + 1, city from r where step < 3\n)\n"
        "select\n    order_id, -- Id.\n    city as figure, -- City.\nfrom r",
        {(ORDERS, "city")},
    ),
    "values": (
        "select\n    o.order_id, -- Id.\n    v.label as figure, -- Label.\n"
        "from sources.shop_orders as o\ncross join (values (1, 'a'), (2, 'b')) as v (place, label)",
        set(),
    ),
    "an alias used again": (
        "select\n    order_id, -- Id.\n    amount * 2 as twice, -- Twice.\n"
        "    twice + 1 as figure, -- More.\nfrom sources.shop_orders",
        {(ORDERS, "amount")},
    ),
    "qualify": (
        "select\n    order_id, -- Id.\n    city as figure, -- City.\nfrom sources.shop_orders\n"
        "qualify row_number() over (partition by email order by order_id) = 1",
        {(ORDERS, "city")},
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_column_comes_from_the_columns_its_values_do(
    model: Callable[..., Folder], shape: str
) -> None:
    sql, expected = SHAPES[shape]
    project = model(f"{HEAD}{sql}\n").load()
    assert set(project.tables["insight.measures"].column["figure"].lineage) == expected


REFUSED = {
    "an alias of a CTE inside a lateral subquery": (
        "with q as (select order_id, city as place from sources.shop_orders as t)\n"
        "select\n    t.order_id, -- Id.\n    l.figure, -- Text.\nfrom q as t\n"
        "cross join lateral (\n"
        "    select max(u.email) || t.place as figure from sources.shop_users as u\n) as l"
    ),
    "a whole row": (
        "select\n    o.order_id, -- Id.\n    to_json(o) as figure, -- All.\n"
        "from sources.shop_orders as o"
    ),
    "a table function over columns": (
        "select\n    o.order_id, -- Id.\n    g.day as figure, -- Day.\n"
        "from sources.shop_orders as o\n"
        "cross join generate_series(o.ordered_at, o.ordered_at, interval 1 day) as g (day)"
    ),
}


@pytest.mark.parametrize("shape", REFUSED)
def test_what_cannot_be_traced_is_refused_rather_than_lost(
    model: Callable[..., Folder], shape: str
) -> None:
    folder = model(f"{HEAD}{REFUSED[shape]}\n")
    assert [p.rule for p in folder.problems()] == ["lineage"]


def test_lineage_goes_up_and_down_through_tables(folder: Folder) -> None:
    folder.write(
        {
            "profiles/people.sql": """
                -- One row per order.
                select
                    order_id, -- Id.
                    lower(email) as email, -- Mail.
                from sources.shop_orders
            """,
            "insight/mails.sql": """
                -- One row per mail.
                select
                    email, -- Mail.
                    count(*) as order_count, -- Orders.
                from profiles.people
                group by email
            """,
            "profiles/_tables.yml": "people: {owner: a, key: order_id}",
            "insight/_tables.yml": "mails: {owner: a, key: [email]}",
        }
    )
    project = folder.load()
    lineage = project.lineage("profiles.people", "email")
    source = LineageNode(ORDERS, "email")
    assert lineage.upstream == LineageNode("profiles.people", "email", (source,))
    assert lineage.downstream.next == (LineageNode("insight.mails", "email"),)
    assert project.dependents("profiles.people") == ("insight.mails",)
    assert list(project.tables) == [ORDERS, USERS, "profiles.people", "insight.mails"]
    with pytest.raises(KeyError):
        project.lineage("profiles.people", "mail")
