-- One row per company record, with the company it belongs to.
--
-- A company may be several customers (kind company in golden_profiles), or none where only a
-- register has it.

select
    records.record_kind, -- customer: a record of a customer; company: a row of a company register
    records.source, -- Source system of the record
    records.record_id, -- The record's id in it
    records.customer_id, -- The customer the record belongs to; null in a register
    ids.company_id, -- The company
    records.how, -- What ties the record to its company: organisation_number, customer, or single
from identity.company_records as records
inner join identity.company_ids as ids
    on records.company_key = ids.company_key
