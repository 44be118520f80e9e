"""One sentence with named places, and what stands in them. Knows no catalogue and no key.

Values are put in literally and never read again: braces, backslashes, markup and patterns in a value reach the reader
as they are (R-282, F-56). Whoever shows the sentence as HTML escapes it there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from string import Formatter

from babel import Locale

from i18n.languages import Language

PerLanguage = Callable[[Language], str]
"""A value whose words differ by language; any other value is shown by its `str`."""


class MissingValueError(KeyError):
    """A sentence was asked for without a value that it needs (R-282): a fault of the caller."""


@dataclass(frozen=True, slots=True)
class Template:
    """A whole sentence, in as many forms as its language has plurals for it; a form is (text, place after it) pairs."""

    forms: tuple[tuple[tuple[str, str | None], ...], ...]
    places: frozenset[str]

    @classmethod
    def parse(cls, texts: Sequence[str]) -> Template:
        """Raises ValueError for unbalanced braces, or a place that is more than a plain name (`{a.b}`, `{0}`, `{a!r}`):
        such places would let a sentence reach into a value."""
        forms = tuple(tuple(_pieces(text)) for text in texts)
        return cls(forms, frozenset(place for form in forms for _, place in form if place is not None))

    def fill(self, language: Language, values: Mapping[str, object]) -> str:
        """The sentence with its values. Raises `MissingValueError` naming the place that has none."""
        written: list[str] = []
        for text, place in self.forms[self._form(language, values)]:
            written.append(text)
            if place is not None:
                written.append(_words(place, language, values))
        return "".join(written)

    def _form(self, language: Language, values: Mapping[str, object]) -> int:
        """CLDR's plural: `count` decides, or `n` where a caller shows the number as it is."""
        if len(self.forms) == 1:
            return 0
        count = values.get("count", values.get("n"))
        if not isinstance(count, int | float | Decimal):
            return 1
        return 0 if _PLURALS[language].plural_form(count) == "one" else 1


_PLURALS: dict[Language, Locale] = {"km": Locale("km"), "en": Locale("en")}


def _pieces(text: str) -> list[tuple[str, str | None]]:
    pieces: list[tuple[str, str | None]] = []
    for literal, place, spec, conversion in Formatter().parse(text):
        if place is not None and (not place.isidentifier() or spec or conversion):
            raise ValueError(f"{text!r}: a place is a plain name in braces, not {place!r}")
        pieces.append((literal, place))
    return pieces


def _words(place: str, language: Language, values: Mapping[str, object]) -> str:
    try:
        value = values[place]
    except KeyError:
        raise MissingValueError(place) from None
    return str(value(language)) if callable(value) else str(value)
