"""Timing.code: HL7's abbreviations (BID, Q8H, …) as the repeat that they stand for.

FHIR: the code is a complete statement of the timing, the repeat beside it the same in parts, bounds alone excepted. So
a code without a repeat is read, a code beside one must agree with it, and a code that we do not know is only words.

AM and BED name a part of the day. PM is "every afternoon" to HL7, "evening" to many who write it and "noon" to some
software: it is known and not mapped. Hours are elapsed hours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from scheduling.fhir.elements import CodeableConcept, Repeat, Timing
from scheduling.fhir.review import Beyond, Reason

SYSTEMS = frozenset({"http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation", "http://hl7.org/fhir/v3/GTSAbbreviation",
                     "urn:oid:2.16.840.1.113883.5.1022"})
_ONE = Decimal(1)


def _every(frequency: int, period: int, unit: str, *when: str) -> Repeat:
    return Repeat(frequency=frequency, period=Decimal(period), periodUnit=unit, when=when)


MEANINGS = {
    "QD": _every(1, 1, "d"), "BID": _every(2, 1, "d"), "TID": _every(3, 1, "d"), "QID": _every(4, 1, "d"),
    "QOD": _every(1, 2, "d"), "WK": _every(1, 1, "wk"), "MO": _every(1, 1, "mo"),
    "AM": _every(1, 1, "d", "MORN"), "BED": _every(1, 1, "d", "HS"), "QHS": _every(1, 1, "d", "HS"),
    **{f"Q{hours}H": _every(1, hours, "h") for hours in (1, 2, 3, 4, 6, 8, 12, 24, 36, 48, 72)},
}
AMBIGUOUS = frozenset({"PM"})


def repeat_of(timing: Timing) -> Repeat:
    """What the timing says, from its repeat, its code or both. Raises Beyond."""
    given = timing.repeat or Repeat()
    if timing.code is None:
        return given
    known = list(dict.fromkeys(code for code in _written(timing.code) if code in MEANINGS or code in AMBIGUOUS))
    if not known:
        if given.says_when:
            return given  # a local code beside its own statement in FHIR's terms; its words go into the note
        raise Beyond(Reason.CODE_UNKNOWN)
    if len(known) > 1:
        raise Beyond(Reason.TIMING_CONTRADICTS)
    if known[0] in AMBIGUOUS and not given.says_when:
        raise Beyond(Reason.CODE_UNKNOWN)
    return _agreed(given, MEANINGS.get(known[0]))


def _written(code: CodeableConcept) -> Iterator[str]:
    """The abbreviations that it carries, in capitals; a bare text may be one too."""
    yield from (coding.code.upper() for coding in code.coding
                if coding.code and (coding.system in SYSTEMS or coding.system is None))
    yield re.sub(r"[.\s]", "", code.text or "").upper()


def _agreed(given: Repeat, meant: Repeat | None) -> Repeat:
    if meant is None:
        return given
    if not given.says_when:
        return given.model_copy(update={
            name: getattr(meant, name) for name in ("frequency", "period", "periodUnit", "when")})
    named = len(given.timeOfDay) or len(given.when)
    rate = (given.frequency or named or 1, given.period or _ONE, given.periodUnit or "d")
    same_rate = rate == (meant.frequency, meant.period, meant.periodUnit)
    if given.dayOfWeek or not same_rate or (meant.when and (given.timeOfDay or given.when != meant.when)):
        raise Beyond(Reason.TIMING_CONTRADICTS)
    return given
