"""Exports as well-known systems write them: their real headers, with invented values.

Each column names a kind of value, and each kind says what the right answer is: type, formats and
personal classes (`|` where the closed list leaves both open). A header followed by another answer
than its kind's says why in its name. The values are seeded and mean nobody.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROWS = 240

GIVEN = "Anna Björn Çelik Dag Elin Fredrik Gunnel Håkan Ida José Kirsten Lars Maja Nils Oskar Päivi"
FAMILY = "Berg Dahl Ekström Fjäll Grön Hansen Jensen Korhonen Lund Mäkinen Nyström O'Neill Øster"
CITIES = "Malmö,Umeå,Bergen,Århus,Turku,Oslo,København,Göteborg,New York,Espoo"
STREETS = "Storgatan,Kungsvägen,Parkveien,Nørregade,Mannerheimintie,Main Street,Elm Road"
WORDS = "the parcel came late and box was torn please call me before noon thanks for quick help"


@dataclass(frozen=True)
class Value:
    """A kind of value: how one is written, and what its column is."""

    write: Callable[[random.Random, int], str]
    kinds: str
    classes: str
    formats: tuple[str, ...] = ()


def _one(listed: str, separator: str = " ") -> Callable[[random.Random, int], str]:
    words = listed.split(separator)
    return lambda r, _: r.choice(words)


def _some(share: float, write: Callable[[random.Random, int], str]) -> Callable[..., str]:
    return lambda r, n: write(r, n) if r.random() < share else ""


def _number(low: float, high: float, digits: int, decimal: str = ".", thousands: str = ""):
    def write(r: random.Random, _: int) -> str:
        text = f"{r.uniform(low, high):,.{digits}f}"
        return text.replace(",", "\0").replace(".", decimal).replace("\0", thousands)

    return write


def _when(form: str, first: int = 2021, last: int = 2025) -> Callable[[random.Random, int], str]:
    def write(r: random.Random, _: int) -> str:
        day = dt.datetime(r.randint(first, last), 1, 1, tzinfo=dt.UTC) + dt.timedelta(
            days=r.randrange(365), seconds=r.randrange(86400)
        )
        return _unpadded(day) if form == "unpadded" else day.strftime(form)

    return write


def _unpadded(day: dt.datetime) -> str:
    return f"{day.month}/{day.day}/{day.year} {day.hour}:{day.minute:02d}"


def _name(r: random.Random, _: int) -> str:
    return f"{r.choice(GIVEN.split())} {r.choice(FAMILY.split())}"


def _birth_number(r: random.Random, _: int) -> str:
    from cdp_pipeline.proposing.shapes import luhn

    start = (
        f"{r.randint(50, 99)}{r.randint(1, 12):02d}{r.randint(1, 28):02d}{r.randint(0, 999):03d}"
    )
    check = next(d for d in "0123456789" if luhn(start + d))
    return f"{start[:6]}-{start[6:]}{check}"


def _organisation_number(r: random.Random, _: int) -> str:
    from cdp_pipeline.proposing.shapes import luhn

    start = f"556{r.randint(100, 999)}{r.randint(100, 999)}"
    return f"{start[:6]}-{start[6:]}" + next(d for d in "0123456789" if luhn(start + d))


def _sentence(r: random.Random, _: int) -> str:
    return " ".join(r.choice(WORDS.split()) for _ in range(r.randint(6, 14)))


def _code(prefix: str, most: int | None = None) -> Callable[[random.Random, int], str]:
    return lambda r, n: f"{prefix}{r.randrange(most) if most else 1000 + n}"


def _hex(r: random.Random, _: int) -> str:
    return f"{r.getrandbits(128):032x}"


KINDS: dict[str, Value] = {
    # of persons
    "given": Value(_one(GIVEN), "text", "name"),
    "family": Value(_one(FAMILY), "text", "name"),
    "name": Value(_name, "text", "name"),
    "email": Value(
        lambda r, n: f"{r.choice(GIVEN.split()).lower()}{n}@example.com", "text", "email"
    ),
    "phone": Value(lambda r, _: f"+4670{r.randint(1000000, 9999999)}", "text", "phone"),
    "local_phone": Value(
        _some(
            0.8, lambda r, _: f"070-{r.randint(100, 999)} {r.randint(10, 99)} {r.randint(10, 99)}"
        ),
        "text",
        "phone",
    ),
    "street": Value(
        lambda r, _: f"{r.choice(STREETS.split(','))} {r.randint(1, 99)}", "text", "address"
    ),
    "street2": Value(_some(0.1, lambda r, _: f"Apt {r.randint(1, 40)}"), "text", "address"),
    "city": Value(_one(CITIES, ","), "text", "address"),
    "region": Value(_one("Skåne Uppland NY Viken Uusimaa"), "text", "address | attribute"),
    "zip": Value(lambda r, _: f"{r.randint(100, 999)} {r.randint(10, 99)}", "text", "address"),
    "zip5": Value(lambda r, _: f"{r.randint(1000, 99999):05d}", "text", "address"),
    "zip4": Value(lambda r, _: f"{r.randint(1000, 9999)}", "text", "address"),
    "country": Value(_one("SE NO DK FI"), "text", "attribute"),
    "country_name": Value(
        _one("Sweden,Norway,Denmark,United Kingdom,France", ","), "text", "attribute"
    ),
    "birth": Value(_when("%Y-%m-%d", 1940, 2004), "date", "birth_date"),
    "birth_dmy": Value(_when("%d.%m.%Y", 1940, 2004), "date", "birth_date", ("%d.%m.%Y",)),
    "gender": Value(_one("M F"), "text", "attribute"),
    "pnr": Value(_birth_number, "text", "national_id"),
    "orgnr": Value(_organisation_number, "text", "organisation_number"),
    "company": Value(
        _some(0.4, lambda r, _: f"{r.choice(FAMILY.split())} {r.choice(['AB', 'Oy', 'A/S'])}"),
        "text",
        "name | attribute",
    ),
    "title": Value(_one("CEO,Buyer,Head of Sales,Owner,Store manager", ","), "text", "attribute"),
    "free_text": Value(_some(0.5, _sentence), "text", "free_text"),
    "cookie": Value(_hex, "text", "device"),
    "ip": Value(lambda r, _: ".".join(str(r.randint(1, 254)) for _ in range(4)), "text", "device"),
    "latitude": Value(_number(55, 69, 6), "decimal", "address"),
    "language": Value(_one("sv nb da fi en"), "text", "attribute"),
    # what is known of a person
    "attr": Value(_one("gold silver bronze"), "text", "attribute"),
    "attr_tags": Value(
        _some(0.5, _one("vip,newsletter;vip,wholesale", ";")), "text", "attribute | free_text"
    ),
    "attr_int": Value(lambda r, _: str(r.randint(0, 40)), "integer", "attribute | none"),
    "attr_money": Value(_number(0, 9000, 2), "decimal", "attribute | none"),
    "attr_flag": Value(_one("yes no"), "boolean", "attribute | none"),
    "attr_true": Value(_one("true false"), "boolean", "attribute | none"),
    "attr_bit": Value(_one("0 1"), "boolean | integer", "attribute | none"),
    "attr_ja": Value(_one("Ja Nej"), "boolean", "attribute | none"),
    # ids
    "customer_id": Value(lambda _, n: str(7000000 + n), "text | integer", "pseudonym"),
    "customer_ref": Value(
        lambda r, _: str(7000000 + r.randrange(ROWS)), "text | integer", "pseudonym"
    ),
    "customer_ref_float": Value(
        lambda r, _: f"{12000 + r.randrange(ROWS)}.0", "text | decimal", "pseudonym"
    ),
    "customer_hash": Value(_hex, "text", "pseudonym"),
    "crm_id": Value(lambda _, n: f"0035g00000{n:05d}AAA", "text", "pseudonym"),
    "order_id": Value(lambda _, n: str(536000 + n // 2), "text | integer", "pseudonym | none"),
    "order_id_unique": Value(lambda _, n: f"US-2024-{100000 + n}", "text", "pseudonym | none"),
    "order_no": Value(lambda _, n: f"#{1001 + n // 2}", "text", "pseudonym | none"),
    "line_no": Value(lambda _, n: str(n % 2 + 1), "text | integer", "none | pseudonym"),
    "row_no": Value(lambda _, n: str(n + 1), "text | integer", "none | pseudonym | attribute"),
    "id": Value(lambda _, n: str(4410000 + n), "text | integer", "none | pseudonym"),
    "product_id": Value(_code("SKU-", 60), "text", "none"),
    "product_no": Value(lambda r, _: str(22000 + r.randrange(60)), "text | integer", "none"),
    "product_key": Value(_code("SKU-"), "text", "none"),
    "code": Value(lambda r, _: str(r.randrange(5, 25)), "text | integer", "none"),
    "store_id": Value(_code("S", 9), "text", "none"),
    # facts
    "label": Value(_one("paid,pending,refunded,shipped", ","), "text", "none"),
    "category": Value(_one("Lamps,Chairs,Tables and desks,Garden", ","), "text", "none"),
    "product": Value(
        lambda r, _: (
            f"{r.choice(['White', 'Oak'])} {r.choice(['lamp', 'chair', 'sofa'])} {r.randint(1, 9)}"
        ),
        "text",
        "none",
    ),
    "rare_label": Value(_some(0.1, _one("SUMMER10 WELCOME VIP")), "text", "none"),
    "money": Value(_number(5, 900, 2), "decimal", "none"),
    "money4": Value(_number(5, 900, 4), "decimal", "none"),
    "money_comma": Value(_number(5, 900, 2, ","), "decimal", "none"),
    "money_sv": Value(_number(5, 19000, 2, ",", " "), "decimal", "none"),
    "money_da": Value(_number(5, 19000, 2, ",", "."), "decimal", "none"),
    "quantity": Value(lambda r, _: str(r.choice([1, 1, 2, 3, -1])), "integer | decimal", "none"),
    "count": Value(lambda r, _: str(r.randint(0, 30)), "integer", "none"),
    "share": Value(_one("0 0.1 0.2 0.25"), "decimal", "none"),
    "score": Value(lambda r, _: str(r.randint(1, 5)), "integer", "none | attribute"),
    "currency": Value(_one("SEK EUR"), "text", "none"),
    "flag": Value(_one("true false"), "boolean", "none"),
    "bit": Value(_one("0 1"), "boolean | integer", "none"),
    "ja": Value(_one("Ja Nej"), "boolean", "none"),
    "url": Value(
        lambda r, _: f"https://example.com/p/{r.randint(1, 60)}", "text", "none | attribute"
    ),
    "empty": Value(lambda *_: "", "text", "none | attribute | free_text | name | address | phone"),
    # times
    "day": Value(_when("%Y-%m-%d"), "date", "none"),
    "day_of_person": Value(_when("%Y-%m-%d"), "date", "none | attribute"),
    "day_dmy": Value(_when("%d-%m-%Y"), "date", "none", ("%d-%m-%Y",)),
    "day_dots": Value(_when("%d.%m.%Y"), "date", "none", ("%d.%m.%Y",)),
    "day_us": Value(_when("%m/%d/%Y"), "date", "none", ("%m/%d/%Y",)),
    "time": Value(_when("%Y-%m-%d %H:%M:%S"), "timestamp", "none"),
    "rare_time": Value(_some(0.2, _when("%Y-%m-%d %H:%M:%S")), "timestamp", "none"),
    "time_of_person": Value(_when("%Y-%m-%d %H:%M:%S"), "timestamp", "none | attribute"),
    "time_zone": Value(
        _when("%Y-%m-%d %H:%M:%S +0200"), "timestamp", "none", ("%Y-%m-%d %H:%M:%S %z",)
    ),
    "time_us": Value(_when("unpadded"), "timestamp", "none", ("%m/%d/%Y %H:%M",)),
    "time_iso": Value(_when("%Y-%m-%dT%H:%M:%S.000Z"), "timestamp", "none | attribute"),
    "time_hm": Value(_when("%Y-%m-%d %H:%M"), "timestamp", "none | attribute", ("%Y-%m-%d %H:%M",)),
    "time_dots": Value(_when("%d.%m.%Y %H.%M"), "timestamp", "none", ("%d.%m.%Y %H.%M",)),
    "clock": Value(_when("%H:%M"), "text", "none"),
}


def _value(seed: str, kind: str, number: int) -> str:
    """Return a value; of a kind marked with @ the two lines of an order have the same."""
    place = number // 2 if kind.endswith("@") else number
    return KINDS[kind.rstrip("@")].write(random.Random(f"{seed} {place}"), place)


@dataclass(frozen=True)
class Export:
    """A file: its headers with the kinds of their values, and how it is written."""

    file: str
    columns: str
    delimiter: str = ","
    encoding: str = "utf-8"
    line_end: str = "\n"

    def headers(self) -> list[tuple[str, str]]:
        """Return headers and kinds."""
        lines = [line.strip() for line in self.columns.strip().splitlines()]
        parts = [part for line in lines for part in line.split(" | ")]
        return [(title.strip(), kind.strip()) for title, kind in (p.rsplit("=", 1) for p in parts)]

    def write(self, folder: Path) -> Path:
        """Write the file."""
        headers = self.headers()
        rows = [
            [_value(f"{self.file} {title}", kind, n) for title, kind in headers]
            for n in range(ROWS)
        ]
        path = folder / self.file
        if path.suffix == ".jsonl":
            titles = [title for title, _ in headers]
            lines = [json.dumps(dict(zip(titles, row, strict=True))) for row in rows]
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
            return path
        out = io.StringIO()
        writer = csv.writer(out, delimiter=self.delimiter, lineterminator=self.line_end)
        writer.writerow([title for title, _ in headers])
        writer.writerows(rows)
        path.write_bytes(out.getvalue().encode(self.encoding, "replace"))
        return path


SYSTEMS: dict[str, list[Export]] = {
    "shopify": [
        Export("customers_export.csv", """
            Customer ID=customer_id | First Name=given | Last Name=family | Email=email
            Accepts Email Marketing=attr_flag | Default Address Company=company
            Default Address Address1=street | Default Address Address2=street2
            Default Address City=city | Default Address Province Code=region
            Default Address Country Code=country | Default Address Zip=zip
            Default Address Phone=phone | Phone=phone | Accepts SMS Marketing=attr_flag
            Total Spent=attr_money | Total Orders=attr_int | Note=free_text | Tax Exempt=attr_flag
            Tags=attr_tags"""),
        Export("orders_export_1.csv", """
            Name=order_no | Email=email@ | Financial Status=label@ | Paid at=time_zone@
            Fulfillment Status=label@ | Fulfilled at=time_zone@ | Accepts Marketing=attr_flag@
            Currency=currency@ | Subtotal=money@ | Shipping=money@ | Taxes=money@ | Total=money@
            Discount Code=rare_label | Discount Amount=money | Shipping Method=label
            Created at=time_zone@ | Lineitem quantity=quantity | Lineitem name=product
            Lineitem price=money | Lineitem compare at price=money | Lineitem sku=product_id
            Lineitem requires shipping=flag | Lineitem taxable=flag
            Lineitem fulfillment status=label | Billing Name=name@ | Billing Street=street@
            Billing Address1=street | Billing Address2=street2 | Billing Company=company
            Billing City=city@ | Billing Zip=zip@ | Billing Province=region
            Billing Country=country
            Billing Phone=phone@ | Shipping Name=name | Shipping Street=street
            Shipping Address1=street | Shipping Address2=street2 | Shipping Company=company
            Shipping City=city | Shipping Zip=zip | Shipping Province=region
            Shipping Country=country | Shipping Phone=phone | Notes=free_text
            Cancelled at=time_zone | Payment Method=label | Payment Reference=customer_hash@
            Refunded Amount=money | Vendor=category | Outstanding Balance=money
            Location=category | Id=id@ | Tags=rare_label | Risk Level=label | Source=label
            Lineitem discount=money | Tax 1 Name=label | Tax 1 Value=money | Phone=phone@"""),
    ],
    "woocommerce": [
        Export("wc-customers.csv", """
            customer_id=customer_id | user_login=nick | user_email=email | first_name=given
            last_name=family | billing_first_name=given | billing_last_name=family
            billing_company=company | billing_email=email | billing_phone=local_phone
            billing_address_1=street | billing_address_2=street2 | billing_postcode=zip
            billing_city=city | billing_state=region | billing_country=country
            shipping_first_name=given | shipping_last_name=family | shipping_address_1=street
            shipping_postcode=zip | shipping_city=city | shipping_country=country
            user_registered=time_of_person | role=attr | orders_count=attr_int
            total_spent=attr_money | last_order_date=time_of_person"""),
        Export("wc-orders.csv", """
            order_id=order_id | order_number=order_id | order_date=time@ | paid_date=time@
            status=label@ | shipping_total=money | shipping_tax_total=money | fee_total=money
            tax_total=money | cart_discount=money | order_discount=money | discount_total=money
            order_total=money@ | order_currency=currency | payment_method=label
            shipping_method=label | customer_id=customer_ref@ | customer_email=email@
            billing_first_name=given@ | billing_last_name=family@ | billing_postcode=zip@
            billing_city=city@ | billing_country=country | customer_note=free_text
            item_name=product | item_sku=product_id | item_quantity=quantity | item_total=money"""),
    ],
    "magento": [
        Export("customer_main.csv", """
            email=email | _website=attr | _store=attr | confirmation=empty
            created_at=time_of_person | created_in=attr | disable_auto_group_change=attr_bit
            dob=birth | firstname=given | gender=gender | group_id=attr_id | lastname=family
            middlename=empty | password_hash=customer_hash | prefix=empty | rp_token=empty
            store_id=attr_id | suffix=empty | taxvat=tax_number | website_id=attr_id"""),
        Export("sales_order_grid.csv", """
            ID=id | Purchase Point=label | Purchase Date=time | Bill-to Name=name
            Ship-to Name=name | Grand Total (Base)=money | Grand Total (Purchased)=money
            Status=label | Billing Address=street | Shipping Address=street
            Shipping Information=label | Customer Email=email | Customer Group=group_of_person
            Subtotal=money | Shipping and Handling=money | Customer Name=name
            Payment Method=label | Total Refunded=money"""),
    ],
    "klaviyo": [
        Export("klaviyo_profiles.csv", """
            Email=email | Klaviyo ID=crm_id | First Name=given | Last Name=family
            Organization=company | Title=title | Phone Number=phone | Address=street
            Address 2=street2 | City=city | State / Region=region | Country=country_name
            Zip Code=zip | Latitude=latitude | Longitude=latitude | Source=attr
            First Active=time_iso | Last Active=time_iso | Profile Created On=time_iso
            Date Added=time_iso | Last Open=time_iso | Last Click=time_iso
            Email Marketing Consent=verdict | Email Marketing Consent Timestamp=time_iso
            SMS Marketing Consent=verdict | Locale=language | Historic CLV=attr_money
            Predicted Gender=attr_gender | Expected Date of Next Order=day_of_person"""),
        Export("klaviyo_events.jsonl", """
            event_id=customer_hash | profile_id=crm_id | metric=event | timestamp=time_iso
            value=money | campaign_name=category"""),
    ],
    "mailchimp": [
        Export("subscribed_members_export.csv", """
            Email Address=email | First Name=given | Last Name=family | Address=street
            Phone Number=local_phone | Birthday=month_day | MEMBER_RATING=score
            OPTIN_TIME=time_of_person | OPTIN_IP=ip | CONFIRM_TIME=time_of_person
            CONFIRM_IP=ip | LATITUDE=latitude | LONGITUDE=latitude | GMTOFF=attr_int
            DSTOFF=attr_int | TIMEZONE=zone | CC=country | REGION=region
            LAST_CHANGED=time_of_person | LEID=customer_id | EUID=customer_hash | NOTES=free_text
            TAGS=attr_tags"""),
    ],
    "hubspot": [
        Export("hubspot-crm-exports-all-contacts.csv", """
            Record ID=customer_id | First Name=given | Last Name=family | Email=email
            Phone Number=phone | Contact owner=name | Associated Company=company
            Last Activity Date=time_hm | Lead Status=attr | Marketing contact status=attr
            Create Date=time_hm | Lifecycle Stage=attr | Job Title=title | Mobile Phone=phone
            Street Address=street | City=city | Postal Code=zip | Country/Region=country_name
            Company Name=company | Website URL=url | Preferred language=language
            Number of Pageviews=attr_int | Original Source=attr
            Unsubscribed from all email=attr_true | Date of birth=birth
            Total Revenue=attr_money | Last Modified Date=time_hm"""),
    ],
    "salesforce": [
        Export("Contact.csv", """
            Id=crm_id | IsDeleted=attr_bit | AccountId=crm_id | LastName=family | FirstName=given
            Salutation=salutation | Name=name | MailingStreet=street | MailingCity=city
            MailingState=region | MailingPostalCode=zip | MailingCountry=country_name
            Phone=phone | Fax=local_phone | MobilePhone=phone | HomePhone=local_phone
            Email=email | Title=title | Department=attr | LeadSource=attr | Birthdate=birth
            Description=free_text | OwnerId=crm_id | HasOptedOutOfEmail=attr_bit
            DoNotCall=attr_bit | CreatedDate=time_iso | LastModifiedDate=time_iso
            SystemModstamp=time_iso | LastActivityDate=day_of_person"""),
        Export("Account.csv", """
            Id=crm_id | IsDeleted=bit | Name=company_name | Type=label | ParentId=crm_parent
            BillingStreet=street | BillingCity=city | BillingState=region
            BillingPostalCode=zip | BillingCountry=country_of | Phone=phone | Fax=phone
            AccountNumber=account_no | Website=url | Industry=category
            AnnualRevenue=money | NumberOfEmployees=count | Description=free_text
            OwnerId=crm_id | CreatedDate=time_iso | LastModifiedDate=time_iso
            AccountSource=label"""),
    ],
    "fortnox": [
        Export("Kundregister.csv", """
            Kundnr=customer_id | Namn=name | Organisationsnummer/Personnummer=orgnr_pnr
            Adress=street | Adress 2=street2 | Postnr=zip | Ort=city | Land=land
            Telefon=local_phone | Mobil=phone | E-post=email | Betalningsvillkor=attr_int
            Kundtyp=attr_sv | Valuta=currency_of_person | Aktiv=attr_ja
            Kreditgräns=attr_money_sv | Er referens=name | Anteckningar=free_text
            Kundkategori=attr | Skapad=day_of_person""", ";", "cp1252", "\r\n"),
        Export("Fakturor.csv", """
            Fakturanr=id | Kundnr=customer_ref | Kundnamn=name | Fakturadatum=day
            Förfallodatum=day | Valuta=currency | Netto=money_sv | Moms=money_sv
            Totalt=money_sv | Att betala=money_sv | Betald=ja | Status=label
            """, ";", "cp1252", "\r\n"),
    ],
    "visma": [
        Export("Kunder.txt", """
            Kundnummer=customer_id | Företagsnamn=company | Förnamn=given | Efternamn=family
            Personnummer=pnr | Utdelningsadress=street | Postnummer=zip | Postort=city
            Landskod=country | Telefonnummer=local_phone | E-postadress=email
            Födelsedatum=birth | Kön=gender | Nyhetsbrev=attr_ja | Kundgrupp=attr_sv
            Bonuspoäng=attr_int | Registreringsdatum=day_of_person | Senaste köp=day_of_person
            Rabatt %=attr_int""", "\t", "utf-16"),
        Export("Orderrader.txt", """
            Ordernummer=order_id | Radnr=line_no | Kundnummer=customer_ref@ | Orderdatum=day@
            Artikelnummer=product_id | Benämning=product | Antal=quantity | À-pris=money_comma
            Rabatt=money_comma | Radsumma=money_comma | Momssats=code | Butik=store_id
            Säljare=salesman""", "\t", "utf-16"),
    ],
    "danish": [
        Export("debitorer.csv", """
            Kundenr.=customer_id | Fornavn=given | Efternavn=family | Adresse=street
            Postnr.=zip4 | By=city | Land=land_da | Telefon=phone | E-mail=email
            Fødselsdato=birth_dmy_dash | Køn=gender_da | CVR-nr.=cvr | Oprettet=day_dmy_person
            Nyhedsbrev=attr_ja_da | Saldo=attr_money_da""", ";", "cp1252"),
        Export("salgslinjer.csv", """
            Ordrenr.=order_id | Linjenr.=line_no | Ordredato=day_dmy@ | Kundenr.=customer_ref@
            Varenr.=product_id | Varenavn=product | Varegruppe=category | Antal=quantity
            Stykpris=money_da | Rabat=money_da | Beløb i alt=money_da | Butik=store_id
            Betalingsform=label""", ";", "cp1252"),
    ],
    "norwegian": [
        Export("kunder.csv", """
            Kundenummer=customer_id | Fornavn=given | Etternavn=family | Epostadresse=email
            Mobilnummer=phone | Gateadresse=street | Postnummer=zip4 | Poststed=city
            Fødselsdato=birth_dmy | Kjønn=gender_da | Medlemsnummer=member
            Medlem siden=day_dots_person | Samtykke e-post=attr_ja_no | Samtykke SMS=attr_ja_no
            Poengsaldo=attr_int | Medlemsnivå=attr""", ";", "utf-8-sig"),
        Export("kvitteringer.csv", """
            Bongnummer=order_id | Bongdato=time_dots@ | Butikk=store_id | Kasse=code
            Medlemsnummer=member@ | EAN=ean | Varetekst=product | Antall=quantity
            Pris=money_comma | Rabatt=money_comma | Sum=money_comma | Mva=money_comma
            """, ";", "utf-8-sig"),
    ],
    "finnish": [
        Export("asiakkaat.csv", """
            Asiakasnumero=customer_id | Etunimi=given | Sukunimi=family | Sähköposti=email
            Puhelinnumero=phone | Katuosoite=street | Postinumero=zip5 | Postitoimipaikka=city
            Maa=land_fi | Syntymäaika=birth_dmy | Sukupuoli=gender_fi | Kieli=language
            Markkinointilupa=attr_ja_fi | Kanta-asiakasnumero=member
            Liittymispäivä=day_dots_person | Asiakasryhmä=attr""", ";", "cp1252"),
        Export("tilausrivit.csv", """
            Tilausnumero=order_id | Rivinumero=line_no | Tilauspäivä=day_dots@
            Asiakasnumero=customer_ref@ | Tuotenumero=product_id | Tuotenimi=product
            Tuoteryhmä=category | Määrä=quantity | Yksikköhinta=money_comma
            Alennus=money_comma | Summa=money_comma | ALV=code | Valuutta=currency
            Myymälä=store_id""", ";", "cp1252"),
    ],
    "online_retail": [
        Export("Online Retail.csv", """
            InvoiceNo=order_id | StockCode=product_no | Description=product | Quantity=quantity
            InvoiceDate=time_us@ | UnitPrice=money | CustomerID=customer_ref@
            Country=country_of@""", encoding="cp1252"),
        Export("online_retail_II.csv", """
            Invoice=order_id | StockCode=product_no | Description=product | Quantity=quantity
            InvoiceDate=time@ | Price=money | Customer ID=customer_ref_float@
            Country=country_of@"""),
    ],
    "olist": [
        Export("olist_customers_dataset.csv", """
            customer_id=customer_hash | customer_unique_id=customer_hash
            customer_zip_code_prefix=zip5 | customer_city=city | customer_state=region"""),
        Export("olist_orders_dataset.csv", """
            order_id=order_hash_head | customer_id=customer_hash | order_status=label
            order_purchase_timestamp=time | order_approved_at=time
            order_delivered_carrier_date=time | order_delivered_customer_date=rare_time
            order_estimated_delivery_date=time"""),
        Export("olist_order_items_dataset.csv", """
            order_id=order_hash | order_item_id=line_no | product_id=product_hash
            seller_id=seller_hash | shipping_limit_date=time | price=money
            freight_value=money"""),
        Export("olist_order_reviews_dataset.csv", """
            review_id=order_hash | order_id=order_hash | review_score=score
            review_comment_title=free_text | review_comment_message=free_text
            review_creation_date=time | review_answer_timestamp=time"""),
        Export("olist_products_dataset.csv", """
            product_id=product_hash | product_category_name=category | product_name_lenght=count
            product_description_lenght=count | product_photos_qty=count
            product_weight_g=weight | product_length_cm=count | product_height_cm=count
            product_width_cm=count"""),
        Export("olist_order_payments_dataset.csv", """
            order_id=order_hash | payment_sequential=count | payment_type=label
            payment_installments=count | payment_value=money"""),
    ],
    "instacart": [
        Export("orders.csv", """
            order_id=id | user_id=customer_ref | eval_set=label | order_number=order_count
            order_dow=count | order_hour_of_day=count | days_since_prior_order=days"""),
        Export("products.csv", """
            product_id=row_no | product_name=product | aisle_id=code | department_id=code"""),
        Export("order_products__prior.csv", """
            order_id=order_id | product_id=product_no | add_to_cart_order=count
            reordered=bit"""),
    ],
    "hm": [
        Export("customers.csv", """
            customer_id=customer_hash | FN=attr_one | Active=attr_one
            club_member_status=attr | fashion_news_frequency=attr | age=attr_int
            postal_code=postcode_hash"""),
        Export("articles.csv", """
            article_id=article_key | product_code=product_no | prod_name=product
            product_type_no=code | product_type_name=category | product_group_name=category
            graphical_appearance_no=code | graphical_appearance_name=category
            colour_group_code=code | colour_group_name=category | department_no=code
            department_name=category | index_code=label | index_name=category
            section_no=code | section_name=category | garment_group_no=code
            garment_group_name=category | detail_desc=product_text"""),
        Export("transactions_train.csv", """
            t_dat=day | customer_id=customer_hash | article_id=article | price=price
            sales_channel_id=code"""),
    ],
    "dunnhumby": [
        Export("hh_demographic.csv", """
            AGE_DESC=age_band | MARITAL_STATUS_CODE=attr_letter | INCOME_DESC=income_band
            HOMEOWNER_DESC=attr | HH_COMP_DESC=attr | HOUSEHOLD_SIZE_DESC=size_band
            KID_CATEGORY_DESC=attr | household_key=customer_id"""),
        Export("transaction_data.csv", """
            household_key=customer_ref@ | BASKET_ID=order_id | DAY=count@ | PRODUCT_ID=product_no
            QUANTITY=quantity | SALES_VALUE=money | STORE_ID=code | RETAIL_DISC=money
            TRANS_TIME=hhmm@ | WEEK_NO=count | COUPON_DISC=money | COUPON_MATCH_DISC=money"""),
        Export("product.csv", """
            PRODUCT_ID=id | MANUFACTURER=code | DEPARTMENT=category | BRAND=label
            COMMODITY_DESC=category | SUB_COMMODITY_DESC=category
            CURR_SIZE_OF_PRODUCT=pack"""),
    ],
    "adventureworks": [
        Export("DimCustomer.csv", """
            CustomerKey=customer_id | GeographyKey=attr_id | CustomerAlternateKey=member
            Title=empty | FirstName=given | MiddleName=initial | LastName=family
            NameStyle=attr_bit | BirthDate=birth | MaritalStatus=attr_letter | Suffix=empty
            Gender=gender | EmailAddress=email | YearlyIncome=attr_money
            TotalChildren=attr_int | NumberChildrenAtHome=attr_int | EnglishEducation=attr
            EnglishOccupation=title | HouseOwnerFlag=attr_bit | NumberCarsOwned=attr_int
            AddressLine1=street | AddressLine2=street2 | Phone=phone
            DateFirstPurchase=day_of_person | CommuteDistance=attr""", "|", "utf-16"),
        Export("FactInternetSales.csv", """
            ProductKey=product_no | OrderDateKey=day_key@ | DueDateKey=day_key
            ShipDateKey=day_key | CustomerKey=customer_ref@ | PromotionKey=code
            CurrencyKey=code | SalesTerritoryKey=code | SalesOrderNumber=sales_order
            SalesOrderLineNumber=line_no | RevisionNumber=code | OrderQuantity=quantity
            UnitPrice=money4 | ExtendedAmount=money4 | UnitPriceDiscountPct=share
            DiscountAmount=money | ProductStandardCost=money4 | TotalProductCost=money4
            SalesAmount=money4 | TaxAmt=money4 | Freight=money4 | OrderDate=time@
            DueDate=time | ShipDate=time""", "|", "utf-16"),
    ],
    "northwind": [
        Export("Customers.csv", """
            CustomerID=northwind_id | CompanyName=company_name | ContactName=name
            ContactTitle=title | Address=street | City=city | Region=region | PostalCode=zip
            Country=country_name | Phone=local_phone | Fax=local_phone"""),
        Export("Orders.csv", """
            OrderID=order_head | CustomerID=northwind_ref | EmployeeID=code | OrderDate=time
            RequiredDate=time | ShippedDate=rare_time | ShipVia=code | Freight=money
            ShipName=company_name | ShipAddress=street | ShipCity=city | ShipRegion=region
            ShipPostalCode=zip | ShipCountry=country_of"""),
        Export("Order Details.csv", """
            OrderID=order_id | ProductID=product_no | UnitPrice=money | Quantity=quantity
            Discount=share"""),
    ],
    "superstore": [
        Export("Sample - Superstore.csv", """
            Row ID=row_no | Order ID=sales_order | Order Date=day_us@ | Ship Date=day_us@
            Ship Mode=label | Customer ID=store_customer@ | Customer Name=name@
            Segment=segment@ | Country=country_of | City=city@ | State=region
            Postal Code=zip5 | Region=compass | Product ID=product_id | Category=category
            Sub-Category=category | Product Name=product | Sales=money4 | Quantity=quantity
            Discount=share | Profit=money4""", encoding="cp1252"),
    ],
    "stripe": [
        Export("customers.csv", """
            id=stripe_id | Description=free_or_empty | Email=email | Name=name
            Created (UTC)=time_hm | Delinquent=attr_true | Card ID=customer_hash
            Card Last4=last4 | Card Brand=attr | Card Exp Month=month | Card Address Line1=street
            Card Address City=city | Card Address Country=country | Card Address Zip=zip
            Total Spend=attr_money | Payment Count=attr_int | Refunded Volume=attr_money
            Currency=currency_of_person | Plan=attr | Status=attr"""),
        Export("payments.csv", """
            id=charge_id | Description=product | Seller Message=label | Created date (UTC)=time
            Amount=money_comma | Amount Refunded=money_comma | Currency=currency
            Converted Amount=money_comma | Fee=money_comma | Taxes On Fee=money_comma
            Status=label | Customer ID=stripe_ref | Customer Email=email | Captured=flag"""),
    ],
    "zendesk": [
        Export("tickets_export.csv", """
            Id=id | Requester=name | Requester id=customer_ref | Requester email=email
            Submitter=name | Assignee=name | Group=label | Subject=free_text | Tags=rare_label
            Status=label | Priority=label | Via=label | Ticket type=label
            Created at=time | Updated at=time | Assigned at=rare_time | Solved at=rare_time
            Satisfaction Score=label | Reopens=count | First reply time in minutes=count"""),
    ],
    "typeform": [
        Export("responses.csv", """
            Response ID=customer_hash | How likely are you to recommend us?=nps
            What could we do better?=free_text | Email=email | Country=country_name
            Submitted At=time | Started At=time | Network ID=short_hash"""),
    ],
    "ga4": [
        Export("events.jsonl", """
            event_date=day_key | event_timestamp=micros | event_name=event_word
            user_pseudo_id=cookie_number | user_id=customer_ref | platform=label
            device_category=device | page_location=url | item_id=product_id
            transaction_id=order_id_unique"""),
    ],
    "marketing_campaign": [
        Export("marketing_campaign.csv", """
            ID=customer_id | Year_Birth=birth_year | Education=attr | Marital_Status=attr
            Income=attr_money | Kidhome=attr_bit | Teenhome=attr_bit | Dt_Customer=day_dmy_person
            Recency=attr_int | MntWines=attr_int | MntFruits=attr_int | MntMeatProducts=attr_int
            NumDealsPurchases=attr_int | NumWebPurchases=attr_int | NumStorePurchases=attr_int
            NumWebVisitsMonth=attr_int | AcceptedCmp3=attr_bit | AcceptedCmp4=attr_bit
            Complain=attr_bit | Response=attr_bit""", "\t"),
    ],
    "telco": [
        Export("WA_Fn-UseC_-Telco-Customer-Churn.csv", """
            customerID=telco_id | gender=gender_word | SeniorCitizen=attr_bit | Partner=attr_yes
            Dependents=attr_yes | tenure=attr_int | PhoneService=attr_yes | MultipleLines=attr_yes3
            InternetService=attr | OnlineSecurity=attr_yes3 | StreamingTV=attr_yes3
            Contract=attr | PaperlessBilling=attr_yes | PaymentMethod=attr
            MonthlyCharges=attr_money | TotalCharges=attr_money | Churn=attr_yes"""),
    ],
    "mall": [
        Export("Mall_Customers.csv", """
            CustomerID=row_customer | Genre=gender_word | Age=attr_int
            Annual Income (k$)=attr_int | Spending Score (1-100)=attr_int"""),
    ],
    "bank": [
        Export("Churn_Modelling.csv", """
            RowNumber=row_no | CustomerId=customer_id | Surname=family | CreditScore=attr_int
            Geography=country_name | Gender=gender_word | Age=attr_int | Tenure=attr_int
            Balance=attr_money | NumOfProducts=attr_int | HasCrCard=attr_bit
            IsActiveMember=attr_bit | EstimatedSalary=attr_money | Exited=attr_bit"""),
    ],
    "economic": [
        Export("kunder.csv", """
            Kundenummer=customer_id | Navn=name | CVR-nummer=cvr | EAN-nummer=attr_empty
            E-mail=email | Telefon og fax=phone | Adresse=street | Postnummer=zip4 | By=city
            Land=land_da | Kundegruppe=attr_int | Betalingsbetingelse=attr | Valuta=currency_dkk
            Saldo=attr_money_da | Spærret=attr_ja_da | Oprettelsesdato=day_dmy_person""",
            ";", "cp1252"),
        Export("fakturaer.csv", """
            Fakturanummer=id | Kundenummer=customer_ref | Kundenavn=name | Fakturadato=day_dmy
            Forfaldsdato=day_dmy | Nettobeløb=money_da | Moms=money_da | Bruttobeløb=money_da
            Rest=money_da | Valuta=currency""", ";", "cp1252"),
    ],
    "tripletex": [
        Export("kunder.csv", """
            Kundenr=customer_id | Navn=name | Org.nr.=orgnr_no | E-post=email
            Mobiltelefon=phone | Postadresse=street | Postnr=zip4 | Poststed=city
            Land=land_no | Er privatperson=attr_ja_no | Kundeansvarlig=name
            Opprettet dato=day_dots_person""", ";", "utf-8-sig"),
        Export("ordrelinjer.csv", """
            Ordrenr=order_id | Ordredato=day_dots@ | Kundenr=customer_ref@ | Produktnr=product_id
            Beskrivelse=product | Antall=quantity | Enhetspris eks. mva=money_comma
            Rabatt %=percent | MVA %=percent | Beløp eks. mva=money_comma
            Beløp inkl. mva=money_comma""", ";", "utf-8-sig"),
    ],
    "netvisor": [
        Export("asiakasrekisteri.csv", """
            Asiakaskoodi=customer_id | Nimi=name | Y-tunnus=business_id | Osoite=street
            Postinumero=zip5 | Kaupunki=city | Maa=land_fi | Puhelin=phone | Sähköposti=email
            Yhteyshenkilö=name | Asiakasryhmä=attr | Saldo=attr_money_sv
            Luontipäivä=day_dots_person""", ";", "cp1252"),
        Export("myyntilaskut.csv", """
            Laskunumero=id | Asiakaskoodi=customer_ref | Asiakkaan nimi=name
            Laskupäivä=day_dots | Eräpäivä=day_dots | Summa=money_sv | ALV-summa=money_sv
            Avoinna=money_sv | Tila=label""", ";", "cp1252"),
    ],
    "voyado": [
        Export("contacts.csv", """
            contactId=customer_hash | memberNumber=member | firstName=given | lastName=family
            email=email | mobilePhone=phone | birthDay=birth | gender=gender | street=street
            zipCode=zip | city=city | countryCode=country | acceptsEmail=attr_true
            acceptsSms=attr_true | acceptsPostal=attr_true | registrationDate=time_iso
            recruitedByStore=attr_store | memberLevel=attr | pointBalance=attr_int"""),
        Export("transactions.csv", """
            transactionId=order_id | lineNumber=line_no | contactId=hash_ref@
            transactionDate=time_iso@ | storeExternalId=store_id | sku=product_id
            articleName=product | quantity=quantity | grossPaidPrice=money | taxAmount=money
            discountAmount=money | currency=currency | type=label"""),
    ],
    "prestashop": [
        Export("customer_2024-05-01.csv", """
            id_customer=customer_id | id_gender=attr_bit | firstname=given | lastname=family
            email=email | birthday=birth | newsletter=attr_bit | optin=attr_bit | company=company
            siret=attr_empty | active=attr_bit | date_add=time_of_person
            date_upd=time_of_person""", ";"),
        Export("order_detail.csv", """
            id_order_detail=row_no | id_order=order_id | product_id=product_no
            product_name=product | product_quantity=quantity | product_price=money4
            reduction_percent=money | unit_price_tax_incl=money4 | total_price_tax_incl=money4
            product_ean13=ean | product_weight=money4""", ";"),
        Export("orders.csv", """
            id_order=order_head | reference=order_ref | id_customer=customer_ref | id_carrier=code
            payment=label | total_paid=money4 | total_products=money4 | total_shipping=money4
            invoice_date=time | valid=bit | date_add=time""", ";"),
    ],
    "dynamics": [
        Export("contacts.csv", """
            contactid=guid | fullname=name | firstname=given | lastname=family
            emailaddress1=email | telephone1=phone | mobilephone=phone
            address1_line1=street | address1_city=city | address1_postalcode=zip
            address1_country=country_name | birthdate=birth | gendercode=attr_code
            donotemail=attr_true | donotphone=attr_true | jobtitle=title
            parentcustomerid=guid_parent | createdon=time_iso | modifiedon=time_iso
            statecode=attr_code | preferredcontactmethodcode=attr_code"""),
    ],
    "sakila": [
        Export("customer.csv", """
            customer_id=customer_id | store_id=attr_id | first_name=given | last_name=family
            email=email | address_id=address_no | activebool=attr_tf | create_date=day_of_person
            last_update=time_of_person | active=attr_bit"""),
        Export("payment.csv", """
            payment_id=id | customer_id=customer_ref | staff_id=code | rental_id=id
            amount=money | payment_date=time"""),
    ],
    "square": [
        Export("transactions.csv", """
            Date=day_us | Time=clock_s | Time Zone=label | Gross Sales=money | Discounts=money
            Net Sales=money | Tax=money | Tip=money | Total Collected=money | Source=label
            Card=money | Cash=money | Transaction ID=short_hash | Payment ID=short_hash
            Card Brand=label | PAN Suffix=last4_fact | Device Name=label | Staff Name=staff
            Description=product | Location=category | Customer ID=short_hash_customer
            Customer Name=name | Fee Percentage Rate=share"""),
    ],
}  # fmt: skip


KINDS |= {
    "orgnr_pnr": Value(_organisation_number, "text", "national_id | organisation_number"),
    "attr_id": Value(lambda r, _: str(r.randint(1, 12)), "text | integer", "attribute | none"),
    "order_count": Value(lambda r, _: str(r.randint(1, 40)), "integer | text", "none | pseudonym"),
    "group_of_person": Value(_one("General Wholesale"), "text", "attribute | none"),
    "tax_number": Value(lambda *_: "", "text", "organisation_number | none | attribute"),
    "nick": Value(lambda r, n: f"{r.choice(GIVEN.split()).lower()}{n}", "text", "pseudonym | name"),
    "verdict": Value(_one("SUBSCRIBED UNSUBSCRIBED NEVER_SUBSCRIBED"), "text", "none | attribute"),
    "attr_gender": Value(_one("male female uncertain"), "text", "attribute"),
    "event": Value(_one("Placed Order,Opened Email,Clicked Email", ","), "text", "none"),
    "month_day": Value(_when("%m/%d"), "text", "birth_date"),
    "zone": Value(_one("Europe/Stockholm Europe/Oslo"), "text", "attribute"),
    "salutation": Value(_one("Mr. Ms. Dr."), "text", "attribute"),
    "company_name": Value(
        lambda r, n: f"{r.choice(FAMILY.split())} & {r.choice(FAMILY.split())} {n} AB",
        "text",
        "name | none | attribute",
    ),
    "crm_parent": Value(
        _some(0.2, lambda r, _: f"0035g00000{r.randrange(99):05d}AAA"), "text", "pseudonym | none"
    ),
    "account_no": Value(lambda _, n: f"CD{n + 355118}", "text", "pseudonym | none"),
    "country_of": Value(
        _one("Sweden,Norway,Denmark,United Kingdom,France", ","), "text", "none | attribute"
    ),
    "land": Value(_one("Sverige,Norge", ","), "text", "attribute"),
    "land_da": Value(_one("Danmark,Sverige", ","), "text", "attribute"),
    "land_fi": Value(_one("Suomi,Ruotsi", ","), "text", "attribute"),
    "attr_sv": Value(_one("Privat Företag"), "text", "attribute"),
    "currency_of_person": Value(_one("SEK EUR"), "text", "none | attribute"),
    "attr_money_sv": Value(_number(0, 19000, 2, ",", " "), "decimal", "attribute | none"),
    "attr_money_da": Value(_number(0, 19000, 2, ",", "."), "decimal", "attribute | none"),
    "salesman": Value(_name, "text", "name | none"),
    "birth_dmy_dash": Value(_when("%d-%m-%Y", 1940, 2004), "date", "birth_date", ("%d-%m-%Y",)),
    "day_dmy_person": Value(_when("%d-%m-%Y"), "date", "none | attribute", ("%d-%m-%Y",)),
    "day_dots_person": Value(_when("%d.%m.%Y"), "date", "none | attribute", ("%d.%m.%Y",)),
    "gender_da": Value(_one("Mand Kvinde"), "text", "attribute"),
    "gender_fi": Value(_one("Mies Nainen"), "text", "attribute"),
    "cvr": Value(
        _some(0.3, lambda r, _: str(r.randint(10000000, 99999999))), "text", "organisation_number"
    ),
    "attr_ja_da": Value(_one("Ja Nej"), "boolean", "none | attribute"),
    "attr_ja_no": Value(_one("Ja Nei"), "boolean", "none | attribute"),
    "attr_ja_fi": Value(_one("Kyllä Ei"), "boolean", "none | attribute"),
    "member": Value(_code("M"), "text", "pseudonym"),
    "ean": Value(lambda r, _: f"73500{r.randint(10000000, 10000060)}", "text | integer", "none"),
    "order_hash": Value(lambda _, n: f"{(n // 2) * 7919:032x}", "text", "pseudonym | none"),
    "product_hash": Value(lambda _, n: f"{n * 104729:032x}", "text", "none"),
    "seller_hash": Value(lambda r, _: f"{r.randrange(20):032x}", "text", "none | pseudonym"),
    "weight": Value(lambda r, _: str(r.randint(50, 9000)), "integer", "none"),
    "days": Value(_some(0.9, lambda r, _: f"{r.randint(0, 30)}.0"), "decimal | integer", "none"),
    "attr_one": Value(_some(0.3, _one("1.0")), "decimal | integer | boolean", "attribute"),
    "postcode_hash": Value(_hex, "text", "address | pseudonym"),
    "article": Value(lambda r, _: f"0{108775015 + r.randrange(ROWS)}", "text", "none"),
    "article_key": Value(lambda _, n: f"0{108775015 + n}", "text", "none"),
    "product_text": Value(_sentence, "text", "none"),
    "price": Value(_number(0.001, 0.5, 15), "decimal", "none"),
    "age_band": Value(_one("19-24 25-34 35-44 65+"), "text", "attribute"),
    "attr_letter": Value(_one("A B U"), "text", "attribute"),
    "income_band": Value(_one("Under 15K,15-24K,250K+", ","), "text", "attribute"),
    "size_band": Value(_one("1 2 3 4 5+"), "text", "attribute"),
    "hhmm": Value(
        lambda r, _: f"{r.randint(6, 22)}{r.randint(0, 59):02d}", "integer | text", "none"
    ),
    "pack": Value(_one("22 OZ,1 LB,6 PK", ","), "text", "none"),
    "initial": Value(_some(0.5, _one("A B C D E F G H I J K L")), "text", "name"),
    "day_key": Value(_when("%Y%m%d"), "integer | text | date", "none", ("%Y%m%d",)),
    "sales_order": Value(lambda _, n: f"SO{43697 + n // 2}", "text", "pseudonym | none"),
    "northwind_id": Value(
        lambda _, n: f"K{chr(65 + n // 26 % 26)}{chr(65 + n % 26)}DE", "text", "pseudonym"
    ),
    "northwind_ref": Value(
        lambda r, _: (lambda n: f"K{chr(65 + n // 26 % 26)}{chr(65 + n % 26)}DE")(
            r.randrange(ROWS)
        ),
        "text",
        "pseudonym",
    ),
    "store_customer": Value(lambda r, _: f"CG-{12000 + r.randrange(90)}", "text", "pseudonym"),
    "segment": Value(_one("Consumer,Corporate,Home Office", ","), "text", "none | attribute"),
    "compass": Value(_one("South West East Central"), "text", "none | address | attribute"),
    "stripe_id": Value(lambda _, n: f"cus_{n * 7919:014x}", "text", "pseudonym"),
    "stripe_ref": Value(lambda r, _: f"cus_{r.randrange(ROWS) * 7919:014x}", "text", "pseudonym"),
    "charge_id": Value(lambda _, n: f"ch_{n * 7919:014x}", "text", "pseudonym | none"),
    "free_or_empty": Value(_some(0.6, _sentence), "text", "free_text"),
    "last4": Value(
        lambda r, _: str(r.randint(1000, 9999)), "text | integer", "attribute | none | pseudonym"
    ),
    "last4_fact": Value(
        lambda r, _: str(r.randint(1000, 9999)), "text | integer", "none | pseudonym"
    ),
    "month": Value(lambda r, _: str(r.randint(1, 12)), "integer", "attribute | none"),
    "nps": Value(lambda r, _: str(r.randint(0, 10)), "integer", "none | attribute"),
    "short_hash": Value(
        lambda r, _: f"{r.getrandbits(40):010x}", "text", "pseudonym | none | device"
    ),
    "short_hash_customer": Value(
        lambda r, _: f"{r.randrange(90) * 7919:010x}", "text", "pseudonym"
    ),
    "micros": Value(
        lambda r, _: str(1_700_000_000_000_000 + r.randrange(10**13)), "integer | timestamp", "none"
    ),
    "event_word": Value(_one("page_view add_to_cart purchase"), "text", "none"),
    "cookie_number": Value(
        lambda r, _: f"{r.randrange(10**9)}.{r.randrange(10**9)}", "text", "device | pseudonym"
    ),
    "device": Value(_one("mobile desktop"), "text", "none | device"),
    "birth_year": Value(lambda r, _: str(r.randint(1940, 2004)), "integer | text", "birth_date"),
    "telco_id": Value(lambda _, n: f"{1000 + n}-VHVEG", "text", "pseudonym"),
    "gender_word": Value(_one("Male Female"), "text", "attribute"),
    "attr_yes": Value(_one("Yes No"), "boolean", "attribute | none"),
    "attr_yes3": Value(_one("Yes,No,No internet service", ","), "text", "attribute"),
    "row_customer": Value(lambda _, n: str(n + 1), "text | integer", "pseudonym"),
    "attr_empty": Value(lambda *_: "", "text", "attribute | none | organisation_number"),
    "currency_dkk": Value(_one("DKK EUR"), "text", "attribute | none"),
    "orgnr_no": Value(
        _some(0.3, lambda r, _: f"9{r.randint(10000000, 99999999)}"), "text", "organisation_number"
    ),
    "land_no": Value(_one("Norge,Sverige", ","), "text", "attribute"),
    "percent": Value(_one("0 10 25"), "integer | decimal", "none"),
    "business_id": Value(
        _some(0.4, lambda r, _: f"{r.randint(1000000, 3999999)}-{r.randint(0, 9)}"),
        "text",
        "organisation_number",
    ),
    "attr_store": Value(_code("S", 9), "text", "attribute | none"),
    "hash_ref": Value(lambda r, _: f"{r.randrange(90) * 104729:032x}", "text", "pseudonym"),
    "order_ref": Value(lambda _, n: f"XKBKN{n:04d}", "text", "pseudonym | none"),
    "guid": Value(lambda _, n: f"a1b2c3d4-0000-4000-8000-{n:012d}", "text", "pseudonym"),
    "guid_parent": Value(
        _some(0.3, lambda r, _: f"a1b2c3d4-1111-4000-8000-{r.randrange(40):012d}"),
        "text",
        "pseudonym",
    ),
    "address_no": Value(
        lambda _, n: str(n + 5), "text | integer", "pseudonym | attribute | address"
    ),
    "attr_code": Value(_one("0 1 2"), "text | integer", "attribute | none"),
    "order_head": Value(lambda _, n: str(536000 + n), "text | integer", "pseudonym | none"),
    "order_hash_head": Value(lambda _, n: f"{n * 7919:032x}", "text", "pseudonym | none"),
    "attr_tf": Value(_one("t f"), "boolean", "attribute | none"),
    "clock_s": Value(_when("%H:%M:%S"), "text", "none"),
    "staff": Value(_name, "text", "name | none"),
}
