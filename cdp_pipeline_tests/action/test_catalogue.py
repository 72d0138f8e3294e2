"""What is wrong with a catalogue is said with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdp_pipeline.action import (
    DeclarationError,
    action_candidates,
    load_catalogue,
    load_permissions,
    permission_rules,
)
from cdp_pipeline.settings import package_sql
from cdp_pipeline_tests.action.worlds import CATALOGUE, catalogue_of, world

SHIPPED = package_sql() / "action"


def test_the_shipped_catalogue_and_permissions_are_valid() -> None:
    assert load_catalogue(SHIPPED / "actions.yml").lanes()
    assert load_permissions(SHIPPED / "permissions.yml").rules


def test_shipped_marketing_rests_on_consent_alone() -> None:
    rules = load_permissions(SHIPPED / "permissions.yml").rules
    assert {r.legal_basis for r in rules if r.purpose == "marketing"} == {("consent",)}


def test_an_unknown_key_is_named_with_its_line(tmp_path: Path) -> None:
    text = CATALOGUE.replace("    valid_days: 1\n", "    valid_days: 1\n    colour: blue\n")
    with pytest.raises(DeclarationError) as error:
        catalogue_of(tmp_path, text)
    line = text.splitlines().index("    colour: blue") + 1
    assert f"actions.yml:{line}: actions.solve.colour" in str(error.value)


def test_a_condition_that_is_no_expression_is_named_with_its_line(tmp_path: Path) -> None:
    text = CATALOGUE.replace("when: open_ticket_count > 0\n", "when: open_ticket_count >\n")
    with pytest.raises(
        DeclarationError, match=r"actions\.yml:\d+: actions.solve.when: is not a SQL"
    ):
        catalogue_of(tmp_path, text)


@pytest.mark.parametrize("text", ["(select 1)", "sum(order_count)", "1 from x", "1; drop table x"])
def test_an_expression_sees_one_customer_and_nothing_else(tmp_path: Path, text: str) -> None:
    with pytest.raises(DeclarationError):
        catalogue_of(tmp_path, CATALOGUE.replace("value: 100", f"value: {text}"))


def test_a_column_that_does_not_exist_is_named_with_its_line(tmp_path: Path) -> None:
    text = CATALOGUE.replace("value: 100", "value: shoe_size")
    catalogue = catalogue_of(tmp_path, text)
    line = text.splitlines().index("    value: shoe_size") + 1
    with pytest.raises(DeclarationError, match=rf"actions\.yml:{line}: .*shoe_size") as error:
        action_candidates(world({"c_1": {}}), catalogue)
    assert "expected_order_amount" in str(error.value)


def test_a_sentence_with_an_unknown_column_is_refused(tmp_path: Path) -> None:
    catalogue = catalogue_of(tmp_path, CATALOGUE.replace("{open_ticket_count} open", "{nothing}"))
    with pytest.raises(DeclarationError, match=r"actions.solve.why"):
        action_candidates(world({"c_1": {}}), catalogue)


def test_a_gate_lets_through_only_actions_there_are(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="lets through greet, not an action"):
        catalogue_of(tmp_path, CATALOGUE.replace("[solve]", "[greet]"))


def test_a_missing_file_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="there is no such file"):
        load_catalogue(tmp_path / "actions.yml")


def test_two_rules_for_one_purpose_and_channel_are_refused(tmp_path: Path) -> None:
    rule = "{purpose: service, channel: email, legal_basis: [], contact_point: email}"
    file = tmp_path / "permissions.yml"
    file.write_text(f"rules:\n  - {rule}\n  - {rule}\n", encoding="utf-8")
    with pytest.raises(DeclarationError, match="more than one rule for service by email"):
        load_permissions(file)


def test_the_grounds_keep_their_order(tmp_path: Path) -> None:
    file = tmp_path / "permissions.yml"
    file.write_text(
        "rules:\n  - purpose: service\n    channel: email\n    contact_point: email\n"
        "    legal_basis: [contract, consent]\n    blocked_for: [minor]\n",
        encoding="utf-8",
    )
    con = world({})
    sql = permission_rules(con, load_permissions(file))["action.permission_rules"]
    assert con.sql(sql).fetchall() == [
        ("service", "email", "email", 2, None, 1, 365, False, False, True)
    ]
