"""A PostgreSQL cluster for the tests: made, started, stopped, crashed and removed here. Knows nothing of our tables.

`python -m tests.servers.postgres COMMAND …` runs a command with a cluster whose address stands in
DASTERN_TEST_POSTGRES_URL; so `make test` lets all its worker processes share one.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from tests.servers import processes
from tests.servers.processes import ServerFailedError, ServerMissingError

URL_VARIABLE = "DASTERN_TEST_POSTGRES_URL"
BIN_VARIABLE = "DASTERN_POSTGRES_BIN"
OLDEST_VERSION = 15
OWNER = "dastern"
PORT_ATTEMPTS = 5
MAX_CONNECTIONS = 200

# Speed for clusters that are thrown away. A crashable one keeps its fsync, or a crash would prove nothing.
THROWAWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
ALWAYS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": str(MAX_CONNECTIONS),
    "shared_buffers": "128MB",
    "log_min_messages": "warning",
    "timezone": "UTC",
    # Silent waits would hide a deadlock behind the time limit of a test.
    "deadlock_timeout": "200ms",
}


class Postgres:
    """A server that answers at `host:port`; whoever holds one may make and drop databases in it."""

    def __init__(self, *, host: str, port: int, user: str, password: str) -> None:
        self.host, self.port, self.user, self.password = host, port, user, password

    def url(self, database: str) -> str:
        """postgresql://user:password@host:port/database"""
        return f"postgresql://{self.user}:{quote(self.password)}@{self.host}:{self.port}/{quote(database)}"

    def create_database(self, name: str | None = None, *, template: str | None = None) -> str:
        """Makes a database (a copy of `template`, which nobody may be connected to) and returns its name."""
        name = name or f"t_{secrets.token_hex(6)}"
        self.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template or "template0")
            )
        )
        return name

    def drop_database(self, name: str) -> None:
        """Drops a database and whatever is still connected to it."""
        self.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    @contextmanager
    def database(self, *, template: str | None = None) -> Iterator[str]:
        """A database for the length of the block; yields its URL."""
        name = self.create_database(template=template)
        try:
            yield self.url(name)
        finally:
            self.drop_database(name)

    def execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True, connect_timeout=5) as connection:
            connection.execute(statement)


class PostgresCluster(Postgres):
    """A server of our own: it can be stopped in order, stopped as by a crash, frozen, and started again."""

    def __init__(self, folder: Path, *, durable: bool) -> None:
        super().__init__(host="127.0.0.1", port=0, user=OWNER, password=secrets.token_urlsafe(18))
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "postgres.log"
        self.settings = ALWAYS if durable else ALWAYS | THROWAWAY
        self.bin = find_programs()
        self.account = processes.unprivileged("postgres", "nobody")
        self.process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """initdb: UTF-8, locale C.UTF-8 (Khmer sorts by code point everywhere), password on loopback only."""
        if self.account is not None:
            os.chown(self.folder, self.account.pw_uid, self.account.pw_gid)
        password_file = self.folder / "password"
        password_file.write_text(self.password)
        if self.account is not None:
            os.chown(password_file, self.account.pw_uid, self.account.pw_gid)
        command = [
            str(self.bin / "initdb"), "--pgdata", str(self.data), "--encoding=UTF8", "--locale=C.UTF-8",
            f"--username={OWNER}", f"--pwfile={password_file}", "--auth=password", "--no-sync", "--no-instructions",
        ]
        made = subprocess.run(
            processes.as_account(self.account, command), stdin=subprocess.DEVNULL, capture_output=True, text=True,
            cwd=self.folder, env=clean_environment(), check=False,
        )
        password_file.unlink()
        if made.returncode:
            raise ServerFailedError(f"initdb ended with {made.returncode}.\n{made.stderr}")

    def start(self) -> None:
        """Starts the server; the first time on a free port, later on the same one. Returns when it answers."""
        for attempt in range(PORT_ATTEMPTS):
            first_time = self.port == 0
            port = self.port or processes.free_port()
            try:
                self._start_on(port)
            except ServerFailedError:
                if not first_time or attempt == PORT_ATTEMPTS - 1 or "could not bind" not in processes.tail(self.log):
                    raise
                self.port = 0
            else:
                return

    def _start_on(self, port: int) -> None:
        self.port = port
        settings = self.settings | {"port": str(port), "unix_socket_directories": str(self.folder)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [str(self.bin / "postgres"), "-D", str(self.data), *options]
        self.process = processes.start(
            processes.as_account(self.account, command, die_with_us=True),
            log=self.log, environment=clean_environment(), folder=self.folder,
        )
        processes.wait_until_ready(self.process, self.answers, log=self.log, name="PostgreSQL")

    def answers(self) -> bool:
        try:
            with psycopg.connect(self.url("postgres"), connect_timeout=1):
                return True
        except psycopg.OperationalError:
            return False

    def stop(self) -> None:
        """Fast stop: sessions are ended, a checkpoint is written."""
        self._end(signal.SIGINT)

    def stop_immediate(self) -> None:
        """Immediate stop: as a crash, the next start recovers from the write-ahead log."""
        self._end(signal.SIGQUIT)

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None:
            processes.stop(self.process, how, name="PostgreSQL")
            self.process = None


@contextmanager
def cluster(*, durable: bool = False) -> Iterator[PostgresCluster]:
    """A running cluster of our own, removed at the end. `durable` keeps fsync on, for tests that crash it."""
    folder = Path(tempfile.mkdtemp(prefix="dastern-pg-"))
    server = PostgresCluster(folder, durable=durable)
    try:
        server.make()
        server.start()
        yield server
    finally:
        server.stop_immediate()
        shutil.rmtree(folder, ignore_errors=True)


def shared(url: str) -> Postgres:
    """The server that a parent process started: `url` as in DASTERN_TEST_POSTGRES_URL."""
    parts = psycopg.conninfo.conninfo_to_dict(url)
    return Postgres(
        host=str(parts["host"]), port=int(parts["port"] or 5432),
        user=str(parts["user"]), password=str(parts.get("password") or ""),
    )


def find_programs() -> Path:
    """PostgreSQL's bin folder: DASTERN_POSTGRES_BIN, else PATH, else Debian's newest. Raises ServerMissingError."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    on_path = shutil.which("initdb")
    named = os.environ.get(BIN_VARIABLE)
    for folder in [*([Path(named)] if named else []), *([Path(on_path).parent] if on_path else []), *debian]:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise ServerMissingError(
        f"PostgreSQL {OLDEST_VERSION} or newer is missing and the tests do not skip it: run "
        f"tools/install-test-servers.sh, or set {BIN_VARIABLE} to the folder that holds `initdb` and `postgres`."
    )


def clean_environment() -> dict[str, str]:
    """Only what a server needs: a PGDATA or a locale of the caller's must not reach it."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def main(command: list[str]) -> int:
    """Runs `command` with a cluster in DASTERN_TEST_POSTGRES_URL; returns the command's exit status."""
    if not command:
        print("Usage: python -m tests.servers.postgres COMMAND …", file=sys.stderr)
        return 2
    try:
        with cluster() as server:
            child = subprocess.Popen(command, env=os.environ | {URL_VARIABLE: server.url("postgres")})
            signal.signal(signal.SIGTERM, lambda *_: child.terminate())
            # Ctrl-C reaches the child too; it decides how to end, we wait and clean up.
            signal.signal(signal.SIGINT, lambda *_: None)
            return child.wait()
    except (ServerMissingError, ServerFailedError) as problem:
        print(problem, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
