"""The steps of layer prediction that are made in Python, one file a step."""
