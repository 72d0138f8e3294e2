"""Identity: which records are one customer, and under which id.

The steps, what each reads and what it makes. All take the step's own DuckDB connection first and
return ``{table: SELECT}``.

=====================  ==========================================  ================================
function               reads                                       makes
=====================  ==========================================  ================================
`standardise`          staging.customer_records,                   identity.standardised_records,
                       staging.customer_attributes,                identity.standardised_attributes,
                       sources.run_clock                           identity.rejected_identifiers
`shared_identifiers`   identity.standardised_records,              identity.shared_identifiers
                       identity.standardised_attributes
`train`                identity.standardised_records,              a `LinkageModel` (JSON bytes)
                       identity.standardised_attributes,
                       identity.shared_identifiers
`link`                 the same, and a `LinkageModel`              identity.record_pairs,
                                                                   identity.record_clusters, kept
                                                                   as identity.linked_clusters,
                                                                   identity.match_weights,
                                                                   identity.unlinkable_records,
                                                                   identity.linkage_drift
`constrain`            identity.linked_clusters,                   identity.record_clusters,
                       identity.record_pairs,                      identity.decided_pairs,
                       identity.standardised_records,              identity.decision_report
                       identity.standardised_attributes,
                       sources.steward_decisions,
                       sources.run_clock
`linkage_quality`      identity.record_clusters,                   identity.linkage_quality
                       identity.record_pairs,
                       identity.standardised_records,
                       identity.linkage_drift,
                       previous.identity_map
`assign_ids`           identity.record_clusters,                   identity.identity_map,
                       identity.record_pairs,                      identity.customer_aliases,
                       identity.decided_pairs,                     identity.customer_history,
                       identity.standardised_records,              identity.merged_records
                       identity.linkage_model, previous.*,
                       sources.run_clock
`identity_figures`     an identity map                             figures to show
=====================  ==========================================  ================================

The modules follow the phases: ``columns`` (what is declared), ``standardise`` with ``names``,
``phones`` and ``checksums``, ``shared``, ``work`` (the tables of linking), ``exact``, ``blocking``,
``comparisons``, ``score`` (levels of agreement), ``mixture`` (who else a pair could be),
``chance`` (what strangers agree on), ``calibrate`` (how sure a weight is), ``train``, ``model``,
``soundness`` (whether it may be used), ``fit`` (what it meets in the data, and drift),
``cluster``, ``link``, ``decisions`` (which of the stewards' hold), ``constrain`` (clusters that
keep them), ``quality``, ``ids``, ``figures``.
"""

from cdp_pipeline.identity.columns import IdentityColumn, IdentityColumns, load_identity_columns
from cdp_pipeline.identity.constrain import constrain
from cdp_pipeline.identity.figures import identity_figures
from cdp_pipeline.identity.ids import assign_ids
from cdp_pipeline.identity.link import link
from cdp_pipeline.identity.model import LinkageModel
from cdp_pipeline.identity.quality import linkage_quality
from cdp_pipeline.identity.shared import shared_identifiers
from cdp_pipeline.identity.standardise import standardise
from cdp_pipeline.identity.train import train

__all__ = [
    "IdentityColumn",
    "IdentityColumns",
    "LinkageModel",
    "assign_ids",
    "constrain",
    "identity_figures",
    "link",
    "linkage_quality",
    "load_identity_columns",
    "shared_identifiers",
    "standardise",
    "train",
]
