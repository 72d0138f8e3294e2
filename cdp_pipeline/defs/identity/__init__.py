"""The steps of layer identity that are made in Python, one file a step."""
