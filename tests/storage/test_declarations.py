"""A faulty declaration stops the program at import with a sentence; a good one gives table, keys and engine's kind."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from datetime import datetime
from importlib import import_module
from types import new_class
from typing import Any, Literal
from uuid import UUID

import pytest
from sqlalchemy import MetaData, PrimaryKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped

import storage
from storage.catalogue import ENTITIES, KINDS, READABLE, entity_of, home_of, ranked, table_of
from storage.declaration import FaultyDeclarationError
from storage.declared import CREATION, SERVER, column, ref
from storage.entity import ENGINE_COLUMNS, Synced
from storage.migrations.declared_tables import METADATA
from storage.scope import OF_PATIENT
from sync.access import CARE, OWNERS, Access, Role, View
from sync.dose_policy import ClientWins
from sync.policy import AppendOnly, LatestPerField, LatestStatus, Policy, ServerOwned

WRITE = Access(CARE, create=OWNERS, change=OWNERS)


def declare(
    fields: dict[str, tuple[Any, Any]], *, doc: str = "A trial.", name: str = "Trial",
    indexes: tuple[tuple[str, ...], ...] = (), metadata: MetaData | None = None, **words: Any
) -> type[Synced]:
    """Declares a class as an author would; `fields` are name → (annotation, column)."""
    body = {
        "__doc__": doc, "__module__": __name__, "metadata": metadata or MetaData(), "__indexes__": indexes,
        "__annotations__": {key: annotation for key, (annotation, _) in fields.items()},
        **{key: told for key, (_, told) in fields.items()},
    }
    words = {"policy": LatestPerField(), "scope": OF_PATIENT, "access": WRITE, **words}
    made: type[Synced] = new_class(name, (Synced,), words, lambda space: space.update(body))
    return made


PATIENT = {"patient_id": (Mapped[UUID], column("the patient", by=CREATION))}
NOTE = {"note": (Mapped[str | None], column("a note"))}
Status = Literal["open", "closed"]


@pytest.mark.parametrize(("fields", "words", "sentence"), [
    (PATIENT, {"policy": "newest"}, "none of sync/policy.py"),
    (PATIENT, {"policy": ClientWins(group=("action", "at"))}, "merges by 'action', but has no such column"),
    (PATIENT, {"doc": ""}, "has no docstring"),
    ({}, {}, "its scope is told by 'patient_id', but there is no such column"),
    ({"patient_id": (Mapped[UUID], column("the patient"))}, {}, "its scope is told by 'patient_id', which clients may"),
    ({"patient_id": (Mapped[UUID | None], column("the patient", by=CREATION))}, {}, "which may be null"),
    (PATIENT, {"part": "prescription_id"}, "its part is told by 'prescription_id', but there is no such column"),
    (PATIENT | NOTE, {"day": "note"}, "its day is told by 'note', which clients may change"),
    (PATIENT | NOTE, {"line": "line_id"}, "its line is told by 'line_id', but there is no such column"),
    (PATIENT | {"note": (Mapped[str | None], column("a note", masked=True))}, {}, "nobody knows when"),
    (PATIENT | {"version": (Mapped[int], column("mine", default=1))}, {}, "'version' is a word of the engine"),
    (PATIENT | {"note": (Mapped[str | None], column(""))}, {}, "'note' has no sentence"),
    (PATIENT, {"access": Access(CARE, columns={"level": OWNERS})}, "its access speaks of 'level'"),
    (PATIENT, {"founds": "patient"}, "founds= and founder= belong together"),
    (PATIENT, {"founds": "clinic", "founder": lambda user, change: Role.PATIENT}, "founds 'clinic', which is none"),
    (PATIENT, {"deposits": ("user",)}, "deposits in 'user', which is none of its scopes"),
    (PATIENT | NOTE, {"policy": AppendOnly()}, "it is append-only, so 'note'"),
    (PATIENT | NOTE, {"policy": ServerOwned()}, "it is the server's, so 'note'"),
    (PATIENT | {"seen": (Mapped[bool], column("seen", by=SERVER))}, {}, "'seen' is the server's: a client's new row"),
    (PATIENT | {"seen": (Mapped[bool], column("seen", default="false"))}, {}, "the default of 'seen' is not a"),
    (PATIENT | {"at": (Mapped[datetime | None], column("when", default="2026-01-01T07:00:00+07:00"))}, {},
     "the default of 'at' is not a canonical"),
    (PATIENT | {"status": (Mapped[Status], column("where it stands")), "round": (Mapped[int], column("n", default=1))},
     {"policy": LatestStatus("status", "round", ("open", "closed", "gone"), ("gone",))}, "not those of the policy's"),
    (PATIENT | {"note": (str, column("a note"))}, {}, "note must be annotated Mapped"),
])
def test_a_faulty_declaration_is_refused_in_plain_words(
    fields: dict[str, tuple[Any, Any]], words: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(TypeError, match="Trial: ") as refused:
        declare(fields, **words)
    assert sentence in str(refused.value)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(FaultyDeclarationError) as refused:
        declare(NOTE, doc="", part="prescription_id")
    assert len(str(refused.value).splitlines()) == 3


def test_an_index_over_an_unknown_column_is_refused() -> None:
    with pytest.raises(FaultyDeclarationError, match="its index speaks of 'due_at'"):
        declare(PATIENT, indexes=(("due_at",),))


def test_two_entities_of_one_name_are_refused() -> None:
    with pytest.raises(FaultyDeclarationError, match="there is a table 'dose_event' already"):
        declare(PATIENT, name="DoseEvent", metadata=METADATA)


def test_a_parent_that_is_no_kind_and_a_circle_of_parents_are_refused() -> None:
    orphan = declare(PATIENT | {"line_id": (Mapped[UUID], ref("no_such_kind", "its line"))}, name="Orphan").kind
    with pytest.raises(FaultyDeclarationError, match="refers to 'no_such_kind', which is no kind"):
        ranked([orphan])
    hen = declare(PATIENT | {"egg_id": (Mapped[UUID], ref("egg", "its egg"))}, name="Hen").kind
    egg = declare(PATIENT | {"hen_id": (Mapped[UUID], ref("hen", "its hen"))}, name="Egg").kind
    with pytest.raises(FaultyDeclarationError, match="their own ancestors: egg, hen"):
        ranked([hen, egg])


def test_the_program_does_not_start_with_a_faulty_declaration() -> None:
    source = (
        "from storage.entity import Synced\nfrom storage.scope import OF_PATIENT\nfrom sync.access import *\n"
        "from sync.policy import AppendOnly\n"
        "class Broken(Synced, policy=AppendOnly(), scope=OF_PATIENT, access=Access(CARE)):\n    'Broken.'\n"
    )
    ended = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert "Broken: its scope is told by 'patient_id', but there is no such column." in ended.stderr


def test_parents_are_judged_before_children() -> None:
    for kind in KINDS.values():
        assert all(KINDS[parent].rank < kind.rank for parent in kind.parents.values())
    assert KINDS["dose_event"].parents == {"line_id": "medication_line"}


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.kind.name)
def test_system_columns_stand_first_after_the_home(entity: type[Synced]) -> None:
    names = [one.name for one in entity.table().c]
    home = entity.declaration.scope.home.column
    system = ["id", "version", "hlc", "deleted", "created_at", "changed_at", "changed_by", "extra", "memory"]
    assert names[:10] == [home, *system] if home != "id" else names[:9] == system
    assert set(system) == ENGINE_COLUMNS


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.kind.name)
def test_keys_of_clinical_tables_begin_with_the_patient(entity: type[Synced]) -> None:
    """DESIGN.md 6: so that the schema can be distributed by patient without a change of code."""
    home = entity.declaration.scope.home.column
    keys = [rule for rule in entity.table().constraints if isinstance(rule, PrimaryKeyConstraint | UniqueConstraint)]
    assert keys
    for key in keys:
        assert next(one.name for one in key.columns) == home
    for index in entity.table().indexes:
        assert index.columns[0].name == home


def test_the_catalogue_answers_for_every_kind() -> None:
    for name, kind in KINDS.items():
        assert table_of(name).name == entity_of(name).kind.name == kind.name == name
        assert isinstance(kind.policy, Policy)
    assert home_of("patient").column == "id"
    assert home_of("dose_event").column == "patient_id"
    with pytest.raises(KeyError):
        table_of("no_such_kind")


def test_a_stranger_reads_no_kind_and_relatives_read_no_settings() -> None:
    assert READABLE["stranger"] == ()
    assert "line_setting" not in READABLE["view"]
    assert "connection" not in READABLE["view+manage"]
    assert set(READABLE["patient"]) >= {"patient", "prescription", "dose_event", "line_setting"}


def test_scopes_follow_from_immutable_columns() -> None:
    scopes = KINDS["connection"].scopes_of("c1", {"patient_id": "p1", "other_id": "d1"})
    assert scopes == ("patient:p1", "user:d1")
    assert KINDS["patient"].scopes_of("p1", {}) == ("patient:p1",)
    assert KINDS["profile"].scopes_of("u1", {}) == ("user:u1",)


def test_hidden_lines_of_a_version_keep_nothing_that_tells_the_medicine() -> None:
    line = {"line_id": "L1", "row": 1, "name": "Sertraline", "note": "for the mood", "plan": {"segments": []},
            "brand": "an unknown member that a newer phone wrote"}
    other = {"line_id": "L2", "name": "Paracetamol"}
    masks = KINDS["prescription_version"].masks
    assert masks is not None
    hidden, shown = masks({"lines": [line, other]}, View(hidden=frozenset({"L1"})))["lines"]
    assert hidden["plan"] == {"segments": []}
    assert shown == other
    assert not any(word in str(hidden) for word in ("Sertraline", "mood", "unknown member"))


def test_every_module_that_declares_a_table_is_known_to_migrations() -> None:
    before = set(METADATA.tables)
    for module in pkgutil.walk_packages(storage.__path__, "storage."):
        if not module.name.startswith(("storage.migrations.env", "storage.migrations.versions")):
            import_module(module.name)
    assert set(METADATA.tables) == before
