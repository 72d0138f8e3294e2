"""What each column of a sample is: type, format, meaning and personal class, with the evidence.

Belongs here: weighing what a header says against what the values look like. A meaning needs both;
a personal class needs one of them, so that a doubt never makes a value less protected.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from cdp_pipeline.proposing.formats import (
    EXPONENT,
    Numbers,
    Written,
    is_open,
    number_signs,
    written,
)
from cdp_pipeline.proposing.reading import Sample, SampleColumn
from cdp_pipeline.proposing.shapes import DETECTORS, masked, share
from cdp_pipeline.proposing.words import meanings, named_columns, snake, vocabulary

_NAME_DECIDES = 0.5
_FITS = 0.5
_NEARLY_ALL = 0.9
_MONEY = frozenset(
    [
        "amount",
        "line_amount",
        "unit_price",
        "list_price",
        "unit_cost",
        "discount",
        "tax_amount",
        "freight_amount",
        "coupon_discount",
        "recurring_amount",
        "cost_amount",
        "margin",
    ]
)
_IDS = re.compile(r".*_id$|national_id|.*organisation_number|line_id|nickname")
_LONG_TEXT = 5.0
_FEWEST_PROSE = 20
_MOST_LABELS = 50
_FEWEST_NAMES = 20
_FEWEST_TEXTS = 3
"""Up to so many different texts are labels, whoever wrote them."""
_ALWAYS_NULL = frozenset({"NULL", "null", "\\N", "#N/A", "(null)", "NaN", "nan", "None"})
_PERSONS_ONLY = frozenset({"name", "address", "attribute", "birth_date", "national_id"})
_GENERIC = frozenset({"segment", "occupation", "preference", "satisfaction", "points"})
_PERSON_WORDS = frozenset({"customer", "member", "person", "loyalty", "points", "prospect"})
# Facts about a person's record, not about the person.
_PLAIN = frozenset(
    {"created_at", "updated_at", "deleted", "active", "consent", "is_prospect", "date", "kind"}
)


@dataclass(frozen=True)
class ProposedColumn:
    """A column as proposed.

    Attributes
    ----------
    name : str
        Its name in our tables.
    title : str
        Its name in the file.
    kind, type : str
        The contract's kind and type.
    format : tuple of str
        strptime formats.
    personal : str
        Its class.
    meaning : str or None
        Which of the known columns it is.
    evidence, unsure : tuple of str
        What was seen, and what could not be told.
    sample : SampleColumn
    words : tuple of str or None
        True and false of a boolean.
    """

    name: str
    title: str
    kind: str
    type: str
    format: tuple[str, ...]
    personal: str
    meaning: str | None
    evidence: tuple[str, ...]
    unsure: tuple[str, ...]
    sample: SampleColumn
    words: tuple[str, str] | None = None
    near: str = ""
    others: tuple[tuple[str, float], ...] = field(default=(), repr=False)

    @property
    def is_id(self) -> bool:
        """Return whether it holds identifiers."""
        return self.meaning is not None and _IDS.fullmatch(self.meaning) is not None


def signs_of(sample: Sample) -> Numbers:
    """Return how a file writes numbers."""
    if sample.dialect.format == "parquet":
        return Numbers()
    return number_signs([value for value, _ in column.values] for column in sample.columns)


def day_order(samples: Sequence[Sample]) -> bool | None:
    """Return whether files write the day before the month, judged by all their dates."""
    told = [is_open(column.values) for sample in samples for column in sample.columns]
    first, second = told.count(True), told.count(False)
    return None if first == second else first > second


def propose_columns(
    sample: Sample, signs: Numbers, day_first: bool | None, reserved: frozenset[str]
) -> list[ProposedColumn]:
    """Return what each column of a sample is, as far as header and values say."""
    found: list[ProposedColumn] = []
    for column in sample.columns:
        name = snake(column.title, [other.name for other in found], reserved)
        found.append(_proposed(column, name, signs, day_first))
    return found


def _proposed(
    column: SampleColumn, name: str, signs: Numbers, day_first: bool | None
) -> ProposedColumn:
    said = _of_type(column, signs, day_first)
    ranked = _ranked(column, said)
    meaning = ranked[0][0] if ranked and ranked[0][1] >= _NAME_DECIDES / 2 else None
    by_content = _by_content(column, said, meaning)
    unsure: list[str] = [said.doubt] if said.doubt and column.filled else []
    if by_content in ("record_id", "organisation_number"):
        meaning = by_content
    if by_content is not None and meaning is None:
        meaning = by_content
        unsure.append(f"its name says nothing; its values look like {by_content}")
    if len(ranked) > 1 and ranked[1][1] > 0.75 * ranked[0][1] and ranked[0][1] < 1:
        unsure.append(f"{ranked[0][0]} or {ranked[1][0]}? {ranked[0][1]:.0%} / {ranked[1][1]:.0%}")
    personal = _class(column, meaning, said)
    if meaning == "description" and _is_prose(column):
        personal = "free_text"
    kind, type_ = _type(column, meaning, said)
    if not column.filled:
        unsure.append("it has no values: judged by its name alone")
    if said.near and kind == "text":
        unsure.append(
            f"{said.share:.1%} are dates of form {said.near}: as text no row is lost,"
            " and staging types it"
        )
    if said.share < 1 and kind == said.kind and kind != "text":
        unsure.append(f"{1 - said.share:.1%} of its values are no {kind} and would be rejected")
    return ProposedColumn(
        name=name,
        title=column.title,
        kind=kind,
        type=type_,
        format=_format(said, kind, column),
        personal=personal,
        meaning=meaning,
        evidence=_evidence(column, said, kind, personal),
        unsure=tuple(unsure),
        sample=column,
        words=said.words if kind == "boolean" else None,
        near=said.near,
        others=tuple(ranked),
    )


def _format(said: Written, kind: str, column: SampleColumn) -> tuple[str, ...]:
    if kind not in ("date", "timestamp") or column.native != "varchar":
        return ()
    return said.format


def _of_type(column: SampleColumn, signs: Numbers, day_first: bool | None) -> Written:
    native = column.native
    if native in ("date", "boolean"):
        years = [int(value[:4]) for value, _ in column.values if value[:4].isdigit()]
        if native == "boolean" or not years:
            return Written(native)
        return Written("date", earliest=min(years), latest=max(years))
    if native.startswith("timestamp"):
        return Written("timestamp")
    if native.startswith(("double", "float", "decimal")):
        number = written(column.values, Numbers())
        digits = number.digits if number.kind == "decimal" else 0
        return Written("decimal", digits=digits)
    if native != "varchar":
        return Written("integer" if "int" in native else "text")
    is_flag = _says_flag(column.title)
    return written(column.values, signs, day_first=day_first, is_flag=is_flag)


def _says_flag(title: str) -> bool:
    found = meanings(title)[0]
    known = named_columns(title)
    return "flag" in found or any(
        vocabulary().columns[column].content == "flag" for column, score in known if score >= 1
    )


def _ranked(column: SampleColumn, said: Written) -> list[tuple[str, float]]:
    """Return the columns it may be, with both kinds of evidence in one figure, best first."""
    ranked = []
    found = meanings(column.title)[0]
    is_flag = found[-1:] == ["flag"] and said.kind in ("boolean", "integer")
    for place, (name, score) in enumerate(named_columns(column.title)):
        is_other_than_flag = is_flag and vocabulary().columns[name].content not in (
            "flag",
            "number",
        )
        if score < 1 / 3 or is_other_than_flag or _is_sorted_by(column, name, score):
            continue
        # Sales alone may be what was sold for; a sales territory is no amount.
        if name == "amount" and score < 1 and not {"amount", "price"} & set(found):
            continue
        fit = _fit(column, said, name)
        ranked.append((score * (0.25 + 0.75 * fit) if fit >= _FITS else 0.0, -place, name))
    return [(name, score) for score, _, name in sorted(ranked, reverse=True) if score > 0]


def _is_sorted_by(column: SampleColumn, name: str, score: float) -> bool:
    """Return whether a column whose name hints at an id or a name only sorts rows into groups.

    ``Contract`` and ``Member status`` number no contract and no member; a ``Store`` may well come
    again and again.
    """
    spec, found = vocabulary().columns[name], meanings(column.title)[0]
    is_hint = score < 1 or (spec.personal == "pseudonym" and not _names_text(column.title))
    # "Number of products" counts them; "product number" tells them apart.
    is_hint = is_hint or found[:1] == ["number"]
    tells_apart = spec.content == "identifier" or name in ("name", "company_name")
    return is_hint and tells_apart and _is_label(column)


def _is_label(column: SampleColumn) -> bool:
    """Return whether a few values come again and again: they sort rows, and name none of them."""
    most = min(_MOST_LABELS, 0.2 * column.filled)
    return 0 < column.distinct <= most


def _fit(column: SampleColumn, said: Written, name: str) -> float:
    """Return how well the values look like a known column's, 0 to 1."""
    content = vocabulary().columns[name].content
    if (
        said.kind == "boolean"
        and content not in ("", "flag", "label", "words")
        and column.distinct > 1
    ):
        return 0.0
    if not column.filled or not content:
        return 0.8
    if content in ("birth", "time") and said.near:
        return said.share
    if content == "time":
        return 1.0 if said.kind in ("date", "timestamp") else 0.0
    if content == "number":
        if _names_text(column.title):
            return 0.0
        return 1.0 if said.kind in ("integer", "decimal") else 0.0
    if content == "birth":
        is_past = said.kind in ("date", "timestamp") and said.earliest < said.latest
        return 1.0 if is_past else 0.6 if said.kind == "integer" else 0.0
    if content == "flag":
        is_pair = said.kind == "boolean" or column.distinct <= 2
        return 1.0 if is_pair or share(column.values, "flag") >= _NEARLY_ALL else 0.0
    if content == "sequence":
        return 1.0 if share(column.values, "identifier") >= _NEARLY_ALL else 0.0
    if content == "identifier":
        # An id may look like 12345.0, never like 12.50.
        is_measure = said.kind == "decimal" and said.digits > 0 and not _names_text(column.title)
        is_other = said.kind in ("date", "timestamp", "boolean") and column.native == "varchar"
        return 0.0 if is_measure or is_other else share(column.values, "identifier")
    if content == "label" and said.kind in ("date", "timestamp"):
        return 0.0
    if content == "words" and column.distinct <= _FEWEST_TEXTS:
        return 0.0
    return share(column.values, content)


