"""Small pieces of SQL that several identity modules share.

Belongs here: text expressions and helpers that know nothing about identity columns. Does not
belong here: anything that decides what is evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import duckdb
import pyarrow as pa

# Letters that strip_accents leaves alone. Afterwards the ways of writing one sound without its
# letter fall together: Søren = Soeren = Soren, Kjær = Kjaer, Håkan = Haakan, Müller = Mueller.
_LETTERS = (("æ", "ae"), ("œ", "oe"), ("ß", "ss"), ("þ", "th"), ("ĳ", "ij"))
_DIGRAPHS = (("ae", "a"), ("oe", "o"), ("aa", "a"), ("ue", "u"))


def folded(expression: str, *, keep_digits: bool = True) -> str:
    """Return SQL for a text without case, accents, punctuation and spelling habits.

    Anything that is not a letter (or digit) of some script becomes one space; empty becomes null.
    """
    text = f"lower({expression})"
    for letter, plain in _LETTERS:
        text = f"replace({text}, '{letter}', '{plain}')"
    text = f"translate(strip_accents({text}), 'øłđðıħŧ', 'olddiht')"
    for letters, plain in _DIGRAPHS:
        text = f"replace({text}, '{letters}', '{plain}')"
    kept = r"\p{L}\p{N}" if keep_digits else r"\p{L}"
    # A question mark inside a word stands for a letter that somebody's encoding lost.
    text = f"regexp_replace({text}, '(\\p{{L}})[?\ufffd]+(\\p{{L}})', '\\1\\2', 'g')"
    text = f"replace(replace({text}, '''', ''), '’', '')"
    return f"nullif(trim(regexp_replace({text}, '[^{kept}]+', ' ', 'g')), '')"


def rows(con: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    """Run a query and return all rows: an open result would break the next statement."""
    return con.sql(query).fetchall()


def number(con: duckdb.DuckDBPyConnection, query: str) -> int:
    """Return the one integer a query gives (null counts as 0)."""
    return int(rows(con, query)[0][0] or 0)


def threads_of(con: duckdb.DuckDBPyConnection) -> int:
    """Return how many threads the engine may use: what runs beside it keeps to the same."""
    return number(con, "select current_setting('threads')")


def drop(con: duckdb.DuckDBPyConnection, tables: Iterable[str]) -> None:
    """Drop temporary tables that are no longer needed."""
    for table in tables:
        con.execute(f"drop table if exists {table}")


@contextmanager
def shown(con: duckdb.DuckDBPyConnection, name: str, columns: Mapping[str, Any]) -> Iterator[None]:
    """Show arrays to the engine as a relation of this name, one column each."""
    con.register(name, pa.table(dict(columns)))
    try:
        yield
    finally:
        con.unregister(name)
