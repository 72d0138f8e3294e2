"""``python -m cdp_pipeline_tests.docs.tour``: the rows of the demo, in the tour and the README.

The rows stand between markers in the pages, and so do their queries. Every layer's tables are
there under their names (``staging.orders``), the published ones under theirs (``orders``), and
``chosen`` and ``chosen_records`` hold the customer of the tour.

Run it on a fresh home of the demo company (``make run`` in a new clone): a home with a longer past
has another history.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

from cdp_pipeline.project import load_home_project
from cdp_pipeline.settings import Home, find_home
from cdp_pipeline.warehouse import Store
from cdp_pipeline.warehouse.exports import read_exports
from cdp_pipeline_tests.docs.pages import README, ROOT, TOUR, Block, blocks, filled, table

# A customer with something to see in every layer: records in three sources, purchases in a foreign
# currency, e-mail consent withdrawn, and an action through another channel. Of several, one with
# something returned, a ticket and a record that the model tied; then one with few orders.
CHOICE = """
with

records as (
    select customer_id, count(*) as record_count, bool_or(how = 'scored') as has_scored_record
    from identity.identity_map
    group by customer_id
    having count(distinct source) = 3
),

purchases as (
    select customer_id, count(*) as order_count, bool_or(return_amount < 0) as has_return
    from profiles.orders
    group by customer_id
    having bool_or(currency <> home_currency) and count(*) between 3 and 15
),

withdrawals as (
    select distinct customer_id
    from profiles.consents
    where channel = 'email' and not is_granted and reach = 'own'
),

tickets as (
    select distinct customer_id
    from profiles.customer_activities
    where kind = 'ticket_opened'
)

select actions.customer_id
from action.next_best_actions as actions
inner join records on actions.customer_id = records.customer_id
inner join purchases on actions.customer_id = purchases.customer_id
inner join withdrawals on actions.customer_id = withdrawals.customer_id
left join tickets on actions.customer_id = tickets.customer_id
where actions.action <> 'none' and actions.channel <> 'email'
order by
    records.has_scored_record::int + purchases.has_return::int
    + (tickets.customer_id is not null)::int desc,
    records.record_count desc,
    purchases.order_count,
    actions.customer_id
limit 1
"""


def connect(home: Home) -> duckdb.DuckDBPyConnection:
    """Return a connection that sees every table of a home as it is now."""
    store, connection = Store(home), duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    heads = store.heads()
    if not heads:
        sys.exit(f"{home.root} has not been run; `cdp demo` and `cdp run` there come first.")
    for name, version in heads.items():
        schema, bare = name.split(".")
        connection.execute(f"create schema if not exists {schema}")
        connection.execute(f"create view {schema}.{bare} as {store.select(version)}")
    publish(connection, home)
    return connection


def publish(connection: duckdb.DuckDBPyConnection, home: Home) -> None:
    """Give the published tables their own names, and choose the customer."""
    connection.execute("create schema vault")
    for export in read_exports(home, load_home_project(home)):
        connection.execute(f"create view {export.name} as select * from {export.table}")
        if export.vault:
            connection.execute(f"create view vault.{export.name} as select * from {export.table}")
    connection.execute(
        "create view release as select 'the one in front' as release, as_of_on from "
        "sources.run_clock"
    )
    connection.execute(f"create table chosen as {CHOICE}")
    connection.execute(
        "create table chosen_records as select source, record_id from identity.identity_map "
        "where customer_id in (select customer_id from chosen)"
    )


def rows_of(connection: duckdb.DuckDBPyConnection, block: Block) -> str:
    """Return what a block's query gives, as Markdown."""
    result = connection.sql(block.query)
    names, rows = result.columns, result.fetchall()
    if not block.is_turned:
        return table(names, rows)
    pairs = [list(pair) for row in rows for pair in zip(names, row, strict=True)]
    return table(["column", "value"], pairs)


def main() -> None:
    """Fill the pages from the home named on the command line, else from the repository's."""
    home = find_home(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)
    connection = connect(home)
    if not connection.sql("select 1 from chosen").fetchall():
        sys.exit("No customer of this home has everything that the tour shows.")
    for page in (TOUR, README):
        text = page.read_text(encoding="utf-8")
        bodies = [rows_of(connection, block) for block in blocks(text)]
        page.write_text(filled(text, bodies), encoding="utf-8")


if __name__ == "__main__":
    main()
