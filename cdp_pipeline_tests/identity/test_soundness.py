from __future__ import annotations

import random

import pytest

from cdp_pipeline.identity import LinkageModel, load_identity_columns
from cdp_pipeline.identity.soundness import faults, usable
from cdp_pipeline_tests.identity.worlds import linked, together, town, world


@pytest.fixture(scope="module")
def sound() -> LinkageModel:
    return linked(world(town(300)))


def _changed(model: LinkageModel, **changes: float) -> LinkageModel:
    """Return the model with all columns agreeing so often: m and u of the same value."""
    copy = model.model_copy(deep=True)
    for comparison in copy.settings["comparisons"]:
        same = next(x for x in comparison["comparison_levels"] if "u_probability" in x)
        same.update(changes)
    return copy


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("people", [60, 400])
def test_a_model_of_a_town_is_sound(people: int, seed: int) -> None:
    assert faults(linked(world(town(people, seed)))) == []


def test_a_column_that_agrees_less_for_one_person_than_by_chance_is_named(
    sound: LinkageModel,
) -> None:
    copy = sound.model_copy(deep=True)
    name = copy.settings["comparisons"][0]["output_column_name"]
    level = next(
        x for x in copy.settings["comparisons"][0]["comparison_levels"] if "u_probability" in x
    )
    level["m_probability"] = level["u_probability"] / 2
    found = faults(copy)
    assert found == [f"{name}: records of one person agree less often than any two records"]


def test_columns_that_agree_as_often_by_chance_tell_nobody_from_anybody(
    sound: LinkageModel,
) -> None:
    alike = _changed(sound, m_probability=0.9, u_probability=0.6)
    assert faults(alike) == ["no column tells one person from another"]


def test_columns_at_the_floor_are_no_agreement_at_all(sound: LinkageModel) -> None:
    floored = _changed(sound, m_probability=2e-4, u_probability=1e-6)
    assert faults(floored) == ["records of one person hardly ever agree in any column"]


@pytest.mark.parametrize(
    ("prior", "said"),
    [
        (0.6, "it takes every second pair of records for one person"),
        (1e-9, "it expects no two records to be of one person"),
    ],
)
def test_a_prior_out_of_sense_is_told(sound: LinkageModel, prior: float, said: str) -> None:
    assert faults(sound.model_copy(update={"prior": prior})) == [said]


def test_a_threshold_without_a_pair_above_it_and_one_that_joins_all_are_told(
    sound: LinkageModel,
) -> None:
    assert sound.trained_on is not None
    nothing = sound.trained_on.model_copy(update={"linked_pairs_ratio": 0.0})
    everything = sound.trained_on.model_copy(update={"largest_group_ratio": 0.9})
    assert "no pair of records reaches" in faults(_seeing(sound, nothing))[0]
    assert faults(_seeing(sound, everything)) == ["it links every second record into one group"]


def _seeing(model: LinkageModel, seen: object) -> LinkageModel:
    return model.model_copy(update={"trained_on": seen})


def test_a_refused_model_leaves_the_stored_one_in_place(sound: LinkageModel) -> None:
    assert usable(sound, [], None) is sound
    bad = sound.model_copy(update={"prior": 0.6})
    assert usable(bad, faults(bad), sound) is sound


@pytest.mark.parametrize("stored", ["none", "bad itself", "of other columns"])
def test_without_a_stored_model_only_the_exact_rules_link_and_the_note_says_why(
    sound: LinkageModel, stored: str
) -> None:
    bad = sound.model_copy(update={"prior": 0.6})
    before = {
        "none": None,
        "bad itself": bad,
        "of other columns": sound.model_copy(update={"columns_fingerprint": "other"}),
    }[stored]
    left = usable(bad, faults(bad), before)
    assert left.mixture is None
    assert "every second pair" in left.notes[-1]
    assert "only the exact rules link" in left.notes[-1]
    con = world(town(300))
    linked(con, load_identity_columns(), left)
    assert con.sql(
        "select count(*) from identity.record_pairs where how = 'scored'"
    ).fetchall() == [(0,)]
    assert (
        len(together(con))
        < con.sql("select count(*) from identity.record_clusters").fetchall()[0][0]
    )
    for table in ("match_weights", "unlinkable_records", "linkage_drift"):
        assert con.sql(f"select count(*) from identity.{table}").fetchall() == [(0,)]


def test_a_given_name_and_a_town_alone_teach_nothing_to_link_by() -> None:
    rows = [{key: row.get(key) for key in ("record_id", "given_name", "city")} for row in town(400)]
    assert faults(linked(world(rows))) == ["no pair of records reaches the threshold of 0"]


def test_values_that_fit_nobody_link_hardly_anything() -> None:
    rows, rng = town(400), random.Random(1)
    for name in sorted({key for row in rows for key in row} - {"record_id", "source"}):
        values = [row.get(name) for row in rows]
        rng.shuffle(values)
        rows = [{**row, name: value} for row, value in zip(rows, values, strict=True)]
    con = world(rows)
    linked(con)
    assert len(together(con)) > 0.97 * len(rows)


def test_names_alone_and_few_records_are_trained_on_all_the_same() -> None:
    # one round compared nothing, the other had a level that Splink holds for impossible
    names = [
        {key: row.get(key) for key in ("record_id", "given_name", "family_name")}
        for row in town(400)
    ]
    assert linked(world(names)).mixture is not None
    notes = linked(world(town(60, 3))).notes
    assert "pairs equal in given_name + postcode: too few to learn from" in notes
