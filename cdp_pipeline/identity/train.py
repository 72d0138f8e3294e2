"""Training: what agreement in each column is worth, learnt from the records themselves.

Belongs here: chance agreement (u) from random pairs, agreement of matches (m) by Splink's
expectation maximisation, the prior. Does not belong here: linking.
"""

from __future__ import annotations

import copy
import logging
import warnings
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from cdp_pipeline.identity.blocking import (
    BlockingRule,
    Key,
    NodeKeys,
    Pairs,
    Rules,
    choose_rules,
    make_pairs,
    pair_count,
    sample_of,
)
from cdp_pipeline.identity.calibrate import (
    PAIRS_PER_COLUMN,
    Calibration,
    calibrate,
    threshold_for,
)
from cdp_pipeline.identity.chance import (
    Known,
    frequencies_of_strangers,
    known_pairs,
    without_nobodys,
)
from cdp_pipeline.identity.classes import learn_mixture, sharing
from cdp_pipeline.identity.equal import blocks
from cdp_pipeline.identity.exact import exact_rules
from cdp_pipeline.identity.fit import seen_by
from cdp_pipeline.identity.mixture import evidence, shared_only
from cdp_pipeline.identity.model import LinkageModel
from cdp_pipeline.identity.score import (
    ComparedPairs,
    compare_pairs,
    frequency_columns,
    learn_frequencies,
    log2_odds,
    names_of,
    nine_digits,
    node_frequencies,
    splink_settings,
)
from cdp_pipeline.identity.scorer import Scorer, odds_of
from cdp_pipeline.identity.soundness import exact_only
from cdp_pipeline.identity.work import NODES, Work, prepare_work

if TYPE_CHECKING:
    import duckdb
    from numpy.typing import NDArray

    from cdp_pipeline.identity.columns import IdentityColumns

TRAINING_NODES = "identity_training_nodes"
# Random pairs from which chance agreement is counted.
RANDOM_PAIRS = 700_000
# Pairs one round of expectation maximisation looks at.
EM_PAIRS = 300_000
# Fewer nodes or candidate pairs than this teach nothing.
LEAST_NODES = 50
LEAST_PAIRS = 50
# A level is never believed to be rarer than this.
FLOOR = 1e-6
# Share of linked pairs that should be of one person.
TARGET_PRECISION = 0.99
RAREST_MATCH = 2e-4


def train(con: duckdb.DuckDBPyConnection, columns: IdentityColumns, *, seed: int) -> LinkageModel:
    """Train a linkage model.

    Reads ``identity.standardised_records`` and ``identity.standardised_attributes``. With too few
    records to learn from, the model holds the exact rules only and says so in its notes.
    """
    work = prepare_work(con, columns)
    keys = NodeKeys(con)
    rules = choose_rules(work, keys) if work.node_count >= LEAST_NODES else Rules([], [])
    candidates = make_pairs(keys, rules.learning, one_in=rules.one_in)
    model = LinkageModel(
        settings=splink_settings(con, work),
        frequencies={},
        blocking=[[(k.column, k.expression) for k in rule.keys] for rule in rules.linking],
        exact=[rule.columns for rule in exact_rules(work)],
        prior=1e-4,
        threshold=0.0,
        columns_fingerprint=columns.fingerprint,
        seed=seed,
    )
    if len(candidates) < LEAST_PAIRS:
        return exact_only(
            model,
            f"{work.node_count} distinct records with {len(candidates)} candidate pairs are too few"
            " to learn from",
        )
    all_pairs = work.node_count * (work.node_count - 1) / 2 / rules.one_in
    _learn(con, model, work, columns, keys, rules, candidates, all_pairs)
    return model


