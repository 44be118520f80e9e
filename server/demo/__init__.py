"""`dastern demo`: the story of an offline phone, told in the terminal with real processes (DESIGN.md 8).

Takes the words of the command line and runs the story; the story is in story.py and its acts.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

USAGE = "Usage: dastern demo [--database-url URL]   (postgresql://…; a SQLite file of its own if left out)"
UNFIT, INTERRUPTED = 2, 130
"""Exit statuses: words that cannot be used; ended by Ctrl-C or SIGTERM."""


def tell(words: Sequence[str]) -> int:
    """Tells the story; 0 if no phone differs from the server in the end."""
    match words:
        case []:
            database_url = None
        case ["--database-url", url] | [url] if not url.startswith("-"):
            database_url = url
        case [option] if option.startswith("--database-url="):
            database_url = option.removeprefix("--database-url=")
        case _:
            print(USAGE, file=sys.stderr)
            return UNFIT
    from server.demo.story import tell_on

    try:
        return asyncio.run(tell_on(database_url))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED
