"""Access tokens: short-lived JWTs that say which session asks (RFC 9068, S-01, S-02, hardening 2.8).

A token proves a session, an account and a device until it expires; whether the session is still open and what it may do
is asked of the database. Knows keys and claims; no clock and no randomness of its own.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sync.problem import Code, Refusal
from sync.values import Unfit, canonical_uuid

ALGORITHM = "HS256"
TYPE = "at+jwt"
ISSUER = "dastern"
AUDIENCE = "dastern-api"
LIFE_S = 15 * 60
LEEWAY_S = 30
MAX_CHARS = 4096
KEY_BYTES = 32
LIVE_KEYS = 2

_CLAIMS = ("iss", "aud", "exp", "iat", "jti", "sub", "sid", "device")
_FROM_URLSAFE = str.maketrans("-_", "+/")
_HEADER = frozenset({"alg", "typ", "kid"})


class WeakKeyError(ValueError):
    """A setting holds a key that is too short, unreadable or not random; the message never repeats it."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a sound token says. `role` and `language` are hints: rights come from the database (S-01, R-005)."""

    user: str
    session: str
    device: str
    jti: str
    expires_at: int  # seconds since 1970
    role: str
    language: str


@dataclass(frozen=True, slots=True)
class Minted:
    token: str
    expires_in: int  # seconds


class KeyRing:
    """One or two keys for one purpose: the first signs, all are accepted (S-65: rotation without logout).

    Each purpose has keys of its own made from the same secrets, so a token of one kind is refused as any other (S-02).
    """

    def __init__(self, purpose: str, secrets: Sequence[bytes]) -> None:
        """Raises WeakKeyError."""
        if not 1 <= len(secrets) <= LIVE_KEYS:
            raise WeakKeyError(f"One or {LIVE_KEYS} keys are needed.")
        if any(len(secret) < KEY_BYTES or len(set(secret)) < KEY_BYTES // 4 for secret in secrets):
            raise WeakKeyError(f"A key needs {KEY_BYTES * 8} random bits.")
        made = [_derived(purpose, secret) for secret in secrets]
        self._keys = {_kid(key): key for key in made}
        self.signing = _kid(made[0])

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self._keys)})"

    def key(self, kid: object) -> bytes | None:
        return self._keys.get(kid) if isinstance(kid, str) else None


def read_keys(setting: str) -> list[bytes]:
    """The secrets of a setting: base64 or hex, separated by a comma, the signing one first. Raises WeakKeyError."""
    return [_secret(word.strip()) for word in setting.split(",")]


class Tokens:
    """Mints and reads access tokens with one key ring."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def mint(
        self, *, user: str, session: str, device: str, role: str, language: str, jti: str, now_ms: int
    ) -> Minted:
        """A token for 15 minutes from now (R-011). `jti` is a random id."""
        now = now_ms // 1000
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": user, "sid": session, "device": device, "jti": jti,
                  "iat": now, "exp": now + LIFE_S, "role": role, "language": language}
        key = self._ring.key(self._ring.signing)
        assert key is not None
        return Minted(jwt.encode(claims, key, ALGORITHM, {"typ": TYPE, "kid": self._ring.signing}), LIFE_S)

    def read(self, token: str, now_ms: int) -> Claims:
        """Raises Refusal: token_expired for a token that was sound until it expired, else unauthenticated."""
        claims = self._signed(token)
        now = now_ms // 1000
        read = _read(claims)
        if claims["iat"] > now + LEEWAY_S or not 0 < claims["exp"] - claims["iat"] <= LIFE_S:
            raise Refusal(Code.UNAUTHENTICATED)
        if claims["exp"] + LEEWAY_S <= now:
            raise Refusal(Code.TOKEN_EXPIRED)
        return read

    def _signed(self, token: str) -> Mapping[str, Any]:
        try:
            if len(token) > MAX_CHARS or not _is_canonical(token):
                raise Refusal(Code.UNAUTHENTICATED)
            header = jwt.get_unverified_header(token)
            key = self._ring.key(header.get("kid"))
            if key is None or header.get("typ") != TYPE or header.get("alg") != ALGORITHM or header.keys() != _HEADER:
                raise Refusal(Code.UNAUTHENTICATED)
            # Times are checked above: by our clock, and as integers, which PyJWT does not ask (hardening 2.8).
            options: Any = {"require": list(_CLAIMS), "strict_aud": True, "verify_exp": False, "verify_iat": False,
                            "verify_nbf": False, "enforce_minimum_key_length": True}
            claims: dict[str, Any] = jwt.decode(token, key, [ALGORITHM], options, audience=AUDIENCE, issuer=ISSUER)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise Refusal(Code.UNAUTHENTICATED) from None
        return claims


def _read(claims: Mapping[str, Any]) -> Claims:
    if any(type(claims[name]) is not int for name in ("exp", "iat")) or "nbf" in claims:
        raise Refusal(Code.UNAUTHENTICATED)
    try:
        ids = {name: canonical_uuid(claims[name]) for name in ("sub", "sid", "device", "jti")}
    except Unfit:
        raise Refusal(Code.UNAUTHENTICATED) from None
    hints = [claims.get(name) for name in ("role", "language")]
    if any(ids[name] != claims[name] for name in ids) or not all(isinstance(hint, str) for hint in hints):
        raise Refusal(Code.UNAUTHENTICATED)
    role, language = map(str, hints)
    return Claims(ids["sub"], ids["sid"], ids["device"], ids["jti"], claims["exp"], role, language)


def _is_canonical(token: str) -> bool:
    """Three parts in the one spelling that base64url has; PyJWT also takes padding and stray last bits."""
    parts = token.split(".")
    return token.isascii() and len(parts) == 3 and all(_is_canonical_part(part) for part in parts)


def _is_canonical_part(part: str) -> bool:
    try:
        raw = b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        return False
    return bool(part) and jwt.utils.base64url_encode(raw).decode() == part


def _derived(purpose: str, secret: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"dastern key: {purpose}".encode()).derive(secret)


def _kid(key: bytes) -> str:
    return hmac.new(key, b"kid", hashlib.sha256).hexdigest()[:16]


def _secret(word: str) -> bytes:
    try:
        return bytes.fromhex(word)
    except ValueError:
        pass
    try:
        return b64decode(word.translate(_FROM_URLSAFE) + "=" * (-len(word) % 4), validate=True)
    except binascii.Error:
        raise WeakKeyError("A key is neither base64 nor hex.") from None
