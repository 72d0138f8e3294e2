"""The proposed staging SQL: for each entity a table feeds, one short file.

Belongs here: text of ``dbt_like_sql/staging/<entity>/<source>.sql``, over the contract's columns.
Which entity a table feeds was decided before; columns an entity has and a file lacks are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cdp_pipeline.proposing.columns import ProposedColumn
from cdp_pipeline.proposing.formats import Numbers, plain_number
from cdp_pipeline.proposing.shapes import share
from cdp_pipeline.proposing.tables import ProposedTable, own_id
from cdp_pipeline.proposing.words import channel_of, vocabulary
from cdp_pipeline.warehouse.engine import literal

_IDENTITY = [
    "given_name",
    "family_name",
    "full_name",
    "email",
    "phone",
    "street",
    "postcode",
    "city",
    "region",
    "country",
    "birth_on",
    "gender",
    "national_id",
    "organisation_number",
    "company_name",
]
_BY_CONTACT = ("orders", "order_lines", "messages", "tickets", "surveys")
"""Facts whose customers may be known by their address only."""
_RECORD_ENTITIES = frozenset({"customer_records", "companies"})
_CARRIED = frozenset({"attribute"})
_MOST = 0.8
_POINT, _COMMA = Numbers(), Numbers(",", "")


@dataclass(frozen=True)
class Place:
    """What a company's settings say, as far as staging needs it."""

    currency: str
    zone: str


@dataclass
class StagingFile:
    """One staging file: head comment, selected expressions by column, and where from."""

    entity: str
    source: str
    comment: str
    columns: dict[str, str]
    tail: str
    drops: frozenset[str] = frozenset()
    """Classes of personal data that its record_id is a hash of."""
    head: str = ""

    @property
    def path(self) -> str:
        """Return its path below ``dbt_like_sql``."""
        return f"staging/{self.entity}/{self.source}.sql"

    @property
    def text(self) -> str:
        """Return the file's text."""
        lines = []
        for name, expression in self.columns.items():
            plain = expression.removeprefix("t.")
            shown = expression if plain == name else f"{expression} as {name}"
            note = ""
            if name in ("record_id", "event_id", "order_id") and "md5(" in expression:
                dropped = ", ".join(sorted(self.drops))
                note = f" -- A hash, so that nobody's data is in it. {{drops {dropped}: hashed}}"
            lines.append(f"    {shown},{note}\n")
        return f"-- {self.comment}\n{self.head}select\n{''.join(lines)}{self.tail}\n"


Types = Mapping[str, Mapping[str, str]]
"""Engine types of each entity's columns."""


def source_of(table: ProposedTable, tables: Sequence[ProposedTable]) -> str:
    """Return the name under which a table's customer records are known."""
    records = [t for t in tables if t.system == table.system and t.entity == "customer_records"]
    if len(records) > 1 and table.entity == "customer_records":
        return f"{table.system}_{table.name}"
    return table.system


def staging_files(tables: Sequence[ProposedTable], types: Types, place: Place) -> list[StagingFile]:
    """Return the staging files of all tables, and note on each table what it feeds."""
    files: list[StagingFile] = []
    has_lines = {t.system for t in tables if t.entity == "order_lines"}
    for table in tables:
        files += _of_table(table, tables, types, place, table.system in has_lines)
    files += _buyers(tables)
    files += _products_of_sales(tables, files)
    return files


def _of_table(
    table: ProposedTable,
    tables: Sequence[ProposedTable],
    types: Types,
    place: Place,
    system_has_lines: bool,
) -> list[StagingFile]:
    entity = table.entity
    if entity is None:
        return []
    made: list[StagingFile] = []
    if entity == "customer_records":
        made.append(_records(table, tables, types, place))
        consent = _consents_of_records(table, tables, types, place)
        made += [consent] if consent is not None else []
    elif entity in ("orders", "order_lines"):
        made += _sales(table, tables, place, system_has_lines)
    else:
        made.append(_simple(table, tables, types, place))
    table.feeds = [file.entity for file in made]
    return made


