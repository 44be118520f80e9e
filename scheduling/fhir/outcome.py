"""What becomes of one medicine's dosage: mapped whole, kept as text for a person, or refused as no valid FHIR."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scheduling.fhir.review import Reason
from sync.problem import FieldProblem


@dataclass(frozen=True, slots=True)
class Mapped:
    """`plan` is JSON that `read_plan` accepts. `as_needed` are the limits of a medicine taken when needed, else None.

    `unit` is a prescription line's; what it stands for, and all that the sender said in words, is in `text`.
    `meal_relation` is before, with or after if all its doses are so, else None.
    """

    plan: dict[str, Any]
    as_needed: dict[str, Any] | None
    unit: str
    text: str
    meal_relation: str | None = None


@dataclass(frozen=True, slots=True)
class NeedsReview:
    """Nothing was mapped; `text` is what a person needs to write the line themselves."""

    text: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Refused:
    """What FHIR itself forbids, or no dosage at all: every element with its path below the instructions."""

    problems: tuple[FieldProblem, ...]


Outcome = Mapped | NeedsReview | Refused
