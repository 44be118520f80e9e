"""The patient's routine: the clock that a plan's words are read by, and the zones that the patient has been in.

Slots, meals and waking hours as the patient set them, defaults for the rest (R-110, R-111; one set of defaults, F-11).
A plan may carry a profile or zone changes of its own, which go first (plan_model.py). Knows no plan and no `now`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from types import MappingProxyType

from storage.entities.people import MEAL_TIMES, SLOT_TIMES
from storage.zone_names import DEFAULT_ZONE
from sync.record import Row
from sync.values import parse_instant

SLOT_NAMES = ("MORN", "NOON", "EVE", "NIGHT")
WAKING_HOURS = ("06:00", "22:00")
MEAL_OFFSET_MIN = 30
DAY_MINUTES = 1440


@dataclass(frozen=True, slots=True)
class Move:
    """From the aware instant `at` on the patient is in `zone`."""

    at: datetime
    zone: str


@dataclass(frozen=True)
class Routine:
    """`zone` is where the patient was before the first move. Clock times are HH:mm of the patient's wall clock."""

    zone: str = DEFAULT_ZONE
    slots: Mapping[str, str] = field(default_factory=lambda: MappingProxyType(SLOT_TIMES))
    meals: Mapping[str, str] = field(default_factory=lambda: MappingProxyType(MEAL_TIMES))
    waking_hours: tuple[str, str] = WAKING_HOURS
    meal_offset_min: int = MEAL_OFFSET_MIN
    moves: tuple[Move, ...] = ()

    @cached_property
    def key(self) -> tuple[object, ...]:
        """Equal for routines that read every plan alike."""
        return (self.zone, tuple(sorted(self.slots.items())), tuple(sorted(self.meals.items())), self.waking_hours,
                self.meal_offset_min, self.moves)

    @property
    def zone_now(self) -> str:
        """Where the patient is since the last move."""
        return self.moves[-1].zone if self.moves else self.zone

    def __hash__(self) -> int:
        return hash(self.key)

    @staticmethod
    def of(patient: Row | None) -> Routine:
        """As the patient's row says it; a member that it lacks is the default."""
        if patient is None:
            return DEFAULT_ROUTINE
        told = patient.fields
        moves = told["zone_changes"]
        return Routine(
            zone=(moves[0]["before"] if moves else told["zone"]) or DEFAULT_ZONE,
            slots={**SLOT_TIMES, **(told["slot_times"] or {})}, meals={**MEAL_TIMES, **(told["meal_times"] or {})},
            waking_hours=(told["waking_from"] or WAKING_HOURS[0], told["waking_to"] or WAKING_HOURS[1]),
            moves=tuple(Move(parse_instant(move["at"]), move["zone"]) for move in moves),
        )


DEFAULT_ROUTINE = Routine()


def minute_of(clock: str) -> int:
    """Minutes after midnight of HH:mm."""
    return int(clock[:2]) * 60 + int(clock[3:])
