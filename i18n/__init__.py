"""Sentences for codes, in Khmer (the default) and English. Knows no record, no request and no clock; imports nothing
of ours, so that every room above may use it.
"""
