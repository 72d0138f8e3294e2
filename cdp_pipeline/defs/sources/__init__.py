"""The steps of layer sources that are made in Python, one file a step."""
