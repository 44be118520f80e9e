"""A server in memory, its people and their phones: the scene of the client half's tests. All clocks stand here."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid5

from sync.access import ALL, Membership, Role, View
from sync.identity import uuid7
from sync.memory import MemoryStore, Scope
from sync.record import Key, Row
from sync.replica.dose import Dose
from sync.replica.loop import Synced, sync_once
from sync.replica.replica import Instruments, Replica
from sync.replica.rows import action_groups
from sync.store import LedgerEntry
from sync.values import instant_of_ms
from tests.sync.kinds import KINDS
from tests.sync.loopback import Loopback

NOON = 1_767_243_600_000  # 2026-01-01T12:00:00+07:00
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
AT_EIGHT, HALF_PAST, TWENTY_TO_NINE = (f"2026-01-01T{utc}:00+00:00" for utc in ("01:00", "01:30", "01:40"))

CAST = UUID("0197d000-0000-7000-8000-000000000000")
SOKHA, DARA, MALY, LIM, CHAN, VUTHY = (
    str(uuid5(CAST, name)) for name in ("sokha", "dara", "maly", "dr lim", "dr chan", "vuthy"))
RECORD = f"patient:{SOKHA}"
LINE = str(uuid5(CAST, "metformin"))


@dataclass
class Phone:
    """A replica, its door, and a wall clock that is wrong by `skew_ms`."""

    replica: Replica
    door: Loopback
    skew_ms: int = 0

    async def sync(self) -> Synced:
        return await sync_once(self.replica, self.door)


@dataclass
class Town:
    """Server time passes only by `wait`."""

    now: int = NOON
    seed: int = 7
    store: MemoryStore = field(default_factory=lambda: MemoryStore(KINDS))

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def wait(self, ms: int) -> None:
        self.now += ms

    def id(self) -> str:
        return uuid7(self.now, self.random.getrandbits(74))

    def phone(self, user: str, path: str = ":memory:", device: str | None = None, boot_id: str = "boot 1") -> Phone:
        device = device or self.id()
        door = Loopback(self.store, KINDS, {}, user, device, f"session of {device}", lambda: self.now)
        instruments = Instruments(lambda: self.now + phone.skew_ms, lambda: self.now - NOON + DAY,
                                  self.random.getrandbits, boot_id)
        phone = Phone(Replica(path, user, device, instruments, action_groups(KINDS)), door)
        return phone

    async def sokhas(self, path: str = ":memory:") -> Phone:
        """Sokha's first phone, her record founded and told."""
        phone = self.phone(SOKHA, path)
        phone.replica.record("patient", [RECORD], SOKHA, {"first_name": "សុខា"})
        phone.replica.record("profile", [f"user:{SOKHA}"], SOKHA, {"language": "km"})
        assert (await phone.sync()).ok
        return phone

    async def two_phones(self) -> tuple[Phone, Phone]:
        """Both Sokha's, both told her record."""
        first, second = await self.sokhas(), self.phone(SOKHA)
        assert (await second.sync()).ok
        return first, second

    async def caregiver(self) -> Phone:
        """Dara's phone, with access and told."""
        self.grant(DARA, Role.MANAGER)
        dara = self.phone(DARA)
        assert (await dara.sync()).ok
        return dara

    # the server's own hand

    def grant(self, user: str, role: Role, view: View = ALL, scope: str = RECORD) -> None:
        before = self.store.state.members.get((scope, user))
        version = before.view_version + 1 if before else 1
        self.store.state.members[scope, user] = Membership(user, scope, role, view, version)

    def revoke(self, user: str, scope: str = RECORD) -> None:
        before = self.store.state.members[scope, user]
        self.store.state.members[scope, user] = replace(
            before, ended_at=instant_of_ms(self.now), view_version=before.view_version + 1)

    def fill(self, scope: str, number: int) -> None:
        """Doses as an import would have left them: rows and their places in the ledger."""
        state = self.store.state
        place = state.scopes.setdefault(scope, Scope(len(state.scopes) + 1))
        patient = scope.partition(":")[2]
        for at in range(number):
            dose = Dose(patient, LINE, "2026-01-01", f"0/{at}")
            fields = {**dict.fromkeys(KINDS["dose_event"].columns), **dose.identity()}
            row = Row("dose_event", dose.id, (scope,), 1, "", fields, {"entries": []})
            state.rows[row.key] = row
            place.head += 1
            state.ledger[place.ord, row.key] = LedgerEntry(
                place.ord, place.head, row.kind, row.id, scope, False, None, "2026-01-01", 1)

    def visible(self, user: str, scope: str = RECORD) -> dict[Key, int]:
        """The oracle: living rows of a scope that a person may see now, with their versions."""
        member = self.store.state.members.get((scope, user))
        if member is None or not member.active(instant_of_ms(self.now)):
            return {}
        return {key: row.version for key, row in self.store.state.rows.items()
                if scope in row.scopes and not row.deleted and member.role in KINDS[key.kind].access.read
                and KINDS[key.kind].seen_through(row, member.view)}


def dose(slot: str = "0/MORN", day: str = "2026-01-01") -> Dose:
    return Dose(SOKHA, LINE, day, slot)


def action_of(phone: Phone, slot: str = "0/MORN") -> tuple[object, object] | None:
    """What a phone shows of a dose: (action, at)."""
    row = phone.replica.seen("dose_event", RECORD, dose(slot).id)
    return None if row is None else (row["action"], row["at"])


def note(phone: Phone, town: Town, text: str = "ឈឺក្បាល", **fields: str) -> str:
    return phone.replica.record("note", [RECORD], town.id(), {"patient_id": SOKHA, "text": text, **fields})
