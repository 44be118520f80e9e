"""Who is told what and when about the doses of one instant: a timetable from what is known (R-243 to R-248).

Pure: the same facts give the same timetable, so that whoever sends asks again with each new fact and sends what is due
and not yet sent. `plan_alerts` is the story. Knows times and people's ids; no words, no channels, no rows, no clock.

    patient       a reminder when due, then repeats; quiet hours mute the repeats, never the first
    caregivers    each after their delay: overdue, or no_report while the phone is silent
    everybody     missed, once, when the window is over; never while the phone is silent
    corrections   resolved, to each caregiver who was told, when a word of the dose came after all

Whatever would leave after its doses were reported, withdrawn or taken care of is not in it, and neither is what would
leave when its reader may no longer hear of the patient.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import StrEnum

from scheduling.zones import instant_of, midnight

PATIENT = "patient"  # a reader beside the ids of caregivers
IN_TOUCH = timedelta(minutes=15)  # three of the five-minute rounds of a phone that is online
MISSED_IS_AFTER = timedelta(minutes=1)  # the limit itself is not missed yet; alerts leave on whole minutes
ONE_DAY = timedelta(days=1)


class Kind(StrEnum):
    REMINDER = "reminder"
    OVERDUE = "overdue"
    NO_REPORT = "no_report"
    MISSED = "missed"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Pace:
    """Minutes; the patient's settings (R-243, R-244)."""

    repeat_every_min: int = 10
    repeats: int = 3
    caregiver_after_min: int = 30
    second_caregiver_after_min: int = 60
    between_caregivers_min: int = 30

    def caregiver_after(self, rank: int) -> timedelta:
        """How long after due the caregiver of this rank, from 0, hears of it: never less than 30 minutes apart."""
        minutes = self.caregiver_after_min
        if rank:
            second = max(self.second_caregiver_after_min, minutes + self.between_caregivers_min)
            minutes = second + (rank - 1) * self.between_caregivers_min
        return timedelta(minutes=minutes)


@dataclass(frozen=True, slots=True)
class Quiet:
    """A reader's quiet hours on the clock where they live: from `begins` to before `ends`, past midnight too."""

    begins: time
    ends: time
    zone: tzinfo

    def ends_after(self, moment: datetime) -> datetime | None:
        """The end of the quiet hours that `moment` lies in; None if it lies in none."""
        wall = moment.astimezone(self.zone)
        past_midnight = self.ends < self.begins
        inside = self.begins <= wall.time() < self.ends if not past_midnight else not (
            self.ends <= wall.time() < self.begins)
        if not inside:
            return None
        day = midnight(wall.date()) + (ONE_DAY if past_midnight and wall.time() >= self.begins else timedelta())
        return instant_of(datetime.combine(day, self.ends), self.zone)


@dataclass(frozen=True, slots=True)
class Caregiver:
    """A relative with alerts on, in their order. `until` is when the patient's consent ended."""

    id: str
    quiet: Quiet | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class DueDose:
    """`known_at`: when the server heard that it was taken or skipped; `void_from`: when it was paused or superseded."""

    id: str
    missed_after_min: int
    time_critical: bool = False
    reminders: bool = True
    known_at: datetime | None = None
    void_from: datetime | None = None

    def open_at(self, moment: datetime) -> bool:
        return all(end is None or moment < end for end in (self.known_at, self.void_from))

    @property
    def missed_after(self) -> timedelta:
        return timedelta(minutes=self.missed_after_min) + MISSED_IS_AFTER


@dataclass(frozen=True, slots=True)
class Occasion:
    """All that is known of the doses of one patient at one instant (R-158). Every datetime is aware.

    `phone_last_seen` None: the phone is in touch. `handled` is who said "I take care of it", and when (R-247).
    """

    due_at: datetime
    doses: Sequence[DueDose]
    caregivers: Sequence[Caregiver] = ()
    pace: Pace = Pace()
    patient_quiet: Quiet | None = None
    phone_last_seen: datetime | None = None
    handled: tuple[str, datetime] | None = None

    @property
    def silent_since(self) -> datetime | None:
        """When the phone was last heard, if that was too long before the doses to call them anything (R-245)."""
        seen = self.phone_last_seen
        return seen if seen is not None and seen < self.due_at - IN_TOUCH else None


@dataclass(frozen=True, slots=True)
class Alert:
    """One message to one reader about some of the doses. `meant_at` is before `at` where quiet hours held it back."""

    at: datetime
    to: str
    kind: Kind
    doses: tuple[str, ...]
    meant_at: datetime
    repeat: int = 0
    silent_since: datetime | None = None


