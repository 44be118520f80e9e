"""How early and how late a dose may be taken: windows from the spacing of the line (rules.md 6, `window_cases`).

Knows minutes only. Both figures are snapshotted per dose by the caller, and a doctor may override them (R-150).
"""

from __future__ import annotations

from dataclasses import dataclass

FOUR_HOURS, DAY, WEEK = 240, 1440, 10_080


@dataclass(frozen=True, slots=True)
class Windows:
    """Minutes around the due time: on time within ± `on_time_min`, missed after `missed_after_min` without a word."""

    on_time_min: int
    missed_after_min: int


def windows(spacing_min: int, time_critical: bool = False) -> Windows:
    """Windows of a line whose consecutive doses are at least `spacing_min` minutes apart.

    Raises ValueError for a spacing under one minute.
    """
    if spacing_min < 1:
        raise ValueError("spacing_min must be a positive number of minutes")
    return Windows(_on_time(spacing_min, time_critical), _missed_after(spacing_min))


def _on_time(spacing_min: int, time_critical: bool) -> int:
    if time_critical:
        return min(30, spacing_min // 4)
    if spacing_min >= DAY:
        return 120
    return 60 if spacing_min >= FOUR_HOURS else spacing_min // 4


def _missed_after(spacing_min: int) -> int:
    if spacing_min >= WEEK:
        return 2 * DAY
    return DAY if spacing_min > DAY else spacing_min // 2
