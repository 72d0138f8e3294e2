"""Stewards' decisions, from the command to what is published: merge, months, unmerge."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cdp_pipeline_tests.homes import DemoHome

# Seven runs of the whole pipeline.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

# What both people are to have again, row by row, as if they had never been merged.
RESTORED = ("customer_measures", "consents", "orders", "golden_profiles", "contact_permissions")


def rows(home: DemoHome, query: str) -> list[tuple[Any, ...]]:
    """Query the latest release; a table is named by itself."""
    con = duckdb.connect()
    for name, entry in home.manifest()["tables"].items():
        if name in query:
            con.execute(f"create view {name} as from '{home.latest / entry['file']}'")
    return con.sql(query).fetchall()


def of_both(home: DemoHome, table: str, people: tuple[str, str]) -> list[tuple[Any, ...]]:
    # Who lives together is found anew in each release: a household that was dissolved when its
    # members became one is another one when it is formed again.
    columns = "* exclude (household_id)" if table == "golden_profiles" else "*"
    return rows(home, f"select {columns} from {table} where customer_id in {people} order by all")


def deliver_month(home: DemoHome, month: int, people: list[str]) -> None:
    """Deliver the web orders again, with one more of each person, a month later than the last."""
    file = home.landing / "webshop" / "orders.csv"
    text = file.read_text("utf-8")
    records = list(csv.DictReader(io.StringIO(text)))
    added = []
    for place, user in enumerate(people):
        mine = (r for r in records if r["user_id"] == user and r["status"] == "delivered")
        order = dict(next(r for r in mine if float(r["total"]) > 0))
        order |= {
            "order_id": f"9{month}{place:07d}",
            "ordered_at": f"2026-{9 + month}-15 10:00:00",
            "status": "delivered",
        }
        added.append(",".join(order.values()))
    file.write_text(text.rstrip("\n") + "\n" + "\n".join(added) + "\n", "utf-8")


def two_people(home: DemoHome) -> tuple[str, str, list[str]]:
    """Return two customers with web orders and consents, and their users in the web shop."""
    found = rows(
        home,
        """select m.customer_id, min(m.record_id)
        from identity_map as m
        inner join orders as o on m.customer_id = o.customer_id and o.source = 'webshop'
        where m.source = 'webshop'
            and m.customer_id in (select customer_id from consents where is_granted)
        group by m.customer_id
        having count(distinct m.record_id) = 1
        order by 1 limit 2""",
    )
    users = [user for _, user in found]
    owners = [customer for customer, _ in found]
    return owners[0], owners[1], users


def test_unmerge_after_months_restores_both_people(
    published_home: DemoHome, tmp_path: Path
) -> None:
    home = published_home.copied_to(tmp_path / "home")
    never_merged = published_home.copied_to(tmp_path / "never merged")
    one, other, users = two_people(home)
    members = dict(rows(home, "select source || ':' || record_id, customer_id from identity_map"))
    spent = dict(rows(home, "select customer_id, order_count from customer_measures"))

    # A dry run tells what would change, and changes nothing.
    before = home.hashes()
    command = ("merge", one, other, "--why", "phoned both", "--by", "anna", "--override")
    told = dry_run(home, *command)
    assert told["state"] == "obeyed"
    effects = {c["customer_id"]: c for c in told["customers"]}
    (kept,) = (c for c, e in effects.items() if e["is_after"])
    (gone,) = {one, other} - {kept}
    assert effects[kept]["figures"]["order_count"] == [spent[kept], spent[one] + spent[other]]
    assert not (home.root / "data" / "decisions").exists()
    assert not home.run()["is_new"]
    assert home.hashes() == before

    # The merge does what the dry run said.
    home.cdp(*command)
    summary = home.run()
    assert summary["is_new"]
    assert rows(home, f"select customer_id from customer_aliases where alias_customer_id = '{gone}'"
                ) == [(kept,)]  # fmt: skip
    ((decision, state, why),) = rows(home, "select decision_id, state, why from steward_decisions")
    assert (state, why) == ("obeyed", "phoned both")
    assert rows(home, "select event, customer_id, other_customer_id, cause from customer_history"
                      " where event = 'merged'"
                ) == [("merged", kept, gone, f"steward: {decision}")]  # fmt: skip
    assert rows(home, f"select order_count from customer_measures where customer_id = '{kept}'"
                ) == [(spent[one] + spent[other],)]  # fmt: skip

    # Months go by: each buys again, and the clock moves on.
    for month in (1, 2):
        for company in (home, never_merged):
            deliver_month(company, month, users)
        assert home.run()["is_new"]
    assert home.manifest()["as_of_on"] == "2026-11-15"
    assert rows(home, f"select order_count from customer_measures where customer_id = '{kept}'"
                ) == [(spent[one] + spent[other] + 4,)]  # fmt: skip

    # It was a mistake. The earlier id is enough to say which merge is meant.
    said = home.cdp("unmerge", gone, "--why", "father and son", "--by", "bo")
    assert f"takes back {decision}" in said
    assert home.run()["is_new"]
    never_merged.run()
    again = dict(rows(home, "select source || ':' || record_id, customer_id from identity_map"))
    assert again == members
    people = (one, other)
    for table in RESTORED:
        assert of_both(home, table, people) == of_both(never_merged, table, people), table
        assert of_both(home, table, people)
    assert rows(home, "select count(*) from customer_aliases") == [(0,)]
    events = rows(home, "select event, customer_id, cause from customer_history"
                        f" where customer_id in {people} order by event_no")  # fmt: skip
    assert [event for event, customer, _ in events if customer == gone] == [
        "created", "returned", "split",
    ]  # fmt: skip
    assert all(cause.startswith("steward: d_") for event, _, cause in events if event != "created")
    listed = json.loads(home.cdp("decisions", "--json"))["decisions"]
    assert {d["state"] for d in listed} == {"withdrawn", "obeyed"}

    # And it stays so.
    assert not home.run()["is_new"]


def dry_run(home: DemoHome, *command: str) -> dict[str, Any]:
    """Return what a dry run tells a machine; progress goes to standard error."""
    process = home.start(*command, "--dry-run", "--json")
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, f"{out}\n{err}"
    told: dict[str, Any] = json.loads(out)
    return told
