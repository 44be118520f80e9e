"""Faults planted on purpose in how changes are judged and merged: clocks, bases, ranks, entries, the grace, the plan.

A fault patches one name for the length of a block. Its siblings are in faults.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest.mock import patch

from scheduling import doses, rules
from sync import dose_policy, judge, plan, policy, push, settle, standing
from sync.clock import Corrected, stamp
from sync.record import Outcome, Row
from sync.settle import UNDONE


def tie_by_arrival() -> Any:
    """In a fork the last to arrive wins, whatever the clocks say."""
    return patch.object(policy, "beats", lambda row, edit, name: True)


def clock_before_base() -> Any:
    """Only the clock is asked, though the author had seen what they edited."""
    return patch.object(policy, "has_seen", lambda row, edit, name: False)


def loser_not_kept() -> Any:
    """What lost leaves no line in the journal."""
    honest = plan._is_news
    return patch.object(plan, "_is_news", lambda fate: honest(fate) and fate.outcome is not Outcome.SUPERSEDED)


def entries_forgotten_on_merge() -> Any:
    """A dose remembers only the word that stands."""
    return patch.object(dose_policy, "bounded", lambda entries: entries[-1:])


def chain_base_wrong() -> Any:
    """Every edit counts as made on the newest version: nobody's word is concurrent with anybody's."""
    return patch.object(judge.Judge, "_base", lambda self, asked, version: version)


def grace_without_end() -> Any:
    """A device that was told of its revocation still speaks as if it had not been."""
    honest = standing.Standing._in_grace

    def in_grace(self: Any, asked: Any, kind_: Any, subject: Row) -> bool:
        self.known = replace(self.known, told=frozenset())
        return honest(self, asked, kind_, subject)

    return patch.object(standing.Standing, "_in_grace", in_grace)


def skew_not_corrected() -> Any:
    """A phone's clock is believed."""

    def believed(device: str, clock: Any, touches: Any, now_ms: int) -> list[Corrected]:
        return [Corrected(t.recorded_at or now_ms, t.hlc or stamp(t.recorded_at or now_ms, 0, device), False)
                for t in touches]

    return patch.object(push, "correct", believed)


def same_device_rule_before_seen_rule() -> Any:
    """On one device only the clock says what is later, though it jumped back between two words."""
    return patch.object(settle, "_later", lambda entries: {id(e): (e.hlc, 0, e.change_id) for e in entries})


def undo_retracts_everything() -> Any:
    """An undo empties the dose, whoever had spoken."""
    honest = settle.settle

    def emptied(entries: Any) -> Any:
        newest = max(entries, key=lambda e: e.hlc, default=None)
        return settle.Settled(None, ()) if newest is not None and newest.action == UNDONE else honest(entries)

    return patch.object(dose_policy, "settle", emptied)


def rank_after_clock() -> Any:
    """A machine's newer inference beats a person's word."""
    return patch.object(settle.Entry, "order", property(lambda self: (0, self.hlc, self.change_id)))


def change_judged_twice() -> Any:
    """A change that was settled in another batch is judged again."""
    return patch.object(judge.Judge, "_repeated", lambda self, asked: None)


def acceptance_reopens() -> Any:
    """Of two statuses the newer wins, closing or not."""

    def moves(self: Any, row: Row, edit: Any, stands: str, wanted: str) -> bool:
        return bool(edit.hlc > policy.stamp_of(row, self.status)[1])

    return patch.object(policy.LatestStatus, "_moves", moves)


def replaced_doses_stay() -> Any:
    """Replaced doses stay where they were."""
    return patch.object(doses, "_let_go", lambda work, row: None)


def unplanned_dose_stands_nowhere() -> Any:
    """A dose that no plan yields has the hour that was told, or none; a later plan does not find it (by a world)."""
    return patch.object(rules, "_unplanned", lambda fields: fields["at"] or fields["recorded_at"])
