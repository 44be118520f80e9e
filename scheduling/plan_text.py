"""A dosing plan as one sentence for the person who takes the medicine, in Khmer or English (R-119, R-430 to R-434).

Clauses are the catalogue's and are set into one another through named places, so that each language keeps its own
order. Which clauses a plan needs is decided here; days and times are said in plan_text_days.py and plan_text_times.py.
Names no medicine (R-284), and neither slot hours nor zones: those are the patient's, not the plan's.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from functools import reduce
from itertools import pairwise

from i18n.languages import Language
from i18n.phrases import whole_sentence
from scheduling.day_rules import ONE_DAY, EveryDays
from scheduling.plan_model import Pause, Plan
from scheduling.plan_text_days import counts_from_start, days_text, every_days_text, is_every_day, is_short
from scheduling.plan_text_times import doses_text
from scheduling.plan_text_voice import Voice
from scheduling.segment import AsNeeded, DoseStep, Following, Segment
from scheduling.time_rules import Frequency, SlotGrid
from scheduling.zones import midnight

ROLLING_HOURS = 24  # of the limits that look back


def plan_text(
    plan: Plan, language: Language, *, form: str, unit: str, khmer_digits: bool = False, today: date | None = None
) -> str:
    """`លេប 2 គ្រាប់ ពេលព្រឹក និង 1 គ្រាប់ ពេលល្ងាច រយៈពេល 7 ថ្ងៃ។`, `Take 2 tablets in the morning and …, for 7 days.`

    `form` and `unit` are the line's (R-082). The start is said where days or hours are counted from it, where it has a
    clock time, where a segment does not follow at once, and where it lies after `today`, the patient's date, if given.
    Every plan that read_plan takes can be said; raises `UnknownSentenceError` for a unit that R-082 lacks.
    """
    voice = Voice(language, form, unit, khmer_digits)
    segments = sorted(plan.segments, key=lambda segment: segment.start)
    first = segments[0]
    said = _segment(first, voice, dated=today is not None and first.first_day > today)
    for before, segment in pairwise(segments):
        clause = _segment(segment, voice, dated=not _at_once(before, segment))
        said = voice.say("also" if segment.start == before.start else "then", earlier=said, later=clause)
    if plan.tz_policy == "home" and any(segment.time_rule is not None for segment in segments):
        said = voice.say("home_clock", plan=said)  # a traveller would read 08:00 as the clock there
    if plan.pauses:
        said = voice.say("paused", plan=said, pauses=voice.all_of([_pause(pause, voice) for pause in plan.pauses]))
    return whole_sentence(said, language)


def _at_once(before: Segment, segment: Segment) -> bool:
    """Whether `then` and `also` say when it begins. A course that runs out may do so before its last day."""
    return segment.start == before.start or (segment.start == before.closes and not before.runs_out)


def _segment(segment: Segment, voice: Voice, *, dated: bool) -> str:
    """What is taken, when and on which days, then what bounds it; `dated` says the start in any case."""
    return reduce(lambda doses, bound: voice.say("bounded", doses=doses, bound=bound),
                  _bounds(segment, voice, dated), _doses(segment, voice))


def _doses(segment: Segment, voice: Voice) -> str:
    doses, times = doses_text(segment, voice)
    rule = segment.day_rule
    if not _says_days(segment):
        return doses if times is None else voice.say("at", dose=doses, times=times)
    days = days_text(rule, voice)
    if times is not None and is_short(rule):
        return voice.say("on_days_at", dose=doses, days=days, times=times)
    whole = doses if times is None else voice.say("at", dose=doses, times=times)
    return voice.say("on_days", doses=whole, days=days)


def _says_days(segment: Segment) -> bool:
    """`Every day` goes without saying for 7 days, twice a day, once only, every 8 hours and as needed."""
    if not is_every_day(segment.day_rule):
        return True
    unsaid = segment.days or segment.count == 1 or isinstance(segment.time_rule, Frequency)
    return segment.plans_doses and segment.interval is None and not unsaid


def _bounds(segment: Segment, voice: Voice, dated: bool) -> Iterator[str]:
    """Clauses in the order in which they narrow: what follows, from when, how the dose moves, limits, until when."""
    yield from (_following(follower, voice) for follower in segment.following)
    yield from _start(segment, voice, dated)
    step = _moving(segment)
    if step is not None:
        yield _step(step, voice)
    if segment.as_needed is not None:
        yield from _limits(segment.as_needed, voice)
    yield from _end(segment, voice)


def _start(segment: Segment, voice: Voice, dated: bool) -> Iterator[str]:
    anchor = _anchor(segment)
    said = voice.date_time if segment.interval is not None else voice.moment  # hours need the clock, if it is midnight
    if dated or segment.start != midnight(segment.first_day) or (_counts(segment) and anchor is None):
        yield voice.say("bound.from", moment=said(segment.start))
    if anchor is not None:
        yield voice.say("bound.counted_from", moment=said(anchor))


def _anchor(segment: Segment) -> datetime | None:
    """From where hours or days are counted, if that is not the start."""
    if segment.interval is not None:
        return segment.anchor if segment.anchor != segment.start else None
    rule = segment.day_rule
    anchor = rule.anchor if isinstance(rule, EveryDays) and rule.n > 1 else None
    return midnight(anchor) if anchor not in (None, segment.first_day) else None


def _counts(segment: Segment) -> bool:
    counts = segment.interval is not None or _moving(segment) is not None or counts_from_start(segment.day_rule)
    return counts or segment.count == 1


def _moving(segment: Segment) -> DoseStep | None:
    """How the amount moves, if it does; the grid has amounts of its own."""
    if isinstance(segment.time_rule, SlotGrid):
        return None
    return segment.dose if isinstance(segment.dose, DoseStep) else None


def _end(segment: Segment, voice: Voice) -> Iterator[str]:
    if segment.days is not None:
        yield voice.say_number("bound.days", segment.days)
    if segment.until is not None:
        yield voice.say("bound.until", date=voice.date(segment.until))
    if segment.end is not None:
        yield voice.say("bound.before", moment=voice.moment(segment.end))
    if segment.count is not None:
        yield voice.say("bound.once") if segment.count == 1 else voice.say_number("bound.count", segment.count)
    if segment.quantity is not None:
        yield voice.say("bound.quantity", amount=voice.amount(segment.quantity))


def _step(dose: DoseStep, voice: Voice) -> str:
    less = dose.step < 0
    change = voice.say("step.less" if less else "step.more", step=voice.amount(abs(dose.step)),
                       days=every_days_text(dose.every_days, voice))
    if dose.limit is None:
        return voice.say("step.down_to_none", change=change) if less else change
    if dose.limit == 0:
        return voice.say("step.down_to_none", change=change)
    return voice.say("step.down_to" if less else "step.up_to", change=change, limit=voice.amount(dose.limit))


def _following(follower: Following, voice: Voice) -> str:
    after = voice.duration(follower.delay_min)
    if follower.dose is None:
        return voice.say("following.same", duration=after)
    return voice.say("following", amount=voice.amount(follower.dose), duration=after)


def _limits(limits: AsNeeded, voice: Voice) -> Iterator[str]:
    hours = voice.number(ROLLING_HOURS)
    if limits.min_interval_min:
        yield voice.say("limit.interval", duration=voice.duration(limits.min_interval_min))
    if limits.max_count_24h is not None:
        yield voice.say_number("limit.count_in_hours", limits.max_count_24h, hours=hours)
    if limits.max_amount_24h is not None:
        yield voice.say("limit.amount_in_hours", amount=voice.amount(limits.max_amount_24h), hours=hours)
    if limits.max_count_calendar_day is not None:
        yield voice.say_number("limit.count_in_a_day", limits.max_count_calendar_day)


def _pause(pause: Pause, voice: Voice) -> str:
    """By whole days where both ends are midnights, and then with the last day that has no dose."""
    starts, ends = pause.starts, pause.ends
    if (starts, ends) == (midnight(starts.date()), midnight(ends.date())):
        first, last = voice.date(starts), voice.date(ends - ONE_DAY)
        said = voice.say("pause.day" if first == last else "pause.days", first=first, last=last)
    else:
        said = voice.say("pause.moments", first=voice.moment(starts), last=voice.moment(ends))
    return voice.say("pause.anew", pause=said) if pause.mode == "reanchor" else said