def _learn(
    con: duckdb.DuckDBPyConnection,
    model: LinkageModel,
    work: Work,
    columns: IdentityColumns,
    keys: NodeKeys,
    rules: Rules,
    candidates: Pairs,
    all_pairs: float,
) -> None:
    model.frequencies = learn_frequencies(con, frequency_columns(model.settings))
    believed = copy.deepcopy(model.settings)
    _learn_chance(con, model.settings, keys, model.seed)
    _learn_matches(con, model, keys, training_rules(work, keys))
    _round(model.settings)
    pairs = compare_pairs(con, model.settings, candidates)
    known = known_pairs(keys, columns, names_of(model.settings), rules.one_in)
    learning = without_nobodys(pairs, model.settings, known)
    _learn_classes(model, believed, columns, learning, all_pairs, known)
    _learn_frequencies_of_strangers(con, model, columns, pairs, rules.one_in, known)
    scorer = Scorer(con, model)
    _calibrate(con, model, scorer, keys, rules.testing, pairs)
    model.trained_on = seen_by(con, model, keys, scorer.frequencies)


def _learn_chance(
    con: duckdb.DuckDBPyConnection, settings: dict[str, Any], keys: NodeKeys, seed: int
) -> None:
    """Set u: how often two random records agree at each level."""
    pairs = compare_pairs(con, settings, random_pairs(keys.nodes, seed))
    for position, c in enumerate(settings["comparisons"]):
        levels = [level for level in c["comparison_levels"] if not level.get("is_null_level")]
        counts = np.bincount(
            pairs.levels[pairs.levels[:, position] >= 0, position], minlength=len(levels)
        )[::-1].astype(float)
        counts[0] = chance_of_same(keys.single(c["output_column_name"])) * counts.sum()
        shares = np.maximum((counts + 0.1) / (counts.sum() + 0.1 * len(levels)), FLOOR)
        for level, share in zip(levels, shares / shares.sum(), strict=True):
            level["u_probability"] = float(share)


