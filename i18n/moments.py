"""How a date and a time of day are said: day, month by name, Gregorian year; 24 hours and the part of the day (R-433).

Knows no zone and no clock: every argument is already the reader's wall clock. Month and weekday names are CLDR's.
`khmer_digits` concerns Khmer only.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from typing import Final

from babel.dates import get_day_names, get_month_names

from i18n.catalogue import sentence
from i18n.digits import to_khmer
from i18n.languages import Language

# the hour at which each part begins; before the first, the night of the evening before goes on.
PARTS_OF_DAY: Final = ((5, "morning"), (11, "noon"), (13, "afternoon"), (16, "evening"), (19, "night"))


def part_of_day(hour: int) -> str:
    """morning, noon, afternoon, evening or night for an hour of 0 to 23; its words are `moment.part.<part>`."""
    return next((part for begins, part in reversed(PARTS_OF_DAY) if hour >= begins), "night")


def date_text(day: date, language: Language, *, khmer_digits: bool = False) -> str:
    """`20 វិច្ឆិកា 2026`, `20 November 2026`."""
    digits = _digits(language, khmer_digits)
    month = month_text(day.month, language)
    return sentence("moment.date", language, day=digits(str(day.day)), month=month, year=digits(str(day.year)))


def day_month_text(day: int, month: int, language: Language, *, khmer_digits: bool = False) -> str:
    """`29 កុម្ភៈ`, `29 February`: a day that comes every year."""
    shown = _digits(language, khmer_digits)(str(day))
    return sentence("moment.day_month", language, day=shown, month=month_text(month, language))


def month_text(month: int, language: Language) -> str:
    """`វិច្ឆិកា`, `November` for 1 to 12."""
    return str(get_month_names("wide", locale=language)[month])


def weekday_text(weekday: int, language: Language) -> str:
    """`ច័ន្ទ`, `Monday` for 0 (Monday) to 6."""
    return str(get_day_names("wide", locale=language)[weekday])


def time_text(at: time | datetime, language: Language, *, khmer_digits: bool = False) -> str:
    """`08:30 ព្រឹក`, `08:30 (morning)`. Seconds are not said."""
    clock = _digits(language, khmer_digits)(f"{at.hour:02}:{at.minute:02}")
    part = sentence(f"moment.part.{part_of_day(at.hour)}", language)
    return sentence("moment.time", language, clock=clock, part=part)


def date_time_text(at: datetime, language: Language, *, khmer_digits: bool = False) -> str:
    """`20 វិច្ឆិកា 2026 ម៉ោង 08:30 ព្រឹក`, `20 November 2026 at 08:30 (morning)`."""
    return sentence(
        "moment.date_time",
        language,
        date=date_text(at, language, khmer_digits=khmer_digits),
        time=time_text(at, language, khmer_digits=khmer_digits),
    )


def _digits(language: Language, khmer_digits: bool) -> Callable[[str], str]:
    return to_khmer if khmer_digits and language == "km" else str
