"""One spelling for every phone number and e-mail address, whatever notation a person types (R-006).

Phones become E.164. A number is Cambodian unless it says otherwise, and then has 8 or 9 digits that the numbering plan
knows; carrier tables never decide, for people keep their number when they change carrier. Knows notations; never
whether a number is anybody's.
"""

from __future__ import annotations

import re
import unicodedata

import phonenumbers

from sync.problem import FieldCode
from sync.values import Unfit

HOME_CODE = "855"
HOME_REGION = "KH"
NATIONAL_DIGITS = (8, 9)
MAX_TYPED_CHARS = 60  # of a number as typed, with all its spaces
MAX_EMAIL_CHARS = 254  # RFC 5321 4.5.3.1.3, as corrected by RFC 3696's erratum 1690
MAX_LOCAL_CHARS = 64

_PUNCTUATION = frozenset("()[].-/\u2010\u2011\u2012\u2013\u2014\u2212")
_TYPED = re.compile(r"(\+|00)?([0-9]+)")
# Deliberately narrower than RFC 5322: quoted local parts and comments are abuse far more often than addresses.
_LOCAL = re.compile(r"[^\s@\"(),:;<>\[\\\]\x00-\x1f\x7f]+")
_DOMAIN = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def canonical_phone(text: str) -> str:
    """E.164 (`+85512345678`) of a number in any notation, Khmer digits and zero-width characters included.

    Raises Unfit with `phone.invalid`.
    """
    typed = _TYPED.fullmatch(_folded(text)) if len(text) <= MAX_TYPED_CHARS else None
    if typed is None:
        raise Unfit(FieldCode.PHONE_INVALID)
    international, digits = typed.groups()
    national = _national(digits, international is not None)
    if national is not None:
        return _checked(f"+{HOME_CODE}{national}", home=True)
    if international is None or digits.startswith(("0", HOME_CODE)):
        raise Unfit(FieldCode.PHONE_INVALID)
    return _checked(f"+{digits}", home=False)


def canonical_email(text: str) -> str:
    """The address in lower case, its domain in ASCII (IDNA). Raises Unfit with `email.invalid`."""
    local, at, domain = unicodedata.normalize("NFC", text.strip()).lower().rpartition("@")
    try:
        domain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        raise Unfit(FieldCode.EMAIL_INVALID) from None
    fits = (at and _LOCAL.fullmatch(local) and _DOMAIN.fullmatch(domain) and len(local) <= MAX_LOCAL_CHARS
            and not local.startswith(".") and not local.endswith(".") and ".." not in local
            and len(local) + 1 + len(domain) <= MAX_EMAIL_CHARS)
    if not fits:
        raise Unfit(FieldCode.EMAIL_INVALID)
    return f"{local}@{domain}"


def canonical_name(text: str) -> str:
    """What somebody logs in with: an e-mail address if it holds an @, else a phone number. Raises Unfit."""
    return canonical_email(text) if "@" in text else canonical_phone(text)


def _folded(text: str) -> str:
    """ASCII digits and a leading plus; spaces, brackets, dashes and invisible signs gone, all else kept to fail."""
    kept = []
    for sign in text:
        if sign in _PUNCTUATION or sign.isspace() or unicodedata.category(sign) == "Cf":
            continue
        digit = unicodedata.decimal(sign, None)
        kept.append(str(digit) if digit is not None else "+" if sign == "\uff0b" else sign)
    return "".join(kept)


def _national(digits: str, international: bool) -> str | None:
    """The national digits of a Cambodian number, without its trunk 0; None if it is none."""
    if digits.startswith(HOME_CODE):
        rest = digits.removeprefix(HOME_CODE).removeprefix("0")
        # 85 is also a prefix of numbers at home: 85 512 345 is one, written without its 0.
        if len(rest) in NATIONAL_DIGITS:
            return rest
    if international:
        return None
    rest = digits.removeprefix("0")
    return rest if len(rest) in NATIONAL_DIGITS else None


def _checked(e164: str, *, home: bool) -> str:
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        raise Unfit(FieldCode.PHONE_INVALID) from None
    known = phonenumbers.is_valid_number_for_region(number, HOME_REGION) if home else \
        phonenumbers.is_possible_number(number)
    if not known or phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) != e164:
        raise Unfit(FieldCode.PHONE_INVALID)
    return e164
