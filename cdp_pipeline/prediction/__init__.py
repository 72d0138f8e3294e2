"""What customers will do next: churn, with the baselines it has to beat.

Here belongs everything that learns from the past to say something about a customer's future, and
what proves that it does. Measures of the past are in ``insight``; what to do about it in ``action``.
"""
