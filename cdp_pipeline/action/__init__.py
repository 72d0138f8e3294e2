"""What to do for each customer: who may be contacted, what is worth doing, and the one choice.

The tables of layer ``action``, in order:

===================  ========================================================================
permission_rules     made here by `permission_rules` from ``permissions.yml``; reads nothing
contact_permissions  SQL: permission of each customer by channel and purpose
buyer_groups         SQL: the groups responses are measured for
response_rates       SQL: uplift per channel and group from campaigns with a control group
customer_facts       SQL: the vocabulary of ``actions.yml``
action_candidates    made here by `action_candidates` from ``actions.yml``, customer_facts,
                     contact_permissions and response_rates
next_best_actions    made here by `choose_next_best_actions` from ``actions.yml``,
                     action_candidates, customer_facts, identity.customer_aliases and
                     sources.run_clock
===================  ========================================================================

Both YAML files are settings that decide results: a step's fingerprint has to hold
`Catalogue.content_hash` or `PermissionSettings.content_hash`.
"""

from cdp_pipeline.action.candidates import action_candidates
from cdp_pipeline.action.catalogue import Catalogue, DeclarationError, load_catalogue
from cdp_pipeline.action.choice import choose_next_best_actions
from cdp_pipeline.action.permissions import (
    PermissionSettings,
    load_permissions,
    permission_rules,
)

__all__ = [
    "Catalogue",
    "DeclarationError",
    "PermissionSettings",
    "action_candidates",
    "choose_next_best_actions",
    "load_catalogue",
    "load_permissions",
    "permission_rules",
]
