"""The values a dosing plan is made of, as pydantic types: each reads one JSON value strictly and writes it canonically.

Faults are `Unfit` codes, which storage/wire_check.py turns into field problems with their paths (R-120, S-58, S-59).
Knows types, ranges and limits; not what a member of the plan means.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, PlainSerializer, PlainValidator, WithJsonSchema

from scheduling.zones import midnight
from storage.zone_names import allowed_zones
from sync.problem import FieldCode
from sync.values import Unfit, canonical_clock, canonical_date, canonical_decimal, canonical_instant, decimal_text

LEAST_DOSE, MOST_DOSE, DOSE_PLACES = Decimal("0.001"), Decimal("9999.999"), 3
MOST_QUANTITY = Decimal("999999.999")
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)  # of any plan (S-58)
MAX_INTERVAL_MINUTES = 60 * 24 * 366
MAX_PHASE_DAYS = 3_660
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Part(BaseModel):
    """An object of the plan: a value that never changes; a member nobody knows is refused, never ignored (R-120)."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def plan_day(value: object) -> date:
    """Raises Unfit."""
    if type(value) is date:
        return value
    return date.fromisoformat(canonical_date(value, FIRST_DAY, LAST_DAY))


def wall_time(value: object) -> datetime:
    """`YYYY-MM-DDTHH:mm` on the patient's wall clock. Raises Unfit."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise Unfit(FieldCode.WRONG_TYPE)
    day, mark, clock = value.partition("T")
    if not mark:
        raise Unfit(FieldCode.TIME_INVALID)
    return datetime.fromisoformat(f"{plan_day(day).isoformat()}T{canonical_clock(clock)}")


def start_time(value: object) -> datetime:
    """A date, which means its midnight, or a wall-clock time. Raises Unfit."""
    local = isinstance(value, datetime) or (isinstance(value, str) and "T" in value)
    return wall_time(value) if local else midnight(plan_day(value))


def _instant(value: object) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(canonical_instant(value))


def _amount(value: object) -> Decimal:
    try:
        return Decimal(canonical_decimal(value, places=DOSE_PLACES, least=LEAST_DOSE, most=MOST_DOSE))
    except Unfit as unfit:
        raise Unfit(FieldCode.DOSE_INVALID, **unfit.params) from None


def _amount_or_none(value: object) -> Decimal | None:
    """Nothing, null and 0 are an empty place of the four-slot grid."""
    nothing = value is None or (isinstance(value, int | Decimal | str) and not isinstance(value, bool)
                                and value in (0, "0"))
    return None if nothing else _amount(value)


def _step(value: object) -> Decimal:
    try:
        return Decimal(canonical_decimal(value, places=DOSE_PLACES, least=-MOST_DOSE, most=MOST_DOSE))
    except Unfit as unfit:
        raise Unfit(FieldCode.DOSE_INVALID, **unfit.params) from None


def _limit(value: object) -> Decimal | None:
    return None if value is None else Decimal(0) if value in (0, "0") and value is not False else _amount(value)


def _quantity(value: object) -> Decimal:
    return Decimal(canonical_decimal(value, places=DOSE_PLACES, least=LEAST_DOSE, most=MOST_QUANTITY))


def _zone(value: object) -> str:
    if not isinstance(value, str) or value not in allowed_zones():
        raise Unfit(FieldCode.ZONE_UNKNOWN)
    return value


def _minutes(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_INTERVAL_MINUTES:
        raise Unfit(FieldCode.INTERVAL_INVALID, most=MAX_INTERVAL_MINUTES)
    return value


def whole(least: int, most: int) -> PlainValidator:
    """An integer within [least, most]."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise Unfit(FieldCode.WRONG_TYPE)
        if value < least:
            raise Unfit(FieldCode.TOO_SMALL, least=least)
        if value > most:
            raise Unfit(FieldCode.TOO_LARGE, most=most)
        return value

    return PlainValidator(read, json_schema_input_type=int)


def words(*allowed: str) -> PlainValidator:
    """One of a few words; anything else is `not_allowed`."""

    def read(value: object) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise Unfit(FieldCode.NOT_ALLOWED, one_of=list(allowed))
        return value

    return PlainValidator(read, json_schema_input_type=Literal[allowed])


def _weekday(value: object) -> str:
    if not isinstance(value, str) or value not in WEEKDAYS:
        raise Unfit(FieldCode.WEEKDAY_INVALID)
    return value


def _month_day(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not (value == -1 or 1 <= value <= 31):
        raise Unfit(FieldCode.MONTH_DAY_INVALID)
    return value


def _nth(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= abs(value) <= 5:
        raise Unfit(FieldCode.NOT_ALLOWED, one_of=[1, 2, 3, 4, 5, -1, -2, -3, -4, -5])
    return value


def _phase_days(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_PHASE_DAYS:
        raise Unfit(FieldCode.CYCLE_INVALID)
    return value


def _phase_on(value: object) -> bool:
    if not isinstance(value, bool):
        raise Unfit(FieldCode.CYCLE_INVALID)
    return value


def _type(read: Callable[[Any], Any], write: Callable[[Any], Any] | None, **schema: Any) -> tuple[Any, ...]:
    written = (PlainSerializer(write, when_used="unless-none"),) if write else ()
    return (PlainValidator(read), *written, WithJsonSchema(schema))


def wall_text(wall: datetime) -> str:
    return wall.isoformat(timespec="minutes")


def _start_text(wall: datetime) -> str:
    return wall.date().isoformat() if wall == midnight(wall.date()) else wall_text(wall)


def _instant_text(moment: datetime) -> str:
    return canonical_instant(moment.isoformat())


_NUMBER = {"type": ["number", "string"], "description": "exact decimal"}
_CLOCK = {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}

Day = Annotated[date, *_type(plan_day, date.isoformat, type="string", format="date")]
Wall = Annotated[datetime, *_type(wall_time, wall_text, type="string", description="local YYYY-MM-DDTHH:mm")]
Start = Annotated[datetime, *_type(start_time, _start_text, type="string",
                                   description="date, or local YYYY-MM-DDTHH:mm")]
Instant = Annotated[datetime, *_type(_instant, _instant_text, type="string", format="date-time")]
Clock = Annotated[str, *_type(canonical_clock, None, **_CLOCK)]
Amount = Annotated[Decimal, *_type(_amount, decimal_text, **_NUMBER)]
SlotAmount = Annotated[Decimal | None, *_type(_amount_or_none, decimal_text, type=["number", "string", "null"])]
Step = Annotated[Decimal, *_type(_step, decimal_text, **_NUMBER)]
StepLimit = Annotated[Decimal | None, *_type(_limit, decimal_text, **_NUMBER)]
Quantity = Annotated[Decimal, *_type(_quantity, decimal_text, **_NUMBER)]
Zone = Annotated[str, *_type(_zone, None, type="string", description="IANA time zone")]
Minutes = Annotated[int, *_type(_minutes, None, type="integer", minimum=1, maximum=MAX_INTERVAL_MINUTES)]
Weekday = Annotated[str, *_type(_weekday, None, type="string", enum=list(WEEKDAYS))]
MonthDay = Annotated[int, *_type(_month_day, None, type="integer", description="1 to 31, or -1 for the last")]
Nth = Annotated[int, *_type(_nth, None, type="integer", description="1 to 5, or -1 to -5 from the end")]
PhaseDays = Annotated[int, *_type(_phase_days, None, type="integer", minimum=1, maximum=MAX_PHASE_DAYS)]
PhaseOn = Annotated[bool, *_type(_phase_on, None, type="boolean")]
