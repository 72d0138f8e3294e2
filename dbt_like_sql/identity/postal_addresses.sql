-- One row per record with a street address, of a customer or in a company register, in its parts.
--
-- Country, postcode, street and number name a house; its letter and flat are often left out, so
-- they stand apart and are null where they are not known. A street spelled differently from the
-- other records of the same postcode and number by a letter or two takes their spelling; a postcode
-- that is missing is filled where the town has the street and number only once. A box is no house.
-- Holds personal values.

with

delivered as (
    select
        'customer' as record_kind,
        records.source,
        records.record_id,
        coalesce(records.country, clock.home_country) as country,
        records.postcode,
        records.city,
        records.street,
    from staging.customer_records as records
    cross join sources.run_clock as clock
    where records.street is not null
    union all
    select
        'company' as record_kind,
        companies.source,
        companies.company_record_id as record_id,
        coalesce(companies.country, clock.home_country) as country,
        companies.postcode,
        companies.city,
        companies.street,
    from staging.companies as companies
    cross join sources.run_clock as clock
    where companies.street is not null
),

-- letters as one writes them in any of the languages: ø as o, æ as ae
folded as (
    select
        delivered.record_kind,
        delivered.source,
        delivered.record_id,
        upper(delivered.country) as country,
        nullif(regexp_replace(upper(delivered.postcode), '[^\p{L}\p{N}]', '', 'g'), '') as postcode,
        nullif(
            regexp_replace(
                strip_accents(translate(lower(delivered.city), 'øł', 'ol')),
                '[^\p{L}\p{N}]',
                '',
                'g'
            ),
            ''
        ) as city,
        -- "c/o Andersson, Storgatan 5" is Storgatan 5
        trim(
            regexp_replace(
                replace(
                    strip_accents(translate(lower(delivered.street), 'øł', 'ol')), 'æ', 'ae'
                ),
                '\bc/o\b[^,]*(,|$)',
                ''
            ),
            ' ,'
        ) as line,
    from delivered
),

-- "Storgatan 12 B lgh 1101" and "12 Main Street Apt 4": the number after or before the street
split as (
    select
        folded.record_kind,
        folded.source,
        folded.record_id,
        folded.country,
        folded.postcode,
        folded.city,
        folded.line,
        regexp_extract(
            folded.line,
            '^([^\d]*\p{L}[^\d]*?)\s*(\d+)\s*(?:([a-z])\b)?(.*)$',
            ['street', 'number', 'letter', 'rest']
        ) as after,
        regexp_extract(
            folded.line,
            '^(\d+)\s?([a-z]\b)?[ ,]+(\p{L}[^\d]*?)((?:,|\b(?:apt|apartment|flat|unit)\b|#).*)?$',
            ['number', 'letter', 'street', 'rest']
        ) as before,
    from folded
    where not regexp_matches(folded.line, '^(box|postboks|postbox|postlokero|pb|pl|p\.? ?o\.? box)\b')
),

parts as (
    select
        split.record_kind,
        split.source,
        split.record_id,
        split.country,
        split.postcode,
        split.city,
        regexp_replace(
            case
                when split.before['number'] <> '' then split.before['street']
                when split.after['number'] <> '' then split.after['street']
                else split.line
            end,
            '[^\p{L}\p{N}]',
            '',
            'g'
        ) as written_street,
        case
            when split.before['number'] <> '' then split.before['number']
            else split.after['number']
        end as house_number,
        case
            when split.before['number'] <> '' then split.before['letter']
            else split.after['letter']
        end as house_letter,
        regexp_replace(
            regexp_replace(
                case
                    when split.before['number'] <> '' then split.before['rest']
                    else split.after['rest']
                end,
                '\b(lgh|lagenhet|leilighet|leil|lejlighed|apt|apartment|flat|unit|asunto|as|bst|nr|no)\b',
                '',
                'g'
            ),
            '[^a-z0-9]',
            '',
            'g'
        ) as flat,
    from split
),

