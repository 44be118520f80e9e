"""From a change's outcome to what HTTP says of it: success, or the refusal that fits (R-384, R-601).

The phone's doors answer 200 with outcomes; only REST and named endpoints come here. Knows codes; no SQL.
"""

from __future__ import annotations

from typing import Any

from server.write import problem_of
from sync.problem import Code, Refusal
from sync.push import Settlement
from sync.record import Because, Outcome, Result

STANDING = frozenset({Outcome.APPLIED, Outcome.DUPLICATE, Outcome.MERGED})
REFUSALS: dict[Because, Code] = {
    Because.STALE_BASE: Code.STALE_BASE, Because.SERVER_WINS: Code.CONFLICT, Because.OLDER_EDIT: Code.CONFLICT,
    Because.SAME_BATCH: Code.CONFLICT, Because.PERSON_OVER_DEVICE: Code.CONFLICT, Because.IMMUTABLE: Code.CONFLICT,
    Because.CLOSED_GENERATION: Code.WRONG_STATUS, Because.WRONG_STATUS: Code.WRONG_STATUS,
    Because.INVALID: Code.INVALID, Because.CHANGE_ID_REUSED: Code.BATCH_ID_REUSED,
    Because.SCOPE_MISMATCH: Code.NOT_FOUND, Because.UNKNOWN_KIND: Code.NOT_FOUND,
    Because.MISSING_PARENT: Code.CONFLICT,
}


def refuse_losers(settlement: Settlement, *, known: bool) -> None:
    """Raises the Refusal of the first change that did not stand. `known`: the caller may read the row or its scope, so
    that a forbidden deed is 403 for them and 404 for everybody else (R-384)."""
    for result in settlement.results:
        refuse(result, current_of(settlement, result), known=known)


def refuse(result: Result, current: dict[str, Any] | None, *, known: bool) -> None:
    if result.outcome in STANDING:
        return
    code = REFUSALS.get(result.code, Code.FORBIDDEN if known else Code.NOT_FOUND)
    extra: dict[str, Any] = {"because": str(result.code)}
    if current is not None:
        extra["current"] = current
    raise Refusal(code, *(problem_of(detail) for detail in result.details), extra=extra)


def current_of(settlement: Settlement, result: Result) -> dict[str, Any] | None:
    """The winner's row, as the author may see it."""
    return dict(settlement.rows[result.key]) if result.key is not None and result.key in settlement.rows else None
