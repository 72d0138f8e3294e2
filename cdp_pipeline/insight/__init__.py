"""What customers did, made readable: the parts of layer ``insight`` that SQL alone cannot say.

================  ===========================================================================
rules             ``insight.yml`` as the tables settings, rfm_borders and rfm_grid
sentiment         insight.feedback_sentiments from surveys and tickets, with its ``lexicon``
buyer_attributes  insight.buyer_attributes: what customers who buy have in common
================  ===========================================================================

Every other table of the layer is SQL in ``dbt_like_sql/insight/``.
"""
