"""Every setting, read once from the environment into one frozen object; all faults are told at once (DESIGN.md 5).

The names stand in .env.example. A secret or a URL may be given as `<NAME>_FILE`, the path of a file with the value.
Knows names, ranges and which combinations are refused where; opens no connection and reads no clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from i18n.languages import Language
from server.client_address import Network, read_proxies
from server.secret_strength import fault_of_token
from server.settings_reader import NAMES, PREFIX, Reader

DEVELOPMENT, TEST, PRODUCTION = "development", "test", "production"
DATABASES = ("postgresql", "postgres", "sqlite")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
ROLES = frozenset({"patient", "family", "doctor", "assistant", "staff", "owner", "pharmacy", "admin"})


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
    reader = Reader(environ)
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


def _refuse_combinations(settings: Mapping[str, object], reader: Reader) -> None:
    if settings["failpoints"] and settings["env"] != TEST:
        reader.fault("FAILPOINTS", f"makes the server fail on purpose; it is for {PREFIX}ENV=test alone")
    if settings["env"] == PRODUCTION and not settings["totp_roles"]:
        reader.fault("TOTP_ROLES", "must name the roles that need a second factor in production")


def _origin(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query or "*" in text:
        raise ValueError("an origin is written like https://app.example.org, without a path and without *")
    return text


def _role(text: str) -> str:
    if text not in ROLES:
        raise ValueError(f"roles are {', '.join(sorted(ROLES))}")
    return text


__all__ = ["NAMES", "PREFIX", "Settings", "SettingsError", "read_settings"]
