"""Whether a secret of the configuration is one: long enough, random enough, and not out of an example (S-65).

Knows secrets as text and bytes; never which setting they came from, nor what they open.
"""

from __future__ import annotations

from server.tokens import KEY_BYTES, WeakKeyError, read_keys

LEAST_TOKEN_CHARS = 20
LEAST_PASSWORD_CHARS = 12
LEAST_DISTINCT_BYTES = 12
"""32 random bytes hold 12 or fewer distinct values less than once in 10^20; patterns and repeated words do."""

_SAMPLES = ("change", "example", "secret", "password", "sample", "insecure", "default", "qwerty", "12345678", "dastern",
            "postgres", "minio", "your-", "your_", "xxxx")


def fault_of_key(text: str, *, strict: bool) -> str | None:
    """What is wrong with one signing key, written in hex or base64, or None. `strict` outside development."""
    try:
        found = read_keys(text)[0]
    except WeakKeyError:
        return "is neither base64 nor hex (tools/make-secrets.sh makes one)"
    if len(found) < KEY_BYTES:
        return f"has {len(found)} bytes; it needs {KEY_BYTES} random ones (tools/make-secrets.sh makes them)"
    if len(set(found)) < LEAST_DISTINCT_BYTES or (strict and is_sample(text)):
        return "looks like an example, not like random bytes (tools/make-secrets.sh makes them)"
    return None


def fault_of_token(text: str, *, strict: bool) -> str | None:
    """What is wrong with a token that opens a door of operators, or None."""
    if len(text) < LEAST_TOKEN_CHARS:
        return f"has {len(text)} characters; it needs {LEAST_TOKEN_CHARS}"
    if strict and (len(set(text)) < LEAST_DISTINCT_BYTES or is_sample(text)):
        return "looks like an example, not like random characters"
    return None


def fault_of_password(text: str | None) -> str | None:
    """What is wrong with a password inside a URL, or None. Asked outside development only."""
    if text is not None and (len(text) < LEAST_PASSWORD_CHARS or is_sample(text)):
        return "holds a short or sample password"
    return None


def is_sample(text: str) -> bool:
    lower = text.lower()
    return any(sample in lower for sample in _SAMPLES)
