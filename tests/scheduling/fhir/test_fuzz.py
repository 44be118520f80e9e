"""Whatever stands in the shape of a Dosage: an outcome, never an exception, and what is mapped the house can read."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduling.fhir.elements import EVENT_TIMING, UNITS_OF_TIME, Dosage
from scheduling.fhir.outcome import Mapped, NeedsReview, Refused
from scheduling.plan import Plan, assign_keys, read_plan
from scheduling.plan_values import WEEKDAYS
from scheduling.recurrence import expand
from scheduling.routine import DEFAULT_ROUTINE
from scheduling.zones import instant_of, zone_named
from tests.scheduling.fhir.guide import START, ZONE, outcome

UCUM = "http://unitsofmeasure.org"
extremes = [Decimal(text) for text in ("1E+30", "NaN", "1E+999999999", "1E-999999999")]
numbers = st.one_of(st.integers(-2, 40), st.sampled_from([0, 1, 7, 24, 10**9, 2**70]),
                    st.decimals(-1, 100, places=2), st.sampled_from(extremes))
words = st.one_of(st.sampled_from(["", "BID", "1-0-1-0", "08:00", "tablet", "ml", "Tag(e)", "d", "h", UCUM, "QHS"]),
                  st.text(max_size=8))
dates = st.one_of(st.sampled_from(["2026", "2026-07", "2026-07-02", "2026-06-24T08:00:00Z", "9999-12-31T23:59:59-14:00",
                                   "0001-01-01", "2026-02-30", "2026-06-24T08:00:00"]), st.text(max_size=10))
junk = st.recursive(st.one_of(st.none(), st.booleans(), numbers, words), lambda inner: st.one_of(
    st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=3)), max_leaves=6)


def element(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({}, optional={name: st.one_of(value, value, value, junk)
                                               for name, value in members.items()})


quantity = element(value=numbers, unit=words, code=st.one_of(st.sampled_from(UNITS_OF_TIME), words),
                   system=st.one_of(st.just(UCUM), words), comparator=words)
concept = element(text=words, coding=st.lists(element(code=words, system=words, display=words), max_size=2))
extension = element(url=words, valueString=words, valueCodeableConcept=concept, valueDuration=quantity)
extensions = st.lists(extension, max_size=2)
ranges = element(low=quantity, high=quantity)
repeats = element(
    frequency=st.integers(1, 6), frequencyMax=numbers, period=numbers, periodMax=numbers,
    periodUnit=st.sampled_from(UNITS_OF_TIME), count=numbers, countMax=numbers, duration=numbers,
    when=st.lists(st.sampled_from(sorted(EVENT_TIMING)), max_size=4), offset=numbers,
    timeOfDay=st.lists(st.sampled_from(["08:00:00", "20:00:00", "08:00:30", "23:59:60"]), max_size=4),
    dayOfWeek=st.lists(st.sampled_from(WEEKDAYS), max_size=4),
    boundsDuration=quantity, boundsPeriod=element(start=dates, end=dates), boundsRange=ranges)
dosages = element(
    sequence=numbers, text=words, patientInstruction=words, asNeededBoolean=st.booleans(),
    asNeededCodeableConcept=concept,
    timing=element(repeat=repeats, code=concept, event=st.lists(dates, max_size=2)), route=concept, method=concept,
    additionalInstruction=st.lists(concept, max_size=2), extension=extensions,
    modifierExtension=extensions, maxDosePerPeriod=element(numerator=quantity, denominator=quantity),
    doseAndRate=st.lists(element(doseQuantity=quantity, doseRange=ranges, rateQuantity=quantity), max_size=2))
bounds = {"boundsDuration": st.fixed_dictionaries({
    "value": st.integers(1, 30), "code": st.sampled_from(UNITS_OF_TIME), "system": st.just(UCUM)})}
events = st.sampled_from(sorted(EVENT_TIMING))
sound = st.one_of(
    st.fixed_dictionaries({"when": st.lists(events, min_size=1, max_size=2, unique=True)}, optional=bounds),
    st.fixed_dictionaries({"frequency": st.integers(1, 4), "period": st.just(1), "periodUnit": st.just("d")},
                          optional={**bounds, "count": st.integers(1, 60)}),
    st.fixed_dictionaries({"period": st.integers(1, 12), "periodUnit": st.sampled_from(UNITS_OF_TIME)},
                          optional=bounds),
    st.fixed_dictionaries({"dayOfWeek": st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=3)}, optional={
        **bounds, "timeOfDay": st.lists(st.sampled_from(["08:00:00", "20:00:00"]), max_size=2, unique=True)}))
likely = st.fixed_dictionaries({
    "timing": st.fixed_dictionaries({"repeat": sound}),
    "doseAndRate": st.tuples(st.fixed_dictionaries({"doseQuantity": st.fixed_dictionaries(
        {"value": st.integers(1, 3)})})).map(list),
}, optional={"sequence": st.integers(1, 2), "asNeededBoolean": st.booleans()})  # fmt: skip


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.one_of(junk, st.lists(st.one_of(dosages, dosages, junk), max_size=3)))
def test_no_JSON_raises(sent: Any) -> None:
    assert isinstance(outcome(sent), Mapped | NeedsReview | Refused)


@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(likely, min_size=1, max_size=3))
def test_what_is_mapped_is_a_plan_whose_doses_begin_with_the_course(sent: list[Any]) -> None:
    found = outcome(sent)
    if not isinstance(found, Mapped):
        assert isinstance(found, NeedsReview | Refused)
        return
    plan = read_plan(found.plan)
    assert isinstance(plan, Plan), plan
    zone = zone_named(ZONE)
    since, until = instant_of(START - timedelta(days=2), zone), instant_of(START + timedelta(days=40), zone)
    doses = expand(assign_keys(plan), DEFAULT_ROUTINE, since, until, limit=10_000)
    assert isinstance(doses, list)
    bounded = any(segment.closes is not None for segment in plan.segments)
    assert not doses if found.as_needed is not None else doses or bounded
    assert all(dose.local.replace(tzinfo=None) >= START and 1 <= dose.amount <= 3 for dose in doses)


def test_the_fuzz_speaks_of_every_element_that_FHIR_has() -> None:
    """A member that the mapping learns must be fuzzed too."""
    said = set(Dosage.model_fields) - {"id", "site", "maxDosePerAdministration", "maxDosePerLifetime"}
    assert said <= {"sequence", "text", "patientInstruction", "asNeededBoolean", "asNeededCodeableConcept", "timing",
                    "route", "method", "additionalInstruction", "extension", "modifierExtension", "maxDosePerPeriod",
                    "doseAndRate"}
