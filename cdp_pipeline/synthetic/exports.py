"""The tables each system exports, with its own column names, codes and notations.

Belongs here: how the world looks in each system's files, including orphans and broken rows.
Does not belong here: how a file is written (`files`), and what is true (`truth`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cdp_pipeline.synthetic.assortment import Assortment, Stores, exchange_rates
from cdp_pipeline.synthetic.baskets import Basket
from cdp_pipeline.synthetic.behaviour import STORE, WEB
from cdp_pipeline.synthetic.campaigns import Consents, Messages, Recipients, campaign_codes
from cdp_pipeline.synthetic.columns import (
    Rows,
    Text,
    blank,
    digits,
    iso_day,
    iso_moment,
    join,
    moment,
    money,
    take,
    where,
)
from cdp_pipeline.synthetic.files import Defects, ParquetFile, write_csv, write_parquet
from cdp_pipeline.synthetic.names import COUNTRIES
from cdp_pipeline.synthetic.places import CURRENCIES, atlas
from cdp_pipeline.synthetic.random_streams import Dice
from cdp_pipeline.synthetic.records import SystemRecords
from cdp_pipeline.synthetic.service import Tickets

ORPHAN_SHARE = 0.003  # of orders and tickets: the customer was deleted from the system
COUNTRY_NAMES = ("Sverige", "Norge", "Danmark", "Finland")
LOCALES = ("sv_SE", "nb_NO", "da_DK", "fi_FI")


@dataclass
class Landing:
    """The folder of exports, with what was put there."""

    folder: Path
    rows: dict[str, int]
    defects: Defects
    orphans: dict[str, int]

    def csv(
        self,
        name: str,
        table: pa.Table,
        *,
        delimiter: str = ",",
        encoding: str = "utf-8",
        broken: tuple[tuple[str, str], ...] = (),
        repeat_first_row: bool = False,
    ) -> None:
        """Write one CSV export; ``broken`` lists (defect, line)."""
        self.rows[name] = write_csv(
            self.folder / name,
            table,
            delimiter=delimiter,
            encoding=encoding,
            broken_lines=tuple(line for _, line in broken),
            repeat_first_row=repeat_first_row,
        )
        for defect, _ in broken:
            self.defects.note(name, defect)
        if repeat_first_row:
            self.defects.note(name, "the same row twice")


def _yes_no(flags: pa.Array) -> Text:
    return pc.if_else(flags, "J", "N")


def _dotted(iso: Text) -> Text:
    """2024-05-17 as 17.05.2024."""
    part = pc.utf8_slice_codeunits
    return join(part(iso, 8, 10), ".", part(iso, 5, 7), ".", part(iso, 0, 4))


def _names_of(country: pa.Array, names: tuple[str, ...]) -> Text:
    return take(pa.array(names, pa.string()), country.to_numpy(zero_copy_only=False))


def write_contacts(landing: Landing, contacts: SystemRecords) -> None:
    """Write crm/contacts.csv: semicolons, Swedish headers, decimal comma, dotted dates."""
    details, extra = contacts.details, contacts.extra
    kind = extra["kind"].to_numpy(zero_copy_only=False)
    labels = np.array(["Privat", "Kontakt", "Företag", "Prospekt"])[kind]
    protected = extra["is_protected"].to_numpy(zero_copy_only=False)
    country = _names_of(extra["country"], COUNTRY_NAMES)
    table = pa.table(
        {
            "KontaktID": contacts.record_id,
            "Typ": pa.array(labels.tolist(), pa.string()),
            "Förnamn": details.given,
            "Efternamn": details.family,
            "Företag": extra["company"],
            "OrgNr": extra["organisation_number"],
            "TillhörKonto": extra["account"],
            "Befattning": extra["job"],
            "Slutade": _dotted(extra["left"]),
            "E-post": details.email,
            "Telefon": details.phone,
            "Gatuadress": blank(details.street, protected),
            "Postnr": blank(details.postcode, protected),
            "Ort": blank(details.city, protected),
            "Land": blank(country, protected),
            "Födelsedatum": _dotted(details.born),
            "Personnummer": extra["personal_number"],
            "Kön": extra["gender"],
            "Klubbnr": extra["loyalty"],
            "Språk": extra["language"],
            "Kundnivå": extra["tier"],
            "Favoritbutik": extra["store"],
            "Nyhetsbrev": extra["topic"],
            "Kreditgräns": extra["credit"],
            "Avliden": _yes_no(extra["is_deceased"]),
            "SkyddadIdentitet": _yes_no(extra["is_protected"]),
            "Skapad": iso_moment(contacts.created_at),
            "Ändrad": iso_moment(contacts.updated_at),
        }
    )
    landing.csv(
        "crm/contacts.csv",
        table,
        delimiter=";",
        broken=(
            (
                "no key",
                ";Privat;Okänd;Kund;;;;;;;;;;;Sverige;;;;;sv;;;;;N;N;"
                "2024-02-01 09:00:00;2024-02-01 09:00:00",
            ),
            (
                "impossible date",
                "K9999901;Privat;Test;Import;;;;;;;;;;;Sverige;;;;;sv;;;;;N;N;"
                "2024-13-45 09:00:00;2024-02-01 09:00:00",
            ),
        ),
        repeat_first_row=True,
    )


def write_users(landing: Landing, users: SystemRecords) -> None:
    """Write webshop/users.csv: commas, lower-case country codes, true and false."""
    details, extra = users.details, users.extra
    table = pa.table(
        {
            "user_id": users.record_id,
            "email": details.email,
            "first_name": details.given,
            "last_name": details.family,
            "phone": details.phone,
            "street": details.street,
            "zip": details.postcode,
            "city": details.city,
            "country": _names_of(extra["country"], tuple(code.lower() for code in COUNTRIES)),
            "birth_date": details.born,
            "loyalty_number": extra["loyalty"],
            "company": extra["company"],
            "vat_number": extra["vat"],
            "is_guest": extra["is_guest"],
            "locale": _names_of(extra["country"], LOCALES),
            "created_at": iso_moment(users.created_at),
            "updated_at": iso_moment(users.updated_at),
        }
    )
    landing.csv(
        "webshop/users.csv",
        table,
        broken=(
            (
                "no key",
                ",lost@gpost.example,Lost,User,,,,,se,,,,,false,sv_SE,"
                "2025-03-01 10:00:00,2025-03-01 10:00:00",
            ),
            (
                "impossible date",
                "999999901,broken@gpost.example,Broken,User,,,,,se,,,,,false,sv_SE,"
                "yesterday,2025-03-01 10:00:00",
            ),
        ),
        repeat_first_row=True,
    )


def write_members(landing: Landing, members: SystemRecords, country: Rows) -> None:
    """Write pos/members.csv: Latin-1, capitals, "SURNAME, GIVEN" in one field, compact dates."""
    details, extra = members.details, members.extra
    together = join(details.given, " ", details.family)
    name = where(
        extra["without_comma"].to_numpy(zero_copy_only=False),
        together,
        join(details.family, ", ", details.given),
    )
    phone_codes = np.array(["S", "N", "DK", "FIN"])[country]
    table = pa.table(
        {
            "MEDLEMSNR": members.record_id,
            "NAMN": pc.utf8_upper(name),
            "TELEFON": details.phone,
            "EPOST": pc.utf8_lower(details.email),
            "ADRESS": pc.utf8_upper(details.street),
            "POSTNR": details.postcode,
            "ORT": pc.utf8_upper(details.city),
            "LAND": pa.array(phone_codes.tolist(), pa.string()),
            "FODD": pc.replace_substring(details.born, "-", ""),
            "BUTIK": extra["store"],
            "REGDATUM": iso_moment(members.created_at),
            "ANDRAD": iso_moment(members.updated_at),
        }
    )
    landing.csv(
        "pos/members.csv",
        table,
        delimiter=";",
        encoding="latin-1",
        broken=(
            ("no key", ";UTAN, NUMMER;;;;;;S;;B101;2024-05-05 12:00:00;2024-05-05 12:00:00"),
            (
                "impossible date",
                "79999999;FEL, DATUM;;;;;;S;19851332;B101;2024-05-05 12:00:00;2024-05-05 12:00:00",
            ),
        ),
    )


def write_products(landing: Landing, assortment: Assortment) -> None:
    """Write erp/products.csv: semicolons and decimal comma."""

    def price(cents: Rows) -> Text:
        return join(digits(cents // 100), ",", digits(cents % 100, 2))

    table = pa.table(
        {
            "artikelnr": digits(assortment.product_id),
            "benamning": pa.array(assortment.names, pa.string()),
            "kategori": take(pa.array(assortment.category_names, pa.string()), assortment.category),
            "underkategori": pa.array(assortment.subcategory, pa.string()),
            "varumarke": pa.array(assortment.brand, pa.string()),
            "listpris": price(assortment.list_price),
            "inkopspris": price(assortment.unit_cost),
            "valuta": pa.array(["SEK"] * len(assortment.names), pa.string()),
            "utgatt": _yes_no(pa.array(assortment.is_discontinued)),
            "lanserad": iso_day(assortment.launched_on),
        }
    )
    landing.csv(
        "erp/products.csv",
        table,
        delimiter=";",
        broken=(
            (
                "impossible amount",
                "199999;Provartikel;Kök;Servering;Nordhem;pris saknas;10,00;SEK;N;2024-01-01",
            ),
        ),
    )


def write_stores(landing: Landing, stores: Stores) -> None:
    """Write erp/stores.csv."""
    five = np.isin(stores.country, (0, 3))
    table = pa.table(
        {
            "store_id": pa.array(stores.store_id, pa.string()),
            "store_name": pa.array(stores.names, pa.string()),
            "city": take(pa.array(atlas().city_names, pa.string()), stores.city),
            "postcode": where(five, digits(stores.postcode, 5), digits(stores.postcode, 4)),
            "country": take(pa.array(COUNTRIES, pa.string()), stores.country),
            "opened_on": iso_day(stores.opened_on),
        }
    )
    landing.csv("erp/stores.csv", table)


def write_exchange_rates(landing: Landing, dice: Dice) -> None:
    """Write erp/exchange_rates.csv: daily rates in SEK."""
    rates = exchange_rates(dice)
    rate = rates["rate"].to_numpy()
    table = pa.table(
        {
            "rate_date": iso_day(rates["day"].to_numpy()),
            "from_currency": rates["currency"],
            "to_currency": pa.array(["SEK"] * rates.num_rows, pa.string()),
            "rate": join(digits(rate // 10_000), ".", digits(rate % 10_000, 4)),
        }
    )
    landing.csv(
        "erp/exchange_rates.csv",
        table,
        broken=(("impossible amount", "2024-07-01,USD,SEK,n/a"),),
    )


def write_consents(landing: Landing, consents: Consents, recipients: Recipients) -> None:
    """Write consent/consents.csv."""
    table = pa.table(
        {
            "event_id": digits(3_000_001 + np.arange(len(consents.at))),
            "customer_system": _system(recipients, consents.recipient),
            "customer_id": take(recipients.record_id, consents.recipient),
            "contact_point": consents.contact_point,
            "channel": consents.channel,
            "purpose": consents.purpose,
            "decision": where(consents.is_granted, "granted", "withdrawn"),
            "decided_at": iso_moment(consents.at),
            "evidence": consents.evidence,
        }
    )
    landing.csv(
        "consent/consents.csv",
        table,
        broken=(
            (
                "impossible date",
                "3999999991,crm,K0010001,,email,marketing,granted,2025-99-01 00:00:00,paper",
            ),
        ),
    )


def _system(recipients: Recipients, rows: Rows) -> Text:
    return take(pa.array(["crm", "webshop"], pa.string()), recipients.system[rows])


def write_messages(landing: Landing, messages: Messages, recipients: Recipients) -> None:
    """Write email/messages.parquet: times in UTC, held-out recipients among them."""
    order = np.argsort(messages.sent_at, kind="stable")
    rows = messages.recipient[order]

    def utc(name: str) -> pa.Array:
        seconds: npt.NDArray[np.int64] = getattr(messages, name)[order]
        return moment(seconds, missing=seconds == 0, zone="UTC")

    codes = pa.array(campaign_codes(), pa.string())
    table = pa.table(
        {
            "message_id": pa.array(8_000_001 + np.arange(len(rows))),
            "recipient_system": _system(recipients, rows),
            "recipient_id": take(recipients.record_id, rows),
            "campaign_id": take(codes, messages.campaign[order]),
            "held_out": pa.array(messages.is_control[order]),
            "sent_at": utc("sent_at"),
            "opened_at": utc("opened_at"),
            "clicked_at": utc("clicked_at"),
            "replied_at": utc("replied_at"),
        }
    )
    landing.rows["email/messages.parquet"] = write_parquet(
        landing.folder / "email/messages.parquet", table
    )


def write_tickets(landing: Landing, tickets: Tickets, dice: Dice) -> None:
    """Write support/tickets.csv: bodies of several lines, a few about unknown customers."""
    chance = dice.stream("ticket orphans")
    count = len(tickets.opened_at)
    orphan = chance.random(count) < 2 * ORPHAN_SHARE
    unknown = where(
        pc.equal(tickets.system, "crm").to_numpy(zero_copy_only=False),
        join("K", digits(9_000_001 + np.arange(count))),
        digits(150_001 + np.arange(count) % 40_000),
    )
    is_open = tickets.closed_at == 0
    table = pa.table(
        {
            "ticket_id": digits(60_001 + np.arange(count)),
            "customer_system": tickets.system,
            "customer_id": where(orphan, unknown, tickets.record_id),
            "created": iso_moment(tickets.opened_at),
            "closed": iso_moment(tickets.closed_at, missing=is_open),
            "channel": tickets.channel,
            "category": tickets.category,
            "language": tickets.language,
            "subject": tickets.subject,
            "body": tickets.body,
            "status": where(is_open, "open", "closed"),
        }
    )
    landing.orphans["support/tickets.csv"] = int(orphan.sum())
    landing.csv(
        "support/tickets.csv",
        table,
        broken=(
            ("no key", ",webshop,200001,2025-05-05 10:00:00,,email,refund,sv,Hej,Hej,open"),
            ("impossible date", "59999,webshop,200001,05/05/25,,email,refund,sv,Hej,Hej,open"),
        ),
    )


ORDER_LINE_ID = {WEB: "order_id", STORE: "receipt_id"}


def write_orders(
    landing: Landing,
    baskets: Iterable[Basket],
    users: SystemRecords,
    members: SystemRecords,
    store_of_buyer: npt.NDArray[np.int16],
    stores: Stores,
    assortment: Assortment,
    dice: Dice,
) -> None:
    """Write orders and lines of web shop and tills, chunk by chunk as they are made."""
    folder = landing.folder
    orders: list[pa.Table] = []
    orphans = {WEB: 0, STORE: 0}
    with (
        ParquetFile(folder / "webshop/order_lines.parquet") as web_lines,
        ParquetFile(folder / "pos/receipts.parquet") as receipts,
        ParquetFile(folder / "pos/receipt_lines.parquet") as store_lines,
    ):
        for part, basket in enumerate(baskets):
            chance = dice.stream("order orphans", part)
            orphan = (chance.random(len(basket.order_id)) < ORPHAN_SHARE) & (basket.account >= 0)
            if basket.is_return:
                orphan &= False
            orphans[basket.channel] += int(orphan.sum())
            lines = _lines(basket, assortment)
            if basket.channel == WEB:
                orders.append(_web_orders(basket, users, orphan))
                web_lines.write(lines)
            else:
                rows = _receipts(basket, members, orphan, store_of_buyer, stores, chance)
                receipts.write(rows)
                store_lines.write(lines)
        receipts.write(_keyless(receipts_schema(), landing, "pos/receipts.parquet"))
        store_lines.write(_keyless(lines_schema(STORE), landing, "pos/receipt_lines.parquet"))
    landing.rows["webshop/order_lines.parquet"] = web_lines.rows
    landing.rows["pos/receipts.parquet"] = receipts.rows
    landing.rows["pos/receipt_lines.parquet"] = store_lines.rows
    landing.orphans["webshop/orders.csv"] = orphans[WEB]
    landing.orphans["pos/receipts.parquet"] = orphans[STORE]
    landing.csv(
        "webshop/orders.csv",
        pa.concat_tables(orders),
        broken=(
            ("impossible amount", "499999901,200001,2025-01-07 11:00:00,SEK,1 249:-,delivered,"),
            ("impossible date", "499999902,200001,2025-02-30 11:00:00,SEK,249.00,delivered,"),
        ),
        repeat_first_row=True,
    )


def lines_schema(channel: int) -> pa.Schema:
    """Columns of order and receipt lines."""
    return pa.schema(
        [
            (ORDER_LINE_ID[channel], pa.int64()),
            ("line_number", pa.int32()),
            ("product_id", pa.int64()),
            ("quantity", pa.decimal128(18, 3)),
            ("unit_price", pa.decimal128(18, 4)),
            ("discount", pa.decimal128(18, 2)),
            ("amount", pa.decimal128(18, 2)),
            (f"returned_{ORDER_LINE_ID[channel]}", pa.int64()),
            ("returned_line_number", pa.int32()),
        ]
    )


def receipts_schema() -> pa.Schema:
    """Columns of receipts."""
    return pa.schema(
        [
            ("receipt_id", pa.int64()),
            ("store_id", pa.string()),
            ("member_number", pa.string()),
            ("sold_at", pa.timestamp("us")),
            ("currency", pa.string()),
            ("total", pa.decimal128(18, 2)),
            ("kind", pa.string()),
        ]
    )


def _keyless(schema: pa.Schema, landing: Landing, file: str) -> pa.Table:
    """One row in which everything is missing, the key too."""
    landing.defects.note(file, "no key")
    return pa.table({item.name: pa.nulls(1, item.type) for item in schema}, schema=schema)


def _lines(basket: Basket, assortment: Assortment) -> pa.Table:
    none = basket.returned_order == 0
    return pa.Table.from_arrays(
        [
            pa.array(basket.order_id[basket.line_order]),
            pa.array(basket.line_number.astype(np.int32)),
            pa.array(assortment.product_id[basket.product]),
            money(basket.quantity, scale=3),
            money(basket.unit_price * 100, scale=4),
            money(basket.discount),
            money(basket.amount),
            pa.array(basket.returned_order, mask=none),
            pa.array(basket.returned_line.astype(np.int32), mask=none),
        ],
        schema=lines_schema(basket.channel),
    )


def _currency(basket: Basket) -> Text:
    return take(pa.array(list(CURRENCIES.values()), pa.string()), basket.country)


def _web_orders(basket: Basket, users: SystemRecords, orphan: Rows) -> pa.Table:
    user = take(users.record_id, users.position_of_account[basket.account])
    # Users deleted long ago had numbers below today's first.
    deleted = digits(100_001 + basket.order_id % 90_000)
    status = where(
        basket.is_cancelled, "cancelled", "credited" if basket.is_return else "delivered"
    )
    codes = pa.array(campaign_codes(), pa.string())
    campaign = blank(take(codes, np.maximum(basket.campaign, 0)), basket.campaign < 0)
    return pa.table(
        {
            "order_id": pa.array(basket.order_id),
            "user_id": where(orphan, deleted, user),
            "ordered_at": iso_moment(basket.at),
            "currency": _currency(basket),
            "total": money(basket.total),
            "status": status,
            "campaign_code": campaign,
        }
    )


def _receipts(
    basket: Basket,
    members: SystemRecords,
    orphan: Rows,
    store_of_buyer: npt.NDArray[np.int16],
    stores: Stores,
    chance: np.random.Generator,
) -> pa.Table:
    known = basket.account >= 0
    if len(members):
        row = members.position_of_account[np.maximum(basket.account, 0)]
        member = take(members.record_id, row)
    else:
        member = pa.nulls(len(known), pa.string())
    member = where(orphan, join("75", digits(basket.order_id % 1_000_000, 7)), member)
    store = store_of_buyer[basket.shopper].astype(np.int64)
    # One in twelve is bought in another store of the country.
    away = chance.random(len(store)) < 0.08
    first = np.searchsorted(stores.country, stores.country[store], side="left")
    number = np.bincount(stores.country, minlength=4)[stores.country[store]]
    elsewhere = first + (chance.random(len(store)) * number).astype(np.int64)
    store = np.where(away, elsewhere, store)
    return pa.Table.from_arrays(
        [
            pa.array(basket.order_id),
            take(pa.array(stores.store_id, pa.string()), store),
            blank(member, ~known),
            moment(basket.at),
            _currency(basket),
            money(basket.total),
            pa.array(["return" if basket.is_return else "sale"] * len(store), pa.string()),
        ],
        schema=receipts_schema(),
    )
