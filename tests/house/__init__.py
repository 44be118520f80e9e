"""Tests of the house itself: its imports, sizes, locks, container files and what must never be written into it."""
