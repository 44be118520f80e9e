"""What the demo says while it happens: one line per deed, with the time, and the expectations the story rests on.

Knows a console; nothing of servers, phones or people.
"""

from __future__ import annotations

import sys
from datetime import datetime
from typing import IO
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table
from rich.text import Text

ZONE = ZoneInfo("Asia/Phnom_Penh")
WIDTH_OF_A_FILE = 150  # columns, where the output is no terminal
WHO_WIDTH = 14  # columns; "Dara's browser"


class StoryBroken(Exception):
    """Something happened otherwise than promised; the message says what. The demo ends with a non-zero status."""


def expect(holds: bool, promise: str) -> None:
    """Raises StoryBroken naming the promise that was not kept."""
    if not holds:
        raise StoryBroken(promise)


class Chronicle:
    """Prints the story. `now` is an aware datetime of the demo's own, right clock."""

    def __init__(self, out: IO[str] | None = None) -> None:
        stream = out or sys.stdout
        _speak_utf8(stream)
        self.console = Console(file=stream, highlight=False, width=None if stream.isatty() else WIDTH_OF_A_FILE)

    def act(self, title: str) -> None:
        self.console.print()
        self.console.rule(f"[bold]{title}", align="left")

    def say(self, who: str, what: str) -> None:
        line = Table.grid(padding=(0, 2))
        line.add_column(style="dim")
        line.add_column(style="bold cyan", width=WHO_WIDTH)
        line.add_column()
        line.add_row(f"{now():%H:%M:%S}", who, Text(what))
        self.console.print(line)

    def good(self, what: str) -> None:
        self.console.print(Text(what, style="bold green"))

    def bad(self, what: str) -> None:
        self.console.print(Text(what, style="bold red"))


def now() -> datetime:
    """Now on a right clock in Phnom Penh."""
    return datetime.now(ZONE)


def _speak_utf8(stream: IO[str]) -> None:
    """A pipe in a C locale would otherwise stop the story at the first Khmer name."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    if encoding.lower().replace("-", "") != "utf8" and hasattr(stream, "reconfigure"):
        stream.reconfigure(encoding="utf-8", errors="replace")
