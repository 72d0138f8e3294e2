"""What a steward's command means: which records it decides on, and what would come of it.

Belongs here: from customers and records that a person names to a decision in words of records
(``planning``), how decisions stand (``standing``), and what a decision changes downstream, tried
out without publishing (``effects``). Does not belong here: files of decisions
(``ingest.decisions``), which decisions are obeyed (``identity``), printing (``cli``).
"""
