"""Refresh tokens as they are kept: the SHA-256 of each, and for 30 seconds its successor under a key that only the
predecessor gives (S-05, S-06). Whoever reads the database can neither use nor unseal any. Randomness is an argument.
"""

from __future__ import annotations

import base64
import hashlib

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SECRET_BYTES = 32
TOKEN_CHARS = 43
# Each key seals one message in its life, so one nonce serves all.
_NONCE = bytes(12)
_PURPOSE = b"dastern refresh successor"


def token_of(secret: bytes) -> str:
    """A refresh token of 256 random bits. Raises ValueError for fewer."""
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"A refresh token needs {SECRET_BYTES} random bytes.")
    return base64.urlsafe_b64encode(secret).rstrip(b"=").decode()


def digest_of(token: str) -> str:
    """256 random bits need no salt and no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def seal(predecessor: str, successor: str) -> str:
    return AESGCM(_key(predecessor)).encrypt(_NONCE, successor.encode(), None).hex()


def unseal(predecessor: str, sealed: str) -> str:
    """Raises cryptography's InvalidTag for anything that this predecessor did not seal."""
    return AESGCM(_key(predecessor)).decrypt(_NONCE, bytes.fromhex(sealed), None).decode()


def _key(predecessor: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(predecessor.encode())
