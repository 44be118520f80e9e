"""Day rules in words: `every Monday and Friday`, `រៀងរាល់ថ្ងៃច័ន្ទ និង សុក្រ`.

One clause per rule, from the catalogue. Knows no clock time and no bound; what counts from the start date says so
(`counts_from_start`), and the start is then said elsewhere.
"""

from __future__ import annotations

from calendar import monthrange
from functools import reduce

from scheduling.day_rules import Cycle, Daily, Dates, DayRule, EveryDays, Monthly, MonthlyNth, Weekdays, Yearly
from scheduling.plan_text_voice import Voice
from scheduling.plan_values import WEEKDAYS

COMMON_YEAR = 2027
SHORTEST_MONTH = 28
MOST_SURE_NTH = 4  # every month has four of each weekday


def days_text(rule: DayRule, voice: Voice) -> str:
    """The clause that says on which days."""
    match rule:
        case Daily():
            return voice.say("days.daily")
        case EveryDays():
            return every_days_text(rule.n, voice)
        case Dates():
            dates = voice.all_of([voice.say("date", date=voice.date(day)) for day in rule.dates])
            return voice.say("days.dates", dates=dates)
        case Weekdays():
            return _weekdays(rule, voice)
        case Monthly():
            days = voice.all_of([_month_day(day, voice) for day in rule.days])
            days = _months(days, rule.every_months, voice)
            return _missing(days, rule.missing, max(rule.days), SHORTEST_MONTH, voice)
        case MonthlyNth():
            days = _months(_nth(rule, voice), rule.every_months, voice)
            return _missing(days, "skip", abs(rule.nth), MOST_SURE_NTH, voice)
        case Yearly():
            days = voice.say("days.yearly", day=voice.day_of_year(rule.month, rule.day))
            return _missing(days, rule.missing, rule.day, monthrange(COMMON_YEAR, rule.month)[1], voice)
        case Cycle():
            phases = (voice.say_number("phase.on" if phase.on else "phase.off", phase.days) for phase in rule.phases)
            joined = reduce(lambda said, one: voice.say("phases", phases=said, next=one), phases)
            return voice.say("days.cycle", phases=joined)


def every_days_text(n: int, voice: Voice) -> str:
    return voice.say("days.daily") if n == 1 else voice.say_number("days.every", n)


def is_every_day(rule: DayRule) -> bool:
    return isinstance(rule, Daily) or (isinstance(rule, EveryDays) and rule.n == 1)


def is_short(rule: DayRule) -> bool:
    """Whether the clause may stand between the dose and its times: `take 1 tablet every Monday at 08:00`."""
    return isinstance(rule, Daily | EveryDays | Weekdays)


def counts_from_start(rule: DayRule) -> bool:
    """Whether nobody can tell the days without knowing the date from which they are counted."""
    match rule:
        case EveryDays():
            return rule.n > 1
        case Weekdays():
            return rule.every_weeks > 1
        case Monthly() | MonthlyNth():
            return rule.every_months > 1
        case _:
            return isinstance(rule, Cycle)


def _weekdays(rule: Weekdays, voice: Voice) -> str:
    weekdays = voice.all_of([voice.weekday(WEEKDAYS.index(day)) for day in rule.days])
    if rule.every_weeks == 1:
        return voice.say("days.weekly", weekdays=weekdays)
    return voice.say_number("days.weeks", rule.every_weeks, weekdays=weekdays)


def _months(days: str, every: int, voice: Voice) -> str:
    return voice.say("days.monthly", days=days) if every == 1 else voice.say_number("days.months", every, days=days)


def _month_day(day: int, voice: Voice) -> str:
    return voice.say("month_day.last") if day == -1 else voice.say("month_day", ordinal=voice.ordinal(day))


def _nth(rule: MonthlyNth, voice: Voice) -> str:
    weekday = voice.weekday(WEEKDAYS.index(rule.weekday))
    if rule.nth == -1:
        return voice.say("nth.last", weekday=weekday)
    return voice.say("nth" if rule.nth > 0 else "nth.from_end", weekday=weekday, ordinal=voice.ordinal(abs(rule.nth)))


def _missing(days: str, missing: str, named: int, sure: int, voice: Voice) -> str:
    """What happens in a month without the day that is named, if there are such months."""
    return voice.say(f"days.missing.{missing}", days=days) if named > sure else days
