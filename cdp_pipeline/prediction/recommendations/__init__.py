"""Product recommendations: candidates, a learned ranker, a plain fallback, and scarce stock.

Modules: ``purchases`` (the tables as arrays), ``past`` (what is known on a day), ``candidates``
(which products may be right for a customer, and what speaks for each), ``model`` (the object that
is kept), ``trial`` (is the ranker better than the fallback), ``train``, ``card``, ``stock`` (who
gets the units when they do not reach), ``score`` (the table).
"""
