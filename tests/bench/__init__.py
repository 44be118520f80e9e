"""Figures for `make bench`: printed, never asserted (issue 2, Speed)."""
