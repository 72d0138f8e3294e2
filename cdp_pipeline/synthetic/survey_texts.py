"""What customers answer when asked for a comment, and what they type into the search box.

Belongs here: sentences by language, feeling and topic; {product} is filled in. Search words by
language and category.
Does not belong here: who is asked, and how they feel (`surveys`).
"""

TOPICS = ("delivery", "quality", "price", "service")

# language -> (glad, so-so, angry) -> topic -> sentences
COMMENTS: dict[str, tuple[tuple[tuple[str, ...], ...], ...]] = {
    "sv": (
        (
            ("Snabb leverans, kom redan dagen efter.", "Allt kom i tid och väl inpackat."),
            ("{product} är riktigt bra, håller vad den lovar.", "Jättefin kvalitet för pengarna."),
            ("Bra priser och ofta fina erbjudanden.", "Prisvärt, billigare än på andra ställen."),
            ("Trevlig och hjälpsam personal.", "Kundtjänst löste allt direkt, toppen!"),
        ),
        (
            ("Leveransen gick bra, men tog ett par dagar extra.", "Paketet kom fram till slut."),
            ("{product} är okej, varken bra eller dålig.", "Kvaliteten är som man kan vänta sig."),
            ("Priserna är ungefär som på andra ställen.", "Lite dyrt, men helt okej."),
            ("Helt okej bemötande i butiken.", "Fick svar, men det tog en stund."),
        ),
        (
            ("Leveransen var tre veckor sen och ingen hörde av sig.", "Paketet var trasigt igen."),
            ("{product} gick sönder direkt, uselt.", "Dålig kvalitet, fick lämna tillbaka."),
            (
                "Alldeles för dyrt, jag handlar någon annanstans.",
                "Priserna har höjts igen, tråkigt.",
            ),
            ("Kundtjänst svarar aldrig, mycket besviken.", "Otrevligt bemötande, aldrig mer."),
        ),
    ),
    "nb": (
        (
            ("Rask levering, kom allerede dagen etter.", "Alt kom i tide og var godt pakket."),
            ("{product} er kjempebra, holder det den lover.", "Veldig fin kvalitet for pengene."),
            ("Gode priser og ofte fine tilbud.", "Verdt pengene, billigere enn andre steder."),
            ("Hyggelig og hjelpsomt personale.", "Kundeservice ordnet alt med en gang, topp!"),
        ),
        (
            ("Leveringen gikk bra, men tok et par dager ekstra.", "Pakken kom frem til slutt."),
            ("{product} er grei, verken god eller dårlig.", "Kvaliteten er som man kan vente."),
            ("Prisene er omtrent som andre steder.", "Litt dyrt, men helt greit."),
            ("Helt grei betjening i butikken.", "Fikk svar, men det tok litt tid."),
        ),
        (
            ("Leveringen var tre uker forsinket og ingen sa fra.", "Pakken var ødelagt igjen."),
            (
                "{product} gikk i stykker med en gang, elendig.",
                "Dårlig kvalitet, måtte levere den tilbake.",
            ),
            ("Altfor dyrt, jeg handler et annet sted.", "Prisene har gått opp igjen, kjedelig."),
            ("Kundeservice svarer aldri, veldig skuffet.", "Uhøflig betjening, aldri mer."),
        ),
    ),
    "da": (
        (
            (
                "Hurtig levering, kom allerede dagen efter.",
                "Alt kom til tiden og var pakket godt ind.",
            ),
            (
                "{product} er rigtig god, holder hvad den lover.",
                "Virkelig flot kvalitet for pengene.",
            ),
            ("Gode priser og tit fine tilbud.", "Pengene værd, billigere end andre steder."),
            (
                "Venligt og hjælpsomt personale.",
                "Kundeservice klarede det hele med det samme, super!",
            ),
        ),
        (
            ("Leveringen gik fint, men tog et par dage ekstra.", "Pakken kom frem til sidst."),
            ("{product} er okay, hverken god eller dårlig.", "Kvaliteten er som man kan forvente."),
            ("Priserne er omtrent som andre steder.", "Lidt dyrt, men helt i orden."),
            ("Helt fin betjening i butikken.", "Fik svar, men det tog lidt tid."),
        ),
        (
            (
                "Leveringen var tre uger forsinket, og ingen sagde noget.",
                "Pakken var i stykker igen.",
            ),
            (
                "{product} gik i stykker med det samme, elendigt.",
                "Dårlig kvalitet, måtte sende den retur.",
            ),
            ("Alt for dyrt, jeg handler et andet sted.", "Priserne er steget igen, ærgerligt."),
            ("Kundeservice svarer aldrig, meget skuffet.", "Uhøflig betjening, aldrig mere."),
        ),
    ),
    "fi": (
        (
            (
                "Nopea toimitus, tuli jo seuraavana päivänä.",
                "Kaikki tuli ajallaan ja hyvin pakattuna.",
            ),
            ("{product} on todella hyvä, pitää mitä lupaa.", "Erinomaista laatua hintaan nähden."),
            ("Hyvät hinnat ja usein kivoja tarjouksia.", "Edullinen, halvempi kuin muualla."),
            ("Ystävällinen ja avulias henkilökunta.", "Asiakaspalvelu hoiti asian heti, mahtavaa!"),
        ),
        (
            (
                "Toimitus onnistui, mutta kesti pari päivää pidempään.",
                "Paketti tuli lopulta perille.",
            ),
            ("{product} on ihan ok, ei hyvä eikä huono.", "Laatu on sitä mitä odottaa saattaa."),
            ("Hinnat ovat suunnilleen samat kuin muualla.", "Hieman kallis, mutta ihan ok."),
            ("Ihan asiallista palvelua myymälässä.", "Sain vastauksen, mutta siinä kesti hetki."),
        ),
        (
            (
                "Toimitus oli kolme viikkoa myöhässä eikä kukaan ilmoittanut.",
                "Paketti oli taas rikki.",
            ),
            ("{product} meni heti rikki, surkea.", "Huonoa laatua, jouduin palauttamaan."),
            ("Aivan liian kallista, ostan muualta.", "Hinnat ovat taas nousseet, ikävää."),
            (
                "Asiakaspalvelu ei koskaan vastaa, todella pettynyt.",
                "Tylyä palvelua, ei enää koskaan.",
            ),
        ),
    ),
    "en": (
        (
            ("Fast delivery, it came the very next day.", "Everything on time and well packed."),
            ("{product} is really good, does what it says.", "Lovely quality for the money."),
            ("Good prices and often nice offers.", "Great value, cheaper than elsewhere."),
            ("Friendly and helpful staff.", "Customer service sorted it at once, brilliant!"),
        ),
        (
            ("Delivery was fine but took a few days longer.", "The parcel did arrive in the end."),
            ("{product} is okay, neither good nor bad.", "Quality is what you would expect."),
            ("Prices are about the same as elsewhere.", "A bit expensive, but all right."),
            ("Service in the store was all right.", "I got an answer, but it took a while."),
        ),
        (
            ("Delivery was three weeks late and nobody told me.", "The parcel was damaged again."),
            ("{product} broke straight away, useless.", "Poor quality, I had to return it."),
            ("Far too expensive, I shop somewhere else now.", "Prices went up again, a shame."),
            ("Customer service never answers, very disappointed.", "Rude staff, never again."),
        ),
    ),
}

