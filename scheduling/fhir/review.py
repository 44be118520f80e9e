"""Why a dosage is kept as text for a person to read: the closed list of reasons (R-581).

The sentence of a reason is `fhir.review.<reason>` in the catalogues. `Beyond` carries a reason from deep inside the
mapping to the one place that catches it; outside scheduling/fhir it is a value.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    # nothing to map
    TEXT_ONLY = "text_only"
    DOSAGE_MISSING = "dosage_missing"
    NOT_IN_FORCE = "not_in_force"
    DO_NOT_PERFORM = "do_not_perform"
    # what a plan has no place for
    MODIFIER_EXTENSION = "modifier_extension"
    UNKNOWN_MEMBER = "unknown_member"
    EVENT_DATES = "event_dates"
    EVENT_DURATION = "event_duration"
    FREQUENCY_RANGE = "frequency_range"
    PERIOD_RANGE = "period_range"
    COUNT_RANGE = "count_range"
    PERIOD_UNSUPPORTED = "period_unsupported"
    MOMENT_UNSUPPORTED = "moment_unsupported"
    OFFSET_UNSUPPORTED = "offset_unsupported"
    CODE_UNKNOWN = "code_unknown"
    BOUNDS_RANGE = "bounds_range"
    BOUNDS_UNREADABLE = "bounds_unreadable"
    RATE = "rate"
    DOSE_RANGE = "dose_range"
    DOSE_LIMIT = "dose_limit"
    BEYOND_PLAN = "beyond_plan"
    # what is missing
    TIMING_MISSING = "timing.missing"
    TIMING_UNDERSPECIFIED = "timing.underspecified"
    DOSE_MISSING = "dose_missing"
    COURSE_OVER = "course_over"
    SEQUENCE_OPEN = "sequence_open"
    # what contradicts itself
    TIMING_CONTRADICTS = "timing.contradicts"
    TEXT_CONTRADICTS = "text_contradicts"
    UNIT_CONTRADICTS = "unit_contradicts"
    UNIT_MISMATCH = "unit_mismatch"
    DOSE_SEVERAL = "dose_several"
    DOSE_UNREADABLE = "dose_unreadable"
    SAME_MOMENT = "same_moment"
    MIXED_TIMINGS = "mixed_timings"
    COURSES_OVERLAP = "courses_overlap"
    COUNT_OF_SEVERAL = "count_of_several"
    AS_NEEDED_AT_TIMES = "as_needed_at_times"
    AS_NEEDED_SEVERAL = "as_needed_several"


class Beyond(Exception):
    """A dosage that cannot be mapped whole, and therefore not at all."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(str(reason))
        self.reason = reason
