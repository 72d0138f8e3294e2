"""Small identity inputs, checkable by eye, on a sealed connection."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa

from cdp_pipeline.explain.scoring import Scorer
from cdp_pipeline.identity import (
    IdentityColumns,
    LinkageModel,
    assign_ids,
    constrain,
    link,
    load_identity_columns,
    shared_identifiers,
    standardise,
    train,
)
from cdp_pipeline.identity.exact import ExactRule
from cdp_pipeline.ingest.decisions import pairs_table, read_texts

Row = dict[str, Any]

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
create table previous.identity_map (source varchar, record_id varchar, customer_id varchar);
create table previous.customer_aliases (
    alias_customer_id varchar, customer_id varchar, since_on date, cause varchar);
create table previous.customer_history (
    event_no bigint, event varchar, customer_id varchar, other_customer_id varchar,
    happened_on date, cause varchar, record_count bigint);
create table previous.merged_records (
    event_no bigint, source varchar, record_id varchar, customer_id varchar);
create table previous.model_cards (model_name varchar, model_version varchar);
create table identity.linkage_model (model_name varchar, model_version varchar);
create table identity.record_pairs (
    left_record_no integer, right_record_no integer, how varchar, match_weight double,
    probability double);
create table identity.decided_pairs (
    decision_id varchar, decision varchar, left_record_no integer, right_record_no integer,
    is_obeyed boolean, by_id varchar);
create table sources.steward_decisions (
    decision_id varchar, decision varchar, source varchar, record_id varchar,
    other_source varchar, other_record_id varchar, decided_by varchar, decided_at timestamp,
    why varchar, valid_from date, valid_until date, overrides boolean, withdrawal_id varchar,
    withdrawn_at timestamp, withdrawn_why varchar);
create table sources.run_clock as
select date '2026-06-30' as as_of_on, 'Europe/Stockholm' as time_zone, 'SEK' as home_currency,
    'SE' as home_country;
"""


def world(rows: Sequence[Row], *, threads: int = 1) -> duckdb.DuckDBPyConnection:
    """Return a sealed connection with these customer records in staging."""
    con = duckdb.connect()
    con.execute(f"set threads = {threads}")
    con.execute(_TABLES)
    _deliver(con, rows)
    con.execute("set enable_external_access = false")
    con.execute("set lock_configuration = true")
    return con


def _deliver(con: duckdb.DuckDBPyConnection, rows: Sequence[Row]) -> None:
    full = [
        {"source": "crm", "record_id": str(number), "kind": "person", **row}
        for number, row in enumerate(rows)
    ]
    if not full:
        return
    names = list(dict.fromkeys(name for row in full for name in row))
    texts = [[None if r.get(n) is None else str(r[n]) for r in full] for n in names]
    con.register(
        "given",
        pa.table({n: pa.array(t, pa.string()) for n, t in zip(names, texts, strict=True)}),
    )
    con.execute("insert into staging.customer_records by name from given")
    con.unregister("given")


def redeliver(con: duckdb.DuckDBPyConnection, rows: Sequence[Row]) -> None:
    """Deliver other customer records in place of those before."""
    con.execute("delete from staging.customer_records")
    _deliver(con, rows)


def keep(con: duckdb.DuckDBPyConnection, made: dict[str, str]) -> None:
    """Materialise what a step returned, as the writer would."""
    for table, select in made.items():
        con.execute(f"create or replace table {table} as {select}")


def standardised(rows: Sequence[Row], columns: IdentityColumns | None = None) -> list[Row]:
    """Return the standardised records of these rows, in record order."""
    con = world(rows)
    keep(con, standardise(con, columns or load_identity_columns()))
    table = con.sql("select * from identity.standardised_records order by record_no")
    return [dict(zip(table.columns, row, strict=True)) for row in table.fetchall()]


def linked(
    con: duckdb.DuckDBPyConnection,
    columns: IdentityColumns | None = None,
    model: LinkageModel | None = None,
    *texts: str,
) -> LinkageModel:
    """Run standardising, training (unless a model is given), linking and what was decided."""
    columns = columns or load_identity_columns()
    keep(con, standardise(con, columns))
    keep(con, shared_identifiers(con, columns))
    model = model or train(con, columns, seed=7)
    made = link(con, model, columns)
    made["identity.linked_clusters"] = made.pop("identity.record_clusters")
    keep(con, made)
    decide(con, model, columns, (), *texts)
    return model


