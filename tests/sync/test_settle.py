"""What stands of everything that was said about a dose (R-152, DESIGN.md 11). Promises P10, I-09, I-11."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from sync.clock import stamp
from sync.record import Authority
from sync.settle import CONTRADICTION, DOUBLE, MAX_ENTRIES, Entry, bounded, live, saw, settle

A, B, C = (f"00000000-0000-4000-8000-00000000000{i}" for i in "abc")


def said(action: str, at: str | None, device: str, minute: int, *, base: int, rank: int,
         authority: Authority = Authority.PERSON) -> Entry:
    return Entry(f"{device}-{minute}", device, stamp(minute * 60_000, 0, device), rank, base, authority, action,
                 f"2026-11-21T0{at}:00+00:00" if at else None, {}, device, "2026-11-21T00:00:00+00:00")


def test_an_undo_retracts_only_what_its_author_had_seen() -> None:
    """Story 1: A takes 08:00 and undoes it, B takes 08:30 offline → 08:30 stands."""
    told = [said("taken", "8:00", A, 480, base=0, rank=1), said("undone", None, A, 490, base=1, rank=2),
            said("taken", "8:30", B, 510, base=0, rank=3)]
    settled = settle(told)
    assert settled.entry is told[2] and settled.at == "2026-11-21T08:30:00+00:00" and settled.conflict is None


def test_an_undo_spares_the_other_phones_word() -> None:
    """Story 2: A takes 08:00, B takes 08:30, A undoes its own → taken 08:30."""
    told = [said("taken", "8:00", A, 480, base=0, rank=1), said("taken", "8:30", B, 510, base=0, rank=2),
            said("undone", None, A, 520, base=1, rank=3)]
    assert settle(told).at == "2026-11-21T08:30:00+00:00"


def test_a_correction_moves_the_time() -> None:
    """Story 3: taken 08:00, corrected sequentially to 08:40 → 08:40."""
    told = [said("taken", "8:00", A, 480, base=0, rank=1), said("taken", "8:40", A, 530, base=1, rank=2)]
    assert settle(told).at == "2026-11-21T08:40:00+00:00"


def test_two_takings_keep_the_earliest_time_and_ask() -> None:
    told = [said("taken", "8:30", A, 480, base=0, rank=1), said("taken", "8:00", B, 510, base=0, rank=2)]
    assert (settle(told).at, settle(told).conflict) == ("2026-11-21T08:00:00+00:00", DOUBLE)


def test_the_same_time_told_twice_is_no_double_dose() -> None:
    told = [said("taken", "8:00", A, 480, base=0, rank=1), said("taken", "8:00", B, 510, base=0, rank=2)]
    assert settle(told).conflict is None


def test_taken_beside_skipped_is_a_contradiction_and_the_newest_stands() -> None:
    told = [said("taken", "8:00", A, 480, base=0, rank=1), said("skipped", None, B, 510, base=0, rank=2)]
    settled = settle(told)
    assert settled.entry is told[1] and settled.conflict == CONTRADICTION


def test_a_person_beats_a_later_automation_and_a_late_word() -> None:
    """R-197: rank before time."""
    person = said("taken", "7:56", A, 476, base=0, rank=2)
    for weaker in (Authority.AUTOMATION, Authority.SERVER, Authority.LATE):
        other = said("skipped", None, B, 600, base=0, rank=1, authority=weaker)
        assert settle([other, person]).entry is person
        assert settle([other, person]).conflict is None


def test_nothing_said_and_everything_undone_leave_the_clock_alone() -> None:
    assert settle([]).entry is None
    told = [said("taken", "8:00", A, 480, base=0, rank=1), said("undone", None, B, 490, base=1, rank=2)]
    assert settle(told).entry is None


def test_a_clock_that_jumped_back_does_not_undo_its_own_newest_word() -> None:
    """F-62: seen beats later on one device, else both would fall and the dose be lost."""
    told = [said("taken", "8:00", A, 900, base=0, rank=1), said("skipped", None, A, 100, base=1, rank=2)]
    assert settle(told).entry is told[1]


entries = st.lists(
    st.builds(
        lambda action, minute, device, base, authority: (action, minute, device, base, authority),
        st.sampled_from(["taken", "skipped", "undone"]), st.integers(0, 50), st.sampled_from([A, B, C]),
        st.integers(0, 6), st.sampled_from([Authority.PERSON, Authority.PERSON, Authority.AUTOMATION])),
    min_size=1, max_size=5)


def built(specs: list[tuple[str, int, str, int, Authority]]) -> list[Entry]:
    """Entries as a server would have made them: ranks in order of arrival, no base beyond what had been there."""
    made = []
    for i, (action, minute, device, base, authority) in enumerate(specs):
        entry = said(action, None if action == "undone" else f"{minute % 10}:0{minute % 6}", device, minute,
                     base=min(base, i), rank=i + 1, authority=authority)
        made.append(replace(entry, change_id=f"c{i}"))
    return made


@given(entries)
def test_the_order_of_the_list_does_not_matter(specs: list[tuple[str, int, str, int, Authority]]) -> None:
    """I-09: whatever order the entries are kept in, one result."""
    made = built(specs)
    settled = [settle(order) for order in permutations(made)]
    assert len({(one.entry and one.entry.change_id, one.at, one.conflict) for one in settled}) == 1
    assert len({frozenset(entry.change_id for entry in one.alive) for one in settled}) == 1


@given(entries)
def test_one_pass_finds_what_every_pair_would(specs: list[tuple[str, int, str, int, Authority]]) -> None:
    made = built(specs)
    depth: dict[str, tuple[str, int]] = {}
    for e in made:  # in order of rank
        seen = max((depth[f.change_id] for f in made if f.device == e.device and saw(e, f)), default=("", 0))
        depth[e.change_id] = (e.hlc, 0) if e.hlc > seen[0] else (seen[0], seen[1] + 1)
    place = {e.change_id: (*depth[e.change_id], e.change_id) for e in made}
    pairs = [(e, f) for e in made for f in made if e is not f]
    dominated = {f.change_id for e, f in pairs
                 if saw(e, f) or (e.device == f.device and place[e.change_id] > place[f.change_id])}
    assert live(made) == [f for f in made if f.change_id not in dominated]


@given(entries)
def test_something_always_lives(specs: list[tuple[str, int, str, int, Authority]]) -> None:
    """Domination has no circle, whatever clocks and bases say: a dose with entries never loses them all."""
    assert live(built(specs))


def test_many_words_are_remembered_and_the_standing_one_never_forgotten() -> None:
    made = [said("taken", "8:00", A, i, base=i, rank=i + 1) for i in range(MAX_ENTRIES + 40)]
    kept = bounded(made)
    assert len(kept) == MAX_ENTRIES
    assert settle(kept).entry == settle(made).entry
