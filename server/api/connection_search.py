"""Whom a request for a connection means: which patient, which other person (R-050, S-30).

A phone number or an e-mail address finds its owner only where the owner has proved it theirs: until then anybody could
have typed it (DESIGN.md 11). Reads accounts; writes nothing.
"""

from __future__ import annotations

from server.api.connection_bodies import Asked
from server.call import Call
from storage.accounts.accounts import account_of, credentials_of
from storage.accounts.states import AccountState
from storage.ledger.choose import held_by
from storage.phones import canonical_email, canonical_phone
from sync.access import OWNERS, PATIENT_SCOPE, scope_name
from sync.problem import Code, FieldCode, FieldProblem, Refusal
from sync.values import Unfit

ASKS_AS_PATIENT = ("patient",)
ASKS_AS_OTHER = ("doctor", "family")


def is_search(body: Asked) -> bool:
    """Whether somebody is to be found by what strangers may know of them."""
    return body.phone is not None or body.email is not None


async def ends_of(call: Call) -> tuple[str, str] | None:
    """(patient, other) of the request; None if nobody was found. Raises Refusal: invalid, forbidden."""
    body, who = call.body, call.who
    _refuse_ambiguity(body)
    unverified = who.role == "doctor" and who.state != AccountState.VERIFIED
    if unverified or who.role not in (*ASKS_AS_PATIENT, *ASKS_AS_OTHER):
        raise Refusal(Code.FORBIDDEN)  # F-31
    named = body.user_id or (await _found(call) if is_search(body) else None)
    if is_search(body) and named is None:
        return None
    if named is None and body.patient_id is not None and await _owns(call, body.patient_id):
        raise Refusal(Code.INVALID, FieldProblem("user_id", FieldCode.REQUIRED))  # a guardian asks for the child
    if body.patient_id is not None:
        ends = (body.patient_id, named or call.user)
    elif named is None:
        raise Refusal(Code.INVALID, FieldProblem("user_id", FieldCode.REQUIRED))
    else:
        ends = (call.user, named) if who.role in ASKS_AS_PATIENT else (named, call.user)
    if ends[0] == ends[1]:
        raise Refusal(Code.INVALID, FieldProblem("patient_id" if named is None else "user_id", FieldCode.NOT_ALLOWED))
    return ends


async def _owns(call: Call, patient: str) -> bool:
    async with call.house.database.reading() as reading:
        held = await held_by(reading, call.user, scope_name(PATIENT_SCOPE, patient), call.now)
    return held is not None and held.role in OWNERS


def _refuse_ambiguity(body: Asked) -> None:
    ways = [name for name in ("user_id", "phone", "email") if getattr(body, name) is not None]
    if len(ways) > 1:
        raise Refusal(Code.INVALID, FieldProblem(ways[1], FieldCode.NOT_ALLOWED))


async def _found(call: Call) -> str | None:
    try:
        phone = call.body.phone
        name = canonical_phone(phone) if phone is not None else canonical_email(call.body.email)
    except Unfit as unfit:
        raise Refusal(Code.INVALID, FieldProblem("email" if call.body.phone is None else "phone", unfit.code)) from None
    async with call.house.database.reading() as reading:
        owner = await credentials_of(reading, name)
        account = None if owner is None else await account_of(reading, owner.account_id)
    if account is None or account.id == call.user:
        return None if account is None else account.id
    proved = account.phone_verified if phone is not None else account.email_verified
    return account.id if proved else None
