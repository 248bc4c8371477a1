"""Fixtures of the clinic's tests: a real Orthanc, and files to send through it.

Where Debian's programs are not, the tests that need one are skipped, and the line says how to get it. With
MEDTUTOR_NEEDS_CLINIC=1 that is an error instead.
"""

import os
import shutil

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from medtutor.clinic.orthanc import missing, orthanc


def lacks(reason):
    """Skips the test, or fails it where nothing may be missing."""
    if os.environ.get("MEDTUTOR_NEEDS_CLINIC") == "1":
        pytest.fail(f"MEDTUTOR_NEEDS_CLINIC=1, but {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def program():
    """A function: the path of a program such as "dciodvfy", or the test is skipped."""

    def find(name):
        # In a virtual environment pynetdicom's own storescu hides that of dcmtk.
        found = shutil.which(name, path="/usr/bin:/usr/local/bin") or shutil.which(name)
        return found or lacks(f"there is no {name}; get it with: apt-get install dicom3tools dcmtk tesseract-ocr")

    return find


@pytest.fixture(scope="session")
def archive():
    """A running `Orthanc`, on free ports of this machine, its files in a temporary folder; ended when all is over."""
    if lack := missing():
        lacks(lack)
    with orthanc() as running:
        yield running


@pytest.fixture
def fresh():
    """A running `Orthanc` that is empty, and this test's alone."""
    if lack := missing():
        lacks(lack)
    with orthanc() as running:
        yield running


def picture(name="CT_small.dcm", **values):
    """One of pydicom's own files under a new SOPInstanceUID, in a series and study of its own; with other values."""
    dataset = dcmread(get_testdata_file(name, download=False))
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
        setattr(dataset, keyword, generate_uid())
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset
