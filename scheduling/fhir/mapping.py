"""FHIR R4 dosageInstruction → dosing plan: the story of one medicine (R-580, R-581).

A dosage is mapped whole or not at all, for one understood in part is a wrong one. What breaks FHIR's own constraints is
refused by name; what is valid and more than a plan can say, or leaves a choice open, is kept as text with its reason.
Knows the plan's conventions (tests/data/schedule_cases.json); no patient, no medicine, no store.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from typing import Any

from pydantic import TypeAdapter, ValidationError

from scheduling.fhir.amounts import Dose, dose_of, one_measure
from scheduling.fhir.as_needed import MINIMUM_INTERVAL, segment_as_needed
from scheduling.fhir.bounds import Begins, course_of
from scheduling.fhir.codes import repeat_of
from scheduling.fhir.days import cadence_of, first_start
from scheduling.fhir.elements import MAX_INSTRUCTIONS, Dosage, Element, Repeat, url_of
from scheduling.fhir.invariants import broken
from scheduling.fhir.outcome import Mapped, NeedsReview, Outcome, Refused
from scheduling.fhir.parallel import Stretch, segments_of
from scheduling.fhir.review import Beyond, Reason
from scheduling.fhir.times import named_times, time_rules
from scheduling.fhir.words import spelled_out, text_contradicts, written
from scheduling.plan import MAX_SEGMENTS, Plan, read_plan
from scheduling.segment import Segment
from scheduling.time_rules import Meals
from storage.wire_check import read_problems
from sync.problem import FieldCode, FieldProblem

_DOSAGE: TypeAdapter[Dosage] = TypeAdapter(Dosage)


def dosage_outcome(instructions: object, begins: Begins, path: str = "dosageInstruction") -> Outcome:
    """What becomes of the Dosage list of one medicine. Never raises, whatever JSON comes.

    Numbers are int or Decimal, as `sync.gate.read_json` yields them; one Dosage is a list of one. `path` is where the
    list stands.
    """
    if isinstance(instructions, dict):
        instructions = [instructions]
    if not isinstance(instructions, list) or len(instructions) > MAX_INSTRUCTIONS:
        code = FieldCode.TOO_MANY if isinstance(instructions, list) else FieldCode.WRONG_TYPE
        return Refused((FieldProblem(path, code, {"most": MAX_INSTRUCTIONS}),))
    read = _read([one for one in instructions if not isinstance(one, str)], path)
    if isinstance(read, Refused):
        return read
    text = "\n".join(filter(None, (spelled_out(instruction) for instruction in instructions)))
    try:
        if len(read) < len(instructions):  # a bare string is text, whatever stands beside it
            raise Beyond(Reason.TEXT_ONLY)
        return _mapped(read, begins)
    except Beyond as beyond:
        return NeedsReview(text, beyond.reason)
    except ValidationError:  # a number or a list larger than a plan may have
        return NeedsReview(text, Reason.BEYOND_PLAN)


def _read(instructions: list[object], path: str) -> list[Dosage] | Refused:
    """The instructions as elements, if they are FHIR."""
    dosages, problems = list[Dosage](), list[FieldProblem]()
    for i, instruction in enumerate(instructions):
        at = f"{path}.{i}".lstrip(".")  # a bare list has no name
        try:
            dosages.append(dosage := _DOSAGE.validate_python(instruction))
            problems += broken(dosage, at)
        except ValidationError as error:
            problems += [FieldProblem(f"{at}.{found.field}".rstrip("."), found.code, found.params)
                         for found in read_problems(error)]
    return Refused(tuple(problems)) if problems else dosages


def _mapped(dosages: list[Dosage], begins: Begins) -> Mapped:
    """The chapters of the mapping. Raises Beyond."""
    _understood(dosages)
    repeats = [_repeat(dosage) for dosage in dosages]
    segments, doses = _segments(dosages, repeats, begins)
    measure = one_measure(doses)
    plan = _checked(segments)
    limits = segments[0].as_needed
    return Mapped(
        plan=plan, unit=measure.unit, meal_relation=_meal_relation(segments),
        as_needed=None if limits is None else limits.model_dump(mode="json", exclude_none=True),
        text="\n".join(filter(None, (measure.word, written(dosages)))),
    )


def _understood(dosages: list[Dosage]) -> None:
    """Nothing is passed over that may change the meaning, and there is something to map."""
    if not dosages:
        raise Beyond(Reason.DOSAGE_MISSING)
    for dosage in dosages:
        for element in _elements(dosage):
            known = MINIMUM_INTERVAL if isinstance(element, Dosage) and dosage.as_needed else frozenset[str]()
            if any(url_of(extension) not in known for extension in element.modifierExtension):
                raise Beyond(Reason.MODIFIER_EXTENSION)
            if element.beyond:
                raise Beyond(Reason.UNKNOWN_MEMBER)
        if dosage.maxDosePerAdministration is not None or dosage.maxDosePerLifetime is not None:
            raise Beyond(Reason.DOSE_LIMIT)
    if all(dosage.timing is None and not dosage.doseAndRate and not dosage.as_needed for dosage in dosages):
        raise Beyond(Reason.TEXT_ONLY if any(dosage.text for dosage in dosages) else Reason.DOSAGE_MISSING)


def _elements(element: Element) -> Iterator[Element]:
    yield element
    for name in type(element).model_fields:
        value = getattr(element, name)
        for inner in value if isinstance(value, tuple) else (value,):
            if isinstance(inner, Element):
                yield from _elements(inner)


def _repeat(dosage: Dosage) -> Repeat:
    """What its timing says, if it is one fixed rhythm."""
    if dosage.timing is None:
        return Repeat()
    if dosage.timing.event:
        raise Beyond(Reason.EVENT_DATES)
    repeat = repeat_of(dosage.timing)
    for given, reason in (
        (repeat.frequencyMax, Reason.FREQUENCY_RANGE), (repeat.periodMax, Reason.PERIOD_RANGE),
        (repeat.countMax, Reason.COUNT_RANGE), (repeat.duration, Reason.EVENT_DURATION),
    ):
        if given is not None:
            raise Beyond(reason)
    return repeat


def _segments(dosages: list[Dosage], repeats: list[Repeat], begins: Begins) -> tuple[tuple[Segment, ...], list[Dose]]:
    if any(dosage.as_needed for dosage in dosages):
        if len(dosages) > 1:
            raise Beyond(Reason.AS_NEEDED_SEVERAL)
        dose = dose_of(dosages[0])
        return (segment_as_needed(dosages[0], repeats[0], dose, course_of(repeats[0], begins)),), [dose]
    stretches, doses = list[Stretch](), list[Dose]()
    # FHIR's `sequence`: equal numbers run side by side, a higher one follows when the lower ones have ended
    if len({dosage.sequence for dosage in dosages}) > 1 and any(dosage.sequence is None for dosage in dosages):
        raise Beyond(Reason.SEQUENCE_OPEN)
    pairs = sorted(zip(dosages, repeats, strict=True), key=_number)
    for _, group in groupby(pairs, key=_number):
        after = _end(stretches)
        for dosage, repeat in group:
            stretch, dose = _stretch(dosage, repeat, begins, after)
            stretches.append(stretch)
            doses.append(dose)
    return segments_of(stretches), doses


def _end(before: list[Stretch]) -> datetime | None:
    if any(stretch.closes is None for stretch in before):
        raise Beyond(Reason.SEQUENCE_OPEN)
    return max((stretch.closes for stretch in before if stretch.closes is not None), default=None)


def _number(pair: tuple[Dosage, Repeat]) -> int:
    return pair[0].sequence or 0


def _stretch(dosage: Dosage, repeat: Repeat, begins: Begins, after: datetime | None) -> tuple[Stretch, Dose]:
    """One instruction with planned doses."""
    named, course = named_times(repeat), course_of(repeat, begins, after)
    cadence = cadence_of(repeat, named, course.start.date())
    dose = dose_of(dosage)
    if dosage.maxDosePerPeriod is not None:  # a limit is for what one takes when needed; beside a plan it is a riddle
        raise Beyond(Reason.DOSE_LIMIT)
    if text_contradicts(dosage, repeat, dose.amount, (course.start, course.closes)):
        raise Beyond(Reason.TEXT_CONTRADICTS)
    elapsed = cadence.interval_min is not None
    rules = () if elapsed else time_rules(repeat, cadence.per_day, dose.amount)
    start = first_start(cadence.day_rule, course.start)
    if course.closes is not None and course.closes <= start:
        raise Beyond(Reason.COURSE_OVER)
    return Stretch(start, course.closes, repeat.count, cadence.day_rule, rules, cadence.interval_min, dose.amount), dose


def _checked(segments: tuple[Segment, ...]) -> dict[str, Any]:
    """The plan as JSON, accepted by the one reader of plans."""
    if len(segments) > MAX_SEGMENTS:
        raise Beyond(Reason.BEYOND_PLAN)
    told = [segment.model_dump(mode="json", by_alias=True, exclude_none=True) for segment in segments]
    body = {"segments": [_without_empty_lists(segment) for segment in told]}
    if not isinstance(read_plan(body), Plan):
        raise Beyond(Reason.BEYOND_PLAN)
    return body


def _without_empty_lists(told: dict[str, Any]) -> dict[str, Any]:
    return {name: _without_empty_lists(value) if isinstance(value, dict) else value
            for name, value in told.items() if value != []}


def _meal_relation(segments: tuple[Segment, ...]) -> str | None:
    """One relation to real meals that all doses share."""
    found = {segment.time_rule.relation if isinstance(segment.time_rule, Meals)
             and not {"wake", "bed"} & set(segment.time_rule.meals) else None for segment in segments}
    return found.pop() if len(found) == 1 else None
