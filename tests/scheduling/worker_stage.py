"""The cast before a worker: a scene on each database, and what was announced to whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from sqlalchemy import insert

from scheduling.reactions import Notice
from scheduling.rules import RULES
from scheduling.worker import Worker
from storage import catalogue
from storage.accounts.tables import account
from storage.catalogue import KINDS
from storage.database import Database
from storage.ledger.ledger import Ledger
from sync.push import Settlement
from tests.cast import Cast, Person, Stage
from tests.stages import BEGAN


@dataclass
class Told:
    """What a worker announced."""

    notices: list[Notice] = field(default_factory=list)

    async def __call__(self, settlement: Settlement, notices: Sequence[Notice]) -> None:
        self.notices += notices

    def of(self, person: Person) -> list[str]:
        return [notice.notice for notice in self.notices if notice.recipient == person.id]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def scene(database: Database) -> Cast:
    async def enrol(user: str, role: str, state: str) -> None:
        async with database.writing() as writing:
            await writing.execute(insert(account).values(id=user, role=role, state=state, created_at=BEGAN))

    return await Cast(Stage(Ledger(database, catalogue), enrol)).arrive()


def worker_of(cast: Cast, database: Database, told: Told, name: str = "one") -> Worker:
    assert isinstance(cast.stage.store, Ledger)
    return Worker(cast.stage.store, database, KINDS, RULES, name, lambda: cast.stage.now_ms, told)
