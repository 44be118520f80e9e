"""Order-independence of the policies (P10, I-09, R-196 to R-198): any order of arrival, repetition, rank before clock.

The nets here are functions over a policy's module, so that tests/worlds/test_planted_faults.py can cast them again over
planted faults. Edits are generated; nothing here knows a store.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from itertools import permutations
from random import Random
from typing import Any

import pytest

from sync import policy
from sync.clock import stamp
from sync.dose_policy import ClientWins
from sync.policy import AppendOnly, Edit, LatestPerField, LatestStatus, Policy, ServerWins
from sync.record import Authority, Because, Op, Outcome, Row
from sync.values import instant_of_ms

CASES = 20_000 if os.environ.get("DASTERN_SOAK") else 1_000
PHONES = tuple(f"0000000{n}-0000-4000-8000-000000000000" for n in range(1, 6))
NOW = 1_795_223_400_000
DOSE = ClientWins(group=("action", "at", "amount", "reason", "note"))
STATUS = LatestStatus("status", "generation", ("pending", "accepted", "declined", "revoked"), ("declined", "revoked"))
Values = Callable[[Random], dict[str, Any]]


def row(fields: dict[str, Any], memory: dict[str, Any] | None = None) -> Row:
    return Row("kind", "id", ("patient:x",), 1, stamp(NOW, 0, PHONES[0]), fields, memory or {})


def edit(
    phone: int, after_ms: int, fields: dict[str, Any], *, base: int = 1, op: Op = Op.UPSERT,
    authority: Authority = Authority.PERSON, change: str | None = None,
) -> Edit:
    hlc = stamp(NOW + after_ms, 0, PHONES[phone])
    recorded = instant_of_ms(NOW + after_ms)
    return Edit(op, base, fields, {}, hlc, recorded, instant_of_ms(NOW + 10**6), f"user {phone}", PHONES[phone],
                change or f"{phone}-{after_ms}", authority, row({}))


def merged(policy_: Policy, start: Row, edits: Iterable[Edit]) -> Row:
    now = start
    for one in edits:
        after = policy_.merge(now, one).row
        if after is not None:
            assert after.version >= now.version, "P09: a version fell"
            now = after
    return now


def settings(dice: Random) -> dict[str, Any]:
    return {name: dice.randrange(3) for name in dice.sample(("a", "b", "c"), dice.randrange(1, 4))}


def statuses(dice: Random) -> dict[str, Any]:
    told: dict[str, Any] = {"status": dice.choice(STATUS.order)} if dice.random() < 0.8 else {}
    return {**told, **({"level": dice.randrange(3)} if dice.random() < 0.5 or not told else {})}


def actions(dice: Random) -> dict[str, Any]:
    action = dice.choice(("taken", "taken", "skipped", "undone"))
    at = instant_of_ms(NOW + dice.randrange(5) * 60_000) if action == "taken" and dice.random() < 0.7 else None
    return {"action": action, "at": at}


BLANK = dict.fromkeys((*DOSE.needs, "state"))
FIRST = {"a": [1, stamp(NOW, 0, PHONES[0])], "b": [1, stamp(NOW, 0, PHONES[0])]}
ASKED = {"status": [1, stamp(NOW, 0, PHONES[0])]}
KINDS: dict[str, tuple[Policy, Row, Values]] = {
    "latest per field": (LatestPerField(), row({"a": 0, "b": 0, "c": 0}, FIRST), settings),
    "latest status": (STATUS, row({"status": "pending", "generation": 1, "level": None}, ASKED), statuses),
    "client wins": (DOSE, row(BLANK, {"entries": []}), actions),
}


def told(after: Row) -> dict[str, Any]:
    """What a reader is told. A closed connection shares nothing, so its level means nothing (R-051)."""
    closed = after.fields.get("status") in STATUS.closing
    return {"status": after.fields["status"]} if closed else dict(after.fields)


def concurrent(dice: Random, values: Values) -> list[Edit]:
    """Up to five edits of people who all saw version 1 and nothing of each other; one phone may speak twice."""
    some: list[Edit] = []
    for n in range(dice.randrange(2, 6 if dice.random() < 0.1 else 5)):
        phone = dice.randrange(1, 5)
        automatic = values is actions and dice.random() < 0.2
        some.append(edit(phone, dice.randrange(0, 5) * 1_000 + n, values(dice), change=f"change {n}",
                         authority=Authority.AUTOMATION if automatic else Authority.PERSON))
    return some


def any_order_ends_alike(name: str, cases: int, seed: int = 1) -> None:
    """The net: all orders of up to five concurrent edits give one row."""
    policy_, start, values = KINDS[name]
    dice = Random(seed)
    for case in range(cases):
        edits = concurrent(dice, values)
        orders = list(permutations(edits))
        some = orders if len(orders) <= 24 else dice.sample(orders, 24)
        ends = [told(merged(policy_, start, order)) for order in some]
        assert all(end == ends[0] for end in ends), f"P10: case {case}: {name} depends on the order of {edits}"


def repetition_changes_nothing(name: str, cases: int, seed: int = 2) -> None:
    """The net: an edit that arrives again, at once or after others, leaves the row as it was."""
    policy_, start, values = KINDS[name]
    dice = Random(seed)
    for case in range(cases):
        edits = concurrent(dice, values)
        once = merged(policy_, start, edits)
        again = merged(policy_, once, dice.sample(edits, len(edits)))
        assert told(again) == told(once), f"P10: case {case}: {name} heard {edits} twice"
        assert merged(policy_, again, edits).version == again.version, f"P10: {name} never tires of {edits}"


@pytest.mark.parametrize("name", KINDS)
def test_concurrent_edits_give_one_result_in_any_order_of_arrival(name: str) -> None:
    any_order_ends_alike(name, CASES)


@pytest.mark.parametrize("name", KINDS)
def test_repetition_changes_nothing(name: str) -> None:
    repetition_changes_nothing(name, CASES)


def a_sequential_edit_applies_whatever_the_clock_says() -> None:
    """The net: base first, clock second (DESIGN.md 4); a phone two days slow that saw the row edits it all the same."""
    start = row({"a": 0}, {"a": [1, stamp(NOW, 0, PHONES[0])]})
    slow = LatestPerField().merge(start, edit(2, -2 * 86_400_000, {"a": 7}))
    assert (slow.outcome, slow.code) == (Outcome.APPLIED, Because.SEQUENTIAL), "base first, clock second"
    assert slow.row is not None and slow.row.fields["a"] == 7


def test_a_sequential_edit_applies_whatever_the_clock_says() -> None:
    a_sequential_edit_applies_whatever_the_clock_says()


def a_person_beats_a_machine_in_any_order() -> None:
    """The net: rank before time (R-197)."""
    person = edit(1, 0, {"action": "taken", "at": instant_of_ms(NOW)}, change="person")
    machine = edit(2, 9_000, {"action": "skipped"}, authority=Authority.AUTOMATION, change="machine")
    for order in permutations((person, machine)):
        after = merged(DOSE, KINDS["client wins"][1], order)
        assert after.fields["action"] == "taken", "R-197: a person's word always beats an inference"


def test_a_person_beats_a_machine_in_any_order() -> None:
    a_person_beats_a_machine_in_any_order()


def test_a_revocation_absorbs_whatever_the_clocks_say() -> None:
    """R-051: accept at 10:05 and revoke at 10:00, both orders; and nothing reopens the generation."""
    accept, revoke = edit(1, 300_000, {"status": "accepted"}), edit(2, 0, {"status": "revoked"})
    for order in permutations((accept, revoke)):
        assert merged(STATUS, KINDS["latest status"][1], order).fields["status"] == "revoked"
    closed = merged(STATUS, KINDS["latest status"][1], [revoke])
    again = STATUS.merge(closed, accept)
    assert (again.outcome, again.code) == (Outcome.REJECTED, Because.CLOSED_GENERATION)


def test_a_new_generation_opens_what_a_revocation_closed() -> None:
    """F-34: generation 2, and only the next one."""
    closed = merged(STATUS, KINDS["latest status"][1], [edit(2, 0, {"status": "revoked"})])
    opened = STATUS.merge(closed, edit(1, 1, {"status": "pending", "generation": 2}, base=2))
    assert opened.row is not None and opened.row.fields["status"] == "pending"
    assert STATUS.merge(closed, edit(1, 1, {"status": "pending", "generation": 3}, base=2)).row is None


def test_an_edit_of_an_old_version_of_a_server_wins_row_is_refused_as_a_whole() -> None:
    """R-198: the drug of one edit with the dose of another is a prescription nobody wrote."""
    start = row({"drug": "a", "dose": 1}, {policy.WHOLE: [1, stamp(NOW, 0, PHONES[0])]})
    first = ServerWins().merge(start, edit(1, 1, {"drug": "b"}))
    assert first.row is not None
    second = ServerWins().merge(first.row, edit(2, 9_999, {"dose": 2}))
    assert (second.outcome, second.code, second.row) == (Outcome.REJECTED, Because.STALE_BASE, None)


def test_an_append_only_row_never_changes() -> None:
    start = row({"text": "one"})
    assert AppendOnly().merge(start, edit(1, 1, {"text": "two"})).code is Because.IMMUTABLE
    assert AppendOnly().merge(start, edit(1, 1, {"text": "one"})).code is Because.SAME_CONTENT
