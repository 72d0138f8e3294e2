"""The report: its declaration, its blocks and its page."""
