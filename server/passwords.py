"""Passwords: hashed with argon2id in two threads of their own, and refused when a guesser would try them first (S-11).

Hashing on the loop stalled it for 1.4 s with 40 logins, in 32 threads it took 633 MB (hardening 2.8): so two threads,
20 waiting, and 503 for the rest. Knows no account; whether a wrong secret or an unknown name, it takes the same time.
"""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from sync.problem import Code, FieldCode, Refusal
from sync.values import Unfit

T = TypeVar("T")

MEMORY_KIB = 19 * 1024  # OWASP's first choice for argon2id; 20 ms here, the library's default takes 228 ms
PASSES = 2
LANES = 1
THREADS = 2
QUEUE = 20
MIN_CHARS = 8
MAX_CHARS = 256


def normal_password(text: str) -> str:
    """NFKC, nothing trimmed. Raises Unfit: password.too_long, bad_text (signs that cannot be encoded)."""
    if len(text) > MAX_CHARS:
        raise Unfit(FieldCode.PASSWORD_TOO_LONG, most=MAX_CHARS)
    normal = unicodedata.normalize("NFKC", text)
    if len(normal) > MAX_CHARS:
        raise Unfit(FieldCode.PASSWORD_TOO_LONG, most=MAX_CHARS)
    if any(unicodedata.category(sign) == "Cs" for sign in normal):
        raise Unfit(FieldCode.BAD_TEXT)
    return normal


class Passwords:
    """Hashes and verifies. `close` when the server stops."""

    def __init__(
        self, *, memory_kib: int = MEMORY_KIB, passes: int = PASSES, threads: int = THREADS, queue: int = QUEUE
    ) -> None:
        self._hasher = PasswordHasher(passes, memory_kib, LANES, type=Type.ID)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._room = threads + queue
        self._taken = 0
        # What an unknown name is checked against; nobody's password, for it is longer than any may be (S-30).
        self._nobody = self._hasher.hash("x" * (MAX_CHARS + 1))

    async def hash(self, password: str) -> str:
        """The hash of a normal password, with its salt and parameters. Raises Refusal: busy."""
        return await self._in_thread(lambda: self._hasher.hash(password))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether this is the password; against no hash, False after the same time. Raises Refusal: busy."""
        return await self._in_thread(lambda: self._matches(password_hash, password))

    def is_outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than today's: then it is made anew at a login."""
        return self._hasher.check_needs_rehash(password_hash)

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _matches(self, password_hash: str | None, password: str) -> bool:
        try:
            self._hasher.verify(password_hash or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return False
        return bool(password_hash)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._taken >= self._room:
            raise Refusal(Code.BUSY, retry_after_s=1)
        self._taken += 1
        loop = asyncio.get_running_loop()
        job = self._threads.submit(work)
        # Freed when the thread is, not when a caller gave up: a hash that runs cannot be cancelled.
        job.add_done_callback(lambda done: self._call_soon(loop, done))
        return await asyncio.wrap_future(job)

    def _call_soon(self, loop: asyncio.AbstractEventLoop, _done: Future[T]) -> None:
        try:
            loop.call_soon_threadsafe(self._free)
        except RuntimeError:  # the loop was closed first: nobody counts any more
            return

    def _free(self) -> None:
        self._taken -= 1
