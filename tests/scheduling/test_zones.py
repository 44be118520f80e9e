"""Zones by name and the patient's calendar (S-61, F-12)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling.zones import day_bounds, local_day, zone_named, zone_or_problem
from storage.zone_names import allowed_zones
from sync.problem import FieldCode, FieldProblem
from tests.scheduling.schedule_cases import PHNOM_PENH, utc

FORBIDDEN = ["Factory", "localtime", "posixrules", "right/Europe/Berlin", "posix/Europe/Berlin"]
NO_NAMES = ["", "Asia/PhnomPenh", "asia/phnom_penh", "../etc/passwd", "/etc/localtime", "Asia", "UTC\x00", "+07:00"]


@pytest.mark.parametrize("name", [*FORBIDDEN, *NO_NAMES, None, 7, ["UTC"]])
def test_s61_what_is_not_on_the_list_is_a_field_problem_and_never_an_exception(name: object) -> None:
    assert zone_or_problem(name, "patient.zone") == FieldProblem("patient.zone", FieldCode.ZONE_UNKNOWN)


def test_s61_the_list_holds_places_and_every_name_on_it_can_be_read() -> None:
    assert {PHNOM_PENH, "Asia/Bangkok", "Europe/Paris", "UTC"} <= allowed_zones()
    assert not allowed_zones() & set(FORBIDDEN)
    assert all(zone_named(name).key == name for name in allowed_zones())


def test_a_stored_name_that_is_unknown_raises_one_kind_of_error() -> None:
    with pytest.raises(LookupError, match="PhnomPenh"):
        zone_named("Asia/PhnomPenh")


def test_f12_at_half_past_eleven_on_a_utc_host_today_is_phnom_penhs_next_day(monkeypatch: pytest.MonkeyPatch) -> None:
    now = utc("2026-11-20T23:30+00:00")
    for host in ("UTC", "America/Los_Angeles", "Pacific/Kiritimati"):
        monkeypatch.setenv("TZ", host)
        assert local_day(PHNOM_PENH, now) == date(2026, 11, 21)
        assert local_day(PHNOM_PENH, now - timedelta(hours=6, minutes=31)) == date(2026, 11, 20)


def test_f12_phnom_penhs_day_begins_at_five_in_the_afternoon_utc() -> None:
    assert day_bounds(PHNOM_PENH, date(2026, 11, 20)) == (utc("2026-11-19T17:00Z"), utc("2026-11-20T17:00Z"))


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 1), 24)])
def test_a_day_has_as_many_hours_as_its_clocks_say(day: date, hours: int) -> None:
    begins, ends = day_bounds("Europe/Berlin", day)
    assert ends - begins == timedelta(hours=hours)


@settings(max_examples=300, deadline=None)
@given(
    zone=st.sampled_from(["Asia/Phnom_Penh", "Europe/Berlin", "America/Havana", "Africa/Cairo", "America/Sao_Paulo",
                          "Asia/Beirut", "Pacific/Apia", "Australia/Lord_Howe", "America/Scoresbysund"]),
    minutes=st.integers(0, 36 * 366 * 24 * 60),
)
def test_every_instant_lies_in_the_bounds_of_its_own_day(zone: str, minutes: int) -> None:
    now = datetime(2000, 1, 3, tzinfo=UTC) + timedelta(minutes=minutes)
    begins, ends = day_bounds(zone, local_day(zone, now))
    assert begins <= now < ends


def test_an_instant_without_offset_is_not_read_in_the_hosts_zone() -> None:
    with pytest.raises(AssertionError):
        local_day(PHNOM_PENH, datetime.fromisoformat("2026-11-20T23:30"))
