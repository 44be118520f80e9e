"""The page docs/SCHEDULES.md: every example plan with its JSON, its sentence in both languages and its next doses.

`python -m scheduling.gallery` prints it, `make docs` writes it, a test holds the two equal. The moment from which doses
are shown and the patient's routine are fixed, so that the page changes only when the rules or the words do.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice

from i18n.doses import amount_text
from scheduling.gallery_plans import SECTIONS, Example
from scheduling.plan import Plan, assign_keys, read_plan
from scheduling.plan_text import plan_text
from scheduling.plan_text_grid import FourSlotTable, four_slot_table
from scheduling.recurrence import Planned, walk
from scheduling.routine import DEFAULT_ROUTINE as ROUTINE

FROM = datetime.fromisoformat("2026-11-20T00:00:00+07:00")
DOSES_SHOWN = 5
FAR_ENOUGH = timedelta(days=20 * 366)  # five leap days


def _hours(clocks: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {clock}" for name, clock in clocks.items())


INTRODUCTION = f"""\
# Dosing plans

Written by `make docs` from `scheduling/gallery_plans.py`; do not edit it here. Each plan is shown as JSON, as the Khmer
and the English sentence that a patient reads, as the row of the four-slot form if that says it whole, and with its
first {DOSES_SHOWN} doses from {FROM:%Y-%m-%d %H:%M} on in {ROUTINE.zone}.

The sentences name no medicine (a line may be private), and neither slot hours nor zones: those are the patient's. The
doses here are those of the usual hours: {_hours(ROUTINE.slots)};
{_hours(ROUTINE.meals)}; before or after a meal is
{ROUTINE.meal_offset_min} minutes unless the plan says otherwise. A dose in brackets follows another one and
moves with the moment at which that one was really taken.

Clauses that a native medical speaker still has to confirm are marked `review: C` in `i18n/locales/km.po`."""


def page() -> str:
    """The whole page, as Markdown."""
    parts = [INTRODUCTION]
    for heading, examples in SECTIONS:
        parts.append(f"## {heading}")
        parts += [part for example in examples for part in _example(example)]
    return "\n\n".join(parts) + "\n"


def plan_of(example: Example) -> Plan:
    """The example's plan, ready to be expanded."""
    plan = read_plan(example.plan)
    assert isinstance(plan, Plan), f"{example.title}: {plan}"
    return assign_keys(plan)


def _example(example: Example) -> Iterator[str]:
    plan = plan_of(example)
    yield f"### {example.title}"
    yield f"```json\n{_json(example)}\n```"
    yield f"> {plan_text(plan, 'km', form=example.form, unit=example.unit)}"
    yield f"> {plan_text(plan, 'en', form=example.form, unit=example.unit)}"
    row = four_slot_table(plan, "km", unit=example.unit)
    if row is not None:
        yield _table(row)
    doses = islice(walk(plan, ROUTINE, FROM, FROM + FAR_ENOUGH), DOSES_SHOWN)
    yield "Doses: " + (" · ".join(_dose(dose, example.unit) for dose in doses) or "none is planned.")


def _json(example: Example) -> str:
    """A line for each segment."""
    rest = {name: value for name, value in example.plan.items() if name != "segments"}
    segments = ",\n  ".join(json.dumps(segment) for segment in example.plan["segments"])
    more = f",\n {json.dumps(rest)[1:]}" if rest else "}"
    return f'{{"segments": [\n  {segments}]{more}'


def _table(row: FourSlotTable) -> str:
    lines = (row.header, ["---"] * len(row.header), row.amounts)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _dose(dose: Planned, unit: str) -> str:
    at = f"{dose.local:%a %Y-%m-%d %H:%M}"
    if dose.local.utcoffset() != FROM.utcoffset():
        at += f" in {dose.zone.key}"
    said = f"{at} {amount_text(dose.amount, unit, 'en')}"
    return f"({said})" if dose.provisional else said


if __name__ == "__main__":
    sys.stdout.write(page())