def value(column: ProposedColumn, kind: str, zone: str) -> str | None:
    """Return a source column as an expression of an entity's type; None if it cannot be."""
    name = f"t.{column.name}"
    wanted = kind.lower().split("(")[0]
    if wanted == "varchar":
        if column.kind != "text":
            return f"cast({name} as varchar)"
        return f"nullif(trim({name}), '')" if column.sample.is_padded else name
    if wanted in ("timestamp", "date") and column.near and column.kind == "text":
        parsed = f"try_strptime({name}, {literal(column.near)})"
        return f"cast({parsed} as date)" if wanted == "date" else parsed
    if wanted == "timestamp":
        if column.kind == "timestamp":
            return name
        if column.kind != "date":
            return None
        if zone == "UTC":
            return f"cast({name} as timestamp)"
        return f"(cast({name} as timestamp) at time zone {literal(zone)}) at time zone 'UTC'"
    if wanted == "date":
        return (
            name
            if column.kind == "date"
            else f"cast({name} as date)"
            if column.kind == "timestamp"
            else None
        )
    if wanted == "boolean":
        return _truth(column, name)
    if column.kind in ("integer", "decimal"):
        return name if column.type == kind else f"cast({name} as {kind})"
    return f"try_cast({name} as {kind})" if column.kind == "text" else None


def _truth(column: ProposedColumn, name: str) -> str | None:
    """Return a column as true or false, whatever words it says it in."""
    if column.kind == "boolean":
        return name
    if column.kind == "integer":
        return f"{name} <> 0"
    words = sorted({said.casefold() for said, _ in column.sample.values})
    yes = [literal(word) for word in words if word in vocabulary().granted]
    no = [literal(word) for word in words if word in vocabulary().refused]
    if column.kind != "text" or not yes or not no:
        return None
    return (
        f"case when lower({name}) in ({', '.join(yes)}) then true"
        f" when lower({name}) in ({', '.join(no)}) then false end"
    )


def _mapped(
    table: ProposedTable, entity: str, types: Types, place: Place
) -> tuple[dict[str, str], set[str]]:
    """Return the entity's columns that the table gives, and the names of those it used."""
    given: dict[str, str] = {}
    used: set[str] = set()
    for name, meanings in vocabulary().entities[entity].columns.items():
        if name not in types[entity]:
            continue
        listed = [c for m in meanings for c in table.columns if c.meaning == m]
        for column in listed:
            if column.name in used and name not in ("updated_at", "loyalty_id"):
                continue
            expression = value(column, types[entity][name], place.zone)
            if expression is None:
                continue
            given[name] = _canonical(name, column, expression)
            used.add(column.name)
            break
    return given, used


def _canonical(name: str, column: ProposedColumn, expression: str) -> str:
    """Return an expression in the words of the entity: ISO countries and languages."""
    values = [v for v, _ in column.sample.values]
    if name == "country" and values:
        if all(len(v) == 2 for v in values):
            return expression if all(v.isupper() for v in values) else f"upper({expression})"
        cases = []
        for said in sorted(set(values), key=str.casefold)[:60]:
            for code, country in vocabulary().countries.items():
                if said.casefold().strip() in country.names:
                    cases.append(f" when {literal(said)} then '{code}'")
                    break
        return f"case {expression}{''.join(cases)} end" if cases else expression
    if name == "language" and values and any(len(v) > 2 for v in values):
        return f"lower(left({expression}, 2))"
    return expression


def _hashed(columns: Sequence[ProposedColumn]) -> str:
    parts = [f"lower(trim(cast(t.{column.name} as varchar)))" for column in columns]
    text = parts[0] if len(parts) == 1 else f"concat_ws('/', {', '.join(parts)})"
    return f"left(md5({text}), 16)"


