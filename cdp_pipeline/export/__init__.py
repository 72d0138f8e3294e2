"""What leaves beside the tables themselves: model cards, data quality, profiles, Data Docs.

===============  ================================================================================
model_cards      reads the trained models' tables, makes ``export.model_cards``
column_profiles  reads source and published tables, makes ``export.column_profiles``
data_quality     reads every check's result and the ledger, makes ``export.data_quality``
data_docs        reads every check's result, makes the pages in ``data/warehouse/data_docs``
===============  ================================================================================
"""
