"""The way to a server as a replica sees it: two calls, and the three ways in which a call can come to nothing.

Knows bodies and verdicts; never HTTP (server/replica_http.py speaks it) nor what is done about a verdict.
"""

from __future__ import annotations

from typing import Any, Protocol

Body = dict[str, Any]


class Door(Protocol):
    """Both calls raise Unreachable, Unauthorized or Refused, and nothing else that a network can cause."""

    async def push(self, body: Body) -> Body: ...

    async def pull(self, body: Body) -> Body: ...


class Unreachable(Exception):
    """No answer that could be trusted: no network, a timeout, 429, 5xx, or a stranger's page (a hotel's login).

    What was sent may or may not have arrived. `retry_after_s` is the server's wish in seconds, if it uttered one.
    """

    def __init__(self, retry_after_s: float | None = None) -> None:
        super().__init__("unreachable")
        self.retry_after_s = retry_after_s


class Unauthorized(Exception):
    """401: the access token is over. A refresh may mend it."""


class Refused(Exception):
    """Our server understood who asks and refused the envelope as a whole; `code` is one of `sync.problem.Code`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
