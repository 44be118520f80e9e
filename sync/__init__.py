"""The rules of merging: what a change, a scope and a winner are. Pure: standard library only, no I/O, time is an
argument; but for sync/replica, the client half, which keeps its rows in SQLite."""
