"""The story of an offline phone, from its beginning to its verdict; the acts in their order.

Knows the order alone. Whatever happens, only what was started here is ended here.
"""

from __future__ import annotations

import asyncio
import signal
import tempfile
from pathlib import Path

import aiohttp

from server.demo import beginning, closing, farewell, homecoming, offline
from server.demo.chronicle import Chronicle, StoryBroken
from server.demo.process import ServerFailed, ServerProcess
from server.demo.rest import Rest
from server.demo.scene import Scene

CALL_WITHIN_S = 15.0


async def tell_on(database_url: str | None) -> int:
    """Tells the story on this database, on a SQLite file of its own if None. Returns the exit status."""
    chronicle = Chronicle()
    _end_politely()
    with tempfile.TemporaryDirectory(prefix="dastern-demo-") as name:
        folder = Path(name)
        server = ServerProcess(folder, database_url or f"sqlite:///{folder / 'demo.db'}")
        try:
            return await _told(folder, chronicle, server)
        except (StoryBroken, ServerFailed, aiohttp.ClientError, TimeoutError) as broken:
            chronicle.bad(f"The story broke: {str(broken) or type(broken).__name__}")
            chronicle.console.print(server.last_words(), style="dim")
            return 1
        finally:
            server.stop()


async def _told(folder: Path, chronicle: Chronicle, server: ServerProcess) -> int:
    timeout = aiohttp.ClientTimeout(total=CALL_WITHIN_S)
    # a connection of its own for each call: one to a server that was killed must not be used again
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True), timeout=timeout) as session:
        scene = Scene(folder, chronicle, server, session, Rest(session, server.url))
        try:
            await _acts(scene)
            return await closing.the_verdict(scene)
        finally:
            await scene.close()


async def _acts(scene: Scene) -> None:
    await beginning.the_cast_arrives(scene)
    await beginning.they_connect(scene)
    await beginning.the_doctor_prescribes(scene)
    await offline.the_phone_goes_offline(scene)
    await offline.the_answer_is_lost(scene)
    await offline.the_doctor_changes(scene)
    await offline.two_phones_disagree(scene)
    await offline.the_power_goes(scene)
    await homecoming.the_phone_returns(scene)
    await farewell.access_ends(scene)
    await farewell.the_last_word_counts(scene)
    await farewell.the_stranger_tries(scene)
    await closing.the_tables(scene)


def _end_politely() -> None:
    """SIGTERM ends the demo as Ctrl-C does, with everything tidied up."""
    task = asyncio.current_task()
    assert task is not None, "called from within the loop"
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
