"""How fast plans become doses: beside the same plan as dateutil rrules, ten years ahead, and for 10,000 patients.

Prints figures and asserts nothing about time; that both ways mean the same instants is asserted, or the figures would
compare different work.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from dateutil.rrule import DAILY, rrule, rruleset

from scheduling.plan import Plan, assign_keys, canonical, read_plan
from scheduling.recurrence import expand
from scheduling.routine import DEFAULT_ROUTINE
from sync.identity import dose_id
from tests.scheduling.schedule_cases import grid, plan_of, segment

PLACE = ZoneInfo("Asia/Phnom_Penh")
START = datetime(2026, 11, 20, tzinfo=PLACE)
HORIZON = timedelta(days=30)
CALLS, ROUNDS = 200, 9
PATIENTS = 10_000
FAR_AHEAD = {
    "four slots, daily": segment(time_rule=grid(MORN=1, NOON=1, EVE=1, NIGHT=1)),
    "every 8 hours": segment(time_rule=None, interval={"every_minutes": 480, "anchor": "2026-11-20T06:00"}),
    "every third day": segment(day_rule={"type": "every_days", "n": 3}),
    "monthly, the last day": segment(day_rule={"type": "monthly", "days": [-1]}),
    "21 days on, 7 off": segment(day_rule={"type": "cycle", "phases": [{"days": 21, "on": True},
                                                                       {"days": 7, "on": False}]}),
}


def main() -> None:
    four = plan_of(FAR_AHEAD["four slots, daily"])
    assert ours(four, START) == theirs(START)
    direct, rules = fastest(lambda: ours(four, START)), fastest(lambda: theirs(START))
    print(f"30 days of a four-slot plan: {direct:.0f} µs, as dateutil rrules {rules:.0f} µs: "
          f"{rules / direct:.1f} times as fast   (goal: at least 5)")
    for name, given in FAR_AHEAD.items():
        ahead(name, plan_of(given))
    horizon(four)


def ahead(name: str, plan: Plan) -> None:
    now = fastest(lambda: ours(plan, START, timedelta(days=7)))
    later = fastest(lambda: ours(plan, START + timedelta(days=3652), timedelta(days=7)))
    print(f"one week of {name}: this week {now:.0f} µs, in ten years {later:.0f} µs: {later / now:.2f} times"
          "   (goal: at most 3)")


def horizon(plan: Plan) -> None:
    """From the stored plan of each patient to doses with their ids, as the worker does it every day."""
    stored = canonical(plan)
    lines = [str(UUID(int=number)) for number in range(PATIENTS)]
    begun, made = time.process_time(), 0
    for line in lines:
        read = read_plan(stored)
        assert isinstance(read, Plan)
        doses = expand(assign_keys(read), DEFAULT_ROUTINE, START, START + HORIZON)
        assert isinstance(doses, list)
        made += len({dose_id(line, dose.nominal_date.isoformat(), dose.slot_key, dose.occurrence) for dose in doses})
    spent = time.process_time() - begun
    print(f"horizon of {PATIENTS} patients, plans read and ids computed: {made} doses in {spent:.1f} s, "
          f"{made / spent:,.0f} doses a second on one core")


def ours(plan: Plan, since: datetime, length: timedelta = HORIZON) -> list[datetime]:
    doses = expand(plan, DEFAULT_ROUTINE, since, since + length)
    assert isinstance(doses, list)
    return [dose.due_at for dose in doses]


def theirs(since: datetime) -> list[datetime]:
    """One rule per slot, for each slot has its own amount."""
    rules = rruleset()
    for hour in (7, 12, 18, 21):
        rules.rrule(rrule(DAILY, dtstart=START.replace(hour=hour)))
    last = since + HORIZON - timedelta(microseconds=1)
    return [moment.astimezone(UTC) for moment in rules.between(since, last, inc=True)]


def fastest(work: Callable[[], object]) -> float:
    """Microseconds of processor time of one call, the best of some rounds: the machine's other work is none of ours."""
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.process_time()
        for _ in range(CALLS):
            work()
        best = min(best, (time.process_time() - begun) / CALLS)
    return best * 1e6


if __name__ == "__main__":
    main()
