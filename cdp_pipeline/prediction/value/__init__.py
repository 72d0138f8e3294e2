"""Value: what customers are expected to spend, and what proves that the amounts hold.

Modules: ``train`` and ``score`` (the two verbs), ``model`` (what is kept between runs), ``trial``
(which forecast is believed), ``samples`` (the tables as arrays), ``buying`` (BG/NBD and Gamma-Gamma
together), ``learners``, ``level`` (the total of all customers), ``intervals``, ``judge``, ``card``.
"""
