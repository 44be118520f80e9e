"""The sentence for a key, from the gettext catalogues `locales/km.po` and `locales/en.po`, read once at import.

A msgid is the key itself (`error.slot_full`, `notice.prescription_changed.title`); both catalogues hold every key with
the same named places (R-431). Does not know who asks, nor which language they read: `negotiation` decides that.

Keys are looked up without regard to case, because the wire writes `MORN` and `ACTIVE` where the tables write `morn`.
"""

from __future__ import annotations

import logging
from importlib.resources import files
from io import BytesIO

from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from i18n.languages import LANGUAGES, Language
from i18n.template import MissingValueError, PerLanguage, Template

log = logging.getLogger(__name__)

UNEXPECTED = "error.internal"
"""Shown in place of a sentence that nobody wrote: an answer about an error must never become a second error."""


class UnknownSentenceError(KeyError):
    """No catalogue holds this key: a fault of the caller."""


def sentence(key: str, /, language: Language, **values: object) -> str:
    """The sentence of `key` with `values` put in literally; values it has no place for are ignored.

    Raises `UnknownSentenceError` or `MissingValueError`; a notice that lacks a value is refused, not sent (R-282).
    """
    template = _template(key, language)
    try:
        return template.fill(language, values)
    except MissingValueError as missing:
        raise MissingValueError(f"{key} ({language}) needs {missing.args[0]!r}") from None


def both(key: str, /, **values: object) -> dict[Language, str]:
    """The sentence in every language, by language (R-430: errors carry both). Raises as `sentence` does."""
    return {language: sentence(key, language, **values) for language in LANGUAGES}


def explain(key: str, /, language: Language, **values: object) -> str:
    """The sentence of a refusal or an outcome; a missing sentence or value never raises.

    `<key>.detailed` if there is one and all its figures are among `values`, else the plain sentence. A key for
    which neither can be said is logged and answered with the general sentence.
    """
    for candidate in (f"{key}.detailed", key):
        template = _CATALOGUES[language].get(candidate.lower())
        if template is not None and template.places <= values.keys():
            return template.fill(language, values)
    log.error("no sentence for %s in %s", key, language)
    return sentence(UNEXPECTED, language)


def explain_both(key: str, /, **values: object) -> dict[Language, str]:
    """`explain` in every language, by language, for `message_km` and `message_en` of an error body (R-601)."""
    return {language: explain(key, language, **values) for language in LANGUAGES}


def phrase(key: str, /, **values: object) -> PerLanguage:
    """A sentence as a value of another one, in whichever language that one is written."""
    return lambda language: sentence(key, language, **values)


def places(key: str) -> frozenset[str]:
    """The names of the values that the sentence of `key` needs. Raises `UnknownSentenceError`."""
    return _template(key, "km").places


def has(key: str) -> bool:
    """Whether the catalogues hold `key`."""
    return key.lower() in _CATALOGUES["km"]


def _template(key: str, language: Language) -> Template:
    try:
        return _CATALOGUES[language][key.lower()]
    except KeyError:
        raise UnknownSentenceError(f"{key} ({language})") from None


def read_catalogue(language: Language) -> dict[str, Template]:
    """Every finished sentence of a language by key. Raises ValueError for a malformed place; fuzzy and empty entries
    are left out."""
    source = files("i18n").joinpath("locales", f"{language}.po").read_bytes()
    entries = read_po(BytesIO(source), locale=language, abort_invalid=True)
    return {str(_texts(entry.id)[0]): Template.parse(_texts(entry.string)) for entry in entries if _finished(entry)}


def _finished(entry: Message) -> bool:
    return bool(entry.id) and not entry.fuzzy and all(_texts(entry.string))


def _texts(text: str | list[str] | tuple[str, ...] | None) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text or ("",))


_CATALOGUES: dict[Language, dict[str, Template]] = {language: read_catalogue(language) for language in LANGUAGES}
