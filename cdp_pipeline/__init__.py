"""Customer data platform as a batch pipeline on Dagster and DuckDB.

The map of this package; the story of the data is told by ``dbt_like_sql/``.

=============  ==================================================================================
definitions    what Dagster loads: everything in ``defs/`` and the policies laid over it
settings       the home (folder) a run works in, and its typed settings
warehouse      the only package that knows tables are Parquet: sealed connections, the writer,
               fingerprints, state, the lock on a home, releases
sqlmodels      ``dbt_like_sql/`` parsed, compiled, and its lineage
ingest         contracts, deliveries, the ledger and rejected rows
proposing      contracts and staging SQL proposed from sample exports
quality        the rules of ``_tables.yml``, evaluated; column profiles, Data Docs
identity       standardising, linking, stewards' decisions, stable ids
explain        why records are one customer or not, and what to review
stewards       the commands that decide who is who, and what a decision would change
insight        sentiment and buyers' attributes; what SQL alone cannot say
prediction     churn, value, recommendations, lookalikes, each with its baselines
action         the catalogue of actions and the choice among them
export         what is published, model cards, data quality, readiness
report         the page of a release, from ``export/report.yml``
synthetic      a demo company with known truth
defs           thin Dagster definitions: one call to the logic, and the figures worth seeing
cli            the ``cdp`` command
=============  ==================================================================================
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("cdp-pipeline")
except PackageNotFoundError:  # a checkout that was not installed
    __version__ = "0.0.0"
