"""All declared kinds, one file per noun. storage/catalogue.py reads them."""
