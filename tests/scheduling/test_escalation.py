"""The timetable of alerts: every worked case by its id, and what the rules say beyond them (R-243 to R-248).

A case's `expect` lists what it is about; `SPEAKS_OF` says which part of the timetable that is, and X01, X02 and X08 are
compared whole. Caregivers are Dara and Maly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling.escalation import PATIENT, Alert, Caregiver, DueDose, Kind, Occasion, Pace, Quiet, plan_alerts
from tests.scheduling.schedule_cases import CASES, PHNOM_PENH, utc

ZONE = ZoneInfo(PHNOM_PENH)
DEFAULTS = CASES["defaults"]["escalation"]
DUE = utc("2026-11-20T08:00+07:00")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
ONE_DOSE = (DueDose("pill", 360),)
DARA, MALY = Caregiver("dara"), Caregiver("maly")

Part = Callable[[Alert], bool]


def whole(alert: Alert) -> bool:
    return True


SPEAKS_OF: dict[str, Part] = {
    "X01": whole, "X02": whole, "X08": whole,
    "X03": lambda alert: alert.to != PATIENT,
    "X04": lambda alert: alert.kind is Kind.RESOLVED,
    "X05": lambda alert: alert.kind is Kind.OVERDUE,
    "X06": lambda alert: alert.kind is Kind.OVERDUE,
    "X07": lambda alert: alert.kind is Kind.REMINDER,
    "X09": lambda alert: alert.at == DUE,
    "X10": lambda alert: alert.to != PATIENT,
}


def quiet(given: list[str] | None) -> Quiet | None:
    return None if given is None else Quiet(time.fromisoformat(given[0]), time.fromisoformat(given[1]), ZONE)


def occasion_of(case: dict[str, Any]) -> Occasion:
    told = {**DEFAULTS, **case.get("config", {})}
    heard = case.get("taken") or case.get("report_received")
    doses = [DueDose(f"pill {n}", told["missed_after_min"], case.get("critical", False),
                     known_at=utc(heard) if heard else None) for n in range(case.get("doses", 1))]
    until = utc(case["revoked_at"]) if "revoked_at" in case else None
    names = ["caregiver1", "caregiver2"] if "config" in case else ["caregiver1"]
    pace = Pace(told["repeat_every_min"], told["repeats"], told["caregiver_after_min"],
                told["second_caregiver_after_min"])
    seen = utc(case["phone_last_seen"]) if "phone_last_seen" in case else None
    return Occasion(utc(case["due"]), doses, [Caregiver(name, quiet(case.get("quiet")), until) for name in names],
                    pace, quiet(case.get("patient_quiet")), seen)


def spelled(alerts: list[Alert], everybody: int) -> list[tuple[str, datetime]]:
    """As the table writes them: one line for a note to all, the size of a group, no kind for a plain reminder."""
    lines: list[tuple[str, datetime]] = []
    for alert in alerts:
        to_all = sum((other.at, other.kind) == (alert.at, Kind.MISSED) for other in alerts) == everybody
        if alert.kind is Kind.REMINDER:
            word = PATIENT if len(alert.doses) == 1 else f"patient:group_of_{len(alert.doses)}"
        else:
            word = f"{'all' if alert.kind is Kind.MISSED and to_all else alert.to}:{alert.kind}"
        if (word, alert.at) not in lines:
            lines.append((word, alert.at))
    return lines


@pytest.mark.parametrize("case", CASES["escalation_cases"], ids=lambda case: str(case["id"]))
def test_who_is_told_what_and_when(case: dict[str, Any]) -> None:
    """R-243 to R-248."""
    occasion = occasion_of(case)
    part = [alert for alert in plan_alerts(occasion) if SPEAKS_OF[case["id"]](alert)]
    assert spelled(part, 1 + len(occasion.caregivers)) == [(word, utc(at)) for word, at in case["expect"]]


def test_the_table_is_walked_whole() -> None:
    assert SPEAKS_OF.keys() == {case["id"] for case in CASES["escalation_cases"]}
    assert Pace() == Pace(**{name: DEFAULTS[name] for name in (
        "repeat_every_min", "repeats", "caregiver_after_min", "second_caregiver_after_min")})


def told(occasion: Occasion, kind: Kind | None = None) -> list[tuple[str, str, int]]:
    """(reader, kind, minutes after due)."""
    return [(alert.to, str(alert.kind), (alert.at - occasion.due_at) // MINUTE) for alert in plan_alerts(occasion)
            if kind in (None, alert.kind)]


def test_r243_repeats_are_marked_and_stop_once_a_word_is_known() -> None:
    alerts = plan_alerts(Occasion(DUE, [replace(ONE_DOSE[0], known_at=DUE + 20 * MINUTE)]))
    assert [(alert.repeat, alert.at - DUE) for alert in alerts] == [(0, 0 * MINUTE), (1, 10 * MINUTE)]
    assert told(Occasion(DUE, ONE_DOSE, pace=Pace(repeat_every_min=5, repeats=1)), Kind.REMINDER) == [
        (PATIENT, "reminder", 0), (PATIENT, "reminder", 5)]


def test_r243_a_line_with_reminders_off_is_still_tracked() -> None:
    silent = Occasion(DUE, [replace(ONE_DOSE[0], reminders=False)], [DARA])
    assert told(silent) == [("dara", "overdue", 30), (PATIENT, "missed", 361), ("dara", "missed", 361)]


@pytest.mark.parametrize(("first", "second", "minutes"), [
    (10, 60, [10, 60, 90]), (30, 60, [30, 60, 90]), (60, 60, [60, 90, 120])])
def test_r244_the_second_caregiver_hears_thirty_minutes_after_the_first_or_later(
    first: int, second: int, minutes: list[int]
) -> None:
    circle = [DARA, MALY, Caregiver("bopha")]
    found = Occasion(DUE, ONE_DOSE, circle, Pace(caregiver_after_min=first, second_caregiver_after_min=second))
    assert [after for _, _, after in told(found, Kind.OVERDUE)] == minutes


def test_r244_a_window_shorter_than_the_caregivers_delay_is_told_once_as_missed() -> None:
    found = Occasion(DUE, [DueDose("every half hour", 15)], [DARA, MALY])
    assert [one for one in told(found) if one[1] != "reminder"] == [
        (PATIENT, "missed", 16), ("dara", "missed", 16), ("maly", "missed", 16)]
    assert told(found, Kind.REMINDER)[-1] == (PATIENT, "reminder", 30)


def test_r245_a_silent_phone_is_named_with_the_time_and_never_called_missed() -> None:
    silent = Occasion(DUE, ONE_DOSE, [DARA, MALY], phone_last_seen=DUE - HOUR)
    kinds = {alert.kind for alert in plan_alerts(silent) if alert.to != PATIENT}
    assert kinds == {Kind.NO_REPORT}
    assert {alert.silent_since for alert in plan_alerts(silent) if alert.kind is Kind.NO_REPORT} == {DUE - HOUR}
    spoken = replace(silent, phone_last_seen=DUE + MINUTE)
    assert {alert.kind for alert in plan_alerts(spoken) if alert.to != PATIENT} == {Kind.OVERDUE, Kind.MISSED}
    for before, kind in ((15 * MINUTE, Kind.OVERDUE), (15 * MINUTE + timedelta(seconds=1), Kind.NO_REPORT)):
        edge = replace(silent, phone_last_seen=DUE - before)
        assert {alert.kind for alert in plan_alerts(edge)} & {Kind.OVERDUE, Kind.NO_REPORT} == {kind}


def test_r245_one_correction_to_each_caregiver_who_was_told_and_to_nobody_else() -> None:
    late = [replace(ONE_DOSE[0], known_at=DUE + 45 * MINUTE)]
    assert told(Occasion(DUE, late, [DARA, MALY]), Kind.RESOLVED) == [("dara", "resolved", 45)]
    later = [replace(ONE_DOSE[0], known_at=DUE + 10 * HOUR)]
    assert told(Occasion(DUE, later, [DARA, MALY]), Kind.RESOLVED) == [
        ("dara", "resolved", 600), ("maly", "resolved", 600)]
    silent = Occasion(DUE, later, [DARA], phone_last_seen=DUE - HOUR)
    assert told(silent, Kind.RESOLVED) == [("dara", "resolved", 600)]


def test_r247_who_takes_care_of_it_stops_it_for_the_others() -> None:
    handled = Occasion(DUE, ONE_DOSE, [DARA, MALY], handled=("dara", DUE + 40 * MINUTE))
    assert [one for one in told(handled) if one[0] != PATIENT] == [("dara", "overdue", 30), ("dara", "missed", 361)]
    resolved = replace(handled, doses=[replace(ONE_DOSE[0], known_at=DUE + 2 * HOUR)],
                       handled=("maly", DUE + 40 * MINUTE))
    assert told(resolved, Kind.RESOLVED) == [("dara", "resolved", 120), ("maly", "resolved", 120)], "all who were told"


def test_r248_quiet_hours_hold_back_what_is_true_at_their_end_and_remember_when_it_was_meant() -> None:
    """R-245: an alert that was held up names the real time."""
    due = utc("2026-11-20T21:45+07:00")
    night = Quiet(time(22), time(6), ZONE)
    quiet_dara = Caregiver("dara", night)
    (alert,) = [alert for alert in plan_alerts(Occasion(due, ONE_DOSE, [quiet_dara])) if alert.kind is Kind.OVERDUE]
    assert (alert.at, alert.meant_at) == (utc("2026-11-21T06:00+07:00"), due + 30 * MINUTE)
    for known, reaches in (("06:00", False), ("06:01", True)):
        heard = [replace(ONE_DOSE[0], known_at=utc(f"2026-11-21T{known}+07:00"))]
        kinds = {alert.kind for alert in plan_alerts(Occasion(due, heard, [quiet_dara])) if alert.to == "dara"}
        assert (Kind.OVERDUE in kinds, Kind.RESOLVED in kinds) == (reaches, reaches)
    mixed = [DueDose("insulin", 360, time_critical=True), DueDose("vitamin", 360)]
    overdue = [alert for alert in plan_alerts(Occasion(due, mixed, [quiet_dara])) if alert.kind is Kind.OVERDUE]
    assert [(alert.doses, alert.at.hour) for alert in overdue] == [(("insulin",), 15), (("vitamin",), 23)]


@pytest.mark.parametrize(("clock", "end"), [
    ("21:59", None), ("22:00", "2026-11-21T06:00"), ("23:59", "2026-11-21T06:00"), ("00:00", "2026-11-20T06:00"),
    ("05:59", "2026-11-20T06:00"), ("06:00", None)])
def test_quiet_hours_begin_at_their_first_and_end_before_their_last_minute(clock: str, end: str | None) -> None:
    found = Quiet(time(22), time(6), ZONE).ends_after(utc(f"2026-11-20T{clock}+07:00"))
    assert found == (utc(f"{end}+07:00") if end else None)


def test_quiet_hours_within_a_day_and_none_at_all() -> None:
    noon = Quiet(time(12), time(14), ZONE)
    assert noon.ends_after(utc("2026-11-20T13:00+07:00")) == utc("2026-11-20T14:00+07:00")
    assert noon.ends_after(utc("2026-11-20T14:00+07:00")) is None
    assert Quiet(time(8), time(8), ZONE).ends_after(DUE) is None
    abroad = Quiet(time(22), time(6), ZoneInfo("Europe/Berlin"))
    assert abroad.ends_after(DUE) == utc("2026-11-20T06:00+01:00"), "02:00 where Maly lives"


def test_r248_the_patients_quiet_hours_mute_repeats_but_not_of_what_is_time_critical() -> None:
    night = Quiet(time(7), time(9), ZONE)
    assert told(Occasion(DUE, ONE_DOSE, patient_quiet=night), Kind.REMINDER) == [(PATIENT, "reminder", 0)]
    critical = Occasion(DUE, [replace(ONE_DOSE[0], time_critical=True), DueDose("other", 360)], patient_quiet=night)
    assert [alert.doses for alert in plan_alerts(critical)][:2] == [("pill", "other"), ("pill",)]


def test_r250_a_dose_that_is_paused_or_superseded_is_alerted_of_no_more() -> None:
    gone = Occasion(DUE, [replace(ONE_DOSE[0], void_from=DUE)], [DARA])
    assert plan_alerts(gone) == []
    later = Occasion(DUE, [replace(ONE_DOSE[0], void_from=DUE + 5 * MINUTE), DueDose("other", 360)], [DARA])
    assert [alert.doses for alert in plan_alerts(later)][:2] == [("pill", "other"), ("other",)]


def test_r158_a_group_is_one_alert_about_those_that_are_still_open() -> None:
    doses = [DueDose("a", 360, known_at=DUE + 5 * MINUTE), DueDose("b", 360), DueDose("c", 60)]
    alerts = [(alert.to, str(alert.kind), alert.doses) for alert in plan_alerts(Occasion(DUE, doses, [DARA]))]
    assert alerts[:2] == [(PATIENT, "reminder", ("a", "b", "c")), (PATIENT, "reminder", ("b", "c"))]
    assert ("dara", "overdue", ("b", "c")) in alerts
    assert [one for one in alerts if one[1] == "missed"] == [
        (to, "missed", (id_,)) for id_ in ("c", "b") for to in (PATIENT, "dara")]


def test_consent_is_asked_when_the_alert_leaves_the_correction_included() -> None:
    """R-054: revoked between the alert and the correction, or while quiet hours held it."""
    known = [replace(ONE_DOSE[0], known_at=DUE + HOUR)]
    for until, kinds in ((DUE + 59 * MINUTE, ["overdue"]), (DUE + HOUR, ["overdue"]),
                         (DUE + HOUR + MINUTE, ["overdue", "resolved"])):
        found = told(Occasion(DUE, known, [replace(DARA, until=until)]))
        assert [kind for to, kind, _ in found if to == "dara"] == kinds
    night = Quiet(time(8), time(10), ZONE)
    held = Occasion(DUE, ONE_DOSE, [Caregiver("dara", night, DUE + HOUR)])
    assert [one for one in told(held) if one[0] == "dara"] == []


def test_minutes_are_elapsed_when_the_clocks_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    due = datetime(2026, 10, 25, 2, 30, tzinfo=berlin)  # the first 02:30 of two
    alerts = plan_alerts(Occasion(due, ONE_DOSE, [DARA]))
    assert [(alert.at - due.astimezone(UTC)) // MINUTE for alert in alerts] == [0, 10, 20, 30, 30, 361, 361]


minutes = st.none() | st.integers(-120, 900)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 600), st.booleans(), minutes), min_size=1, max_size=3), minutes, minutes,
       st.tuples(st.integers(0, 23), st.integers(0, 23)), st.integers(0, 23))
def test_whatever_is_known_nobody_is_told_what_is_no_longer_so(
    doses: list[tuple[int, bool, int | None]], until: int | None, seen: int | None, hours: tuple[int, int], hour: int
) -> None:
    """No alert about a reported dose, none after consent, each once, none in quiet hours unless it is critical."""
    def moment(after: int | None) -> datetime | None:
        return None if after is None else due + after * MINUTE

    due = DUE + hour * HOUR
    night = Quiet(time(hours[0]), time(hours[1]), ZONE)
    given_doses = {f"pill {n}": DueDose(f"pill {n}", window, critical, known_at=moment(known))
                   for n, (window, critical, known) in enumerate(doses)}
    occasion = Occasion(due, list(given_doses.values()), [Caregiver("dara", night, moment(until)), MALY],
                        patient_quiet=night, phone_last_seen=moment(seen))
    alerts = plan_alerts(occasion)
    assert [alert.at for alert in alerts] == sorted(alert.at for alert in alerts)
    said = [(alert.to, alert.kind, alert.repeat, id_) for alert in alerts for id_ in alert.doses]
    assert len(said) == len(set(said)), "once"
    for alert in alerts:
        about = [given_doses[id_] for id_ in alert.doses]
        assert about and alert.at >= alert.meant_at
        assert alert.kind is Kind.RESOLVED or all(one.open_at(alert.at) for one in about)
        assert alert.to != "dara" or until is None or alert.at < due + until * MINUTE
        critical = all(one.time_critical for one in about)
        first = alert.kind is Kind.REMINDER and alert.repeat == 0
        assert critical or first or alert.to == "maly" or night.ends_after(alert.at) is None
        assert alert.kind is not Kind.MISSED or occasion.silent_since is None