def _is_measured(column: SampleColumn) -> bool:
    """Return whether what is called an id of sorts is a time of day, or a quantity."""
    found = meanings(column.title)[0]
    return bool(found) and found[-1] in ("time", "date", "count", "quantity", "period")


def _words_each(column: SampleColumn) -> float:
    total = sum(count for _, count in column.values)
    return sum(len(value.split()) * count for value, count in column.values) / max(total, 1)


def _is_prose(column: SampleColumn) -> bool:
    return _words_each(column) >= _LONG_TEXT and column.distinct > _FEWEST_PROSE


def _by_content(column: SampleColumn, said: Written, meaning: str | None) -> str | None:
    """Return what the values alone say, where they say it beyond doubt."""
    if not column.filled or column.native != "varchar":
        return None
    if share(column.values, "email") >= 0.8:
        return "email"
    several = column.distinct >= 5
    if meaning == "name" and _numbers_rows(column):
        return "record_id"
    email = share(column.values, "email")
    if several and email >= 0.2 and email + share(column.values, "phone") >= _NEARLY_ALL:
        return "contact_point"
    if several and share(column.values, "national_id") >= 0.95 and said.kind != "date":
        return "national_id"
    is_company = meaning in (None, "company_id")
    if several and is_company and share(column.values, "organisation_number") >= 0.95:
        return "organisation_number"
    if several and meaning is None and said.kind == "text":
        plus = sum(
            n for value, n in column.values if value.startswith("+") and DETECTORS["phone"](value)
        )
        if plus >= 0.5 * sum(n for _, n in column.values):
            return "phone"
        if share(column.values, "ip") >= _NEARLY_ALL:
            return "ip_address"
        if _is_prose(column):
            return "body"
    return None


