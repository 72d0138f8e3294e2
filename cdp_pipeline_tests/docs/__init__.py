"""The documentation: what is generated, and tests that what it says is still so."""
