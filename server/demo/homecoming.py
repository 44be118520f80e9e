"""Act three: the phone returns. Nothing is lost, nothing is doubled, and who must know is told.

Knows what the protocol promises for each of the six words that waited; asks the phones and the server for it.
"""

from __future__ import annotations

from server.demo.chronicle import expect
from server.demo.phone import Verdict
from server.demo.scene import Scene
from sync.replica.door import Body
from sync.replica.dose import DOSE_EVENT, Dose


async def the_phone_returns(scene: Scene) -> None:
    scene.chronicle.act("3. Sokha's phone comes back")
    heard = len(scene.browser.heard)
    scene.phone.mast.open = True
    synced = await scene.phone.sync()
    verdicts = scene.phone.mast.verdicts[-7:]
    again = [verdict for verdict in verdicts if verdict.again]
    expect([verdict.outcome for verdict in again] == ["applied"] * 3, "a repeated batch gets the stored answer")
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in synced.outcomes.items())
    scene.chronicle.say("Sokha's phone", f"sends the unanswered batch again (its answer was kept), then the rest: "
                        f"{outcomes}")
    _nothing_lost(scene, verdicts)
    await scene.browser.until(lambda one: one.payload.get("kind") == "FAMILY_ALERT", "hears of both disputes",
                              since=heard, times=2)
    scene.chronicle.say("Dara's browser", "is told of a possible double dose and of a contradiction")
    for phone in (scene.second, scene.phone):
        await phone.sync()


def _nothing_lost(scene: Scene, verdicts: list[Verdict]) -> None:
    doses, said = scene.doses, {(one.kind, one.id): (one.outcome, one.code) for one in verdicts}
    expect(said[DOSE_EVENT, doses.twice.id] == ("merged", "earliest_kept"), "two takings of one dose make one dose")
    expect(said[DOSE_EVENT, doses.disputed.id] == ("superseded", "older_edit"),
           "the later word stands, though the phone's clock was 25 minutes fast")
    expect(said["prescription", scene.metformin.id] == ("rejected", "server_wins"), "a patient edits no doctor's form")
    twice, replaced = _dose(scene, doses.twice), _dose(scene, doses.replaced)
    expect(twice["conflict"] == "possible_double_dose", "two times for one dose raise a possible double dose")
    expect(_dose(scene, doses.disputed)["conflict"] == "contradiction", "taken beside skipped is a contradiction")
    expect(_dose(scene, doses.mistaken)["action"] is None, "what was taken back is as if nothing was recorded")
    expect((replaced["action"], replaced["state"]) == ("taken", "superseded"),
           "a dose of the replaced version is kept, superseded, with what was recorded")
    expect(not scene.phone.replica.waiting(), "nothing waits on the phone any more")


def _dose(scene: Scene, dose: Dose) -> Body:
    return scene.phone.row(DOSE_EVENT, scene.sokha.patient_scope, dose.id)
