"""Unpacks a gzip body, bounded. Knows RFC 1952 and nothing of what is inside.

aiohttp runs with `auto_decompress=False` (hardening.md 2.2); every other coding is refused with 415 by the edge.
"""

from __future__ import annotations

import zlib
from typing import NoReturn

from sync.problem import Code, Refusal

_ONE_GZIP_MEMBER = 16 + zlib.MAX_WBITS


def read_gzip(body: bytes, *, max_bytes: int) -> bytes:
    """The content of one gzip member, checked against its checksum.

    Raises `Refusal(TOO_LARGE)` with `extra["limits"]` if the packed or the unpacked body has more than `max_bytes`
    bytes (unpacking stops there, whatever the member claims), and `Refusal(UNREADABLE)` with `extra["reason"]`
    gzip (not gzip, damaged), gzip_truncated or gzip_trailing (a second member, padding).
    """
    if len(body) > max_bytes:
        _too_large(max_bytes)
    member = zlib.decompressobj(wbits=_ONE_GZIP_MEMBER)
    try:
        content = member.decompress(body, max_bytes + 1)
    except zlib.error:
        raise Refusal(Code.UNREADABLE, extra={"reason": "gzip"}) from None
    if len(content) > max_bytes:
        _too_large(max_bytes)
    if not member.eof:
        raise Refusal(Code.UNREADABLE, extra={"reason": "gzip_truncated"})
    if member.unused_data:
        raise Refusal(Code.UNREADABLE, extra={"reason": "gzip_trailing"})
    return content


def _too_large(max_bytes: int) -> NoReturn:
    raise Refusal(Code.TOO_LARGE, extra={"limits": {"max_bytes": max_bytes}})
