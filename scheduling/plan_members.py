"""Strict reading of the JSON members of a dosing plan: one reader per type of value, every fault with its path.

Readers raise Unfit; `Members` catches it in one place and gathers field problems, so that a prescriber sees all faults
at once. Knows types, ranges and limits (S-58, S-59), not what a member means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from scheduling.identity import is_key
from scheduling.zones import midnight, zone_or_problem
from sync.problem import FieldCode, FieldProblem
from sync.values import Unfit, canonical_clock, canonical_date, canonical_decimal

MAX_NAME_CHARS = 40  # of a member or a kind that is repeated in a problem
LEAST_DOSE, MOST_DOSE, DOSE_PLACES = Decimal("0.001"), Decimal("9999.999"), 3
MOST_QUANTITY = Decimal("999999.999")
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)  # of any plan (S-58)

# Members that the format has and that are not built yet: refused by name, never ignored.
UNSUPPORTED = ("zone_timeline", "interval", "dynamic", "as_needed")
T = TypeVar("T")


class Members:
    """The members of one JSON object while it is read; faults gather in `problems`, with their paths."""

    def __init__(self, value: object, path: str, problems: list[FieldProblem], known: tuple[str, ...]) -> None:
        self.path, self.problems = path, problems
        self._members: Mapping[str, object] = value if isinstance(value, dict) else {}
        if not isinstance(value, dict):
            self.refuse("", FieldCode.REQUIRED if value is None else FieldCode.WRONG_TYPE)
        for name in self._members:
            if name not in known:
                code = FieldCode.PLAN_UNSUPPORTED if name in UNSUPPORTED else FieldCode.UNKNOWN
                self.refuse(name[:MAX_NAME_CHARS], code)

    def refuse(self, name: str, code: FieldCode, **params: Any) -> None:
        self.problems.append(FieldProblem(f"{self.path}.{name}" if name else self.path, code, params))

    def value(self, name: str) -> object:
        return self._members.get(name)

    def take(self, name: str, read: Callable[[object], T]) -> T | None:
        """The member as `read` makes it; None if it is absent, null or faulty."""
        return None if self.value(name) is None else self.read_at(name, self.value(name), read)

    def need(self, name: str, read: Callable[[object], T]) -> T | None:
        if self.value(name) is None:
            self.refuse(name, FieldCode.REQUIRED)
        return self.take(name, read)

    def read_at(self, name: str, value: object, read: Callable[[object], T]) -> T | None:
        try:
            return read(value)
        except Unfit as unfit:
            self.refuse(name, unfit.code, **unfit.params)
            return None

    def entries(self, name: str, most: int, empty: FieldCode | None = None) -> list[tuple[str, object]]:
        """(path below this object, value) of each entry of a list. `empty` is the code if there is none."""
        entries = self.value(name)
        if entries is None:
            entries = []
        if not isinstance(entries, list):
            self.refuse(name, FieldCode.WRONG_TYPE)
            return []
        if len(entries) > most:
            self.refuse(name, FieldCode.TOO_MANY, most=most)
        if not entries and empty:
            self.refuse(name, empty)
        return [(f"{name}.{i}", entry) for i, entry in enumerate(entries[:most])]

    def inside(self, name: str, known: tuple[str, ...]) -> Members:
        return Members(self.value(name), f"{self.path}.{name}", self.problems, known)


def zone_name(value: object) -> str:
    found = zone_or_problem(value, "zone")
    if isinstance(found, FieldProblem):
        raise Unfit(found.code)
    return found.key


def plan_day(value: object) -> date:
    return date.fromisoformat(canonical_date(value, FIRST_DAY, LAST_DAY))


def wall_time(value: object) -> datetime:
    """`YYYY-MM-DDTHH:mm` on the patient's wall clock. Raises Unfit."""
    if not isinstance(value, str):
        raise Unfit(FieldCode.WRONG_TYPE)
    day, mark, clock = value.partition("T")
    if not mark:
        raise Unfit(FieldCode.TIME_INVALID)
    return datetime.fromisoformat(f"{plan_day(day).isoformat()}T{canonical_clock(clock)}")


def start_time(value: object) -> datetime:
    return wall_time(value) if isinstance(value, str) and "T" in value else midnight(plan_day(value))


def amount(value: object) -> Decimal:
    if isinstance(value, dict):
        raise Unfit(FieldCode.PLAN_UNSUPPORTED)  # a dose that changes step by step
    try:
        return Decimal(canonical_decimal(value, places=DOSE_PLACES, least=LEAST_DOSE, most=MOST_DOSE))
    except Unfit as unfit:
        raise Unfit(FieldCode.DOSE_INVALID, **unfit.params) from None


def amount_or_none(value: object) -> Decimal | None:
    whole = isinstance(value, int | Decimal | str) and not isinstance(value, bool)
    return None if whole and value in (0, "0") else amount(value)


def course_quantity(value: object) -> Decimal:
    return Decimal(canonical_decimal(value, places=DOSE_PLACES, least=LEAST_DOSE, most=MOST_QUANTITY))


def clock_key(value: object) -> str | None:
    """A client's key; null asks the server for one. Raises Unfit."""
    if value is not None and not is_key(value):
        raise Unfit(FieldCode.NOT_ALLOWED)
    return None if value is None else str(value)


def whole_up_to(most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise Unfit(FieldCode.WRONG_TYPE)
        if value < 1:
            raise Unfit(FieldCode.TOO_SMALL, least=1)
        if value > most:
            raise Unfit(FieldCode.TOO_LARGE, most=most)
        return value

    return read


def one_of(*words: str, later: tuple[str, ...] = ()) -> Callable[[object], str]:
    def read(value: object) -> str:
        if value in later:
            raise Unfit(FieldCode.PLAN_UNSUPPORTED)
        if not isinstance(value, str) or value not in words:
            raise Unfit(FieldCode.NOT_ALLOWED)
        return value

    return read
