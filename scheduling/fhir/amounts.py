"""How much: the dose of an instruction and what it counts, the limits beside it, and units of time (FHIR Quantity).

A unit is taken only where it is certain, from UCUM, the German KBV table or its plain name in a language we read; every
other is `other`, with its own word kept for the line's note. A unit whose code and word disagree is nobody's: 3 weeks
written "3 Tag(e)" is not mapped. Amounts are never converted and never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from scheduling.fhir.elements import UNITS_OF_TIME, Dosage, Quantity, Ratio
from scheduling.fhir.review import Beyond, Reason
from scheduling.fhir.units import CODES, UCUM
from scheduling.plan_values import DOSE_PLACES, LEAST_DOSE, MOST_DOSE

KBV = "https://fhir.kbv.de/CodeSystem/KBV_CS_SFHIR_BMP_DOSIEREINHEIT"
FORMS = "http://terminology.hl7.org/CodeSystem/v3-orderableDrugForm"
PIECE = "piece"  # Stück: a tablet, a capsule, a suppository; which of them nobody says
_BY_CODE = {
    UCUM: {**{code: unit for unit, code in CODES.items()}, "ml": "ml", "{tbl}": "tablet", "{cap}": "capsule",
           "{drop}": "drop"},
    KBV: {"1": PIECE, "5": "puff", "6": "drop", "7": "teaspoon", "s": "ml", "v": "mg"},
    FORMS: {"TAB": "tablet", "CAP": "capsule", "DROP": "drop", "PUFF": "puff"},
}
_BY_WORD = {word: unit for unit, words in {
    "tablet": "tablet tablets tab tabs tablette tabletten comprimé comprimés គ្រាប់",
    "capsule": "capsule capsules cap caps kapsel kapseln gélule gélules កាប់ស៊ុល",
    "ml": "ml millilitre millilitres milliliter milliliters មីលីលីត្រ",
    "mg": "mg milligram milligrams milligramm milligramme milligrammes មីលីក្រាម",
    "drop": "drop drops tropfen goutte gouttes ដំណក់",
    "puff": "puff puffs hub hübe bouffée bouffées",
    "application": "application applications",
    "sachet": "sachet sachets កញ្ចប់",
    "ampoule": "ampoule ampoules ampule ampulle ampullen អំពូល",
    "teaspoon": "teaspoon teaspoons teelöffel ស្លាបព្រាកាហ្វេ",
    PIECE: "piece pieces stück",
}.items() for word in words.split()}
_TIME_BY_WORD = {word: unit for unit, words in {
    "s": "s sec second seconds sekunde sekunden seconde secondes វិនាទី",
    "min": "min minute minutes minuten នាទី",
    "h": "h hr hrs hour hours stunde stunden heure heures ម៉ោង",
    "d": "d day days tag tage jour jours ថ្ងៃ",
    "wk": "wk week weeks woche wochen semaine semaines សប្ដាហ៍ សប្តាហ៍",
    "mo": "mo month months monat monate mois ខែ",
    "a": "a year years jahr jahre an ans ឆ្នាំ",
}.items() for word in words.split()}
_ONE_DAY = {("h", Decimal(24)), ("d", Decimal(1))}


@dataclass(frozen=True, slots=True)
class Measure:
    """What an amount counts: a unit of prescription lines, and the sender's own word where that is `other`."""

    unit: str
    word: str | None = None


@dataclass(frozen=True, slots=True)
class Dose:
    amount: Decimal
    measure: Measure


def dose_of(dosage: Dosage) -> Dose:
    """The one fixed amount of every dose. Raises Beyond."""
    if not dosage.doseAndRate:
        raise Beyond(Reason.DOSE_MISSING)
    if len(dosage.doseAndRate) > 1:
        raise Beyond(Reason.DOSE_SEVERAL)
    rate = dosage.doseAndRate[0]
    if rate.rateRatio is not None or rate.rateRange is not None or rate.rateQuantity is not None:
        raise Beyond(Reason.RATE)
    if rate.doseRange is not None:
        raise Beyond(Reason.DOSE_RANGE)
    if rate.doseQuantity is None or rate.doseQuantity.value is None:
        raise Beyond(Reason.DOSE_MISSING)
    return Dose(_amount(rate.doseQuantity.value), measure_of(rate.doseQuantity))


def one_measure(doses: list[Dose]) -> Measure:
    """What all doses of a line count. Raises Beyond if it is not the same."""
    found = {dose.measure for dose in doses}
    if len(found) > 1:
        raise Beyond(Reason.UNIT_MISMATCH)
    return found.pop()


def most_in_24_hours(limit: Ratio, measure: Measure) -> Decimal:
    """The amount that maxDosePerPeriod allows in 24 hours or one day. Raises Beyond for any other limit."""
    most, during = limit.numerator, limit.denominator
    if most is None or during is None or most.value is None or most.comparator or during.comparator:
        raise Beyond(Reason.DOSE_LIMIT)
    if (time_unit(during), during.value) not in _ONE_DAY:
        raise Beyond(Reason.DOSE_LIMIT)
    if measure_of(most) != measure:
        raise Beyond(Reason.UNIT_MISMATCH)
    return _amount(most.value)


def measure_of(quantity: Quantity) -> Measure:
    """Raises Beyond if code and word name different units."""
    by_code = _BY_CODE.get(quantity.system or "", {}).get(quantity.code or "")
    word = (quantity.unit or "").strip()
    by_word = _BY_WORD.get(word.casefold())
    if by_code and by_word and by_code != by_word:
        raise Beyond(Reason.UNIT_CONTRADICTS)
    unit = by_code or by_word
    if unit in CODES:
        return Measure(str(unit))
    return Measure("other", word or unit or quantity.code)


def time_unit(quantity: Quantity) -> str | None:
    """The UCUM code of a quantity of time; None if it is none. Raises Beyond if code and word disagree."""
    by_code = quantity.code if quantity.code in UNITS_OF_TIME and quantity.system in (None, UCUM) else None
    by_word = _TIME_BY_WORD.get((quantity.unit or "").strip().casefold().translate({ord("("): None, ord(")"): None}))
    if by_code and by_word and by_code != by_word:
        raise Beyond(Reason.UNIT_CONTRADICTS)
    return by_code or by_word


def _amount(value: Decimal) -> Decimal:
    if not LEAST_DOSE <= value <= MOST_DOSE or value != round(value, DOSE_PLACES):
        raise Beyond(Reason.DOSE_UNREADABLE)
    return value