def _record_id(table: ProposedTable) -> tuple[str, frozenset[str]]:
    """Return the id of a table's customer records, and the classes it is a hash of."""
    own = own_id(table)
    if own is not None and own.name in table.key and len(table.key) == 1:
        return value(own, "varchar", "UTC") or f"t.{own.name}", frozenset()
    columns = [column for column in table.columns if column.name in table.key]
    classes = frozenset(c.personal for c in columns) - {"none", "pseudonym"}
    return _hashed(columns), classes


def _records(
    table: ProposedTable, tables: Sequence[ProposedTable], types: Types, place: Place
) -> StagingFile:
    source = source_of(table, tables)
    given, used = _mapped(table, "customer_records", types, place)
    own = own_id(table)
    record_id, drops = _record_id(table)
    columns = {"source": literal(source), "record_id": record_id, "kind": "'person'"}
    if "company_name" in given:
        columns["kind"] = (
            "'company'"
            if table.column("given_name", "family_name", "full_name", "birth_on") is None
            else f"case when {given['company_name']} is null then 'person' else 'company' end"
        )
    if "loyalty_id" in given and own is not None and own.meaning not in ("member_id", "loyalty_id"):
        pass
    given.pop("record_id", None)
    columns |= _with_house_number(table, given, used)
    columns["trust"] = "50"
    canonical = set(types["customer_records"])
    for column in table.columns:
        if column.personal in _CARRIED and column.name not in used and column.sample.filled:
            name = column.name if column.name not in canonical else f"other_{column.name}"
            columns[name] = value(column, "varchar", place.zone) or f"t.{column.name}"
    return StagingFile(
        "customer_records",
        source,
        f"One row per customer record of {source}.",
        columns,
        f"from {table.source} as t",
        drops,
    )


def _with_house_number(
    table: ProposedTable, given: dict[str, str], used: set[str]
) -> dict[str, str]:
    number = table.column("house_number")
    if number is not None and "street" in given:
        used.add(number.name)
        first = value(number, "varchar", "UTC")
        given["street"] = f"concat_ws(' ', {given['street']}, {first})"
    return given


def _consents_of_records(
    table: ProposedTable, tables: Sequence[ProposedTable], types: Types, place: Place
) -> StagingFile | None:
    """Return what a flag in the customer table says about the newsletter, if it says when."""
    flag = table.column("consent")
    when = table.column("updated_at", "created_at")
    if flag is None or flag.kind != "boolean" or "consents" not in types:
        return None
    if when is None:
        table.unsure.append(f"{flag.name} says who takes the newsletter, but no column since when")
        return None
    decided = value(when, "timestamp", place.zone)
    record_id, drops = _record_id(table)
    email = table.column("email")
    if decided is None or drops:
        return None
    columns = {
        "source": literal(source_of(table, tables)),
        "event_id": f"{record_id} || '/newsletter'",
        "record_source": literal(source_of(table, tables)),
        "record_id": record_id,
    }
    if email is not None:
        columns["contact_point"] = value(email, "varchar", place.zone) or ""
    columns |= {
        "channel": "'email'",
        "purpose": "'marketing'",
        "is_granted": f"t.{flag.name}",
        "decided_at": decided,
        "evidence": literal(f"column {flag.name} of the customer table"),
    }
    return StagingFile(
        "consents",
        source_of(table, tables),
        "One row per customer record that says whether it takes the newsletter.\n"
        "-- The export holds the state, not the event: the day of the record stands for when.",
        columns,
        f"from {table.source} as t\nwhere t.{flag.name} is not null and t.{when.name} is not null",
    )


def _buyer(table: ProposedTable, tables: Sequence[ProposedTable]) -> tuple[str, str] | None:
    """Return source and id of the customer record that a row of facts is about."""
    customer = table.customer
    if customer is not None:
        owner = table.buyers_of
        source = source_of(owner, tables) if owner is not None else _buyers_source(table)
        return source, value(customer, "varchar", "UTC") or f"t.{customer.name}"
    contact = table.column("email", "phone")
    if contact is not None and table.entity in _BY_CONTACT:
        return _buyers_source(table), _hashed([contact])
    return None


