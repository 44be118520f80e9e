"""The words of a notice for one reader: the patient, a relative or a doctor, with the medicine named or not.

Keys are `notice.<kind>[.<reader>].title` and `.body`; a reader without words of their own gets the nearest ones. Does
not know who is told, nor over which channel.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from i18n.catalogue import has, sentence
from i18n.languages import Language

Reader = Literal["patient", "relative", "doctor"]

# A relative and a doctor both read about someone else, so a doctor gets a relative's words before the patient's.
_NEAREST: Final[dict[Reader, tuple[str, ...]]] = {
    "patient": (".patient", ""),
    "relative": (".relative", ""),
    "doctor": (".doctor", ".relative", ""),
}


class NoticeText(NamedTuple):
    """What one reader sees of a notice."""

    title: str
    body: str


def notice(kind: str, reader: Reader, /, language: Language, *, private: bool = False, **values: object) -> NoticeText:
    """Title and body of a notice in the recipient's language (R-284).

    `private` gives the words for a lock screen, or for a relative who gets alerts without medicine names: nobody and
    nothing is named. Kinds that never speak of medicine have no such words and stay as they are.
    Raises `UnknownSentenceError` or `MissingValueError`, whose places `places` tells.
    """
    if private and has(f"notice.{kind}.neutral"):
        return NoticeText(sentence("notice.neutral_title", language), sentence(f"notice.{kind}.neutral", language))
    title, body = (sentence(_nearest_key(kind, reader, part), language, **values) for part in ("title", "body"))
    return NoticeText(title, body)


def _nearest_key(kind: str, reader: Reader, part: str) -> str:
    keys = [f"notice.{kind}{whose}.{part}" for whose in _NEAREST[reader]]
    return next((key for key in keys if has(key)), keys[-1])
