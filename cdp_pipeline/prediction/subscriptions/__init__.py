"""Subscriptions that end: another churn than purchases that stay out.

Modules: ``samples`` (the table as arrays), ``model`` (what is kept between runs), ``train`` and
``score`` (the two verbs).
"""
