"""Values that too many different people hold: they stop deciding alone.

Belongs here: a shop's own telephone number, ``test@test.se``, the address of a care home, found
from the data. Does not belong here: weighing a value by its frequency (``train`` does, for every
value): a shared value is still weak evidence.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from cdp_pipeline.identity.sql import rows

if TYPE_CHECKING:
    import duckdb

    from cdp_pipeline.identity.columns import IdentityColumn, IdentityColumns

# The share of a column's values that may be shared by more than is usual.
TAIL = 0.01
# A birth date of so many times as many names as the most usual days have is a form's default, or
# some other day that says little.
FILLED_IN = 3.0
# How many different names a value of each kind is expected to have at least before it is suspect.
_PEOPLE = {"nobody": 2, "household": 4}


def shared_identifiers(con: duckdb.DuckDBPyConnection, columns: IdentityColumns) -> dict[str, str]:
    """Find values of identifying columns that too many different names share.

    Reads ``identity.standardised_records`` and ``identity.standardised_attributes``. How many
    names are too many follows from the data: what is usual for the column, at least what the
    declared sharing allows, and more among more values.

    Returns
    -------
    dict
        ``identity.shared_identifiers``: one row per value, with what it would have glued together.
    """
    queries = [
        _suspects(con, name, column, name in columns.attributes)
        for name, column in sorted(columns.columns.items())
        if column.shared_by in _PEOPLE or _is_birth_date(column)
    ]
    union = " union all ".join(queries) or _NONE
    con.execute(f"create or replace temp table identity_shared as {union}")
    return {"identity.shared_identifiers": "select * from identity_shared"}


_NONE = """select ''::varchar as identity_column, ''::varchar as value, 0::bigint as name_count,
    0::bigint as record_count, 0::bigint as threshold where false"""


def _is_birth_date(column: IdentityColumn) -> bool:
    """Return whether a column is a day that everybody has one of, and many share by chance."""
    return column.kind == "date" and column.per_person == "one"


def _suspects(
    con: duckdb.DuckDBPyConnection, name: str, column: IdentityColumn, is_attribute: bool
) -> str:
    """Return a SELECT of the shared values of one column."""
    if is_attribute:
        source = (
            "identity.standardised_attributes as a"
            " inner join identity.standardised_records as r using (record_no)"
        )
        value, only = "a.value", f"a.identity_column = '{name}'"
    else:
        source = "identity.standardised_records as r"
        value = "r.email_base" if name == "email" else f"r.{name}"
        only = f"{value} is not null"
    if column.applies_to != "all":
        only += f" and r.kind = '{column.applies_to}'"
    # Different people: initials of given and family name, so that slips and pet forms of one
    # person's name do not look like several people.
    person = (
        "case when r.kind = 'company' then left(r.company_name, 3)"
        " else least(left(r.given_name, 1), left(r.family_name, 1))"
        " || greatest(left(r.given_name, 1), left(r.family_name, 1)) end"
    )
    # Names are counted for what three records or more hold: fewer are below any threshold.
    con.execute(
        f"""create or replace temp table identity_counted_{name} as
        with held as (
            select {value} as value, count(*) as record_count from {source} where {only} group by 1
        ),
        named as (
            select {value} as value, count(distinct {person}) as name_count
            from {source} inner join (from held where record_count > 2) as many
                on {value} = many.value
            where {only} group by 1
        )
        select cast(held.value as varchar) as value, coalesce(named.name_count, 0) as name_count,
            held.record_count
        from held left join named using (value)"""
    )
    counted = f"from identity_counted_{name}"
    usual, values = rows(
        con, f"select coalesce(quantile_disc(name_count, {1 - TAIL}), 0), count(*) from ({counted})"
    )[0]
    if _is_birth_date(column):
        threshold = int(max(int(usual), _PEOPLE["household"]) * FILLED_IN)
    else:
        # Among ten times as many values chance alone puts one more name on the most shared of them.
        threshold = max(int(usual), _PEOPLE[column.shared_by]) + int(math.log10(max(values, 1)))
    return (
        f"select '{name}' as identity_column, value, name_count, record_count,"
        f" {threshold}::bigint as threshold from ({counted}) where name_count > {threshold}"
    )
