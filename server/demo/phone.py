"""A phone of the cast: a replica on a file, a network that can be away or lose an answer, a clock that can be wrong.

Knows the client half and its HTTP door; never what the story does with it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from server.demo.chronicle import StoryBroken, expect, now
from server.demo.rest import Someone
from server.replica_http import HttpDoor
from storage.catalogue import KINDS
from sync.record import Key
from sync.replica.door import Body, Door, Unreachable
from sync.replica.dose import DOSE_EVENT, Dose
from sync.replica.loop import Synced, sync_once
from sync.replica.replica import Instruments, Replica
from sync.replica.rows import action_groups
from sync.values import format_instant

GROUPS = action_groups(KINDS)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the server said of one change of a phone."""

    phone: str
    kind: str
    id: str
    fields: Body
    outcome: str
    code: str
    again: bool  # the stored answer of a batch that had arrived before


@dataclass
class Mast:
    """The network between a phone and the server. `after_commit` runs once, in place of the next push's answer."""

    door: Door
    title: str
    open: bool = True
    after_commit: Callable[[], None] | None = None
    verdicts: list[Verdict] = field(default_factory=list)

    async def push(self, body: Body) -> Body:
        self._refuse_if_closed()
        answer = await self.door.push(body)
        if self.after_commit is not None:
            lost, self.after_commit = self.after_commit, None
            lost()
            raise Unreachable
        self._note(body, answer)
        return answer

    async def pull(self, body: Body) -> Body:
        self._refuse_if_closed()
        return await self.door.pull(body)

    def _refuse_if_closed(self) -> None:
        if not self.open:
            raise Unreachable

    def _note(self, body: Body, answer: Body) -> None:
        for change, result in zip(body["changes"], answer["results"], strict=True):
            self.verdicts.append(Verdict(self.title, change["kind"], change["id"], change["fields"], result["outcome"],
                                         result["code"], answer["replayed"]))


class Phone:
    """One device. `skew_ms` is how far its wall clock runs ahead; its monotonic clock is right, as clocks are."""

    def __init__(self, title: str, owner: Someone, door: HttpDoor, path: Path | None) -> None:
        """`path` is its file; None keeps it in memory."""
        self.title = title
        self.owner = owner
        self.skew_ms = 0
        self.mast = Mast(door, title)
        instruments = Instruments(lambda: time.time_ns() // 1_000_000 + self.skew_ms,
                                  lambda: time.monotonic_ns() // 1_000_000, secrets.randbits, secrets.token_hex(8))
        self.replica = Replica(":memory:" if path is None else str(path), owner.user, owner.device, instruments, GROUPS)

    async def sync(self) -> Synced:
        """One sync that must come to its end. Raises StoryBroken."""
        synced = await sync_once(self.replica, self.mast)
        faults = [fault.code for fault in (synced.push_fault, synced.pull_fault) if fault is not None]
        expect(not faults, f"{self.title} syncs to the end; it met {', '.join(faults)}")
        return synced

    async def try_to_sync(self) -> bool:
        """One sync that may fail; True if it did not."""
        return (await sync_once(self.replica, self.mast)).ok

    def dose(self, patient: Someone, line_id: str, slot: str) -> Dose:
        """The next dose of a line in a slot, as this phone shows it. Raises StoryBroken if it shows none."""
        moment = format_instant(now())
        rows = [row for row in self.replica.seen_rows(DOSE_EVENT, patient.patient_scope)
                if row["line_id"] == line_id and row.get("slot") == slot and row["due_at"] > moment]
        if not rows:
            raise StoryBroken(f"{self.title} shows a dose to come of {line_id} in {slot}")
        row = min(rows, key=lambda one: str(one["due_at"]))
        return Dose(row["patient_id"], row["line_id"], row["nominal_date"], row["slot_key"], row["occurrence"])

    def row(self, kind: str, home: str, id_: str) -> Body:
        """A row as told. Raises StoryBroken if there is none."""
        told = self.replica.rows.told(Key(kind, home, id_))
        if told is None:
            raise StoryBroken(f"{self.title} holds {kind} {id_}")
        return told

    def close(self) -> None:
        self.replica.close()


def door_of(session: aiohttp.ClientSession, url: str, owner: Someone) -> HttpDoor:
    return HttpDoor(session, url, lambda: owner.token)
