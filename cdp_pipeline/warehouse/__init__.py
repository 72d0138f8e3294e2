"""The only package that knows tables are Parquet.

=========  ======================================================================================
engine     sealed DuckDB connections, and engine errors translated so that they hold no value
store      versions of tables by fingerprint, and the pointers to the current ones
step       one step: is it needed, run it, write its tables in key order, check them
previous   the release in front, as models read it
lock       one run per home
exports    what is published
release    publish: one folder, one manifest, one atomic switch
databases  ``cdp.duckdb`` and ``vault.duckdb`` of a release
=========  ======================================================================================

A table version lies at ``data/warehouse/<layer>/<table>/<fingerprint>.parquet``; the fingerprint
hashes the code, the contents of the inputs, settings and engine version. A step whose fingerprint
exists is skipped: that one mechanism is resume after a kill, incremental run and idle run. Because
it hashes the *contents* of inputs, a step also stops there when its input was made anew but came
out the same.
"""

from cdp_pipeline.warehouse.step import Made, RunContext, Warehouse
from cdp_pipeline.warehouse.store import Store, TableVersion

__all__ = ["Made", "RunContext", "Store", "TableVersion", "Warehouse"]
