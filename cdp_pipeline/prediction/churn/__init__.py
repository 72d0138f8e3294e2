"""Churn: who will not buy within the horizon, and what proves that the score is worth believing.

Modules: ``train`` and ``score`` (the two verbs), ``model`` (what is kept between runs), ``trial``
(which score is believed), ``learners``, ``intervals``, ``reasons``, ``card``.
"""
