"""An example row for any table of ours, made of its column types: canonical values, every column filled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from sqlalchemy import Column, Identity, Table

from storage.columns import Clock, Day, Exact, Flag, Instant, Json, Text, Uuid, Whole


def example(table: Table) -> dict[str, Any]:
    """A row that the table takes; columns that number themselves are left out."""
    return {one.name: value_for(one) for one in table.c if not isinstance(one.server_default, Identity)}


def value_for(column: Column[Any]) -> Any:
    kind = column.type
    if isinstance(kind, Text):
        return kind.one_of[-1] if kind.one_of else f"{column.name} ថ្នាំ"
    if isinstance(kind, Whole):
        return kind.one_of[-1] if kind.one_of else min(max(kind.least, 1), kind.most)
    return _VALUES[type(kind)]() if type(kind) in _VALUES else 1


_VALUES: dict[type[Any], Callable[[], Any]] = {
    Uuid: lambda: str(uuid4()),
    Instant: lambda: "2026-01-01T00:56:00.125+00:00",
    Day: lambda: "2026-01-01",
    Clock: lambda: "07:30",
    Exact: lambda: "0.5",
    Flag: lambda: True,
    Json: lambda: {"ថ្នាំ": ["0.5", 1, None, True, {"a": []}]},
}
