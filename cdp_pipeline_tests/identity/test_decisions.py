"""Which decisions stand, on records small enough to check by eye."""

from __future__ import annotations

import datetime as dt

from cdp_pipeline.identity.decisions import (
    ALWAYS,
    NEVER,
    Decision,
    Judged,
    Key,
    Known,
    between,
    judge,
)

DAY = dt.date(2026, 6, 30)


def decide(name: str, kind: str, *pairs: str, day: int = 1, **more: object) -> Decision:
    """Return a decision about records of one letter, as in ``ab``: a and b."""
    named = tuple((("crm", min(p)), ("crm", max(p))) for p in pairs)
    at = dt.datetime(2026, 1, day)  # noqa: DTZ001
    return Decision(f"d_{name}", kind, named, at, **more)  # type: ignore[arg-type]


def known(**clusters: str) -> dict[Key, Known]:
    """Return delivered records, each a cluster of its own unless told; ``a="1980"`` is a birth."""
    return {
        ("crm", letter): Known(n, n, n, {"birth_on": birth} if birth else {})
        for n, (letter, birth) in enumerate(clusters.items())
    }


FOUR = known(a="", b="", c="", d="")


def states(judged: list[Judged]) -> dict[str, str]:
    return {j.decision.decision_id.removeprefix("d_"): j.state for j in judged}


def test_two_decisions_that_contradict_each_other_are_both_not_obeyed() -> None:
    judged = judge([decide("1", ALWAYS, "ab"), decide("2", NEVER, "ab", day=2)], FOUR, DAY)
    assert states(judged) == {"1": "contradicted", "2": "contradicted"}
    assert "d_2" in judged[0].reason
    assert "d_1" in judged[1].reason


def test_the_newest_wins_where_it_says_that_it_overrides() -> None:
    old, new = decide("1", ALWAYS, "ab"), decide("2", NEVER, "ab", day=2, overrides=True)
    assert states(judge([old, new], FOUR, DAY)) == {"1": "overridden", "2": "obeyed"}


def test_an_older_decision_cannot_override_a_newer_one() -> None:
    old, new = decide("1", ALWAYS, "ab", overrides=True), decide("2", NEVER, "ab", day=2)
    assert states(judge([old, new], FOUR, DAY)) == {"1": "contradicted", "2": "contradicted"}


def test_a_contradiction_by_way_of_a_third_record_is_one() -> None:
    decisions = [
        decide("1", ALWAYS, "ab"),
        decide("2", ALWAYS, "bc"),
        decide("3", NEVER, "ac"),
        decide("4", ALWAYS, "cd"),
    ]
    assert states(judge(decisions, FOUR, DAY)) == {
        "1": "contradicted", "2": "contradicted", "3": "contradicted", "4": "obeyed",
    }  # fmt: skip


def test_what_is_overridden_drags_nothing_else_down() -> None:
    decisions = [
        decide("1", NEVER, "ab"),
        decide("2", ALWAYS, "ab", day=2, overrides=True),
        decide("3", ALWAYS, "bc", day=3),
    ]
    assert states(judge(decisions, FOUR, DAY)) == {"1": "overridden", "2": "obeyed", "3": "obeyed"}


def test_records_of_different_birth_are_not_made_one_unless_it_overrides() -> None:
    records = known(a="1980-01-01", b="1991-02-02")
    plain = judge([decide("1", ALWAYS, "ab")], records, DAY)
    assert states(plain) == {"1": "contradicts_data"}
    assert "birth date" in plain[0].reason
    assert "1980" not in plain[0].reason
    sure = decide("1", ALWAYS, "ab", overrides=True)
    assert states(judge([sure], records, DAY)) == {"1": "obeyed"}


def test_different_births_by_way_of_a_third_record_are_found() -> None:
    records = known(a="1980-01-01", b="", c="1991-02-02", d="")
    decisions = [decide("1", ALWAYS, "ab"), decide("2", ALWAYS, "bc"), decide("3", ALWAYS, "cd")]
    assert states(judge(decisions, records, DAY)) == {
        "1": "contradicts_data", "2": "contradicts_data", "3": "obeyed",
    }  # fmt: skip


def test_a_difference_that_linking_lived_with_contradicts_nothing() -> None:
    one = {"birth_on": "1980-01-01"}
    records = {
        ("crm", "a"): Known(0, 0, 0, one),
        ("crm", "b"): Known(1, 0, 1, {"birth_on": "1980-10-01"}),
        ("crm", "c"): Known(2, 2, 2, one),
    }
    assert states(judge([decide("1", ALWAYS, "ab", "ac")], records, DAY)) == {"1": "obeyed"}


def test_records_equal_in_every_identifier_are_not_kept_apart_unless_it_overrides() -> None:
    records = {("crm", "a"): Known(0, 0, 0), ("crm", "b"): Known(1, 0, 0)}
    judged = judge([decide("1", NEVER, "ab")], records, DAY)
    assert states(judged) == {"1": "contradicts_data"}
    assert "crm:a and crm:b" in judged[0].reason
    assert states(judge([decide("1", NEVER, "ab", overrides=True)], records, DAY)) == {
        "1": "obeyed"
    }


def test_two_records_of_a_clean_source_are_not_made_one_unless_it_overrides() -> None:
    judged = judge([decide("1", ALWAYS, "ab")], FOUR, DAY, ["crm"])
    assert states(judged) == {"1": "contradicts_data"}
    assert "one record per customer" in judged[0].reason
    sure = decide("1", ALWAYS, "ab", overrides=True)
    assert states(judge([sure], FOUR, DAY, ["crm"])) == {"1": "obeyed"}


def test_validity_and_withdrawal_are_kept() -> None:
    decisions = [
        decide("1", ALWAYS, "ab", valid_until=dt.date(2026, 6, 29)),
        decide("2", ALWAYS, "ab", valid_from=dt.date(2026, 7, 1)),
        decide("3", ALWAYS, "ab", valid_until=DAY, valid_from=DAY),
        decide("4", NEVER, "ab", withdrawal_id="d_9"),
    ]
    assert states(judge(decisions, FOUR, DAY)) == {
        "1": "expired", "2": "not_yet_valid", "3": "obeyed", "4": "withdrawn",
    }  # fmt: skip


def test_a_record_that_no_source_delivers_is_told() -> None:
    judged = judge([decide("1", ALWAYS, "ax"), decide("2", NEVER, "ax")], FOUR, DAY)
    assert states(judged) == {"1": "unknown_records", "2": "unknown_records"}
    assert all("crm:x" in j.reason for j in judged)


def test_a_record_that_is_gone_still_ties_those_beside_it() -> None:
    judged = judge([decide("1", ALWAYS, "ax"), decide("2", ALWAYS, "xb")], FOUR, DAY)
    assert states(judged) == {"1": "obeyed", "2": "obeyed"}


def test_a_decision_of_several_pairs_holds_as_a_whole_or_not_at_all() -> None:
    merge, keep = decide("1", ALWAYS, "ab", "ac"), decide("2", NEVER, "bc", day=2)
    assert states(judge([merge, keep], FOUR, DAY)) == {"1": "contradicted", "2": "contradicted"}


def test_every_way_between_two_records_has_to_go() -> None:
    decisions = [decide("1", ALWAYS, "ab"), decide("2", ALWAYS, "bc"), decide("3", ALWAYS, "ac")]
    decisions.append(decide("4", ALWAYS, "ad"))
    assert between(decisions, [("crm", "a")], [("crm", "c")]) == {"d_1", "d_2", "d_3"}