def random_pairs(nodes: NDArray[np.int32], seed: int) -> Pairs:
    """Return random pairs of distinct nodes, smaller first, the same for a seed.

    Each node is paired with those a few steps on in a shuffled ring: every node is used equally
    often, which counts chance agreement far better than all pairs of a small sample.
    """
    count = len(nodes)
    if count * (count - 1) // 2 <= RANDOM_PAIRS:
        left, right = np.triu_indices(count, 1)
        return Pairs(nodes[left], nodes[right])
    shuffled = np.random.default_rng(seed).permutation(nodes)
    steps = max(1, min(RANDOM_PAIRS // count, (count - 1) // 2))
    ring = shuffled if count <= RANDOM_PAIRS else shuffled[:RANDOM_PAIRS]
    one = np.concatenate([ring] * steps)
    other = np.concatenate([np.roll(ring, step) for step in range(1, steps + 1)])
    return Pairs(np.minimum(one, other), np.maximum(one, other))


def chance_of_same(keys: NDArray[np.uint64]) -> float:
    """Return how likely two random records with a value have the same one."""
    widths = np.diff(blocks(keys)[1]).astype(float)
    present = float(np.count_nonzero(keys))
    return float((widths * (widths - 1)).sum()) / max(present * (present - 1), 1.0)


def _learn_matches(
    con: duckdb.DuckDBPyConnection,
    model: LinkageModel,
    keys: NodeKeys,
    rules: list[tuple[str, ...]],
) -> None:
    """Set m: how often two records of one person agree at each level, by Splink."""
    names = names_of(model.settings)
    _make_training_nodes(con, keys, rules)
    while True:
        try:
            learnt = _maximised(con, model.settings, rules)
            break
        except _RoundTeachesNothingError as error:
            model.notes.append(f"pairs equal in {' + '.join(error.columns)}: too few to learn from")
            rules = [columns for columns in rules if columns != error.columns]
    trained = {name for columns in rules for name in names if name not in columns}
    for mine, theirs in zip(model.settings["comparisons"], learnt["comparisons"], strict=True):
        if mine["output_column_name"] not in trained:
            model.notes.append(f"{mine['output_column_name']}: kept what was believed before")
            continue
        _take_over(mine, theirs)


def _make_training_nodes(
    con: duckdb.DuckDBPyConnection, keys: NodeKeys, rules: list[tuple[str, ...]]
) -> None:
    """Make a table of the nodes that a round looks at: Splink reads all it is given each time."""
    paired = np.zeros(len(keys.nodes), dtype=bool)
    for columns in rules:
        order, ends = blocks(keys.of(BlockingRule(tuple(Key(c, c) for c in columns))))
        widths = np.diff(ends)
        paired[order[np.repeat(widths > 1, widths)]] = True
    con.register("identity_paired", pa.table({"node_no": keys.nodes[paired]}))
    con.execute(
        f"create or replace temp table {TRAINING_NODES} as"
        f" select n.* from {NODES} as n semi join identity_paired using (node_no) order by node_no"
    )
    con.unregister("identity_paired")


class _RoundTeachesNothingError(Exception):
    """A level came out impossible among the few pairs of a round, which Splink refuses."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        super().__init__(columns)
        self.columns = columns


def _maximised(
    con: duckdb.DuckDBPyConnection, settings: dict[str, Any], rules: list[tuple[str, ...]]
) -> dict[str, Any]:
    """Return the settings after one round of expectation maximisation per rule."""
    from splink import DuckDBAPI, Linker

    api = DuckDBAPI(con)
    linker = Linker(api.register(TRAINING_NODES), copy.deepcopy(settings), validate_settings=False)
    # Splink turns its own messages on when a linker is made.
    logging.getLogger("splink").setLevel(logging.ERROR)
    try:
        for columns in rules:
            rule = " and ".join(f"l.{c} = r.{c}" for c in columns)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                linker.training.estimate_parameters_using_expectation_maximisation(
                    rule, estimate_without_term_frequencies=True, max_pairs=EM_PAIRS
                )
    except ValueError as error:
        raise _RoundTeachesNothingError(columns) from error
    finally:
        linker.table_management.delete_tables_created_by_splink_from_db()
    learnt: dict[str, Any] = linker.misc.save_model_to_json()
    return learnt


def training_rules(work: Work, keys: NodeKeys) -> list[tuple[str, ...]]:
    """Return what pairs must agree on for each round of training.

    Within a round the columns agreed on teach nothing, so the rounds are chosen to leave every
    column free at least once, those with the fewest chance pairs first.
    """
    names = [e.name for e in work.evidence if e.column.kind not in ("category", "source")]
    sample = sample_of(keys)
    scale = (len(keys.nodes) / max(len(sample.nodes), 1)) ** 2
    chance = {n: chance_of_same(sample.single(n)) for n in names}
    all_pairs = work.node_count * (work.node_count - 1) / 2
    judged = []
    for size in (1, 2):
        for columns in combinations(names, size):
            by_chance = all_pairs * float(np.prod([chance[c] for c in columns]))
            rule = BlockingRule(tuple(Key(c, c) for c in columns))
            widths = np.diff(blocks(sample.of(rule))[1]).astype(float)
            pairs = float((widths * (widths - 1) / 2).sum()) * scale
            if pairs >= LEAST_PAIRS and by_chance < 0.9 * pairs:
                judged.append((by_chance / pairs, -pairs, columns))
    judged.sort()
    chosen: list[tuple[str, ...]] = []
    free: dict[str, int] = dict.fromkeys([e.name for e in work.evidence], 0)
    for _, _, columns in judged:
        if set(columns) >= set(free):
            continue
        if any(free[n] < 1 for n in free if n not in columns) or not chosen:
            chosen.append(columns)
            for n in free:
                free[n] += n not in columns
        if all(free.values()):
            break
    return chosen


def _take_over(mine: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Take Splink's m over, with a floor: no level is impossible for a match."""
    levels = [x for x in mine["comparison_levels"] if not x.get("is_null_level")]
    found = [x for x in theirs["comparison_levels"] if not x.get("is_null_level")]
    shares = np.array([f.get("m_probability") or 0.0 for f in found], dtype=float)
    # Splink leaves a level that no pair had as it was; it is rare, not as likely as before.
    unseen = np.array(
        [abs(s - x["m_probability"]) < 1e-12 for s, x in zip(shares, levels, strict=True)]
    )
    shares = np.maximum(np.where(unseen & ~unseen.all(), 0.0, shares), RAREST_MATCH)
    for level, share in zip(levels, shares / shares.sum(), strict=True):
        level["m_probability"] = float(share)


def _round(settings: dict[str, Any]) -> None:
    for c in settings["comparisons"]:
        for level in c["comparison_levels"]:
            for key in ("m_probability", "u_probability"):
                if key in level:
                    level[key] = nine_digits(level[key])


def _learn_classes(
    model: LinkageModel,
    believed: dict[str, Any],
    columns: IdentityColumns,
    pairs: ComparedPairs,
    all_pairs: float,
    known: dict[str, Known],
) -> None:
    """Learn who else a pair could be, and with it the prior and the final m."""
    mixture = learn_mixture(model.settings, believed, columns, pairs, all_pairs, known)
    model.mixture = mixture
    model.prior = nine_digits(mixture.prior)
    model.settings["probability_two_random_records_match"] = model.prior
    for position, c in enumerate(model.settings["comparisons"]):
        shares = mixture.of_matches(position)
        levels = [x for x in c["comparison_levels"] if not x.get("is_null_level")]
        for level, share in zip(reversed(levels), shares, strict=True):
            level["m_probability"] = nine_digits(share)


def _learn_frequencies_of_strangers(
    con: duckdb.DuckDBPyConnection,
    model: LinkageModel,
    columns: IdentityColumns,
    pairs: ComparedPairs,
    one_in: int,
    known: dict[str, Known],
) -> None:
    """Take the records of one person out of what each value's agreement is worth."""
    mixture = model.mixture
    assert mixture is not None
    model.frequencies = frequencies_of_strangers(
        con,
        model.frequencies,
        node_frequencies(con, model.frequencies),
        model.settings,
        columns,
        pairs,
        one_in,
        lambda name, some: sharing(
            mixture, columns, name, without_nobodys(some, model.settings, known)
        ),
        known,
    )


def _calibrate(
    con: duckdb.DuckDBPyConnection,
    model: LinkageModel,
    scorer: Scorer,
    keys: NodeKeys,
    rules: list[BlockingRule],
    pairs: ComparedPairs,
) -> None:
    """Correct the weights by the columns they do without, and choose the threshold."""
    mixture = model.mixture
    if mixture is None:
        return

    def compared_without(name: str) -> ComparedPairs:
        chosen = [rule for rule in rules if name not in rule.columns]
        holders = keys.holders_of(name)
        one_in = max(1, round(pair_count(holders, chosen) / PAIRS_PER_COLUMN))
        return compare_pairs(con, model.settings, make_pairs(holders, chosen, one_in=one_in))

    def odds(some: ComparedPairs) -> NDArray[np.float64]:
        parts = evidence(
            mixture, model.settings, scorer.frequencies, shared_only(mixture, some), Calibration()
        )
        return np.asarray(np.nansum(parts, axis=1) + log2_odds(mixture.prior))

    model.calibration = calibrate(mixture, pairs, compared_without, odds)
    start = float(model.calibration.of(np.float64(log2_odds(mixture.prior))))
    model.prior = nine_digits(1 / (1 + 2.0**-start))
    # Pairs under even odds have no say in it.
    _, parts = scorer.weighed(pairs, 0.0)
    model.threshold = threshold_for(odds_of(parts, model.prior), TARGET_PRECISION)