def _buyers_source(table: ProposedTable) -> str:
    return table.system


def _contact_classes(table: ProposedTable) -> frozenset[str]:
    contact = table.column("email", "phone")
    return (
        frozenset()
        if table.customer is not None or contact is None
        else frozenset({contact.personal})
    )


def _order_id(table: ProposedTable) -> str:
    order = (
        table.column("order_id", "record_id")
        if table.entity == "orders"
        else table.column("order_id")
    )
    if order is not None:
        return value(order, "varchar", "UTC") or f"t.{order.name}"
    customer, day = table.customer, table.column("ordered_at", "date", "created_at")
    who = f"coalesce({value(customer, 'varchar', 'UTC')}, 'unknown')" if customer else "'unknown'"
    return f"{who} || '/' || cast(t.{day.name} as varchar)" if day else who


def _paid(table: ProposedTable) -> ProposedColumn | None:
    """Return the column of what was paid: of several, the one that sums to most."""
    listed = [c for c in table.columns if c.meaning == "line_amount"] or [
        c for c in table.columns if c.meaning == "amount"
    ]
    listed = [c for c in listed if c.kind in ("integer", "decimal") and c.sample.filled]
    if len(listed) < 2:
        return listed[0] if listed else None
    chosen = max(listed, key=lambda c: (_sum(c, table), -listed.index(c)))
    others = ", ".join(c.name for c in listed if c is not chosen)
    doubt = f"{chosen.name} is taken for what was paid; {others} may be it too"
    if doubt not in table.unsure:
        table.unsure.append(doubt)
    return chosen


def _sum(column: ProposedColumn, table: ProposedTable) -> float:
    plain = [(plain_number(v, table.signs), n) for v, n in column.sample.values]
    return sum(float(text) * count for text, count in plain if text is not None)


def _line_amount(table: ProposedTable) -> str | None:
    paid = _paid(table)
    if paid is not None:
        return _signed(table, paid, value(paid, "decimal(18,2)", "UTC"))
    price, quantity = table.column("unit_price"), table.column("quantity")
    if price is None:
        return None
    whole = f"t.{price.name}" + (f" * t.{quantity.name}" if quantity is not None else "")
    percent = table.column("discount_percent")
    discount = table.column("discount")
    if discount is not None and _is_share(discount):
        whole += f" * (1 - coalesce(t.{discount.name}, 0))"
    elif discount is not None and discount.kind in ("integer", "decimal"):
        is_negative = any(v.startswith("-") for v, _ in discount.sample.values)
        whole += f" {'+' if is_negative else '-'} coalesce(t.{discount.name}, 0)"
    elif percent is not None and percent.kind in ("integer", "decimal"):
        whole += f" * (1 - coalesce(t.{percent.name}, 0) / 100.0)"
    return f"cast({whole} as decimal(18, 2))"


def _is_share(column: ProposedColumn) -> bool:
    """Return whether a discount is a share of the price, as 0.25 is, and no amount of money."""
    if column.kind != "decimal":
        return False
    found = [plain_number(v, _POINT) or plain_number(v, _COMMA) for v, _ in column.sample.values]
    numbers = [float(text) for text in found if text is not None]
    return bool(numbers) and max(numbers) <= 1 and min(numbers) >= 0 and max(numbers) > 0


def _signed(table: ProposedTable, paid: ProposedColumn, amount: str | None) -> str | None:
    """Return what was paid as negative where something came back, if the export does not say so."""
    quantity = table.column("quantity")
    if amount is None or quantity is None or quantity.kind not in ("integer", "decimal"):
        return amount
    has_minus = {
        column.name: any(v.lstrip().startswith("-") for v, _ in column.sample.values)
        for column in (quantity, paid)
    }
    if has_minus[paid.name] or not has_minus[quantity.name]:
        return amount
    doubt = f"{paid.name} is never negative: where {quantity.name} is, it is taken as paid back"
    if doubt not in table.unsure:
        table.unsure.append(doubt)
    return f"case when t.{quantity.name} < 0 then -{amount} else {amount} end"


