"""Which entity a table feeds, what its key is, and which tables belong together.

Belongs here: conclusions about whole tables: recognising entities, finding keys on whole files,
joins by contained values, deliveries of the same table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path

from cdp_pipeline.proposing.columns import ProposedColumn
from cdp_pipeline.proposing.formats import Numbers
from cdp_pipeline.proposing.reading import Sample
from cdp_pipeline.proposing.words import cut, table_words, vocabulary
from cdp_pipeline.warehouse.engine import Connection

CUSTOMER_IDS = ("customer_id", "member_id", "loyalty_id")
FACTS = frozenset(
    [
        "orders",
        "order_lines",
        "messages",
        "tickets",
        "surveys",
        "web_events",
        "consents",
        "carts",
        "offers",
        "product_usage",
    ]
)
_LEAST_SCORE = 2
_NEVER_ALONE = frozenset(
    {"description", "product_name", "given_name", "family_name", "street", "city", "page"}
)
_FEWEST_PARENTS = 20
_MOST_KEYS = 60
_ADOPTED = 0.95
_HEAD_OF_LINES = 0.8
_DATE_IN_NAME = re.compile(
    r"(?:19|20)\d{2}[-_.]?(?:0[1-9]|1[0-2])(?:[-_.]?[0-3]\d)?(?:[-_T]?\d{4,6})?"
)


@dataclass
class ProposedTable:
    """A table as proposed: its files, columns, key, and the entities it feeds."""

    files: list[Path]
    glob: str
    sample: Sample
    columns: list[ProposedColumn]
    signs: Numbers
    system: str = ""
    name: str = ""
    entity: str | None = None
    score: float = 0.0
    key: list[str] = field(default_factory=list)
    repeated: int = 0
    delivery: str = "snapshot"
    delivery_why: str = ""
    changed_at: str | None = None
    event_at: str | None = None
    deleted: tuple[str, str] | None = None
    buyers_of: ProposedTable | None = None
    """The table of customer records that its customer ids are found in."""
    contained: float = 0.0
    lines: ProposedTable | None = None
    """The table of lines that holds the amounts of these orders, which have none themselves."""
    feeds: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)

    @property
    def source(self) -> str:
        """Return its table in the layer of sources."""
        return f"sources.{self.system}_{self.name}"

    def column(self, *meanings: str) -> ProposedColumn | None:
        """Return the column of the first of these meanings that the table has."""
        for meaning in meanings:
            for column in self.columns:
                if column.meaning == meaning:
                    return column
        return None

    def has(self, *meanings: str) -> bool:
        """Return whether it has a column of one of these meanings."""
        return self.column(*meanings) is not None

    @property
    def customer(self) -> ProposedColumn | None:
        """Return the column that says which customer a fact is about."""
        return self.column(*CUSTOMER_IDS)


def pattern_of(path: Path) -> str:
    """Return a file's name with dates as ``*``, so that later deliveries are found.

    Examples
    --------
    >>> pattern_of(Path("orders_2026-01-31.csv")), pattern_of(Path("top_1000.csv"))
    ('orders_*.csv', 'top_1000.csv')
    """
    return _DATE_IN_NAME.sub("*", path.name)


def numbered_pattern(path: Path) -> str:
    """Return a file's name with every run of digits as ``*``."""
    return re.sub(r"\d+", "*", _DATE_IN_NAME.sub("*", path.name))


def recognise(table: ProposedTable, known: frozenset[str]) -> None:
    """Set the entity that a table's name and columns speak for most.

    Parameters
    ----------
    table : ProposedTable
    known : frozenset of str
        The entities there are.
    """
    said = table_words(_plain_stem(table.files[0]))
    best: tuple[float, str] | None = None
    for entity, spec in vocabulary().entities.items():
        if entity not in known:
            continue
        if not all(table.has(*alternatives) for alternatives in spec.needs):
            continue
        signs = [sign for sign in spec.signs if table.has(sign)]
        score = 2.0 * bool(said & spec.named) + len(signs) + _leaning(table, entity, said)
        if score >= _LEAST_SCORE and (best is None or score > best[0]):
            best = (score, entity)
    if best is not None:
        table.score, table.entity = best


