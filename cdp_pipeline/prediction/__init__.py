"""What customers will do next: churn, with the baselines it has to beat.

Here belongs everything that learns from the past to say something about a customer's future, and
what proves that it does. Measures of the past are in ``insight``, what to do about it in
``action``.

========================  =====================================  ================================
made by                   reads                                  makes
========================  =====================================  ================================
``churn_horizon.sql``     sources.run_clock, profiles.orders     prediction.churn_horizon
``churn_cutoffs.sql``     sources.run_clock,                     prediction.churn_cutoffs
                          prediction.churn_horizon
``churn_features.sql``    sources.run_clock, staging.messages,   prediction.churn_features
                          staging.tickets,
                          identity.identity_map,
                          profiles.orders,
                          profiles.order_lines,
                          prediction.churn_cutoffs
``churn.train_churn``     prediction.churn_cutoffs,              a ``ChurnModel`` with its card
                          prediction.churn_features              (``to_bytes``, ``from_bytes``)
``churn.score_churn``     prediction.churn_cutoffs,              prediction.churn_predictions
                          prediction.churn_features,
                          identity.identity_map, a ChurnModel
``churn.needs_training``  prediction.churn_cutoffs, a            why a stored model is of no use
                          ChurnModel                             today, or None
========================  =====================================  ================================

The model's bytes are JSON. Modules: ``samples`` (the tables as arrays), ``bgnbd`` and
``gamma_gamma`` (models of buying and spending), ``learners``, ``calibration``, ``metrics``,
``trial`` (which score is believed), ``reasons``, ``card``, ``churn`` (the two verbs).
"""
