"""Guards and rules: what a policy alone would allow and yet must not be, and what follows in the same transaction.

Both are pure and see rows only through the working set they are handed (sync/working.py), all of them in locked scopes.
A guard stands beside its class in storage/entities; rules are handed to the engine by server/app.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from sync.access import Role
from sync.kind import Refused
from sync.record import Change, Row
from sync.working import Working


class Guard(Protocol):
    """Refuses; never writes."""

    def __call__(self, work: Working, before: Row | None, after: Row, change: Change, role: Role) -> Refused | None: ...


class Rule(Protocol):
    """Writes what follows through `work`, or refuses; then nothing of this change stays."""

    def __call__(self, work: Working, before: Row | None, after: Row, change: Change, role: Role) -> Refused | None: ...


Rules = Mapping[str, Sequence[Rule]]
