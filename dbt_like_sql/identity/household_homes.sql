-- One row per person and stay at a home, with the door it is behind and what the person brings that
-- a household could share.
--
-- Who gives no letter or flat lives behind the door of their namesakes in the house, where those
-- have exactly one; two known doors of one house are never one home. Holds personal values.

with

stays as (
    select
        stays.customer_id,
        stays.stay_number,
        stays.house_id,
        stays.house_letter,
        stays.flat,
    from identity.home_stays as stays
),

-- every part of every family name a person was ever known by: married, maiden, double
surnames as (
    select
        links.customer_id,
        unnest(string_split(records.family_name, ' ')) as surname,
        contains(records.family_name, ' ') as has_parts,
    from identity.standardised_records as records
    inner join identity.identity_map as links
        on
            records.source = links.source
            and records.record_id = links.record_id
    where records.kind = 'person'
),

surnames_per_person as (
    select
        surnames.customer_id,
        list(distinct surnames.surname order by surnames.surname) as surnames,
    from surnames
    where
        length(surnames.surname) > 1
        -- "de" and "von" are everybody's, but Hung Do and Binh Le have no other name
        and not (
            surnames.has_parts
            and surnames.surname in (
                'af', 'av', 'von', 'van', 'der', 'den', 'de', 'del', 'della', 'di', 'da', 'do',
                'dos', 'la', 'le', 'el', 'al', 'bin', 'ben', 'ibn', 'abu', 'ter', 'ten', 'zu', 'og',
                'och', 'und'
            )
        )
    group by surnames.customer_id
),

named_stays as (
    select
        stays.customer_id,
        stays.stay_number,
        stays.house_id,
        stays.house_letter,
        stays.flat,
        coalesce(per_person.surnames, []) as surnames,
    from stays
    left join surnames_per_person as per_person
        on stays.customer_id = per_person.customer_id
),

letters_per_name as (
    select
        named_stays.house_id,
        unnest(named_stays.surnames) as surname,
        named_stays.house_letter,
    from named_stays
    where named_stays.house_letter is not null
),

one_letter as (
    select
        letters.house_id,
        letters.surname,
        min(letters.house_letter) as house_letter,
        count(distinct letters.house_letter) as letter_count,
    from letters_per_name as letters
    group by all
),

namesake_letters as (
    select
        named_stays.customer_id,
        named_stays.stay_number,
        min(one_letter.house_letter) as house_letter,
    from named_stays
    inner join one_letter
        on
            named_stays.house_id = one_letter.house_id
            and list_contains(named_stays.surnames, one_letter.surname)
    where named_stays.house_letter is null
    group by all
    having
        max(one_letter.letter_count) = 1
        and count(distinct one_letter.house_letter) = 1
),

lettered_stays as (
    select
        named_stays.customer_id,
        named_stays.stay_number,
        named_stays.house_id,
        coalesce(named_stays.house_letter, namesake_letters.house_letter) as house_letter,
        named_stays.flat,
        named_stays.surnames,
    from named_stays
    left join namesake_letters
        on
            named_stays.customer_id = namesake_letters.customer_id
            and named_stays.stay_number = namesake_letters.stay_number
),

flats_per_name as (
    select
        lettered_stays.house_id,
        lettered_stays.house_letter,
        unnest(lettered_stays.surnames) as surname,
        lettered_stays.flat,
    from lettered_stays
    where lettered_stays.flat is not null
),

one_flat as (
    select
        flats.house_id,
        flats.house_letter,
        flats.surname,
        min(flats.flat) as flat,
        count(distinct flats.flat) as flat_count,
    from flats_per_name as flats
    group by all
),

namesake_flats as (
    select
        lettered_stays.customer_id,
        lettered_stays.stay_number,
        min(one_flat.flat) as flat,
    from lettered_stays
    inner join one_flat
        on
            lettered_stays.house_id = one_flat.house_id
            and lettered_stays.house_letter is not distinct from one_flat.house_letter
            and list_contains(lettered_stays.surnames, one_flat.surname)
    where lettered_stays.flat is null
    group by all
    having
        max(one_flat.flat_count) = 1
        and count(distinct one_flat.flat) = 1
)

select
    stays.customer_id, -- The person
    stays.stay_number, -- Number of the stay in the person's life
    stays.house_id, -- The house
    'd_' || left(
        sha256(
            concat_ws(
                chr(31),
                stays.house_id,
                coalesce(stays.house_letter, ''),
                coalesce(stays.flat, namesake_flats.flat, '')
            )
        ),
        16
    ) as dwelling_id, -- The home: house, letter and flat {drops address: a hash of it} {drops name: only which door}
    coalesce(stays.flat, namesake_flats.flat) is not null as has_flat, -- The flat is known {drops address: only whether it is known} {drops name: only whether it is known}
    stays.surnames, -- Parts of all family names the person is known by, folded
from lettered_stays as stays
left join namesake_flats
    on
        stays.customer_id = namesake_flats.customer_id
        and stays.stay_number = namesake_flats.stay_number
