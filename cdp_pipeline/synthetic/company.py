"""The whole demo company: people, records, behaviour and files, in one call.

Belongs here: the order in which the parts are made, and the truth that is kept beside.
Does not belong here: any part itself.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cdp_pipeline.synthetic import exports, further_exports
from cdp_pipeline.synthetic.assortment import Assortment, make_assortment, make_stores
from cdp_pipeline.synthetic.baskets import fill_baskets, order_numbers
from cdp_pipeline.synthetic.behaviour import (
    Purchases,
    add_anonymous,
    draw_habits,
    draw_purchases,
    open_accounts,
)
from cdp_pipeline.synthetic.browsing import carts_of, draw_sessions, events_of, visitors_of
from cdp_pipeline.synthetic.campaigns import (
    Consents,
    Messages,
    Recipients,
    all_recipients,
    campaign_codes,
    draw_consents,
    run_campaigns,
    with_campaign_orders,
)
from cdp_pipeline.synthetic.columns import Ints, Text, blank, day, digits, join, take
from cdp_pipeline.synthetic.companies import make_companies
from cdp_pipeline.synthetic.files import Defects, write_parquet
from cdp_pipeline.synthetic.memberships import draw_subscriptions, draw_usage
from cdp_pipeline.synthetic.names import COUNTRIES
from cdp_pipeline.synthetic.offers import campaign_master, draw_offers
from cdp_pipeline.synthetic.outside import company_ledger, draw_enrichments
from cdp_pipeline.synthetic.past import Notes, Sold
from cdp_pipeline.synthetic.people import END_DAY, NEVER, START_DAY, make_people
from cdp_pipeline.synthetic.random_streams import Dice
from cdp_pipeline.synthetic.records import (
    SystemRecords,
    World,
    contact_records,
    member_records,
    user_records,
)
from cdp_pipeline.synthetic.service import Tickets, draw_tickets
from cdp_pipeline.synthetic.supply import draw_stock
from cdp_pipeline.synthetic.surveys import draw_surveys
from cdp_pipeline.synthetic.tastes import Tastes, draw_tastes

DEFAULT_PEOPLE = 5_400
DEFAULT_SEED = 7
DEFAULT_LINES_PER_RECORD = 10.0
COMPANY_SHARE = 0.012


@dataclass(frozen=True)
class CompanySummary:
    """What was written.

    Attributes
    ----------
    people
        People invented; companies come on top.
    seed
        What all random streams started from.
    lines_per_record
        Order lines per customer record that were aimed at.
    rows
        Rows per file below the landing folder, broken ones included.
    orphans
        Orders, receipts and tickets per file whose customer is in no export.
    """

    people: int
    seed: int
    lines_per_record: float
    rows: dict[str, int]
    orphans: dict[str, int]


def write_company(
    landing: Path,
    truth: Path,
    *,
    people: int = DEFAULT_PEOPLE,
    seed: int = DEFAULT_SEED,
    lines_per_record: float = DEFAULT_LINES_PER_RECORD,
) -> CompanySummary:
    """Invent a Nordic retailer and write its systems' exports, and the truth about them.

    Parameters
    ----------
    landing
        Folder for the exports; each system gets a folder of its own in it.
    truth
        Folder for who is who, who has churned and what campaigns caused. No pipeline reads it.
    people
        How many people; about 2.05 customer records each come out.
    seed
        The same seed and size give the same bytes.
    lines_per_record
        Order lines per customer record, on average.

    Returns
    -------
    CompanySummary
        Rows per file, and what is orphaned in them.
    """
    dice = Dice(seed)
    everything = _invent(people, lines_per_record, dice)
    _empty(landing)
    land = _write_landing(landing, everything, dice)
    rows = {name: land.rows[name] for name in sorted(land.rows)}
    summary = CompanySummary(people, seed, lines_per_record, rows, land.orphans)
    _empty(truth)
    _write_truth(truth, everything, land, summary)
    _write_company_truth(truth, everything, dice)
    return summary


@dataclass(frozen=True)
class _Everything:
    """A whole company before it is written down."""

    world: World
    assortment: Assortment
    tastes: Tastes
    contacts: SystemRecords
    users: SystemRecords
    members: SystemRecords
    recipients: Recipients
    consents: Consents
    messages: Messages
    purchases: Purchases
    tickets: Tickets


def _invent(people: int, lines_per_record: float, dice: Dice) -> _Everything:
    persons = make_people(people, dice)
    firms = make_companies(round(people * COMPANY_SHARE), persons, dice)
    accounts = open_accounts(persons, firms, dice)
    habits = draw_habits(accounts, lines_per_record * accounts.records, dice)
    purchases = draw_purchases(accounts, habits, dice)
    assortment = make_assortment(dice)
    world = World(persons, firms, accounts, habits, make_stores(dice))
    tastes = draw_tastes(accounts, habits, assortment, dice)

    members = member_records(world, purchases, dice)
    users = user_records(world, members, purchases, dice)
    order_count = np.bincount(purchases.buyer, minlength=accounts.buyers)
    contacts = contact_records(world, members, order_count, dice)

    recipients = all_recipients(contacts, users)
    consents = draw_consents(recipients, dice)
    messages = run_campaigns(recipients, consents, purchases, habits, tastes, dice)
    purchases = with_campaign_orders(purchases, messages, recipients, accounts, dice)
    purchases = add_anonymous(purchases, dice)
    numbers = order_numbers(purchases)
    tickets = draw_tickets(world, purchases, numbers, contacts, users, assortment, dice)
    return _Everything(
        world=world,
        assortment=assortment,
        tastes=tastes,
        contacts=contacts,
        users=users,
        members=members,
        recipients=recipients,
        consents=consents,
        messages=messages,
        purchases=purchases,
        tickets=tickets,
    )


def _write_landing(folder: Path, made: _Everything, dice: Dice) -> exports.Landing:
    land = exports.Landing(folder, {}, Defects(), {})
    persons, firms = made.world.people, made.world.companies
    stores = made.world.stores
    exports.write_contacts(land, made.contacts)
    exports.write_users(land, made.users)
    exports.write_members(land, made.members, persons.country[made.members.buyer])
    exports.write_products(land, made.assortment)
    exports.write_stores(land, stores)
    exports.write_exchange_rates(land, dice)
    exports.write_consents(land, made.consents, made.recipients)
    exports.write_messages(land, made.messages, made.recipients)
    exports.write_tickets(land, made.tickets, dice)
    countries = np.concatenate([persons.country, firms.country])
    cities = np.concatenate([persons.homes.city[persons.home], firms.homes.city])
    baskets = fill_baskets(
        made.purchases, made.tastes, made.assortment, countries, len(persons), dice
    )
    home_stores = stores.nearest[cities]
    notes = Notes()
    exports.write_orders(
        land,
        notes.watch(baskets),
        made.users,
        made.members,
        home_stores,
        stores,
        made.assortment,
        dice,
    )
    _write_further(land, made, notes.sold(), dice)
    return land


def _write_further(land: exports.Landing, made: _Everything, sold: Sold, dice: Dice) -> None:
    """Write what the other systems know, all of it tied to the people and orders above."""
    world, users, assortment = made.world, made.users, made.assortment
    surveys = draw_surveys(
        world, sold, made.tickets, made.contacts, users, made.members, assortment, dice
    )
    further_exports.write_surveys(land, surveys, assortment, dice)
    subscriptions = draw_subscriptions(world, users, made.tastes, assortment, dice)
    usage = draw_usage(subscriptions, dice)
    further_exports.write_subscriptions(land, subscriptions, users, assortment)
    further_exports.write_usage(land, usage, subscriptions, users, assortment)
    sessions = draw_sessions(world, sold, users, made.tastes, assortment, dice)
    events = events_of(sessions, dice)
    carts = carts_of(sessions, events, sold, assortment, dice)
    master = campaign_master(made.messages, len(world.people), dice)
    further_exports.write_carts(land, carts, sessions, users, assortment)
    further_exports.write_web_events(land, events, sessions, users, assortment, master.code, dice)
    further_exports.write_visitors(land, visitors_of(sessions, events), users)
    further_exports.write_campaigns(land, master)
    offers = draw_offers(
        made.messages, made.recipients, sessions, users, sold, made.tastes, assortment, dice
    )
    further_exports.write_offers(land, offers, made.recipients, master.code, assortment)
    facts = draw_enrichments(world, made.contacts, users, made.tastes, dice)
    further_exports.write_enrichments(land, facts)
    stock = draw_stock(world.stores, assortment, dice, demand=len(world.people) / DEFAULT_PEOPLE)
    further_exports.write_stock(land, stock, world.stores, assortment)
    ledger, _ = company_ledger(world.people, world.companies, dice)
    further_exports.write_company_ledger(land, ledger)


def _empty(folder: Path) -> None:
    """Start from nothing: a file left from another size would mix two companies."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)


