"""One random world: a server, five people with six phones around one patient, a storm, and the quiet after it.

Everything is drawn from one integer seed and all clocks are the world's own, so a seed replays exactly. The world only
acts; tests/worlds/watch.py judges each answer and tests/worlds/verdict.py what is left at the end.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from scheduling.rules import RULES
from storage.catalogue import KINDS
from sync.clock import DeviceTime
from sync.identity import SYSTEM_DEVICE, SYSTEM_USER, connection_id
from sync.push import Pushed, push
from sync.record import Change, Op
from sync.values import format_instant, instant_of_ms
from tests.worlds.backend import Backend, living
from tests.worlds.deeds import Deeds
from tests.worlds.device import Device
from tests.worlds.network import Mast, Weather
from tests.worlds.watch import Watch

BEGIN_MS, MINUTE, HOUR, DAY = 1_795_223_400_000, 60_000, 3_600_000, 86_400_000  # begins 2026-11-21, 08:10+07:00
PEOPLE = {"sokha": "patient", "dara": "family", "maly": "family", "lim": "doctor", "vuthy": "patient"}
PHONES = {"sokha": 2, "dara": 1, "maly": 1, "lim": 1, "vuthy": 1}
MOST_ROUNDS = 60  # of syncing everybody until nothing moves

DEEDS = {
    "sokha": ("dose",) * 6 + ("answer",) * 3 + ("connection",) * 3 + ("line_setting",) * 2 + (
        "settings", "profile", "prescribe", "revise"),
    "dara": ("dose",) * 5 + ("connection", "profile", "answer"),
    "maly": ("dose", "connection", "profile", "line_setting"),
    "lim": ("prescribe", "revise", "revise", "note", "answer", "connection", "dose"),
    "vuthy": ("attack",),
}


class World:
    """`await World(seed, backend).live(steps, verdict)` lives one world to its end."""

    def __init__(self, seed: int, backend: Backend, failpoints: tuple[str, ...] = ()) -> None:
        self.seed = seed
        self.dice = Random(seed)
        self.backend = backend
        self.now = BEGIN_MS
        self.watch = Watch(backend)
        self.weather = Weather(Random(self.dice.getrandbits(64)), meddle=self._meddle, failpoints=failpoints,
                               happened=self.watch.sometimes)
        self.ids = {name: self._id() for name in PEOPLE}
        self.deeds = Deeds(self.dice, self.ids["sokha"], {n: self.ids[n] for n in ("dara", "maly", "lim")})
        self.devices: list[Device] = []
        self.folder = Path(tempfile.mkdtemp(prefix="dastern-world-", dir=ram()))
        self.backups: list[tuple[int, Any]] = []
        self.system_count = 0

    def _id(self) -> str:
        return str(UUID(int=self.dice.getrandbits(128), version=4))

    # the beginning

    async def begin(self) -> None:
        """Everybody registers; if the dice say so, Dr Lim and Dara are connected and a prescription is confirmed."""
        for name, role in PEOPLE.items():
            await self.backend.enrol(self.ids[name], role, "verified" if role == "doctor" else "active")
            for n in range(PHONES[name]):
                await self._phone(name, n)
        for device in self.devices:
            if device.name.endswith("0"):
                self._registers(device)
        stormy = self.weather
        self._calm()
        for device in self.devices:
            await device.sync()
        await self._verify_accounts()
        if self.dice.random() < 0.8:
            await self._befriend()
        self._storm(stormy)

    async def _phone(self, name: str, n: int) -> None:
        id_ = self._id()
        door = Mast(self.backend.store, KINDS, RULES, self.ids[name], id_,
                    await self.backend.session(self.ids[name], id_), lambda: self.now, weather=self.weather,
                    watch=self.watch)
        path = str(self.folder / f"{name}{n}.db") if name in ("sokha", "dara") else ":memory:"
        door.may_die = path != ":memory:"
        self.devices.append(Device(f"{name}{n}", self.ids[name], id_, door, self.dice, lambda: self.now, path))

    def _registers(self, device: Device) -> None:
        name = device.name.rstrip("0123456789")
        device.record("profile", [f"user:{device.user}"], device.user, {"first_name": name.title()})
        if PEOPLE[name] == "patient":
            device.record("patient", [f"patient:{device.user}"], device.user, {"first_name": name.title()})

    async def _verify_accounts(self) -> None:
        for name, role in PEOPLE.items():
            await self.system("profile", self.ids[name], f"user:{self.ids[name]}",
                              {"role": role, "verified": role == "doctor"})

    async def _befriend(self) -> None:
        sokha, lim, dara = self.device("sokha0"), self.device("lim0"), self.device("dara0")
        for other, level in ((dara, "view+manage"), (lim, "allowed")):
            self._connects(sokha, other.user, status="pending", level=level)
            await sokha.sync()
            await other.sync()
            self._connects(other, other.user, status="accepted")
            await other.sync()
        self.deeds.prescribe(lim)
        for device in (lim, sokha):
            await device.sync()
        self.deeds.answer(sokha)

    def _connects(self, device: Device, other: str, **told: Any) -> None:
        scopes = [self.deeds.home, f"user:{other}"]
        device.record("connection", scopes, connection_id(self.ids["sokha"], other),
                      {"patient_id": self.ids["sokha"], "other_id": other, **told})

    def _calm(self) -> None:
        self._storm(Weather(Random(0), mishaps=0.0, small_pages=0.0))

    def _storm(self, weather: Weather) -> None:
        self.weather = weather
        for device in self.devices:
            device.door.weather = weather

    def device(self, name: str) -> Device:
        return next(device for device in self.devices if device.name == name)

    # the storm

    async def live(self, steps: int, judge: Callable[[World], Awaitable[None]]) -> None:
        """The whole life of a world, with `judge` (verdict.verdict) at its end."""
        try:
            await self.begin()
            for _ in range(steps):
                await self.step()
            await self.quiesce()
            await judge(self)
        finally:
            self.end()

    def end(self) -> None:
        """Phones are closed and their files removed."""
        for device in self.devices:
            device.replica.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    async def step(self) -> None:
        """One thing happens: mostly deeds and syncs, now and then a mishap of the greater kind."""
        self.now += self.dice.choice((0, 1, 500, MINUTE, 20 * MINUTE, HOUR, 3 * HOUR))
        device = self.dice.choice(self.devices)
        what = self.dice.random()
        if what < 0.45:
            for _ in range(self.dice.choice((1, 1, 2, 4))):
                await self.deed(device)
        elif what < 0.85:
            await device.sync()
        else:
            await self.dice.choice(self._rare())(device)

    def _rare(self) -> list[Callable[[Device], Awaitable[None]]]:
        return [self._clock_goes_wrong, self._clock_goes_wrong, self._dies, self._replays, self._replays, self._backup,
                self._restore, self._purge, self._horizon]

    async def deed(self, device: Device) -> None:
        deed = self.dice.choice(DEEDS[device.name.rstrip("0123456789")])
        if deed == "attack":
            rows = await self.backend.rows("dose_event", "prescription", "connection", "line_setting", "patient")
            self.deeds.attack(device, lambda kind: [r.id for r in rows if r.kind == kind and r.home == self.deeds.home])
            return
        getattr(self.deeds, deed)(device)

    async def _meddle(self) -> None:
        """Somebody else acts between the server's work and its answer, or between two pages."""
        other = self.dice.choice(self.devices)
        if not other.busy:
            await self.deed(other)
            await other.sync()

    async def _clock_goes_wrong(self, device: Device) -> None:
        device.skew_ms = self.dice.choice((0, self.dice.randrange(-2 * DAY, 2 * DAY), 365 * DAY))

    async def _dies(self, device: Device) -> None:
        device.killed()

    async def _replays(self, device: Device) -> None:
        """A batch of this epoch arrives again, whole, alone or in other company: nothing moves (P05)."""
        if not device.door.sent:
            return
        body = self.dice.choice(device.door.sent)
        if self.dice.random() < 0.5:
            body = {**body, "batch_id": self._id()}
            if self.dice.random() < 0.5:
                body["changes"] = [{**self.dice.choice(body["changes"]), "i": 0}]
            if any(self.watch.verdicts.get((device.id, c["change_id"])) is None for c in body["changes"]):
                return
        before = await self.backend.fingerprint()
        await device.door.settle(body)
        assert await self.backend.fingerprint() == before, "P05: a replay wrote something"

    async def _backup(self, device: Device) -> None:
        self.backups.append((self.now, await self.backend.backup()))

    async def _restore(self, device: Device) -> None:
        """The server is put back to a backup; whoever settled something since will send it again (F-64)."""
        if not self.backups or any(one.busy for one in self.devices) or self.dice.random() < 0.5:
            return
        made, backup = self.dice.choice(self.backups)
        await self.backend.restore(backup, f"e{self.dice.getrandbits(32)}", instant_of_ms(self.now),
                                   instant_of_ms(made - DAY))
        await self.watch.epoch_is_over()
        for one in self.devices:
            one.door.sent.clear()

    async def _purge(self, device: Device) -> None:
        await self.backend.purge(instant_of_ms(self.now))

    async def _horizon(self, device: Device) -> None:
        """The worker's hand: the horizon of every active prescription moves on (R-113)."""
        until = format_instant(datetime.fromtimestamp(self.now / 1000, UTC) + timedelta(days=29))
        for row in living(await self.backend.rows("prescription")):
            if row.fields["status"] == "active":
                await self.system("prescription", row.id, row.home, {"horizon_until": until})

    async def system(self, kind: str, id_: str, scope: str, fields: dict[str, Any]) -> None:
        self.system_count += 1
        change = Change(0, self._id(), kind, id_, (scope,), Op.PATCH, 0, fields, digest="system")
        pushed = Pushed(SYSTEM_USER, SYSTEM_DEVICE, None, self._id(), [change], DeviceTime(None))
        async with self.backend.store.transaction() as tx:
            await push(tx, KINDS, RULES, pushed, self.now)

    # the quiet

    async def quiesce(self) -> None:
        """Clocks and network heal, everybody syncs until nothing moves."""
        self._calm()
        for device in self.devices:
            device.skew_ms = 0
        for _ in range(MOST_ROUNDS):
            self.now += MINUTE
            moved = False
            for device in self.devices:
                synced = await device.sync()
                assert synced is not None and synced.ok, f"a calm sync failed: {synced}"
                moved |= synced.rows > 0 or synced.resynced or any(word != "deferred" for word in synced.outcomes)
            if not moved:
                return
        raise AssertionError("the world never came to rest")


def ram() -> str | None:
    """Phones' files are many and short-lived; memory is kinder to them than a disk that is flushed at each deed."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
