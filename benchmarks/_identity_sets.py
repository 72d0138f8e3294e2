"""The labelled sets of the identity benchmark, brought into `staging.customer_records`.

Belongs here: where a set's records, extra columns and truth are, and nothing else: no threshold, no
rule, no setting. Every set is linked by the same functions at the same settings; what differs is
which columns it has, and that is declared here as a home would in ``identity_columns.yml``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import yaml

from cdp_pipeline.identity import IdentityColumn

ROOT = Path(__file__).resolve().parents[1]

# The identity layer's inputs, as the staging layer makes them.
_TABLES = """
create schema staging; create schema sources; create schema identity; create schema previous;
create table staging.customer_records (
    source varchar, record_id varchar, kind varchar, given_name varchar, family_name varchar,
    full_name varchar, email varchar, phone varchar, street varchar, postcode varchar, city varchar,
    region varchar, country varchar, birth_on date, gender varchar, national_id varchar,
    organisation_number varchar, company_name varchar, loyalty_id varchar, language varchar,
    is_prospect boolean, is_deceased boolean, has_protected_identity boolean, trust integer,
    created_at timestamp, updated_at timestamp);
create table staging.customer_attributes (
    source varchar, record_id varchar, attribute varchar, value varchar, updated_at timestamp);
create table truth (source varchar, record_id varchar, person varchar, household varchar);
create table previous.identity_map (source varchar, record_id varchar, customer_id varchar);
create table previous.customer_aliases (
    alias_customer_id varchar, customer_id varchar, since_on date, cause varchar);
create table previous.customer_history (
    event_no bigint, event varchar, customer_id varchar, other_customer_id varchar,
    happened_on date, cause varchar, record_count bigint);
