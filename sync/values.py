"""Canonical wire values: one spelling for every uuid, instant, date, clock time and decimal, here and in every store.

A row in the engine holds JSON values only. Because the stores return the same spelling that the wire carries, equality
of content is equality of dictionaries on every engine. Knows types and ranges (S-58, S-59, S-62), never fields.

Instants: RFC 3339 in UTC with microseconds at most, `2026-01-01T00:56:00+00:00`; comparing them as text is comparing
them in time. Decimals: plain text without exponent or trailing zeros, `"0.5"`.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from uuid import UUID

from sync.problem import FieldCode

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)  # S-58: wide enough that a wrong clock is clamped, not refused
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
MAX_DECIMAL_CHARS = 40
MAX_OFFSET = timedelta(hours=14)  # S-59

# ASCII only: `\d` would admit Khmer digits here, which belong to phones and quantities alone (S-59).
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_LOCAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")


class Unfit(ValueError):
    """A value that is not what its type asks; `code` says how and becomes a field problem at the caller."""

    def __init__(self, code: FieldCode, **params: Any) -> None:
        super().__init__(str(code))
        self.code = code
        self.params = params


def canonical_uuid(value: object) -> str:
    """Lower-case hyphenated text of a UUID (S-62). Raises Unfit."""
    if isinstance(value, str) and _UUID.fullmatch(value):
        return value  # the usual case; uuid.UUID costs ten times as much
    if not isinstance(value, str) or len(value) not in (36, 32, 38, 45):
        raise Unfit(FieldCode.UUID_INVALID)
    try:
        return str(UUID(value))
    except ValueError:
        raise Unfit(FieldCode.UUID_INVALID) from None


def format_instant(moment: datetime) -> str:
    """The canonical text of an aware datetime."""
    text = moment.astimezone(UTC).isoformat()
    if "." not in text:
        return text
    return text[:-6].rstrip("0") + "+00:00"


def parse_instant(text: str) -> datetime:
    """The aware datetime (UTC) of a canonical instant."""
    return datetime.fromisoformat(text)


@lru_cache(maxsize=4096)  # the same moments are written into row, journal and answer
def instant_of_ms(ms: int) -> str:
    """Canonical instant of milliseconds since 1970, clamped into the representable range."""
    clamped = min(max(ms, ms_of(EARLIEST)), ms_of(LATEST) - 1)
    return format_instant(EPOCH + timedelta(milliseconds=clamped))


def ms_of(moment: datetime) -> int:
    """Whole milliseconds since 1970 of an aware datetime."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


def canonical_instant(value: object) -> str:
    """Canonical text of an instant given with an offset, or as integer milliseconds since 1970 (R-208, F-04, S-58).

    Raises Unfit with `time.offset_required` for a local time, `time.range` outside 1900-2199, else `time.invalid`.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        if not ms_of(EARLIEST) <= value < ms_of(LATEST):
            raise Unfit(FieldCode.TIME_RANGE)
        return instant_of_ms(value)
    if not isinstance(value, str):
        raise Unfit(FieldCode.WRONG_TYPE)
    if not _INSTANT.fullmatch(value):
        raise Unfit(FieldCode.OFFSET_REQUIRED if _LOCAL.fullmatch(value) else FieldCode.TIME_INVALID)
    try:
        moment = datetime.fromisoformat(value)
        if abs(moment.utcoffset() or timedelta()) > MAX_OFFSET:
            raise Unfit(FieldCode.TIME_INVALID)
        if not EARLIEST <= moment < LATEST:
            raise Unfit(FieldCode.TIME_RANGE)
        return format_instant(moment)
    except OverflowError:  # 9999-12-31T23:59:59-14:00 leaves datetime's range in UTC (hardening 1.3)
        raise Unfit(FieldCode.TIME_RANGE) from None
    except ValueError as error:
        if isinstance(error, Unfit):
            raise
        raise Unfit(FieldCode.TIME_INVALID) from None


def canonical_date(value: object, earliest: date = date(1900, 1, 1), latest: date = date(2199, 12, 31)) -> str:
    """`YYYY-MM-DD` within the range, both ends included. Raises Unfit."""
    if not isinstance(value, str):
        raise Unfit(FieldCode.WRONG_TYPE)
    if not _DATE.fullmatch(value):
        raise Unfit(FieldCode.DATE_INVALID)
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise Unfit(FieldCode.DATE_INVALID) from None
    if not earliest <= day <= latest:
        raise Unfit(FieldCode.DATE_RANGE)
    return value


def canonical_clock(value: object) -> str:
    """`HH:mm`, 00:00-23:59; anything else is a field error at write time (R-032, F-11). Raises Unfit."""
    if not isinstance(value, str):
        raise Unfit(FieldCode.WRONG_TYPE)
    if not _CLOCK.fullmatch(value):
        raise Unfit(FieldCode.TIME_INVALID)
    return value


def canonical_decimal(value: object, *, places: int, least: Decimal, most: Decimal) -> str:
    """Plain decimal text within [least, most] and at most `places` decimals; takes int, Decimal or numeric text.

    Floats are refused: they have lost the digits that were meant (F-52, S-58). Raises Unfit.
    """
    number = _decimal(value)
    if number < least:
        raise Unfit(FieldCode.TOO_SMALL, least=decimal_text(least))
    if number > most:
        raise Unfit(FieldCode.TOO_LARGE, most=decimal_text(most))
    text = decimal_text(number)
    if len(text.partition(".")[2]) > places:
        raise Unfit(FieldCode.NUMBER_INVALID, places=places)
    return text


def _decimal(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise Unfit(FieldCode.WRONG_TYPE)
    if isinstance(value, str) and (len(value) > MAX_DECIMAL_CHARS or not _DECIMAL.fullmatch(value)):
        raise Unfit(FieldCode.NUMBER_INVALID)
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise Unfit(FieldCode.NUMBER_INVALID) from None
    if not number.is_finite():
        raise Unfit(FieldCode.NUMBER_INVALID)
    return number


def decimal_text(number: Decimal) -> str:
    """Plain text without exponent and without trailing zeros: 0.50 → `0.5`, 1E+1 → `10`, -0 → `0`."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