def _channel(table: ProposedTable) -> str:
    column = table.column("channel")
    if column is not None and column.sample.distinct <= 20:
        return f"coalesce(lower({value(column, 'varchar', 'UTC')}), 'unknown')"
    told = channel_of([table.name, table.system, table.files[0].stem])
    if told is not None:
        return literal(told)
    if table.has("store_id"):
        return "'store'"
    table.unsure.append("was this sold on the web or in stores? written as web")
    return "'web'"


def _status(table: ProposedTable) -> str:
    column = table.column("order_status", "status")
    if column is None or column.kind != "text":
        return "'completed'"
    words = sorted({v for v, _ in column.sample.values if v.casefold() in vocabulary().cancelled})
    if not words:
        return "'completed'"
    listed = ", ".join(literal(word) for word in words)
    return f"case when t.{column.name} in ({listed}) then 'cancelled' else 'completed' end"


def _currency(table: ProposedTable, place: Place) -> str:
    column = table.column("currency")
    if column is None:
        return literal(place.currency)
    return f"upper(coalesce(t.{column.name}, {literal(place.currency)}))"


def _sales(
    table: ProposedTable,
    tables: Sequence[ProposedTable],
    place: Place,
    system_has_lines: bool,
) -> list[StagingFile]:
    """Return the files of a table of orders, of lines, or of both in one."""
    when = table.column("ordered_at", "date", "created_at")
    ordered_at = value(when, "timestamp", place.zone) if when is not None else None
    heads = [
        other
        for other in tables
        if other is not table and other.entity == "orders" and other.system == table.system
    ]
    name = table.system if not _twice(table, tables) else f"{table.system}_{table.name}"
    files: list[StagingFile] = []
    amount = _line_amount(table)
    if table.entity == "order_lines" and amount is not None and (heads or ordered_at is not None):
        files.append(_lines(table, name, amount))
    if (
        table.entity == "order_lines"
        and not heads
        and ordered_at is not None
        and amount is not None
    ):
        files.append(_orders(table, tables, place, name, ordered_at, amount, is_summed=True))
    if table.entity == "orders" and ordered_at is not None and amount is not None:
        order = table.column("order_id", "record_id")
        is_summed = order is None or table.key != [order.name]
        files.append(_orders(table, tables, place, name, ordered_at, amount, is_summed=is_summed))
        if not system_has_lines:
            files.append(_lines(table, name, amount))
    summed = _line_amount(table.lines) if table.lines is not None else None
    if table.entity == "orders" and ordered_at and amount is None and summed is not None:
        files.append(_orders_of_lines(table, tables, place, name, ordered_at, summed))
    if not files:
        table.unsure.append(
            "no amount was recognised"
            if amount is None
            else "no date was recognised: it feeds no orders"
        )
    return files


def _twice(table: ProposedTable, tables: Sequence[ProposedTable]) -> bool:
    same = [t for t in tables if t.system == table.system and t.entity == table.entity]
    return len(same) > 1


