"""Who and what is on stage, handed from act to act. Built by the first act; holds state, decides nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from server.demo.chronicle import Chronicle
from server.demo.compare import holdings
from server.demo.doctor import Doctor
from server.demo.medicines import Prescribed
from server.demo.phone import Phone, door_of
from server.demo.process import ServerProcess
from server.demo.rest import Rest, Someone
from server.demo.watcher import Watcher
from sync.replica.dose import Dose


@dataclass
class Doses:
    """The doses that the story turns on, as Sokha's phone shows them before it goes offline."""

    evening: Dose  # paracetamol: simply taken
    mistaken: Dose  # amoxicillin: taken, and taken back
    twice: Dose  # paracetamol: taken, at two different times
    disputed: Dose  # paracetamol: skipped on one phone, taken on the other
    replaced: Dose  # metformin: of the version that the doctor replaces meanwhile
    night: Dose  # paracetamol: after the revocation
    before: Dose  # amoxicillin: the evening before it was confirmed


@dataclass
class Scene:
    """Everything the acts share. Phones and sockets that were opened are closed at the end, however it ends."""

    folder: Path
    chronicle: Chronicle
    server: ServerProcess
    session: aiohttp.ClientSession
    rest: Rest
    phones: list[Phone] = field(default_factory=list)
    sockets: list[Watcher] = field(default_factory=list)
    before: dict[str, Counter[str]] = field(default_factory=dict)

    sokha: Someone = field(init=False)
    dara: Someone = field(init=False)
    doctor: Doctor = field(init=False)
    phone: Phone = field(init=False)
    second: Phone = field(init=False)
    daras: Phone = field(init=False)
    browser: Watcher = field(init=False)
    metformin: Prescribed = field(init=False)
    paracetamol: Prescribed = field(init=False)
    amoxicillin: Prescribed = field(init=False)
    doses: Doses = field(init=False)

    @property
    def family(self) -> tuple[Phone, ...]:
        """The phones that are compared with the server in the end."""
        return self.phone, self.second, self.daras

    def new_phone(self, title: str, owner: Someone) -> Phone:
        phone = Phone(title, owner, door_of(self.session, self.server.url, owner),
                      self.folder / f"phone-{len(self.phones)}.sqlite")
        self.phones.append(phone)
        return phone

    async def new_socket(self, title: str, who: Someone) -> Watcher:
        socket = Watcher(title, who)
        self.sockets.append(socket)
        await socket.connect(self.server.url)
        return socket

    def holdings(self) -> dict[str, Counter[str]]:
        """What each phone of the family holds, by its name."""
        return {phone.title: holdings(phone.replica) for phone in self.family}

    async def close(self) -> None:
        for phone in self.phones:
            phone.close()
        for socket in self.sockets:
            await socket.close()
