"""Our own column types: one canonical wire value (sync/values.py) in Python, an implementation per engine below.

SQLAlchemy's own types neither fit STRICT tables on SQLite nor keep offsets and decimals there (DESIGN.md 11). A select
returns str, int, bool, list, dict or None, alike on both engines. Knows engines and limits; never tables or kinds.

Statements written as text (storage/ledger) use, for a column `c` of one of these types:
`c.type.pg_type` in `jsonb_to_recordset(:rows) AS t(due_at timestamptz, …)`, `c.type.pg_out("t.due_at")` for what
`jsonb_build_object` takes (the session's zone must be UTC), `c.type.sqlite_in(value)` for what is bound on SQLite and
`c.type.sqlite_out(raw)` for what comes back. The last two pass None through.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import types as sa
from sqlalchemy.dialects import postgresql

from storage.free_json import MAX_SAFE_INTEGER
from storage.json_column import Json
from storage.wire_type import Schema, Wire
from sync import values
from sync.gate import Bad
from sync.problem import FieldCode
from sync.values import Unfit

__all__ = ["Clock", "Day", "Exact", "Flag", "Instant", "Json", "Text", "Uuid", "Whole"]

MAX_LINE_CHARS = 200
"""Of a text column that names no limit of its own: names, labels, codes."""
FIRST_MS, END_MS = values.ms_of(values.EARLIEST), values.ms_of(values.LATEST)
_CANONICAL_UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Uuid(Wire):
    pg_type = "uuid"
    on_postgresql = sa.UUID(as_uuid=False)

    def check(self, value: Any) -> Any:
        if type(value) is str and _CANONICAL_UUID.fullmatch(value):
            return value  # as nearly all are; parsing one takes ten times as long
        return values.canonical_uuid(value)

    def schema(self) -> Schema:
        return {"type": "string", "format": "uuid"}


class Instant(Wire):
    """A moment, 1900 to 2199 UTC, microseconds. On SQLite canonical text, whose order is that of time."""

    pg_type = "timestamptz"
    on_postgresql = postgresql.TIMESTAMP(timezone=True)

    def check(self, value: Any) -> Any:
        return values.canonical_instant(value)

    def schema(self) -> Schema:
        return {"type": "string", "format": "date-time"}

    def sent_schema(self) -> Schema:
        milliseconds = {"type": "integer", "minimum": FIRST_MS, "exclusiveMaximum": END_MS,
                        "description": "milliseconds since 1970"}
        return {"anyOf": [self.schema(), milliseconds]}

    def range_check(self, column: str) -> str:
        # hardening.md 1.3: a year 10000 in PostgreSQL makes every later SELECT of the row fail
        return f"{column} >= '1900-01-01T00:00:00+00:00' AND {column} < '2200-01-01T00:00:00+00:00'"

    def pg_in(self, value: Any) -> datetime:
        return values.parse_instant(value)

    def pg_read(self, raw: Any) -> str:
        return values.format_instant(raw)


class Day(Wire):
    """A calendar date, `YYYY-MM-DD`, with its own range per column (S-58)."""

    pg_type = "date"
    on_postgresql = sa.DATE()

    def __init__(self, earliest: date = date(1900, 1, 1), latest: date = date(2199, 12, 31)) -> None:
        super().__init__()
        self.earliest, self.latest = earliest, latest

    def check(self, value: Any) -> Any:
        return values.canonical_date(value, self.earliest, self.latest)

    def schema(self) -> Schema:
        return {"type": "string", "format": "date"}

    def range_check(self, column: str) -> str:
        return f"{column} >= '{self.earliest}' AND {column} <= '{self.latest}'"

    def pg_in(self, value: Any) -> date:
        return date.fromisoformat(value)

    def pg_read(self, raw: Any) -> str:
        return str(raw)


class Clock(Wire):
    """A time of day without a date or zone, `HH:mm` (R-032, F-11)."""

    def check(self, value: Any) -> Any:
        return values.canonical_clock(value)

    def schema(self) -> Schema:
        return {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}


class Exact(Wire):
    """An exact decimal within [least, most] with at most `places` decimals; plain text on the wire (S-58)."""

    pg_type = "numeric"
    on_postgresql = sa.NUMERIC()

    def __init__(self, places: int = 3, least: Decimal = Decimal(0), most: Decimal = Decimal("9999.999")) -> None:
        super().__init__()
        self.places, self.least, self.most = places, least, most

    def check(self, value: Any) -> Any:
        return values.canonical_decimal(value, places=self.places, least=self.least, most=self.most)

    def schema(self) -> Schema:
        sign = "-?" if self.least < 0 else ""
        pattern = f"^{sign}[0-9]+(\\.[0-9]{{1,{self.places}}})?$" if self.places else f"^{sign}[0-9]+$"
        limits = f"{values.decimal_text(self.least)} to {values.decimal_text(self.most)}"
        return {"type": "string", "pattern": pattern, "description": f"exact decimal, {limits}"}

    def sent_schema(self) -> Schema:
        number = {"type": "number", "minimum": float(self.least), "maximum": float(self.most)}
        return {"anyOf": [self.schema(), number]}

    def range_check(self, column: str) -> str:
        return f"CAST({column} AS NUMERIC) >= {self.least:f} AND CAST({column} AS NUMERIC) <= {self.most:f}"

    def pg_out(self, expr: str) -> str:
        return f"{expr}::text"

    def pg_in(self, value: Any) -> Decimal:
        return Decimal(value)

    def pg_read(self, raw: Any) -> str:
        return values.decimal_text(raw)


class Whole(Wire):
    """An integer within ±2^53, narrowed per column; `one_of` closes it to some."""

    impl = sa.BIGINT  # or `column + 1` in a statement would be taken for joining texts
    pg_type = "bigint"
    on_postgresql = sa.BIGINT()
    on_sqlite = sa.INTEGER()

    def __init__(
        self, least: int = -MAX_SAFE_INTEGER, most: int = MAX_SAFE_INTEGER, one_of: tuple[int, ...] = ()
    ) -> None:
        super().__init__()
        self.least, self.most, self.one_of = least, most, one_of

    def check(self, value: Any) -> Any:
        if type(value) is not int:
            raise Unfit(FieldCode.WRONG_TYPE)
        if value < self.least:
            raise Unfit(FieldCode.TOO_SMALL, least=self.least)
        if value > self.most:
            raise Unfit(FieldCode.TOO_LARGE, most=self.most)
        if self.one_of and value not in self.one_of:
            raise Unfit(FieldCode.NOT_ALLOWED, one_of=list(self.one_of))
        return value

    def schema(self) -> Schema:
        if self.one_of:
            return {"type": "integer", "enum": list(self.one_of)}
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


class Flag(Wire):
    """True or false; 0 or 1 on SQLite, where a word would count as true (models.md 5). Compare with ==, not is_()."""

    pg_type = "boolean"
    on_postgresql = sa.BOOLEAN()
    on_sqlite = sa.INTEGER()

    def check(self, value: Any) -> Any:
        if type(value) is not bool:
            raise Unfit(FieldCode.WRONG_TYPE)
        return value

    def schema(self) -> Schema:
        return {"type": "boolean"}

    def sqlite_in(self, value: Any) -> int:
        return int(value)

    def sqlite_out(self, raw: Any) -> bool:
        return bool(raw)


class Text(Wire):
    """Unicode text kept byte for byte, at most `most` code points and so 4 × `most` bytes (S-56); `one_of` closes it to
    some words, `rule` refuses what those cannot say (a zone, a colour)."""

    def __init__(
        self,
        most: int = MAX_LINE_CHARS,
        least: int = 0,
        one_of: tuple[str, ...] = (),
        rule: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__()
        self.most, self.least, self.one_of, self.rule = most, least, one_of, rule

    def check(self, value: Any) -> Any:
        if type(value) is Bad and value.repaired is not None:
            value = value.repaired  # half an emoji must not cost a recorded dose (hardening.md 2.3)
        if type(value) is not str:
            raise Unfit(FieldCode.WRONG_TYPE)
        if len(value) > self.most:
            raise Unfit(FieldCode.TOO_LONG, most=self.most)
        if len(value) < self.least:
            raise Unfit(FieldCode.TOO_SHORT, least=self.least)
        if self.one_of and value not in self.one_of:
            raise Unfit(FieldCode.NOT_ALLOWED, one_of=list(self.one_of))
        if self.rule is not None:
            self.rule(value)
        return value

    def schema(self) -> Schema:
        if self.one_of:
            return {"type": "string", "enum": list(self.one_of)}
        return {"type": "string", "maxLength": self.most, **({"minLength": self.least} if self.least else {})}