def _leaning(table: ProposedTable, entity: str, said: frozenset[str]) -> float:
    """Return what speaks for or against an entity beyond the columns that are there."""
    customer = table.customer
    is_repeated = customer is not None and customer.sample.distinct < 0.7 * customer.sample.filled
    has_money = table.has("amount", "line_amount", "unit_price", "quantity")
    own_id = table.column("record_id")
    if entity == "customer_records":
        has_person = table.has(
            "email", "phone", "given_name", "family_name", "full_name", "birth_on"
        )
        if is_repeated and own_id is None:
            return -5.0
        if has_money and table.has("order_id", "product_id", "ordered_at"):
            return -4.0
        if table.has("product_id", "order_id", "ticket_id", "response_id", "sent_at"):
            return -4.0
        if has_money and _repeats_contacts(table):
            return -4.0
        return 1.5 * has_person + 0.5 * (customer is not None)
    if entity == "companies":
        return -3.0 if table.has("given_name", "family_name", "full_name", "birth_on") else 0.0
    if entity == "products":
        product = table.column("product_id", "record_id")
        repeats = product is not None and product.sample.distinct < 0.7 * product.sample.filled
        spoken = table.has("customer_id", "order_id", "store_id", "campaign_id", "coupon_id")
        is_sold = table.has("quantity") and not said & vocabulary().entities[entity].named
        return -5.0 * (repeats or spoken or is_sold)
    if entity == "stores":
        store = table.column("store_id", "record_id")
        repeats = store is not None and store.sample.distinct < 0.7 * store.sample.filled
        return -5.0 * (
            repeats or table.has("product_id", *CUSTOMER_IDS, "order_id", "email", "given_name")
        )
    if entity == "campaigns":
        campaign = table.column("campaign_id", "record_id")
        repeats = campaign is not None and campaign.sample.distinct < 0.7 * campaign.sample.filled
        return -5.0 * (repeats or table.has("product_id", *CUSTOMER_IDS, "order_id"))
    if entity in ("orders", "order_lines") and table.has("event_id", "event_type"):
        return -3.0
    if entity == "orders":
        order = table.column("order_id", "record_id")
        if order is not None and order.sample.distinct < 0.95 * order.sample.filled:
            return -2.5
        return 0.5 if "line" not in said else -2.0
    if entity == "order_lines":
        order = table.column("order_id")
        many = order is not None and order.sample.distinct < 0.95 * order.sample.filled
        return 1.5 * many + 1.0 * ("line" in said) - 1.0 * (not many and order is not None)
    if entity in ("messages", "surveys", "tickets", "subscriptions"):
        return 0.0 if said & vocabulary().entities[entity].named or not has_money else -2.0
    return 0.0


def _repeats_contacts(table: ProposedTable) -> bool:
    """Return whether the same people stand in many rows."""
    contact = table.column("email", "phone")
    return contact is not None and contact.sample.distinct < 0.9 * contact.sample.filled


def _plain_stem(path: Path) -> str:
    name = path.name
    for ending in (".gz", ".zst", ".zstd"):
        name = name.removesuffix(ending)
    return _DATE_IN_NAME.sub("", Path(name).stem)


def own_id(table: ProposedTable) -> ProposedColumn | None:
    """Return the column that numbers the rows of a table of records: the first unique id."""
    said = set(cut(_plain_stem(table.files[0])))
    ids = [
        column
        for column in table.columns
        if column.meaning in (*CUSTOMER_IDS, "record_id", "company_id") and column.sample.filled
    ]
    unique = [c for c in ids if c.sample.distinct == c.sample.filled == c.sample.rows]
    near = [c for c in ids if c.sample.distinct >= 0.9 * c.sample.filled >= 0.8 * c.sample.rows]
    for listed in (unique, near):
        if listed:
            return max(
                listed, key=lambda c: (bool(set(cut(c.title)) & said), -table.columns.index(c))
            )
    return None


