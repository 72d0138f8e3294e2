"""Figures about identity that are worth seeing, without a personal value among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdp_pipeline.identity.sql import rows

if TYPE_CHECKING:
    import duckdb


def identity_figures(
    con: duckdb.DuckDBPyConnection, *, identity_map: str, record_pairs: str | None = None
) -> dict[str, float]:
    """Return counts and shares of an identity map.

    Parameters
    ----------
    identity_map, record_pairs
        Tables or parenthesised SELECTs with the columns of the tables of those names.
    """
    records, customers, matched, largest, sources = rows(
        con,
        f"""select coalesce(sum(n), 0), count(*), coalesce(sum(n) filter (n > 1), 0),
            coalesce(max(n), 0), count(*) filter (source_count > 1)
        from (select count(*) as n, count(distinct source) as source_count
            from {identity_map} as m group by customer_id)""",
    )[0]
    figures: dict[str, float] = {
        "records": int(records),
        "customers": int(customers),
        "matched_records_ratio": round(int(matched) / int(records), 6) if records else 0.0,
        "customers_in_several_sources": int(sources),
        "largest_customer_records": int(largest),
    }
    for how, count in rows(
        con, f"select how, count(*) from {identity_map} as m group by how order by how"
    ):
        figures[f"records: {how}"] = int(count)
    if record_pairs is not None:
        for how, count in rows(
            con, f"select how, count(*) from {record_pairs} as p group by how order by how"
        ):
            figures[f"pairs: {how}"] = int(count)
    return figures
