"""From staged facts to the next best action: what has to hold through all the SQL on the way."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import Any

import duckdb
import pytest

from cdp_pipeline.action import (
    action_candidates,
    choose_next_best_actions,
    load_catalogue,
    load_permissions,
    permission_rules,
)
from cdp_pipeline.ingest.contracts import load_contracts
from cdp_pipeline.insight.rules import load_rules, rule_tables
from cdp_pipeline.settings import package_sql
from cdp_pipeline.sqlmodels import Project, load_project

Rows = Mapping[str, list[dict[str, Any]]]
LAYERS = ("profiles", "insight", "action")
MADE_HERE = {
    "insight.settings",
    "insight.rfm_borders",
    "insight.rfm_grid",
    "action.permission_rules",
    "action.action_candidates",
    "action.next_best_actions",
}
CUSTOMERS = 120


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = package_sql()
    cache = tmp_path_factory.mktemp("compiled")
    return load_project(root, root, load_contracts(root / "sources"), cache=cache)


@pytest.fixture(scope="module")
def rows() -> Rows:
    return _world(random.Random(11))


@pytest.fixture(scope="module")
def made(project: Project, rows: Rows) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        yield _made(con, project, rows)


def test_order_and_line_amounts_tie_to_the_source_to_the_cent_per_currency(
    made: duckdb.DuckDBPyConnection,
) -> None:
    for facts, amount in (("orders", "total_amount"), ("order_lines", "line_amount")):
        got = made.sql(
            f"select currency, count(*), sum({amount}) from profiles.{facts} group by all"
        ).fetchall()
        order = "join staging.orders using (source, order_id)" if facts == "order_lines" else ""
        source = made.sql(
            f"select currency, count(*), sum({amount}) from staging.{facts} {order} group by all"
        ).fetchall()
        assert sorted(got) == sorted(source)


def test_the_spend_of_all_customers_and_orphans_is_what_the_lines_add_up_to(
    made: duckdb.DuckDBPyConnection,
) -> None:
    spend = _one(made, "select sum(net_spend_amount) from insight.customer_measures")
    orphans = _one(
        made,
        "select coalesce(sum(net_home_amount), 0) from profiles.orders"
        " where customer_id is null and status != 'cancelled'",
    )
    lines = _one(
        made,
        "select sum(lines.line_amount) from staging.order_lines as lines"
        " join staging.orders as orders using (source, order_id)"
        " where orders.status is distinct from 'cancelled' and orders.currency = 'SEK'",
    )
    foreign = _one(
        made,
        "select sum(net_home_amount) from profiles.orders"
        " where currency != 'SEK' and status != 'cancelled'",
    )
    assert spend + orphans == lines + foreign


def test_the_spend_is_each_order_at_the_newest_rate_before_it(
    made: duckdb.DuckDBPyConnection,
) -> None:
    known = _one(made, "select sum(net_spend_amount) from insight.customer_measures")
    orphans = _one(
        made,
        "select coalesce(sum(net_home_amount), 0) from profiles.orders"
        " where customer_id is null and status != 'cancelled'",
    )
    rates = {
        (currency, day): rate
        for currency, day, rate in made.sql(
            "select from_currency, rate_on, rate from staging.exchange_rates"
        ).fetchall()
    }
    total = Decimal(0)
    for currency, day, amount in made.sql(
        "select orders.currency, orders.ordered_on, sum(lines.line_amount)"
        " from staging.order_lines as lines"
        " join profiles.orders as orders using (source, order_id)"
        " where orders.status != 'cancelled'"
        " group by source, order_id, orders.currency, orders.ordered_on"
    ).fetchall():
        days = [known_day for code, known_day in rates if code == currency and known_day <= day]
        rate = Decimal(1) if currency == "SEK" else rates[currency, max(days)]
        total += (amount * rate).quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert known + orphans == total


def test_cohorts_and_scores_add_up_to_the_measures(made: duckdb.DuckDBPyConnection) -> None:
    measured = _one(
        made, "select sum(net_spend_amount) from insight.customer_measures where order_count > 0"
    )
    assert measured == _one(made, "select sum(net_spend_amount) from insight.cohort_retention")
    assert measured == _one(
        made,
        "select sum(net_spend_amount) from insight.rfm_scores"
        " where scored_on = (select as_of_on from sources.run_clock)",
    )
    assert measured == _one(made, "select sum(monetary_amount) from insight.rfm_segments")


def test_the_timeline_adds_up_to_the_spend(made: duckdb.DuckDBPyConnection) -> None:
    assert _one(made, "select sum(home_amount) from profiles.customer_activities") == _one(
        made, "select sum(net_spend_amount) from insight.customer_measures"
    )


@pytest.mark.parametrize(
    "table",
    [
        "profiles.golden_profiles",
        "insight.customer_measures",
        "insight.rfm_segments",
        "insight.lifecycle_stages",
        "action.customer_facts",
        "action.next_best_actions",
    ],
)
def test_every_customer_has_exactly_one_row(made: duckdb.DuckDBPyConnection, table: str) -> None:
    assert made.sql(f"select count(*), count(distinct customer_id) from {table}").fetchall() == [
        (CUSTOMERS, CUSTOMERS)
    ]


def test_no_minor_is_ever_contacted(made: duckdb.DuckDBPyConnection) -> None:
    minors = made.sql(
        "select actions.action, actions.withheld_action"
        " from action.next_best_actions as actions"
        " join profiles.golden_profiles as profiles using (customer_id) where profiles.is_minor"
    ).fetchall()
    assert len(minors) > 5
    assert set(minors) == {("none", None)}


def test_marketing_goes_only_where_the_last_word_was_yes(
    made: duckdb.DuckDBPyConnection, rows: Rows
) -> None:
    customer_of = {row["record_id"]: row["customer_id"] for row in rows["identity.identity_map"]}
    last_no: dict[tuple[str, str], str] = {}
    last_yes: dict[tuple[str, str], str] = {}
    for event in rows["staging.consents"]:
        key = (customer_of[event["record_id"]], event["channel"])
        kept = last_yes if event["is_granted"] else last_no
        kept[key] = max(kept.get(key, ""), event["decided_at"])
    sent = made.sql(
        "select customer_id, channel from action.next_best_actions where purpose = 'marketing'"
    ).fetchall()
    assert len(sent) > 5
    for key in sent:
        assert last_yes[key] > last_no.get(key, "")


def test_budgets_and_capacities_of_the_catalogue_are_kept(
    made: duckdb.DuckDBPyConnection,
) -> None:
    typical = _one(made, "select max(typical_order_amount) from action.customer_facts")
    assert (
        _one(made, "select sum(cost_amount) from action.next_best_actions")
        <= typical * CUSTOMERS * Decimal("0.02") + Decimal("0.01") * CUSTOMERS
    )
    by_phone = _one(made, "select count(*) from action.next_best_actions where channel = 'phone'")
    assert by_phone <= int(0.01 * CUSTOMERS)


def test_shuffled_rows_and_one_thread_give_the_same_tables(
    made: duckdb.DuckDBPyConnection, project: Project, rows: Rows
) -> None:
    shuffler = random.Random(5)
    shuffled = {name: shuffler.sample(given, len(given)) for name, given in rows.items()}
    with duckdb.connect(config={"threads": 1}) as con:
        _made(con, project, shuffled)
        for name in _tables(project):
            key = ", ".join(project.tables[name].key)
            query = f"select * from {name} order by {key}"
            assert con.sql(query).fetchall() == made.sql(query).fetchall(), name


def _one(con: duckdb.DuckDBPyConnection, query: str) -> Any:
    return con.sql(query).fetchall()[0][0]


def _tables(project: Project) -> list[str]:
    """Return the tables of the layers, but those made in Python that nothing here is about."""
    return [
        name
        for name, table in project.tables.items()
        if table.layer in LAYERS and (table.sql or name in MADE_HERE)
    ]


def _made(
    con: duckdb.DuckDBPyConnection, project: Project, rows: Rows
) -> duckdb.DuckDBPyConnection:
    """Make every table of the three layers from the given rows."""
    con.execute("set TimeZone = 'UTC'")
    made_here = _tables(project)
    for layer in ("sources", "staging", "identity", *LAYERS, "prediction", "previous"):
        con.execute(f"create schema {layer}")
    needed = {read for name in made_here for read in project.tables[name].reads}
    for name in sorted(needed - set(made_here)):
        columns = ", ".join(f'"{c.name}" {c.type}' for c in project.tables[name].columns)
        con.execute(f"create table {name} ({columns})")
        for row in rows.get(name, []):
            names = ", ".join(f'"{column}"' for column in row)
            marks = ", ".join("?" for _ in row)
            con.execute(f"insert into {name} ({names}) values ({marks})", list(row.values()))
    con.execute(
        "create table previous.rfm_segments (customer_id varchar, segment varchar, changed_on date)"
    )
    catalogue = load_catalogue(package_sql() / "action" / "actions.yml")
    permissions = load_permissions(package_sql() / "action" / "permissions.yml")
    rules = rule_tables(con, load_rules(package_sql() / "insight" / "insight.yml"))
    logic = {
        **{name: partial(dict, rules) for name in rules},
        "action.permission_rules": lambda: permission_rules(con, permissions),
        "action.action_candidates": lambda: action_candidates(con, catalogue),
        "action.next_best_actions": lambda: choose_next_best_actions(con, catalogue),
    }
    for name in made_here:
        sql = project.tables[name].sql or logic[name]()[name]
        con.execute(f"create table {name} as {sql}")
    return con


def _world(random_state: random.Random) -> Rows:
    """Return staged rows of customers with two records each, one in eight of them a minor."""
    rows: dict[str, list[dict[str, Any]]] = {
        "sources.run_clock": [
            {"as_of_on": "2026-01-31", "time_zone": "Europe/Stockholm", "home_currency": "SEK"}
        ],
        "staging.products": [
            {
                "product_id": f"p{n}",
                "category": f"k{n % 3}",
                "unit_cost_amount": 20 + n,
                "currency": "SEK",
            }
            for n in range(9)
        ],
        "staging.exchange_rates": [
            {"rate_on": "2023-01-01", "from_currency": "EUR", "to_currency": "SEK", "rate": 11.37}
        ],
    }
    for number in range(CUSTOMERS):
        _add_customer(rows, random_state, number)
    return rows


def _add_customer(rows: dict[str, list[dict[str, Any]]], draw: random.Random, number: int) -> None:
    def add(table: str, **row: Any) -> None:
        rows.setdefault(table, []).append(row)

    customer_id = f"c_{number:03}"
    is_minor = number % 8 == 0
    for source, trust in (("crm", 10), ("web", 20)):
        record_id = f"{source}{number}"
        email = f"{source}{number}@mail.example"
        birth_on = "2012-05-05" if is_minor and source == "web" else "1980-05-05"
        add("identity.identity_map", source=source, record_id=record_id, customer_id=customer_id)
        add(
            "identity.standardised_records",
            source=source,
            record_id=record_id,
            email=email,
            phone=f"+4670{number:07}",
            birth_on=birth_on,
        )
        add(
            "staging.customer_records",
            source=source,
            record_id=record_id,
            kind="person",
            given_name="Anna",
            family_name=f"Ek{number}",
            email=email,
            street="Vägen 1",
            city="Lund",
            trust=trust,
            updated_at=f"2025-0{draw.randint(1, 9)}-01 00:00:00",
        )
        for channel in ("email", "sms", "phone", "post"):
            for _ in range(draw.choice((0, 1, 1, 2))):
                day = f"2025-{draw.randint(1, 12):02}-{draw.randint(1, 28):02} 12:00:00"
                add(
                    "staging.consents",
                    source="register",
                    event_id=f"e{len(rows['identity.identity_map'])}"
                    f"-{channel}-{len(rows.get('staging.consents', []))}",
                    record_source=source,
                    record_id=record_id,
                    channel=channel,
                    purpose="marketing",
                    contact_point=email if channel == "email" and draw.random() < 0.5 else None,
                    is_granted=draw.random() < 0.75,
                    decided_at=day,
                )
    for order in range(draw.choice((0, 1, 1, 2, 4, 8))):
        _add_order(add, draw, number, order)
    add(
        "prediction.churn_predictions",
        customer_id=customer_id,
        p_churn=round(draw.random(), 6),
        is_scored=True,
        expected_gap_days=40.0,
        days_overdue_ratio=round(2 * draw.random(), 6),
    )
    if draw.random() < 0.1:
        add(
            "staging.tickets",
            source="desk",
            ticket_id=f"t{number}",
            record_source="crm",
            record_id=f"crm{number}",
            opened_at="2026-01-20 12:00:00",
            status="open",
        )


def _add_order(add: Any, draw: random.Random, number: int, order: int) -> None:
    order_id = f"o{number}-{order}"
    day = f"{draw.choice((2024, 2025))}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02} 23:30:00"
    lines = [
        (f"{line}", draw.randint(0, 8), Decimal(draw.randint(100, 90000)) / 100)
        for line in range(draw.randint(1, 4))
    ]
    if draw.random() < 0.2:
        lines.append(("back", lines[0][1], -lines[0][2]))
    known = draw.random() < 0.9
    add(
        "staging.orders",
        source="web",
        order_id=order_id,
        channel=draw.choice(("web", "store")),
        record_source="web" if known else None,
        record_id=f"web{number}" if known else None,
        ordered_at=day,
        currency=draw.choice(("SEK", "SEK", "SEK", "EUR")),
        total_amount=sum(amount for _, _, amount in lines),
        status=draw.choice(("completed",) * 9 + ("cancelled",)),
    )
    for line_id, product, amount in lines:
        add(
            "staging.order_lines",
            source="web",
            order_id=order_id,
            line_id=line_id,
            product_id=f"p{product}",
            quantity=1,
            line_amount=amount,
            is_return=amount < 0,
        )
