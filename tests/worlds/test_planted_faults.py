"""The nets hold: every planted fault is caught by the net that is named for it (I-27, sync-protocol.md 16).

A net that cannot fail proves nothing. Each fault of tests/worlds/faults.py is planted, its net is cast a bounded number
of times, and somewhere it must tear; the same nets are whole without it (test_worlds.py, test_policies.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import pytest

from tests.cast import Cast
from tests.stages import memory_stage
from tests.stories import test_consent_stories, test_dose_stories
from tests.sync import test_policies as policies
from tests.worlds import faults, merge_faults
from tests.worlds import test_found_by_worlds as found
from tests.worlds.backend import MemoryBackend
from tests.worlds.verdict import verdict
from tests.worlds.world import World

MOST_WORLDS = 60
STEPS = 60
Net = Callable[[], Awaitable[None]]
Fault = Callable[[], AbstractContextManager[Any]]


def worlds(code: str, most: int = MOST_WORLDS) -> Net:
    """Random worlds in memory, until one is broken by the invariant that is named."""

    async def cast_net() -> None:
        for seed in range(most):
            try:
                await World(seed, MemoryBackend()).live(STEPS, verdict)
            except AssertionError as caught:
                assert code in str(caught), f"caught by another net: {caught}"
                raise

    return cast_net


def policy(net: Callable[[], None]) -> Net:
    async def cast_net() -> None:
        net()

    return cast_net


def story(tell: Callable[[Cast], Awaitable[None]]) -> Net:
    async def cast_net() -> None:
        await tell(await Cast(memory_stage()).arrive())

    return cast_net


def any_order(name: str) -> Net:
    return policy(partial(policies.any_order_ends_alike, name, 300))


CAUGHT: dict[str, tuple[Fault, Net]] = {
    "acknowledge before commit": (faults.acknowledge_before_commit, worlds("P0")),
    "tie by arrival": (merge_faults.tie_by_arrival, any_order("latest per field")),
    "clock before base": (
        merge_faults.clock_before_base, policy(policies.a_sequential_edit_applies_whatever_the_clock_says)),
    "naive cursor: filter after limit": (faults.naive_cursor, worlds("P01")),
    "poke before commit": (faults.poke_before_commit, worlds("P11")),
    "poke for a replay": (faults.poke_for_a_replay, worlds("P11")),
    "replay without membership check": (
        faults.replay_without_membership_check, story(test_consent_stories.a_replay_tells_through_todays_view)),
    "winners told outside the view": (faults.winners_told_outside_the_view, worlds("P04", 200)),
    "loser not kept": (merge_faults.loser_not_kept, worlds("P0")),
    "entries forgotten on merge": (merge_faults.entries_forgotten_on_merge, worlds("P")),
    "view_version not raised": (faults.view_version_not_raised, worlds("P0")),
    "tombstones sent as nothing": (faults.tombstones_sent_as_nothing, worlds("P01")),
    "chain base wrong": (merge_faults.chain_base_wrong, story(test_dose_stories.an_undo_spares_a_strangers_word)),
    "grace without end": (merge_faults.grace_without_end, story(test_consent_stories.the_grace_ends)),
    "skew not corrected": (merge_faults.skew_not_corrected, story(test_dose_stories.a_phone_set_to_2099_does_not_win)),
    "same-device rule before seen rule": (merge_faults.same_device_rule_before_seen_rule, worlds("P10", 200)),
    "undo retracts everything": (merge_faults.undo_retracts_everything, worlds("P10")),
    "rank after clock": (merge_faults.rank_after_clock, policy(policies.a_person_beats_a_machine_in_any_order)),
    "purge restarts versions": (
        faults.purge_restarts_versions, found.test_a_dose_that_comes_back_after_a_purge_reaches_phones_that_knew_it),
    "restore noticed by cursor alone": (
        faults.restore_noticed_by_cursor_alone, found.test_a_restore_is_noticed_though_the_first_page_never_came),
    "an unplanned dose stands nowhere": (
        merge_faults.unplanned_dose_stands_nowhere, story(test_dose_stories.a_word_on_an_unplanned_dose_survives)),
    "purge without floor": (faults.purge_without_floor, worlds("P01", 200)),
    "snapshot restarts below the floor": (faults.snapshot_restarts_below_the_floor, worlds("F-65")),
    "revocation keeps the membership": (faults.revocation_keeps_the_membership, worlds("P0")),
    "private line told": (faults.private_line_told, worlds("S-34", 200)),
    "change judged twice": (merge_faults.change_judged_twice, worlds("P0")),
    "acceptance reopens": (merge_faults.acceptance_reopens, any_order("latest status")),
    "phone forgets what it sent": (faults.phone_forgets_what_it_sent, worlds("P02")),
    "replaced doses stay": (merge_faults.replaced_doses_stay, worlds("line")),
}


@pytest.mark.parametrize("name", CAUGHT)
async def test_a_planted_fault_is_caught(name: str) -> None:
    fault, net = CAUGHT[name]
    with fault():
        caught = None
        try:
            await net()
        except AssertionError as error:
            caught = error
    assert caught is not None, f"{name}: nobody noticed"
    assert "caught by another net" not in str(caught), str(caught)


async def test_the_story_and_policy_nets_are_whole_without_faults() -> None:
    """The worlds' wholeness is test_worlds.py's."""
    for fault, net in CAUGHT.values():
        assert fault is not None
        if not net.__qualname__.startswith("worlds"):
            await net()

