"""Accounts' profiles and devices, and patients: FHIR Patient, with or without an account (R-030, R-031)."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import model_validator
from sqlalchemy.orm import Mapped

from storage import needs
from storage.columns import Text
from storage.declared import CREATION, SERVER, column
from storage.entity import Synced
from storage.free_json import FreeObject
from storage.scope import of_itself, of_user
from storage.shape import ClockText, LineText, Shape
from storage.zone_names import DEFAULT_ZONE, known_zone
from sync.access import CARE, OWNERS, PATIENT_SCOPE, SELF_ONLY, USER_SCOPE, Access, Role
from sync.policy import LatestPerField
from sync.problem import FieldCode
from sync.record import Change
from sync.values import Unfit

MAX_CLINICAL_TEXT = 20_000  # F-49 asks for 10,000 Khmer characters
MAX_NAME_CHARS = 100
MAX_ADDRESS_CHARS = 500
UUID_VERSION_AT = 14  # of canonical text (RFC 9562)

SLOT_TIMES = {"MORN": "07:00", "NOON": "12:00", "EVE": "18:00", "NIGHT": "21:00"}
MEAL_TIMES = {"wake": "05:30", "breakfast": "07:00", "lunch": "12:00", "dinner": "18:00", "bed": "21:30"}


class SlotTimes(Shape):
    """When the four slots are, all four: one that is left out would silently fall back to its default.

    No two at one time: a line makes one dose per instant, and the second slot's amount would be lost.
    """

    MORN: ClockText
    NOON: ClockText
    EVE: ClockText
    NIGHT: ClockText

    @model_validator(mode="after")
    def _at_different_times(self) -> SlotTimes:
        if len({self.MORN, self.NOON, self.EVE, self.NIGHT}) < len(SLOT_TIMES):
            raise Unfit(FieldCode.NOT_ALLOWED)
        return self


class MealTimes(Shape):
    """When the patient gets up, eats and goes to bed; all five."""

    wake: ClockText
    breakfast: ClockText
    lunch: ClockText
    dinner: ClockText
    bed: ClockText


class EmergencyContact(Shape):
    name: LineText
    phone: Annotated[str, Text(40)]
    relation: LineText | None = None


def founds_own(user: str, change: Change) -> Role | None:
    return Role.SELF if change.id == user else None


def founds_patient(user: str, change: Change) -> Role | None:
    """The patient's own record bears the account's id; any other is a dependant's (R-031).

    A dependant's id is a UUID of version 7, an account's of version 4: nobody can found another account's record first.
    """
    if change.id == user:
        return Role.PATIENT
    return Role.GUARDIAN if change.id[UUID_VERSION_AT] == "7" else None


class Profile(Synced, policy=LatestPerField(), scope=of_itself(USER_SCOPE),
              access=Access(SELF_ONLY, create=SELF_ONLY, change=SELF_ONLY), founds=USER_SCOPE, founder=founds_own):
    """A person's account as its owner sees and sets it. The id is the user's."""

    first_name: Mapped[str] = column("first name", default="", at_most=MAX_NAME_CHARS)
    last_name: Mapped[str] = column("last name", default="", at_most=MAX_NAME_CHARS)
    name_km: Mapped[str] = column("the name in Khmer script", default="", at_most=MAX_NAME_CHARS)
    language: Mapped[Literal["km", "en"]] = column("language of messages and errors", default="km")
    theme: Mapped[Literal["light", "dark"]] = column("colours of the app", default="light")
    zone: Mapped[str] = column("time zone (IANA name) the person lives in", default=DEFAULT_ZONE, rule=known_zone)
    digit_style: Mapped[Literal["latin", "khmer"]] = column("digits of formatted numbers (R-432)", default="latin")
    picture: Mapped[str | None] = column("address of the picture", at_most=MAX_ADDRESS_CHARS)
    channels: Mapped[FreeObject] = column("switches per channel of notifications (R-283)", default={})
    role: Mapped[str | None] = column("the account's role (R-001)", by=SERVER)
    verified: Mapped[bool] = column("whether an admin has verified the account (R-004)", by=SERVER, default=False)
    phone: Mapped[str | None] = column("phone number, E.164 (R-006)", by=SERVER)
    email: Mapped[str | None] = column("e-mail address, lower case", by=SERVER, at_most=320)


class Device(Synced, policy=LatestPerField(), scope=of_user("user_id"),
             access=Access(SELF_ONLY, create=SELF_ONLY, change=SELF_ONLY, delete=SELF_ONLY)):
    """A phone or browser of a person. The id is the device's."""

    user_id: Mapped[UUID] = column("whose device it is", by=CREATION)
    name: Mapped[str] = column("what its owner calls it", default="", at_most=MAX_NAME_CHARS)
    platform: Mapped[Literal["android", "ios", "web", "other"]] = column("operating system", default="other")
    app_version: Mapped[str] = column("version of the app", default="", at_most=60)
    last_seen_at: Mapped[datetime | None] = column("when it last spoke with the server", by=SERVER)


class Patient(Synced, policy=LatestPerField(), scope=of_itself(PATIENT_SCOPE),
              access=Access(CARE, create=OWNERS, change=OWNERS), founds=PATIENT_SCOPE, founder=founds_patient,
              needs=needs.for_patient):
    """A person who takes medicine, with or without an account, and the settings that their doses follow."""

    first_name: Mapped[str] = column("first name", at_least=1, at_most=MAX_NAME_CHARS)
    last_name: Mapped[str] = column("last name", default="", at_most=MAX_NAME_CHARS)
    name_km: Mapped[str] = column("the name in Khmer script", default="", at_most=MAX_NAME_CHARS)
    gender: Mapped[Literal["male", "female", "other"] | None] = column("gender (R-003)")
    birth_date: Mapped[date | None] = column("date of birth", at_most="2100-12-31")
    zone: Mapped[str] = column("time zone (IANA name) of the doses", default=DEFAULT_ZONE, rule=known_zone)
    slot_times: Mapped[SlotTimes] = column("the four slots, HH:mm (R-110)", default=SLOT_TIMES)
    meal_times: Mapped[MealTimes] = column("meals and sleep, HH:mm (R-111)", default=MEAL_TIMES)
    alert_delay_min: Mapped[Literal[10, 20, 30, 60]] = column("minutes until caregivers hear of an unreported dose",
                                                              default=30)
    quiet_from: Mapped[time | None] = column("quiet hours begin, HH:mm in the patient's zone")
    quiet_to: Mapped[time | None] = column("quiet hours end, HH:mm")
    waking_from: Mapped[time | None] = column("gets up, HH:mm: doses five times a day and more begin then; 06:00")
    waking_to: Mapped[time | None] = column("goes to sleep, HH:mm, maybe after midnight; 22:00")
    allergies: Mapped[str] = column("allergies, free text", default="", at_most=MAX_CLINICAL_TEXT)
    medical_history: Mapped[str] = column("medical history, free text", default="", at_most=MAX_CLINICAL_TEXT)
    emergency_contact: Mapped[EmergencyContact | None] = column("whom to call in an emergency")
    repeat_every_min: Mapped[int] = column("minutes between reminders", default=10, at_least=5, at_most=30)
    repeats: Mapped[int] = column("how often a reminder is repeated", default=3, at_least=0, at_most=3)
    zone_changes: Mapped[list[FreeObject]] = column("its latest changes: at, zone, before (N-07)", by=SERVER,
                                                          default=[])


KINDS: tuple[Any, ...] = (Profile, Device, Patient)
