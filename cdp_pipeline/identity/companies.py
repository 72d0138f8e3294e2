"""Companies of a register in the form in which they are compared.

Belongs here: one form of a register's names and organisation numbers, wrong numbers nulled. Does
not belong here: company records among customers (``standardise``), and which records are one
company, which owns which, and who answers for it: those are SQL (``company_records``,
``companies``, ``company_contacts``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdp_pipeline.identity.checksums import national_number_form, organisation_number_is_wrong
from cdp_pipeline.identity.sql import folded
from cdp_pipeline.identity.standardise import _LEGAL_FORMS

if TYPE_CHECKING:
    import duckdb


def standardise_companies(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Make the standardised form of each row of a company register.

    Reads ``staging.companies`` and ``sources.run_clock``.

    Returns
    -------
    dict
        ``identity.standardised_companies``: one row per company record of a register. A number
        that fails its country's checksum is null; a parent's number is judged by the country of
        the record, and kept as written where it may be of another country.
    """
    country = "coalesce(nullif(upper(trim(c.country)), ''), k.home_country)"
    con.execute(
        f"""create or replace temp table identity_register as
        select c.source, c.company_record_id, {country} as country,
            {folded("c.company_name")} as name,
            {national_number_form("trim(c.organisation_number)", country)} as number,
            {national_number_form("trim(c.parent_organisation_number)", country)} as parent
        from staging.companies as c cross join sources.run_clock as k"""
    )
    return {"identity.standardised_companies": _REGISTER}


_REGISTER = f"""
select source, company_record_id, country,
    nullif(trim(regexp_replace(name, '\\b({_LEGAL_FORMS})\\b', '', 'g')), '') as company_name,
    case when {organisation_number_is_wrong("number", "country")} then null else number end
        as organisation_number,
    parent as parent_organisation_number
from identity_register"""
