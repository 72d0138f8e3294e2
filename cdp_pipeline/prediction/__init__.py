"""What customers will do next, with the baselines a prediction has to beat.

Here belongs everything that learns from the past to say something about a customer's future, and
what proves that it does. Measures of the past are in ``insight``, what to do about it in
``action``. Each question has a folder of its own; what several of them use lies here:

===================  ===========================================================================
``samples``          the feature table as arrays: who, when, what was known, what came of it
``bgnbd``            how often customers buy, and when they silently stop
``gamma_gamma``      how much they spend per order
``trees``            boosted trees, kept as plain numbers
``calibration``      from a score to a probability
``metrics``          how good a prediction was, with intervals
``threads``          one numeric thread, so that the last bits do not depend on the machine
``churn``            who will not buy within the horizon
``recommendations``  which products a customer buys next
===================  ===========================================================================

The bytes of every model are JSON. A step names the modules its result depends on, and no other:
a change to how churn explains itself must not score value anew.
"""
