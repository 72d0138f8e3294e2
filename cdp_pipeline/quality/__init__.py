"""The rules of ``_tables.yml``, evaluated on a table's rows.

==============  ===========================================================================
evaluate        `evaluate(con, table, relation)`: a `RuleResult` per rule, and for the key
conditions      each kind of rule as a SQL condition; the project's compile check uses it too
==============  ===========================================================================

Results hold counts and never values. What happens to a table that fails is not decided here.
"""

from cdp_pipeline.quality.evaluate import RuleResult, evaluate

__all__ = ["RuleResult", "evaluate"]
