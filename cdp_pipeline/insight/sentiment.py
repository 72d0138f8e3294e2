"""What customers feel, from what they write in surveys and to customer service.

Belongs here: from texts to a judgement with the words that decided. The words stand in
``lexicon``. Counts opinion words in their surroundings (negations, strengthening words); it does
not understand irony, comparisons or who is meant, and says nothing where words say nothing or
contradict each other. No word of a text leaves but those that are in the lexicon.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cdp_pipeline.insight.lexicon import WEIGHTS, Lexicon, known_language, longest_phrase

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

BATCH = 100_000
"""Texts judged at once; only memory depends on it."""

CLEAR = 0.25
"""A score from here on is positive, from minus this downwards negative; between them it is neutral
where a word says so (okay, as expected), and mixed where none does."""

WORDS_SHOWN = 8
_REACH = 3  # words back in which a negation still turns what follows
_NONE, _NOTHING, _NEGATION, _STRONGER, _WEAKER, _BOUNDARY = range(6)
_FIRST_WEIGHT = 6
_USES = {
    "nothing": _NOTHING,
    "negations": _NEGATION,
    "stronger": _STRONGER,
    "weaker": _WEAKER,
    "boundaries": _BOUNDARY,
    **{name: _FIRST_WEIGHT + place for place, name in enumerate(WEIGHTS)},
}
_WEIGHT = np.array([0.0] * _FIRST_WEIGHT + list(WEIGHTS.values()))
_BOTH_WAYS = _USES["both_ways"]
_NEUTRAL = _USES["neutral"]
_UNKNOWN, _NOT_COVERED = -1, -2

_SCHEMA = pa.schema(
    [
        ("language", pa.string()),
        ("sentiment", pa.string()),
        ("score", pa.float64()),
        ("evidence_words", pa.string()),
        ("abstain_reason", pa.string()),
    ]
)

_TEXTS = """
    select
        surveys.source, 'survey' as kind, surveys.response_id as feedback_id, facts.customer_id,
        facts.answered_on as written_on, surveys.language as declared, surveys.comment as words,
    from staging.surveys as surveys
    inner join profiles.surveys as facts
        on surveys.source = facts.source and surveys.response_id = facts.response_id
    where facts.has_text
    union all
    select
        tickets.source, 'ticket', tickets.ticket_id, facts.customer_id, facts.opened_on,
        tickets.language, concat_ws('. ', tickets.subject, tickets.body),
    from staging.tickets as tickets
    inner join profiles.tickets as facts
        on tickets.source = facts.source and tickets.ticket_id = facts.ticket_id
    where facts.has_text
