"""A medicine that is taken when needed: its dose, its bounds and its limits as one segment without planned doses.

"Every 8 hours as needed" is a shortest distance, "three times a day as needed" a most in 24 hours, maxDosePerPeriod a
most amount. A medicine that is needed only at certain times of the day has no place in our limits and is left to a
person; so is one with two such instructions, or with a fixed plan beside it.
"""

from __future__ import annotations

from decimal import Decimal

from scheduling.fhir.amounts import Dose, most_in_24_hours, time_unit
from scheduling.fhir.bounds import Course
from scheduling.fhir.days import MINUTES_IN
from scheduling.fhir.elements import Dosage, Quantity, Raw, Repeat, url_of
from scheduling.fhir.parallel import bounds_of
from scheduling.fhir.review import Beyond, Reason
from scheduling.segment import AsNeeded, Segment

_GUIDE = "http://ig.fhir.de/igs/medication/StructureDefinition/"
MINIMUM_INTERVAL = frozenset({_GUIDE + "MinimumIntervalBetweenAdministrations", _GUIDE + "MindestabstandZwischenGaben"})
"""The modifier of "Medication DE" for the shortest time between two doses, by its present and its former name."""


def segment_as_needed(dosage: Dosage, repeat: Repeat, dose: Dose, course: Course) -> Segment:
    """Raises Beyond for what the limits cannot say."""
    if repeat.when or repeat.timeOfDay or repeat.dayOfWeek or repeat.count:
        raise Beyond(Reason.AS_NEEDED_AT_TIMES)
    least, most_count = _rate(repeat)
    least = max((one for one in (least, _named_interval(dosage)) if one is not None), default=None)
    most = most_in_24_hours(dosage.maxDosePerPeriod, dose.measure) if dosage.maxDosePerPeriod is not None else None
    if most is not None and most < dose.amount:
        raise Beyond(Reason.DOSE_LIMIT)
    last_day, end = bounds_of(course.closes)
    limits = AsNeeded(min_interval_min=least, max_count_24h=most_count, max_amount_24h=most)
    return Segment(start=course.start, until=last_day, end=end, dose=dose.amount, as_needed=limits)


def _rate(repeat: Repeat) -> tuple[int | None, int | None]:
    """(least minutes between two doses, most doses in 24 hours) of a frequency."""
    if repeat.period is None:
        if repeat.frequency is not None:
            raise Beyond(Reason.TIMING_UNDERSPECIFIED)
        return None, None
    if repeat.periodUnit == "d" and repeat.period == 1:
        return None, repeat.frequency or 1
    minutes = repeat.period * MINUTES_IN.get(str(repeat.periodUnit), Decimal(0))
    if repeat.frequency not in (None, 1) or minutes < 1 or minutes != int(minutes):
        raise Beyond(Reason.AS_NEEDED_AT_TIMES)
    return int(minutes), None


def _named_interval(dosage: Dosage) -> int | None:
    """Minutes of the guide's modifier extension, if there is one."""
    found = [_minutes(extension) for extension in dosage.modifierExtension if url_of(extension) in MINIMUM_INTERVAL]
    return max(found, default=None)


def _minutes(extension: Raw) -> int:
    quantity = extension.get("valueDuration")
    try:
        duration = Quantity.model_validate(quantity)
    except ValueError:
        raise Beyond(Reason.MODIFIER_EXTENSION) from None
    unit = time_unit(duration)
    minutes = (duration.value or Decimal(0)) * {**MINUTES_IN, "d": Decimal(1440)}.get(unit or "", Decimal(0))
    if minutes < 1 or minutes != int(minutes) or duration.comparator or duration.beyond:
        raise Beyond(Reason.MODIFIER_EXTENSION)
    return int(minutes)
