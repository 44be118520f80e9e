"""Where an account is signed in, and ending any of these sessions from another device (S-08)."""

from __future__ import annotations

from dataclasses import asdict

from server.auth_bodies import SessionsAnswer
from server.call import Answer, Call, Route
from server.sign_in import end_session
from storage.accounts import sessions
from storage.accounts.sessions import Ended
from sync.problem import Code, Refusal


async def list_sessions(call: Call) -> Answer:
    """The live ones, the last used first; at most 100."""
    async with call.house.database.reading() as reading:
        listed = await sessions.sessions_of(reading, call.user, call.now)
    items = [{**asdict(one), "current": one.session_id == call.session} for one in listed]
    return Answer(200, {"items": items, "next_cursor": None})


async def end_one_session(call: Call) -> Answer:
    """Another's session is as unknown as one that never was (R-384)."""
    if not await end_session(call, call.path["session_id"], Ended.USER):
        raise Refusal(Code.NOT_FOUND)
    return Answer(204)


ROUTES = [
    Route(method="GET", path="/auth/sessions", handler=list_sessions, summary="Where I am signed in", tag="auth",
          answer=SessionsAnswer),
    Route(method="DELETE", path="/auth/sessions/{session_id}", handler=end_one_session, tag="auth", status=204,
          summary="Ends one of my sessions", refuses=(Code.NOT_FOUND,)),
]
