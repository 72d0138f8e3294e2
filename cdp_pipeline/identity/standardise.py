"""Standardised identity columns: the form in which two records are compared.

Belongs here: one form per e-mail, number, name, address and date, invalid values nulled with a
reason. Does not belong here: whether a value is shared by too many (``shared``) or how much its
agreement is worth (``train``). What a source delivered stays in ``staging.customer_records``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdp_pipeline.identity.checksums import (
    national_id_is_wrong,
    national_number_form,
    organisation_number_is_wrong,
)
from cdp_pipeline.identity.names import name_parts, nickname_table
from cdp_pipeline.identity.phones import phone_forms
from cdp_pipeline.identity.sql import drop, folded

if TYPE_CHECKING:
    import duckdb

    from cdp_pipeline.identity.columns import IdentityColumn, IdentityColumns

# Providers that ignore dots before the @ sign, with the names they also answer to.
_DOTLESS = "'gmail.com', 'googlemail.com'"
# The date that forms and migrations put where none is known.
_PLACEHOLDER_DATE = "date '1900-01-01'"

_EMAIL_USER = (
    f"case when split_part(email_text, '@', 2) in ({_DOTLESS})"
    " then replace(split_part(split_part(email_text, '@', 1), '+', 1), '.', '')"
    " else split_part(split_part(email_text, '@', 1), '+', 1) end"
)
_EMAIL_DOMAIN = (
    "case split_part(email_text, '@', 2) when 'googlemail.com' then 'gmail.com'"
    " else split_part(email_text, '@', 2) end"
)

_LEGAL_FORMS = (
    "ab|publ|as|a s|aps|oy|oyj|asa|hb|kb|ks|gmbh|ag|ltd|limited|inc|llc|plc|bv|nv|sa|sarl"
)


def standardise(con: duckdb.DuckDBPyConnection, columns: IdentityColumns) -> dict[str, str]:
    """Make the standardised tables.

    Reads ``staging.customer_records``, ``staging.customer_attributes`` and ``sources.run_clock``.

    Returns
    -------
    dict
        ``identity.standardised_records`` (one row per record), ``identity.standardised_attributes``
        (one row per record and declared attribute) and ``identity.rejected_identifiers`` (one row
        per value that was nulled, with the reason and without the value).
    """
    _number_records(con)
    towns = _folded_towns(con)
    names = name_parts(con, "identity_numbered", nickname_table(columns.nicknames))
    phones = phone_forms(
        con,
        "select distinct phone, home_country as country from identity_numbered"
        " where phone is not null",
    )
    addresses = _address_forms(con)
    _identifiers(con)
    _assemble(con, names, phones, addresses, towns)
    _attributes(con, columns)
    drop(con, [names, phones, addresses, towns, "identity_identifiers", "identity_numbered"])
    return {
        "identity.standardised_records": _RECORDS,
        "identity.standardised_attributes": "select * from identity_attribute_values",
        "identity.rejected_identifiers": _REJECTED,
    }


def _number_records(con: duckdb.DuckDBPyConnection) -> None:
    """Give each record an integer by sorted key: the same for any row order of a delivery."""
    con.execute(
        """create or replace temp table identity_numbered as
        select
            cast(row_number() over (order by source, record_id) - 1 as integer) as record_no,
            records.source, records.record_id,
            coalesce(records.kind, 'person') as kind,
            nullif(trim(records.given_name), '') as given_name,
            nullif(trim(records.family_name), '') as family_name,
            nullif(trim(records.full_name), '') as full_name,
            nullif(trim(records.email), '') as email,
            nullif(trim(records.phone), '') as phone,
            nullif(trim(records.street), '') as street,
            nullif(trim(records.postcode), '') as postcode,
            nullif(trim(records.city), '') as city,
            nullif(trim(records.national_id), '') as national_id,
            nullif(trim(records.organisation_number), '') as organisation_number,
            nullif(trim(records.company_name), '') as company_name,
            nullif(trim(records.loyalty_id), '') as loyalty_id,
            nullif(trim(records.gender), '') as gender,
            nullif(upper(trim(records.country)), '') as country,
            coalesce(nullif(upper(trim(records.country)), ''), clock.home_country) as home_country,
            records.birth_on, records.trust, records.created_at, clock.as_of_on
        from staging.customer_records as records
        cross join sources.run_clock as clock"""
    )


def _address_forms(con: duckdb.DuckDBPyConnection) -> str:
    """Split each distinct street line into street, house number and the rest.

    "Storgatan 12 B, lgh 1101" and "12 Main Street": the number stands after or before the street.
    """
    con.execute(
        f"""create or replace temp table identity_address_forms as
        with lines as (
            select line, {folded("split_part(line, ',', 1)")} as text
            from (select distinct street as line from identity_numbered where street is not null)
        ),
        numbers as (
            select line, text,
                regexp_extract(text, '^(\\d+ ?[a-z]?) (\\p{{L}}.*)$', ['number', 'street'])
                    as before,
                regexp_extract(text, '^(.*?\\p{{L}}.*?) (\\d+)( ?[a-z])?\\b.*$',
                    ['street', 'number', 'letter']) as after
            from lines
        )
        select line, text,
            case when after.number <> '' then after.street
                 when before.number <> '' then before.street else text end as street,
            nullif(case when after.number <> ''
                then after.number || coalesce(trim(after.letter), '')
                else replace(before.number, ' ', '') end, '') as house_number
        from numbers"""
    )
    return "identity_address_forms"


def _folded_towns(con: duckdb.DuckDBPyConnection) -> str:
    """Fold each distinct town once."""
    con.execute(
        f"""create or replace temp table identity_towns as
        select city, {folded("city")} as folded
        from (select distinct city from identity_numbered where city is not null)"""
    )
    return "identity_towns"


def _identifiers(con: duckdb.DuckDBPyConnection) -> None:
    """Write numbers issued by somebody in one way, and see which are proven wrong."""
    con.execute(
        f"""create or replace temp table identity_identifiers as
        with forms as (
            select distinct home_country, organisation_number, national_id,
                {national_number_form("organisation_number", "home_country")} as organisation,
                {national_number_form("national_id", "home_country")} as person
            from identity_numbered
            where organisation_number is not null or national_id is not null
        )
        select *,
            {organisation_number_is_wrong("organisation", "home_country")} as organisation_wrong,
            {national_id_is_wrong("person", "home_country")} as person_wrong
        from forms"""
    )


def _assemble(
    con: duckdb.DuckDBPyConnection, names: str, phones: str, addresses: str, towns: str
) -> None:
    """Join the standardised parts of each record, keeping beside each why a value was refused."""
    email = "nullif(regexp_replace(lower(r.email), '^mailto:|[<>\\s]', '', 'g'), '')"
    con.execute(
        f"""create or replace temp table identity_standard as
        with parts as (
            select r.* exclude (given_name, family_name, organisation_number, national_id),
                {email} as email_text,
                n.given_name, n.family_name, n.middle_names, n.given_name_root,
                n.given_name_forms, n.is_turned_round,
                p.e164,
                a.street as street_folded, a.house_number, t.folded as town,
                i.organisation as organisation_number, i.organisation_wrong,
                i.person as national_id, i.person_wrong,
                r.organisation_number is not null as had_organisation_number,
                r.national_id is not null as had_national_id
            from identity_numbered as r
            left join {names} as n on r.record_no = n.record_no
            left join {phones} as p
                on r.phone = p.phone and r.home_country is not distinct from p.country
            left join {addresses} as a on r.street = a.line
            left join {towns} as t on r.city = t.city
            left join identity_identifiers as i
                on (r.organisation_number is not null or r.national_id is not null)
                and r.organisation_number is not distinct from i.organisation_number
                and r.national_id is not distinct from i.national_id
                and r.home_country is not distinct from i.home_country
        )
        select *,
            regexp_full_match(email_text, '[^@]+@[^@]+\\.[^@.]+') as email_valid,
            birth_on = {_PLACEHOLDER_DATE} as birth_placeholder,
            birth_on > as_of_on as birth_future,
            {_EMAIL_USER} as email_user,
            {_EMAIL_DOMAIN} as email_domain
        from parts"""
    )


_RECORDS = f"""
select
    record_no, source, record_id, kind,
    given_name, given_name_root, given_name_forms, family_name, middle_names,
    coalesce(is_turned_round, false) as is_name_turned_round,
    case when birth_placeholder or birth_future then null else birth_on end as birth_on,
    lower(gender) as gender,
    case when email_valid then email_text end as email,
    case when email_valid then concat(email_user, '@', email_domain) end as email_base,
    e164 as phone,
    street_folded || coalesce(' ' || house_number, '') as address,
    street_folded as street,
    house_number,
    nullif(regexp_replace(upper(postcode), '[^\\p{{L}}\\p{{N}}]', '', 'g'), '') as postcode,
    town as city,
    country,
    case when person_wrong then null else national_id end as national_id,
    nullif(regexp_replace(upper(loyalty_id), '[^\\p{{L}}\\p{{N}}]', '', 'g'), '') as loyalty_id,
    case when organisation_wrong then null else organisation_number end as organisation_number,
    nullif(trim(regexp_replace({folded("company_name")}, '\\b({_LEGAL_FORMS})\\b', '', 'g')), '')
        as company_name,
    trust,
    created_at
