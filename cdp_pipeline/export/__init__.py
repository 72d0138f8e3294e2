"""What leaves beside the tables themselves: model cards and data quality, as tables.

=============  ==================================================================================
model_cards    reads the trained models' tables, makes ``export.model_cards``
data_quality   reads every check's result and the ledger, makes ``export.data_quality``
=============  ==================================================================================
"""
