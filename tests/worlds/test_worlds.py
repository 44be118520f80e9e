"""The first net: random worlds on three stores (sync-protocol.md 16, DESIGN.md 9). A failing seed replays exactly:

    python -m pytest tests/worlds/test_worlds.py -k memory          # all of them
    DASTERN_SEED=4711 python -m pytest tests/worlds/test_worlds.py   # one seed on every store

DASTERN_SOAK=1 multiplies the worlds and makes them longer.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.ledger.tx import PUSH_PATH
from tests.servers.postgres import Postgres
from tests.worlds.backend import Backend, MemoryBackend
from tests.worlds.databases import PostgresBackend, SqliteBackend
from tests.worlds.network import PULL_MISHAPS, PUSH_MISHAPS
from tests.worlds.verdict import verdict
from tests.worlds.world import World, ram

SOAK = bool(os.environ.get("DASTERN_SOAK"))
FIRST = int(os.environ.get("DASTERN_FIRST_SEED", "0"))  # a nightly soak may begin elsewhere each night
MEMORY_WORLDS, MEMORY_STEPS = (1_000, 60) if not SOAK else (20_000, 120)
DATABASE_WORLDS, DATABASE_STEPS = (100, 30) if not SOAK else (1_000, 80)
CHUNKS = 10  # tests per store, so that worker processes share them

RARE = (
    "applied/newest", "applied/person_over_server", "merged/earliest_kept", "merged/concurrent_kept",
    "superseded/older_edit", "superseded/person_over_device", "rejected/stale_base", "rejected/server_wins",
    "rejected/closed_generation", "rejected/forbidden", "deferred/missing_parent", "accepted_late/access_revoked",
    "accepted_late/quarantined", "duplicate/same_content", "resync", "added", "rebuilt", "removed",
    *PUSH_MISHAPS, *PULL_MISHAPS,
)
"""Paths that every hundred worlds must have walked, or they prove less than they say (hardening 4.2)."""


def seeds(chunk: int, number: int) -> list[int]:
    if "DASTERN_SEED" in os.environ:
        return [int(os.environ["DASTERN_SEED"])] if chunk == 0 else []
    return list(range(FIRST + chunk * number // CHUNKS, FIRST + (chunk + 1) * number // CHUNKS))


async def lived(seed: int, backend: Backend, steps: int, push_path: tuple[str, ...] = ()) -> Counter[str]:
    """One world from its beginning to the verdict; returns the paths it has walked."""
    world = World(seed, backend, push_path)
    await world.live(steps, verdict)
    return world.watch.sometimes


async def all_hold(
    each: list[int], steps: int, backend: Callable[[int], Backend], path: tuple[str, ...] = ()
) -> Counter[str]:
    """Lives every world; tells all seeds that failed, with their reasons."""
    walked: Counter[str] = Counter()
    broken: list[str] = []
    for seed in each:
        server = backend(seed)
        await server.open()
        try:
            walked += await lived(seed, server, steps, path)
        except AssertionError as fault:
            broken.append(f"DASTERN_SEED={seed}: {fault}")
        finally:
            await server.close()
    assert not broken, f"{len(broken)} of {len(each)} worlds broke:\n" + "\n".join(broken[:5])
    return walked


@pytest.mark.parametrize("chunk", range(CHUNKS))
async def test_worlds_in_memory_converge_and_lose_nothing(chunk: int) -> None:
    each = seeds(chunk, MEMORY_WORLDS)
    walked = await all_hold(each, MEMORY_STEPS, lambda seed: MemoryBackend())
    if len(each) >= 100:
        assert not [path for path in RARE if not walked[path]], "a rare path was never walked"


@pytest.mark.parametrize("chunk", range(CHUNKS))
async def test_worlds_on_sqlite_converge_and_lose_nothing(chunk: int, migrated_sqlite: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="dastern-sqlite-worlds-", dir=ram()) as folder:

        def server(seed: int) -> Backend:
            place = Path(folder) / str(seed)
            place.mkdir()
            return SqliteBackend(migrated_sqlite, place)

        await all_hold(seeds(chunk, DATABASE_WORLDS), DATABASE_STEPS, server, PUSH_PATH)


@pytest.mark.parametrize("chunk", range(CHUNKS))
async def test_worlds_on_postgresql_converge_and_lose_nothing(
    chunk: int, postgres_server: Postgres, migrated_postgres: str
) -> None:
    await all_hold(seeds(chunk, DATABASE_WORLDS), DATABASE_STEPS,
                   lambda seed: PostgresBackend(postgres_server, migrated_postgres), PUSH_PATH)


async def test_a_seed_replays_exactly() -> None:
    """Else a failing seed could not be looked into: two lives of one seed walk the same paths and end alike."""
    ends = []
    for _ in range(2):
        server = MemoryBackend()
        walked = await lived(77, server, MEMORY_STEPS)
        ends.append((walked, await server.fingerprint()))
    assert ends[0] == ends[1]
