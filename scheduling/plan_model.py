"""The dosing plan of one medicine line as values: its segments, and what it says itself of zones, pauses and routine.

Its parts are segment.py, day_rules.py and time_rules.py; reading and writing JSON is plan.py.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field as Described

from scheduling.day_rules import some
from scheduling.plan_values import Clock, Instant, Part, Wall, Zone, whole, words
from scheduling.routine import Move, Routine
from scheduling.segment import Segment
from sync.problem import FieldCode

MAX_SEGMENTS = 20
MAX_PAUSES = 50
MAX_ZONE_CHANGES = 100
MAX_NEXT_KEY = 1_000_000_000


class Pause(Part):
    """No dose in [starts, ends) by the wall clock. `keep`: the phase of every rule goes on; `reanchor`: an interval, or
    every n days, counts from the resume moment on."""

    starts: Wall = Described(alias="from")
    ends: Wall = Described(alias="to")
    mode: Annotated[str, words("keep", "reanchor")] = "keep"


class ZoneChange(Part):
    """From the instant `at` on the patient is in `zone`."""

    at: Instant
    zone: Zone


class ProfileSlots(Part):
    MORN: Clock | None = None
    NOON: Clock | None = None
    EVE: Clock | None = None
    NIGHT: Clock | None = None


class ProfileMeals(Part):
    wake: Clock | None = None
    breakfast: Clock | None = None
    lunch: Clock | None = None
    dinner: Clock | None = None
    bed: Clock | None = None


class Profile(Part):
    """What the plan knows better than the patient's own routine; what it leaves out is the routine's."""

    slots: ProfileSlots = ProfileSlots()
    meals: ProfileMeals = ProfileMeals()
    waking_hours: tuple[Clock, Clock] | None = None
    meal_offset_min: Annotated[int, whole(0, 720)] | None = None


class Plan(Part):
    """The plan of one line. `zone` is None where the patient's applies; `next_key` numbers the next fresh key."""

    zone: Zone | None = None
    tz_policy: Annotated[str, words("follow", "home")] = "follow"
    zone_timeline: Annotated[tuple[ZoneChange, ...], Described(max_length=MAX_ZONE_CHANGES)] = ()
    profile: Profile | None = None
    next_key: Annotated[int, whole(1, MAX_NEXT_KEY)] = 1
    segments: Annotated[tuple[Segment, ...], Described(max_length=MAX_SEGMENTS), some(FieldCode.REQUIRED)]
    pauses: Annotated[tuple[Pause, ...], Described(max_length=MAX_PAUSES)] = ()

    def routine(self, patients: Routine) -> Routine:
        """The routine that the plan is read by: the patient's, with what the plan says itself in its place.

        A plan that keeps to the clock at home (`home`) knows no moves.
        """
        if not (self.zone or self.profile or self.zone_timeline or self.tz_policy == "home"):
            return patients
        moves = tuple(Move(change.at, change.zone) for change in sorted(self.zone_timeline, key=lambda one: one.at))
        own = self.profile or Profile()
        return Routine(
            zone=self.zone or patients.zone,
            slots={**patients.slots, **own.slots.model_dump(exclude_none=True)},
            meals={**patients.meals, **own.meals.model_dump(exclude_none=True)},
            waking_hours=own.waking_hours or patients.waking_hours,
            meal_offset_min=patients.meal_offset_min if own.meal_offset_min is None else own.meal_offset_min,
            moves=() if self.tz_policy == "home" else moves or patients.moves,
        )
