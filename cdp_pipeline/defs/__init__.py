"""Thin Dagster definitions.

A SQL model needs nothing here: its file is its asset. A table made in Python has one file
``defs/<layer>/<table>.py`` with a ``STEP`` that names the logic and the code it depends on. The
logic itself lies outside this package and does not import dagster.
"""
