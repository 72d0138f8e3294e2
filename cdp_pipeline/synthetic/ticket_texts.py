"""What customers write to support, in five languages.

Belongs here: sentences by language and category; {product} and {order} are filled in.
Does not belong here: who writes, and when (`service`).
"""

LANGUAGES = ("sv", "nb", "da", "fi", "en")
CATEGORIES = (
    "late_delivery", "damaged", "refund", "product_question", "invoice", "loyalty", "complaint",
    "praise",
)  # fmt: skip
# Anger by category decides which tickets come before a farewell.
IS_COMPLAINT = (True, True, True, False, True, False, True, False)

GREETINGS = {
    "sv": ("Hej!", "Hej,", "God dag,", "Till kundtjänst:", "Hejsan"),
    "nb": ("Hei!", "Hei,", "God dag,", "Til kundeservice:", "Heisann"),
    "da": ("Hej!", "Hej,", "Goddag,", "Til kundeservice:", "Kære Nordhem"),
    "fi": ("Hei!", "Hei,", "Hyvää päivää,", "Asiakaspalvelulle:", "Moi"),
    "en": ("Hi!", "Hello,", "Dear customer service,", "To whom it may concern:", "Hi there"),
}
CLOSINGS = {
    "sv": ("Med vänlig hälsning", "Mvh", "Tack på förhand", "Hälsningar", "Ring mig gärna"),
    "nb": ("Med vennlig hilsen", "Mvh", "Takk på forhånd", "Hilsen", "Ring meg gjerne"),
    "da": ("Med venlig hilsen", "Mvh", "Tak på forhånd", "Hilsen", "Ring gerne til mig"),
    "fi": ("Ystävällisin terveisin", "T.", "Kiitos etukäteen", "Terveisin", "Soittakaa minulle"),
    "en": ("Kind regards", "Best", "Thanks in advance", "Regards", "Please call me"),
}
SUBJECTS = {
    "sv": (
        "Var är min beställning?", "Trasig vara", "Pengarna tillbaka", "Fråga om {product}",
        "Fel på fakturan", "Mina poäng", "Missnöjd kund", "Tack!",
    ),
    "nb": (
        "Hvor er bestillingen min?", "Ødelagt vare", "Pengene tilbake", "Spørsmål om {product}",
        "Feil på fakturaen", "Poengene mine", "Misfornøyd kunde", "Takk!",
    ),
    "da": (
        "Hvor er min ordre?", "Defekt vare", "Pengene retur", "Spørgsmål om {product}",
        "Fejl på fakturaen", "Mine point", "Utilfreds kunde", "Tak!",
    ),
    "fi": (
        "Missä tilaukseni on?", "Rikkinäinen tuote", "Rahat takaisin", "Kysymys: {product}",
        "Virhe laskussa", "Pisteeni", "Tyytymätön asiakas", "Kiitos!",
    ),
    "en": (
        "Where is my order?", "Broken item", "Refund", "Question about {product}",
        "Wrong invoice", "My points", "Not happy", "Thank you!",
    ),
}  # fmt: skip