def plan_alerts(occasion: Occasion) -> list[Alert]:
    """The timetable in UTC, in the order of leaving; of one moment the patient first, then caregivers in order."""
    occasion = replace(occasion, due_at=occasion.due_at.astimezone(UTC))  # minutes are elapsed, whatever clocks do
    readers = {PATIENT: 0, **{one.id: rank for rank, one in enumerate(occasion.caregivers, 1)}}
    told = [*_reminders(occasion), *_overdue(occasion), *_missed(occasion)]
    return sorted([*told, *_resolved(occasion, told)], key=lambda alert: (alert.at, readers[alert.to]))


def _reminders(occasion: Occasion) -> Iterator[Alert]:
    for repeat in range(occasion.pace.repeats + 1):
        at = occasion.due_at + repeat * timedelta(minutes=occasion.pace.repeat_every_min)
        muted = repeat and occasion.patient_quiet is not None and occasion.patient_quiet.ends_after(at) is not None
        doses = [dose for dose in occasion.doses if dose.reminders and (dose.time_critical or not muted)]
        yield from _alert(occasion, PATIENT, Kind.REMINDER, at, at, doses, repeat=repeat)


def _overdue(occasion: Occasion) -> Iterator[Alert]:
    """A dose whose window is over before the caregiver's turn is told as missed instead, unless nothing may be."""
    silent = occasion.silent_since
    for rank, caregiver in enumerate(occasion.caregivers):
        after = occasion.pace.caregiver_after(rank)
        doses = [dose for dose in occasion.doses if silent is not None or after < dose.missed_after]
        kind = Kind.OVERDUE if silent is None else Kind.NO_REPORT
        yield from _told(occasion, caregiver.id, caregiver.quiet, kind, occasion.due_at + after, doses)


def _missed(occasion: Occasion) -> Iterator[Alert]:
    if occasion.silent_since is not None:
        return
    readers = [(PATIENT, occasion.patient_quiet), *((one.id, one.quiet) for one in occasion.caregivers)]
    for after in sorted({dose.missed_after for dose in occasion.doses}):
        doses = [dose for dose in occasion.doses if dose.missed_after == after]
        for to, quiet in readers:
            yield from _told(occasion, to, quiet, Kind.MISSED, occasion.due_at + after, doses)


def _resolved(occasion: Occasion, told: Iterable[Alert]) -> Iterator[Alert]:
    """One correction per reader and moment of hearing; not about doses that reader was told nothing of."""
    heard = {(alert.to, id_) for alert in told for id_ in alert.doses}
    for moment in sorted({dose.known_at for dose in occasion.doses if dose.known_at is not None}):
        for caregiver in occasion.caregivers:
            doses = [dose for dose in occasion.doses if dose.known_at == moment and (caregiver.id, dose.id) in heard]
            yield from _told(occasion, caregiver.id, caregiver.quiet, Kind.RESOLVED, moment, doses)


def _told(
    occasion: Occasion, to: str, quiet: Quiet | None, kind: Kind, meant_at: datetime, doses: Sequence[DueDose]
) -> Iterator[Alert]:
    """At once, or at the end of the reader's quiet hours; what is time-critical does not wait."""
    waits_until = quiet.ends_after(meant_at) if quiet is not None else None
    if waits_until is None:
        yield from _alert(occasion, to, kind, meant_at, meant_at, doses)
        return
    yield from _alert(occasion, to, kind, meant_at, meant_at, [dose for dose in doses if dose.time_critical])
    yield from _alert(occasion, to, kind, waits_until, meant_at, [dose for dose in doses if not dose.time_critical])


def _alert(
    occasion: Occasion, to: str, kind: Kind, at: datetime, meant_at: datetime, doses: Sequence[DueDose], repeat: int = 0
) -> Iterator[Alert]:
    """The alert, if at the moment it leaves it is still true and its reader may still hear it."""
    still = doses if kind is Kind.RESOLVED else [dose for dose in doses if dose.open_at(at)]
    if still and _may_hear(occasion, to, kind, at):
        silent = occasion.silent_since if kind is Kind.NO_REPORT else None
        yield Alert(at, to, kind, tuple(dose.id for dose in still), meant_at, repeat, silent)


def _may_hear(occasion: Occasion, to: str, kind: Kind, at: datetime) -> bool:
    if to == PATIENT:
        return True
    consents = all(at < one.until for one in occasion.caregivers if one.id == to and one.until is not None)
    by, since = occasion.handled or (to, at)
    return consents and (kind is Kind.RESOLVED or to == by or at < since)
