"""Spans of time of accounts and sessions, and canonical instants moved by them. Asks no clock."""

from __future__ import annotations

from datetime import timedelta

from sync.values import format_instant, parse_instant

REFRESH_LIFE = timedelta(days=7)  # sliding (S-05)
FAMILY_LIFE = timedelta(days=90)  # in all, whatever is refreshed (S-05)
LOST_REPLY = timedelta(seconds=30)  # in which the predecessor heals (S-06)
LOCK = timedelta(minutes=15)
TRIES_FORGOTTEN = timedelta(hours=24)
"""After which earlier failures no longer count: for names that nobody has and for accounts alike (S-30)."""


def later(now: str, span: timedelta) -> str:
    """`now` plus `span`, canonical."""
    return format_instant(parse_instant(now) + span)


def earlier(now: str, span: timedelta) -> str:
    """`now` minus `span`, canonical."""
    return format_instant(parse_instant(now) - span)
