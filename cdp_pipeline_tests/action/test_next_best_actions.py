"""What each customer gets, and why the others get nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from cdp_pipeline.action import Catalogue, action_candidates, choose_next_best_actions
from cdp_pipeline_tests.action.worlds import CATALOGUE, catalogue_of, world

HELD_OUT = CATALOGUE.replace("share: 0", "share: 0.3")
MANY = {f"c_{number:03}": {"expected_order_amount": 50 + number} for number in range(200)}


def _candidates(con: duckdb.DuckDBPyConnection, catalogue: Catalogue) -> None:
    for name, sql in action_candidates(con, catalogue).items():
        con.execute(f"create table {name} as {sql}")


def _chosen(con: duckdb.DuckDBPyConnection, catalogue: Catalogue) -> dict[str, dict[str, Any]]:
    _candidates(con, catalogue)
    sql = choose_next_best_actions(con, catalogue)["action.next_best_actions"]
    result = con.sql(sql)
    rows = [dict(zip(result.columns, row, strict=True)) for row in result.fetchall()]
    assert len({row["customer_id"] for row in rows}) == len(rows)
    return {row["customer_id"]: row for row in rows}


def test_the_scarce_call_goes_to_who_is_worth_most(tmp_path: Path) -> None:
    con = world({"c_1": {"expected_order_amount": 500}, "c_2": {"expected_order_amount": 900}})
    rows = _chosen(con, catalogue_of(tmp_path))
    assert (rows["c_2"]["action"], rows["c_1"]["action"]) == ("call", "write")
    assert rows["c_2"]["why"] == "worth 900"
    assert rows["c_2"]["runner_up_action"] == "write"
    assert float(rows["c_2"]["expected_value_amount"]) == 440
    assert float(rows["c_2"]["runner_up_expected_value_amount"]) == 89
    assert str(rows["c_2"]["valid_until_on"]) == "2026-02-06"


def test_who_refused_gets_nothing_and_is_told_what_it_would_take(tmp_path: Path) -> None:
    rows = _chosen(world({"c_1": {}}, refused=("c_1",)), catalogue_of(tmp_path))
    assert rows["c_1"]["action"] == "none"
    assert rows["c_1"]["reason"] == "gate_closed"
    assert rows["c_1"]["what_it_would_take"] == "permission for marketing by phone, for call"


def test_a_customer_without_a_permission_row_gets_nothing(tmp_path: Path) -> None:
    con = world({"c_1": {}})
    con.execute("delete from action.contact_permissions")
    assert _chosen(con, catalogue_of(tmp_path))["c_1"]["action"] == "none"


def test_an_open_ticket_closes_everything_but_solving_it(tmp_path: Path) -> None:
    facts: dict[str, object] = {"open_ticket_count": 1, "expected_order_amount": 10_000}
    rows = _chosen(world({"c_1": facts}), catalogue_of(tmp_path))
    assert rows["c_1"]["action"] == "solve"


def test_what_does_not_pay_is_not_done(tmp_path: Path) -> None:
    rows = _chosen(world({"c_1": {"expected_order_amount": 5}}), catalogue_of(tmp_path))
    assert rows["c_1"]["reason"] == "not_worth_its_cost"
    assert "20.0 % instead of 10.0 %" in rows["c_1"]["what_it_would_take"]
    assert float(rows["c_1"]["expected_value_amount"]) == 0


@pytest.mark.parametrize("amount", [0, 0.5])
def test_where_no_probability_would_do_a_worthier_order_is_asked_for(
    tmp_path: Path, amount: float
) -> None:
    text = CATALOGUE.replace("cost: 10, capacity", "cost: 20, capacity")
    rows = _chosen(world({"c_1": {"expected_order_amount": amount}}), catalogue_of(tmp_path, text))
    assert rows["c_1"]["reason"] == "not_worth_its_cost"
    assert "an order worth more than the cost" in rows["c_1"]["what_it_would_take"]


def test_who_loses_out_on_capacity_is_told_so(tmp_path: Path) -> None:
    text = CATALOGUE.replace("email: {cost: 1}", "email: {cost: 1, capacity: 0}")
    rows = _chosen(
        world({"c_1": {}, "c_2": {"expected_order_amount": 300}}), catalogue_of(tmp_path, text)
    )
    assert rows["c_2"]["action"] == "call"
    assert rows["c_1"]["reason"] == "no_capacity"


def test_every_customer_has_a_row_also_those_nothing_is_for(tmp_path: Path) -> None:
    rows = _chosen(world({"c_1": {"order_count": 0}}), catalogue_of(tmp_path))
    assert rows["c_1"]["reason"] == "not_eligible"
    assert rows["c_1"]["channel"] is None


def test_the_control_group_gets_nothing_and_keeps_what_was_withheld(tmp_path: Path) -> None:
    rows = _chosen(world(MANY), catalogue_of(tmp_path, HELD_OUT))
    control = [row for row in rows.values() if row["is_control"]]
    assert 30 <= len(control) <= 90
    assert all(row["action"] == "none" and row["reason"] == "control_group" for row in control)
    assert {row["withheld_action"] for row in control} <= {"write", "call"}
    others = [row for row in rows.values() if not row["is_control"]]
    assert all(row["withheld_action"] is None for row in others)
    assert sum(row["action"] == "call" for row in others) == 1


def test_service_is_not_withheld_from_the_control_group(tmp_path: Path) -> None:
    open_tickets: dict[str, dict[str, object]] = {name: {"open_ticket_count": 1} for name in MANY}
    rows = _chosen(world(open_tickets), catalogue_of(tmp_path, HELD_OUT))
    assert {row["action"] for row in rows.values()} == {"solve"}


def test_the_control_group_does_not_depend_on_who_else_there_is(tmp_path: Path) -> None:
    catalogue = catalogue_of(tmp_path, HELD_OUT)
    everybody = _chosen(world(MANY), catalogue)
    some = dict(list(reversed(list(MANY.items())))[:50])
    few = _chosen(world(some), catalogue)
    assert all(row["is_control"] == everybody[name]["is_control"] for name, row in few.items())


def test_a_customer_merged_from_both_arms_is_flagged(tmp_path: Path) -> None:
    catalogue = catalogue_of(tmp_path, HELD_OUT)
    arms = {name: row["is_control"] for name, row in _chosen(world(MANY), catalogue).items()}
    control = [name for name, held in arms.items() if held]
    treated = [name for name, held in arms.items() if not held]
    con = world(MANY)
    con.execute(
        "insert into identity.customer_aliases values (?, ?), (?, ?)",
        [control[0], treated[0], treated[1], treated[2]],
    )
    rows = _chosen(con, catalogue)
    assert rows[treated[0]]["is_mixed_arm"]
    assert rows[treated[0]]["is_control"] is False
    assert not rows[treated[2]]["is_mixed_arm"]


@pytest.mark.parametrize("threads", [1, 2])
def test_the_order_of_rows_and_threads_change_nothing(tmp_path: Path, threads: int) -> None:
    catalogue = catalogue_of(tmp_path, HELD_OUT)
    expected = _chosen(world(MANY), catalogue)
    con = world(dict(reversed(list(MANY.items()))))
    con.execute(f"set threads = {threads}")
    assert _chosen(con, catalogue) == expected


def test_measured_responses_outweigh_the_prior_as_they_grow(tmp_path: Path) -> None:
    catalogue = catalogue_of(tmp_path)
    bases = {}
    for evidence in (0, 100, 10_000):
        con = world({"c_1": {}})
        if evidence:
            con.execute(
                "insert into action.response_rates values ('email', 'everybody', 0.02, 0.02, ?)",
                [evidence],
            )
        _candidates(con, catalogue)
        bases[evidence] = con.sql(
            "select probability_basis, probability::double from action.action_candidates"
            " where action = 'write'"
        ).fetchall()[0]
    assert bases[0] == ("declared", 0.1)
    assert bases[100] == ("blended", 0.06)
    assert bases[10_000] == ("measured", pytest.approx(0.0208, abs=1e-4))


def test_a_message_that_drives_buyers_away_is_not_sent(tmp_path: Path) -> None:
    con = world({"c_1": {}})
    con.execute("delete from action.contact_permissions where channel = 'phone'")
    con.execute(
        "insert into action.response_rates values ('email', 'everybody', -0.05, -0.05, 90000)"
    )
    assert _chosen(con, catalogue_of(tmp_path))["c_1"]["reason"] == "gate_closed"
