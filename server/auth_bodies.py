"""What the doors of accounts take and answer: bodies as pydantic models, and the checks that need more than one field.

A person's phone and e-mail become canonical here, their password is judged; roles that nobody may give themselves are
refused (R-002, R-003, R-006, S-11). Knows no database.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, PlainValidator, WithJsonSchema

from server.password_rules import check_new_password
from server.passwords import MAX_CHARS, MIN_CHARS, normal_password
from storage.accounts.accounts import OFFERED, ROLES
from storage.columns import Day, Flag, Instant, Text, Uuid
from storage.entities.people import MAX_NAME_CHARS
from storage.phones import MAX_EMAIL_CHARS, MAX_TYPED_CHARS, canonical_email, canonical_name, canonical_phone
from sync.gate import Bad
from sync.identity import SYSTEM_DEVICE
from sync.problem import Code, FieldCode, FieldProblem, Refusal
from sync.values import Unfit
from sync.wire import NIL

T = TypeVar("T")

LEAST_AGE = 13  # of an account of one's own; younger patients are dependants
HOME_ZONE = ZoneInfo("Asia/Phnom_Penh")  # whose calendar says how old somebody is
MAX_TOKEN_CHARS = 200


def _as_sent(value: Any) -> str:
    """A secret is taken byte for byte: half a character is refused here, not repaired as in other texts."""
    if isinstance(value, Bad):
        raise Unfit(value.code)
    if not isinstance(value, str):
        raise Unfit(FieldCode.WRONG_TYPE)
    return value


Secret = Annotated[str, PlainValidator(_as_sent), WithJsonSchema(
    {"type": "string", "format": "password", "minLength": MIN_CHARS, "maxLength": MAX_CHARS})]
Name = Annotated[str, Text(MAX_NAME_CHARS, 1)]
Phone = Annotated[str, Text(MAX_TYPED_CHARS)]
Email = Annotated[str, Text(MAX_EMAIL_CHARS)]
Id = Annotated[str, Uuid()]


class Body(BaseModel):
    """A misspelt member would silently be lost, so unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class DeviceBody(Body):
    """The device that logs in. `id` is a UUID that it keeps for ever; without one it is given one."""

    id: Id | None = None
    name: Annotated[str, Text(MAX_NAME_CHARS)] = ""
    platform: Annotated[str, Text(one_of=("android", "ios", "web", "other"))] = "other"


class RegisterBody(Body):
    """A new account (R-002, R-003). A patient tells gender and date of birth; a phone or an e-mail everybody."""

    first_name: Name
    last_name: Name
    gender: Annotated[str, Text(one_of=("male", "female", "other"))] | None = None
    birth_date: Annotated[str, Day()] | None = None
    phone: Phone | None = None
    email: Email | None = None
    password: Secret
    role: Annotated[str, Text(one_of=ROLES)] = "patient"
    terms_accepted: Annotated[bool, Flag()]
    language: Annotated[str, Text(one_of=("km", "en"))] | None = None
    device: DeviceBody = DeviceBody()


class LoginBody(Body):
    """`login` is a phone or an e-mail; `phone` or `email` may stand in its place."""

    login: Annotated[str, Text(MAX_EMAIL_CHARS)] | None = None
    phone: Phone | None = None
    email: Email | None = None
    password: Secret
    device: DeviceBody = DeviceBody()


class RefreshBody(Body):
    """`device_id` as the login answered it: with it a lost reply heals, without it a copied token would (S-06)."""

    refresh_token: Annotated[str, Text(MAX_TOKEN_CHARS, 1)]
    device_id: Id


class ChangePasswordBody(Body):
    old_password: Secret
    new_password: Secret


class TokensAnswer(BaseModel):
    """What a device keeps. `device_id` is the one to use from now on, whatever was asked for (R-015)."""

    user_id: Id
    patient_id: Id | None
    device_id: Id
    access_token: str
    token_type: str
    expires_in: int
    refresh_token: str


class AccountAnswer(BaseModel):
    """An account as its owner sees it."""

    user_id: Id
    patient_id: Id | None
    role: str
    state: str
    phone: str | None
    email: str | None
    phone_verified: bool
    email_verified: bool
    language: str
    created_at: Annotated[str, Instant()]
    session_id: Id
    device_id: Id