def _numbers_rows(column: SampleColumn) -> bool:
    """Return whether what is called a name numbers the rows, as #1001 does."""
    has_digits = sum(count for value, count in column.values if re.search(r"\d", value))
    is_all = has_digits >= 0.95 * column.filled and column.distinct >= 0.5 * column.filled
    return is_all and share(column.values, "identifier") >= 0.95


def _class(column: SampleColumn, meaning: str | None, said: Written) -> str:
    """Return the most protective class that name or values speak for."""
    columns = vocabulary().columns
    if meaning is not None:
        return columns[meaning].personal
    if said.kind == "text" and column.distinct >= _FEWEST_NAMES and _are_names(column):
        return "name"
    named = named_columns(column.title)
    if named and named[0][1] >= _NAME_DECIDES:
        name = named[0][0]
        personal = columns[name].personal
        if personal == "none" or _is_sorted_by(column, name, named[0][1]):
            return "none"
        if personal == "pseudonym":
            is_id = said.kind in ("text", "integer") or not column.filled
            return personal if is_id and not _is_measured(column) else "none"
        if personal == "free_text" and 0 < column.distinct <= _FEWEST_TEXTS:
            return "none"
        # A name that values do not bear out keeps its class while they are text of some kind.
        if said.kind in ("text",) or not column.filled or personal == "attribute":
            return personal
    return "none"


