"""The steps of layer export that are made in Python, one file a step."""
