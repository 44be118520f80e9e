"""Every setting, read once from the environment into one frozen object; all faults are told at once (DESIGN.md 5).

The names stand in .env.example. A secret or a URL may be given as `<NAME>_FILE`, the path of a file with the value.
Knows names, ranges and which combinations are refused where; opens no connection and reads no clock.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from i18n.languages import Language, is_language
from server.client_address import Network, read_proxies
from server.secret_strength import fault_of_key, fault_of_password, fault_of_token
from server.tokens import KEY_BYTES, LIVE_KEYS, read_keys

PREFIX = "DASTERN_"
DEVELOPMENT, TEST, PRODUCTION = "development", "test", "production"
DATABASES = ("postgresql", "postgres", "sqlite")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
ROLES = frozenset({"patient", "family", "doctor", "assistant", "staff", "owner", "pharmacy", "pharmacist", "admin"})
MAX_SECRET_FILE = 64 * 1024
NAMES = ("ENV", "HOST", "PORT", "DATABASE_URL", "REDIS_URL", "S3_URL", "TOKEN_KEY", "ALLOWED_ORIGINS",
         "TRUSTED_PROXIES", "TOTP_ROLES", "METRICS_TOKEN", "LOG_LEVEL", "DEFAULT_LANGUAGE", "FAILPOINTS")
FROM_FILE = ("DATABASE_URL", "REDIS_URL", "S3_URL", "TOKEN_KEY", "METRICS_TOKEN")
OF_OTHERS = ("IMAGE", "PORTS", "SOAK", "POSTGRES_BIN")
"""Names with our prefix that docker-compose.yml and the tests read, not the server."""

T = TypeVar("T")


class SettingsError(Exception):
    """The configuration cannot be used; the message has one line for each fault, naming its variable, never a value of
    a secret."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join([f"{len(faults)} fault{'s' if len(faults) > 1 else ''} in the settings:", *faults]))
        self.faults = faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an operator decides. Secrets and addresses with passwords never appear in `repr` (S-65)."""

    env: str = DEVELOPMENT
    host: str = "127.0.0.1"
    port: int = 8080
    database_url: str = field(default="sqlite:///var/dastern.db", repr=False)
    redis_url: str | None = field(default=None, repr=False)
    s3_url: str | None = field(default=None, repr=False)
    token_keys: tuple[bytes, ...] = field(repr=False)
    allowed_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[Network, ...] = ()
    totp_roles: frozenset[str] = frozenset()
    metrics_token: str | None = field(default=None, repr=False)
    log_level: str = "INFO"
    default_language: Language = "km"
    failpoints: str = ""

    @property
    def is_production(self) -> bool:
        return self.env == PRODUCTION


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings of an environment. Raises SettingsError naming every fault."""
    reader = _Reader(environ)
    env = reader.one_of("ENV", (DEVELOPMENT, TEST, PRODUCTION), DEVELOPMENT)
    strict = env != DEVELOPMENT
    settings = {
        "env": env,
        "host": reader.text("HOST") or "127.0.0.1",
        "port": reader.port(),
        "database_url": reader.url("DATABASE_URL", DATABASES, strict) or "sqlite:///var/dastern.db",
        "redis_url": reader.url("REDIS_URL", ("redis", "rediss"), strict),
        "s3_url": reader.url("S3_URL", ("s3",), strict),
        "token_keys": reader.keys(strict),
        "allowed_origins": reader.each("ALLOWED_ORIGINS", _origin),
        "trusted_proxies": reader.each("TRUSTED_PROXIES", lambda word: read_proxies(word)[0]),
        "totp_roles": frozenset(reader.each("TOTP_ROLES", _role)),
        "metrics_token": reader.checked("METRICS_TOKEN", lambda text: fault_of_token(text, strict=strict)),
        "log_level": reader.one_of("LOG_LEVEL", LEVELS, "INFO"),
        "default_language": reader.language(),
        "failpoints": reader.text("FAILPOINTS") or "",
    }
    reader.refuse_unknown()
    _refuse_combinations(settings, reader)
    if reader.faults:
        raise SettingsError(reader.faults)
    return Settings(**settings)  # type: ignore[arg-type]


def _refuse_combinations(settings: Mapping[str, object], reader: _Reader) -> None:
    if settings["failpoints"] and settings["env"] != TEST:
        reader.fault("FAILPOINTS", f"makes the server fail on purpose; it is for {PREFIX}ENV=test alone")
    if settings["env"] == PRODUCTION and not settings["totp_roles"]:
        reader.fault("TOTP_ROLES", "must name the roles that need a second factor in production")


class _Reader:
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


def _origin(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query or "*" in text:
        raise ValueError("an origin is written like https://app.example.org, without a path and without *")
    return text


def _role(text: str) -> str:
    if text not in ROLES:
        raise ValueError(f"roles are {', '.join(sorted(ROLES))}")
    return text
