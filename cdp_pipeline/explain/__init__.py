"""Explaining identity: why records are one customer, how right that is, and what to look at.

Belongs here: reading what the identity layer decided and telling it to people. Does not belong
here: deciding anything (``identity``), printing (``cli``).

``records`` finds what a person names, ``scoring`` lets the stored model weigh any two records,
``tree`` finds the strongest links, ``customers`` and ``pairs`` put explanations together from the
words in ``texts``, ``picture`` draws them; ``evaluation`` and ``wrong_pairs`` compare with a
labelled sample; ``review`` ranks what a person should look at.
"""