"""


def feedback_sentiments(
    con: duckdb.DuckDBPyConnection, lexicons: Mapping[str, Lexicon]
) -> dict[str, str]:
    """Judge every survey comment and ticket text.

    Parameters
    ----------
    con : DuckDBPyConnection
        Sees staging.surveys, staging.tickets, profiles.surveys and profiles.tickets.
    lexicons : mapping
        Lexicon of each language.

    Returns
    -------
    dict
        ``insight.feedback_sentiments`` as a SELECT.
    """
    texts = con.sql(_TEXTS).to_arrow_table()
    judged = []
    for start in range(0, max(texts.num_rows, 1), BATCH):
        part = texts.slice(start, BATCH)
        keys = part.select(["source", "kind", "feedback_id", "customer_id", "written_on"])
        made = judge(part["words"], part["declared"], lexicons)
        for name in _SCHEMA.names:
            keys = keys.append_column(name, made[name])
        judged.append(keys)
    con.register("feedback_judged", pa.concat_tables(judged))
    return {"insight.feedback_sentiments": "select * from feedback_judged"}


def judge(
    texts: pa.ChunkedArray, declared: pa.ChunkedArray, lexicons: Mapping[str, Lexicon]
) -> pa.Table:
    """Judge texts one by one; the result of one depends on no other.

    Parameters
    ----------
    texts : ChunkedArray of string
    declared : ChunkedArray of string
        Language codes as delivered, null where unknown.
    lexicons : mapping
        Lexicon of each language.

    Returns
    -------
    Table
        language, sentiment (null abstains), score from -1 to 1, evidence_words, abstain_reason.
    """
    words = _words(texts)
    names = sorted(lexicons)
    known = _Vocabulary.of(words.vocabulary, [lexicons[name] for name in names])
    language = _languages(words, declared, names, known)
    uses, entries = known.looked_up(words, language)
    place = np.flatnonzero((uses >= _FIRST_WEIGHT) & (language[words.text] >= 0))
    weight, is_turned = _weights(words, uses, place)
    text = words.text[place]
    total = _summed(text, weight, words.count)
    size = _summed(text, np.abs(weight), words.count)
    # a word that is used both ways says something only when it is turned
    speaks = (uses[place] != _BOTH_WAYS) | is_turned
    has_words = np.bincount(text[speaks], minlength=words.count) > 0
    # "okay" is an opinion too: it draws towards the middle
    middle = _summed(text, (uses[place] == _NEUTRAL).astype(np.float64), words.count)
    score: Floats = np.round(total / (size + middle + 1.0), 6)
    return pa.table(
        {
            "language": _language_names(language, declared, names),
            **_verdicts(score, middle, has_words, language),
            "evidence_words": _evidence(
                words.count, text[speaks], entries[place][speaks], is_turned[speaks], known.entries
            ),
        }
    ).select(_SCHEMA.names)


def _summed(text: Ints, values: Floats, count: int) -> Floats:
    """Return the sum of the values of each text, added in the order of its words."""
    return np.asarray(np.bincount(text, weights=values, minlength=count), dtype=np.float64)


@dataclass(frozen=True)
class _Words:
    """All words of a batch, one after the other.

    Attributes
    ----------
    code : place of each word in `vocabulary`
    text : number of the text each word stands in
    vocabulary : the different words
    count : number of texts
    """

    code: Ints
    text: Ints
    vocabulary: list[str]
    count: int


def _words(texts: pa.ChunkedArray) -> _Words:
    """Cut texts into words in lower case; a full stop stands for whatever ends a clause."""
    text = pc.utf8_lower(pc.fill_null(texts, ""))
    text = pc.replace_substring_regex(text, r"[.!?;:,()\r\n]+", " . ")
    text = pc.replace_substring_regex(text, r"[^\p{L}.]+", " ")
    lists = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(text)).combine_chunks()
    length = pc.list_value_length(lists).to_numpy(zero_copy_only=False).astype(np.int64)
    encoded = lists.flatten().dictionary_encode()
    return _Words(
        code=encoded.indices.to_numpy().astype(np.int64),
        text=np.repeat(np.arange(len(length)), length),
        vocabulary=encoded.dictionary.to_pylist(),
        count=len(length),
    )


@dataclass(frozen=True)
class _Vocabulary:
    """What the words of a batch mean in each language.

    Attributes
    ----------
    use, entry : language x word
        Use of a word and the place of its entry in `entries`.
    is_telling : whether a word speaks for a language, language x word
    entries : entries as they are shown
    phrase_word : number of a word among those that phrases are made of, 0 for none
    phrases : for each number of words, sorted keys of phrases with their use and entry
    """

    use: Ints
    entry: Ints
    is_telling: Flags
    entries: list[str]
    phrase_word: Ints
    phrases: dict[int, tuple[Ints, Ints, Ints]]

    @classmethod
    def of(cls, vocabulary: list[str], lexicons: list[Lexicon]) -> _Vocabulary:
        """Look every different word up once."""
        shape = (len(lexicons), len(vocabulary))
        use, entry = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        is_telling = np.zeros(shape, dtype=np.bool_)
        entries: dict[str, int] = {}
        for row, lexicon in enumerate(lexicons):
            for column, word in enumerate(vocabulary):
                found = lexicon.entry(word)
                if found is not None:
                    use[row, column] = _USES[found[1]]
                    entry[row, column] = entries.setdefault(found[0], len(entries))
                is_telling[row, column] = found is not None or word in lexicon.function_words
        for column, word in enumerate(vocabulary):
            if word == ".":
                use[:, column] = _BOUNDARY
        number, phrases = _phrases(vocabulary, lexicons, entries)
        return cls(use, entry, is_telling, list(entries), number, phrases)

    def looked_up(self, words: _Words, language: Ints) -> tuple[Ints, Ints]:
        """Return use and entry of each word in the language of its text, phrases first."""
        spoken = np.maximum(language, 0)[words.text]
        uses = self.use[spoken, words.code]
        entries = self.entry[spoken, words.code]
        number = self.phrase_word[words.code]
        base = int(self.phrase_word.max(initial=0)) + 1
        is_taken = np.zeros(len(uses), dtype=np.bool_)
        for length in sorted(self.phrases, reverse=True):
            keys, phrase_use, phrase_entry = self.phrases[length]
            start = np.flatnonzero(number[: len(number) - length + 1] > 0)
            start = start[words.text[start] == words.text[start + length - 1]]
            key = spoken[start]
            for step in range(length):
                key = key * base + number[start + step]
            found = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
            is_phrase = keys[found] == key
            start, found = start[is_phrase], found[is_phrase]
            for step in range(length):
                is_free = ~is_taken[start + step]
                start, found = start[is_free], found[is_free]
            for step in range(length):
                uses[start + step] = _NONE
                is_taken[start + step] = True
            uses[start], entries[start] = phrase_use[found], phrase_entry[found]
        return uses, entries


def _phrases(
    vocabulary: list[str], lexicons: list[Lexicon], entries: dict[str, int]
) -> tuple[Ints, dict[int, tuple[Ints, Ints, Ints]]]:
    """Return a number for each word that phrases are made of, and the phrases by key."""
    place = {word: column for column, word in enumerate(vocabulary)}
    number = np.zeros(len(vocabulary), dtype=np.int64)
    found: list[tuple[int, tuple[int, ...], int, int]] = []
    for row, lexicon in enumerate(lexicons):
        for phrase, use in lexicon.phrases.items():
            columns = [place.get(word) for word in phrase]
            if any(column is None for column in columns):
                continue
            for column in columns:
                assert column is not None
                number[column] = number[column] or number.max() + 1
            shown = entries.setdefault(" ".join(phrase), len(entries))
            numbers = tuple(int(number[column]) for column in columns if column is not None)
            found.append((row, numbers, _USES[use], shown))
    base = int(number.max(initial=0)) + 1
    phrases = {}
    for length in range(2, longest_phrase(lexicons) + 1):
        rows = []
        for row, numbers, use_number, shown in found:
            if len(numbers) == length:
                key = row
                for one in numbers:
                    key = key * base + one
                rows.append((key, use_number, shown))
        if rows:
            keys, uses, shown_places = np.array(sorted(rows), dtype=np.int64).T
            phrases[length] = (keys, uses, shown_places)
    return number, phrases


def _languages(
    words: _Words, declared: pa.ChunkedArray, names: list[str], known: _Vocabulary
) -> Ints:
    """Return the language of each text as its place in `names`, or unknown or not covered.

    The declared one holds, unless the text has none of its words and clearly those of another.
    Undeclared, two words must speak for a language, and fewer for every other.
    """
    counts = np.stack(
        [
            np.bincount(words.text, weights=row[words.code], minlength=words.count)
            for row in known.is_telling
        ]
    )
    best = counts.argmax(axis=0)
    ranked = np.sort(counts, axis=0)
    is_clear = (ranked[-1] >= 2) & (ranked[-1] > ranked[-2])
    place = {name: number for number, name in enumerate(names)}
    encoded = declared.combine_chunks().dictionary_encode()
    codes = [known_language(code) for code in encoded.dictionary.to_pylist()]
    numbers = np.array(
        [_UNKNOWN if code is None else place.get(code, _NOT_COVERED) for code in codes]
        + [_UNKNOWN],
        dtype=np.int64,
    )
    index = encoded.indices.fill_null(len(codes)).to_numpy(zero_copy_only=False)
    said = numbers[index]
    is_contradicted = counts[np.maximum(said, 0), np.arange(words.count)] == 0
    is_open = (said == _UNKNOWN) | ((said >= 0) & is_contradicted)
    chosen: Ints = np.where(is_open & is_clear, best, said).astype(np.int64)
    return chosen


def _weights(words: _Words, uses: Ints, place: Ints) -> tuple[Floats, Flags]:
    """Return the weight of each opinion word where it stands, and whether a negation turned it."""
    weight = _WEIGHT[uses[place]]
    is_turned = np.zeros(len(place), dtype=np.bool_)
    factor = np.ones(len(place))
    is_reached = np.ones(len(place), dtype=np.bool_)
    for back in range(1, _REACH + 1):
        before = _neighbour(words, uses, place, -back)
        is_reached &= before != _BOUNDARY
        is_turned |= is_reached & (before == _NEGATION)
        if back < _REACH:
            factor[is_reached & (before == _STRONGER)] = 1.5
            factor[is_reached & (before == _WEAKER)] = 0.5
    is_both_ways = uses[place] == _BOTH_WAYS
    is_reached[:] = is_both_ways
    for ahead in (1, 2):
        after = _neighbour(words, uses, place, ahead)
        is_reached &= after != _BOUNDARY
        is_turned |= is_reached & (after == _NEGATION)
    # "not good" is nearly as bad as "bad", "not bad" only half as good as "good"
    weight = np.where(is_turned, np.where(weight > 0, -0.75, -0.5) * weight, weight) * factor
    return np.where(is_both_ways & is_turned, -1.0, weight), is_turned


def _neighbour(words: _Words, uses: Ints, place: Ints, step: int) -> Ints:
    """Return the use of the word so many words away; a boundary beyond the text's end."""
    other = place + step
    is_inside = (other >= 0) & (other < len(uses))
    other = np.where(is_inside, other, place)
    is_inside &= words.text[other] == words.text[place]
    return np.where(is_inside, uses[other], _BOUNDARY)


