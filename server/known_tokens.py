"""Access tokens that were found sound a moment ago: their signature is not checked again (0.2 ms each).

A token's text always says the same; only its time runs out, which is asked at each look, and whether its session is
still open, which is asked of the database as ever (S-01). Knows tokens' texts, in memory alone.
"""

from __future__ import annotations

from collections import OrderedDict

from server.tokens import LEEWAY_S, Claims, Tokens

MOST = 10_000


class KnownTokens:
    """`Tokens.read` with a memory of the last `MOST` tokens."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._known: OrderedDict[str, Claims] = OrderedDict()

    def read(self, token: str, now_ms: int) -> Claims:
        """Raises what `Tokens.read` raises."""
        claims = self._known.get(token)
        if claims is not None and claims.expires_at + LEEWAY_S > now_ms // 1000:
            return claims
        self._known.pop(token, None)
        claims = self._tokens.read(token, now_ms)
        self._known[token] = claims
        if len(self._known) > MOST:
            self._known.popitem(last=False)
        return claims
