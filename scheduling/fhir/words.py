"""The words of a dosage: what a person reads beside the plan, or instead of it.

Text is carried, never parsed into a plan. It is looked at only to notice that it contradicts what stands beside it: a
clock time or a four-part scheme that the structured part does not know.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from scheduling.fhir.elements import SLOTS, CodeableConcept, Dosage, Repeat

MOST_LEAVES = 200
MAX_DEPTH = 20
_CLOCK = re.compile(r"(?<![0-9:.])([01]?[0-9]|2[0-3])[:.]([0-5][0-9])(?![0-9])")
_SCHEME = re.compile(r"(?<![0-9-])[0-9]{1,3}(?:[.,][0-9]{1,2})?(?:-[0-9]{1,3}(?:[.,][0-9]{1,2})?){2,3}(?![0-9-])")
_UNSAID = frozenset({"system", "url", "id", "version", "resourceType"})


def written(dosages: Iterable[Dosage]) -> str:
    """Everything that the instructions say in words, each once, line by line."""
    return _joined(said for dosage in dosages for said in _said(dosage))


def spelled_out(instruction: object) -> str:
    """An instruction for a person to read: its text, if it has one, then its elements as `frequency 1, period 8, …`."""
    if isinstance(instruction, str):
        return _joined([instruction])
    if not isinstance(instruction, Mapping):
        return ""
    text = instruction.get("text")
    structure = {name: value for name, value in instruction.items() if name != "text"}
    leaves = [f"{name} {value}" for name, value in islice(_leaves(structure, "", 0), MOST_LEAVES)]
    return _joined([text if isinstance(text, str) else "", ", ".join(leaves)])


def text_contradicts(dosage: Dosage, repeat: Repeat, amount: Decimal, bounds: Iterable[datetime | None]) -> bool:
    """Whether its free text names a clock time or a scheme (1-0-1-0) that its timing, bounds and dose do not."""
    text = dosage.text or ""
    clocks = {f"{int(hour):02d}:{minute}" for hour, minute in _CLOCK.findall(_SCHEME.sub(" ", text))}
    if not clocks <= {*(time[:5] for time in repeat.timeOfDay), *(f"{at:%H:%M}" for at in bounds if at is not None)}:
        return True
    grid = [amount if slot in repeat.when else Decimal(0) for slot in SLOTS]
    return any(_differs(scheme, grid) for scheme in _SCHEME.findall(text))


def _differs(scheme: str, grid: list[Decimal]) -> bool:
    parts = [Decimal(part.replace(",", ".")) for part in scheme.split("-")]
    return [*parts, *[Decimal(0)] * (len(grid) - len(parts))] != grid


def _said(dosage: Dosage) -> Iterator[str]:
    yield dosage.text or ""
    yield dosage.patientInstruction or ""
    code = dosage.timing.code if dosage.timing else None
    concepts = (*dosage.additionalInstruction, dosage.asNeededCodeableConcept, dosage.method, dosage.route, dosage.site,
                code)
    yield from (concept.words or _codes(concept) for concept in concepts if concept is not None)
    for extension in dosage.extension:
        coded = extension.get("valueCodeableConcept")
        named = coded.get("text") if isinstance(coded, Mapping) else extension.get("valueString")
        yield named if isinstance(named, str) else ""


def _codes(concept: CodeableConcept) -> str:
    return ", ".join(coding.code for coding in concept.coding if coding.code)


def _joined(parts: Iterable[str]) -> str:
    lines = dict.fromkeys(part.strip() for part in parts)
    return "\n".join(line for line in lines if line)


def _leaves(value: Any, name: str, depth: int) -> Iterator[tuple[str, object]]:
    if depth > MAX_DEPTH:
        return
    if isinstance(value, Mapping) and "value" in value:  # a Quantity
        yield name, f"{value['value']} {value.get('unit') or value.get('code') or ''}".strip()
    elif isinstance(value, Mapping):
        for member, inner in value.items():
            if member not in _UNSAID:
                yield from _leaves(inner, str(member), depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, name, depth + 1)
    elif value is not None:
        yield name, str(value).lower() if isinstance(value, bool) else value
