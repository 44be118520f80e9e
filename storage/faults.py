"""What a driver's error means for the caller: try the transaction again, come back later, or our own mistake.

Knows SQLSTATEs and SQLite's result codes; never a statement.
"""

from __future__ import annotations

import sqlite3
from enum import StrEnum

import psycopg
from sqlalchemy.exc import DBAPIError, InvalidRequestError


class Fault(StrEnum):
    AGAIN = "again"  # nothing was written: the same transaction may succeed now
    BUSY = "busy"  # the database cannot now; the client tries later
    OURS = "ours"


class Overtaken(Exception):
    """Another transaction did in between what this one was about to do. The transaction must be repeated."""


_AGAIN = frozenset({"40001", "40P01"})  # serialization failure, deadlock
_GONE = frozenset({"57P01", "57P02", "57P03", "57P05"})  # the server shut down, crashed, or is starting
_BUSY = frozenset({"55P03", "57014", "25006", "25P03"})  # lock or statement timeout, read-only, idle in transaction
_BUSY_CLASSES = frozenset({"53", "58"})  # no memory, disk or connections left; the system failed
_SQLITE_BUSY = frozenset(
    {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY,
     sqlite3.SQLITE_CANTOPEN}
)


def meaning(error: BaseException) -> Fault:
    """What an exception out of a transaction means."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return meaning(error.orig)
    if isinstance(error, Overtaken):
        return Fault.AGAIN
    if isinstance(error, psycopg.Error):
        return _of_postgresql(error)
    if isinstance(error, InvalidRequestError) and "invalid transaction" in str(error):
        return Fault.AGAIN
    if isinstance(error, sqlite3.OperationalError):
        return Fault.BUSY if (error.sqlite_errorcode & 0xFF) in _SQLITE_BUSY else Fault.OURS
    return Fault.OURS


def _of_postgresql(error: psycopg.Error) -> Fault:
    state = error.sqlstate or ""
    if state in _AGAIN or state in _GONE:
        return Fault.AGAIN
    if state in _BUSY or state[:2] in _BUSY_CLASSES:
        return Fault.BUSY
    # Connection lost, perhaps after COMMIT was sent: safe to repeat, for every push has its key (hardening 1.8).
    lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) and state[:2] in ("", "08")
    return Fault.AGAIN if lost else Fault.OURS
