"""A file is one room: about 200 lines, never more than 260, its functions short."""

from __future__ import annotations

import ast

from tests.house.tree import name, python_files

MAX_LINES = 260
MAX_FUNCTION_LINES = 60


def rooms() -> list[str]:
    return [name(path) for path in python_files()]


def test_the_house_has_rooms() -> None:
    """Else the two tests below would hold for an empty list."""
    assert len(rooms()) > 10


def test_no_room_is_larger_than_260_lines() -> None:
    sizes = {
        name(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in python_files()
        if "migrations" not in path.parts
    }
    assert {room: size for room, size in sizes.items() if size > MAX_LINES} == {}


def test_no_function_is_longer_than_60_lines() -> None:
    long = {}
    for path in python_files():
        if "migrations" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
                size = node.end_lineno - node.lineno + 1
                if size > MAX_FUNCTION_LINES:
                    long[f"{name(path)}:{node.name}"] = size
    assert long == {}
