"""The parts that a request or a job needs, in one hand. Put together by server/app.py and server/worker_house alone.

Knows the parts' types; does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from server.metrics import Metrics
from server.settings import Settings
from server.turns import Turns
from storage.database import Database
from storage.ledger.ledger import Ledger
from sync.kind import Kinds, Rules

if TYPE_CHECKING:
    from server.limits import Limits
    from server.live import Live
    from server.passwords import Passwords
    from server.tokens import Tokens


@dataclass(slots=True, kw_only=True)
class House:
    """`may_read` is role → kinds; `now_ms` the server's clock; `ready` false until started and once it is closing."""

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
    turns: Turns = field(default_factory=Turns)
    live: Live = field(init=False)
    ready: bool = False