class SessionAnswer(BaseModel):
    """One place where an account is signed in. `current` is the asking one."""

    session_id: Id
    device_id: Id
    device_name: str
    platform: str
    created_at: Annotated[str, Instant()]
    last_used_at: Annotated[str, Instant()]
    current: bool


class SessionsAnswer(BaseModel):
    items: list[SessionAnswer]
    next_cursor: None


@dataclass(frozen=True, slots=True)
class Person:
    """A registration whose words are sound and canonical."""

    phone: str | None
    email: str | None
    password: str


def checked_person(body: RegisterBody, now_ms: int) -> Person:
    """Raises Refusal: role_not_offered (F-32), else invalid with every wrong field."""
    if body.role not in OFFERED:
        raise Refusal(Code.ROLE_NOT_OFFERED, role=body.role)
    problems = list(_missing(body))
    phone = _tried(problems, "phone", canonical_phone, body.phone)
    email = _tried(problems, "email", canonical_email, body.email)
    own = [body.first_name, body.last_name, f"{body.first_name}{body.last_name}", *words_of_names(phone, email)]
    password = _tried(problems, "password", lambda text: check_new_password(text, own), body.password)
    if body.birth_date is not None and not _is_old_enough(date.fromisoformat(body.birth_date), now_ms, body.role):
        problems.append(FieldProblem("birth_date", FieldCode.DATE_RANGE))
    refuse_device(body.device, problems)
    if problems or password is None:
        raise Refusal(Code.INVALID, *problems)
    return Person(phone, email, password)


def checked_login(body: LoginBody) -> tuple[str, str]:
    """(canonical name, normal password). Raises Refusal(INVALID), alike for names that exist and that do not."""
    problems: list[FieldProblem] = []
    given: dict[str, tuple[str | None, Callable[[str], str]]] = {
        "login": (body.login, canonical_name), "phone": (body.phone, canonical_phone),
        "email": (body.email, canonical_email),
    }
    names = {field: check for field, (text, check) in given.items() if text is not None}
    if len(names) != 1:
        raise Refusal(Code.INVALID, FieldProblem("login", FieldCode.REQUIRED if not names else FieldCode.TOO_MANY))
    field, check = names.popitem()
    name = _tried(problems, field, check, given[field][0])
    password = _tried(problems, "password", normal_password, body.password)
    refuse_device(body.device, problems)
    if problems or name is None or password is None:
        raise Refusal(Code.INVALID, *problems)
    return name, password


def checked_password(field: str, check: Callable[[str], str], text: str) -> str:
    """Raises Refusal(INVALID) naming the field."""
    problems: list[FieldProblem] = []
    password = _tried(problems, field, check, text)
    if password is None:
        raise Refusal(Code.INVALID, *problems)
    return password


def words_of_names(phone: str | None, email: str | None) -> list[str]:
    """A person's own names as they might stand in a password: the number with and without its country."""
    return [word for word in (phone, phone and phone.removeprefix("+"), phone and phone.removeprefix("+855"), email)
            if word]


def refuse_device(device: DeviceBody, problems: list[FieldProblem]) -> None:
    """Ids that are nobody's or the server's own."""
    if device.id in (NIL, SYSTEM_DEVICE):
        problems.append(FieldProblem("device.id", FieldCode.NOT_ALLOWED))


def _missing(body: RegisterBody) -> list[FieldProblem]:
    needed: dict[str, bool] = {"phone": body.phone is None and body.email is None}
    if body.role == "patient":
        needed |= {"gender": body.gender is None, "birth_date": body.birth_date is None}
    problems = [FieldProblem(name, FieldCode.REQUIRED) for name, missing in needed.items() if missing]
    return problems if body.terms_accepted else [*problems, FieldProblem("terms_accepted", FieldCode.REQUIRED)]


def _tried(problems: list[FieldProblem], field: str, check: Callable[[str], T], text: str | None) -> T | None:
    try:
        return None if text is None else check(text)
    except Unfit as unfit:
        problems.append(FieldProblem(field, unfit.code, unfit.params))
        return None


def _is_old_enough(born: date, now_ms: int, role: str) -> bool:
    today = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=now_ms)).astimezone(HOME_ZONE).date()
    years = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return years >= (LEAST_AGE if role == "patient" else 0)