def _are_names(column: SampleColumn) -> bool:
    """Return whether values are put together as names of people are, whatever the header says.

    Two or three capitalised words, of which first and last ones each come again in other names.
    """
    if share(column.values, "full_name") < _NEARLY_ALL:
        return False
    words = [value.split() for value, _ in column.values]
    firsts, lasts = {w[0] for w in words}, {w[-1] for w in words}
    return max(len(firsts), len(lasts)) < _NEARLY_ALL * len(words)


def _type(column: SampleColumn, meaning: str | None, said: Written) -> tuple[str, str]:
    """Return the contract's kind and type."""
    spec = vocabulary().columns.get(meaning or "")
    kind = said.kind
    must_be_text = spec is not None and spec.type == "text"
    if must_be_text and spec is not None and spec.content in ("", "label"):
        # Of what a name only hints at, numbers that measure something stay numbers.
        is_measure = _hints(column, meaning) or meaning == "size" or _is_pair(column)
        must_be_text = not (is_measure and kind in ("integer", "decimal"))
    if must_be_text and not column.native.startswith(
        ("double", "float", "decimal", "boolean", "date", "timestamp")
    ):
        return "text", "text"
    is_named_text = meaning is None and _names_text(column.title)
    if is_named_text and kind in ("integer", "decimal"):
        return "text", "text"
    if (
        column.native == "varchar"
        and column.expression != ""
        and _is_typed_file(column)
        and (
            kind in ("integer", "decimal", "boolean")
            and (spec is None or spec.content not in ("number", "flag"))
        )
    ):
        # A typed file says text: whoever wrote it knew.
        return "text", "text"
    if kind == "decimal":
        digits = said.digits
        if meaning in _MONEY:
            digits = 2 if digits <= 2 else min(digits, 4)
        digits = max(2 if meaning != "quantity" else 3, digits)
        return "decimal", f"decimal(18,{digits})"
    return kind, kind


def _is_pair(column: SampleColumn) -> bool:
    return {value for value, _ in column.values} == {"0", "1"}


def _hints(column: SampleColumn, meaning: str | None) -> bool:
    """Return whether a header only hints at a meaning, and its last word says no id or code."""
    scores = dict(named_columns(column.title))
    return scores.get(meaning or "", 0.0) < 1 and not _names_text(column.title)


def _names_text(title: str) -> bool:
    """Return whether a header says id, code or number of something, whatever it is of."""
    found = meanings(title)[0]
    return bool(found) and found[-1] in ("id", "code")


def _is_typed_file(column: SampleColumn) -> bool:
    return not re.fullmatch(r"c\d+", column.expression)


def _evidence(column: SampleColumn, said: Written, kind: str, personal: str) -> tuple[str, ...]:
    parts = []
    rows = max(column.rows, 1)
    if column.filled < column.rows:
        parts.append(f"{column.filled / rows:.0%} filled")
    if column.filled:
        ratio = column.distinct / max(column.filled, 1)
        parts.append("all distinct" if ratio == 1 else f"{column.distinct:,} distinct")
    if kind not in ("text",) and column.filled:
        parts.append(f"{said.share:.1%} {kind}" if said.share < 1 else f"all {kind}")
    if personal in ("email", "phone", "national_id", "organisation_number") and column.filled:
        parts.append(f"{share(column.values, personal):.0%} look like {personal}")
    if column.is_padded:
        parts.append("padded with spaces")
    if column.values:
        parts.append(f"such as {masked(column.values[0][0])}")
    return tuple(parts)


