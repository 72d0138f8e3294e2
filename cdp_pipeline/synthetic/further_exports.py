"""The exports beside people and purchases: surveys, memberships, visits, offers, stock, outsiders.

Belongs here: how each of these systems writes its files, and what is broken in them on purpose.
Does not belong here: what stands in them (the modules named after it).
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cdp_pipeline.synthetic.assortment import Assortment, Stores
from cdp_pipeline.synthetic.browsing import (
    CART_STATUSES,
    DEVICES,
    EVENTS,
    PAGE,
    SEARCH,
    Carts,
    Sessions,
    Visitors,
    WebEvents,
)
from cdp_pipeline.synthetic.campaigns import Recipients
from cdp_pipeline.synthetic.columns import (
    Ints,
    Mask,
    Rows,
    Text,
    blank,
    day,
    digits,
    iso_day,
    iso_moment,
    join,
    misspell,
    moment,
    money,
    one,
    take,
    where,
)
from cdp_pipeline.synthetic.exports import ORPHAN_SHARE, Landing
from cdp_pipeline.synthetic.files import write_parquet
from cdp_pipeline.synthetic.memberships import PLANS, REASONS, STATUSES, Subscriptions, Usage
from cdp_pipeline.synthetic.names import COUNTRIES
from cdp_pipeline.synthetic.offers import WEB_BANNER, CampaignMaster, Offers
from cdp_pipeline.synthetic.outside import BROKER_LICENCE, PARTNER_LICENCE, Enrichments
from cdp_pipeline.synthetic.people import END_DAY, NEVER
from cdp_pipeline.synthetic.places import CURRENCIES
from cdp_pipeline.synthetic.random_streams import Dice
from cdp_pipeline.synthetic.records import SystemRecords
from cdp_pipeline.synthetic.supply import WAREHOUSES, Stock
from cdp_pipeline.synthetic.survey_texts import SEARCHES
from cdp_pipeline.synthetic.surveys import Surveys
from cdp_pipeline.synthetic.ticket_texts import LANGUAGES


def _words(words: tuple[str, ...], places: Rows) -> Text:
    return take(pa.array(words, pa.string()), places)


def _comma(cents: Ints) -> Text:
    return join(digits(cents // 100), ",", digits(cents % 100, 2))


def _swedish_minute(seconds: Ints) -> Text:
    """2024-05-17 13:02:59 as 17/05/2024 13:02."""
    iso = iso_moment(seconds)
    part = pc.utf8_slice_codeunits
    date = join(part(iso, 8, 10), "/", part(iso, 5, 7), "/", part(iso, 0, 4))
    return join(date, " ", part(iso, 11, 16))


def _product(assortment: Assortment, product: Ints) -> Text:
    """Write article numbers; -1 is none."""
    return blank(digits(assortment.product_id[np.maximum(product, 0)]), product < 0)


def write_surveys(landing: Landing, surveys: Surveys, assortment: Assortment, dice: Dice) -> None:
    """Write survey/responses.csv: UTF-16 with tabs, as survey tools do for spreadsheets."""
    chance = dice.stream("survey orphans")
    orphan = chance.random(len(surveys.at)) < 2 * ORPHAN_SHARE
    landing.orphans["survey/responses.csv"] = int(orphan.sum())
    unknown = digits(9_900_001 + np.arange(len(orphan)))
    table = pa.table(
        {
            "Svars-ID": digits(surveys.response_id),
            "Enkät": where(surveys.is_yearly, "Kundrelation", "Efter köp"),
            "Kanal": surveys.channel,
            "Besvarad": _swedish_minute(surveys.at),
            "Kundsystem": surveys.system,
            "Kund-ID": where(orphan, unknown, surveys.record_id),
            "Order": blank(digits(surveys.order_id), surveys.order_id == 0),
            "Artikel": _product(assortment, surveys.product),
            "Rekommendera (0-10)": blank(digits(surveys.score), surveys.score < 0),
            "Betyg (1-5)": blank(digits(surveys.stars), surveys.stars < 0),
            "Kommentar": surveys.comment,
            "Språk": surveys.language,
        }
    )
    landing.csv(
        "survey/responses.csv",
        table,
        delimiter="\t",
        encoding="utf-16",
        broken=(
            ("no key", "\tEfter köp\temail\t04/03/2026 10:15\twebshop\t200001\t\t\t9\t5\tBra!\tsv"),
            (
                "impossible amount",
                "39999\tEfter köp\temail\t04/03/2026 10:15\twebshop\t200001\t\t\tnio\t5\tBra!\tsv",
            ),
        ),
    )


def write_subscriptions(
    landing: Landing, subscriptions: Subscriptions, users: SystemRecords, assortment: Assortment
) -> None:
    """Write plus/subscriptions.csv: semicolons and decimal comma."""
    made = subscriptions
    ended, renews = made.ended_on == NEVER, made.renews_on == NEVER
    table = pa.table(
        {
            "abonnemang": digits(made.subscription_id),
            "kund": take(users.record_id, made.user),
            "plan": _words(PLANS, made.plan),
            "artikel": _product(assortment, made.product),
            "status": _words(STATUSES, made.status),
            "start": iso_day(made.started_on),
            "fornyas": iso_day(made.renews_on, renews),
            "slut": iso_day(made.ended_on, ended),
            "manader": digits(made.months),
            "valuta": _words(tuple(CURRENCIES.values()), made.country),
            "pris": _comma(made.amount),
            "orsak": blank(_words(REASONS, np.maximum(made.reason, 0)), made.reason < 0),
        }
    )
    landing.csv(
        "plus/subscriptions.csv",
        table,
        delimiter=";",
        broken=(
            ("no key", ";200001;plus_month;;active;2026-01-01;2026-10-01;;1;SEK;49,00;"),
            (
                "impossible date",
                "4999999;200001;plus_month;;active;1 januari;2026-10-01;;1;SEK;49,00;",
            ),
        ),
    )


def write_usage(
    landing: Landing, usage: Usage, subscriptions: Subscriptions, users: SystemRecords,
    assortment: Assortment,
) -> None:  # fmt: skip
    """Write plus/usage.parquet."""
    of = usage.subscription
    table = pa.table(
        {
            "use_id": pa.array(usage.usage_id),
            "user_id": take(users.record_id, subscriptions.user[of]),
            "subscription_id": pa.array(subscriptions.subscription_id[of]),
            "product_id": _product(assortment, subscriptions.product[of]),
            "feature": usage.feature,
            "used_at": moment(usage.at),
            "times": pa.array(usage.quantity),
        }
    )
    _parquet(landing, "plus/usage.parquet", table)


def write_carts(
    landing: Landing, carts: Carts, sessions: Sessions, users: SystemRecords,
    assortment: Assortment,
) -> None:  # fmt: skip
    """Write webshop/carts.csv."""
    session = carts.session
    user = sessions.user[session]
    table = pa.table(
        {
            "cart_id": digits(carts.cart_id),
            "product_id": digits(assortment.product_id[carts.product]),
            "user_id": _user(users, user, carts.is_logged_in),
            "cookie": _cookie(sessions.cookie[session]),
            "status": _words(CART_STATUSES, carts.status),
            "quantity": money(carts.quantity, scale=3),
            "price": money(carts.unit_price),
            "currency": _words(tuple(CURRENCIES.values()), sessions.country[session]),
            "touched_at": iso_moment(carts.at),
            "order_id": blank(digits(carts.order_id), carts.order_id == 0),
        }
    )
    landing.csv(
        "webshop/carts.csv",
        table,
        broken=(
            ("no key", ",100001,200001,1,open,1.000,99.00,SEK,2026-09-29 10:00:00,"),
            (
                "impossible amount",
                "6999999,100001,200001,1,open,two,99.00,SEK,2026-09-29 10:00:00,",
            ),
        ),
    )


def write_web_events(
    landing: Landing, events: WebEvents, sessions: Sessions, users: SystemRecords,
    assortment: Assortment, codes: list[str], dice: Dice,
) -> None:  # fmt: skip
    """Write analytics/events.parquet; one row has no key."""
    chance = dice.stream("searches")
    session, step = events.session, events.step
    is_other = step == 2
    product = np.where(is_other, sessions.other_product[session], sessions.product[session])
    has_product = (step == 2) | (step == 3) | (step == 4)
    campaign = np.where(step == PAGE, sessions.campaign[session], -1)
    searches = np.flatnonzero(step == SEARCH)
    texts = pa.array([text for name in LANGUAGES for text in SEARCHES[name]], pa.string())
    pairs = pa.array([word for text in texts.to_pylist() for word in text.split("|")], pa.string())
    category = assortment.category[product[searches]].astype(np.int64)
    language = sessions.language[session[searches]]
    word = 2 * (language * len(SEARCHES["sv"]) + category)
    typed = take(pairs, word + chance.integers(0, 2, len(searches)))
    typed = misspell(typed, chance.random(len(searches)) < 0.06, chance)
    place = np.zeros(len(step), dtype=np.int64)
    place[searches] = np.arange(len(searches))
    if not len(searches):
        typed = pa.nulls(1, pa.string())
    number = 100_000_001 + np.arange(len(step))
    table = pa.table(
        {
            "event_id": pa.array(number),
            "user_id": _user(users, sessions.user[session], events.is_logged_in),
            "cookie": _cookie(sessions.cookie[session]),
            "event": _coded(EVENTS, step),
            "product_id": pa.array(assortment.product_id[product], mask=~has_product),
            "category": _coded(
                assortment.category_names, assortment.category[product], ~has_product
            ),
            "search_text": blank(take(typed, place), step != SEARCH),
            "campaign": _coded(tuple(codes), np.maximum(campaign, 0), campaign < 0),
            "device": _coded(DEVICES, sessions.device[session]),
            "occurred_at": moment(events.at),
        }
    )
    keyless = pa.table({f.name: pa.nulls(1, f.type) for f in table.schema}, schema=table.schema)
    landing.defects.note("analytics/events.parquet", "no key")
    _parquet(landing, "analytics/events.parquet", pa.concat_tables([table, keyless]))


def _coded(words: tuple[str, ...], places: Rows, missing: Mask | None = None) -> Text:
    """Give the word at each place, null where missing."""
    code = pa.array(np.asarray(places, dtype=np.int64), mask=missing)
    return one(pa.array(words, pa.string()).take(code))


def _user(users: SystemRecords, user: Ints, is_logged_in: Rows) -> Text:
    if not len(users):
        return pa.nulls(len(user), pa.string())
    return blank(take(users.record_id, np.maximum(user, 0)), ~is_logged_in | (user < 0))


def _cookie(cookie: Rows) -> Text:
    return digits(cookie.astype(np.int64))


def write_visitors(landing: Landing, visitors: Visitors, users: SystemRecords) -> None:
    """Write analytics/visitors.parquet: cookies, and who logged in with them."""
    table = pa.table(
        {
            "cookie": _cookie(visitors.cookie),
            "user_id": _user(users, visitors.user, visitors.user >= 0),
            "first_seen": moment(visitors.first_at),
            "last_seen": moment(visitors.last_at),
            "device": _coded(DEVICES, visitors.device),
            "country": _coded(tuple(COUNTRIES), visitors.country),
            "page_views": pa.array(visitors.page_views),
            "product_views": pa.array(visitors.product_views),
        }
    )
    _parquet(landing, "analytics/visitors.parquet", table)


def write_campaigns(landing: Landing, master: CampaignMaster) -> None:
    """Write email/campaigns.csv: decimal comma, in kronor."""
    count = len(master.code)
    table = pa.table(
        {
            "campaign_id": pa.array(master.code, pa.string()),
            "name": pa.array(master.name, pa.string()),
            "channel": pa.array(master.channel, pa.string()),
            "purpose": pa.array(master.purpose, pa.string()),
            "start": iso_day(master.started_on),
            "end": iso_day(master.ended_on, master.ended_on == NEVER),
            "cost": _comma(master.cost),
            "currency": pa.array(["SEK"] * count, pa.string()),
        }
    )
    landing.csv(
        "email/campaigns.csv",
        table,
        delimiter=";",
        broken=(("impossible amount", "2026-test;Test;email;sales;2026-01-01;;gratis;SEK"),),
    )


def write_offers(
    landing: Landing, offers: Offers, recipients: Recipients, codes: list[str],
    assortment: Assortment,
) -> None:  # fmt: skip
    """Write email/offers.parquet: times in UTC."""
    rows = offers.recipient
    table = pa.table(
        {
            "offer_id": pa.array(offers.offer_id),
            "recipient_system": _words(("crm", "webshop"), recipients.system[rows]),
            "recipient_id": take(recipients.record_id, rows),
            "campaign_id": _coded(
                tuple(codes), np.maximum(offers.campaign, 0), offers.campaign < 0
            ),
            "product_id": pa.array(assortment.product_id[offers.product]),
            "channel": where(offers.channel == WEB_BANNER, "web", "email"),
            "shown_at": moment(offers.shown_at, zone="UTC"),
            "accepted_at": moment(offers.accepted_at, offers.accepted_at == 0, zone="UTC"),
            "expires_on": day(offers.expires_on),
            "discount_percent": pa.array(offers.percent),
        }
    )
    _parquet(landing, "email/offers.parquet", table)


def write_enrichments(landing: Landing, made: Enrichments) -> None:
    """Write enrichment/facts.csv."""
    third = made.is_third_party == 1
    table = pa.table(
        {
            "fact_id": digits(made.enrichment_id),
            "party": where(third, "third", "second"),
            "supplier": where(third, "Segmenta", "Kraftkälla"),
            "licence": where(third, BROKER_LICENCE, PARTNER_LICENCE),
            "customer_system": made.system,
            "customer_id": made.record_id,
            "attribute": made.attribute,
            "value": made.value,
            "collected_on": iso_day(made.collected_on),
            "expires_on": iso_day(made.expires_on),
        }
    )
    landing.csv(
        "enrichment/facts.csv",
        table,
        broken=(
            (
                "no key",
                ",third,Segmenta,,crm,K0010001,income_band,high,2026-01-01,2027-01-01",
            ),
            (
                "impossible date",
                "899999,third,Segmenta,,crm,K0010001,income_band,high,2026-01-01,forever",
            ),
        ),
    )


def write_stock(landing: Landing, stock: Stock, stores: Stores, assortment: Assortment) -> None:
    """Write erp/inventory.csv: semicolons, decimal comma, counted before the last opening hour."""
    counted = f"{np.datetime64(END_DAY, 'D')} 05:30:00"
    table = pa.table(
        {
            "lagerplats": _words((*stores.store_id, *WAREHOUSES), stock.place),
            "artikelnr": digits(assortment.product_id[stock.product]),
            "antal": join(digits(stock.quantity), ",000"),
            "raknat": pa.array([counted] * len(stock.place), pa.string()),
            "vantas": iso_day(stock.restock_on, stock.restock_on == NEVER),
        }
    )
    landing.csv(
        "erp/inventory.csv",
        table,
        delimiter=";",
        broken=(
            ("no key", f"B101;;4,000;{counted};"),
            ("impossible amount", f"B101;199999;många;{counted};"),
        ),
    )


def write_company_ledger(landing: Landing, ledger: pa.Table) -> None:
    """Write erp/business_partners.csv: semicolons, CP1252."""
    table = ledger
    for name in ("upplagd", "andrad"):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, iso_moment(ledger[name].to_numpy()))
    landing.csv(
        "erp/business_partners.csv",
        table,
        delimiter=";",
        encoding="cp1252",
        broken=(
            (
                "no key",
                ";Utan nummer AB;;;SE;Bygg;3;;;;;;;;;2024-05-05 12:00:00;2024-05-05 12:00:00",
            ),
        ),
    )


def _parquet(landing: Landing, name: str, table: pa.Table) -> None:
    landing.rows[name] = write_parquet(landing.folder / name, table)
