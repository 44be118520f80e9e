"""How adherence is told: percentages as exact text with one decimal, instants in the patient's zone, and the schemas.

The figures are scheduling/adherence.py's; here they are rounded, once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from scheduling.adherence import DEFAULT_BANDS, Band, Figures, figures, percent, rounded, streak
from scheduling.adherence_intervals import Interval, interval_share, intervals_of, longest_gap
from scheduling.adherence_periods import Grain, Period, Trend, by_line, by_period, trend
from scheduling.coverage import Coverage
from scheduling.dose_marks import Marked
from scheduling.schedule_day import Viewpoint
from scheduling.zones import zone_named
from server.call import Schema
from sync.values import decimal_text

Json = dict[str, Any]

COUNTS = ("taken", "on_time", "skipped", "advised", "missed", "unreported", "pending")
LINE_COLUMNS = ("name", "name_km", "strength", "form", "unit")


def adherence_told(
    doses: Sequence[Marked], lines: Mapping[str, Mapping[str, Any]], covered: Mapping[str, Coverage], period: Period,
    grain: Grain, view: Viewpoint,
) -> Json:
    """Everything of one patient's period. `doses` by due time; `lines` as the viewer is told them, `covered` by line
    where fills are known."""
    zone, of_line = zone_named(view.zone), by_line(doses)
    between = {id_: intervals_of(line) for id_, line in of_line.items()}
    return {
        "zone": view.zone, "now": _local(view.now, zone),
        "period": {**_dates(period), "days": period.days, "by": str(grain)},
        "bands": {"green": decimal_text(DEFAULT_BANDS.green), "yellow": decimal_text(DEFAULT_BANDS.yellow)},
        "overall": {**figures_told(figures(doses)), **_evenness(list(chain(*between.values())), zone)},
        "streak_days": streak(doses), "trend": _trend(trend(doses, period)),
        "lines": [{"line_id": id_, "line": _line(lines.get(id_)), **figures_told(figures(line)),
                   **_evenness(between[id_], zone), **_coverage(covered.get(id_))} for id_, line in of_line.items()],
        "periods": [{**_dates(one), **figures_told(told)} for one, told in by_period(doses, period, grain)],
    }


def figures_told(told: Figures) -> Json:
    return {
        "taking_pct": percent_told(told.taking), "band": DEFAULT_BANDS.of(told.taking),
        "on_time_pct": percent_told(told.timing), "correct_days_pct": percent_told(told.correct),
        "reported_pct": percent_told(told.taking), "lower_pct": percent_told(told.lower),
        "upper_pct": percent_told(told.upper), "denominator": told.denominator,
        "counts": {name: getattr(told, name) for name in COUNTS},
        "sources": {"self": told.by_patient, "carer": told.by_carer, "retroactive": told.retroactive,
                    "unreported": told.unreported},
    }


def percent_told(value: Fraction | None) -> str | None:
    rounded = percent(value)
    return None if rounded is None else decimal_text(rounded)


def _evenness(found: Sequence[Interval], zone: ZoneInfo) -> Json:
    gap = longest_gap(found)
    return {"interval_pct": percent_told(interval_share(found)), "longest_gap": None if gap is None else {
        "hours": decimal_text(rounded(gap.hours)), "from": _local(gap.begins, zone), "until": _local(gap.ends, zone)}}


def _coverage(found: Coverage | None) -> Json:
    return {"pdc_pct": None if found is None else percent_told(found.pdc),
            "mpr_pct": None if found is None else percent_told(found.mpr)}


def _trend(found: Trend) -> Json:
    return {"earlier_pct": percent_told(found.earlier), "later_pct": percent_told(found.later),
            "change_points": percent_told(found.change)}


def _dates(period: Period) -> Json:
    return {"from": period.first.isoformat(), "to": period.last.isoformat()}


def _line(line: Mapping[str, Any] | None) -> Json | None:
    return None if line is None else {name: line[name] for name in LINE_COLUMNS}


def _local(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).isoformat()


def _object(**members: Json) -> Json:
    return {"type": "object", "required": list(members), "properties": members}


def _or_null(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


_ID = {"type": "string", "format": "uuid"}
_DATE: Json = {"type": "string", "format": "date"}
_TEXT: Json = {"type": ["string", "null"]}
_MOMENT = {"type": "string", "format": "date-time", "description": "with the offset of the patient's zone"}
_WHOLE = {"type": "integer", "minimum": 0}
_EXACT = {"type": "string", "pattern": "^-?[0-9]+(\\.[0-9])?$", "description": "exact decimal, one place"}
_PERCENT: Json = {**_or_null(_EXACT), "description": "0 to 100, one decimal, half-up; null where nothing is closed"}

FIGURES: Json = {
    "taking_pct": {**_PERCENT, "description": "taken of the closed doses that count; null if there is none (R-310)"},
    "band": _or_null({"type": "string", "enum": [str(band) for band in Band]}),
    "on_time_pct": _PERCENT, "correct_days_pct": _PERCENT, "reported_pct": _PERCENT,
    "lower_pct": {**_PERCENT, "description": "taking if no unreported dose was taken"},
    "upper_pct": {**_PERCENT, "description": "taking if each unreported dose was taken"},
    "denominator": _WHOLE, "counts": _object(**dict.fromkeys(COUNTS, _WHOLE)),
    "sources": _object(self=_WHOLE, carer=_WHOLE, retroactive=_WHOLE, unreported=_WHOLE),
}
_EVEN: Json = {"interval_pct": _PERCENT,
               "longest_gap": _or_null(_object(**{"hours": _EXACT, "from": _MOMENT, "until": _MOMENT}))}
_COVERED: Json = {"pdc_pct": {**_PERCENT, "description": "days with medicine at hand; null without fills (R-311)"},
                  "mpr_pct": {**_PERCENT, "description": "days supplied per day, maybe above 100; null without fills"}}
_SPAN: Json = {"from": _DATE, "to": _DATE}
_NAMES = _object(**{**dict.fromkeys(LINE_COLUMNS, _TEXT),
                    "name": {**_TEXT, "description": "null where the line is private"}})

ADHERENCE: Schema = _object(
    patient_id=_ID, zone={"type": "string"}, now=_MOMENT, bands=_object(green=_EXACT, yellow=_EXACT),
    period=_object(**_SPAN, days=_WHOLE, by={"type": "string", "enum": [str(grain) for grain in Grain]}),
    overall=_object(**FIGURES, **_EVEN), streak_days=_WHOLE,
    trend=_object(earlier_pct=_PERCENT, later_pct=_PERCENT, change_points=_or_null(_EXACT)),
    lines={"type": "array", "items": _object(line_id=_ID, line=_or_null(_NAMES), **FIGURES, **_EVEN,
                                              **_COVERED)},
    periods={"type": "array", "items": _object(**_SPAN, **FIGURES), "description": "those without doses left out"},
)
