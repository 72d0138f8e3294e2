"""Personal names: parts, order, initials and nicknames.

Belongs here: what is read out of the name columns of a record. Does not belong here: how much two
names have in common (``comparisons``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from cdp_pipeline.identity.sql import folded

if TYPE_CHECKING:
    import duckdb

# Forms of address and rank beside a name in the languages of Europe; they say nothing about who it
# is. A name that is nothing else stays: there are people called Major.
_TITLES = (
    *("mr", "mrs", "ms", "miss", "mx", "sir", "dame", "lord", "lady", "dr", "prof", "professor"),
    *("rev", "revd", "reverend", "hon", "honourable", "rt", "esq", "bart", "baronet", "phd"),
    *("gen", "general", "col", "colonel", "maj", "major", "capt", "captain", "lt", "lieutenant"),
    *("herr", "fru", "froken", "frk", "hr", "rouva", "neiti", "tohtori", "dhr", "mevr", "mevrouw"),
    *("frau", "herrn", "doktor", "monsieur", "madame", "mme", "mlle", "pan", "pani"),
    *("signor", "signora", "sig", "senor", "senora"),
)

# How much likelier the other order of two names must be, by the names of the data itself, before
# a record is turned round.
ORDER_EVIDENCE = 16.0
# A word of the full name this close to the given or family name is that name with a slip.
_SAME_WORD = 0.85


def name_parts(con: duckdb.DuckDBPyConnection, records: str, nicknames: pa.Table) -> str:
    """Return a temp table with the standardised names of each record number.

    Parameters
    ----------
    records
        Table with ``record_no``, ``given_name``, ``family_name`` and ``full_name`` as delivered.
    nicknames
        ``name`` and ``full_name``.
    """
    _fold_words(con, records)
    _split_full_names(con, records)
    _turn_round(con)
    _find_middle_names(con)
    con.register("identity_nicknames", nicknames)
    con.execute(
        f"""create or replace temp table identity_name_parts as
        with folded as (
            select {folded("name")} as name, {folded("full_name")} as full_name
            from identity_nicknames
        ),
        forms as (
            select name, list_sort(list(distinct full_name)) as roots
            from folded where name <> full_name group by name
        )
        select
            parts.record_no, parts.given_name, parts.family_name, middle.middle_names,
            case when length(parts.given_name) = 1 then true else false end as is_initial,
            coalesce(forms.roots[1], parts.given_name) as given_name_root,
            forms.roots as given_name_forms,
            parts.is_turned_round
        from identity_name_order as parts
        left join forms on parts.given_name = forms.name
        left join identity_middle_names as middle using (record_no)"""
    )
    con.unregister("identity_nicknames")
    for table in ("name_words", "name_split", "name_order", "middle_names"):
        con.execute(f"drop table identity_{table}")
    return "identity_name_parts"


def nickname_table(pairs: tuple[tuple[str, str], ...]) -> pa.Table:
    """Return nickname pairs as a table with the columns ``name`` and ``full_name``."""
    return pa.table(
        {
            "name": pa.array([p[0] for p in pairs], pa.string()),
            "full_name": pa.array([p[1] for p in pairs], pa.string()),
        }
    )


def _fold_words(con: duckdb.DuckDBPyConnection, records: str) -> None:
    """Fold each distinct name once: there are far fewer names than records."""
    titles = ", ".join(f"'{t}'" for t in _TITLES)

    def words(text: str) -> str:
        every = f"string_split({folded(text, keep_digits=False)}, ' ')"
        named = f"list_filter({every}, lambda word: word not in ({titles}))"
        return f"case when len({named}) > 0 then {named} else {every} end"

    con.execute(
        f"""create or replace temp table identity_name_words as
        select name, name like '%,%' as has_comma,
            {words("name")} as words,
            {words("split_part(name, ',', 1)")} as before_comma,
            {words("split_part(name, ',', 2)")} as after_comma
        from (
            select given_name as name from {records}
            union select family_name from {records}
            union select full_name from {records}
        ) where name is not null"""
    )


def _split_full_names(con: duckdb.DuckDBPyConnection, records: str) -> None:
    """Take given and family name from the full name where their own columns are empty.

    "Moss, Abbie" has the family name first; otherwise the last word is the family name.
    """
    con.execute(
        f"""create or replace temp table identity_name_split as
        with words as (
            select
                records.record_no,
                nullif(given.words, []) as given_words,
                nullif(family.words, []) as family_words,
                nullif(whole.words, []) as whole_words,
                whole.has_comma and len(whole.before_comma) > 0
                    and len(whole.after_comma) > 0 as has_comma,
                whole.before_comma, whole.after_comma
            from {records} as records
            left join identity_name_words as given on records.given_name = given.name
            left join identity_name_words as family on records.family_name = family.name
            left join identity_name_words as whole on records.full_name = whole.name
        )
        select
            record_no,
            case
                when given_words is not null or family_words is not null then given_words
                when has_comma then after_comma
                when len(whole_words) > 1 then whole_words[1:-2]
            end as given_words,
            case
                when given_words is not null or family_words is not null
                    then array_to_string(family_words, ' ')
                when has_comma then array_to_string(before_comma, ' ')
                else whole_words[-1]
            end as family_name,
            whole_words
        from words
        where coalesce(given_words, family_words, whole_words) is not null"""
    )


def _turn_round(con: duckdb.DuckDBPyConnection) -> None:
    """Turn names round that the rest of the data uses the other way.

    A record whose given name is mostly a family name elsewhere, and the other way round, had its
    fields swapped. A lone name moves to the field it usually stands in.
    """
    con.execute(
        f"""create or replace temp table identity_name_order as
        with parts as (
            select record_no, given_words, given_words[1] as given_name, family_name
            from identity_name_split
        ),
        given_uses as (select given_name as name, count(*) as uses from parts group by 1),
        family_uses as (select family_name as name, count(*) as uses from parts group by 1),
        uses as (
            select name,
                (coalesce(given_uses.uses, 0) + 1) / (coalesce(family_uses.uses, 0) + 1)
                    as given_odds
            from given_uses full join family_uses using (name)
            where name is not null
        ),
        judged as (
            select parts.*,
                coalesce(family_odds.given_odds, 1) / coalesce(given_odds.given_odds, 1)
                    > {ORDER_EVIDENCE} as is_turned_round
            from parts
            left join uses as given_odds on parts.given_name = given_odds.name
            left join uses as family_odds on parts.family_name = family_odds.name
        )
        select record_no,
            case when is_turned_round then family_name else given_name end as given_name,
            case when is_turned_round then given_name else family_name end as family_name,
            given_words[2:] as more_given_words,
            is_turned_round
        from judged"""
    )


def _find_middle_names(con: duckdb.DuckDBPyConnection) -> None:
    """Collect the words of a name that are neither the first given name nor the family name."""
    con.execute(
        f"""create or replace temp table identity_middle_names as
        with candidates as (
            select names.record_no, names.given_name, names.family_name,
                list_concat(coalesce(names.more_given_words, []),
                            coalesce(split.whole_words, [])) as words
            from identity_name_order as names
            inner join identity_name_split as split using (record_no)
            where len(names.more_given_words) > 0 or len(split.whole_words) > 2
        )
        select record_no,
            nullif(array_to_string(list_sort(list_distinct(list_filter(words, lambda word:
                coalesce(jaro_winkler_similarity(word, given_name), 0) < {_SAME_WORD}
                and coalesce(jaro_winkler_similarity(word, family_name), 0) < {_SAME_WORD}
                and not contains(coalesce(family_name, ''), word)
            ))), ' '), '') as middle_names
        from candidates"""
    )
