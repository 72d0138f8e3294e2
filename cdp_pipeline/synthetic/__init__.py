"""A demo company with known truth: a Nordic retailer of home and everyday goods.

Belongs here: an invented, seeded world of any size, its systems' exports with all the mess real
exports have, and the truth about it in a folder that no pipeline reads.
Does not belong here: anything the pipeline uses to process data.

=================  ================================================================================
names, places      lists with frequencies
people, companies  who exists, and what is true of them
behaviour, tastes  when and what they buy
records            what each system wrote down about them
campaigns          consents, mails with a control group, and what these cause
baskets, service   order lines and returns, tickets
exports, files     the files and their dialects
company            all of it in order
=================  ================================================================================
"""

from cdp_pipeline.synthetic.company import (
    DEFAULT_LINES_PER_RECORD,
    DEFAULT_PEOPLE,
    DEFAULT_SEED,
    CompanySummary,
    write_company,
)

__all__ = [
    "DEFAULT_LINES_PER_RECORD",
    "DEFAULT_PEOPLE",
    "DEFAULT_SEED",
    "CompanySummary",
    "write_company",
]
