"""Day rules: which calendar dates a segment speaks of. A rule keeps its meaning and its JSON in one class.

A further rule is one class and one entry in DAY_RULES. Knows dates only; no clock, no zone, no amount.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar, Protocol

from scheduling.plan_members import Members


class DayRule(Protocol):
    """Which dates. `period_days`: the distances between them repeat after so many days; windows follow from these."""

    @property
    def period_days(self) -> int: ...
    def holds(self, day: date, start: date) -> bool: ...
    def as_json(self) -> dict[str, Any]: ...


class DayRuleReader(Protocol):
    @property
    def MEMBERS(self) -> tuple[str, ...]: ...  # noqa: N802 — a constant of the class

    def read(self, rule: Members, segment: Members) -> DayRule | None: ...


@dataclass(frozen=True, slots=True)
class Daily:
    """Every date from the segment's start."""

    MEMBERS: ClassVar[tuple[str, ...]] = ()
    period_days: ClassVar[int] = 1

    def holds(self, day: date, start: date) -> bool:
        return day >= start

    def as_json(self) -> dict[str, Any]:
        return {"type": "daily"}

    @classmethod
    def read(cls, _rule: Members, _segment: Members) -> Daily:
        return cls()


DAILY = Daily()
DAY_RULES: Mapping[str, DayRuleReader] = {"daily": Daily}