def is_rounded(column: ProposedColumn) -> bool:
    """Return whether values have more decimals than the proposed type keeps."""
    if column.kind != "decimal":
        return False
    kept = int(column.type.rstrip(")").split(",")[1])
    return any(
        len(re.split(r"[.,]", value)[-1].rstrip("0")) > kept
        for value, _ in column.sample.values
        if re.search(r"[.,]\d+$", value) or EXPONENT.fullmatch(value)
    )


def has_exponents(column: ProposedColumn) -> bool:
    """Return whether numbers of a column are written with an exponent, as 1.5e-05 is."""
    return column.kind == "decimal" and any(
        EXPONENT.fullmatch(value) for value, _ in column.sample.values
    )


def null_words(columns: Sequence[ProposedColumn]) -> tuple[str, ...]:
    """Return the words that a file writes for no value, where reading them so is safe or needed."""
    words = {
        word
        for column in columns
        for word in column.sample.nulls
        if word.strip() in _ALWAYS_NULL or column.kind != "text"
    }
    return ("", *sorted(words))


def in_context(columns: Sequence[ProposedColumn], entity: str | None) -> list[ProposedColumn]:
    """Return the columns with the classes they have in a table of an entity.

    In a table of persons whatever is known of a row is known of a person; in a table of products
    or stores a name or a city is nobody's. Elsewhere what sorts rows is known of a person only if
    its name says so.
    """
    if entity in ("products", "stores", "inventory", "exchange_rates", "campaigns"):
        return [
            replace(column, personal="none")
            if column.personal in (*_PERSONS_ONLY, "pseudonym", "free_text")
            and column.meaning not in ("customer_id", "given_name", "family_name")
            else column
            for column in columns
        ]
    if is_of_persons(columns, entity):
        return [_of_person(column) for column in columns]
    has_products = any(column.meaning in ("product_id", "product_name") for column in columns)
    return [
        replace(column, personal="none")
        if (column.personal == "attribute" and _sorts_rows(column))
        or (column.meaning == "description" and has_products)
        else column
        for column in columns
    ]


def _of_person(column: ProposedColumn) -> ProposedColumn:
    """Return a column of a table of persons, where what is not plain is known of a person."""
    if column.personal != "none" or column.kind == "timestamp":
        return column
    if column.meaning is not None and _is_plain(column):
        return column
    return replace(column, personal="pseudonym" if _is_key_like(column) else "attribute")


def _is_key_like(column: ProposedColumn) -> bool:
    """Return whether an unknown column tells all rows apart, by long codes or by what it is called.

    Codes as long as a hash stand for the person in some other system.
    """
    sample = column.sample
    if column.meaning is not None or not sample.distinct == sample.filled == sample.rows >= 20:
        return False
    is_code = share(sample.values, "uuid") + share(sample.values, "hash") >= _NEARLY_ALL
    return is_code or (column.kind != "decimal" and column.title.strip().endswith(("ID", "Id")))


def _sorts_rows(column: ProposedColumn) -> bool:
    """Return whether a column sorts rows into groups, and its name speaks of no person."""
    is_generic = column.meaning is None or column.meaning in _GENERIC
    return is_generic and not set(meanings(column.title)[0]) & _PERSON_WORDS


def _is_plain(column: ProposedColumn) -> bool:
    meaning = column.meaning or ""
    is_pseudonym = column.personal == "pseudonym"
    return meaning in _PLAIN or is_pseudonym or meaning.endswith("_at")


def is_of_persons(columns: Sequence[ProposedColumn], entity: str | None) -> bool:
    """Return whether a row of the table is a person."""
    if entity is not None:
        return entity == "customer_records"
    personal = [
        column for column in columns if column.personal in (*_PERSONS_ONLY, "email", "phone")
    ]
    facts = {"order_id", "product_id", "campaign_id", "coupon_id", "store_id"}
    return bool(personal) and not any(column.meaning in facts for column in columns)