# language -> two words per category, in the order of `assortment.CATEGORIES`
SEARCHES = {
    "sv": (
        "kaffe bönor|grönt te",
        "havregryn|choklad",
        "tvättmedel|disktabletter",
        "schampo|toapapper",
        "hundmat|kattsand",
        "batterier aaa|led lampa",
        "stekpanna|tallrikar",
        "handdukar|badrumsmatta",
        "påslakan|kudde",
        "gardiner|spegel",
        "bordslampa|ljusslinga",
        "grill|krukjord",
        "skruvdragare|väggfärg",
        "pussel|gosedjur",
        "skrivarpapper|pennor",
        "julgranskulor|ballonger",
    ),
    "nb": (
        "kaffebønner|grønn te",
        "havregryn|sjokolade",
        "vaskemiddel|oppvasktabletter",
        "sjampo|toalettpapir",
        "hundemat|kattesand",
        "batterier aaa|led pære",
        "stekepanne|tallerkener",
        "håndklær|badematte",
        "dynetrekk|pute",
        "gardiner|speil",
        "bordlampe|lysslynge",
        "grill|plantejord",
        "drill|veggmaling",
        "puslespill|kosedyr",
        "skriverpapir|penner",
        "julekuler|ballonger",
    ),
    "da": (
        "kaffebønner|grøn te",
        "havregryn|chokolade",
        "vaskemiddel|opvasketabs",
        "shampoo|toiletpapir",
        "hundefoder|kattegrus",
        "batterier aaa|led pære",
        "stegepande|tallerkener",
        "håndklæder|bademåtte",
        "sengetøj|hovedpude",
        "gardiner|spejl",
        "bordlampe|lyskæde",
        "grill|pottemuld",
        "boremaskine|vægmaling",
        "puslespil|bamse",
        "printerpapir|kuglepenne",
        "julekugler|balloner",
    ),
    "fi": (
        "kahvipavut|vihreä tee",
        "kaurahiutaleet|suklaa",
        "pyykinpesuaine|konetiskitabletti",
        "shampoo|vessapaperi",
        "koiranruoka|kissanhiekka",
        "paristot aaa|led lamppu",
        "paistinpannu|lautaset",
        "pyyhkeet|kylpyhuonematto",
        "pussilakana|tyyny",
        "verhot|peili",
        "pöytälamppu|valosarja",
        "grilli|kukkamulta",
        "porakone|seinämaali",
        "palapeli|pehmolelu",
        "tulostuspaperi|kynät",
        "joulupallot|ilmapallot",
    ),
    "en": (
        "coffee beans|green tea",
        "oats|chocolate",
        "washing powder|dishwasher tabs",
        "shampoo|toilet paper",
        "dog food|cat litter",
        "aaa batteries|led bulb",
        "frying pan|plates",
        "towels|bath mat",
        "duvet cover|pillow",
        "curtains|mirror",
        "table lamp|fairy lights",
        "barbecue|potting soil",
        "cordless drill|wall paint",
        "puzzle|soft toy",
        "printer paper|pens",
        "christmas baubles|balloons",
    ),
}
