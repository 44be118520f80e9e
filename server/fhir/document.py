"""The Bundle as the bytes that are sent, its dosages said in one language. Takes time: run it beside the event loop."""

from __future__ import annotations

from decimal import Decimal

import orjson

from i18n.languages import Language
from scheduling.fhir.export_dosage import line_dosages
from scheduling.routine import Routine
from scheduling.zones import zone_named
from server.fhir.bundle import Chart, bundle_of
from sync.values import decimal_text

MEDIA_TYPE = "application/fhir+json"


def document(chart: Chart, routine: Routine, zone: str, language: Language, now: str) -> bytes:
    """`routine` and `zone` are the patient's; `now` is a canonical instant."""
    bundle = bundle_of(chart, lambda line: line_dosages(line, routine, language), now, zone_named(zone))
    return orjson.dumps(bundle, default=_number)


def _number(value: object) -> orjson.Fragment:
    """An amount as the JSON number it is, digit by digit: FHIR's decimals are exact."""
    if isinstance(value, Decimal):
        return orjson.Fragment(decimal_text(value))
    raise TypeError(f"{type(value).__name__} is not a value of FHIR")
