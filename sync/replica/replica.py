"""One account's data on one device (R-015): record offline, look at rows, and know what still waits.

Everything recorded is in the file before the call returns. `sync/replica/loop.py` brings it to the server. Time and
randomness come from the device's instruments, so that a world can set them wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sync.clock import Clock, is_hlc
from sync.identity import uuid7
from sync.record import Key, Op
from sync.replica.dose import DOSE_EVENT, Dose, skipped, taken, undone
from sync.replica.file import ReplicaFile
from sync.replica.outbox import Outbox, Waiting
from sync.replica.pages import Pages
from sync.replica.rows import Groups, Rows
from sync.replica.verdicts import Refusal, Verdicts
from sync.values import canonical_uuid
from sync.wire import canonical_scope

Body = dict[str, Any]

HLC = "hlc"  # setting


@dataclass(frozen=True, slots=True)
class Instruments:
    """A device's clocks and dice. `now_ms` is its wall clock (milliseconds since 1970, possibly wrong), `mono_ms`
    counts since the boot that `boot_id` names, `random_bits(n)` is an integer of n random bits."""

    now_ms: Callable[[], int]
    mono_ms: Callable[[], int]
    random_bits: Callable[[int], int]
    boot_id: str


class Replica:
    """The client half on one file (`:memory:` for what may be forgotten). One task syncs at a time."""

    def __init__(self, path: str, account: str, device: str, instruments: Instruments, groups: Groups) -> None:
        """`groups` are the kinds' action groups (rows.action_groups). Raises ForeignReplica: another's file (F-23)."""
        self.account = account
        self.device = device
        self.instruments = instruments
        self.turn = asyncio.Lock()
        self._file = ReplicaFile(path, account, device)
        self.outbox = Outbox(self._file)
        self.rows = Rows(self._file, groups)
        self.pages = Pages(self._file, self.outbox, self.rows)
        self.verdicts = Verdicts(self._file, self.outbox, self.rows)
        self._clock = Clock(device, self._file.get(HLC))

    def new_id(self) -> str:
        """An id that sorts by time, for a row that only this device can make."""
        return uuid7(self.instruments.now_ms(), self.instruments.random_bits(74))

    # recording

    def record(
        self, kind: str, scopes: Sequence[str], id_: str, fields: Body, *,
        op: Op = Op.UPSERT, base: int | None = None, automatic: bool = False,
    ) -> str:
        """Queues a change and returns its id; the row as seen shows it at once.

        `scopes` are all of the row's, home first. `base` is the version the person looked at, by default the newest one
        told. Raises ChangeTooLarge, ValueError or TypeError for ids that are none and fields that are not JSON; then
        nothing is queued.
        """
        change_id, now = self.new_id(), self.instruments.now_ms()
        id_, named = canonical_uuid(id_), [canonical_scope(scope) for scope in scopes]
        if not named or None in named:
            raise ValueError("scopes")
        body: Body = {
            "change_id": change_id, "kind": kind, "id": id_, "scopes": named, "op": str(op), "fields": fields,
            "recorded_at": now, "boot_id": self.instruments.boot_id, "mono_ms": self.instruments.mono_ms(),
        }
        if automatic:
            body["automatic"] = True
        with self._file.transaction():
            body["hlc"] = self._clock.tick(now)
            self._file.set(HLC, self._clock.last)
            self.outbox.add(body, self.rows.looked_at(Key(kind, str(named[0]), id_)) if base is None else base)
        return change_id

    def take_dose(
        self, dose: Dose, *, at: str | None = None, amount: str | None = None, note: str | None = None
    ) -> str:
        """Returns the dose's id. Without `at`: now."""
        self.record(DOSE_EVENT, [dose.scope], dose.id, taken(dose, at, amount, note))
        return dose.id

    def skip_dose(self, dose: Dose, *, reason: str | None = None, note: str | None = None) -> str:
        self.record(DOSE_EVENT, [dose.scope], dose.id, skipped(dose, reason, note))
        return dose.id

    def undo_dose(self, dose: Dose) -> str:
        """Takes back what this person had before their eyes; a concurrent word of somebody else survives."""
        self.record(DOSE_EVENT, [dose.scope], dose.id, undone(dose))
        return dose.id

    # looking

    def seen(self, kind: str, home: str, id_: str) -> Body | None:
        """The row as the person sees it: as told, under what they did since."""
        return self.rows.seen(Key(kind, home, id_))

    def seen_rows(self, kind: str, home: str) -> list[Body]:
        return self.rows.seen_rows(kind, home)

    def told(self, kind: str, home: str, id_: str) -> Body | None:
        return self.rows.told(Key(kind, home, id_))

    def held(self, scope: str) -> dict[Key, int]:
        return self.rows.held(scope)

    def scopes(self) -> dict[str, str]:
        """Scope → role, as far as this device was told."""
        return self.rows.scopes()

    def waiting(self) -> list[Waiting]:
        return self.outbox.waiting()

    def refusals(self) -> list[Refusal]:
        return self.verdicts.refusals()

    # for the loop

    def hear_time(self, hlc: object) -> None:
        """Takes note of the server's hybrid time, so that an edit made from now on compares greater."""
        if isinstance(hlc, str) and is_hlc(hlc):
            self._clock.see(hlc)
            self._file.set(HLC, self._clock.last)

    def close(self) -> None:
        self._file.close()