def find_key(con: Connection, table: ProposedTable) -> None:
    """Set the key of a table: the fewest columns, likeliest first, that repeat in no row."""
    usable = [column for column in table.columns if column.sample.filled]
    if not usable:
        table.key = [table.columns[0].name]
        return
    best: tuple[int, list[ProposedColumn]] | None = None
    for columns in _candidates(table, usable):
        if not _may_be_key(table, columns):
            continue
        missing, repeated = _repeats(con, table, columns)
        if missing == 0 and repeated == 0:
            table.key, table.repeated = [column.name for column in columns], 0
            return
        bad = missing + repeated
        if missing <= 0.001 * table.sample.rows and (best is None or bad < best[0]):
            best = (bad, columns)
    if best is None:
        table.key, table.repeated = [column.name for column in usable], 0
        return
    table.key, table.repeated = [column.name for column in best[1]], best[0]


def _candidates(
    table: ProposedTable, usable: Sequence[ProposedColumn]
) -> list[list[ProposedColumn]]:
    own = own_id(table)
    by = {column.meaning: column for column in reversed(usable) if column.meaning}
    listed: list[list[ProposedColumn]] = []
    if table.entity in ("customer_records", "companies") and own is not None:
        listed.append([own])
    preferred = {
        "orders": [["order_id"], ["record_id"]],
        "order_lines": [
            ["order_id"],
            ["order_id", "line_id"],
            ["order_id", "product_id"],
            ["record_id"],
        ],
        "products": [["product_id"], ["record_id"]],
        "stores": [["store_id"], ["record_id"]],
        "exchange_rates": [["date", "from_currency", "to_currency"]],
        "inventory": [["store_id", "product_id"]],
        "messages": [["message_id"], ["record_id"]],
        "tickets": [["ticket_id"], ["record_id"]],
        "surveys": [["response_id"], ["record_id"]],
        "subscriptions": [["subscription_id"], ["record_id"]],
        "campaigns": [["campaign_id"], ["record_id"]],
        "consents": [["consent_id"], ["event_id"], ["record_id"]],
    }
    for names in preferred.get(table.entity or "", [["record_id"]]):
        if all(name in by for name in names):
            listed.append([by[name] for name in names])
    ids = [column for column in usable if column.is_id]
    text_or_time = [
        c for c in usable if c.kind in ("text", "date", "timestamp", "integer") and c not in ids
    ]
    text_or_time = [c for c in text_or_time if c.personal not in ("free_text",)]
    others = [c for c in usable if c not in ids and c not in text_or_time]
    listed += [[column] for column in ids]
    # A time or a sentence that happens to be unique in a sample tells nothing apart.
    listed += [
        [column]
        for column in text_or_time
        if column.sample.distinct == column.sample.rows
        and column.kind in ("text", "integer")
        and column.meaning not in _NEVER_ALONE
        and (table.entity not in FACTS or column.personal in ("none", "pseudonym"))
    ]
    listed += [list(pair) for pair in combinations(ids, 2)]
    times = [c for c in text_or_time if c.kind in ("date", "timestamp")]
    listed += [[i, t] for i in ids for t in times]
    listed += [list(three) for three in combinations(ids, 3)]
    listed += [[*pair, t] for pair in combinations(ids, 2) for t in times]
    listed.append([*ids, *text_or_time])
    listed = [*listed[:_MOST_KEYS], [*ids, *text_or_time, *others]]
    seen: set[tuple[str, ...]] = set()
    kept = []
    for columns in listed:
        named = tuple(column.name for column in columns)
        if columns and named not in seen:
            seen.add(named)
            kept.append(columns)
    return kept


