"""Every refusal the house can utter, as a code with details. Knows no sentence, no language and no HTTP library.

The sentence for a code is made at the edge from the gettext catalogues (`error.<code>`); a test asks both catalogues
for every code. HTTP statuses stand here because a code and its status must never drift apart (R-601).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Code(StrEnum):
    """Codes of refusals that end a request. The value is the wire word; the status is in `STATUS`."""

    # the envelope (400, 413, 415, 422, 426)
    UNREADABLE = "unreadable"
    INVALID = "invalid"
    TOO_LARGE = "too_large"
    TOO_MANY_CHANGES = "too_many_changes"
    UNSUPPORTED_MEDIA = "unsupported_media"
    BATCH_ID_REUSED = "batch_id_reused"
    SCHEMA_TOO_OLD = "schema_too_old"
    # who is asking (401, 403)
    UNAUTHENTICATED = "unauthenticated"
    TOKEN_EXPIRED = "token_expired"
    SESSION_ENDED = "session_ended"
    WRONG_CREDENTIALS = "wrong_credentials"
    LOCKED = "locked"
    FORBIDDEN = "forbidden"
    LEVEL_REQUIRED = "level_required"
    ROLE_NOT_OFFERED = "role_not_offered"
    DEVICE_MISMATCH = "device_mismatch"
    # what is asked for (404, 405, 409, 412, 428)
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CONFLICT = "conflict"
    ALREADY_EXISTS = "already_exists"
    STALE_BASE = "stale_base"
    PRECONDITION_FAILED = "precondition_failed"
    WRONG_STATUS = "wrong_status"
    # the server's own state (429, 500, 503)
    TOO_MANY_REQUESTS = "too_many_requests"
    BUSY = "busy"
    LAGGING_REPLICA = "lagging_replica"
    INTERNAL = "internal"


STATUS: dict[Code, int] = {
    Code.UNREADABLE: 400, Code.INVALID: 400, Code.TOO_LARGE: 413, Code.TOO_MANY_CHANGES: 413,
    Code.UNSUPPORTED_MEDIA: 415, Code.BATCH_ID_REUSED: 422, Code.SCHEMA_TOO_OLD: 426,
    Code.UNAUTHENTICATED: 401, Code.TOKEN_EXPIRED: 401, Code.SESSION_ENDED: 401, Code.WRONG_CREDENTIALS: 401,
    Code.LOCKED: 403, Code.FORBIDDEN: 403, Code.LEVEL_REQUIRED: 403, Code.ROLE_NOT_OFFERED: 403,
    Code.DEVICE_MISMATCH: 403,
    Code.NOT_FOUND: 404, Code.METHOD_NOT_ALLOWED: 405, Code.CONFLICT: 409, Code.ALREADY_EXISTS: 409,
    Code.STALE_BASE: 409, Code.PRECONDITION_FAILED: 412, Code.WRONG_STATUS: 409,
    Code.TOO_MANY_REQUESTS: 429, Code.INTERNAL: 500, Code.BUSY: 503, Code.LAGGING_REPLICA: 503,
}


class FieldCode(StrEnum):
    """What is wrong with one field; the sentence is `field.<code>`."""

    REQUIRED = "required"
    UNKNOWN = "unknown"
    READ_ONLY = "read_only"
    IMMUTABLE = "immutable"
    WRONG_TYPE = "wrong_type"
    TOO_SMALL = "too_small"
    TOO_LARGE = "too_large"
    TOO_LONG = "too_long"
    TOO_SHORT = "too_short"
    TOO_MANY = "too_many"
    NOT_ALLOWED = "not_allowed"
    BAD_TEXT = "bad_text"
    UUID_INVALID = "uuid.invalid"
    DATE_INVALID = "date.invalid"
    DATE_RANGE = "date.range"
    TIME_INVALID = "time.invalid"
    TIME_RANGE = "time.range"
    OFFSET_REQUIRED = "time.offset_required"
    NUMBER_INVALID = "number.invalid"
    ZONE_UNKNOWN = "zone.unknown"
    LANGUAGE_UNKNOWN = "language.unknown"
    PHONE_INVALID = "phone.invalid"
    EMAIL_INVALID = "email.invalid"
    PASSWORD_TOO_SHORT = "password.too_short"
    PASSWORD_TOO_LONG = "password.too_long"
    PASSWORD_COMMON = "password.common"
    ID_MISMATCH = "id.mismatch"
    REASON_REQUIRED = "reason.required"
    # dosing plans (R-120, schedule_cases.json invalid_cases)
    TIMES_EMPTY = "times.empty"
    SLOTS_EMPTY = "slots.empty"
    WEEKDAY_INVALID = "weekday.invalid"
    WEEKDAY_EMPTY = "weekday.empty"
    INTERVAL_INVALID = "interval.invalid"
    MONTH_DAY_INVALID = "month_day.invalid"
    BOUNDS_CONFLICT = "bounds.conflict"
    DOSE_INVALID = "dose.invalid"
    SEGMENT_OVERLAP = "segment.overlap"
    CYCLE_INVALID = "cycle.invalid"
    HORIZON_TOO_LARGE = "horizon.too_large"
    PLAN_UNSUPPORTED = "plan.unsupported"
    # FHIR's own constraints, by their names there
    FHIR_CHOICE = "fhir.choice"
    FHIR_TIM_1 = "fhir.tim-1"
    FHIR_TIM_2 = "fhir.tim-2"
    FHIR_TIM_4 = "fhir.tim-4"
    FHIR_TIM_5 = "fhir.tim-5"
    FHIR_TIM_6 = "fhir.tim-6"
    FHIR_TIM_7 = "fhir.tim-7"
    FHIR_TIM_8 = "fhir.tim-8"
    FHIR_TIM_9 = "fhir.tim-9"
    FHIR_TIM_10 = "fhir.tim-10"
    FHIR_DOS_1 = "fhir.dos-1"
    FHIR_DRT_1 = "fhir.drt-1"
    FHIR_QTY_3 = "fhir.qty-3"
    FHIR_SQTY_1 = "fhir.sqty-1"
    FHIR_RNG_2 = "fhir.rng-2"
    FHIR_PER_1 = "fhir.per-1"
    FHIR_RAT_1 = "fhir.rat-1"


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One wrong field: its path with dots (`lines.0.plan`), what is wrong, and figures for the sentence."""

    field: str
    code: FieldCode
    params: dict[str, Any] = dataclasses.field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"field": self.field, "code": str(self.code), **({"params": self.params} if self.params else {})}


class Refusal(Exception):
    """Ends a request with a code. `details` name fields; `params` fill the sentence; `extra` goes into the error body
    beside them (a current copy, limits, the missing level)."""

    def __init__(
        self,
        code: Code,
        *details: FieldProblem,
        retry_after_s: int | None = None,
        extra: dict[str, Any] | None = None,
        **params: Any,
    ) -> None:
        super().__init__(str(code))
        self.code = code
        self.details = details
        self.params = params
        self.extra = extra or {}
        self.retry_after_s = retry_after_s

    @property
    def status(self) -> int:
        return STATUS[self.code]
