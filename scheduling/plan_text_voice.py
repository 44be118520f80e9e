"""The words of one reader for one medicine: the catalogue's clauses, numbers, dates and amounts, all in one language.

What the rooms of plan_text.py share, so that neither language nor digits nor unit is handed from room to room. Knows no
plan; every clause is the catalogue's (R-431).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal

from i18n.catalogue import sentence
from i18n.digits import number_text
from i18n.doses import amount_text, verb
from i18n.languages import Language
from i18n.moments import date_text, date_time_text, day_month_text, month_text, time_text, weekday_text
from i18n.phrases import duration_text, list_text, ordinal_text
from scheduling.zones import midnight


@dataclass(frozen=True, slots=True)
class Voice:
    """`form` and `unit` are words of R-082; `khmer_digits` concerns Khmer only (R-432)."""

    language: Language
    form: str
    unit: str
    khmer_digits: bool

    def say(self, part: str, **values: str) -> str:
        """The clause `plan.<part>`."""
        return sentence(f"plan.{part}", self.language, **values)

    def say_number(self, part: str, n: int, **values: str) -> str:
        """The clause `plan.<part>` in the form that `n` asks for."""
        return sentence(f"plan.{part}", self.language, count=n, n=self.number(n), **values)

    def act(self, amount: str) -> str:
        """`លេប 2 គ្រាប់`, `take 2 tablets`: the verb by form and unit (R-434); `amount` is said already."""
        return sentence(f"act.{verb(self.form, self.unit)}", self.language, amount=amount)

    def amount(self, amount: Decimal) -> str:
        return amount_text(amount, self.unit, self.language, khmer_digits=self.khmer_digits)

    def number(self, n: int) -> str:
        return number_text(n, khmer_digits=self.khmer_digits and self.language == "km")

    def times_a_day(self, n: int) -> str:
        """R-119."""
        return sentence("frequency.times_a_day", self.language, count=n, n=self.number(n))

    def ordinal(self, n: int) -> str:
        return ordinal_text(n, self.language, khmer_digits=self.khmer_digits)

    def duration(self, minutes: int) -> str:
        return duration_text(minutes, self.language, khmer_digits=self.khmer_digits)

    def all_of(self, items: Sequence[str]) -> str:
        return list_text(items, self.language)

    def date(self, day: date) -> str:
        return date_text(day, self.language, khmer_digits=self.khmer_digits)

    def moment(self, wall: datetime) -> str:
        """A date and a clock time (R-433); a midnight is the date that it begins."""
        if wall == midnight(wall.date()):
            return self.date(wall)
        return self.date_time(wall)

    def date_time(self, wall: datetime) -> str:
        return date_time_text(wall, self.language, khmer_digits=self.khmer_digits)

    def clock(self, clock: str) -> str:
        """`08:00 ព្រឹក`, `08:00 (morning)` for HH:mm."""
        return time_text(time.fromisoformat(clock), self.language, khmer_digits=self.khmer_digits)

    def weekday(self, weekday: int) -> str:
        return self.say("weekday", name=weekday_text(weekday, self.language))

    def day_of_year(self, month: int, day: int) -> str:
        """`29 February`; -1 is the month's last day."""
        if day == -1:
            return self.say("month_end", month=month_text(month, self.language))
        return self.say("date", date=day_month_text(day, month, self.language, khmer_digits=self.khmer_digits))
