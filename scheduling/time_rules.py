"""Time rules: which doses a date holds, at which clock times, in which amounts, under which stable keys (R-110, R-115).

A rule keeps its meaning and its JSON in one class, so that they cannot drift apart; a further rule is one class and one
entry in TIME_RULES. Knows no date, no zone, and of the segment only the `dose` beside the rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

from scheduling.plan_members import Members, amount, amount_or_none, clock_key
from storage.entities.people import SLOT_TIMES
from sync.problem import FieldCode
from sync.values import canonical_clock, decimal_text

MAX_TIMES_PER_DAY = 48  # eye drops every half hour
SLOT_NAMES = ("MORN", "NOON", "EVE", "NIGHT")
Slots = Mapping[str, str]
DEFAULT_SLOTS: Slots = MappingProxyType(SLOT_TIMES)  # one set of defaults (F-11)


@dataclass(frozen=True, slots=True)
class ClockDose:
    """One dose of every date that the day rule holds on: minutes after that date's midnight, by the wall clock."""

    minute: int
    key: str | None
    slot: str | None
    amount: Decimal


class TimeRule(Protocol):
    """Which doses fall on a date. `read` gets the rule's members and the segment's, and tells them every fault."""

    @property
    def amounts(self) -> list[Decimal]: ...
    def clock_doses(self, slots: Slots) -> list[ClockDose]: ...
    def as_json(self) -> dict[str, Any]: ...


class TimeRuleReader(Protocol):
    @property
    def MEMBERS(self) -> tuple[str, ...]: ...  # noqa: N802 — a constant of the class

    def read(self, rule: Members, segment: Members) -> TimeRule | None: ...


@dataclass(frozen=True, slots=True)
class Times:
    """Clock times, each with the key that outlives its hour (None until plan.assign_keys has run)."""

    MEMBERS: ClassVar[tuple[str, ...]] = ("times", "keys")

    times: tuple[str, ...]
    keys: tuple[str | None, ...]
    dose: Decimal

    @property
    def amounts(self) -> list[Decimal]:
        return [self.dose] * len(self.times)

    def clock_doses(self, slots: Slots) -> list[ClockDose]:
        by_clock = sorted(zip(self.times, self.keys, strict=True))
        return [ClockDose(_minute(time), key, None, self.dose) for time, key in by_clock]

    def as_json(self) -> dict[str, Any]:
        assert None not in self.keys, "plan.assign_keys comes before storing"
        return {"type": "times", "times": list(self.times), "keys": list(self.keys)}

    @classmethod
    def read(cls, rule: Members, segment: Members) -> Times | None:
        entries = rule.entries("times", MAX_TIMES_PER_DAY, empty=FieldCode.TIMES_EMPTY)
        times = [rule.read_at(name, value, canonical_clock) for name, value in entries]
        keys = _sent_keys(rule, len(times))
        dose = segment.need("dose", amount)
        # One dose per instant: a time written twice is one time, under the first key it was given with.
        once: dict[str, str | None] = {}
        for time, key in zip(times, keys, strict=True):
            if time is not None:
                once[time] = once.get(time) or key
        return cls(tuple(once), tuple(once.values()), dose) if dose else None


@dataclass(frozen=True, slots=True)
class SlotGrid:
    """The four-slot grid of the Cambodian form: filled slots with their own amounts (R-110, F-20)."""

    MEMBERS: ClassVar[tuple[str, ...]] = ("doses",)

    filled: tuple[tuple[str, Decimal], ...]

    @property
    def amounts(self) -> list[Decimal]:
        return [amount for _, amount in self.filled]

    def clock_doses(self, slots: Slots) -> list[ClockDose]:
        times = {**DEFAULT_SLOTS, **slots}
        grid = [ClockDose(_minute(times[name]), name, name, amount) for name, amount in self.filled]
        return sorted(grid, key=lambda dose: dose.minute)

    def as_json(self) -> dict[str, Any]:
        filled = dict(self.filled)
        doses = {name: decimal_text(filled[name]) if name in filled else None for name in SLOT_NAMES}
        return {"type": "slots", "doses": doses}

    @classmethod
    def read(cls, rule: Members, segment: Members) -> SlotGrid:
        segment.take("dose", amount)  # the grid has its own amounts; a segment's dose beside it must still be one
        faults = len(rule.problems)
        grid = rule.inside("doses", SLOT_NAMES)
        filled = [(name, own) for name in SLOT_NAMES if (own := grid.take(name, amount_or_none)) is not None]
        if not filled and len(rule.problems) == faults:
            rule.refuse("doses", FieldCode.SLOTS_EMPTY)
        return cls(tuple(filled))


TIME_RULES: Mapping[str, TimeRuleReader] = {"times": Times, "slots": SlotGrid}


def _sent_keys(rule: Members, number: int) -> list[str | None]:
    """The client's key of each time, by position; None where the server is to assign one."""
    sent = [rule.read_at(name, value, clock_key) for name, value in rule.entries("keys", MAX_TIMES_PER_DAY)]
    named = [key for key in sent if key]
    if len(sent) not in (0, number) or len(named) != len(set(named)):
        rule.refuse("keys", FieldCode.NOT_ALLOWED, times=number)
        return [None] * number
    return sent or [None] * number


def _minute(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])
