"""The steps of layer insight that are made in Python, one file a step."""