def _buyer_ids(buyer: Ints, people: int) -> Text:
    """People are p..., companies o... (organisations)."""
    numbers = digits(np.where(buyer < people, buyer, buyer - people), 7)
    prefix = take(pa.array(["p", "o"], pa.string()), (buyer >= people).astype(np.int64))
    return join(prefix, numbers)


def _write_truth(
    folder: Path, made: _Everything, land: exports.Landing, summary: CompanySummary
) -> None:
    systems = (made.contacts, made.users, made.members)
    write_parquet(folder / "records.parquet", _records_truth(made.world, systems))
    write_parquet(folder / "people.parquet", _people_truth(made.world, made.purchases.buyer))
    write_parquet(
        folder / "campaign_effects.parquet", _effects_truth(made.messages, made.recipients)
    )
    write_parquet(folder / "bad_rows.parquet", land.defects.table())
    facts = {
        "people": summary.people,
        "seed": summary.seed,
        "lines_per_record": summary.lines_per_record,
        "first_day": str(np.datetime64(START_DAY, "D")),
        "last_day": str(np.datetime64(END_DAY, "D")),
        "rows": summary.rows,
        "orphans": summary.orphans,
    }
    text = json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
    (folder / "summary.json").write_text(text, encoding="utf-8")


def _write_company_truth(folder: Path, made: _Everything, dice: Dice) -> None:
    """Write who owns whom, and which person answers for which company."""
    _, companies = company_ledger(made.world.people, made.world.companies, dice)
    write_parquet(folder / "companies.parquet", companies)
    firms = made.world.companies
    contacts = pa.table(
        {
            "company_id": join("o", digits(firms.contact_company, 7)),
            "person_id": join("p", digits(firms.contact_person, 7)),
        }
    )
    write_parquet(folder / "company_contacts.parquet", contacts)


