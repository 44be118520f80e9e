"""The tables at the end: who held what, what became of every word, who was told what and when.

Knows rows and columns; it is given everything it shows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.table import Table

from i18n.notices import Reader, notice
from server.demo.chronicle import ZONE
from server.demo.phone import Verdict
from server.demo.watcher import Heard
from sync.values import parse_instant

Row = Mapping[str, Any]
Naming = Callable[[str, str], str]  # (kind, id) → what a person would call it


def holdings(before: Mapping[str, Counter[str]], after: Mapping[str, Counter[str]]) -> Table:
    """Rows per kind on each phone, before the phone went offline and at the end."""
    table = _table("Who held what: rows before → after", ("kind", *before))
    kinds = sorted({kind for counts in (*before.values(), *after.values()) for kind in counts})
    for kind in kinds:
        table.add_row(kind, *(f"{before[phone][kind]} → {after[phone][kind]}" for phone in before))
    table.add_row("all", *(f"{before[phone].total()} → {after[phone].total()}" for phone in before), style="bold")
    return table


def outcomes(verdicts: Iterable[Verdict], naming: Naming) -> Table:
    """What the server said of every change of the phones."""
    table = _table("What became of what was recorded", ("from", "what", "said", "outcome", "code", "answer"))
    for one in verdicts:
        table.add_row(one.phone, naming(one.kind, one.id), _said(one.fields), one.outcome, one.code,
                      "kept one, sent again" if one.again else "")
    return table


def losers(kept: Iterable[Row], naming: Naming, people: Mapping[str, str]) -> Table:
    """What lost and is kept, as GET /api/sync/losers tells it to Sokha."""
    table = _table("What lost and is kept, for those who may see it",
                   ("recorded (corrected)", "by", "what", "said", "outcome", "code"))
    for one in sorted(kept, key=lambda row: str(row["recorded_at"])):
        table.add_row(_clock(one["recorded_at"]), people.get(one["by"], one["by"]), naming(one["kind"], one["id"]),
                      _said(one["fields"]), one["outcome"], one["code"])
    return table


def notices(told: Mapping[str, Sequence[Row]], readers: Mapping[str, Reader], times: Mapping[str, str]) -> Table:
    """Notices as they were stored, in each one's language, and in English. `times` fills places that are not kept."""
    table = _table("Who was told what, and when", ("when", "whom", "as it was stored", "in English"))
    lines = [(str(row["created_at"]), whom, row) for whom, rows in told.items() for row in rows]
    for created, whom, row in sorted(lines, key=lambda line: line[:2]):
        words = notice(row["notice"], readers[whom], "en", **{**times, **row["params"]})
        english = "" if row["language"] == "en" else f"{words.title}\n{words.body}"
        table.add_row(_clock(created), whom, f"{row['title']}\n{row['body']}", english)
    return table


def events(heard: Sequence[Heard], scopes: Mapping[str, str]) -> Table:
    """What came over the live channel, poke after poke of one scope in one line."""
    table = _table("What Dara's browser heard on the live channel (nothing of anybody's health)",
                   ("first", "last", "event", "about", "times"))
    runs: list[tuple[Heard, Heard, int]] = []
    for one in heard:
        same = runs and (runs[-1][0].event, _about(runs[-1][0], scopes)) == (one.event, _about(one, scopes))
        runs[-1:] = [(runs[-1][0], one, runs[-1][2] + 1)] if same else [*runs[-1:], (one, one, 1)]
    for first, last, times in runs:
        table.add_row(f"{first.at:%H:%M:%S}", f"{last.at:%H:%M:%S}", first.event, _about(first, scopes), str(times))
    return table


def _about(one: Heard, scopes: Mapping[str, str]) -> str:
    if one.event == "notification":
        return str(one.payload.get("kind"))
    scope = one.payload.get("scope")
    return "" if scope is None else scopes.get(scope, scope)


def _said(fields: Row) -> str:
    shown = {name: value for name, value in fields.items()
             if name in ("action", "at", "reason", "amount", "status", "level", "answer", "note", "slot_times")}
    if "at" in shown:
        shown["at"] = _clock(shown["at"])[:5]
    return ", ".join(str(value) if name == "action" else f"{name} {value}" for name, value in shown.items()
                     if name != "slot_times") or ("slot times" if "slot_times" in shown else "")


def _clock(instant: str) -> str:
    moment: datetime = parse_instant(instant).astimezone(ZONE)
    return f"{moment:%H:%M:%S}"


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", expand=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
