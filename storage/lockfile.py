"""A file that says a server is here: a second one on the same SQLite file would break the promise of one writer."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class LockedError(RuntimeError):
    """Another server holds the file; the message names it."""


class LockFile:
    """An advisory lock that the operating system lets go of when the process dies, however it dies."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self._handle: int | None = None

    def take(self) -> None:
        """Raises LockedError if anybody has it."""
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise LockedError(f"Another server is using this database ({self.path.name} is locked).") from None
        self._handle = handle

    def release(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