def _may_be_key(table: ProposedTable, columns: Sequence[ProposedColumn]) -> bool:
    """Return whether the sample leaves it possible that these columns are a key."""
    if len(columns) == 1:
        sample = columns[0].sample
        return sample.distinct >= 0.9 * sample.rows
    product = 1.0
    for column in columns:
        product *= max(column.sample.distinct, 1)
    return product >= 0.9 * min(table.sample.rows, columns[0].sample.rows)


def _repeats(
    con: Connection, table: ProposedTable, columns: Sequence[ProposedColumn]
) -> tuple[int, int]:
    """Return how many rows lack a value in the columns, and how many repeat one before them."""
    listed = ", ".join(c.sample.expression for c in columns)
    present = " and ".join(f"{c.sample.expression} is not null" for c in columns)
    query = (
        f"select count(*) filter (where not ({present})),"
        f" count(*) filter (where {present}), count(distinct ({listed})) filter (where {present})"
        " from {}"
    )
    # The sample refuses most candidates at a hundredth of the cost.
    missing, filled, distinct = con.sql(query.format(table.sample.table)).fetchall()[0]
    if not table.sample.is_whole and missing == 0 and filled == distinct:
        missing, filled, distinct = con.sql(query.format(table.sample.whole)).fetchall()[0]
    return int(missing), int(filled - distinct)


def containment(child: ProposedColumn, parent: ProposedColumn) -> float:
    """Return the share of a column's different values that are among another's."""
    values = {value for value, _ in child.sample.values}
    known = {value for value, _ in parent.sample.values}
    return len(values & known) / len(values) if values else 0.0


def adopt_meanings(tables: Sequence[ProposedTable]) -> None:
    """Let columns whose names say nothing mean what they point at, judged by contained values."""
    parents = []
    for table in tables:
        owner = own_id(table) if table.entity == "customer_records" else None
        if table.entity in ("products", "stores"):
            owner = table.column(f"{table.entity.removesuffix('s')}_id", "record_id")
        if owner is not None and owner.sample.distinct >= _FEWEST_PARENTS and _is_telling(owner):
            parents.append((table, owner))
    for table in tables:
        for place, column in enumerate(table.columns):
            if column.meaning is not None or column.kind != "text" or column.sample.distinct < 5:
                continue
            found = [(containment(column, own), parent, own) for parent, own in parents]
            best = max(found, key=lambda item: item[0], default=None)
            if best is not None and best[0] >= _ADOPTED:
                table.columns[place] = _adopted(table, column, best[1])


def _is_telling(column: ProposedColumn) -> bool:
    """Return whether values are long enough to be the same by more than chance."""
    return sum(len(value) for value, _ in column.sample.values[:200]) / 200 >= 4


def _adopted(table: ProposedTable, column: ProposedColumn, parent: ProposedTable) -> ProposedColumn:
    known = {"products": "product_id", "stores": "store_id"}.get(parent.entity or "", "customer_id")
    if parent is table:
        known = "parent_record_id"
    elif table.has(known):
        known = "other_customer_id" if known == "customer_id" else f"other_{known}"
    return replace(
        column,
        meaning=known,
        personal="none" if "product" in known or "store" in known else "pseudonym",
        unsure=(*column.unsure, f"its values are those of {parent.files[-1].name}'s key"),
    )


def find_heads(con: Connection, tables: Sequence[ProposedTable]) -> None:
    """Recognise tables of orders whose amounts stand only in another table, of their lines."""
    for lines in tables:
        order = lines.column("order_id")
        if lines.entity != "order_lines" or order is None:
            continue
        best: tuple[float, ProposedTable] | None = None
        for head in tables:
            own = head.column("order_id", "record_id")
            if head.entity is not None or own is None or not _may_be_head(head, own):
                continue
            found = _contained(con, lines, order, head, own)
            if found >= _HEAD_OF_LINES and (best is None or found > best[0]):
                best = (found, head)
        if best is not None:
            best[1].entity, best[1].lines = "orders", lines


