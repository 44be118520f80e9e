"""The elements of a FHIR R4 Dosage as typed values: shapes, code words and limits, nothing about what they mean.

Read from JSON as the gate yields it (int and Decimal, never float). A member that R4 does not have stays in `beyond`:
whoever maps the dosage must not pass over it. Extensions are kept as they are. Sizes are bounded here.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PlainValidator
from pydantic import Field as Described

from scheduling.plan_values import WEEKDAYS
from sync.problem import FieldCode
from sync.values import Unfit

MAX_ENTRIES = 100  # of one list inside a dosage
MAX_INSTRUCTIONS = 20  # of one medicine: as many as a plan has segments
MAX_TEXT_CHARS = 5_000
MOST_WHOLE = 2**31 - 1  # FHIR positiveInt
MOST_DIGITS = 18  # before or after the point (FHIR decimal)
UNITS_OF_TIME = ("s", "min", "h", "d", "wk", "mo", "a")
SLOTS = ("MORN", "NOON", "EVE", "NIGHT")
MEALS = ("C", "CM", "CD", "CV")
EVENT_TIMING = frozenset({*SLOTS, *MEALS, "MORN.early", "MORN.late", "AFT", "AFT.early", "AFT.late", "EVE.early",
                          "EVE.late", "PHS", "HS", "WAKE", "AC", "ACM", "ACD", "ACV", "PC", "PCM", "PCD", "PCV"})
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]{1,9})?")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Unfit(FieldCode.WRONG_TYPE)
    if len(value) > MAX_TEXT_CHARS:
        raise Unfit(FieldCode.TOO_LONG, most=MAX_TEXT_CHARS)
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise Unfit(FieldCode.WRONG_TYPE)
    return value


def _decimal(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Unfit(FieldCode.WRONG_TYPE)
    number = Decimal(value)
    if not number.is_finite() or abs(number.adjusted()) > MOST_DIGITS or -int(number.as_tuple().exponent) > MOST_DIGITS:
        raise Unfit(FieldCode.NUMBER_INVALID)  # 1E+999999999 is a small text and an integer of a gigabyte
    return number


def _whole(least: int) -> PlainValidator:
    def read(value: object) -> int:
        number = _decimal(value)
        if number != number.to_integral_value():
            raise Unfit(FieldCode.WRONG_TYPE)
        if number < least:
            raise Unfit(FieldCode.TOO_SMALL, least=least)
        if number > MOST_WHOLE:
            raise Unfit(FieldCode.TOO_LARGE, most=MOST_WHOLE)
        return int(number)

    return PlainValidator(read)


def _word(allowed: frozenset[str], code: FieldCode = FieldCode.NOT_ALLOWED) -> PlainValidator:
    def read(value: object) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise Unfit(code)
        return value

    return PlainValidator(read)


def _time(value: object) -> str:
    """FHIR time: 24:00 is none, seconds are required."""
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise Unfit(FieldCode.TIME_INVALID)
    return value


Text = Annotated[str, PlainValidator(_text)]
Flag = Annotated[bool, PlainValidator(_flag)]
Number = Annotated[Decimal, PlainValidator(_decimal)]
Positive = Annotated[int, _whole(1)]
Whole = Annotated[int, _whole(0)]
UnitOfTime = Annotated[str, _word(frozenset(UNITS_OF_TIME))]
Event = Annotated[str, _word(EVENT_TIMING)]
Weekday = Annotated[str, _word(frozenset(WEEKDAYS), FieldCode.WEEKDAY_INVALID)]
Time = Annotated[str, PlainValidator(_time)]
Raw = dict[str, Any]


def url_of(extension: Raw) -> str | None:
    """What an extension calls itself; None for one without a name."""
    url = extension.get("url")
    return url if isinstance(url, str) else None


class Element(BaseModel):
    """An element as it was sent; `id` and plain extensions may be passed over, `beyond` and modifiers may not."""

    model_config = ConfigDict(frozen=True, extra="allow")

    id: Text | None = None
    extension: Annotated[tuple[Raw, ...], Described(max_length=MAX_ENTRIES)] = ()
    modifierExtension: Annotated[tuple[Raw, ...], Described(max_length=MAX_ENTRIES)] = ()  # noqa: N815 — FHIR's word

    @property
    def beyond(self) -> bool:
        """Whether it has members that we do not know; `_when` and the like carry what FHIR says in place of a value."""
        return bool(self.__pydantic_extra__)


class Coding(Element):
    system: Text | None = None
    version: Text | None = None
    code: Text | None = None
    display: Text | None = None
    userSelected: Flag | None = None  # noqa: N815


class CodeableConcept(Element):
    coding: Annotated[tuple[Coding, ...], Described(max_length=MAX_ENTRIES)] = ()
    text: Text | None = None

    @property
    def words(self) -> str | None:
        """What it says to a person: its text, else the first display."""
        return self.text or next((coding.display for coding in self.coding if coding.display), None)


class Quantity(Element):
    value: Number | None = None
    comparator: Text | None = None
    unit: Text | None = None
    system: Text | None = None
    code: Text | None = None


class Range(Element):
    low: Quantity | None = None
    high: Quantity | None = None


class Ratio(Element):
    numerator: Quantity | None = None
    denominator: Quantity | None = None


class Period(Element):
    start: Text | None = None
    end: Text | None = None


class Repeat(Element):
    boundsDuration: Quantity | None = None  # noqa: N815
    boundsRange: Range | None = None  # noqa: N815
    boundsPeriod: Period | None = None  # noqa: N815
    count: Positive | None = None
    countMax: Positive | None = None  # noqa: N815
    duration: Number | None = None
    durationMax: Number | None = None  # noqa: N815
    durationUnit: UnitOfTime | None = None  # noqa: N815
    frequency: Positive | None = None
    frequencyMax: Positive | None = None  # noqa: N815
    period: Number | None = None
    periodMax: Number | None = None  # noqa: N815
    periodUnit: UnitOfTime | None = None  # noqa: N815
    dayOfWeek: Annotated[tuple[Weekday, ...], Described(max_length=MAX_ENTRIES)] = ()  # noqa: N815
    timeOfDay: Annotated[tuple[Time, ...], Described(max_length=MAX_ENTRIES)] = ()  # noqa: N815
    when: Annotated[tuple[Event, ...], Described(max_length=MAX_ENTRIES)] = ()
    offset: Whole | None = None

    @property
    def says_when(self) -> bool:
        """Whether it names days or times, and not only bounds or a count."""
        return bool(self.frequency or self.period is not None or self.dayOfWeek or self.timeOfDay or self.when)


class Timing(Element):
    event: Annotated[tuple[Text, ...], Described(max_length=MAX_ENTRIES)] = ()
    repeat: Repeat | None = None
    code: CodeableConcept | None = None


class DoseAndRate(Element):
    type: CodeableConcept | None = None
    doseRange: Range | None = None  # noqa: N815
    doseQuantity: Quantity | None = None  # noqa: N815
    rateRatio: Ratio | None = None  # noqa: N815
    rateRange: Range | None = None  # noqa: N815
    rateQuantity: Quantity | None = None  # noqa: N815


class Dosage(Element):
    sequence: Annotated[int, PlainValidator(lambda value: int(_decimal(value)))] | None = None
    text: Text | None = None
    additionalInstruction: Annotated[tuple[CodeableConcept, ...], Described(max_length=MAX_ENTRIES)] = ()  # noqa: N815
    patientInstruction: Text | None = None  # noqa: N815
    timing: Timing | None = None
    asNeededBoolean: Flag | None = None  # noqa: N815
    asNeededCodeableConcept: CodeableConcept | None = None  # noqa: N815
    site: CodeableConcept | None = None
    route: CodeableConcept | None = None
    method: CodeableConcept | None = None
    doseAndRate: Annotated[tuple[DoseAndRate, ...], Described(max_length=MAX_ENTRIES)] = ()  # noqa: N815
    maxDosePerPeriod: Ratio | None = None  # noqa: N815
    maxDosePerAdministration: Quantity | None = None  # noqa: N815
    maxDosePerLifetime: Quantity | None = None  # noqa: N815

    @property
    def as_needed(self) -> bool:
        return bool(self.asNeededBoolean or self.asNeededCodeableConcept)

    @property
    def repeat(self) -> Repeat:
        """What its timing repeats; empty if it has none."""
        return (self.timing.repeat if self.timing else None) or Repeat()
