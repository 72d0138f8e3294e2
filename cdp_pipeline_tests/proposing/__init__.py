"""Proposing contracts and staging from files nobody has described."""