def _orders(
    table: ProposedTable,
    tables: Sequence[ProposedTable],
    place: Place,
    name: str,
    ordered_at: str,
    amount: str,
    *,
    is_summed: bool,
) -> StagingFile:
    buyer = _buyer(table, tables)

    def one(expression: str) -> str:
        return f"max({expression})" if is_summed and not expression.startswith("'") else expression

    columns = {"source": literal(table.system), "order_id": _order_id(table)}
    if buyer is not None:
        columns["record_source"] = (
            f"case when {one(buyer[1])} is not null then {literal(buyer[0])} end"
        )
        columns["record_id"] = one(buyer[1])
    columns["channel"] = one(_channel(table))
    store = table.column("store_id")
    if store is not None:
        columns["store_id"] = one(value(store, "varchar", "UTC") or f"t.{store.name}")
    columns["ordered_at"] = f"min({ordered_at})" if is_summed else ordered_at
    columns["currency"] = one(_currency(table, place))
    columns["total_amount"] = f"sum({amount})" if is_summed else amount
    columns["status"] = one(_status(table))
    campaign = table.column("campaign_id")
    if campaign is not None:
        columns["campaign_id"] = one(value(campaign, "varchar", "UTC") or f"t.{campaign.name}")
    how = ", summed from its lines" if is_summed else ""
    tail = f"from {table.source} as t"
    if is_summed:
        tail += f"\ngroup by {_order_id(table)}"
    return StagingFile(
        "orders",
        name,
        f"One row per order of {table.system}{how}.",
        columns,
        tail,
        _contact_classes(table),
    )


def _orders_of_lines(
    table: ProposedTable,
    tables: Sequence[ProposedTable],
    place: Place,
    name: str,
    ordered_at: str,
    amount: str,
) -> StagingFile:
    """Return the file of orders whose amounts stand in another table, of their lines."""
    assert table.lines is not None
    file = _orders(table, tables, place, name, ordered_at, "", is_summed=False)
    file.columns["total_amount"] = "coalesce(p.total_amount, 0)"
    order_id = _order_id(table.lines)
    file.head = (
        f"with paid as (\n    select\n        {order_id} as order_id,\n"
        f"        sum({amount}) as total_amount,\n"
        f"    from {table.lines.source} as t\n    group by {order_id}\n)\n\n"
    )
    file.tail += f"\nleft join paid as p\n    on {_order_id(table)} = p.order_id"
    file.comment = f"One row per order of {table.system}, with the sum of its lines."
    table.unsure.append(
        "an order's amount is the sum of its lines: freight and discounts of a whole order are"
        " not in it"
    )
    return file


def _lines(table: ProposedTable, name: str, amount: str) -> StagingFile:
    columns = {
        "source": literal(table.system),
        "order_id": _order_id(table),
        "line_id": _line_id(table),
    }
    for target, meanings, kind in (
        ("product_id", ("product_id",), "varchar"),
        ("quantity", ("quantity",), "decimal(18,3)"),
        ("unit_price_amount", ("unit_price",), "decimal(18,4)"),
        ("discount_amount", ("discount",), "decimal(18,2)"),
    ):
        column = table.column(*meanings)
        if column is not None and target == "discount_amount" and _is_share(column):
            continue
        expression = value(column, kind, "UTC") if column is not None else None
        if expression is not None:
            columns[target] = expression
    columns["line_amount"] = amount
    columns["is_return"] = _is_return(table, amount)
    for target, meaning in (
        ("returned_order_id", "returned_order_id"),
        ("returned_line_id", "returned_line_id"),
    ):
        column = table.column(meaning)
        if column is not None:
            columns[target] = value(column, "varchar", "UTC") or f"t.{column.name}"
    return StagingFile(
        "order_lines",
        name,
        f"One row per line of an order of {table.system}.",
        columns,
        f"from {table.source} as t",
    )


def _is_return(table: ProposedTable, amount: str) -> str:
    flag, quantity = table.column("is_return"), table.column("quantity")
    if flag is not None and flag.kind == "boolean":
        return f"coalesce(t.{flag.name}, false)"
    if quantity is not None and quantity.kind in ("integer", "decimal"):
        return f"coalesce(t.{quantity.name} < 0, false)"
    return f"coalesce({amount} < 0, false)"


