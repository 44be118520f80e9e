"""The languages we speak and the one we fall back to (R-430). Knows no sentence."""

from __future__ import annotations

from typing import Final, Literal, TypeGuard

Language = Literal["km", "en"]

LANGUAGES: Final[tuple[Language, ...]] = ("km", "en")
DEFAULT_LANGUAGE: Final[Language] = "km"


def is_language(value: object) -> TypeGuard[Language]:
    """Whether `value` names a language that has a catalogue."""
    return value in LANGUAGES
