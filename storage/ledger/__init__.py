"""The store port of sync/store.py on PostgreSQL and SQLite: claim, read, write; page and rows; history."""