def _may_be_head(table: ProposedTable, own: ProposedColumn) -> bool:
    """Return whether each row may be an order: numbered, dated, and of somebody."""
    when = table.column("ordered_at", "date", "created_at")
    is_dated = when is not None and when.kind in ("date", "timestamp")
    is_numbered = own.sample.distinct >= 0.95 * own.sample.rows
    return is_dated and is_numbered and table.has(*CUSTOMER_IDS, "email", "phone", "store_id")


def find_owners(con: Connection, tables: Sequence[ProposedTable]) -> None:
    """Find, for each table of facts, the table of records that its customer ids stand in."""
    records = [table for table in tables if table.entity == "customer_records"]
    for table in tables:
        if table.entity == "customer_records":
            continue
        ids = [c for c in table.columns if c.meaning in CUSTOMER_IDS]
        best: tuple[float, ProposedTable, ProposedColumn] | None = None
        for record in records:
            owner = own_id(record)
            if owner is None:
                continue
            for column in ids:
                found = _contained(con, table, column, record, owner)
                if found > 0.02 and (best is None or found > best[0]):
                    best = (found, record, column)
        if best is not None:
            table.contained, table.buyers_of = best[0], best[1]
            _prefer(table, best[2])


def _contained(
    con: Connection,
    table: ProposedTable,
    column: ProposedColumn,
    record: ProposedTable,
    owner: ProposedColumn,
) -> float:
    child, parent = (
        f"cast({column.sample.expression} as varchar)",
        f"cast({owner.sample.expression} as varchar)",
    )
    query = (
        "select count(*),"
        f" count(*) filter (where v in (select trim({parent}) from {record.sample.whole}))"
        f" from (select distinct trim({child}) as v from {table.sample.table}"
        f" where {column.sample.expression} is not null)"
    )
    total, found = con.sql(query).fetchall()[0]
    return found / total if total else 0.0


def _prefer(table: ProposedTable, chosen: ProposedColumn) -> None:
    """Let one of several customer ids be the one that counts."""
    table.columns = [
        replace(column, meaning="other_customer_id")
        if column.meaning in CUSTOMER_IDS and column.name != chosen.name
        else column
        for column in table.columns
    ]


def unique_in(con: Connection, table: ProposedTable, column: ProposedColumn) -> bool:
    """Return whether a column's values repeat in no row of the whole file."""
    missing, repeated = _repeats(con, table, [column])
    return missing == 0 and repeated == 0


def decide_delivery(con: Connection, table: ProposedTable, samples: Mapping[Path, Sample]) -> None:
    """Set how later files add to earlier ones, judged by keys of several files, else guessed."""
    if len(table.files) > 1:
        first, last = samples[table.files[0]], samples[table.files[-1]]
        keys = [c.sample.expression for c in table.columns if c.name in table.key]
        if all(any(c.expression == e for c in first.columns) for e in keys):
            listed = ", ".join(f"cast({key} as varchar)" for key in keys)
            query = (
                "select count(*),"
                f" count(*) filter (where k in (select ({listed}) from {last.table}))"
                f" from (select distinct ({listed}) as k from {first.table})"
            )
            total, again = con.sql(query).fetchall()[0]
            kept = again / total if total else 0.0
            table.delivery = "snapshot" if kept >= 0.8 else "delta"
            table.delivery_why = f"{kept:.0%} of the first file's keys are in the last file too"
            return
    table.delivery = "delta" if table.entity in FACTS and not table.repeated else "snapshot"
    table.delivery_why = "a guess from one file: " + (
        "rows are added or changed"
        if table.delivery == "delta"
        else "each file replaces the one before"
    )
