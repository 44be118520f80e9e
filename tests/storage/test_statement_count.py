"""A push takes the same number of statements for 1, 50 and 500 changes; on PostgreSQL three (DESIGN.md 4.9, P06)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import insert

from storage import catalogue
from storage.database import Database
from storage.ledger.ledger import Ledger
from storage.tables import removal
from sync.kind import Lookup
from sync.record import Row
from sync.store import Claimed, Start
from tests.storage.by_hand import NOW, Writer, dose, founded, journal, new_id, writes
from tests.storage.ledger_stage import logged_in
from tests.storage.statements import counted


@pytest.fixture
def store(database: Database) -> Ledger:
    return Ledger(database, catalogue)


@pytest.fixture
async def sokha(store: Ledger) -> Writer:
    return await founded(store, await logged_in(store))


async def push(store: Ledger, sokha: Writer, rows: list[Row]) -> None:
    batch_id = new_id()
    claim = sokha.claim({sokha.patient: len(rows)}, batch_id)
    lines = [journal(sokha, batch_id, row) for row in rows]
    looks = [Lookup("dose_event", sokha.patient, "id", row.id) for row in rows]
    looks += [Lookup("medication_line", sokha.patient, "id", str(row.fields["line_id"])) for row in rows]
    async with store.transaction() as tx:
        claimed = await tx.claim(claim)
        assert isinstance(claimed, Claimed)
        await tx.read(sokha.wants(sokha.patient, rows=tuple(looks), change_ids=tuple(line.change_id for line in lines)))
        await tx.write(writes(sokha, claim, claimed, rows, lines=lines))


async def test_a_push_takes_as_many_statements_for_500_changes_as_for_one(
    store: Ledger, sokha: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = []
    for many in (1, 50, 500):
        rows = [dose(sokha.user) for _ in range(many)]
        for again in (rows, [replace(row, version=2) for row in rows]):
            with counted(monkeypatch) as seen:
                await push(store, sokha, again)
            counts.append(len(seen))
    assert len(set(counts)) == 1, counts
    assert counts[0] == (3 if not store.database.is_sqlite else 10)


async def test_a_replay_takes_as_many_statements_for_500_changes_as_for_one(
    store: Ledger, sokha: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = set()
    for many in (1, 500):
        rows, batch_id = [dose(sokha.user) for _ in range(many)], new_id()
        claim = sokha.claim({sokha.patient: many}, batch_id)
        async with store.transaction() as tx:
            claimed = await tx.claim(claim)
            assert isinstance(claimed, Claimed)
            await tx.write(writes(sokha, claim, claimed, rows))
        with counted(monkeypatch) as seen:
            async with store.transaction() as tx:
                await tx.claim(claim)
        counts.add(len(seen))
    assert len(counts) == 1


async def test_a_pull_takes_one_statement_and_its_rows_another(
    store: Ledger, sokha: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await push(store, sokha, [dose(sokha.user) for _ in range(300)])
    await store.page(sokha.ask())  # opening a connection asks things of its own
    with counted(monkeypatch) as seen:
        page = await store.page(sokha.ask(limit=500))
    assert (len(page.entries), len(seen)) == (300, 1)
    with counted(monkeypatch) as seen:
        nothing = await store.page(sokha.ask(Start(page.held[0].ord, 1, page.held[0].head)))
    assert (nothing.entries, len(seen)) == ([], 1)
    keys = [dose(sokha.user).key for _ in range(300)]
    with counted(monkeypatch) as seen:
        await store.rows(sokha.user, keys, NOW)
    assert len(seen) == 1


async def test_the_counter_counts_every_parameter_set(store: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """The net holds: rows written one by one are seen."""
    told: list[Mapping[str, Any]] = [
        {"user_id": new_id(), "device_id": new_id(), "scope_ord": 1, "view_version": 1, "told_at": NOW}
        for _ in range(50)
    ]
    with counted(monkeypatch) as seen:
        async with store.database.writing() as writing:
            await writing.execute(insert(removal), told)
            for one in told:
                await writing.execute(insert(removal).values({**one, "scope_ord": 2}))
    assert len(seen) >= 51
