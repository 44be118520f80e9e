"""Reads single variables of the environment and gathers what is wrong with them (server/settings.py).

Knows names, files and spellings; never what a setting means. A fault names its variable and repeats no value.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from i18n.languages import Language, is_language
from server.secret_strength import fault_of_key, fault_of_password
from server.tokens import KEY_BYTES, LIVE_KEYS, read_keys

PREFIX = "DASTERN_"
MAX_SECRET_FILE = 64 * 1024
NAMES = ("ENV", "HOST", "PORT", "DATABASE_URL", "REDIS_URL", "S3_URL", "TOKEN_KEY", "ALLOWED_ORIGINS",
         "TRUSTED_PROXIES", "TOTP_ROLES", "METRICS_TOKEN", "LOG_LEVEL", "DEFAULT_LANGUAGE", "FAILPOINTS")
FROM_FILE = ("DATABASE_URL", "REDIS_URL", "S3_URL", "TOKEN_KEY", "METRICS_TOKEN")
OF_OTHERS = ("IMAGE", "PORTS", "SOAK", "POSTGRES_BIN")
"""Names with our prefix that docker-compose.yml and the tests read, not the server."""

T = TypeVar("T")


class Reader:
    """Reads variables and gathers what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.faults: list[str] = []

    def fault(self, name: str, words: str) -> None:
        self.faults.append(f"  {PREFIX}{name} {words}.")

    def text(self, name: str) -> str | None:
        """The value, from its file if one is named; None if empty or missing."""
        value = self._environ.get(PREFIX + name, "").strip()
        path = self._environ.get(f"{PREFIX}{name}_FILE", "").strip() if name in FROM_FILE else ""
        if value and path:
            self.fault(name, f"and {PREFIX}{name}_FILE are both set; keep one")
        if value or not path:
            return value or None
        try:
            with Path(path).open("rb") as file:
                return file.read(MAX_SECRET_FILE).decode().strip() or None
        except (OSError, UnicodeDecodeError) as error:
            self.fault(f"{name}_FILE", f"cannot be read ({type(error).__name__})")
            return None

    def one_of(self, name: str, known: tuple[str, ...], default: str) -> str:
        value = self.text(name) or default
        if value in known:
            return value
        self.fault(name, f"must be one of {', '.join(known)}")
        return default

    def language(self) -> Language:
        value = self.one_of("DEFAULT_LANGUAGE", ("km", "en"), "km")
        return value if is_language(value) else "km"

    def port(self) -> int:
        value = self.text("PORT") or self._environ.get("PORT", "").strip() or "8080"
        if value.isascii() and value.isdecimal() and len(value) <= 5 and int(value) < 65536:
            return int(value)
        self.fault("PORT", "must be a port number, 0 to 65535")
        return 8080

    def url(self, name: str, schemes: tuple[str, ...], strict: bool) -> str | None:
        value = self.text(name)
        if value is None:
            return None
        try:
            parts = urlsplit(value)
            scheme, password, _ = parts.scheme.partition("+")[0], parts.password, parts.port
        except ValueError:
            self.fault(name, "cannot be read as a URL")
            return None
        if scheme not in schemes:
            self.fault(name, f"must begin with {' or '.join(f'{one}://' for one in schemes)}")
        weak = fault_of_password(password) if strict else None
        if weak:
            self.fault(name, weak)
        return value

    def checked(self, name: str, fault_of: Callable[[str], str | None]) -> str | None:
        value = self.text(name)
        words = fault_of(value) if value is not None else None
        if words:
            self.fault(name, words)
        return value

    def keys(self, strict: bool) -> tuple[bytes, ...]:
        """The signing keys, the newest first. In development one is drawn for this process if none is given."""
        before = len(self.faults)
        value = self.text("TOKEN_KEY")
        if value is None:
            if strict and len(self.faults) == before:
                self.fault("TOKEN_KEY", f"or {PREFIX}TOKEN_KEY_FILE must be set (tools/make-secrets.sh makes one)")
            return (secrets.token_bytes(KEY_BYTES),)
        found = [word.strip() for word in value.split(",") if word.strip()]
        if len(found) > LIVE_KEYS:
            self.fault("TOKEN_KEY", f"names {len(found)} keys; {LIVE_KEYS} at most")
        faults = list(filter(None, (fault_of_key(word, strict=strict) for word in found)))
        for words in faults:
            self.fault("TOKEN_KEY", words)
        return () if faults else tuple(read_keys(",".join(found)))

    def each(self, name: str, read: Callable[[str], T]) -> tuple[T, ...]:
        """A list separated by commas."""
        words = [word.strip() for word in (self.text(name) or "").split(",") if word.strip()]
        try:
            return tuple(read(word) for word in words)
        except ValueError as error:
            self.fault(name, f"has an entry that cannot be used: {error}")
            return ()

    def refuse_unknown(self) -> None:
        """A misspelt variable would silently leave its default in force."""
        known = {PREFIX + name for name in (*NAMES, *(f"{name}_FILE" for name in FROM_FILE), *OF_OTHERS)}
        ours = (name for name in self._environ if name.startswith(PREFIX) and not name.startswith(f"{PREFIX}TEST_"))
        for name in sorted(set(ours) - known):
            self.fault(name.removeprefix(PREFIX), "is no setting we know")
