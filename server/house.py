"""The parts that a request or a job needs, in one hand. Put together by server/app.py alone.

Knows the parts' types; does nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from server.bus import Bus, InProcessBus
from server.known_tokens import KnownTokens
from server.metrics import Metrics
from server.settings import Settings
from server.turns import Turns
from storage.database import Database
from storage.ledger.ledger import Ledger
from sync.kind import Kinds
from sync.rule import Rules

if TYPE_CHECKING:
    from server.limits import Limits
    from server.live import Live
    from server.passwords import Passwords
    from server.tokens import Tokens


@dataclass(slots=True, kw_only=True)
class House:
    """`may_read` is role → kinds; `now_ms` the server's clock; `openapi` the document of what is served; `ready` false
    until started and once it is closing; `ticks` keep two writes of one device in one millisecond apart; `wake_worker`
    tells a worker of this process that something waits."""

    settings: Settings
    database: Database
    ledger: Ledger
    kinds: Kinds
    rules: Rules
    may_read: Mapping[str, Sequence[str]]
    metrics: Metrics
    tokens: Tokens
    passwords: Passwords
    limits: Limits
    now_ms: Callable[[], int]
    openapi: bytes = b"{}"
    turns: Turns = field(default_factory=Turns)
    bus: Bus = field(default_factory=InProcessBus)
    live: Live = field(init=False)
    known_tokens: KnownTokens = field(init=False)
    ticks: Iterator[int] = field(default_factory=itertools.count)
    wake_worker: Callable[[], None] = lambda: None
    ready: bool = False

    def __post_init__(self) -> None:
        self.known_tokens = KnownTokens(self.tokens)