def _line_id(table: ProposedTable) -> str:
    """Return what numbers the lines of an order."""
    order, line = table.column("order_id"), table.column("line_id")
    if table.entity == "orders":
        order = order or table.column("record_id")
    if order is not None and table.key == [order.name]:
        return "'1'"
    if line is not None and order is not None and set(table.key) == {order.name, line.name}:
        return value(line, "varchar", "UTC") or f"t.{line.name}"
    product = table.column("product_id")
    if product is not None and order is not None and set(table.key) == {order.name, product.name}:
        return value(product, "varchar", "UTC") or f"t.{product.name}"
    # Whatever of a person is in the key, lines that differ in nothing else are alike.
    measures = ("product_id", "quantity", "unit_price", "discount", "line_amount", "amount")
    ordered = ", ".join(
        f"t.{column.name}"
        for column in table.columns
        if column.personal in ("none", "pseudonym")
        and column is not order
        and (column.name in table.key or column.meaning in measures)
    )
    return (
        "cast(row_number() over (\n"
        f"        partition by {_order_id(table)}\n        order by {ordered or '1'}\n"
        "    ) as varchar)"
    )


def _simple(
    table: ProposedTable, tables: Sequence[ProposedTable], types: Types, place: Place
) -> StagingFile:
    """Return the file of an entity whose columns are taken one by one."""
    entity = table.entity or ""
    given, _ = _mapped(table, entity, types, place)
    columns: dict[str, str] = {}
    for name in types[entity]:
        if name == "source":
            columns[name] = literal(table.system)
        elif name == "record_source":
            buyer = _buyer(table, tables)
            if buyer is not None:
                columns[name] = f"case when {buyer[1]} is not null then {literal(buyer[0])} end"
                columns["record_id"] = buyer[1]
        elif name == "record_id":
            continue
        elif name in given:
            columns[name] = given[name]
        elif (default := _default(entity, name, given, table, place)) is not None:
            columns[name] = default
    name = table.system if not _twice(table, tables) else f"{table.system}_{table.name}"
    return StagingFile(
        entity,
        name,
        f"One row per {entity.removesuffix('s').replace('_', ' ')} of {table.system}.",
        columns,
        f"from {table.source} as t",
    )


def _default(
    entity: str, name: str, given: Mapping[str, str], table: ProposedTable, place: Place
) -> str | None:
    """Return what stands in a column that the entity must have and the table lacks."""
    if name == "currency":
        return literal(place.currency)
    if name == "channel" and entity in ("messages", "consents"):
        return "'email'"
    if name == "purpose" and entity == "consents":
        return "'marketing'"
    if name == "is_discontinued":
        return "false"
    if name == "is_control":
        return "false"
    if name == "status" and entity == "tickets":
        closed = given.get("closed_at")
        return f"case when {closed} is null then 'open' else 'closed' end" if closed else "'closed'"
    if name == "status" and entity == "subscriptions":
        ended = given.get("ended_on")
        return (
            f"case when {ended} is null then 'active' else 'cancelled' end" if ended else "'active'"
        )
    if name == "status" and entity == "carts":
        return (
            f"case when {given['order_id']} is null then 'open' else 'ordered' end"
            if "order_id" in given
            else "'open'"
        )
    if name == "event" and entity == "web_events":
        return _event(table)
    if name == "rating_max" and "rating" in given:
        rating = table.column("rating")
        highest = (
            max((float(v.replace(",", ".")) for v, _ in rating.sample.values), default=5)
            if rating and rating.kind != "text"
            else 5
        )
        return (
            f"cast({next((top for top in (5, 10, 100) if highest <= top), 100)} as decimal(18, 2))"
        )
    if name in ("event_id", "usage_id", "message_id", "response_id") and table.key:
        return _hashed([c for c in table.columns if c.name in table.key])
    return None


def _event(table: ProposedTable) -> str:
    column = table.column("event_type")
    if column is None or column.kind != "text":
        return "'page_view'" if table.has("page") else "'other'"
    plain = f"replace(replace(lower(t.{column.name}), ' ', '_'), '-', '_')"
    known = "'page_view', 'product_view', 'search', 'add_to_cart', 'login'"
    return f"case when {plain} in ({known}) then {plain} else 'other' end"