def decide(
    con: duckdb.DuckDBPyConnection,
    model: LinkageModel,
    columns: IdentityColumns | None = None,
    clean: Sequence[str] = (),
    *texts: str,
) -> None:
    """Lay decisions, given as texts of CSV files, over what linking found."""
    columns = columns or load_identity_columns()
    read = read_texts([(f"{n}.csv", text.encode()) for n, text in enumerate(texts)])
    con.register("decided", pairs_table(read.pairs))
    con.execute("create or replace table sources.steward_decisions as select * from decided")
    con.unregister("decided")

    def weigh(pairs: Sequence[tuple[int, int]]) -> Sequence[float]:
        records = {record for pair in pairs for record in pair}
        return list(Scorer(con, model, columns, records).weigh(pairs).odds)

    keep(
        con,
        constrain(
            con,
            columns,
            threshold=model.threshold,
            rules=[ExactRule(tuple(c)).name for c in model.exact],
            clean_sources=clean,
            weigh=weigh,
        ),
    )


def together(con: duckdb.DuckDBPyConnection) -> set[frozenset[tuple[str, str]]]:
    """Return the clusters as sets of (source, record_id)."""
    rows = con.sql(
        """select c.cluster_no, r.source, r.record_id from identity.record_clusters as c
        inner join identity.standardised_records as r using (record_no)"""
    ).fetchall()
    clusters: dict[int, set[tuple[str, str]]] = {}
    for cluster, source, record in rows:
        clusters.setdefault(cluster, set()).add((source, record))
    return {frozenset(members) for members in clusters.values()}


def publish(con: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], str]:
    """Assign ids, make the result the previous release, and return the map."""
    keep(con, assign_ids(con))
    for table in ("identity_map", "customer_aliases", "customer_history", "merged_records"):
        columns = ", ".join(con.table(f"previous.{table}").columns)
        con.execute(f"delete from previous.{table}")
        con.execute(f"insert into previous.{table} select {columns} from identity.{table}")
    found = con.sql("select source, record_id, customer_id from identity.identity_map").fetchall()
    return {(source, record): customer for source, record, customer in found}


GIVEN = """
Anna Erik Lars Maria Karin Johan Sofia Nils Emma Olof Ingrid Per Sara Gustav Elin Axel Maja Oskar
Ebba Hugo Alva Viktor Klara Anton Signe
""".split()  # noqa: SIM905
FAMILY = """
Andersson Berg Lind Nyström Åkesson Östlund Sandberg Wallin Ek Holm Sjögren Hedlund Norberg Strand
Forsberg Dahl Lundin Engström Björk Öberg
""".split()  # noqa: SIM905
STREETS = ["Storgatan", "Kyrkvägen", "Ringvägen", "Skolgatan", "Parkvägen", "Björkstigen"]
TOWNS = [("11122", "Stockholm"), ("41101", "Göteborg"), ("21120", "Malmö"), ("75310", "Uppsala")]


def town(people: int, seed: int = 1) -> list[Row]:
    """Return about two records per person, with slips, for people of known truth.

    ``record_id`` starts with the person's number.
    """
    dice = random.Random(seed)
    rows: list[Row] = []
    for person in range(people):
        given, family = dice.choice(GIVEN), dice.choice(FAMILY)
        postcode, city = dice.choice(TOWNS)
        base: Row = {
            "given_name": given,
            "family_name": family,
            "email": f"{given}.{family}{dice.randrange(1000)}@mejl.example".lower(),
            "phone": f"070{dice.randrange(10**7):07d}",
            "street": f"{dice.choice(STREETS)} {dice.randrange(1, 90)}",
            "postcode": postcode,
            "city": city,
            "birth_on": f"{dice.randrange(1940, 2005)}-{dice.randrange(1, 13):02d}"
            f"-{dice.randrange(1, 29):02d}",
        }
        for copy in range(dice.choice((1, 2, 2, 3))):
            row = {k: v for k, v in base.items() if k == "given_name" or dice.random() < 0.8}
            if dice.random() < 0.1 and len(family) > 4:
                row["family_name"] = family[:2] + family[3] + family[2] + family[4:]
            rows.append({"source": f"s{copy}", "record_id": f"{person}-{copy}", **row})
    return rows
