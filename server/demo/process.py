"""The real server as a process of its own: started, killed as by a power cut, started again, stopped in order.

Ends only the process it started, by its id. Knows the command line and the health page; nothing of the story.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import aiohttp

HOST = "127.0.0.1"
START_WITHIN_S = 40.0
STOP_WITHIN_S = 10.0
POLL_S = 0.05
LOG_TAIL_BYTES = 3_000


class ServerFailed(Exception):
    """The server did not start, or a command of it failed; the message ends with what it said last."""


class ServerProcess:
    """`dastern serve` (server and worker in one) on a loopback port that stays the same over restarts."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.port = _free_port()
        self.log = folder / "server.log"
        self.restarts = 0
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._environment = _environment(database_url, self.port)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """The id of the running process. Raises ServerFailed if none runs."""
        if self._process is None:
            raise ServerFailed("The server is not running.")
        return self._process.pid

    async def command(self, *words: str) -> str:
        """Runs another `dastern` command on the same database and returns what it printed. Raises ServerFailed."""
        process = await asyncio.create_subprocess_exec(
            *_dastern(*words), env=self._environment, cwd=self._folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            said, _ = await process.communicate()
        except BaseException:
            if process.returncode is None:
                process.kill()
            raise
        text = said.decode(errors="replace")
        if process.returncode:
            raise ServerFailed(f"`dastern {' '.join(words)}` ended with {process.returncode}.\n{text}")
        return text

    async def start(self) -> None:
        """Returns when it serves. Raises ServerFailed."""
        process = self._process = self._spawn()
        for _ in range(round(START_WITHIN_S / POLL_S)):
            if process.poll() is not None:
                raise ServerFailed(f"The server ended with {process.returncode}.\n{self.last_words()}")
            if await self._serves():
                return
            await asyncio.sleep(POLL_S)
        raise ServerFailed(f"The server was not ready after {START_WITHIN_S:.0f} s.\n{self.last_words()}")

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = _dastern("serve", "--with-worker")
        with self.log.open("ab") as sink:
            # a session of its own: Ctrl-C reaches us alone, and we stop it in order
            return subprocess.Popen(command, env=self._environment, cwd=self._folder, stdin=subprocess.DEVNULL,
                                    stdout=sink, stderr=sink, start_new_session=True)

    async def _serves(self) -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self.url}/health/ready") as answer:
                return answer.status == 200
        except (aiohttp.ClientError, OSError):
            return False

    def kill(self) -> None:
        """SIGKILL: nothing is tidied up, as when the power goes. Returns when it is dead."""
        self._end(signal.SIGKILL)

    async def start_again(self) -> None:
        self.restarts += 1
        await self.start()

    def stop(self) -> None:
        """In order; by force if it takes longer than STOP_WITHIN_S. Does nothing if it does not run."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(how)
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def last_words(self) -> str:
        """The end of its log."""
        return self.log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace") if self.log.exists() else ""


def _dastern(*words: str) -> Sequence[str]:
    return [sys.executable, "-m", "server.cli", *words]


def _environment(database_url: str, port: int) -> dict[str, str]:
    """Ours without its own settings: a developer's DASTERN_… must not lead the demo to another database."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DASTERN_") and name != "PORT"}
    ours = [str(Path(__file__).resolve().parents[2]), *filter(None, [kept.get("PYTHONPATH")])]
    return kept | {
        "PYTHONPATH": os.pathsep.join(ours),  # the commands run in the demo's folder, away from a developer's .env
        "DASTERN_ENV": "development", "DASTERN_HOST": HOST, "DASTERN_PORT": str(port), "DASTERN_LOG_LEVEL": "WARNING",
        "DASTERN_DATABASE_URL": database_url,
        # one key for all starts, or every restart would log everybody out
        "DASTERN_TOKEN_KEY": secrets.token_hex(32),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
