"""Files of stewards' decisions: what is read, and what is said of a row that is none."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from cdp_pipeline.ingest.decisions import (
    decisions_state,
    read_decisions,
    read_texts,
    rows_of,
    with_rows,
)

HEADER = "decision,source,record_id,other_source,other_record_id,decided_at,why,overrides"
PAIR = "crm,1,pos,2"


def read(*lines: str, header: str = HEADER) -> tuple[int, list[str]]:
    """Return how many pairs lines give, and what is said of the others."""
    found = read_texts([("a.csv", "\n".join([header, *lines]).encode())])
    return len(found.pairs), [f"{r.line}: {r.reason}" for r in found.rejected]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f",{PAIR},,why,", "decision is empty"),
        (f"perhaps,{PAIR},,why,", "decision is none that is known"),
        (f"same,{PAIR},,,", "why is empty"),
        ("same,crm,,pos,2,,why,", "source, record_id, other_source or other_record_id is empty"),
        ("same,crm,1,crm,1,,why,", "both records are the same one"),
        (f"same,{PAIR},31/12/2025,why,", "decided_at cannot be read"),
        (f"same,{PAIR},,why,perhaps", "overrides cannot be read"),
        (f"same,{PAIR},,why,yes", "overrides needs decided_at"),
        (f"same,{PAIR},,why,,more", "the row has 9 cells, the first line names 8"),
    ],
)
def test_a_row_that_is_no_decision_is_told_with_its_line(line: str, reason: str) -> None:
    assert read(f"same,{PAIR},,fine,", line) == (1, [f"3: {reason}"])


def test_the_same_decision_twice_is_one_whichever_way_round() -> None:
    pairs, said = read(f"same,{PAIR},,why,", "same,pos,2,crm,1,,why,")
    assert pairs == 1
    assert said == ["3: the same decision stands in a.csv, line 2"]


def test_a_file_without_the_columns_says_which() -> None:
    assert read(PAIR, header="source,record_id,other_source,other_record_id") == (
        0,
        ["1: the file has no column decision and no column why"],
    )


def test_a_file_that_is_not_utf_8_is_told() -> None:
    found = read_texts([("a.csv", f"{HEADER}\nsame,{PAIR},,f\u00f6r lik,".encode("latin-1"))])
    assert [r.reason for r in found.rejected] == ["the file is not UTF-8"]


def test_rows_of_one_decision_have_to_agree() -> None:
    header = "decision_id," + HEADER
    both = f"d_1,same,{PAIR},,why,", "d_1,same,crm,1,web,3,,another,"
    assert read(*both, header=header) == (
        0,
        ["2: the rows of d_1 do not say the same decision",
         "3: the rows of d_1 do not say the same decision"],
    )  # fmt: skip


def test_names_and_order_of_files_and_rows_say_nothing(tmp_path: Path) -> None:
    lines = [f"same,crm,{n},pos,{n},2026-01-0{n},why," for n in range(1, 7)]
    one = read_texts([("a.csv", "\n".join([HEADER, *lines]).encode())])
    (tmp_path / "deep").mkdir()
    (tmp_path / "z.csv").write_text("\n".join([HEADER, *reversed(lines[:3])]))
    (tmp_path / "deep" / "b.csv").write_text("\n".join([HEADER, *lines[3:]]))
    assert read_decisions(tmp_path).pairs == one.pairs
    assert len(decisions_state(tmp_path)) == 2


def test_a_renamed_source_keeps_its_decisions_and_their_ids() -> None:
    text = f"{HEADER}\nsame,shop,1,pos,2,,why,\n".encode()
    (before,) = read_texts([("a.csv", text)]).pairs
    (after,) = read_texts([("a.csv", text)], {"shop": "webshop"}).pairs
    assert after.decision_id == before.decision_id
    assert after.keys == (("pos", "2"), ("webshop", "1"))


def test_a_filled_review_queue_is_a_file_of_decisions() -> None:
    header = "rank;kind;decision;source;record_id;other_source;other_record_id;why;customer_id"
    lines = [
        "1;maybe_same;same;crm;'=1;pos;2;same name;c_1",
        "2;maybe_same;;crm;3;pos;4;same town;c_2",
        "3;maybe_two;different;crm;5;pos;6;other birth;c_3",
    ]
    text = "\ufeff" + "\r\n".join([header, *lines])
    found = read_texts([("queue.csv", text.encode())])
    assert [(p.decision, p.record_id) for p in sorted(found.pairs, key=lambda p: p.record_id)] == [
        ("never_match", "5"), ("always_match", "=1"),
    ]  # fmt: skip
    assert found.undecided == 1
    assert not found.rejected


def test_a_customer_id_alone_is_refused_for_it_may_change() -> None:
    header = "decision,customer_id,other_customer_id,why"
    found = read_texts([("a.csv", f"{header}\nsame,c_1,c_2,why".encode())])
    assert "whose ids may change" in found.rejected[0].reason
    assert [row.customer_id for row in found.of_customers] == ["c_1"]


def test_a_withdrawal_takes_a_decision_back_and_nothing_else() -> None:
    header = "decision_id," + HEADER + ",withdraws"
    lines = [
        f"d_1,same,{PAIR},,why,,",
        "d_2,withdraw,,,,,2026-02-01,wrong person,,d_1",
        "d_3,withdraw,,,,,2026-02-01,a slip,,d_9",
    ]
    found = read_texts([("a.csv", "\n".join([header, *lines]).encode())])
    (pair,) = found.pairs
    assert (pair.withdrawal_id, pair.withdrawn_at) == ("d_2", dt.datetime(2026, 2, 1))  # noqa: DTZ001
    assert [r.reason for r in found.rejected] == ["there is no decision d_9 to take back"]


def test_what_is_written_reads_back_the_same() -> None:
    row = f'never,{PAIR},2026-01-02 10:11:12,"so, yes",yes,2026-01-01,'
    text = f"{HEADER},valid_from,valid_until\n{row}"
    found = read_texts([("a.csv", text.encode())])
    written = with_rows("", rows_of(found.pairs))
    assert read_texts([("b.csv", written.encode())]).pairs == found.pairs
    twice = with_rows(written.rstrip("\n"), rows_of(found.pairs))
    assert len(twice.splitlines()) == 3


def test_a_new_decision_is_something_to_do(tmp_path: Path) -> None:
    from cdp_pipeline.cli.idle import state_of
    from cdp_pipeline.settings import Home, Settings

    home = Home(tmp_path, Settings())
    before = state_of(home)
    home.decisions.mkdir(parents=True)
    assert state_of(home) == before
    (home.decisions / "a.csv").write_text(f"{HEADER}\nsame,{PAIR},,why,\n")
    assert state_of(home) != before