def _verdicts(
    score: Floats, middle: Floats, has_words: Flags, language: Ints
) -> dict[str, pa.Array]:
    """Return sentiment, score and why nothing is said where nothing is."""
    reason = np.full(len(score), "", dtype=object)
    reason[(middle == 0) & (np.abs(score) < CLEAR)] = "mixed_words"
    reason[~has_words] = "no_opinion_words"
    reason[language == _UNKNOWN] = "language_unknown"
    reason[language == _NOT_COVERED] = "language_not_covered"
    abstains = reason != ""
    sentiment = np.where(
        score >= CLEAR, "positive", np.where(score <= -CLEAR, "negative", "neutral")
    )
    return {
        "sentiment": pa.array(sentiment.astype(object), pa.string(), mask=abstains),
        "score": pa.array(score + 0.0, mask=abstains),
        "abstain_reason": pa.array(reason, pa.string(), mask=~abstains),
    }


def _language_names(language: Ints, declared: pa.ChunkedArray, names: list[str]) -> pa.Array:
    """Return the language of each text; one that is not covered as declared, if it is a code."""
    shown = np.array([*names, None], dtype=object)[np.where(language >= 0, language, len(names))]
    for row in np.flatnonzero(language == _NOT_COVERED):
        code = known_language(declared[int(row)].as_py()) or ""
        # a source can write anything into a column, and what is no code is not passed on
        shown[row] = code if re.fullmatch("[a-z]{2,3}", code) else None
    return pa.array(shown, pa.string())


def _evidence(
    count: int, text: Ints, entry: Ints, is_turned: Flags, entries: list[str]
) -> pa.Array:
    """Return the first lexicon words of each text, turned ones with "not" before them."""
    rank = np.arange(len(text)) - np.searchsorted(text, text)
    is_shown = rank < WORDS_SHOWN
    text, entry, is_turned = text[is_shown], entry[is_shown], is_turned[is_shown]
    shown = pa.array([*entries, *(f"not {word}" for word in entries)], pa.string())
    values: Any = shown.take(pa.array(entry + is_turned * len(entries)))
    ends = np.cumsum(np.bincount(text, minlength=count))
    lists = pa.ListArray.from_arrays(pa.array(np.concatenate([[0], ends]), pa.int32()), values)
    joined = pc.binary_join(lists, ", ")
    return pc.if_else(pc.equal(joined, ""), pa.scalar(None, pa.string()), joined)
