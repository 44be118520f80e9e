"""Which language a reader gets: what the request asks for, else what the account has stored, else Khmer (R-430).

Knows no sentence. Reads `Accept-Language` (RFC 9110, 12.5.4) by splitting only: a regular expression made a header of
27 characters cost 10.9 s (S-57).
"""

from __future__ import annotations

from typing import Final

from i18n.languages import DEFAULT_LANGUAGE, LANGUAGES, Language, is_language

MAX_HEADER_CHARS: Final = 200
MAX_HEADER_ITEMS: Final = 10


def pick_language(accept_language: str | None, stored: str | None) -> Language:
    """The language with the highest q above 0, at equal q the first named; `stored` if the header names none of ours.

    A tag counts by its whole primary part: `km-KH` is Khmer, `kmb` (Kimbundu) is not (F-38). `*` is every language not
    named, the reader's usual one first. Items past the limits are not read; one with a faulty q is ignored.
    """
    usual: Language = stored if is_language(stored) else DEFAULT_LANGUAGE
    wishes = _wishes(accept_language or "")
    everything_else = wishes.pop("*", 0)
    unnamed = [language for language in (usual, *LANGUAGES) if language not in wishes]
    if unnamed:
        wishes[unnamed[0]] = everything_else
    best = max((language for language in wishes if is_language(language)), key=lambda name: wishes[name], default=usual)
    return best if wishes.get(best, 0) > 0 else usual


def _wishes(header: str) -> dict[str, int]:
    """Primary tag → the highest q named for it, in thousandths, in the header's order."""
    items = header[:MAX_HEADER_CHARS].split(",")
    if len(header) > MAX_HEADER_CHARS:
        items.pop()  # its end was cut off: half a tag may be another language
    wishes: dict[str, int] = {}
    for item in items[:MAX_HEADER_ITEMS]:
        tag, *parameters = (part.strip(" \t") for part in item.split(";"))
        primary, q = tag.split("-")[0].lower(), _thousandths(parameters)
        if primary and q is not None:
            wishes[primary] = max(q, wishes.get(primary, 0))
    return wishes


def _thousandths(parameters: list[str]) -> int | None:
    """RFC 9110, 12.4.2: 0 or 1 with at most three decimals. `None` for any other q; 1000 if there is none."""
    for parameter in parameters:
        name, _, text = parameter.partition("=")
        if name.lower() != "q":
            continue
        whole, _, decimals = text.partition(".")
        if whole not in ("0", "1") or len(decimals) > 3 or not (decimals or "0").isdecimal() or not text.isascii():
            return None
        return min(int(whole + decimals.ljust(3, "0")), 1000)
    return 1000
