"""Settings: read once, all faults told at once, nothing weak outside development (S-65)."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from server.settings import NAMES, Settings, SettingsError, read_settings
from tests.house.tree import ROOT

KEY = secrets.token_hex(32)
PRODUCTION = {"DASTERN_ENV": "production", "DASTERN_TOKEN_KEY": KEY, "DASTERN_TOTP_ROLES": "doctor,admin",
              "DASTERN_DATABASE_URL": f"postgresql://dastern:{secrets.token_hex(16)}@db/dastern"}


def faults(environ: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read_settings(environ)
    return caught.value.faults


def test_nothing_is_needed_in_development() -> None:
    found = read_settings({})
    assert (found.env, found.host, found.port) == ("development", "127.0.0.1", 8080)
    assert found.database_url == "sqlite:///var/dastern.db"
    assert len(found.token_keys[0]) == 32
    assert found.default_language == "km"


def test_all_faults_are_told_at_once_each_naming_its_variable() -> None:
    told = faults({"DASTERN_ENV": "production", "DASTERN_PORT": "99999", "DASTERN_DATABASE_URL": "mysql://x/y",
                   "DASTERN_ALLOWED_ORIGINS": "*", "DASTERN_LOG_LEVEL": "LOUD", "DASTERN_TRUSTED_PROXIES": "nobody",
                   "DASTERN_FAILPOINTS": "push.before_write=raise", "DASTERN_METRICS_TOKEN": "short"})
    for name in ("PORT", "DATABASE_URL", "ALLOWED_ORIGINS", "LOG_LEVEL", "TRUSTED_PROXIES", "FAILPOINTS", "TOKEN_KEY",
                 "TOTP_ROLES", "METRICS_TOKEN"):
        assert any(f"DASTERN_{name} " in line for line in told), (name, told)


@pytest.mark.parametrize("key", ["change-me", "a" * 64, "00" * 32, "secret" * 10, "not base64 at all!", "ab" * 16])
def test_a_weak_key_stops_the_start(key: str) -> None:
    assert any("DASTERN_TOKEN_KEY" in line for line in faults({**PRODUCTION, "DASTERN_TOKEN_KEY": key}))


@pytest.mark.parametrize("password", ["postgres", "password", "dastern", "short", "example-password-1"])
def test_a_sample_password_in_a_url_stops_the_start(password: str) -> None:
    url = f"postgresql://dastern:{password}@db/dastern"
    told = faults({**PRODUCTION, "DASTERN_DATABASE_URL": url})
    assert told and "DATABASE_URL" in told[0]
    assert url not in told[0], "the message repeats no secret"


def test_a_missing_key_is_drawn_in_development_and_demanded_elsewhere() -> None:
    assert read_settings({}).token_keys != read_settings({}).token_keys
    assert faults({"DASTERN_ENV": "test"}) != []


def test_production_demands_a_second_factor_for_some_role() -> None:
    assert "TOTP_ROLES" in faults({**PRODUCTION, "DASTERN_TOTP_ROLES": ""})[0]
    assert read_settings(PRODUCTION).totp_roles == {"doctor", "admin"}


def test_failpoints_are_for_tests_alone() -> None:
    armed = {"DASTERN_FAILPOINTS": "push.before_write=raise", "DASTERN_TOKEN_KEY": KEY}
    assert read_settings({**armed, "DASTERN_ENV": "test"}).failpoints
    assert "FAILPOINTS" in faults({**armed, "DASTERN_ENV": "development"})[0]


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    held = tmp_path / "key.txt"
    held.write_text(f"{KEY}\n")
    assert read_settings({"DASTERN_TOKEN_KEY_FILE": str(held)}).token_keys == (bytes.fromhex(KEY),)
    assert "both set" in faults({"DASTERN_TOKEN_KEY_FILE": str(held), "DASTERN_TOKEN_KEY": KEY})[0]
    assert "TOKEN_KEY_FILE cannot be read" in faults({"DASTERN_TOKEN_KEY_FILE": str(tmp_path / "none")})[0]


def test_two_keys_may_live_at_once_but_not_three() -> None:
    """S-65: rotation without logout."""
    two = [secrets.token_hex(32) for _ in range(2)]
    assert read_settings({"DASTERN_TOKEN_KEY": ",".join(two)}).token_keys == tuple(map(bytes.fromhex, two))
    assert "TOKEN_KEY" in faults({"DASTERN_TOKEN_KEY": ",".join([*two, KEY])})[0]


def test_a_misspelt_variable_is_a_fault() -> None:
    assert "TOKN_KEY is no setting" in faults({"DASTERN_TOKN_KEY": KEY})[0]


def test_no_secret_shows_in_repr() -> None:
    shown = repr(read_settings({**PRODUCTION, "DASTERN_METRICS_TOKEN": KEY}))
    assert KEY not in shown and "postgresql" not in shown and repr(bytes.fromhex(KEY)) not in shown


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        read_settings({}).port = 1  # type: ignore[misc]


def test_the_port_may_come_from_PORT() -> None:
    assert read_settings({"PORT": "9090"}).port == 9090
    assert read_settings({"PORT": "9090", "DASTERN_PORT": "9091"}).port == 9091


def test_every_setting_stands_in_the_example_and_the_example_can_be_read(tmp_path: Path) -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"DASTERN_{name}" not in text and name != "FAILPOINTS"] == []
    key = tmp_path / "key.txt"
    key.write_text(KEY)
    lines = (line.partition("=") for line in text.splitlines() if line and not line.startswith("#"))
    environ = {name: value for name, _, value in lines} | {"DASTERN_TOKEN_KEY_FILE": str(key)}
    assert isinstance(read_settings(environ), Settings)
