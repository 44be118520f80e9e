"""What a world asks of a server's store besides the port: a plain look at everything kept, backups, and purges.

The oracle judges by these looks, never through the engine. Here the store in memory; tests/worlds/databases.py has the
other two. Knows no deed and no rule.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from storage.catalogue import KINDS
from sync.access import Membership
from sync.memory import MemoryStore, State, epoch_renewed, tombstones_purged
from sync.record import Row
from sync.store import Store, Who


@dataclass(frozen=True, slots=True)
class Line:
    """What the journal says of one change."""

    device: str
    change_id: str
    kind: str
    id: str
    outcome: str
    code: str
    version: int


class Backend(Protocol):
    """One server's store, with an account and a session for everybody who was enrolled."""

    store: Store

    async def open(self) -> None: ...

    async def enrol(self, user: str, role: str, state: str) -> None: ...

    async def session(self, user: str, device: str) -> str | None: ...

    async def rows(self, *kinds: str) -> list[Row]: ...

    async def members(self) -> list[Membership]: ...

    async def journal(self) -> list[Line]: ...

    async def heads(self) -> Mapping[str, int]: ...

    async def fingerprint(self) -> object:
        """Equal before and after something that wrote nothing."""

    async def backup(self) -> Any: ...

    async def restore(self, backup: Any, epoch: str, now: str, resend_since: str) -> None: ...

    async def purge(self, before: str) -> None: ...

    async def close(self) -> None: ...


class MemoryBackend:
    """Dictionaries. `State` holds immutable rows, so a shallow copy is a backup."""

    def __init__(self) -> None:
        self.memory = MemoryStore(KINDS)
        self.store: Store = self.memory

    async def open(self) -> None:
        return None

    async def enrol(self, user: str, role: str, state: str) -> None:
        self.memory.state.accounts[user] = Who(role, state)

    async def session(self, user: str, device: str) -> str | None:
        return f"session of {device}"

    async def rows(self, *kinds: str) -> list[Row]:
        return [row for key, row in self.memory.state.rows.items() if not kinds or key.kind in kinds]

    async def members(self) -> list[Membership]:
        return list(self.memory.state.members.values())

    async def journal(self) -> list[Line]:
        return [Line(one.device, one.change_id, one.kind, one.id, str(one.outcome), str(one.code), one.version)
                for one in self.memory.state.journal.values()]

    async def heads(self) -> Mapping[str, int]:
        return {name: scope.head for name, scope in self.memory.state.scopes.items()}

    async def fingerprint(self) -> object:
        state = self.memory.state
        return (sorted(state.ledger.items(), key=str), {key: row.version for key, row in state.rows.items()},
                sorted(state.journal), len(state.outbox), dict(state.members))

    async def backup(self) -> State:
        return _copied(self.memory.state)

    async def restore(self, backup: State, epoch: str, now: str, resend_since: str) -> None:
        self.memory.state = _copied(backup)
        epoch_renewed(self.memory, epoch)

    async def purge(self, before: str) -> None:
        tombstones_purged(self.memory, before)

    async def close(self) -> None:
        return None


def _copied(state: State) -> State:
    copied = State(**{name: copy.copy(value) for name, value in vars(state).items()})
    copied.scopes = {name: copy.copy(scope) for name, scope in state.scopes.items()}
    return copied


def living(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if not row.deleted]
