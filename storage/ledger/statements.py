"""What the ledger asks of an engine: each method is one prepared text with one JSON parameter, or a constant number.

Implemented by postgres.py and sqlite.py. Documents go in as JSON text; rows come out as lists in the column orders of
spelling.py and shelf.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class ReadShape:
    """What a read statement's text depends on: (kind, column, since column) of its lookups, and which parts it has."""

    looks: tuple[tuple[str, str, str | None], ...]
    all_members: bool
    seen: bool


@dataclass(frozen=True, slots=True)
class WriteShape:
    """What a write statement's text depends on."""

    kinds: tuple[str, ...]
    sets: tuple[str, ...]  # of ledger, membership, change, outbox those that are not empty


@dataclass(frozen=True, slots=True)
class RawClaim:
    """`new` is False for a batch that exists; `scopes` hold name, ord, first number, room, founded."""

    new: bool
    who: Sequence[str] | None
    epoch: str
    scopes: Sequence[tuple[str, int, int, int, bool]]


@dataclass(frozen=True, slots=True)
class RawPage:
    who: Sequence[str] | None
    epoch: str
    resend_since: str | None
    held: Sequence[Sequence[Any]]  # (membership, ord, head, floor)
    entries: Sequence[Sequence[Any]]
    reached: Sequence[int]
    names: dict[int, str]


class Statements(Protocol):
    async def claim(self, driver: Any, doc: str) -> RawClaim: ...

    async def stored(self, driver: Any, user: str, device: str, batch_id: str) -> tuple[str, str | None]: ...

    async def overtaken(self, driver: Any, user: str, unlocked: Sequence[str], orphans: Sequence[str]) -> bool: ...

    async def read(self, driver: Any, shape: ReadShape, doc: str) -> Sequence[tuple[str, Any]]: ...

    async def write(self, driver: Any, shape: WriteShape, doc: str) -> None: ...

    async def page(self, driver: Any, doc: str) -> RawPage: ...

    async def rows(self, driver: Any, kinds: tuple[str, ...], doc: str) -> Sequence[tuple[str, Any]]: ...

    async def note_removed(self, driver: Any, doc: str) -> None: ...
