"""The door of a replica over HTTP: what an app's network layer does, used by the demo and by tests of the real server.

Knows the sync endpoints, statuses and gzip; never outboxes or rows (sync/replica). What does not look like an answer of
ours (a hotel's login page, a proxy's error) counts as no answer, so that it settles nothing (F-02).
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import aiohttp

from sync.replica.door import Body, Refused, Unauthorized, Unreachable

GZIP_FROM = 1024  # bytes; smaller bodies do not shrink enough to pay for it
TIMEOUT_S = 30.0
MAX_ANSWER = 16 * 1024 * 1024  # bytes; a page has 512 KiB, a batch's answer at most 500 rows


class HttpDoor:
    """`sync.replica.door.Door` over one aiohttp session. `token` is asked before each call, for it lives 15 minutes."""

    def __init__(
        self, session: aiohttp.ClientSession, base_url: str, token: Callable[[], str], timeout_s: float = TIMEOUT_S
    ) -> None:
        self._session = session
        self._base_url = base_url.rstrip("/")
        self._token = token
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    async def push(self, body: Body) -> Body:
        return await self._ask("/api/sync/push", body, "results")

    async def pull(self, body: Body) -> Body:
        return await self._ask("/api/sync/pull", body, "changes")

    async def _ask(self, path: str, body: Body, member: str) -> Body:
        data = json.dumps(body, ensure_ascii=False).encode()
        headers = {"Authorization": f"Bearer {self._token()}", "Content-Type": "application/json"}
        if len(data) >= GZIP_FROM:
            data, headers["Content-Encoding"] = gzip.compress(data, 6), "gzip"
        try:
            # a redirect is never ours: it is a login page in the way, and must not see the token
            async with self._session.post(self._base_url + path, data=data, headers=headers, timeout=self._timeout,
                                          allow_redirects=False) as response:
                return _verdict(response.status, response.headers.get("Retry-After"), await _json(response), member)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable from error


async def _json(response: aiohttp.ClientResponse) -> Any:
    """The answer's JSON, or None if it has none that could be ours."""
    text = b""
    async for chunk in response.content.iter_chunked(64 * 1024):
        text += chunk
        if len(text) > MAX_ANSWER:
            return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def _verdict(status: int, retry_after: str | None, answer: Any, member: str) -> Body:
    if status == 200 and isinstance(answer, dict) and isinstance(answer.get(member), list):
        return answer
    if status == 401:
        raise Unauthorized
    error = answer.get("error") if isinstance(answer, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    if 400 <= status < 500 and status != 429 and isinstance(code, str):
        raise Refused(code)
    raise Unreachable(float(retry_after) if retry_after and retry_after.isdecimal() else None)
