"""What we keep and under which law: declarations, ledger, accounts, cache, blobs, migrations."""
