"""The steps of layer action that are made in Python, one file a step."""
