"""What a client sent for one row, made canonical: pydantic checks made of the declared fields, once per kind.

Only what was sent is checked (a patch sends little); what a new row lacks, the engine asks by `Column.required`. The
server's columns are not in the model at all (S-37): a phone echoes whole rows, so they are named and left unread.
Unknown fields go to `extra` (S-38). Problems name fields and limits, never values.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Annotated, Any, Optional

from pydantic import Field as Described
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails
from typing_extensions import TypedDict

from storage.declared import Field
from storage.free_json import unknown_fields
from sync.gate import Bad, repair_text
from sync.kind import Checked
from sync.problem import FieldCode, FieldProblem
from sync.record import Change
from sync.values import Unfit

MAX_PROBLEMS = 50
MAX_NAME_CHARS = 64

_CODES = {
    "missing": FieldCode.REQUIRED,
    "too_long": FieldCode.TOO_MANY,
    "too_short": FieldCode.REQUIRED,  # an empty list where something must stand
    "extra_forbidden": FieldCode.UNKNOWN,
    "union_tag_invalid": FieldCode.PLAN_UNSUPPORTED,  # plans alone have kinds to choose from
    "union_tag_not_found": FieldCode.REQUIRED,
}
_FIGURES = {"max_length": "most", "min_length": "least"}


def fields_model(name: str, fields: Iterable[Field], *, by_server: bool = False) -> TypeAdapter[dict[str, Any]]:
    """The pydantic model of what clients may send, or the server itself: all optional, for a patch names what it
    changes."""
    sent = {field.name: _annotation(field) for field in fields if field.writable or by_server}
    return TypeAdapter(TypedDict(name, sent, total=False))  # type: ignore[operator]


def wire_check(
    fields: Iterable[Field], engine_columns: Collection[str], *, by_server: bool = False
) -> Callable[[Change], Checked]:
    """The check of a kind with these fields: of what clients send, or `by_server` of the system's own changes."""
    fields = tuple(fields)
    validate = fields_model("Fields", fields, by_server=by_server).validator.validate_python
    known = frozenset(field.name for field in fields if field.writable or by_server)
    servers = frozenset(field.name for field in fields) - known
    echoed = frozenset(engine_columns)

    def check(change: Change) -> Checked:
        sent = change.fields
        problems: list[FieldProblem] = []
        beside = sent.keys() - known
        ignored = tuple(sorted(beside & servers))
        extra: dict[str, Any] = {}
        if len(beside) > len(ignored):
            extra = _unknown({name: sent[name] for name in beside - servers - echoed}, problems)
        try:
            read = validate(sent)
        except ValidationError as error:
            return Checked({}, {}, ignored, tuple(problem.as_json() for problem in [*problems, *read_problems(error)]))
        return Checked(read, extra, ignored, tuple(problem.as_json() for problem in problems))

    return check


def read_problems(error: ValidationError) -> list[FieldProblem]:
    """pydantic's findings as field problems, with dotted paths (`lines.0.name`)."""
    found = error.errors(include_url=False)
    return [_problem(detail) for detail in found[:MAX_PROBLEMS]]


def _annotation(field: Field) -> Any:
    value: Any = Annotated[Any, field.type]
    if field.nullable:
        value = Optional[value]  # noqa: UP045 — made at run time
    return Annotated[value, Described(description=field.told.doc)]


def _unknown(fields: dict[str, Any], problems: list[FieldProblem]) -> dict[str, Any]:
    try:
        return unknown_fields(fields) if fields else {}
    except Unfit as unfit:
        problems.extend(_problem_of_unknown(fields, unfit))
        return {}


def _problem_of_unknown(fields: dict[str, Any], unfit: Unfit) -> Iterator[FieldProblem]:
    """Names the field if one is to blame alone, else `extra` for all of them."""
    for name, value in fields.items():
        try:
            unknown_fields({name: value})
        except Unfit as own:
            yield FieldProblem(repair_text(name[:MAX_NAME_CHARS]), own.code, own.params)
            return
    yield FieldProblem("extra", unfit.code, unfit.params)


def _problem(detail: ErrorDetails) -> FieldProblem:
    path = ".".join(str(step)[:MAX_NAME_CHARS] for step in detail["loc"])
    value, context = detail["input"], detail.get("ctx", {})
    if detail["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return FieldProblem(f"{path}.type", _CODES[detail["type"]])
    if isinstance(value, Bad):
        return FieldProblem(path, value.code)
    if value is None and detail["type"] != "extra_forbidden":
        return FieldProblem(path, FieldCode.REQUIRED)
    reason = context.get("error")
    if isinstance(reason, Unfit):
        return FieldProblem(path, reason.code, reason.params)
    code = _CODES.get(detail["type"], FieldCode.WRONG_TYPE)
    return FieldProblem(path, code, {_FIGURES[name]: context[name] for name in _FIGURES if name in context})
