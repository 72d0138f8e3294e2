"""The report of a release: questions, figures and pictures, on one page that needs no network.

=========  ======================================================================================
declared   reads ``dbt_like_sql/export/report.yml``: which questions, with which queries
blocks     runs the queries, makes ``export.report_blocks``
pictures   draws a Vega-Lite picture as SVG
page       puts the blocks of a release together as ``report.html``
=========  ======================================================================================
"""
