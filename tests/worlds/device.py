"""One phone of one person in a world: a replica on a file, a clock that may be wrong, and a process that may die."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from storage.catalogue import KINDS
from sync.record import Op
from sync.replica.loop import Synced, sync_once
from sync.replica.replica import Instruments, Replica
from sync.replica.rows import action_groups
from tests.worlds.network import Killed, Mast

GROUPS = action_groups(KINDS)


@dataclass(frozen=True, slots=True)
class Deed:
    """What a person told their phone."""

    change_id: str
    kind: str
    home: str
    id: str
    op: str
    fields: dict[str, Any]


@dataclass
class Device:
    """`skew_ms` is how far its wall clock is ahead; what is kept in `:memory:` cannot be killed."""

    name: str
    user: str
    id: str
    door: Mast
    dice: Random
    now_ms: Callable[[], int]
    path: str = ":memory:"
    skew_ms: int = 0
    boots: int = 0
    booted_at: int = 0
    deeds: list[Deed] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)  # scopes that it held once and had to let go of
    busy: bool = False

    def __post_init__(self) -> None:
        self.replica = self._start()

    def _start(self) -> Replica:
        self.boots += 1
        self.booted_at = self.now_ms() - self.dice.randrange(1, 10**7)
        booted = self.booted_at
        instruments = Instruments(lambda: self.now_ms() + self.skew_ms, lambda: self.now_ms() - booted,
                                  self.dice.getrandbits, f"boot {self.boots}")
        return Replica(self.path, self.user, self.id, instruments, GROUPS)

    @property
    def mortal(self) -> bool:
        return self.path != ":memory:"

    def killed(self) -> None:
        """The process dies and starts again on the same file; its clock keeps the hour it believed in."""
        if self.mortal:
            self.replica.close()
            self.replica = self._start()

    def record(self, kind: str, scopes: list[str], id_: str, fields: dict[str, Any], **more: Any) -> str:
        change_id = self.replica.record(kind, scopes, id_, fields, **more)
        self.deeds.append(Deed(change_id, kind, scopes[0], id_, str(more.get("op", Op.UPSERT)), fields))
        return change_id

    async def sync(self) -> Synced | None:
        """One sync; None if the process died in it or is in the middle of another one."""
        if self.busy:
            return None
        self.busy, held = True, set(self.replica.scopes())
        try:
            return await sync_once(self.replica, self.door)
        except Killed:
            self.killed()
            return None
        finally:
            self.busy = False
            self.lost |= held - set(self.replica.scopes())

    def row(self, kind: str, home: str, id_: str) -> dict[str, Any] | None:
        return self.replica.seen(kind, home, id_)

    def rows(self, kind: str, home: str) -> list[dict[str, Any]]:
        return self.replica.seen_rows(kind, home)
