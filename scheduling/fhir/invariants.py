"""FHIR R4's own constraints on a Dosage: what breaks one is refused, by the constraint's name and the element's path.

Timing tim-1 to tim-10 (there is no tim-3), Duration drt-1, Quantity qty-3, SimpleQuantity sqty-1, Range rng-2, Period
per-1, Ratio rat-1, choices of which R4 allows one, and dos-1 of R5, which its extension for R4 brings along. tim-9 is
read as R5 words it: R4's text cannot be evaluated for more than one `when`. Judges elements alone, not what they mean.
"""

from __future__ import annotations

from collections.abc import Iterator

from scheduling.fhir.elements import (
    MEALS,
    UNITS_OF_TIME,
    Dosage,
    Element,
    Period,
    Quantity,
    Range,
    Ratio,
    Repeat,
    url_of,
)
from scheduling.fhir.units import UCUM
from sync.problem import FieldCode, FieldProblem

AS_NEEDED_FOR = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Dosage.asNeededFor"
Broken = Iterator[tuple[str, FieldCode]]


def broken(dosage: Dosage, path: str) -> list[FieldProblem]:
    """Every constraint that the dosage breaks; `path` is where it stands."""
    found = [*_dosage(dosage), *_at("timing.repeat", _repeat(dosage.repeat)), *_quantities(dosage)]
    return [FieldProblem(f"{path}.{name}", code) for name, code in found]


def _at(path: str, found: Broken) -> Broken:
    return ((f"{path}.{name}" if name else path, code) for name, code in found)


def _dosage(dosage: Dosage) -> Broken:
    if dosage.asNeededBoolean is not None and dosage.asNeededCodeableConcept is not None:
        yield "asNeededCodeableConcept", FieldCode.FHIR_CHOICE
    named_for = any(url_of(extension) == AS_NEEDED_FOR for extension in dosage.extension)
    if named_for and dosage.asNeededBoolean is False:
        yield "asNeededBoolean", FieldCode.FHIR_DOS_1
    for i, rate in enumerate(dosage.doseAndRate):
        if rate.doseRange is not None and rate.doseQuantity is not None:
            yield f"doseAndRate.{i}.doseQuantity", FieldCode.FHIR_CHOICE
        if sum(one is not None for one in (rate.rateRatio, rate.rateRange, rate.rateQuantity)) > 1:
            yield f"doseAndRate.{i}", FieldCode.FHIR_CHOICE


def _repeat(repeat: Repeat) -> Broken:
    yield from _bounds(repeat)
    if repeat.duration is not None and repeat.durationUnit is None:
        yield "durationUnit", FieldCode.FHIR_TIM_1
    if repeat.period is not None and repeat.periodUnit is None:
        yield "periodUnit", FieldCode.FHIR_TIM_2
    if repeat.duration is not None and repeat.duration < 0:
        yield "duration", FieldCode.FHIR_TIM_4
    if repeat.period is not None and repeat.period < 0:
        yield "period", FieldCode.FHIR_TIM_5
    if repeat.periodMax is not None and repeat.period is None:
        yield "periodMax", FieldCode.FHIR_TIM_6
    if repeat.durationMax is not None and repeat.duration is None:
        yield "durationMax", FieldCode.FHIR_TIM_7
    if repeat.countMax is not None and repeat.count is None:
        yield "countMax", FieldCode.FHIR_TIM_8
    if repeat.offset is not None and (not repeat.when or any(event in MEALS for event in repeat.when)):
        yield "offset", FieldCode.FHIR_TIM_9
    if repeat.timeOfDay and repeat.when:
        yield "timeOfDay", FieldCode.FHIR_TIM_10


def _bounds(repeat: Repeat) -> Broken:
    given = [name for name in ("boundsDuration", "boundsRange", "boundsPeriod") if getattr(repeat, name) is not None]
    if len(given) > 1:
        yield given[1], FieldCode.BOUNDS_CONFLICT
    if (duration := repeat.boundsDuration) is not None and not _of_time(duration):
        yield "boundsDuration", FieldCode.FHIR_DRT_1
    if repeat.boundsPeriod is not None and _backwards(repeat.boundsPeriod):
        yield "boundsPeriod", FieldCode.FHIR_PER_1


def _of_time(duration: Quantity) -> bool:
    """drt-1: a value has a code of time; a system is UCUM."""
    coded = duration.value is None or (duration.code is not None and duration.code in UNITS_OF_TIME)
    return coded and duration.system in (None, UCUM)


def _backwards(period: Period) -> bool:
    """Compared as far as both are written; what cannot be compared so is bounds.py's."""
    if period.start is None or period.end is None:
        return False
    written = min(len(period.start), len(period.end), 10)
    return period.start[:written] > period.end[:written]


def _quantities(dosage: Dosage) -> Broken:
    repeat = dosage.repeat
    yield from _range("timing.repeat.boundsRange", repeat.boundsRange)
    yield from _quantity("timing.repeat.boundsDuration", repeat.boundsDuration)
    for i, rate in enumerate(dosage.doseAndRate):
        yield from _range(f"doseAndRate.{i}.doseRange", rate.doseRange)
        yield from _range(f"doseAndRate.{i}.rateRange", rate.rateRange)
        yield from _ratio(f"doseAndRate.{i}.rateRatio", rate.rateRatio)
        yield from _quantity(f"doseAndRate.{i}.doseQuantity", rate.doseQuantity, simple=True)
        yield from _quantity(f"doseAndRate.{i}.rateQuantity", rate.rateQuantity, simple=True)
    yield from _ratio("maxDosePerPeriod", dosage.maxDosePerPeriod)
    for name in ("maxDosePerAdministration", "maxDosePerLifetime"):
        yield from _quantity(name, getattr(dosage, name), simple=True)


def _quantity(path: str, quantity: Quantity | None, *, simple: bool = False) -> Broken:
    if quantity is None:
        return
    if quantity.code is not None and quantity.system is None:
        yield f"{path}.system", FieldCode.FHIR_QTY_3
    if simple and quantity.comparator is not None:
        yield f"{path}.comparator", FieldCode.FHIR_SQTY_1


def _range(path: str, given: Range | None) -> Broken:
    if given is None:
        return
    yield from _quantity(f"{path}.low", given.low, simple=True)
    yield from _quantity(f"{path}.high", given.high, simple=True)
    low, high = given.low, given.high
    comparable = low is not None and high is not None and (low.system, low.code) == (high.system, high.code)
    if comparable and low and high and low.value is not None and high.value is not None and low.value > high.value:
        yield path, FieldCode.FHIR_RNG_2


def _ratio(path: str, ratio: Ratio | None) -> Broken:
    if ratio is None:
        return
    if (ratio.numerator is None) != (ratio.denominator is None) or _empty(ratio):
        yield path, FieldCode.FHIR_RAT_1
    yield from _quantity(f"{path}.numerator", ratio.numerator)
    yield from _quantity(f"{path}.denominator", ratio.denominator)


def _empty(ratio: Element) -> bool:
    return not ratio.model_dump(exclude_defaults=True)
