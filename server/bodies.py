"""From the bytes on the wire to one value: media type, size, time, gzip, JSON gate (hardening 2.2, 2.3).

aiohttp has no limit for the time a body takes and none for the size of a stream, so both are kept here. Knows no route.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from sync.gate import read_json
from sync.inflate import read_gzip
from sync.problem import Code, FieldCode, FieldProblem, Refusal
from sync.wire import MAX_BODY

PIECE_BYTES = 16 * 1024
PIECE_S = 10.0
"""For each 16 KiB: a slow phone is no attacker."""
WHOLE_S = 120.0


async def read_body(request: web.Request) -> object:
    """The JSON value of a request. Raises Refusal: unsupported_media, too_large, unreadable."""
    _refuse_media(request)
    coding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in ("identity", "gzip"):
        raise Refusal(Code.UNSUPPORTED_MEDIA, FieldProblem("Content-Encoding", FieldCode.NOT_ALLOWED))
    raw = await _all_of(request)
    return read_json(read_gzip(raw, max_bytes=MAX_BODY) if coding == "gzip" else raw, max_bytes=MAX_BODY)


def has_body(request: web.Request) -> bool:
    return request.body_exists and request.headers.get("Content-Length") != "0"


def _refuse_media(request: web.Request) -> None:
    media, *parameters = (part.strip().lower() for part in request.headers.get("Content-Type", "")[:200].split(";"))
    charset = next((word.removeprefix("charset=").strip('"') for word in parameters if word.startswith("charset=")), "")
    if media != "application/json" or charset not in ("", "utf-8", "utf8"):
        raise Refusal(Code.UNSUPPORTED_MEDIA, FieldProblem("Content-Type", FieldCode.NOT_ALLOWED))


async def _all_of(request: web.Request) -> bytes:
    if request.content_length is not None and request.content_length > MAX_BODY:
        _too_large()
    loop = asyncio.get_running_loop()
    last_moment = loop.time() + WHOLE_S
    body = bytearray()
    try:
        async with asyncio.timeout(PIECE_S) as patience:
            due = PIECE_BYTES
            while piece := await request.content.readany():
                body += piece
                if len(body) > MAX_BODY:
                    _too_large()
                if len(body) >= due:
                    due = len(body) + PIECE_BYTES
                    patience.reschedule(min(loop.time() + PIECE_S, last_moment))
    except TimeoutError:
        raise Refusal(Code.UNREADABLE, extra={"reason": "slow"}) from None
    except web.RequestPayloadError:
        raise Refusal(Code.UNREADABLE, extra={"reason": "framing"}) from None
    return bytes(body)


def _too_large() -> None:
    raise Refusal(Code.TOO_LARGE, extra={"limits": {"max_bytes": MAX_BODY}})
