"""`dastern run`: migrate, serve and work in one process, and an empty database gets the demo cast (DESIGN.md 8).

Knows the order of the steps and what is printed; the steps are elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select

from server import first_run
from server.app import Server
from server.demo_cast import seed
from server.process import serve
from server.settings import Settings
from storage.accounts.tables import account
from storage.migrations import upgrade


async def migrate_and_serve(settings: Settings, say: Callable[[str], object]) -> None:
    """Serves until a signal comes. `say` prints a line."""
    await upgrade(settings.database_url)

    async def once_ready(server: Server) -> None:
        await _seed_if_empty(server, say)
        _greet(settings.host, server.port, say)

    await serve(settings, with_worker=True, once_ready=once_ready)


async def _seed_if_empty(server: Server, say: Callable[[str], object]) -> None:
    async with server.house.database.reading() as reading:
        if (await reading.execute(select(account.c.id).limit(1))).first() is not None:
            return
    people = await seed(server.house)
    path = first_run.FOLDER / first_run.ACCOUNTS_FILE
    path.unlink(missing_ok=True)  # of an earlier database in this folder
    first_run.keep_secret(path, first_run.accounts_text(
        (person.name, person.role, person.phone, person.password) for person in people))
    say("Seeded the demo cast.")


def _greet(host: str, port: int, say: Callable[[str], object]) -> None:
    shown = "localhost" if host in ("127.0.0.1", "::1", "0.0.0.0") else host  # noqa: S104 — compared, not bound
    say(f"\n  Das Tern Sync serves on http://{shown}:{port}")
    say(f"  API with Swagger UI:    http://{shown}:{port}/api/docs")
    say(f"  Health:                 http://{shown}:{port}/health/ready\n")
    accounts = first_run.FOLDER / first_run.ACCOUNTS_FILE
    if accounts.exists():
        say(accounts.read_text(encoding="utf-8"))
