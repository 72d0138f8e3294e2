"""Lookalikes: declaration, likeness, trial and tables."""