def _buyers(tables: Sequence[ProposedTable]) -> list[StagingFile]:
    """Return files of customers who are only known from what they did."""
    files: list[StagingFile] = []
    for system in dict.fromkeys(table.system for table in tables):
        facts = [
            t
            for t in tables
            if t.system == system
            and t.feeds
            and t.entity != "customer_records"
            and t.contained < 0.9
            and (t.customer is not None or _contact_classes(t))
            and t.entity
            in ("orders", "order_lines", "messages", "tickets", "surveys", "subscriptions")
        ]
        facts = [t for t in facts if not (t.entity == "order_lines" and "orders" not in t.feeds)]
        if not facts:
            continue
        files.append(_buyers_file(facts, tables))
    return files


def _buyers_file(facts: Sequence[ProposedTable], tables: Sequence[ProposedTable]) -> StagingFile:
    main = max(facts, key=lambda t: (len([m for m in _IDENTITY if t.has(m)]), -facts.index(t)))
    owner = main.buyers_of
    buyer = _buyer(main, tables)
    source, record_id = buyer if buyer is not None else (main.system, "null")
    columns = {"source": literal(source), "record_id": record_id, "kind": "'person'"}
    for meaning in _IDENTITY:
        column = main.column(meaning)
        if column is None and meaning == "full_name":
            column = main.column("name")
            if column is not None and share(column.sample.values, "name") < _MOST:
                column = None
        if column is None or column.kind != "text" and meaning != "birth_on":
            continue
        expression = value(column, "date" if meaning == "birth_on" else "varchar", "UTC")
        if expression is not None:
            columns[meaning] = f"max({_canonical(meaning, column, expression)})"
    columns["trust"] = "50"
    tail = f"from {main.source} as t\n"
    where = [f"{record_id} is not null"]
    if owner is not None:
        own = own_id(owner)
        known = f"o.{own.name}" if own is not None else "null"
        tail += f"left join {owner.source} as o\n    on {record_id} = {known}\n"
        where.append(f"{known} is null")
    tail += f"where {' and '.join(where)}\ngroup by {record_id}"
    return StagingFile(
        "customer_records",
        f"{main.system}_buyers",
        f"One row per customer of {source} who is known from {main.name} only.",
        columns,
        tail,
        _contact_classes(main),
    )


def _products_of_sales(
    tables: Sequence[ProposedTable], files: Sequence[StagingFile]
) -> list[StagingFile]:
    """Return one file of the products that were sold, where no table of products came along."""
    if any(file.entity == "products" for file in files):
        return []
    sold = [t for t in tables if "order_lines" in t.feeds and t.has("product_id")]
    if not sold:
        return []
    parts = []
    for table in sold:
        product = table.column("product_id")
        category, name = table.column("category"), table.column("product_name")
        assert product is not None
        texts = {
            "product_name": value(name, "varchar", "UTC") if name is not None else None,
            "category": value(category, "varchar", "UTC") if category is not None else None,
        }
        lines = "".join(
            f"        {expression or 'cast(null as varchar)'} as {target},\n"
            for target, expression in texts.items()
        )
        parts.append(
            f"    select\n        {literal(table.system)} as source,\n"
            f"        {value(product, 'varchar', 'UTC')} as product_id,\n"
            f"{lines}    from {table.source} as t\n"
        )
    union = "    union all\n".join(parts)
    columns = {
        "product_id": "t.product_id",
        "source": "min(t.source)",
        "product_name": "max(t.product_name)",
        "category": "max(t.category)",
        "is_discontinued": "false",
    }
    return [
        StagingFile(
            "products",
            "known_from_sales",
            "One row per product that was sold: no export describes the products.",
            columns,
            "from sold as t\nwhere t.product_id is not null\ngroup by t.product_id",
            head=f"with sold as (\n{union})\n\n",
        )
    ]