from identity_standard"""

_REJECTED = """
select source, record_id, unnest(reasons).identity_column as identity_column,
    unnest(reasons).reason as reason
from (
    select source, record_id, list_filter([
        {identity_column: 'email', reason: case when not email_valid
            then 'not an e-mail address' end},
        {identity_column: 'phone', reason: case when phone is not null and e164 is null
            then 'not a possible number in its country' end},
        {identity_column: 'birth_on', reason: case
            when birth_placeholder then 'the date that stands for unknown'
            when birth_future then 'in the future' end},
        {identity_column: 'organisation_number', reason: case when organisation_wrong
            then 'fails its country''s checksum' end},
        {identity_column: 'national_id', reason: case when person_wrong
            then 'fails its country''s checksum' end}
    ], lambda entry: entry.reason is not null) as reasons
    from identity_standard
)"""


def _attributes(con: duckdb.DuckDBPyConnection, columns: IdentityColumns) -> None:
    """Standardise the declared columns that travel as attributes, by their kind."""
    queries = [
        f"""select n.record_no, '{name}' as identity_column, {_form_of(column)} as value
        from staging.customer_attributes as a
        inner join identity_numbered as n using (source, record_id)
        where a.attribute = '{name}'"""
        for name, column in sorted(columns.attributes.items())
    ] or [
        "select 0::integer as record_no, ''::varchar as identity_column, ''::varchar as value"
        " where false"
    ]
    con.execute(
        "create or replace temp table identity_attribute_values as select * from ("
        + " union all ".join(queries)
        + ") where value is not null order by record_no, identity_column"
    )


def _form_of(column: IdentityColumn) -> str:
    """Return SQL for the standardised text of an attribute value of this kind."""
    if column.kind in ("identifier", "phone", "postcode"):
        return "nullif(regexp_replace(upper(a.value), '[^\\p{L}\\p{N}]', '', 'g'), '')"
    if column.kind == "email":
        return "nullif(lower(trim(a.value)), '')"
    if column.kind == "date":
        return "cast(try_cast(trim(a.value) as date) as varchar)"
    return folded("a.value")
