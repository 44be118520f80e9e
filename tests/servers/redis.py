"""A Redis (or Valkey) server for the tests of what passes between processes. Nothing in it outlives a test."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from tests.servers import processes
from tests.servers.processes import ServerMissingError


class RedisServer:
    """A server of our own on a free loopback port, with a password and without persistence."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "redis.log"
        self.port = 0
        self.password = secrets.token_urlsafe(18)
        self.program = find_program()
        self.account = processes.unprivileged("redis", "nobody")
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """redis://:password@127.0.0.1:port/0"""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Starts the server, later starts on the same port. Returns when it answers PING."""
        self.port = self.port or processes.free_port()
        if self.account is not None:
            os.chown(self.folder, self.account.pw_uid, self.account.pw_gid)
        command = [
            self.program, "--bind", "127.0.0.1", "--port", str(self.port), "--requirepass", self.password,
            "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction", "--dir", str(self.folder),
        ]
        self.process = processes.start(
            processes.as_account(self.account, command, die_with_us=True),
            log=self.log, environment={"PATH": os.environ.get("PATH", os.defpath)}, folder=self.folder,
        )
        processes.wait_until_ready(self.process, self.answers, log=self.log, name="Redis")

    def answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_connect_timeout=1, socket_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def stop(self) -> None:
        if self.process is not None:
            processes.stop(self.process, signal.SIGTERM, name="Redis")
            self.process = None


@contextmanager
def server() -> Iterator[RedisServer]:
    """A running server, stopped and removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="dastern-redis-"))
    one = RedisServer(folder)
    try:
        one.start()
        yield one
    finally:
        one.stop()
        shutil.rmtree(folder, ignore_errors=True)


def find_program() -> str:
    """The path of redis-server or valkey-server. Raises ServerMissingError."""
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found is None:
        raise ServerMissingError(
            "redis-server is missing and the tests do not skip it: run tools/install-test-servers.sh."
        )
    return found
