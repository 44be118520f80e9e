"""The command `dastern`: serve, worker, migrate, run, demo, openapi, backup, restore, admin.

Reads settings, prints, exits; what the commands do is elsewhere.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from server import first_run
from server.settings import Settings, SettingsError, read_settings

UNFIT = 2
"""Exit status for settings or arguments that cannot be used."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Das Tern Sync: offline-first sync server for medication tracking."""


def settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings, or the end of the program with one message that names every fault."""
    try:
        return read_settings(first_run.environment() if environ is None else environ)
    except SettingsError as error:
        click.echo(str(error), err=True)
        sys.exit(UNFIT)


def loop(work: Coroutine[Any, Any, None]) -> None:
    """Runs to the end; what an operator can mend is told in a sentence, without a traceback."""
    from server.admin import NotADoctorError
    from server.backup import UnfitCopyError
    from server.process import UnmigratedError, run_loop
    from storage.engines import UnfitAddressError
    from storage.lockfile import LockedError
    from storage.soundness import UnsoundError
    from sync.values import Unfit

    try:
        run_loop(work)
    except Unfit as error:
        click.echo(f"dastern: {error}: neither a phone number nor an e-mail address", err=True)
        sys.exit(1)
    except (LockedError, UnfitAddressError, UnfitCopyError, UnmigratedError, UnsoundError, NotADoctorError,
            OSError) as error:
        click.echo(f"dastern: {error}", err=True)
        sys.exit(1)


@main.command()
@click.option("--with-worker/--without-worker", default=None,
              help="Also do the worker's part in this process. The usual way on SQLite.")
def serve(with_worker: bool | None) -> None:
    """Serve HTTP and Socket.IO. The database must be migrated."""
    from server.process import serve as serving

    chosen = settings()
    embedded = chosen.database_url.startswith("sqlite")
    loop(serving(chosen, with_worker=embedded if with_worker is None else with_worker))


@main.command()
@click.option("--check", is_flag=True, help="Exit 0 if a worker on this machine shows a pulse.")
def worker(check: bool) -> None:
    """Do what follows from changes, and what time brings."""
    from server.process import work, worker_is_well

    if check:
        sys.exit(0 if worker_is_well() else 1)
    loop(work(settings()))


@main.command()
def migrate() -> None:
    """Bring the database to this version's tables. Any number may run at once."""
    from storage.migrations import upgrade

    loop(upgrade(settings().database_url))


@main.command()
def run() -> None:
    """Everything at once: migrate, seed the demo cast into an empty database, serve and work."""
    from server.demo_start import migrate_and_serve

    environ = first_run.embedded(first_run.environment())
    loop(migrate_and_serve(settings(environ), click.echo))


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1)
def demo(words: tuple[str, ...]) -> None:
    """Tell the story of an offline phone, with real processes."""
    from server.demo import tell

    sys.exit(tell(words))


@main.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    from server.app import openapi_document

    click.echo(openapi_document())


@main.command()
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
def backup(target: Path) -> None:
    """Copy the embedded database while it is in use."""
    from server.backup import back_up, database_file
    from storage.database import Database

    chosen = settings()

    async def copy() -> None:
        await asyncio.to_thread(back_up, database_file(Database(chosen.database_url, exclusive=False)), target)

    loop(copy())


@main.command()
@click.argument("copy", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def restore(copy: Path) -> None:
    """Put a copy in the place of the embedded database. The server must be stopped."""
    from server.backup import restore as put_back
    from storage.database import Database

    chosen = settings()

    async def put() -> None:
        epoch = await put_back(copy, Database(chosen.database_url), datetime.now(UTC))
        click.echo(f"Restored; the new epoch is {epoch}. Devices will send again what they recorded since.")

    loop(put())


@main.group()
def admin() -> None:
    """What only an operator may do."""


@admin.command("verify-doctor")
@click.argument("phone_or_email")
def verify_doctor(phone_or_email: str) -> None:
    """Verify a doctor's account; from the next request on they may prescribe."""
    from server.admin import doctor_named
    from server.admin import verify_doctor as verify

    async def verifying(house: Any) -> None:
        await verify(house, await doctor_named(house, phone_or_email))
        click.echo("Verified.")

    loop(_with_house(verifying))


@admin.command("new-epoch")
@click.option("--since", type=click.DateTime(), required=True, help="When the restored copy was made, UTC.")
def new_epoch(since: datetime) -> None:
    """After a restore with other tools: devices start anew and send again what they recorded since."""
    from server.backup import RESENT
    from storage.ledger.incarnation import renew
    from sync.values import format_instant

    async def renewing(house: Any) -> None:
        resend = format_instant(since.replace(tzinfo=UTC) - RESENT)
        click.echo(await renew(house.database, format_instant(datetime.now(UTC)), resend))

    loop(_with_house(renewing))


async def _with_house(work: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
    """A house beside the running server: it announces over the bus and takes no lock file."""
    from server.app import close_house, furnish
    from storage.database import Database

    chosen = settings()
    house = furnish(chosen, database=Database(chosen.database_url, exclusive=False))
    await house.database.open()
    await house.bus.start()
    try:
        await work(house)
    finally:
        await house.bus.stop()
        await close_house(house)


if __name__ == "__main__":
    main()
