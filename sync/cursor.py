"""The opaque token that says how far a device is: the number reached in each scope (sync-protocol.md 3).

base64url of zlib of format, schema, epoch and (ord u32, view_version u32, seq u64, floor u64) per scope. It needs no
secrecy, for access is decided from memberships at every pull; an unreadable one starts from zero (I-07).
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from sync.store import Start

FORMAT = 3
MAX_CURSOR = 64 * 1024  # characters; 2,000 scopes take 5-12 kB
MAX_SCOPES = 20_000
_HEAD = struct.Struct(">BHB")
_ENTRY = struct.Struct(">IIQQ")


@dataclass(frozen=True, slots=True)
class Cursor:
    """`epoch` is empty at the very beginning."""

    epoch: str = ""
    schema: int = 0
    starts: tuple[Start, ...] = ()


def write_cursor(epoch: str, schema: int, starts: Sequence[Start]) -> str:
    name = epoch.encode()
    body = _HEAD.pack(FORMAT, schema, len(name)) + name
    body += b"".join(_ENTRY.pack(s.ord, s.view_version, s.seq, s.floor if s.seq < s.floor else 0)
                     for s in sorted(starts, key=lambda s: s.ord))
    return base64.urlsafe_b64encode(zlib.compress(body, 6)).decode().rstrip("=")


def read_cursor(token: object) -> Cursor | None:
    """The cursor, or None if the token is none of ours."""
    if not isinstance(token, str) or len(token) > MAX_CURSOR or not token.isascii():
        return None
    try:
        packed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        body = zlib.decompressobj().decompress(packed, _HEAD.size + 255 + MAX_SCOPES * _ENTRY.size)
        format_, schema, length = _HEAD.unpack_from(body)
        epoch, rest = body[_HEAD.size : _HEAD.size + length].decode(), body[_HEAD.size + length :]
        if format_ != FORMAT or len(rest) % _ENTRY.size:
            return None
        return Cursor(epoch, schema, tuple(Start(*entry) for entry in _ENTRY.iter_unpack(rest)))
    except (binascii.Error, zlib.error, struct.error, UnicodeDecodeError, ValueError):
        return None
