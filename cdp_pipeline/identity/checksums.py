"""Checksums of Nordic organisation and personal numbers, as SQL.

Belongs here: which countries' numbers can be proven wrong, and how. Does not belong here: what
happens to a number that is wrong (``standardise`` nulls it and says why).
"""

from __future__ import annotations

from collections.abc import Sequence


def _digit(text: str, position: int) -> str:
    return f"cast(substr({text}, {position}, 1) as integer)"


def luhn(text: str) -> str:
    """Return SQL that is true when the ten digits pass the Luhn check (Sweden)."""
    parts = []
    for position in range(1, 11):
        digit = _digit(text, position)
        # Every other digit counts double, and the digits of the product are added.
        doubled = f"(case when {digit} >= 5 then 2 * {digit} - 9 else 2 * {digit} end)"
        parts.append(doubled if position % 2 else digit)
    return f"({' + '.join(parts)}) % 10 = 0"


def weighted(text: str, weights: Sequence[int]) -> str:
    """Return SQL that is true when the weighted digit sum divides by eleven (NO, DK, FI)."""
    parts = [f"{w} * {_digit(text, i)}" for i, w in enumerate(weights, start=1)]
    return f"({' + '.join(parts)}) % 11 = 0"


_NORWEGIAN_PERSON_1 = (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)
_NORWEGIAN_PERSON_2 = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
_FINNISH_LETTERS = "0123456789ABCDEFHJKLMNPRSTUVWXY"


def organisation_number_is_wrong(text: str, country: str) -> str:
    """Return SQL that is true when a country's checksum proves an organisation number wrong."""
    return f"""case {country}
        when 'SE' then not coalesce(try(regexp_full_match({text}, '\\d{{10}}')
            and {luhn(text)}), false)
        when 'NO' then not coalesce(try(regexp_full_match({text}, '\\d{{9}}')
            and {weighted(text, (3, 2, 7, 6, 5, 4, 3, 2, 1))}), false)
        when 'DK' then not coalesce(try(regexp_full_match({text}, '\\d{{8}}')
            and {weighted(text, (2, 7, 6, 5, 4, 3, 2, 1))}), false)
        when 'FI' then not coalesce(try(regexp_full_match({text}, '\\d{{8}}')
            and {weighted(text, (7, 9, 10, 5, 8, 4, 2, 1))}), false)
        else false end"""


def national_id_is_wrong(text: str, country: str) -> str:
    """Return SQL that is true when a country's checksum proves a personal number wrong.

    Danish numbers issued since 2007 have no checksum: only their shape is judged.
    """
    finnish = (
        f"substr('{_FINNISH_LETTERS}', cast(substr({text}, 1, 6) || substr({text}, 8, 3)"
        f" as bigint) % 31 + 1, 1) = right({text}, 1)"
    )
    return f"""case {country}
        when 'SE' then not coalesce(try(regexp_full_match({text}, '\\d{{10}}')
            and {luhn(text)}), false)
        when 'NO' then not coalesce(try(regexp_full_match({text}, '\\d{{11}}')
            and {weighted(text, _NORWEGIAN_PERSON_1)}
            and {weighted(text, _NORWEGIAN_PERSON_2)}), false)
        when 'DK' then not regexp_full_match({text}, '\\d{{10}}')
        when 'FI' then not coalesce(try(regexp_full_match({text}, '\\d{{6}}[A-Z+-]\\d{{3}}[0-9A-Y]')
            and {finnish}), false)
        else false end"""


def national_number_form(text: str, country: str) -> str:
    """Return SQL for the one way a number is written: no separators, no century, no prefix.

    ``19850101-1234`` and ``850101-1234`` are one Swedish number; ``16`` before an organisation
    number stands for a legal person, ``NO 923 609 016 MVA`` is a VAT number, ``FI`` numbers may
    lack their leading zero.
    """
    plain = f"regexp_replace(upper({text}), '[^0-9A-Z]', '', 'g')"
    bare = (
        f"regexp_replace(regexp_replace({plain}, '^(SE|NO|DK|FI)([0-9].*)$', '\\2'), '(MVA)$', '')"
    )
    return f"""nullif(case
        when {country} = 'SE' and regexp_full_match({bare}, '(16|18|19|20)\\d{{10}}')
            then right({bare}, 10)
        when {country} = 'SE' and regexp_full_match({bare}, '\\d{{10}}01') then left({bare}, 10)
        when {country} = 'FI' and regexp_full_match({bare}, '\\d{{7}}') then '0' || {bare}
        when {country} = 'FI' and regexp_full_match({text}, '\\d{{6}}[-+A-Ya-y]\\d{{3}}[0-9A-Ya-y]')
            then upper({text})
        else {bare} end, '')"""
