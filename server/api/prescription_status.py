"""Words on a prescription: confirm, revise, reject, acknowledge, pause, resume, stop (R-080, R-085 to R-089).

Each is a prescription_response; what it moves is the rule's affair. Said twice, it moves nothing more (F-08).
"""

from __future__ import annotations

from server import outcome, records, write
from server.api.prescription_bodies import Answered
from server.api.prescriptions import ALLOWED, KIND, MANAGE, ONE, detail
from server.call import Answer, Call, Route
from server.levels import lacking
from server.records import Record
from storage.answering import BOTH_SIDES
from sync.access import DOCTORS
from sync.problem import Code, FieldCode, FieldProblem, Refusal
from sync.record import Because, Outcome

OF_STATUS = {"paused": "pause", "inactive": "stop", "rejected": "reject"}


async def answer(call: Call) -> Answer:
    """200 with the prescription as it stands after the word."""
    found, batch = await records.find(call, KIND, call.path["id"]), write.batch_of(call)
    word = _word(call.body, found.told["status"])
    fields = {"patient_id": found.row.fields["patient_id"], "prescription_id": found.row.id, "answer": word,
              "version_id": call.body.version_id or _version_meant(found), "reason": call.body.reason}
    said = write.change(call, "prescription_response", write.new_id(batch, "response"), fields, batch_id=batch)
    settlement = await write.write(call, [said], batch_id=batch)
    result = settlement.results[0]
    if result.outcome is Outcome.REJECTED and result.code is Because.FORBIDDEN:
        raise _forbidden(found, word)
    current = await detail(call, await records.find(call, KIND, found.row.id))
    outcome.refuse(result, current, known=True)
    return Answer(200, current, {"ETag": f'"{current["version"]}"'})


def _word(body: Answered, status: str) -> str:
    """The action that is meant; `active` means to confirm what waits, or to go on with what was paused."""
    if body.action is not None or body.status is None:
        if body.action is None or body.status is not None:
            raise Refusal(Code.INVALID, FieldProblem("action", FieldCode.NOT_ALLOWED if body.action else
                                                     FieldCode.REQUIRED))
        return body.action
    if body.status == "active":
        return "resume" if status == "paused" else "confirm"
    return OF_STATUS.get(body.status, body.status)


def _version_meant(found: Record) -> str | None:
    waiting: str | None = found.told["proposed_version_id"]
    return waiting or found.told["current_version_id"]


def _forbidden(found: Record, word: str) -> Refusal:
    """The level it takes, where one would do: no relative speaks for the patient to a doctor, no doctor confirms."""
    role, by_doctor = found.membership.role, found.told["author_role"] == "doctor"
    if role in DOCTORS:
        return lacking(role, doctor=ALLOWED if by_doctor and word in BOTH_SIDES else None)
    return lacking(role, relative=None if by_doctor else MANAGE)


ROUTES = [
    Route(method=method, path="/prescriptions/{id}/status", handler=answer, summary="Answers a prescription",
          tag="prescriptions", body=Answered, answer=ONE,
          refuses=(Code.INVALID, Code.NOT_FOUND, Code.FORBIDDEN, Code.LEVEL_REQUIRED, Code.WRONG_STATUS))
    for method in ("PUT", "PATCH")
]
