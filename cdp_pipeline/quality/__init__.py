"""The rules of contracts and ``_tables.yml``, run by Great Expectations on a table's rows.

==============  ===========================================================================
evaluate        `evaluate(con, table, relation)`: a `RuleResult` per rule, and for the key
suites          from declared rules to an expectation suite, one per table
expectations    what the library does not bring: key, reference, condition, whole match
conditions      kinds of rule as SQL conditions; the project's compile check uses them too
dialect         SQLAlchemy over the step's own DuckDB connection
library         Great Expectations, imported quiet
results         what came of a rule: counts, never values
data_docs       the site of pages, brought up to date; `rendering` draws them
profiles        what a column holds, told without any value of a person
==============  ===========================================================================

Results hold counts and never values. What happens to a table that fails is not decided here.
Importing this package does not import Great Expectations; evaluating a rule does.
"""

from cdp_pipeline.quality.evaluate import evaluate
from cdp_pipeline.quality.results import RuleResult, with_trend

__all__ = ["RuleResult", "evaluate", "with_trend"]
