"""The client half: what a phone keeps and does. A durable outbox, rows as told and rows as seen, and the sync loop.

Written for the demo, the worlds and the tests, and as the plainest statement of what an app must do (docs/SYNC.md).
"""
