"""Stories a reviewer told of versions that would have cost the server its breath: refused at the door, with a code."""

from __future__ import annotations

from typing import Any

from scheduling.plan import MAX_DOSES_PER_COURSE
from scheduling.rules import MAX_COUNTED
from storage.entities.prescription_line import MAX_LINES_BYTES, MAX_UNKNOWN_BYTES
from storage.prescribing import MAX_VERSIONS
from sync.record import Because, Change, Op, Outcome, Result
from tests.cast import Cast
from tests.stories.test_reviewed_prescriptions import written


def codes(result: Result) -> list[str]:
    return [problem["code"] for problem in result.details]


async def test_s60_what_a_version_may_make_us_count_is_bounded_in_all_its_lines(cast: Cast) -> None:
    """S-60: one course of the most doses is fine, and a pause of a century costs nothing; many are refused unwalked."""
    def counts(number: int, **more: Any) -> dict[str, Any]:
        segment = {"start": "2000-01-01", "count": MAX_DOSES_PER_COURSE, "dose": 1,
                   "time_rule": {"type": "times", "times": ["08:00"]}}
        return {**cast.line(cast.stage.fresh("line")), "plan": {"segments": [segment] * number, **more}}

    assert (await written(cast, cast.sokha, counts(1)))[1].outcome is Outcome.APPLIED
    _, lines = await written(cast, cast.sokha, *(counts(1) for _ in range(MAX_COUNTED // MAX_DOSES_PER_COURSE + 1)))
    _, segments = await written(cast, cast.sokha, counts(20))
    century = [{"from": "2000-01-02T00:00", "to": "2099-01-01T00:00"}]
    _, paused = await written(cast, cast.sokha, counts(1, pauses=century))
    assert [codes(said) for said in (lines, segments)] == [["horizon.too_large"]] * 2
    assert paused.outcome is Outcome.APPLIED


async def test_s38_a_versions_lines_and_a_lines_unknown_members_are_bounded(cast: Cast) -> None:
    """S-38: each answer reads every version of its prescription."""
    line = cast.line(cast.stage.fresh("line"))
    _, unknown = await written(cast, cast.sokha, {**line, "later": "x" * MAX_UNKNOWN_BYTES})
    noted = [{**cast.line(cast.stage.fresh("line")), "note": "ក" * 2_000} for _ in range(MAX_LINES_BYTES // 6_000 + 1)]
    _, large = await written(cast, cast.sokha, *noted)
    assert codes(unknown) == codes(large) == ["too_large"]
    _, fits = await written(cast, cast.sokha, {**line, "later": "x" * 1_000})
    assert fits.outcome is Outcome.APPLIED


async def test_s60_a_prescription_has_no_more_versions_than_an_answer_may_read(cast: Cast) -> None:
    made = await cast.prescribed(cast.sokha.phone)
    await cast.stage.system(Change(0, cast.stage.fresh("change"), "prescription", made.id, (cast.sokha.patient_scope,),
                                   Op.PATCH, 0, {"latest_version": MAX_VERSIONS}, digest="system"))
    more = await cast.sokha.phone.does(
        cast.version(cast.sokha.phone, made.id, [cast.line(made.line_id)], made.version_id))
    assert (more.code, codes(more)) == (Because.INVALID, ["too_many"])
