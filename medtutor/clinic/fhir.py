"""FHIR R4: what a model said as a Bundle of DiagnosticReport, ImagingStudy, Observations and Device.

The models of fhir.resources check names and types but accept a status that is none, a reference to another kind of
resource, one that leads nowhere, and an id of 65 letters: `problems` looks for those. R4 and R4B agree in all that is
written here.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from ..errors import InputError
from .codes import AI, IMAGING_REPORT, Code
from .measured import Measured
from .readings import Reading
from .uids import uid_of
from .writing import MAKER, NOT_CLINICAL, Author

STATUS = {  # of R4's required value sets
    "DiagnosticReport": "registered partial preliminary final amended corrected appended cancelled entered-in-error"
    " unknown",
    "Observation": "registered preliminary final amended corrected cancelled entered-in-error unknown",
    "ImagingStudy": "registered available cancelled entered-in-error unknown",
    "Device": "active inactive entered-in-error unknown",
}
# What a reference may lead to, by resource and element.
TARGETS = {
    ("DiagnosticReport", "result"): ("Observation",),
    ("DiagnosticReport", "imagingStudy"): ("ImagingStudy",),
    ("DiagnosticReport", "subject"): ("Patient", "Group", "Device", "Location"),
    ("Observation", "subject"): ("Patient", "Group", "Device", "Location"),
    ("Observation", "device"): ("Device", "DeviceMetric"),
    ("Observation", "derivedFrom"): ("DocumentReference", "ImagingStudy", "Media", "Observation"),
    ("ImagingStudy", "subject"): ("Patient", "Device", "Group"),
    ("DiagnosticReport", "performer"): ("Practitioner", "PractitionerRole", "Organization", "CareTeam"),
}
ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
UIDS = "urn:dicom:uid"
TAG = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST", "display": "test health data"}


def bundle(reading: Reading, measured: Sequence[Measured], author: Author, objects: Sequence[Any] = ()) -> dict:
    """A Bundle of type "collection", as JSON's values.

    measured  what the model said
    objects   the DICOM objects that were written about it, which the ImagingStudy lists

    Raises `InputError` where fhir.resources is not installed, and where the result is no FHIR.
    """
    source = reading.sources[0] if reading.sources else None
    who = _subject(source)
    names = {kind: _name(kind, reading, author) for kind in ("DiagnosticReport", "ImagingStudy", "Device")}
    observations = [_observation(each, n, reading, author, who, names) for n, each in enumerate(measured)]
    text = "; ".join([NOT_CLINICAL, *(str(each) for each in measured[:20])])
    report = {
        "resourceType": "DiagnosticReport",
        **_head(names["DiagnosticReport"]),
        "text": _narrative([*author.words, *(str(each) for each in measured[:20])]),
        "status": "preliminary",  # nobody has looked at it
        "category": [{"coding": [_coded("http://terminology.hl7.org/CodeSystem/v2-0074", "RAD", "Radiology")]}],
        "code": _concept(IMAGING_REPORT),
        **who,
        "result": [{"reference": f"urn:uuid:{each['id']}"} for each in observations],
        "conclusion": text,
    }
    resources = [report, *observations, _device(names["Device"], author)]
    if source is not None:
        report["imagingStudy"] = [{"reference": f"urn:uuid:{names['ImagingStudy']}"}]
        resources.insert(1, _study(source, reading, names["ImagingStudy"], who, objects))
    made = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": f"urn:uuid:{each['id']}", "resource": each} for each in resources],
    }
    wrong = problems(made)
    if wrong:
        raise InputError(f"the FHIR Bundle is not valid: {wrong[0]}")
    return made


def _name(kind, reading, author, *more):
    """A UUID of a resource, always the same of the same."""
    from uuid import UUID

    instances = [uid for uid, _ in reading.instances] or [str(hash_of(reading))]
    return str(UUID(int=int(uid_of("fhir", kind, author.hash, *instances, *more).removeprefix("2.25."))))


def hash_of(reading: Reading) -> str:
    """SHA-256 of a reading's pixels: the name of what has no UID."""
    import hashlib

    return hashlib.sha256(reading.frames.tobytes()).hexdigest()


def _head(name):
    return {"id": name, "meta": {"security": [TAG]}}


def _coded(system, code, display):
    return {"system": system, "code": code, "display": display}


def _concept(code: Code, text: str | None = None):
    return {"coding": [code.fhir], **({"text": text} if text else {})}


def _narrative(lines):
    from html import escape

    rows = "".join(f"<p>{escape(line)}</p>" for line in lines)
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{rows}</div>'}


def _subject(source):
    """The patient, by number and not by name; the receiver knows whose it is."""
    value = _plain(source.get("PatientID")) if source is not None else ""
    if value:
        return {"subject": {"type": "Patient", "identifier": {"value": value}}}
    return {"subject": {"type": "Patient", "display": "not named by the file"}}


