"""Which new passwords are refused: short ones and those a guesser tries first (S-11, NIST SP 800-63B-4).

No composition rules, no forced change. The bundled list is short, for it is compared after folding: case, digits of any
script, a Khmer keyboard left on, digits and signs around a word, repeats and runs. Knows no hash.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from server.passwords import MIN_CHARS, normal_password
from sync.problem import FieldCode
from sync.values import Unfit

MIN_OWN_WORD = 3  # shorter names would condemn every password that holds them
MIN_CORE = 4  # letters; less of a common password is chance
MIN_SIGNS = 3  # different ones
_RUNS = ("abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm", "01234567890")
# The letters that stand on a..z of the Khmer national keyboard (NiDA).
_KHMER_KEYS = str.maketrans("ាបចដេថងហិ្កលមនោផឆរសតុវឹខយឋ", "abcdefghijklmnopqrstuvwxyz")
_LEET = str.maketrans("013457@$!", "oieastasi")


def check_new_password(text: str, own_words: Iterable[str] = ()) -> str:
    """The normal password. `own_words` are the person's names, phone and address.

    Raises Unfit: password.too_short, password.too_long, password.common, bad_text.
    """
    normal = normal_password(text)
    if len(normal) < MIN_CHARS:
        raise Unfit(FieldCode.PASSWORD_TOO_SHORT, least=MIN_CHARS)
    own = {part for word in own_words for part in _parts(word)}
    if any(_is_guessable(reading, own) for reading in _readings(normal)):
        raise Unfit(FieldCode.PASSWORD_COMMON)
    return normal


@cache
def common_passwords() -> frozenset[str]:
    """The bundled list, folded."""
    lines = Path(__file__).with_name("common_passwords.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(_folded(line) for line in lines if line and not line.startswith("#"))


def _readings(normal: str) -> set[str]:
    """The password as typed, and as it would read had the Khmer keyboard not been on."""
    folded = _folded(normal)
    return {folded, folded.translate(_KHMER_KEYS)}


def _is_guessable(reading: str, own: set[str]) -> bool:
    if len(set(reading)) < MIN_SIGNS or _repeats(reading) or _runs(reading) or reading in common_passwords():
        return True
    rest = reading
    for word in sorted(own, key=len, reverse=True):
        rest = rest.replace(word, " ")
    if rest != reading and len(_core(rest)) < MIN_OWN_WORD:
        return True
    return not {_core(rest), _core(rest.translate(_LEET))}.isdisjoint(_common_cores())


@cache
def _common_cores() -> frozenset[str]:
    return frozenset(core for core in map(_core, common_passwords()) if len(core) >= MIN_CORE)


def _core(text: str) -> str:
    """Its letters alone (combining marks are none)."""
    return re.sub(r"[\W\d_]+", "", text)


def _repeats(text: str) -> bool:
    """A short piece again and again: `abcabcabc`, `12121212`."""
    return any(text == (text[:size] * len(text))[: len(text)] for size in range(1, len(text) // 2 + 1))


def _runs(text: str) -> bool:
    return any(text in row or text in row[::-1] for row in _RUNS)


def _parts(word: str) -> set[str]:
    """A name's words, and the name in one; `sokha.chan@example.com` gives sokha, chan, example, com."""
    folded = _folded(word)
    pieces = {*re.split(r"[\s@.,_+-]+", folded), re.sub(r"\s+", "", folded)}
    return {piece for piece in pieces if len(piece) >= MIN_OWN_WORD}


def _folded(text: str) -> str:
    """Lower case, ASCII digits, no invisible characters."""
    kept = []
    for sign in unicodedata.normalize("NFKC", text).casefold():
        digit = unicodedata.decimal(sign, None)
        if unicodedata.category(sign) != "Cf":
            kept.append(sign if digit is None else str(digit))
    return "".join(kept)