# language -> category -> (what happened, what the customer thinks of it)
SENTENCES: dict[str, tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]] = {
    "sv": (
        (
            (
                "Jag har väntat i två veckor på order {order}.",
                "Order {order} med {product} har fortfarande inte kommit.",
                "Enligt mejlet skulle {product} levereras i måndags, men inget har hänt.",
            ),
            (
                "Det är dåligt att ingen svarar i telefon.",
                "När kommer den?",
                "Annars vill jag avbeställa.",
            ),
        ),
        (
            (
                "{product} var sprucken när jag öppnade paketet.",
                "Jag fick fel storlek av {product} i order {order}.",
                "{product} slutade fungera efter tre dagar.",
            ),
            (
                "Mycket besviken, jag hade väntat mig bättre kvalitet.",
                "Vill ha en ny skickad så fort som möjligt.",
                "Hur gör jag för att reklamera?",
            ),
        ),
        (
            (
                "Jag lämnade tillbaka {product} för en månad sedan.",
                "Pengarna för order {order} har inte kommit tillbaka på kontot.",
                "Ni bekräftade returen av {product}, men inget har betalats ut.",
            ),
            (
                "Det här är tredje gången jag skriver.",
                "När betalar ni?",
                "Jag är riktigt trött på det här.",
            ),
        ),
        (
            (
                "Passar {product} även för utomhusbruk?",
                "När får ni in {product} igen?",
                "Kan man tvätta {product} i 60 grader?",
            ),
            (
                "Jag tänkte köpa två till.",
                "Finns den i butiken i min stad?",
                "Ingen brådska, jag undrar bara.",
            ),
        ),
        (
            (
                "Fakturan för order {order} har fel belopp.",
                "Jag har fått en påminnelse fast order {order} är betald.",
                "Rabatten på {product} drogs inte av på fakturan.",
            ),
            ("Kan ni rätta det?", "Väldigt irriterande.", "Jag bifogar en kopia av kvittot."),
        ),
        (
            (
                "Mina poäng för order {order} syns inte på kortet.",
                "Jag har två medlemskort, kan ni slå ihop dem?",
                "Jag har bytt telefonnummer, kan ni uppdatera?",
            ),
            ("Tacksam för hjälp.", "Det borde gå lätt?", "Jag har varit medlem i många år."),
        ),
        (
            (
                "Personalen i butiken var otrevlig när jag frågade om {product}.",
                "Kassan tog fel pris för {product}.",
                "Kön var lång och bara en kassa öppen.",
            ),
            (
                "Jag handlar nog någon annanstans i fortsättningen.",
                "Så behandlar man inte kunder.",
                "Hoppas ni tar det här på allvar.",
            ),
        ),
        (
            (
                "Jag är så nöjd med {product}!",
                "Snabb leverans av order {order}, imponerande.",
                "Er personal hjälpte mig hitta {product} direkt.",
            ),
            ("Fortsätt så!", "Jag kommer gärna tillbaka.", "Bästa butiken i stan."),
        ),
    ),
    "nb": (
        (
            (
                "Jeg har ventet i to uker på ordre {order}.",
                "Ordre {order} med {product} har fortsatt ikke kommet.",
                "I e-posten sto det at {product} skulle komme på mandag, men ingenting har skjedd.",
            ),
            (
                "Det er for dårlig at ingen tar telefonen.",
                "Når kommer den?",
                "Ellers vil jeg avbestille.",
            ),
        ),
        (
            (
                "{product} var sprukket da jeg åpnet pakken.",
                "Jeg fikk feil størrelse av {product} i ordre {order}.",
                "{product} sluttet å virke etter tre dager.",
            ),
            (
                "Veldig skuffet, jeg ventet bedre kvalitet.",
                "Vil ha en ny så fort som mulig.",
                "Hvordan reklamerer jeg?",
            ),
        ),
        (
            (
                "Jeg leverte tilbake {product} for en måned siden.",
                "Pengene for ordre {order} har ikke kommet på konto.",
                "Dere bekreftet returen av {product}, men ingenting er utbetalt.",
            ),
            (
                "Dette er tredje gang jeg skriver.",
                "Når betaler dere?",
                "Jeg begynner å bli ordentlig lei av dette.",
            ),
        ),
        (
            (
                "Passer {product} også til utendørs bruk?",
                "Når får dere inn {product} igjen?",
                "Kan {product} vaskes på 60 grader?",
            ),
            (
                "Jeg tenkte å kjøpe to til.",
                "Finnes den i butikken i byen min?",
                "Ingen hast, jeg bare lurer.",
            ),
        ),
        (
            (
                "Fakturaen for ordre {order} har feil beløp.",
                "Jeg har fått purring selv om ordre {order} er betalt.",
                "Rabatten på {product} ble ikke trukket fra på fakturaen.",
            ),
            ("Kan dere rette det?", "Veldig irriterende.", "Jeg legger ved kvitteringen."),
        ),
        (
            (
                "Poengene mine for ordre {order} vises ikke på kortet.",
                "Jeg har to medlemskort, kan dere slå dem sammen?",
                "Jeg har byttet telefonnummer, kan dere oppdatere?",
            ),
            ("Takknemlig for hjelp.", "Det burde vel gå greit?", "Jeg har vært medlem i årevis."),
        ),
        (
            (
                "Betjeningen i butikken var uhøflig da jeg spurte om {product}.",
                "Kassen tok feil pris for {product}.",
                "Køen var lang og bare én kasse åpen.",
            ),
            (
                "Jeg handler nok et annet sted heretter.",
                "Slik behandler man ikke kunder.",
                "Håper dere tar dette på alvor.",
            ),
        ),
        (
            (
                "Jeg er så fornøyd med {product}!",
                "Rask levering av ordre {order}, imponerende.",
                "Betjeningen hjalp meg å finne {product} med en gang.",
            ),
            ("Stå på videre!", "Jeg kommer gjerne tilbake.", "Beste butikken i byen."),
        ),
    ),
    "da": (
        (
            (
                "Jeg har ventet i to uger på ordre {order}.",
                "Ordre {order} med {product} er stadig ikke kommet.",
                "Ifølge mailen skulle {product} komme i mandags, men der er intet sket.",
            ),
            (
                "Det er for dårligt, at ingen tager telefonen.",
                "Hvornår kommer den?",
                "Ellers vil jeg annullere.",
            ),
        ),
        (
            (
                "{product} var revnet, da jeg åbnede pakken.",
                "Jeg fik den forkerte størrelse af {product} i ordre {order}.",
                "{product} holdt op med at virke efter tre dage.",
            ),
            (
                "Meget skuffet, jeg havde ventet bedre kvalitet.",
                "Jeg vil gerne have en ny hurtigst muligt.",
                "Hvordan reklamerer jeg?",
            ),
        ),
        (
            (
                "Jeg returnerede {product} for en måned siden.",
                "Pengene for ordre {order} er ikke kommet retur på kontoen.",
                "I bekræftede returneringen af {product}, men intet er udbetalt.",
            ),
            (
                "Det er tredje gang, jeg skriver.",
                "Hvornår betaler I?",
                "Jeg er virkelig træt af det her.",
            ),
        ),
        (
            (
                "Kan {product} også bruges udendørs?",
                "Hvornår får I {product} hjem igen?",
                "Kan {product} vaskes ved 60 grader?",
            ),
            (
                "Jeg overvejer at købe to mere.",
                "Findes den i butikken i min by?",
                "Det haster ikke, jeg er bare nysgerrig.",
            ),
        ),
        (
            (
                "Fakturaen for ordre {order} har et forkert beløb.",
                "Jeg har fået en rykker, selvom ordre {order} er betalt.",
                "Rabatten på {product} blev ikke trukket fra på fakturaen.",
            ),
            ("Kan I rette det?", "Meget irriterende.", "Jeg vedlægger en kopi af bonen."),
        ),
        (
            (
                "Mine point for ordre {order} kan ikke ses på kortet.",
                "Jeg har to medlemskort, kan I lægge dem sammen?",
                "Jeg har skiftet telefonnummer, kan I opdatere det?",
            ),
            ("Tak for hjælpen.", "Det må da være let?", "Jeg har været medlem i mange år."),
        ),
        (
            (
                "Personalet i butikken var ubehageligt, da jeg spurgte om {product}.",
                "Kassen tog en forkert pris for {product}.",
                "Køen var lang, og kun én kasse var åben.",
            ),
            (
                "Jeg handler nok et andet sted fremover.",
                "Sådan behandler man ikke kunder.",
                "Håber I tager det alvorligt.",
            ),
        ),
        (
            (
                "Jeg er så glad for {product}!",
                "Hurtig levering af ordre {order}, imponerende.",
                "Jeres personale hjalp mig straks med at finde {product}.",
            ),
            ("Bliv ved sådan!", "Jeg kommer gerne igen.", "Byens bedste butik."),
        ),
    ),
    "fi": (
        (
            (
                "Olen odottanut kaksi viikkoa tilausta {order}.",
                "Tilaus {order}, jossa on {product}, ei ole vieläkään saapunut.",
                "Viestin mukaan {product} piti toimittaa maanantaina, mutta mitään ei tapahtunut.",
            ),
            (
                "On huonoa palvelua, ettei kukaan vastaa puhelimeen.",
                "Milloin se tulee?",
                "Muuten haluan perua tilauksen.",
            ),
        ),
        (
            (
                "{product} oli rikki, kun avasin paketin.",
                "Sain väärän koon tuotteesta {product} tilauksessa {order}.",
                "{product} lakkasi toimimasta kolmen päivän jälkeen.",
            ),
            (
                "Olen hyvin pettynyt, odotin parempaa laatua.",
                "Haluan uuden mahdollisimman pian.",
                "Miten teen reklamaation?",
            ),
        ),
        (
            (
                "Palautin tuotteen {product} kuukausi sitten.",
                "Tilauksen {order} rahat eivät ole palautuneet tililleni.",
                "Vahvistitte tuotteen {product} palautuksen, mutta mitään ei ole maksettu.",
            ),
            (
                "Tämä on kolmas kerta, kun kirjoitan.",
                "Milloin maksatte?",
                "Olen todella kyllästynyt tähän.",
            ),
        ),
        (
            (
                "Sopiiko {product} myös ulkokäyttöön?",
                "Milloin saatte lisää tuotetta {product}?",
                "Voiko tuotteen {product} pestä 60 asteessa?",
            ),
            (
                "Ajattelin ostaa kaksi lisää.",
                "Onko sitä kaupunkini myymälässä?",
                "Ei kiirettä, kunhan kysyn.",
            ),
        ),
        (
            (
                "Tilauksen {order} laskussa on väärä summa.",
                "Sain maksumuistutuksen, vaikka tilaus {order} on maksettu.",
                "Alennusta tuotteesta {product} ei vähennetty laskusta.",
            ),
            ("Voitteko korjata sen?", "Todella ärsyttävää.", "Liitän mukaan kuitin kopion."),
        ),
        (
            (
                "Tilauksen {order} pisteet eivät näy kortillani.",
                "Minulla on kaksi jäsenkorttia, voitteko yhdistää ne?",
                "Puhelinnumeroni on vaihtunut, voitteko päivittää sen?",
            ),
            ("Kiitos avusta.", "Senhän pitäisi olla helppoa?", "Olen ollut jäsen vuosia."),
        ),
        (
            (
                "Myymälän henkilökunta oli epäystävällistä, kun kysyin tuotetta {product}.",
                "Kassa veloitti väärän hinnan tuotteesta {product}.",
                "Jono oli pitkä ja vain yksi kassa auki.",
            ),
            (
                "Taidan asioida jatkossa muualla.",
                "Näin ei kohdella asiakkaita.",
                "Toivottavasti otatte tämän vakavasti.",
            ),
        ),
        (
            (
                "Olen niin tyytyväinen tuotteeseen {product}!",
                "Tilaus {order} tuli nopeasti, hienoa.",
                "Henkilökuntanne auttoi löytämään tuotteen {product} heti.",
            ),
            ("Jatkakaa samaan malliin!", "Tulen mielelläni uudelleen.", "Kaupungin paras kauppa."),
        ),
    ),
    "en": (
        (
            (
                "I have been waiting two weeks for order {order}.",
                "Order {order} with {product} has still not arrived.",
                "Your e-mail said {product} would come on Monday, but nothing happened.",
            ),
            ("It is bad that nobody answers the phone.", "When will it come?", "Or please cancel."),
        ),
        (
            (
                "{product} was cracked when I opened the parcel.",
                "I got the wrong size of {product} in order {order}.",
                "{product} stopped working after three days.",
            ),
            ("Very disappointed.", "Please send a new one.", "How do I make a claim?"),
        ),
        (
            (
                "I returned {product} a month ago.",
                "The money for order {order} has not come back.",
                "You confirmed the return of {product}, but nothing has been paid.",
            ),
            ("This is the third time I write.", "When will you pay?", "I am tired of this."),
        ),
        (
            (
                "Can {product} be used outdoors?",
                "When is {product} back in stock?",
                "Can I wash {product} at 60 degrees?",
            ),
            ("I may buy two more.", "Is it in the store in my city?", "No hurry."),
        ),
        (
            (
                "The invoice for order {order} is wrong.",
                "I got a reminder although order {order} is paid.",
                "The discount on {product} is missing.",
            ),
            ("Can you correct it?", "Very annoying.", "I attach the receipt."),
        ),
        (
            (
                "My points for order {order} are missing.",
                "I have two member cards, can you merge them?",
                "I have a new phone number, can you update it?",
            ),
            ("Thanks for your help.", "That should be easy?", "I have been a member for years."),
        ),
        (
            (
                "Your staff were rude when I asked about {product}.",
                "I was charged the wrong price for {product}.",
                "The queue was long and only one till open.",
            ),
            ("I will shop elsewhere.", "Not how to treat customers.", "Please take it seriously."),
        ),
        (
            (
                "I am so happy with {product}!",
                "Fast delivery of order {order}, impressive.",
                "Your staff helped me find {product} at once.",
            ),
            ("Keep it up!", "I will come back.", "Best shop in town."),
        ),
    ),
}
