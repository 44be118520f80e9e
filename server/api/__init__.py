"""The endpoints that the sources name, one file per noun: thin doors to the one road (R-600)."""