def _effects_truth(messages: Messages, recipients: Recipients) -> pa.Table:
    codes = pa.array(campaign_codes(), pa.string())
    systems = pa.array(["crm", "webshop"], pa.string())
    return pa.table(
        {
            "campaign_id": take(codes, messages.campaign),
            "source": take(systems, recipients.system[messages.recipient]),
            "record_id": take(recipients.record_id, messages.recipient),
            "is_control": pa.array(messages.is_control),
            "added_order_chance": pa.array(messages.added_order_chance),
            "added_order": pa.array(messages.added_order),
        }
    )


def _records_truth(
    world: World, systems: tuple[SystemRecords, SystemRecords, SystemRecords]
) -> pa.Table:
    people = len(world.people)
    names = ("crm", "webshop", "pos")
    buyer = np.concatenate([system.buyer for system in systems])
    household = digits(world.people.household[np.minimum(buyer, people - 1)], 7)
    is_company = buyer >= people
    return pa.table(
        {
            "source": pa.array(
                np.repeat(np.array(names), [len(system) for system in systems]).tolist()
            ),
            "record_id": pa.concat_arrays([system.record_id for system in systems]),
            "person_id": _buyer_ids(buyer, people),
            "household_id": blank(join("h", household), is_company),
            "kind": take(pa.array(["person", "company"], pa.string()), is_company.astype(int)),
        }
    )


def _people_truth(world: World, order_buyers: npt.NDArray[np.int32]) -> pa.Table:
    persons, habits = world.people, world.habits
    count, buyers = len(persons), world.accounts.buyers
    buyer = np.arange(buyers)
    is_company = buyer >= count
    of_person = np.minimum(buyer, count - 1)
    never = np.full(buyers - count, NEVER)
    renamed = np.concatenate([persons.renamed_on, never])
    moved = np.concatenate([persons.moved_on, never])
    known = order_buyers[order_buyers >= 0]
    country = np.concatenate([persons.country, world.companies.country])
    return pa.table(
        {
            "person_id": _buyer_ids(buyer, count),
            "kind": take(pa.array(["person", "company"], pa.string()), is_company.astype(int)),
            "household_before_id": blank(
                join("h", digits(persons.household_before[of_person], 7)), is_company
            ),
            "household_id": blank(join("h", digits(persons.household[of_person], 7)), is_company),
            "country": take(pa.array(COUNTRIES, pa.string()), country),
            "is_twin": pa.array(persons.is_twin[of_person] & ~is_company),
            "is_flatmate": pa.array(persons.is_flatmate[of_person] & ~is_company),
            "renamed_on": day(renamed, renamed == NEVER),
            "moved_on": day(moved, moved == NEVER),
            "joined_on": day(habits.joined_on),
            "churned_on": day(habits.churned_on, habits.churned_on == NEVER),
            "is_fading": pa.array(habits.is_fading),
            "mean_gap_days": pa.array(np.round(habits.mean_gap_days, 3)),
            "regularity": pa.array(habits.regularity),
            "orders": pa.array(np.bincount(known, minlength=buyers)),
        }
    )