-- gatan and g., vägen and v.: one way of writing
named as (
    select
        parts.record_kind,
        parts.source,
        parts.record_id,
        parts.country,
        parts.postcode,
        parts.city,
        parts.written_street,
        regexp_replace(
            regexp_replace(parts.written_street, '(gatan|gata|gaten|gate|gade|gt)$', 'g'),
            '(vagen|vag|veien|vegen|vejen|vei|veg|vej|vn)$',
            'v'
        ) as street,
        parts.house_number,
        parts.house_letter,
        parts.flat,
    from parts
),

-- the one postcode of a town's street and number
postcodes as (
    select
        named.country,
        named.city,
        named.street,
        named.house_number,
        min(named.postcode) as postcode,
    from named
    where
        named.postcode is not null
        and named.city is not null
    group by all
    having count(distinct named.postcode) = 1
),

placed as (
    select
        named.record_kind,
        named.source,
        named.record_id,
        named.country,
        coalesce(named.postcode, postcodes.postcode) as postcode,
        named.written_street,
        named.street,
        named.house_number,
        nullif(named.house_letter, '') as house_letter,
        -- "3 tr" is a floor, "hos Eva" is nobody's door
        case
            when regexp_full_match(named.flat, '\d*(st|\d)?(tv|th|mf)|[a-z]?\d+[a-z]?') then named.flat
        end as flat,
    from named
    left join postcodes
        on
            named.country = postcodes.country
            and named.city = postcodes.city
            and named.street = postcodes.street
            and named.house_number = postcodes.house_number
    where
        named.street <> ''
        and (named.house_number <> '' or named.postcode is not null)
),

spellings as (
    select
        placed.country,
        placed.postcode,
        placed.house_number,
        placed.street,
        placed.written_street,
        sum(count(*)) over (
            partition by placed.country, placed.postcode, placed.house_number, placed.street
        ) as record_count,
    from placed
    where placed.postcode is not null
    group by
        placed.country,
        placed.postcode,
        placed.house_number,
        placed.street,
        placed.written_street
),

-- the spelling most records have, among those a slip away
preferred_spellings as (
    select
        spellings.country,
        spellings.postcode,
        spellings.house_number,
        spellings.written_street,
        arg_max(others.street, (others.record_count, others.street)) as preferred_street,
    from spellings
    inner join spellings as others
        on
            spellings.country = others.country
            and spellings.postcode = others.postcode
            and spellings.house_number = others.house_number
    where
        spellings.street = others.street
        or (
            least(length(spellings.written_street), length(others.written_street)) >= 6
            and abs(length(spellings.written_street) - length(others.written_street)) <= 2
            and damerau_levenshtein(spellings.written_street, others.written_street)
            <= case
                when least(length(spellings.written_street), length(others.written_street)) >= 10 then 2
                else 1
            end
        )
    group by all
)

select
    placed.record_kind, -- customer: a row of staging.customer_records; company: of staging.companies
    placed.source, -- Source system of the record
    placed.record_id, -- The record's id in it
    placed.country, -- Country, ISO 3166-1 alpha-2; the home's where the record names none
    placed.postcode, -- Postcode without spaces, in capitals
    coalesce(preferred.preferred_street, placed.street) as street, -- Street, folded, in the spelling most records have
    placed.house_number, -- Figures of the house number; empty for a house with a name
    placed.house_letter, -- Letter after the number: stairwell or house; null when not given
    placed.flat, -- Flat, as figures and letters without words; null when not given
    'p_' || left(
        sha256(concat_ws(chr(31), placed.country, coalesce(placed.postcode, ''), placed.house_number)),
        16
    ) as place_id, -- Country, postcode and number: what spelling and flat do not change
    'b_' || left(
        sha256(
            concat_ws(
                chr(31),
                placed.country,
                coalesce(placed.postcode, ''),
                coalesce(preferred.preferred_street, placed.street),
                placed.house_number
            )
        ),
        16
    ) as house_id, -- The house: place and street
from placed
left join preferred_spellings as preferred
    on
        placed.country = preferred.country
        and placed.postcode = preferred.postcode
        and placed.house_number = preferred.house_number
        and placed.written_street = preferred.written_street