def _plain(value):
    """A value of a DICOM file as FHIR's text: without control characters."""
    return "".join(letter for letter in str(value or "") if letter.isprintable()).strip()


def _observation(each, number, reading, author, who, names):
    made = {
        "resourceType": "Observation",
        **_head(_name("Observation", reading, author, str(number), each.title)),
        "status": "preliminary",
        "category": [
            {"coding": [_coded("http://terminology.hl7.org/CodeSystem/observation-category", "imaging", "Imaging")]}
        ],
        "code": _concept(each.what, f"{each.what.meaning} of {each.title}"),
        **who,
        "valueQuantity": {
            "value": each.value,
            "unit": each.unit.meaning,
            "system": "http://unitsofmeasure.org",
            "code": each.unit.value,
        },
        "method": _concept(AI),
        "device": {"reference": f"urn:uuid:{names['Device']}"},
        "component": [{"code": _concept(FINDING_OF), "valueCodeableConcept": _concept(each.finding, each.name)}],
        "note": [{"text": NOT_CLINICAL}],
    }
    if reading.sources:
        made["derivedFrom"] = [{"reference": f"urn:uuid:{names['ImagingStudy']}"}]
    return made


FINDING_OF = Code("121071", "DCM", "Finding")


def _device(name, author):
    return {
        "resourceType": "Device",
        **_head(name),
        "status": "active",
        "manufacturer": MAKER,
        "deviceName": [{"name": f"{MAKER} {author.model}", "type": "model-name"}],
        "modelNumber": f"{author.model} on {author.title}",
        "serialNumber": author.hash[:32],
        "version": [{"value": author.version}],
        "note": [{"text": line} for line in author.words],
    }


def _study(source, reading, name, who, objects):
    """The source's series, and those of the objects that were written about it."""
    series: dict[str, dict] = {}
    for each in [*reading.sources, *objects]:
        uid = str(each.SeriesInstanceUID)
        kind = _coded("http://dicom.nema.org/resources/ontology/DCM", _plain(each.get("Modality")) or "OT", None)
        kind = {key: value for key, value in kind.items() if value}
        row = series.setdefault(uid, {"uid": uid, "modality": kind, "instance": []})
        sop = {"system": "urn:ietf:rfc:3986", "code": f"urn:oid:{each.SOPClassUID}"}
        row["instance"].append({"uid": str(each.SOPInstanceUID), "sopClass": sop})
    for row in series.values():
        row["numberOfInstances"] = len(row["instance"])
    return {
        "resourceType": "ImagingStudy",
        **_head(name),
        "identifier": [{"system": UIDS, "value": f"urn:oid:{source.StudyInstanceUID}"}],
        "status": "available",
        **who,
        "numberOfSeries": len(series),
        "numberOfInstances": sum(len(row["instance"]) for row in series.values()),
        "series": list(series.values()),
        "note": [{"text": NOT_CLINICAL}],
    }


# --- what the models let through -----------------------------------------------------------------


def problems(made: dict) -> list[str]:
    """What is wrong with a Bundle of ours, as sentences that hold no value of it; [] of a right one.

    >>> problems({"resourceType": "Bundle", "type": "collection", "entry": []})
    []
    """
    found = [*_of_models(made)]
    kinds = {each.get("fullUrl"): each["resource"]["resourceType"] for each in made.get("entry", ())}
    for entry in made.get("entry", ()):
        resource = entry["resource"]
        kind = resource["resourceType"]
        if resource.get("status") not in STATUS.get(kind, "").split():
            found.append(f"the status of a {kind} is none that R4 knows")
        if not ID.fullmatch(str(resource.get("id"))):
            found.append(f"the id of a {kind} is not 1 to 64 letters, digits, points and dashes")
        for element, reference in _references(resource):
            target, leads = reference.get("reference"), TARGETS.get((kind, element), ())
            reached = kinds.get(target) if target else reference.get("type")
            if target and target not in kinds:
                found.append(f"a reference of {kind}.{element} leads nowhere")
            elif leads and reached not in leads:
                found.append(f"{kind}.{element} refers to another kind of resource than {' or '.join(leads)}")
    return found


def _references(resource, within=None) -> Iterator[tuple[str, dict]]:
    """(element of the resource, reference) of all references in it."""
    for name, value in resource.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                if "reference" in each or ("type" in each and "identifier" in each):
                    yield within or name, each
                else:
                    yield from _references(each, within or name)


def _of_models(made):
    try:
        from fhir.resources.R4B.bundle import Bundle
    except ImportError:
        raise InputError("FHIR needs fhir.resources; install it with: pip install medtutor[clinic]") from None
    try:
        read = Bundle.model_validate(made)
    except ValueError as error:  # pydantic's, whose words hold values
        return [f"{'.'.join(map(str, each['loc']))}: {each['type']}" for each in error.errors()]
    back = json.loads(read.model_dump_json(exclude_none=True))
    return [] if back.get("entry", []) == json.loads(json.dumps(made))["entry"] else ["its models read it otherwise"]
