"""The cast of every test (DESIGN.md 9) on any store: people with accounts and phones that push and pull by the engine.

Sokha the patient (two phones), Dara her brother, Maly her daughter with alerts only, Dr Lim who treats her, Dr Chan
without connection, Vuthy the stranger who must never see a thing. No HTTP here; tests/server has its own doors.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from scheduling.rules import RULES
from storage.accounts.states import AccountState
from storage.catalogue import KINDS, READABLE
from sync.access import PATIENT_SCOPE, USER_SCOPE, scope_name
from sync.clock import Clock, DeviceTime
from sync.identity import SYSTEM_DEVICE, SYSTEM_USER, connection_id, deed_id
from sync.kind import Kinds
from sync.pull import PullAsk, Pulled, pull
from sync.push import Pushed, Settlement, push
from sync.record import Change, Op, Outcome, Result
from sync.rule import Rules
from sync.store import Store
from sync.values import canonical_instant, ms_of, parse_instant

MORNING = "2026-11-21T08:10:00+07:00"  # when every scene begins
NAMES = ("sokha", "dara", "maly", "lim", "chan", "vuthy")
ROLES = {"lim": "doctor", "chan": "doctor", "dara": "family", "maly": "family"}

Enrol = Callable[[str, str, str], Awaitable[None]]  # (user id, account role, account state)


def ms(text: str) -> int:
    return ms_of(parse_instant(canonical_instant(text)))


def name_id(name: str) -> str:
    """The same id for the same name in every run."""
    return str(UUID(hashlib.md5(name.encode()).hexdigest(), version=4))


@dataclass
class Stage:
    """One store, one clock, one cast."""

    store: Store
    enrol: Enrol
    kinds: Kinds = field(default_factory=lambda: KINDS)
    rules: Rules = field(default_factory=lambda: RULES)
    now_ms: int = field(default_factory=lambda: ms(MORNING))
    count: int = 0

    def at(self, text: str) -> Stage:
        """Moves the server's clock."""
        self.now_ms = ms(text)
        return self

    def fresh(self, what: str = "id") -> str:
        self.count += 1
        return deed_id(SYSTEM_USER, f"{what}-{self.count}")

    async def settle(self, pushed: Pushed) -> Settlement:
        async with self.store.transaction() as tx:
            return await push(tx, self.kinds, self.rules, pushed, self.now_ms)

    async def system(self, *changes: Change) -> Settlement:
        numbered = [replace(change, i=i) for i, change in enumerate(changes)]
        return await self.settle(
            Pushed(SYSTEM_USER, SYSTEM_DEVICE, None, self.fresh("batch"), numbered, DeviceTime(None)))


class Phone:
    """One device of one person. Its wall clock may be wrong by `skew_ms`."""

    def __init__(self, stage: Stage, person: Person, name: str) -> None:
        self.stage = stage
        self.person = person
        self.device = name_id(f"{person.name}-{name}")
        self.clock = Clock(self.device)
        self.skew_ms = 0
        self.cursor: str | None = None

    @property
    def wall_ms(self) -> int:
        return self.stage.now_ms + self.skew_ms

    def change(
        self, kind: str, id_: str, scopes: tuple[str, ...], fields: Mapping[str, Any], *, op: Op = Op.UPSERT,
        base: int = 0, recorded: str | None = None, change_id: str | None = None, automatic: bool = False,
    ) -> Change:
        """A change as this phone would send it; `recorded` is when the finger touched, by the phone's own clock."""
        recorded_ms = self.wall_ms if recorded is None else ms(recorded)
        change_id = change_id or self.stage.fresh("change")
        digest = hashlib.sha256(json.dumps([kind, id_, str(op), fields], sort_keys=True, default=str).encode())
        return Change(0, change_id, kind, id_, scopes, op, base, dict(fields), None, recorded_ms, None, None,
                      self.clock.tick(recorded_ms), automatic, digest.hexdigest())

    async def push(self, *changes: Change, batch_id: str | None = None, session: str | None = None) -> Settlement:
        numbered = [replace(change, i=i) for i, change in enumerate(changes)]
        return await self.stage.settle(Pushed(
            self.person.id, self.device, session, batch_id or self.stage.fresh("batch"), numbered,
            DeviceTime(self.wall_ms)))

    async def does(self, *changes: Change) -> Result:
        """Pushes and gives the last change's result."""
        return (await self.push(*changes)).results[-1]

    async def pull(self, **more: Any) -> Pulled:
        """One page from where this phone stands."""
        ask = PullAsk(self.person.id, self.device, None, self.cursor, **more)
        pulled = await pull(self.stage.store, self.stage.kinds, READABLE, ask, self.stage.now_ms)
        self.cursor = pulled.cursor
        return pulled

    async def sees(self, kind: str | None = None) -> dict[str, dict[str, Any]]:
        """What a phone with nothing would be told now: id → row."""
        ask = PullAsk(self.person.id, self.device, None)
        rows: dict[str, dict[str, Any]] = {}
        while True:
            pulled = await pull(self.stage.store, self.stage.kinds, READABLE, ask, self.stage.now_ms)
            rows.update({c["id"]: c["row"] for c in pulled.changes if c["op"] == "put" and kind in (None, c["kind"])})
            if not pulled.has_more:
                return rows
            ask = replace(ask, cursor=pulled.cursor)


class Person:
    def __init__(self, stage: Stage, name: str) -> None:
        self.stage = stage
        self.name = name
        self.id = name_id(name)
        self.scope = scope_name(USER_SCOPE, self.id)
        self.patient_scope = scope_name(PATIENT_SCOPE, self.id)
        self.phone = Phone(stage, self, "phone")
        self.second = Phone(stage, self, "second phone")

    async def registers(self, role: str, state: str) -> None:
        await self.stage.enrol(self.id, role, state)
        changes = [self.phone.change("profile", self.id, (self.scope,), {"first_name": self.name.title()})]
        if role == "patient":
            named = {"first_name": self.name.title()}
            changes.append(self.phone.change("patient", self.id, (self.patient_scope,), named))
        settled = await self.phone.push(*changes)
        assert {result.outcome for result in settled.results} == {Outcome.APPLIED}, settled.results
        told: dict[str, Any] = {"role": role, "verified": state == AccountState.VERIFIED}
        await self.stage.system(Change(0, self.stage.fresh("change"), "profile", self.id, (self.scope,), Op.PATCH, 0,
                                       told, digest="system"))


class Cast:
    """Everybody, registered. Connections and prescriptions are the scene's own."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.sokha, self.dara, self.maly, self.lim, self.chan, self.vuthy = (Person(stage, name) for name in NAMES)

    async def arrive(self) -> Cast:
        for name in NAMES:
            role = ROLES.get(name, "patient")
            state = AccountState.VERIFIED if role == "doctor" else AccountState.ACTIVE
            await getattr(self, name).registers(role, state)
        return self

    def link(self, other: Person, phone: Phone, base: int = 0, recorded: str | None = None, **fields: Any) -> Change:
        """A change of the connection between Sokha and another, by whoever holds the phone."""
        ends = {"patient_id": self.sokha.id, "other_id": other.id}
        scopes = (self.sokha.patient_scope, other.scope)
        return phone.change("connection", connection_id(self.sokha.id, other.id), scopes, {**ends, **fields}, base=base,
                            recorded=recorded)

    async def connect(self, other: Person, level: str, **fields: Any) -> None:
        """Sokha asks, the other accepts."""
        asked = await self.sokha.phone.does(self.link(other, self.sokha.phone, status="pending", level=level, **fields))
        assert asked.outcome is Outcome.APPLIED, asked
        said = await other.phone.does(self.link(other, other.phone, base=asked.version, status="accepted"))
        assert said.outcome is Outcome.APPLIED, said

    def prescription(self, phone: Phone, id_: str, **fields: Any) -> Change:
        return phone.change("prescription", id_, (self.sokha.patient_scope,),
                            {"patient_id": self.sokha.id, "diagnosis": "hypertension", **fields})

    def version(
        self, phone: Phone, prescription: str, lines: list[dict[str, Any]], replaces: str | None = None,
        id_: str | None = None, **fields: Any,
    ) -> Change:
        told = {"patient_id": self.sokha.id, "prescription_id": prescription, "replaces": replaces, "lines": lines}
        return phone.change("prescription_version", id_ or self.stage.fresh("version"), (self.sokha.patient_scope,),
                            {**told, **fields})

    def answer(self, phone: Phone, prescription: str, answer: str, version: str | None = None, **more: Any) -> Change:
        recorded = more.pop("recorded", None)
        told = {"patient_id": self.sokha.id, "prescription_id": prescription, "version_id": version, "answer": answer}
        return phone.change("prescription_response", self.stage.fresh("answer"), (self.sokha.patient_scope,),
                            {**told, **more}, recorded=recorded)

    def line(self, line_id: str, name: str = "Amlodipine", start: str = "2026-11-20", **doses: Any) -> dict[str, Any]:
        """A four-slot line; doses by slot name, morning and evening by default."""
        plan = {"segments": [{"start": start, "time_rule": {"type": "slots", "doses": doses or {"MORN": 1, "EVE": 2}}}]}
        return {"line_id": line_id, "row": 1, "name": name, "form": "oral", "unit": "tablet", "plan": plan}

    async def treated(self, level: str = "allowed") -> Treatment:
        """Dr Lim is connected, has prescribed one line, and Sokha has confirmed it."""
        await self.connect(self.lim, level)
        return await self.prescribed(self.lim.phone, confirm=True)

    async def prescribed(self, phone: Phone, confirm: bool = False, **doses: Any) -> Treatment:
        made = Treatment(self, self.stage.fresh("prescription"), self.stage.fresh("version"), self.stage.fresh("line"))
        settled = await phone.push(
            self.prescription(phone, made.id),
            self.version(phone, made.id, [self.line(made.line_id, **doses)], id_=made.version_id))
        assert [r.outcome for r in settled.results] == [Outcome.APPLIED] * 2, settled.results
        if confirm:
            said = await self.sokha.phone.does(self.answer(self.sokha.phone, made.id, "confirm", made.version_id))
            assert said.outcome is Outcome.APPLIED, said
        return made


@dataclass(frozen=True)
class Treatment:
    """A prescription with one line and its first version."""

    cast: Cast
    id: str
    version_id: str
    line_id: str

    async def doses(self, phone: Phone | None = None) -> list[dict[str, Any]]:
        """Its living doses by due time, as a fresh phone is told them."""
        rows = (await (phone or self.cast.sokha.phone).sees("dose_event")).values()
        mine = (row for row in rows if row["line_id"] == self.line_id)
        return sorted(mine, key=lambda row: (row["due_at"] or "", row["id"]))

    def act(
        self, phone: Phone, dose: str, action: str, *, base: int, at: str | None = None, recorded: str | None = None,
        **fields: Any,
    ) -> Change:
        told: dict[str, Any] = {"action": action, **({"at": at} if at else {}), **fields}
        if action == "skipped":
            told.setdefault("reason", "other")
        return phone.change("dose_event", dose, (self.cast.sokha.patient_scope,), told, op=Op.PATCH, base=base,
                            recorded=recorded)
