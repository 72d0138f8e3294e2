"""Telephone numbers to E.164.

Belongs here: the SQL path for the usual Nordic shapes and the ``phonenumbers`` library for the
distinct rest (it takes 19 microseconds a number). Does not belong here: whose number it is, or
whether it is shared (``shared``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    import duckdb

# Shapes of national numbers that need no library: country, calling code, pattern of what follows
# the calling code (a trunk 0 already taken away).
_NORDIC_SHAPES = (
    ("SE", "46", r"(7\d{8}|[1-689]\d{6,8})"),
    ("NO", "47", r"[2-9]\d{7}"),
    ("DK", "45", r"[2-9]\d{7}"),
    ("FI", "358", r"(4\d{5,9}|50\d{4,8}|[1-35689]\d{5,8})"),
)
_HAS_TRUNK_ZERO = ("SE", "FI")


def international(text: str) -> str:
    """Return SQL for the digits of a number, with a leading + when it is international."""
    digits = f"regexp_replace({text}, '[^0-9+]', '', 'g')"
    return (
        f"case when {digits} like '00%' then '+' || substr({digits}, 3)"
        f" when {text} like '%(0)%' and {digits} like '+%'"
        f" then regexp_replace(regexp_replace({text}, '\\(0\\)', ''), '[^0-9+]', '', 'g')"
        f" else {digits} end"
    )


def nordic(digits: str, country: str) -> str:
    """Return SQL for the E.164 form of a number of a usual Nordic shape, else null."""
    cases = []
    for code, calling, shape in _NORDIC_SHAPES:
        trunk = "0?" if code in _HAS_TRUNK_ZERO else ""
        national = "0" if code in _HAS_TRUNK_ZERO else ""
        cases.append(
            f"when regexp_full_match({digits}, '\\+{calling}{trunk}{shape}')"
            f" then '+{calling}' || ltrim(substr({digits}, {len(calling) + 2}), '0')"
        )
        cases.append(
            f"when {country} = '{code}' and regexp_full_match({digits}, '{national}{shape}')"
            f" then '+{calling}' || ltrim({digits}, '0')"
        )
    return f"case {' '.join(cases)} end"


def phone_forms(con: duckdb.DuckDBPyConnection, distinct_phones: str) -> str:
    """Return the name of a temp table with the E.164 form of each distinct (phone, country).

    Parameters
    ----------
    distinct_phones
        A SELECT of the columns ``phone`` and ``country``.
    """
    con.execute(
        f"""create or replace temp table identity_phone_shapes as
        select phone, country, digits, {nordic("digits", "country")} as e164
        from (select phone, country, {international("phone")} as digits from ({distinct_phones}))"""
    )
    rest = con.sql(
        "select phone, country, digits from identity_phone_shapes where e164 is null"
        " order by phone, country"
    ).fetchall()
    parsed = pa.table(
        {
            "phone": pa.array([r[0] for r in rest], pa.string()),
            "country": pa.array([r[1] for r in rest], pa.string()),
            "e164": pa.array([_parse(r[0], r[1], r[2]) for r in rest], pa.string()),
        }
    )
    con.register("identity_phones_parsed", parsed)
    con.execute(
        """create or replace temp table identity_phone_forms as
        select shapes.phone, shapes.country, coalesce(shapes.e164, parsed.e164) as e164
        from identity_phone_shapes as shapes
        left join identity_phones_parsed as parsed
            on shapes.e164 is null and shapes.phone = parsed.phone
            and shapes.country is not distinct from parsed.country"""
    )
    con.unregister("identity_phones_parsed")
    con.execute("drop table identity_phone_shapes")
    return "identity_phone_forms"


def _parse(raw: str, country: str | None, digits: str) -> str | None:
    """Return E.164 when the number is possible in its country.

    Possible, not assigned: ranges are opened faster than lists of them are updated, and an
    unassigned number written by two records is still evidence.
    """
    import phonenumbers

    for text in (raw, digits):
        try:
            number = phonenumbers.parse(text, country)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_possible_number(number):
            return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    return None
