"""Pushes prepared beforehand: who pushes which 30 changes, and the rows that each of them writes.

The engine runs them once on a database of its own; the write statement and its one JSON parameter are written down, so
that the bare statement can write the same rows later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from storage.ledger.ledger import Ledger
from storage.ledger.postgres import PostgresStatements
from storage.ledger.statements import WriteShape
from sync.record import Change, Outcome
from tests.cast import Cast, Person, Phone, Stage

CHANGES = 30


@dataclass(frozen=True)
class Written:
    """One write statement with its parameter."""

    text: str
    doc: str


@dataclass
class Pusher:
    """One patient with a phone and the ids of the doses that are theirs."""

    person: Person
    phone: Phone
    doses: list[str]
    batches: list[list[Change]]


def listening(ledger: Ledger) -> list[Written]:
    """From now on every write of this ledger is noted in the list that comes back."""
    noted: list[Written] = []
    statements = ledger.statements
    assert isinstance(statements, PostgresStatements)
    write = statements.write

    async def noting(driver: Any, shape: WriteShape, doc: str) -> None:
        await write(driver, shape, doc)
        noted.append(Written(statements._writes[shape], doc))

    statements.write = noting  # type: ignore[method-assign]
    return noted


async def patients(stage: Stage, count: int) -> list[Pusher]:
    """Patients with a confirmed four-slot prescription: 120 doses each, none spoken of."""
    pushers = []
    for number in range(count):
        cast = Cast(stage)
        cast.sokha = Person(stage, f"sokha-{number}")
        await cast.sokha.registers("patient", "active")
        made = await cast.prescribed(cast.sokha.phone, MORN=1, NOON=1, EVE=1, NIGHT=1)
        doses = [dose["id"] for dose in await made.doses()]
        pushers.append(Pusher(cast.sokha, cast.sokha.phone, doses, []))
    return pushers


def plan_batches(pushers: list[Pusher], each: int) -> None:
    """Each patient takes 30 doses a batch, others each time while they last."""
    for pusher in pushers:
        for number in range(each):
            start = number * CHANGES % len(pusher.doses)
            chosen = [pusher.doses[(start + i) % len(pusher.doses)] for i in range(CHANGES)]
            base = 1 + number * CHANGES // len(pusher.doses)
            pusher.batches.append([replace(_taken(pusher, dose, base), i=i) for i, dose in enumerate(chosen)])


def _taken(pusher: Pusher, dose: str, base: int) -> Change:
    return pusher.phone.change("dose_event", dose, (pusher.person.patient_scope,), {"action": "taken"}, base=base)


def all_applied(results: Mapping[str, Any]) -> bool:
    return all(result["outcome"] in (Outcome.APPLIED, Outcome.MERGED) for result in results["results"])
