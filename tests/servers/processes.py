"""How a server of the tests is started as somebody harmless and dies with us. Knows no server by name."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

START_WITHIN_S = 30.0
STOP_WITHIN_S = 30.0
POLL_S = 0.02
LOG_TAIL_BYTES = 2000


class ServerMissingError(RuntimeError):
    """A program that the tests need is not on this machine; the message says what to install."""


class ServerFailedError(RuntimeError):
    """A server did not start or did not stop; the message ends with the tail of its log."""


def free_port() -> int:
    """A loopback port that was free a moment ago (another process may still take it: starters try again)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def unprivileged(*candidates: str) -> pwd.struct_passwd | None:
    """The account a server runs as: None (ourselves) unless we are root, else the first of `candidates` that exists.

    Raises ServerMissingError when we are root and none exists: we create no accounts.
    """
    if os.geteuid() != 0:
        return None
    for name in candidates:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ServerMissingError(f"We are root and none of the accounts {', '.join(candidates)} exists to run a server as.")


def as_account(account: pwd.struct_passwd | None, command: Sequence[str], *, die_with_us: bool = False) -> list[str]:
    """The command line that runs `command` as `account`; with `die_with_us` the kernel ends it when we are killed."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        if account is not None:
            raise ServerMissingError("`setpriv` (util-linux) is missing: a server must not run as root.")
        return list(command)
    words = [setpriv]
    if account is not None:
        words += [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    if die_with_us:
        # After the change of user, which resets it. SIGQUIT is PostgreSQL's immediate stop and ends Redis too.
        words += ["--pdeathsig", "QUIT"]
    return [*words, *command] if len(words) > 1 else list(command)


def start(command: Sequence[str], *, log: Path, environment: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
    """Starts a server in a session of its own, so that Ctrl-C reaches us first and we stop it in order."""
    with log.open("ab") as sink:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, env=environment, cwd=folder,
            start_new_session=True,
        )


def wait_until_ready(process: subprocess.Popen[bytes], ready: Callable[[], bool], *, log: Path, name: str) -> None:
    """Returns when `ready()` is true. Raises ServerFailedError when the process ends first or START_WITHIN_S pass."""
    deadline = time.monotonic() + START_WITHIN_S
    while not ready():
        if process.poll() is not None:
            raise ServerFailedError(f"{name} ended at once with {process.returncode}.\n{tail(log)}")
        if time.monotonic() > deadline:
            stop(process, signal.SIGKILL, name=name)
            raise ServerFailedError(f"{name} was not ready after {START_WITHIN_S:.0f} s.\n{tail(log)}")
        time.sleep(POLL_S)


def stop(process: subprocess.Popen[bytes], how: signal.Signals, *, name: str) -> None:
    """Sends `how` to that one process and waits; after STOP_WITHIN_S it is killed and ServerFailedError raised."""
    if process.poll() is not None:
        return
    process.send_signal(how)
    try:
        process.wait(STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise ServerFailedError(f"{name} did not stop within {STOP_WITHIN_S:.0f} s of {how.name}.") from None


def tail(log: Path) -> str:
    """The end of a server's log, for a message."""
    return log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace") if log.exists() else "(no log)"
