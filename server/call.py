"""The words of the edge: a `Call` comes in, an `Answer` goes out, a `Route` says which handler takes which path.

Shapes only. Knows no aiohttp and no rule; server/edge.py tells the story in which they occur.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from i18n.languages import Language
from server.house import House
from storage.database import DEADLINE_S
from sync.problem import Code, Refusal
from sync.values import instant_of_ms

Schema = Mapping[str, Any]
_AS_WORDS = str.maketrans({"}": "", "/": "_", "-": "_", ".": "_"})


class Auth(StrEnum):
    """What a route asks of the caller."""

    NONE = "none"
    CLAIMS = "claims"
    """A sound access token; the session itself is looked up inside the handler's own first statement (sync)."""
    SESSION = "session"
    """A sound access token of a session that is open now, and an account that is not shut (S-01)."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom an access token speaks for. `role` and `state` are the account's, from the database where the session was
    looked up, else empty: a token's word for them is never believed."""

    user: str
    device: str
    session: str
    role: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One request as a handler sees it.

    `body` is a value from the JSON gate (may hold `Bad`), or an instance of the route's body model; `path` holds typed,
    canonical parameters; `now_ms` is the server's clock, once for the whole request; `ip` the client's address as far
    as we believe it (S-21).
    """

    house: House
    body: Any
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    language: Language
    accept_language: str | None
    now_ms: int
    ip: str
    request_id: str
    caller: Caller | None = None

    @property
    def who(self) -> Caller:
        """The caller of a route that asks for one."""
        if self.caller is None:
            raise Refusal(Code.UNAUTHENTICATED)
        return self.caller

    @property
    def user(self) -> str:
        return self.who.user

    @property
    def device(self) -> str:
        return self.who.device

    @property
    def session(self) -> str:
        return self.who.session

    @property
    def now(self) -> str:
        """`now_ms` as a canonical instant."""
        return instant_of_ms(self.now_ms)


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is JSON of canonical values, or bytes that are sent as they are; None for none."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation.

    `path` begins after /api, variables in braces: those named `id` or ending in `_id` are UUIDs (any other spelling is
    404), the rest words. `body` and `answer` are JSON Schemas, or pydantic models; a body that is a model is checked
    before the handler runs. `limit` names a rate of server/limits.py. `deadline_s` None: answered without the database.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    tag: str
    auth: Auth = Auth.SESSION
    body: Schema | type | None = None
    body_required: bool = True
    query: Mapping[str, Schema] = field(default_factory=dict)
    answer: Schema | type | None = None
    status: int = 200
    also: tuple[int, ...] = ()
    """Other statuses of success, with the same body: of a trial run, for one."""
    refuses: tuple[Code, ...] = ()
    limit: str = "api"
    deadline_s: float | None = DEADLINE_S
    links: Mapping[str, Any] = field(default_factory=dict)

    @property
    def operation_id(self) -> str:
        """`get_records_by_kind_by_id`: stable, from method and path."""
        words = self.path.strip("/").replace("{", "by_").translate(_AS_WORDS)
        return f"{self.method}_{words}".lower()
