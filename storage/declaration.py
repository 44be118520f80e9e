"""What a declaration must be before the program may run with it: each fault has its sentence (models.md rule 7).

Knows shapes of declarations; never tables or kinds by name. Whether parents exist is asked when all kinds are known
(storage/catalogue.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from storage.columns import Text
from storage.declared import CLIENT, CREATION, SERVER, Field
from storage.scope import Scope
from sync.dose_policy import ClientWins
from sync.kind import Kind, no_founder
from sync.policy import AppendOnly, LatestStatus, Policy, ServerOwned
from sync.values import Unfit


@dataclass(frozen=True, slots=True)
class Declaration:
    """The storage's side of a kind: what the engine's `Kind` does not hold."""

    doc: str
    scope: Scope
    fields: tuple[Field, ...]
    indexes: tuple[tuple[str, ...], ...]


class FaultyDeclarationError(TypeError):
    """An entity says something that cannot be meant."""


def refuse_faults(
    name: str, kind: Kind, declaration: Declaration, *, taken: Collection[str], reserved: Collection[str]
) -> None:
    """Raises FaultyDeclarationError with all that is wrong, one sentence each."""
    if not isinstance(kind.policy, Policy):
        raise FaultyDeclarationError(f"{name}: its policy {kind.policy!r} is none of sync/policy.py.")
    fields = {field.name: field for field in declaration.fields}
    faults = [
        *_names(kind, declaration, fields, taken, reserved),
        *_places(kind, declaration, fields),
        *_policy(kind, fields),
        *_values(kind, declaration),
    ]
    if faults:
        raise FaultyDeclarationError("\n".join(f"{name}: {fault}" for fault in faults))


def _names(
    kind: Kind, declaration: Declaration, fields: dict[str, Field], taken: Collection[str], reserved: Collection[str]
) -> Iterator[str]:
    if not declaration.doc:
        yield "it has no docstring, and the API document needs one."
    if kind.name in taken:
        yield f"there is a table {kind.name!r} already."
    for name, field in fields.items():
        if name in reserved or name in ("kind", "declaration", "metadata", "registry"):
            yield f"{name!r} is a word of the engine; find another name."
        if not field.told.doc:
            yield f"{name!r} has no sentence that says what it is."
    spoken = [("access", name) for name in kind.access.columns]
    spoken += [("index", name) for index in declaration.indexes for name in index if name != "id"]
    for where, name in spoken:
        if name not in fields:
            yield f"its {where} speaks of {name!r}, but there is no such column."


def _places(kind: Kind, declaration: Declaration, fields: dict[str, Field]) -> Iterator[str]:
    roles = [("scope", place.column) for place in declaration.scope.places]
    roles += [(role, name) for role, name in (("part", kind.part), ("day", kind.day), ("line", kind.line)) if name]
    for role, name in roles:
        if name == "id":
            continue
        if name not in fields:
            yield f"its {role} is told by {name!r}, but there is no such column."
        elif fields[name].told.by == CLIENT:
            yield f"its {role} is told by {name!r}, which clients may change; declare it by=CREATION or by=SERVER."
        elif role == "scope" and fields[name].nullable:
            yield f"its scope is told by {name!r}, which may be null."
    yield from _belongings(kind, declaration, fields)


def _belongings(kind: Kind, declaration: Declaration, fields: dict[str, Field]) -> Iterator[str]:
    prefixes = {place.prefix for place in declaration.scope.places}
    if kind.line is None and kind.masks is None and any(field.told.masked for field in fields.values()):
        yield "it masks columns, but says neither line= nor masks=, so nobody knows when."
    if (kind.founds is None) != (kind.founder is no_founder):
        yield "founds= and founder= belong together."
    if kind.founds is not None and kind.founds not in prefixes:
        yield f"it founds {kind.founds!r}, which is none of its scopes."
    for prefix in sorted(kind.deposits - prefixes):
        yield f"it deposits in {prefix!r}, which is none of its scopes."


def _policy(kind: Kind, fields: dict[str, Field]) -> Iterator[str]:
    policy = kind.policy
    for name in policy.needs:
        if name not in fields:
            yield f"it merges by {name!r}, but has no such column."
    for name, field in fields.items():
        open_ = field.told.by == CLIENT
        if isinstance(policy, AppendOnly) and open_:
            yield f"it is append-only, so {name!r} is written at creation or by the server."
        if isinstance(policy, ServerOwned) and (open_ != (name in policy.open) or field.told.by == CREATION):
            yield f"it is the server's, so {name!r} is by=SERVER, or by=CLIENT and named in open=."
        if isinstance(policy, ClientWins) and open_ != (name in policy.group):
            yield f"{name!r} is by=CLIENT exactly if it is one of the action group."
    if isinstance(policy, LatestStatus) and policy.status in fields:
        yield from _status(policy, fields[policy.status])


def _status(policy: LatestStatus, status: Field) -> Iterator[str]:
    if not isinstance(status.type, Text) or set(status.type.one_of) != set(policy.order):
        yield f"the words of {policy.status!r} are not those of the policy's order."
    if not set(policy.closing) <= set(policy.order):
        yield "a closing status is missing in the policy's order."


def _values(kind: Kind, declaration: Declaration) -> Iterator[str]:
    for field in declaration.fields:
        told = field.told
        if told.default is None:
            if told.by == SERVER and not field.nullable and kind.access.create:
                yield f"{field.name!r} is the server's: a client's new row lacks it; let it be null or give a default."
            continue
        try:
            fits = field.type.check(told.default) == told.default
        except (Unfit, ValidationError):
            fits = False
        if not fits:
            yield f"the default of {field.name!r} is not a canonical value of its type."
