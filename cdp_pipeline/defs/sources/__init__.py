"""The steps of layer sources: landed files, the clock, the ledger."""
