"""What aiohttp answers to bytes that are no HTTP: a status, without the sender's input or versions (hardening 2.2).

Such requests never reach the application. Overrides private parts of aiohttp, each held by a test in
tests/server/test_edge.py, so that an upgrade fails loudly.
"""

from __future__ import annotations

from typing import Any

from aiohttp import hdrs, web
from aiohttp.web_protocol import RequestHandler


class _QuietHandler(RequestHandler):
    __slots__ = ()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        super().handle_error(request, status, exc, message)  # logs, and refuses where an answer has begun
        response = web.Response(status=status, headers={hdrs.SERVER: "dastern", hdrs.CACHE_CONTROL: "no-store"})
        response.force_close()
        return response


class _QuietServer(web.Server):
    def __init__(self, made: web.Server) -> None:
        super().__init__(made.request_handler, request_factory=made.request_factory, loop=made._loop,
                         handler_cancellation=made.handler_cancellation, **made._kwargs)

    def __call__(self) -> RequestHandler:
        return _QuietHandler(self, loop=self._loop, **self._kwargs)


class QuietRunner(web.AppRunner):
    """An AppRunner whose connections say nothing of themselves."""

    __slots__ = ()

    async def _make_server(self) -> Any:
        return _QuietServer(await super()._make_server())
