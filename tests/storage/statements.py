"""Counts statements where the driver is called, parameter sets added up: `executemany` of 500 rows counts 500
(models.md 5). BEGIN, COMMIT and ROLLBACK do not count."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiosqlite
import psycopg
import pytest

ENDS = ("BEGIN", "COMMIT", "ROLLBACK")


@contextmanager
def counted(patch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The statements that reach psycopg or aiosqlite while the block runs, in order."""
    seen: list[str] = []

    def note(statement: Any, sets: int) -> None:
        text = str(statement).strip()
        if not text.upper().startswith(ENDS):
            seen.extend([text] * sets)

    with patch.context() as inside:
        for cursor in (psycopg.AsyncCursor, psycopg.AsyncRawCursor):
            _watch(inside, cursor, note)
        _watch(inside, aiosqlite.Cursor, note)
        _watch(inside, aiosqlite.Connection, note)
        yield seen


def _watch(patch: pytest.MonkeyPatch, owner: Any, note: Any) -> None:
    for name in ("execute", "execute_fetchall", "executemany", "execute_insert"):
        # Only where the class itself has it: an inherited method would be counted twice.
        original = vars(owner).get(name)
        if original is None:
            continue

        def watched(
            self: Any, statement: Any, params: Any = (), *more: Any, _original: Any = original, _name: str = name,
            **named: Any,
        ) -> Any:
            note(statement, len(list(params)) if _name == "executemany" else 1)
            return _original(self, statement, params, *more, **named)

        patch.setattr(owner, name, watched)
