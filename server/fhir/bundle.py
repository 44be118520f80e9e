"""The FHIR R4 Bundle of one patient as one viewer sees them: type collection, entries under their urn:uuid.

Pure: told rows in, one JSON value out, its amounts `Decimal`. Knows which resource is made of which rows; not what is
inside them, and nobody's rights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from server.fhir.administration import administration_resource
from server.fhir.patient import patient_resource
from server.fhir.request import request_id, request_resource
from server.fhir.statement import statement_resource
from server.fhir.terms import Json, Told, urn

Dosages = Callable[[Told], Sequence[Json]]
"""The dosageInstruction of a version's line."""


@dataclass(frozen=True, slots=True)
class Chart:
    """What one viewer sees of a patient, as told rows.

    `versions` and `lines` (medication lines) by id; `doses` were taken or skipped; `contacts` is None if the viewer may
    not see them.
    """

    patient: Told
    contacts: Told | None
    prescriptions: Sequence[Told]
    versions: Mapping[str, Told]
    lines: Mapping[str, Told]
    doses: Sequence[Told]


def bundle_of(chart: Chart, dosages: Dosages, now: str, zone: ZoneInfo) -> Json:
    """`now` is a canonical instant; `zone` the patient's, whose offset the dateTimes bear."""
    chart = _discreet(chart)
    requests = list(_requests(chart, dosages, zone))
    known = frozenset(request["id"] for request in requests)
    resources = [patient_resource(chart.patient, chart.contacts), *requests, *_statements(chart, known, now, zone),
                 *_administrations(chart, known, zone)]
    entries = [{"fullUrl": urn(resource["id"]), "resource": resource} for resource in resources]
    return {"resourceType": "Bundle", "type": "collection", "timestamp": now, "entry": entries}


def _discreet(chart: Chart) -> Chart:
    """From whom a medicine is hidden, all free words are: somebody may have named it in the note of another line."""
    if all(line["name"] is not None for line in (*chart.lines.values(), *_written(chart).values())):
        return chart
    versions = {id_: {**version, "lines": [{**line, "note": None} for line in version["lines"]]}
                for id_, version in chart.versions.items()}
    return replace(chart, versions=versions, doses=[{**dose, "note": None} for dose in chart.doses])


def _requests(chart: Chart, dosages: Dosages, zone: ZoneInfo) -> Iterator[Json]:
    for prescription in chart.prescriptions:
        version = chart.versions.get(prescription["current_version_id"] or "")
        for line in version["lines"] if version is not None else ():
            if version is not None:
                before = _before(chart.lines.get(line["line_id"]), version["id"])
                yield request_resource(prescription, version, line, dosages(line), before, zone)


def _before(line: Told | None, version_id: str) -> Told | None:
    """The line's last period under another version than this one, before it."""
    periods = line["schedule"] if line is not None else []
    earlier = [period for period in periods if period["version_id"] != version_id]
    return earlier[-1] if earlier else None


def _statements(chart: Chart, requests: frozenset[str], now: str, zone: ZoneInfo) -> Iterator[Json]:
    """Of every line that is or was in force; one that was only ever proposed is nothing the patient takes."""
    prescriptions = {prescription["id"]: prescription for prescription in chart.prescriptions}
    written = _written(chart)
    for line in chart.lines.values():
        prescription = prescriptions.get(line["prescription_id"])
        if prescription is not None and (line["id"] in written or line["schedule"]):
            id_ = request_id(prescription["current_version_id"] or "", line["id"])
            yield statement_resource(prescription, line, written.get(line["id"], line),
                                     id_ if id_ in requests else None, now, zone)


def _administrations(chart: Chart, requests: frozenset[str], zone: ZoneInfo) -> Iterator[Json]:
    written = _written(chart)
    for dose in chart.doses:
        line = written.get(dose["line_id"]) or chart.lines.get(dose["line_id"])
        if line is not None:
            yield administration_resource(dose, line, requests, zone)


def _written(chart: Chart) -> dict[str, Told]:
    """Lines of the versions in force by id: they bear the codes of the medicine, which medication lines do not."""
    return {line["line_id"]: line for version in chart.versions.values() for line in version["lines"]}
