from __future__ import annotations

import numpy as np
import pytest

from cdp_pipeline.explain.scoring import Scorer
from cdp_pipeline_tests.explain.conftest import Town


def stored(town: Town, most: int) -> list[tuple[int, int, float, float]]:
    return town.con.sql(
        f"""select left_record_no, right_record_no, match_weight, probability
        from identity.record_pairs where how = 'scored'
        order by md5(left_record_no || '-' || right_record_no) limit {most}"""
    ).fetchall()


def test_two_records_alone_weigh_what_the_run_stored_for_them(linked_town: Town) -> None:
    pairs = stored(linked_town, 15)
    assert len(pairs) == 15
    for left, right, weight, _ in pairs:
        scorer = Scorer(linked_town.con, linked_town.model, linked_town.columns, [left, right])
        assert scorer.weigh([(right, left)]).odds[0] == pytest.approx(weight, abs=2e-6)


def test_many_records_together_weigh_what_the_run_stored_for_them(linked_town: Town) -> None:
    pairs = stored(linked_town, 1000)
    records = [record for left, right, *_ in pairs for record in (left, right)]
    scorer = Scorer(linked_town.con, linked_town.model, linked_town.columns, records)
    weighed = scorer.weigh([(left, right) for left, right, *_ in pairs])
    assert len(pairs) >= 200
    assert weighed.odds == pytest.approx(np.array([p[2] for p in pairs]), abs=2e-6)


def test_the_waterfall_ends_at_the_weight_and_its_bits_add_up(linked_town: Town) -> None:
    pairs = [(left, right) for left, right, *_ in stored(linked_town, 15)]
    records = [record for pair in pairs for record in pair]
    scorer = Scorer(linked_town.con, linked_town.model, linked_town.columns, records)
    odds = scorer.weigh(pairs).odds
    for (left, right), weight in zip(pairs, odds, strict=True):
        steps = scorer.waterfall(left, right)
        assert steps[-1].total == weight
        start = scorer.start(left, right)
        assert start + sum(s.bits for s in steps) == pytest.approx(weight, abs=1e-4)
        assert all(s.bits == 0 for s in steps if s.level == "missing")


def test_agreement_in_a_missing_column_never_counts_against(linked_town: Town) -> None:
    pairs = [(left, right) for left, right, *_ in stored(linked_town, 15)]
    scorer = Scorer(
        linked_town.con, linked_town.model, linked_town.columns, [r for p in pairs for r in p]
    )
    for left, right in pairs:
        weight = scorer.weigh([(left, right)]).odds[0]
        levels = {s.column: s.level for s in scorer.waterfall(left, right)}
        for column, total in scorer.if_same(left, right).items():
            if levels[column] == "missing" and column in ("email", "phone", "birth_on"):
                assert total > weight, column


def test_the_tables_of_the_town_stay_as_they_are(linked_town: Town) -> None:
    count = "select count(*), max(record_no) from identity.standardised_records"
    before = linked_town.con.sql(count).fetchall()
    Scorer(linked_town.con, linked_town.model, linked_town.columns, [3, 4])
    assert linked_town.con.sql(count).fetchall() == before