"""


@dataclass(frozen=True)
class LabelledSet:
    """Records with known truth.

    Attributes
    ----------
    home_country
        What the home would have set.
    load
        Fills staging and ``truth`` from the set's folder.
    columns
        Declared columns beyond the package's own.
    """

    home_country: str
    load: Callable[[duckdb.DuckDBPyConnection, Path], None]
    columns: dict[str, IdentityColumn] = field(default_factory=dict)


def open_set(
    chosen: LabelledSet,
    folder: Path,
    threads: int = 2,
    prepare: Callable[[duckdb.DuckDBPyConnection], None] | None = None,
) -> duckdb.DuckDBPyConnection:
    """Return a connection that holds the set as the identity layer reads it, sealed.

    ``prepare`` may change what is staged before it is sealed.
    """
    con = duckdb.connect()
    con.execute(f"set threads = {threads}")
    con.execute(_TABLES)
    con.execute(
        "create table sources.run_clock as select date '2026-06-30' as as_of_on,"
        " 'Europe/Stockholm' as time_zone, 'SEK' as home_currency,"
        f" '{chosen.home_country}' as home_country"
    )
    chosen.load(con, folder)
    if prepare is not None:
        prepare(con)
    con.execute("set enable_external_access = false")
    con.execute("set lock_configuration = true")
    return con


def folder_of(name: str) -> Path:
    """Return the folder of a data set."""
    folder = {"contoso": "contoso_customer_insights"}.get(name, name)
    return Path(os.environ["CDP_DATASETS"]) / folder


def _attributes(con: duckdb.DuckDBPyConnection, source: str, key: str, names: list[str]) -> None:
    for name in names:
        con.execute(
            f"""insert into staging.customer_attributes by name
            select '{source}' as source, {key} as record_id, '{name}' as attribute,
                trim({name}) as value
            from delivered where trim({name}) <> ''"""
        )


def _historical(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    con.execute(
        "create temp table delivered as from"
        f" read_parquet('{folder / 'historical_figures_with_errors_50k.parquet'}')"
    )
    con.execute(
        """insert into staging.customer_records by name
        select 'register' as source, unique_id as record_id, first_name as given_name,
            surname as family_name, full_name, try_cast(dob as date) as birth_on,
            postcode_fake as postcode, gender
        from delivered"""
    )
    _attributes(con, "register", "unique_id", ["birth_place", "occupation"])
    con.execute("insert into truth by name select 'register' as source, unique_id as record_id,"
                " cluster as person from delivered")  # fmt: skip


def _febrl3(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    con.execute(
        f"create temp table delivered as from read_csv('{folder / 'dataset3.csv'}',"
        " all_varchar = true)"
    )
    con.execute(
        """insert into staging.customer_records by name
        select 'register' as source, rec_id as record_id, given_name, surname as family_name,
            concat_ws(' ', trim(street_number), trim(address_1)) as street, suburb as city,
            postcode, try_strptime(trim(date_of_birth), '%Y%m%d')::date as birth_on
        from delivered"""
    )
    _attributes(con, "register", "rec_id", ["address_2", "state", "soc_sec_id"])
    con.execute("insert into truth by name select 'register' as source, rec_id as record_id,"
                " split_part(rec_id, '-', 2) as person from delivered")  # fmt: skip


def _fake_1000(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    con.execute(
        f"create temp table delivered as from read_csv('{folder / 'fake_1000.csv'}',"
        " all_varchar = true)"
    )
    con.execute(
        """insert into staging.customer_records by name
        select 'register' as source, unique_id as record_id, first_name as given_name,
            surname as family_name, try_cast(dob as date) as birth_on, city, email
        from delivered"""
    )
    con.execute("insert into truth by name select 'register' as source, unique_id as record_id,"
                " cluster as person from delivered")  # fmt: skip


def _contoso(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    formats = "['%m/%d/%Y', '%Y-%m-%d']"
    for source, file, key in (
        ("webshop", "ecommerce_contacts.csv", "ContactId"),
        ("pos", "loyalty_customers.csv", "LoyaltyId"),
    ):
        con.execute(
            f"create or replace temp table delivered as from read_csv('{folder / file}',"
            " all_varchar = true)"
        )
        address = ", PostCode as postcode, StreetAddress as street, City as city"
        con.execute(
            f"""insert into staging.customer_records by name
            select '{source}' as source, {key} as record_id, FirstName as given_name,
                LastName as family_name, FullName as full_name, Gender as gender, EMail as email,
                Telephone as phone, try_strptime(DateOfBirth, {formats})::date as birth_on,
                try_strptime(CreatedOn, {formats}) as created_at
                {address if source == "webshop" else ""}
            from delivered"""
        )
        con.execute(f"insert into truth by name select '{source}' as source, {key} as record_id,"
                    " ContactId as person from delivered")  # fmt: skip


def _demo(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Stage the demo company's exports by its own contracts and staging SQL."""
    for system, table in (("crm", "contacts"), ("pos", "members"), ("webshop", "users")):
        document = yaml.safe_load(
            (ROOT / "dbt_like_sql" / "sources" / f"{system}.yml").read_text(encoding="utf-8")
        )
        contract = document["tables"][table]
        columns = ", ".join(
            f"{_typed(name, column)} as {name}" for name, column in contract["columns"].items()
        )
        con.execute(
            f"""create table sources.{system}_{table} as select {columns}
            from read_csv('{folder / "landing" / contract["files"]}', all_varchar = true,
                delim = '{contract.get("delimiter", ",")}', header = true, quote = '"',
                encoding = '{contract.get("encoding", "utf-8")}', ignore_errors = true)"""
        )
        staged = (
            ROOT / "dbt_like_sql" / "staging" / "customer_records" / f"{system}.sql"
        ).read_text(encoding="utf-8")
        con.execute(f"create or replace temp table delivered as {staged}")
        known = {c[0] for c in con.execute("describe staging.customer_records").fetchall()}
        kept = [c[0] for c in con.execute("describe delivered").fetchall() if c[0] in known]
        con.execute(
            f"""insert into staging.customer_records by name select {", ".join(kept)} from delivered
            where source is not null and record_id is not null
            qualify row_number() over (partition by record_id order by updated_at desc) = 1"""
        )
    con.execute(
        f"""insert into truth by name
        select source, record_id, person_id as person, household_id as household
        from read_parquet('{folder / "truth" / "records.parquet"}')"""
    )


def _typed(name: str, column: dict[str, object]) -> str:
    """Return SQL for one contract column; a value that does not parse is null."""
    raw = '"' + str(column.get("name_in_file", name)) + '"'
    text = f"nullif(trim({raw}), '')"
    kind = str(column["type"])
    if kind == "boolean":
        return f"{text} in ('J', 'true', '1', 'Y')"
    if kind in ("date", "timestamp"):
        formats = column.get("format", "%Y-%m-%d")
        listed = formats if isinstance(formats, list) else [formats]
        return f"try_cast(try_strptime({text}, {listed!r}) as {kind})"
    if re.match("text", kind):
        return text
    return f"try_cast(replace({text}, ',', '.') as {kind})"


SETS: dict[str, LabelledSet] = {
    "historical_50k": LabelledSet(
        "GB",
        _historical,
        {
            "birth_place": IdentityColumn(kind="text"),
            "occupation": IdentityColumn(kind="category", exactness="loose"),
        },
    ),
    "febrl3": LabelledSet(
        "AU",
        _febrl3,
        {
            "address_2": IdentityColumn(kind="text"),
            "state": IdentityColumn(kind="category"),
            "soc_sec_id": IdentityColumn(kind="identifier", shared_by="nobody", per_person="one"),
        },
    ),
    "fake_1000": LabelledSet("GB", _fake_1000),
    "contoso": LabelledSet("US", _contoso),
    "demo": LabelledSet("SE", _demo),
}
