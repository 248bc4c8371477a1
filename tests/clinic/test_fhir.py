"""FHIR R4: what the models of fhir.resources let through is refused here; and every code is a published one."""

import copy
import json

import pytest
from fhir.resources.R4B.bundle import Bundle
from pydicom.data import get_testdata_file
from pydicom.sr._concepts_dict import concepts

import medtutor as mt
from medtutor.clinic import codes, process
from medtutor.clinic.codes import Code, of_class
from medtutor.clinic.fhir import problems
from medtutor.data import card
from medtutor.data.catalog import names

from .made import PLANTED, slice_of


@pytest.fixture(scope="module")
def made(xray):
    run, dataset = xray
    return process(run, slice_of(dataset.test.images[0, 0].numpy().astype("uint16"), modality="CR"))


def resource(bundle, kind, number=0):
    return [each["resource"] for each in bundle["entry"] if each["resource"]["resourceType"] == kind][number]


def test_a_bundle_holds_the_report_and_what_it_refers_to(made, xray):
    bundle = made.fhir
    kinds = [each["resource"]["resourceType"] for each in bundle["entry"]]
    assert kinds == ["DiagnosticReport", "ImagingStudy", "Observation", "Observation", "Device"]
    assert problems(bundle) == [] and json.loads(json.dumps(bundle)) == bundle
    study = resource(bundle, "ImagingStudy")
    uids = {each["uid"] for series in study["series"] for each in series["instance"]}
    assert uids == {made.reading.instances[0][0], *(str(each.SOPInstanceUID) for each in made.objects)}
    values = [resource(bundle, "Observation", n)["valueQuantity"]["value"] for n in (0, 1)]
    assert values == [each.value for each in made.measured]
    assert resource(bundle, "Device")["serialNumber"] in json.dumps(str(made.objects[0].DeviceSerialNumber))


def test_the_patient_is_a_number_and_no_name(made):
    said = json.dumps(made.fhir)
    assert "PLANTED-ID-4711" in said
    assert not any(name in said for name in PLANTED if name != "PLANTED-ID-4711")


def broken(bundle, change):
    bundle = copy.deepcopy(bundle)
    change(bundle)
    return bundle


def status(bundle):
    resource(bundle, "DiagnosticReport")["status"] = "finished"


def another_kind(bundle):
    device = next(each["fullUrl"] for each in bundle["entry"] if each["resource"]["resourceType"] == "Device")
    resource(bundle, "DiagnosticReport")["result"][0]["reference"] = device


def long_id(bundle):
    resource(bundle, "Device")["id"] = "a" * 65


def nowhere(bundle):
    resource(bundle, "DiagnosticReport")["imagingStudy"][0]["reference"] = "#nobody"


def wrong_type(bundle):
    resource(bundle, "ImagingStudy")["subject"]["type"] = "Practitioner"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (status, "status of a DiagnosticReport"),
        (another_kind, "another kind of resource than Observation"),
        (long_id, "id of a Device"),
        (nowhere, "leads nowhere"),
        (wrong_type, "another kind of resource than Patient"),
    ],
)
def test_what_the_models_accept_is_found(made, change, sentence):
    bad = broken(made.fhir, change)
    Bundle.model_validate(bad)  # the models say nothing
    assert any(sentence in each for each in problems(bad))
    assert not any(name in each for name in PLANTED for each in problems(bad))


def test_what_the_models_refuse_is_said_without_a_value(made):
    def no_status(bundle):
        del resource(bundle, "Observation")["status"]
        resource(bundle, "ImagingStudy")["numberOfSeries"] = "Plantedname"

    assert problems(broken(made.fhir, no_status))
    assert not any("Planted" in each for each in problems(broken(made.fhir, no_status)))


# --- codes ------------------------------------------------------------------------------


def all_codes():
    found = [each for each in vars(codes).values() if isinstance(each, Code)]
    return [*found, *codes.CLASSES.values()]


# Of SNOMED CT's Global Patient Set and UCUM; the rest stands in DICOM part 16, of which pydicom has a copy.
ELSEWHERE = {"233604007", "46621007", "8186001", "87433001"}


@pytest.mark.parametrize("code", all_codes(), ids=lambda code: code.meaning)
def test_every_code_is_published(code):
    known = {value for words in concepts[code.system].values() for value in words}
    assert code.value in known or code.value in ELSEWHERE
    assert code.fhir["system"].startswith("http") and len(code.meaning) <= 64
    assert code.dicom.meaning == code.meaning


def test_every_class_of_every_set_has_a_code():
    for name in names():
        for number in range(len(card(name).classes)):
            assert isinstance(of_class(card(name), number), Code)
    assert of_class(card("breastmnist"), 1) == codes.FINDING  # "normal, benign" is no one concept


def test_a_regression_says_a_number_with_its_unit():
    cine = card("cine_ejection")
    run = mt.Run(mt.build("lstm", cine, seed=0), cine, mt.Recipe(), "phantom", scale=(0.55, 0.08))
    found = process(run, get_testdata_file("examples_ybr_color.dcm", download=False))
    assert found.measured[0].unit.value == "%" and found.measured[0].finding.meaning == "Cardiac ejection fraction"
    assert resource(found.fhir, "Observation")["valueQuantity"]["code"] == "%"
    assert abs(found.measured[0].value - 100 * found.answers[0, 0]) < 1e-3  # the set has shares
    assert [each.Modality for each in found.objects] == ["SR", "OT"]
